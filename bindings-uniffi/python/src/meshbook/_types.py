"""Orders, trades and the book as plain values, which can't be changed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timezone
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    import pandas


class Record:
    """What all values here have in common. Slots are written out, since Python 3.9 doesn't."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        # The usual way sets attributes, which a frozen class refuses.
        return type(self), tuple(getattr(self, field.name) for field in fields(self))  # type: ignore[arg-type]


class _Word(str, Enum):
    """A word that is equal to its text."""

    # Said once more for type checkers, which else take the comparison for a mistake.
    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other)

    __hash__ = str.__hash__

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, spec: str) -> str:
        return format(str(self.value), spec)


class Side(_Word):
    """Bid or ask."""

    BUY = "buy"
    SELL = "sell"


class OrderType(_Word):
    """At which price an order trades."""

    LIMIT = "limit"
    """At its price or a better one."""
    MARKET = "market"
    """At any price that the node's limits allow; never rests."""


class TimeInForce(_Word):
    """How long an order stands."""

    GTC = "gtc"
    """Until it is filled, cancelled or expired."""
    IOC = "ioc"
    """What can't be filled at once is cancelled."""
    FOK = "fok"
    """Filled completely at once, or not at all."""
    POST = "post"
    """Refused if it would take: it only makes."""


class OrderStatus(_Word):
    """How far an order has come."""

    PENDING = "pending"
    """Open, nothing filled yet."""
    PARTIAL = "partial"
    """Open, partly filled."""
    FILLED = "filled"
    """Filled completely."""
    CANCELLED = "cancelled"
    """Closed before it was filled completely: by its user, by its time in force, or expired."""


class OwnSide(_Word):
    """Which side of a trade was this node's own."""

    BUY = "buy"
    SELL = "sell"
    BOTH = "both"


def time_of(timestamp: int) -> datetime:
    """The time, aware and in UTC, of milliseconds since 1970."""
    seconds, millis = divmod(timestamp, 1000)
    return datetime.fromtimestamp(seconds, timezone.utc).replace(microsecond=millis * 1000)


@dataclass(frozen=True)
class Order(Record):
    """An order as its user sees it."""

    __slots__ = (
        "amount",
        "filled",
        "id",
        "pair",
        "price",
        "side",
        "status",
        "timestamp",
        "user_id",
    )

    id: str
    """32 hex digits; the same on all nodes."""
    user_id: str
    """The label of the user who placed it."""
    side: Side
    """Bid or ask."""
    amount: Decimal
    """The whole amount, filled or not."""
    filled: Decimal
    """The part of `amount` that is filled."""
    price: Optional[Decimal]
    """The limit; `None` for a market order, which has none."""
    status: OrderStatus
    """How far it has come."""
    timestamp: int
    """When it was placed, in milliseconds since 1970."""
    pair: str
    """What it trades."""

    @property
    def open(self) -> Decimal:
        """The part of `amount` that can still be filled: 0 for a closed order."""
        if self.status in (OrderStatus.PENDING, OrderStatus.PARTIAL):
            return self.amount - self.filled
        return Decimal(0)

    @property
    def time(self) -> datetime:
        """When it was placed (UTC)."""
        return time_of(self.timestamp)


@dataclass(frozen=True)
class Trade(Record):
    """A trade. Both owners and everybody else see the same."""

    __slots__ = (
        "amount",
        "buy_order_id",
        "id",
        "price",
        "sell_order_id",
        "taker_side",
        "timestamp",
        "unsigned",
    )

    id: str
    """64 hex digits; the same on all nodes."""
    buy_order_id: str
    """The bid."""
    sell_order_id: str
    """The ask."""
    amount: Decimal
    """What changed hands."""
    price: Decimal
    """The maker's price."""
    timestamp: int
    """When the maker filled it, in milliseconds since 1970."""
    taker_side: Side
    """The side of the order that took."""
    unsigned: bool
    """Traded with an order that nobody signed (option `legacy="match"`)."""

    @property
    def time(self) -> datetime:
        """When the maker filled it (UTC)."""
        return time_of(self.timestamp)


@dataclass(frozen=True)
class PastTrade(Record):
    """A trade out of the journal, and what only its node knows of it."""

    __slots__ = ("own_side", "pair", "trade")

    trade: Trade
    """The trade."""
    pair: str
    """What was traded."""
    own_side: Optional[OwnSide]
    """The side of this node's own order in it, if one was."""


class Trades(list[Trade]):
    """A list of trades that can become a table."""

    def to_pandas(self) -> pandas.DataFrame:
        """One row a trade, in the order of the list. Amounts and prices stay exact `Decimal`s:
        `.astype(float)` makes numbers of them, for a picture say.

        Raises ImportError where pandas is not installed.
        """
        from ._frames import trades_frame

        return trades_frame(self)


@dataclass(frozen=True)
class Level(Record):
    """One price of the book."""

    __slots__ = ("amount", "count", "price", "unsigned")

    price: Decimal
    """The price."""
    amount: Decimal
    """What is open at this price, over all orders."""
    count: int
    """How many orders stand at this price."""
    unsigned: Decimal
    """The part of `amount` that nobody signed (option `legacy="match"`)."""


@dataclass(frozen=True)
class BookSnapshot(Record):
    """The best levels of the book at one moment."""

    __slots__ = ("asks", "bids", "pair", "timestamp")

    pair: str
    """What is traded."""
    timestamp: int
    """When it was taken, in milliseconds since 1970."""
    bids: tuple[Level, ...]
    """Highest price first."""
    asks: tuple[Level, ...]
    """Lowest price first."""

    @property
    def best_bid(self) -> Optional[Decimal]:
        """The highest bid, if there is one."""
        return self.bids[0].price if self.bids else None

    @property
    def best_ask(self) -> Optional[Decimal]:
        """The lowest ask, if there is one."""
        return self.asks[0].price if self.asks else None

    @property
    def spread(self) -> Optional[Decimal]:
        """The lowest ask less the highest bid, if there are both."""
        return self.asks[0].price - self.bids[0].price if self.bids and self.asks else None

    @property
    def time(self) -> datetime:
        """When it was taken (UTC)."""
        return time_of(self.timestamp)

    def to_pandas(self) -> pandas.DataFrame:
        """One row a level, from the highest price to the lowest. Amounts and prices stay exact
        `Decimal`s: `.astype(float)` makes numbers of them, for a picture say.

        Raises ImportError where pandas is not installed.
        """
        from ._frames import book_frame

        return book_frame(self)


@dataclass(frozen=True)
class Distribution(Record):
    """To whom an order went at once. More peers get it from those."""

    __slots__ = ("distributed_to", "failed_to", "success")

    success: bool
    """Whether it went to at least one peer, or had no need to."""
    distributed_to: tuple[str, ...]
    """Ids of the peers that it was sent to."""
    failed_to: tuple[str, ...]
    """Ids of connected peers whose queue was full."""


@dataclass(frozen=True)
class OrderResult(Record):
    """What became of a new order by the time that it was filled, closed or published."""

    __slots__ = ("distribution", "order_id", "remaining_order", "trades")

    order_id: str
    """The order's id."""
    trades: Trades
    """Its confirmed trades so far, oldest first."""
    remaining_order: Optional[Order]
    """The order, if a part of it is still open."""
    distribution: Distribution
    """To whom it went."""

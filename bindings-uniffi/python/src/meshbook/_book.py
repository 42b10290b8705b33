"""An order book that works on its own."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Optional, Union

from . import _convert as convert
from . import _native as native
from ._decimal import DecimalLike, decimal_text, maybe_decimal
from ._errors import translated
from ._handles import INSTEAD_OF_BOOK, Uncopyable
from ._numbers import count
from ._types import BookSnapshot, Order, Record, Side, Trades
from ._words import side_of, text_of


@dataclass(frozen=True)
class BookResult(Record):
    """What became of an order in an `OrderBook`."""

    __slots__ = ("order_id", "remaining_order", "trades")

    order_id: str
    """Its id."""
    trades: Trades
    """Its trades, in the order in which they happened."""
    remaining_order: Optional[Order]
    """The order, if a part of it is still open."""


@dataclass(frozen=True)
class BestPrices(Record):
    """The top of a book."""

    __slots__ = ("ask", "bid", "spread")

    bid: Optional[Decimal]
    """The highest bid."""
    ask: Optional[Decimal]
    """The lowest ask."""
    spread: Optional[Decimal]
    """The lowest ask less the highest bid."""


@dataclass(frozen=True)
class BookMetrics(Record):
    """What a book has done so far. Latencies are those of taking an order, in microseconds."""

    __slots__ = (
        "average_latency",
        "buy_levels",
        "max_latency",
        "min_latency",
        "order_count",
        "sell_levels",
        "total_orders",
        "total_trades",
        "trade_count",
    )

    total_orders: int
    """Orders that were ever taken."""
    total_trades: int
    """Trades that ever happened."""
    average_latency: float
    max_latency: float
    min_latency: float
    order_count: int
    """Open orders."""
    trade_count: int
    """Trades that are remembered."""
    buy_levels: int
    """Prices with bids."""
    sell_levels: int
    """Prices with asks."""


class OrderBook(Uncopyable, instead=INSTEAD_OF_BOOK):
    """An order book with price-time priority; a trade has the resting order's price.

    It is apart from every node, and may be used from several threads, in the process that made it:
    it can't be copied, pickled or used after a fork. It holds at most 1000000 open orders, and
    remembers the last 10000 closed ones and the last 10000 trades.

        book = OrderBook("BTC/USD")
        book.add_order("ann", "sell", "1", "50000")
        book.add_order("bob", "buy", "0.4", "50100").trades   # one, at 50000
    """

    def __init__(
        self,
        pair: str = "BTC/USD",
        *,
        max_amount: DecimalLike = 1_000_000,
        max_price: DecimalLike = 1_000_000,
    ) -> None:
        """Raises InvalidOptionError for what is not allowed."""
        amount = decimal_text(max_amount, "max_amount")
        price = decimal_text(max_price, "max_price")
        with translated:
            self._book = native.OrderBook(text_of(pair, "pair"), amount, price)

    @property
    def pair(self) -> str:
        """What it trades."""
        return self._book.pair()

    @property
    def order_count(self) -> int:
        """How many orders are open."""
        return self._book.metrics().order_count

    @property
    def trade_count(self) -> int:
        """How many trades are remembered."""
        return self._book.metrics().trade_count

    def add_order(
        self,
        user_id: str,
        side: Union[Side, str],
        amount: DecimalLike,
        price: DecimalLike,
        *,
        pair: Optional[str] = None,
    ) -> BookResult:
        """Takes an order in: it trades with the other side, and what is left of it rests.

        Raises InvalidOrderError for a value that is not allowed and OrderRefusedError in a full
        book; nothing has changed then.
        """
        order = native.BookOrder(
            user_id=text_of(user_id, "user_id"),
            side=convert.native_side(side_of(side)),
            amount=decimal_text(amount, "amount"),
            price=decimal_text(price, "price"),
            pair=None if pair is None else text_of(pair, "pair"),
        )
        with translated:
            result = self._book.add_order(order)
        trades = convert.trades(result.trades)
        return BookResult(result.order_id, trades, convert.maybe_order(result.remaining_order))

    def cancel_order(self, order_id: str) -> bool:
        """Cancels an open order. False if it is closed already, or not in this book."""
        with translated:
            return self._book.cancel_order(text_of(order_id, "order_id"))

    def order(self, order_id: str) -> Optional[Order]:
        """An order, open or remembered."""
        with translated:
            return convert.maybe_order(self._book.order(text_of(order_id, "order_id")))

    def order_book(self, depth: int = 10) -> BookSnapshot:
        """The best `depth` levels of each side."""
        return convert.book(self._book.book(count(depth, "depth")))

    def trades(self, limit: int = 50) -> Trades:
        """The latest trades, newest first."""
        return convert.trades(self._book.trades(count(limit, "limit")))

    def user_orders(self, user_id: str) -> list[Order]:
        """A user's open orders, newest first."""
        with translated:
            return [
                convert.order(order)
                for order in self._book.user_orders(text_of(user_id, "user_id"))
            ]

    def best_prices(self) -> BestPrices:
        """The best price of each side, and the spread."""
        book = self.order_book(1)
        return BestPrices(book.best_bid, book.best_ask, book.spread)

    def spread(self) -> Optional[Decimal]:
        """The lowest ask less the highest bid, if there are both."""
        return maybe_decimal(self._book.spread())

    def metrics(self) -> BookMetrics:
        """What the book has done so far."""
        that = self._book.metrics()
        return BookMetrics(
            that.total_orders,
            that.total_trades,
            that.average_latency / 1000,
            that.max_latency / 1000,
            that.min_latency / 1000,
            that.order_count,
            that.trade_count,
            that.buy_levels,
            that.sell_levels,
        )

    def __repr__(self) -> str:
        best = self.best_prices()
        return f"<OrderBook {self.pair} {best.bid}/{best.ask}, {self.order_count} orders>"

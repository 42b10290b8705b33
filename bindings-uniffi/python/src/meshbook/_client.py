"""The client: a node of the exchange, for asyncio."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional, Union

from . import _convert as convert
from . import _life as life
from . import _logs as logs
from . import _native as native
from ._decimal import DecimalLike, decimal_text
from ._errors import InvalidOrderError, translated
from ._events import EventStream
from ._handles import INSTEAD_OF_CLIENT, Uncopyable
from ._numbers import count, lifetime_of, millis_of
from ._options import Options, node_options
from ._stats import P2pStats, Peer
from ._types import (
    BookSnapshot,
    Order,
    OrderResult,
    OrderType,
    PastTrade,
    Side,
    TimeInForce,
    Trades,
)
from ._words import order_type_of, side_of, text_of, time_in_force_of

if TYPE_CHECKING:
    if sys.version_info >= (3, 11):
        from typing import Self, Unpack
    else:
        from typing_extensions import Self, Unpack

#: How many trades of the journal are read at once: few enough to keep the loop free.
_PAGE = 100


class ExchangeClient(Uncopyable, instead=INSTEAD_OF_CLIENT):
    """A node of the exchange.

        async with ExchangeClient(pair="BTC/USD", port=3000) as node:
            await node.place_buy_order("0.5", "50000")

    It runs on threads of its own; a call that waits never blocks the event loop, and reads answer
    at once. A client is opened and closed once. One that is forgotten is closed at the end of the
    process. It lives in the process that made it: it can't be copied, pickled or used after a fork.
    """

    def __init__(self, **options: Unpack[Options]) -> None:
        """Takes the options of `meshbook.Options`; does nothing else yet.

        Raises InvalidOptionError for a value that is not allowed, TypeError for an option that is
        none or has a value of a wrong type, ForkedError in a process that was forked from one
        with a client.
        """
        self._logs: Optional[logs.Share] = None
        settings = node_options(options)
        with translated:
            self._node = native.Node(settings)
        self._text = f"<ExchangeClient {self._node.pair()} as {self._node.user_id()}>"
        names = ("MESHBOOK_LOG_LEVEL", "LOG_LEVEL")
        if options.get("log_level") or any(map(os.environ.get, names)):
            logs.set_level(self._node.settings()["LOG_LEVEL"])

    async def open(self) -> None:
        """Takes the data directory, listens, and begins to look for peers. Once it is done further
        calls do nothing. Peers that can't be reached are no failure.

        Raises AddressInUseError where somebody listens on the port already, StartError and
        StorageError for other reasons; it may be tried again then. Cancelled, it leaves nothing
        running.
        """
        if self.is_open:  # Which fails in a forked process, before anything is taken.
            return
        self._begin()
        try:
            with translated:
                await self._node.open()
        except asyncio.CancelledError:
            # It may have come when the node was open already, and nobody knows that.
            if self.is_open:
                with translated:
                    await self._node.close()
            raise
        finally:
            self._settle()

    async def close(self) -> None:
        """Says goodbye to the peers, saves them, and ends everything that runs, within 6 s. Calls
        that wait end with NotRunningError, and streams of events end. What the node knew can
        still be read. Further calls do nothing.

        Cancelled, it goes on.
        """
        with translated:
            await self._node.close()
        self._settle()

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self.close()

    async def place_buy_order(
        self,
        amount: DecimalLike,
        price: DecimalLike,
        *,
        time_in_force: Union[TimeInForce, str] = TimeInForce.GTC,
        user_id: Optional[str] = None,
        lifetime: Optional[Union[timedelta, int]] = None,
    ) -> OrderResult:
        """Places a limit order to buy; see `place_order`."""
        return await self.place_order(
            Side.BUY,
            amount,
            price,
            time_in_force=time_in_force,
            user_id=user_id,
            lifetime=lifetime,
        )

    async def place_sell_order(
        self,
        amount: DecimalLike,
        price: DecimalLike,
        *,
        time_in_force: Union[TimeInForce, str] = TimeInForce.GTC,
        user_id: Optional[str] = None,
        lifetime: Optional[Union[timedelta, int]] = None,
    ) -> OrderResult:
        """Places a limit order to sell; see `place_order`."""
        return await self.place_order(
            Side.SELL,
            amount,
            price,
            time_in_force=time_in_force,
            user_id=user_id,
            lifetime=lifetime,
        )

    async def place_order(
        self,
        side: Union[Side, str],
        amount: DecimalLike,
        price: Optional[DecimalLike] = None,
        *,
        type: Union[OrderType, str] = OrderType.LIMIT,
        time_in_force: Optional[Union[TimeInForce, str]] = None,
        user_id: Optional[str] = None,
        lifetime: Optional[Union[timedelta, int]] = None,
    ) -> OrderResult:
        """Places an order, and answers when it is filled, closed or published, within about 5 s.
        What becomes of it later is told by `events`.

        A limit order needs a price, and stands `gtc` unless said otherwise; a market order takes
        none, and is `ioc`. `lifetime` is how long it stands at most, a number in seconds; 30 days
        where absent.

        Raises InvalidOrderError for a value that is not allowed, OrderRefusedError where the order
        is refused all the same, StorageError where nothing can be kept; nothing was placed then.
        NotRunningError may also come for an order that was placed, if the client is closed
        meanwhile: a node that keeps nothing closes it, and one with a `data_dir` goes on with it
        after its next start.

        Cancelling the task ends the call, and leaves the order if it was placed by then: it is in
        `orders()`.
        """
        kind = order_type_of(type)
        kinds: Any = native.OrderKind
        given = side_of(side)
        if kind is OrderType.LIMIT:
            if price is None:
                raise _wrong("price", "None", "a decimal: only a market order has no price")
            at = kinds.LIMIT(decimal_text(price, "price"))
            stands = TimeInForce.GTC
        else:
            if price is not None:
                raise _wrong("price", str(price), "none for a market order")
            at = kinds.MARKET()
            stands = TimeInForce.IOC
        if time_in_force is not None:
            stands = time_in_force_of(time_in_force)
        order = native.NewOrder(
            side=convert.native_side(given),
            amount=decimal_text(amount, "amount"),
            kind=at,
            time_in_force=convert.native_time_in_force(stands),
            user_id=None if user_id is None else text_of(user_id, "user_id"),
            lifetime=lifetime_of(lifetime, "lifetime"),
        )
        with translated:
            return convert.order_result(await self._node.place(order))

    def cancel_order(self, order_id: str) -> bool:
        """Cancels an own order, which can't be taken from that moment on. False if it is closed
        already, or no order of this node."""
        with translated:
            return self._node.cancel(text_of(order_id, "order_id"))

    def order_book(self, depth: int = 10) -> BookSnapshot:
        """The best `depth` levels of each side."""
        with translated:
            return convert.book(self._node.book(count(depth, "depth")))

    def orders(self) -> list[Order]:
        """This node's open orders, newest first."""
        with translated:
            return [convert.order(order) for order in self._node.orders()]

    def order(self, order_id: str) -> Optional[Order]:
        """One of this node's orders, open or remembered."""
        with translated:
            return convert.maybe_order(self._node.order(text_of(order_id, "order_id")))

    def order_history(self) -> list[Order]:
        """All of this node's orders that it remembers, newest first: the open ones, and at most
        10000 closed ones."""
        with translated:
            return [convert.order(order) for order in self._node.order_history()]

    def trades(self, limit: int = 50) -> Trades:
        """The latest trades of the pair, anybody's, newest first."""
        with translated:
            return convert.trades(self._node.trades(count(limit, "limit")))

    def trade_history(self) -> Trades:
        """All trades of the pair that the node has in memory, newest first. `history` reads
        beyond them."""
        with translated:
            return convert.trades(self._node.trade_history())

    async def history(
        self,
        *,
        since: Union[datetime, int] = 0,
        until: Optional[Union[datetime, int]] = None,
        own: bool = False,
        newest_first: bool = False,
    ) -> AsyncIterator[PastTrade]:
        """All trades that the node keeps, out of its journal, page by page, oldest first; with
        `own` only those of its own orders. `since` is included and `until` is not; both are
        times with a time zone, or milliseconds since 1970.

        Raises OrderRefusedError with the code `NO_JOURNAL` for a node that keeps nothing.
        """
        at: Optional[str] = None
        while True:
            query = native.HistoryQuery(
                since=millis_of(since, "since"),
                until=None if until is None else millis_of(until, "until"),
                own=own,
                newest_first=newest_first,
                at=at,
                limit=_PAGE,
            )
            with translated:
                page = await self._node.history(query)
            for trade in page.trades:
                yield convert.past_trade(trade)
            at = page.next
            if at is None:
                return

    def peers(self) -> list[Peer]:
        """Every known peer, connected ones first."""
        with translated:
            return [convert.peer(peer) for peer in self._node.peers()]

    def discover(self) -> None:
        """Looks for peers now instead of when it is time again. Returns at once."""
        with translated:
            self._node.discover()

    def p2p_stats(self) -> P2pStats:
        """Figures of connections, discovery and queues."""
        with translated:
            return convert.p2p_stats(self._node.stats())

    def counters(self) -> dict[str, int]:
        """Why things were refused, ignored or dropped: one number a reason."""
        with translated:
            return dict(sorted(self._node.counters().items()))

    def events(self) -> EventStream:
        """The events from now on, to be read by `async for`. They may be asked for before `open`,
        to miss none. Who is more than 1024 behind gets a LaggedEvent in place of what it lost."""
        with translated:
            return EventStream(self._node.events())

    @property
    def node_id(self) -> Optional[str]:
        """This node's id, 64 hex digits; None before `open`."""
        with translated:
            return self._node.node_id()

    @property
    def address(self) -> Optional[str]:
        """Where it listens for peers, as `host:port`; None while it doesn't."""
        with translated:
            return self._node.p2p_address()

    @property
    def port(self) -> int:
        """The port that it listens on; before `open` the one that it is to listen on."""
        return self.p2p_stats().direct_connection.port

    @property
    def is_open(self) -> bool:
        """Whether it is open."""
        with translated:
            return self._node.is_open()

    @property
    def data_dir(self) -> Optional[str]:
        """The folder in which it keeps its key, its orders and its peers; None if it keeps
        nothing."""
        return self._node.data_dir()

    @property
    def pair(self) -> str:
        """What it trades."""
        return self._node.pair()

    @property
    def user_id(self) -> str:
        """The user of orders that name none."""
        return self._node.user_id()

    @property
    def settings(self) -> dict[str, str]:
        """All settings that it has, by the names of their environment variables."""
        return dict(sorted(self._node.settings().items()))

    def __repr__(self) -> str:
        # Without a look at the node: this has to work everywhere, in a forked process too.
        return self._text

    def _begin(self) -> None:
        life.opened(self._node)
        if self._logs is None:
            self._logs = logs.acquire(self._node)

    def _settle(self) -> None:
        """Gives back what an open client has, unless it is open."""
        share = self._logs
        if self.is_open:
            if share is not None:
                share.is_opening = False
            return
        life.closed(self._node)
        if share is not None:
            self._logs = None
            logs.release(share)


def _wrong(field: str, value: str, allowed: str) -> InvalidOrderError:
    message = f'{field} "{value}" is not allowed: {allowed}'
    return InvalidOrderError(message, "INVALID_ORDER", field, value, allowed)

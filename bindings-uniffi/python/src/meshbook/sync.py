"""The same client for scripts and notebooks without asyncio: calls wait.

    from meshbook.sync import ExchangeClient

    with ExchangeClient(pair="BTC/USD", port=3000) as node:
        print(node.place_sell_order("1.5", "50000").order_id)
        for event in node.events(timeout=5):
            print(event)

It works where an event loop runs already, as in a notebook; Ctrl-C ends a call that waits.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import Future
from datetime import datetime, timedelta
from types import TracebackType
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Optional,
    TypeVar,
    Union,
)

from ._client import ExchangeClient as AsyncClient
from ._decimal import DecimalLike
from ._errors import NotRunningError
from ._events import Event, EventStream
from ._handles import INSTEAD_OF_CLIENT, INSTEAD_OF_STREAM, Uncopyable
from ._options import Options
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

if TYPE_CHECKING:
    if sys.version_info >= (3, 11):
        from typing import Self, Unpack
    else:
        from typing_extensions import Self, Unpack

__all__ = ["EventIterator", "ExchangeClient"]

_T = TypeVar("_T")

_Wait = Callable[[Coroutine[Any, Any, Optional[Event]]], Optional[Event]]


class _Loop:
    """An event loop on a thread of its own, for those who have none."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # A daemon: a script that forgets to close comes to its end, where the client is closed.
        self._thread = threading.Thread(target=self._run, name="meshbook-sync", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def run(self, job: Coroutine[Any, Any, _T]) -> _T:
        """Waits for the job; what interrupts the wait cancels the job."""
        future: Future[_T] = asyncio.run_coroutine_threadsafe(job, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        """Ends the thread. Jobs that still wait end with it."""
        self.run(_end_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _end_all() -> None:
    this = asyncio.current_task()
    others = [task for task in asyncio.all_tasks() if task is not this]
    if others:
        # They have been told of the end, and are only on their way out.
        await asyncio.wait(others, timeout=1)
    for task in others:
        task.cancel()


class EventIterator(Uncopyable, instead=INSTEAD_OF_STREAM):
    """The events of a client from the making of this on, until the client is closed."""

    def __init__(self, stream: EventStream, wait: _Wait, timeout: Optional[float]) -> None:
        self._stream = stream
        self._wait = wait
        self._timeout = timeout

    def __iter__(self) -> EventIterator:
        return self

    def __next__(self) -> Event:
        event = self.next(self._timeout)
        if event is None:
            raise StopIteration
        return event

    def next(self, timeout: Optional[float] = None) -> Optional[Event]:
        """The next event; None if none came in so many seconds, or if the client is closed."""
        try:
            return self._wait(self._next(timeout))
        except NotRunningError:
            return None

    async def _next(self, timeout: Optional[float]) -> Optional[Event]:
        try:
            return await asyncio.wait_for(self._stream.__anext__(), timeout)
        except (StopAsyncIteration, asyncio.TimeoutError):
            return None


class ExchangeClient(Uncopyable, instead=INSTEAD_OF_CLIENT):
    """A node of the exchange.

        with ExchangeClient(pair="BTC/USD", port=3000) as node:
            node.place_buy_order("0.5", "50000")

    All that `meshbook.ExchangeClient` says holds here, but that calls wait. It may be used from
    several threads.
    """

    def __init__(self, **options: Unpack[Options]) -> None:
        """Takes the options of `meshbook.Options`; does nothing else yet."""
        self._client = AsyncClient(**options)
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._loop: Optional[_Loop] = None
        self._over = False

    def open(self) -> None:
        """Takes the data directory, listens, and begins to look for peers. Once it is done further
        calls do nothing.

        Raises AddressInUseError where somebody listens on the port already, StartError and
        StorageError for other reasons; it may be tried again then.
        """
        self._wait(self._client.open())

    def close(self) -> None:
        """Says goodbye to the peers and ends everything that runs, within 6 s. Calls that wait
        in other threads end with NotRunningError. Further calls do nothing."""
        self._check_process()
        with self._lock:
            over, self._over = self._over, True
            loop = self._loop or _Loop()
            self._loop = loop
        if over:
            return
        try:
            loop.run(self._client.close())
        finally:
            loop.stop()

    def __enter__(self) -> Self:
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def place_buy_order(
        self,
        amount: DecimalLike,
        price: DecimalLike,
        *,
        time_in_force: Union[TimeInForce, str] = TimeInForce.GTC,
        user_id: Optional[str] = None,
        lifetime: Optional[Union[timedelta, int]] = None,
    ) -> OrderResult:
        """Places a limit order to buy; see `meshbook.ExchangeClient.place_order`."""
        return self._wait(
            self._client.place_buy_order(
                amount, price, time_in_force=time_in_force, user_id=user_id, lifetime=lifetime
            )
        )

    def place_sell_order(
        self,
        amount: DecimalLike,
        price: DecimalLike,
        *,
        time_in_force: Union[TimeInForce, str] = TimeInForce.GTC,
        user_id: Optional[str] = None,
        lifetime: Optional[Union[timedelta, int]] = None,
    ) -> OrderResult:
        """Places a limit order to sell; see `meshbook.ExchangeClient.place_order`."""
        return self._wait(
            self._client.place_sell_order(
                amount, price, time_in_force=time_in_force, user_id=user_id, lifetime=lifetime
            )
        )

    def place_order(
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
        """Places an order; see `meshbook.ExchangeClient.place_order`."""
        return self._wait(
            self._client.place_order(
                side,
                amount,
                price,
                type=type,
                time_in_force=time_in_force,
                user_id=user_id,
                lifetime=lifetime,
            )
        )

    def cancel_order(self, order_id: str) -> bool:
        """Cancels an own order, which can't be taken from that moment on. False if it is closed
        already, or no order of this node."""
        return self._client.cancel_order(order_id)

    def order_book(self, depth: int = 10) -> BookSnapshot:
        """The best `depth` levels of each side."""
        return self._client.order_book(depth)

    def orders(self) -> list[Order]:
        """This node's open orders, newest first."""
        return self._client.orders()

    def order(self, order_id: str) -> Optional[Order]:
        """One of this node's orders, open or remembered."""
        return self._client.order(order_id)

    def order_history(self) -> list[Order]:
        """All of this node's orders that it remembers, newest first."""
        return self._client.order_history()

    def trades(self, limit: int = 50) -> Trades:
        """The latest trades of the pair, anybody's, newest first."""
        return self._client.trades(limit)

    def trade_history(self) -> Trades:
        """All trades of the pair that the node has in memory, newest first."""
        return self._client.trade_history()

    def history(
        self,
        *,
        since: Union[datetime, int] = 0,
        until: Optional[Union[datetime, int]] = None,
        own: bool = False,
        newest_first: bool = False,
    ) -> Iterator[PastTrade]:
        """All trades that the node keeps; see `meshbook.ExchangeClient.history`."""
        trades = self._client.history(since=since, until=until, own=own, newest_first=newest_first)
        while True:
            trade = self._wait(_next_or_none(trades))
            if trade is None:
                return
            yield trade

    def peers(self) -> list[Peer]:
        """Every known peer, connected ones first."""
        return self._client.peers()

    def discover(self) -> None:
        """Looks for peers now instead of when it is time again. Returns at once."""
        self._client.discover()

    def p2p_stats(self) -> P2pStats:
        """Figures of connections, discovery and queues."""
        return self._client.p2p_stats()

    def counters(self) -> dict[str, int]:
        """Why things were refused, ignored or dropped: one number a reason."""
        return self._client.counters()

    def events(self, timeout: Optional[float] = None) -> EventIterator:
        """The events from now on. With a `timeout` the iteration ends once no event came for so
        many seconds; it may be gone on with."""
        return EventIterator(self._client.events(), self._wait, timeout)

    @property
    def node_id(self) -> Optional[str]:
        """This node's id, 64 hex digits; None before `open`."""
        return self._client.node_id

    @property
    def address(self) -> Optional[str]:
        """Where it listens for peers, as `host:port`; None while it doesn't."""
        return self._client.address

    @property
    def port(self) -> int:
        """The port that it listens on; before `open` the one that it is to listen on."""
        return self._client.port

    @property
    def is_open(self) -> bool:
        """Whether it is open."""
        return self._client.is_open

    @property
    def data_dir(self) -> Optional[str]:
        """The folder in which it keeps its key, its orders and its peers; None if it keeps
        nothing."""
        return self._client.data_dir

    @property
    def pair(self) -> str:
        """What it trades."""
        return self._client.pair

    @property
    def user_id(self) -> str:
        """The user of orders that name none."""
        return self._client.user_id

    @property
    def settings(self) -> dict[str, str]:
        """All settings that it has, by the names of their environment variables."""
        return self._client.settings

    def __repr__(self) -> str:
        return repr(self._client)

    def _check_process(self) -> None:
        if os.getpid() != self._process:
            # The loop's thread is not here, so nothing would ever answer; the node says the rest.
            self._client.orders()

    def _wait(self, job: Coroutine[Any, Any, _T]) -> _T:
        try:
            self._check_process()
        except BaseException:
            job.close()
            raise
        with self._lock:
            if not self._over and self._loop is None:
                self._loop = _Loop()
            loop = None if self._over else self._loop
        if loop is None:
            job.close()
            raise NotRunningError("the client is closed; make a new one to go on", "SHUTTING_DOWN")
        return loop.run(job)


async def _next_or_none(items: AsyncIterator[_T]) -> Optional[_T]:
    try:
        return await items.__anext__()
    except StopAsyncIteration:
        return None

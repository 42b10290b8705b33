"""What happens, as values that come one after the other."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Callable, ClassVar, Optional, Protocol

from . import _convert as convert
from . import _native as native
from ._decimal import maybe_decimal
from ._errors import translated
from ._handles import INSTEAD_OF_STREAM, Uncopyable
from ._types import Order, Record, Trade


class Event(Record):
    """What all events have in common."""

    __slots__ = ()

    type: ClassVar[str]
    """The kind as a word."""


@dataclass(frozen=True)
class TradeEvent(Event):
    """A trade is confirmed, anybody's."""

    __slots__ = ("own", "trade")
    type: ClassVar[str] = "trade"

    trade: Trade
    """The trade."""
    own: bool
    """Whether an order of this node is a side of it."""


@dataclass(frozen=True)
class OrderEvent(Event):
    """An own order changed."""

    __slots__ = ("order",)
    type: ClassVar[str] = "order"

    order: Order
    """As it is now."""


@dataclass(frozen=True)
class BookEvent(Event):
    """The book changed; at most one for each batch of changes."""

    __slots__ = ("ask", "bid")
    type: ClassVar[str] = "book"

    bid: Optional[Decimal]
    """The best bid."""
    ask: Optional[Decimal]
    """The best ask."""


@dataclass(frozen=True)
class PeerConnectedEvent(Event):
    """A session with a peer is up."""

    __slots__ = ("address", "peer")
    type: ClassVar[str] = "peer:connected"

    peer: str
    """Who."""
    address: str
    """Where."""


@dataclass(frozen=True)
class PeerDisconnectedEvent(Event):
    """A session with a peer ended."""

    __slots__ = ("peer", "reason")
    type: ClassVar[str] = "peer:disconnected"

    peer: str
    """Who."""
    reason: str
    """Why, as a stable label."""


@dataclass(frozen=True)
class LaggedEvent(Event):
    """The reader fell behind by more than 1024 events, and so many are lost to it."""

    __slots__ = ("missed",)
    type: ClassVar[str] = "lagged"

    missed: int
    """How many."""


@dataclass(frozen=True)
class ErrorEvent(Event):
    """Something went wrong that a user should know."""

    __slots__ = ("code", "message")
    type: ClassVar[str] = "error"

    code: str
    """A stable label."""
    message: str
    """For people."""


# The kinds are classes within the library's `Event`, and not of it.
_Made = Callable[[Any], Event]

_MAKERS: dict[type, _Made] = {
    native.Event.TRADE: lambda e: TradeEvent(convert.trade(e.trade), e.own),
    native.Event.ORDER: lambda e: OrderEvent(convert.order(e.order)),
    native.Event.BOOK: lambda e: BookEvent(maybe_decimal(e.bid), maybe_decimal(e.ask)),
    native.Event.PEER_CONNECTED: lambda e: PeerConnectedEvent(e.peer, e.address),
    native.Event.PEER_DISCONNECTED: lambda e: PeerDisconnectedEvent(e.peer, e.reason),
    native.Event.LAGGED: lambda e: LaggedEvent(e.missed),
    native.Event.ERROR: lambda e: ErrorEvent(e.code, e.message),
}

#: So many events are fetched at once: fewer waits, and yet no long stay away from the loop.
_BATCH = 16


class _Source(Protocol):
    async def next_batch(self, limit: int) -> list[Any]: ...


class EventStream(Uncopyable, instead=INSTEAD_OF_STREAM):
    """The events of a client from the making of this on, until the client is closed.

    To be read by `async for`. Cancelling a task that waits for the next event loses none.
    """

    def __init__(self, stream: _Source) -> None:
        self._stream = stream
        self._fetched: deque[Any] = deque()

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Event:
        if not self._fetched:
            with translated:
                self._fetched.extend(await self._stream.next_batch(_BATCH))
        if not self._fetched:
            raise StopAsyncIteration
        event = self._fetched.popleft()
        return _MAKERS[type(event)](event)

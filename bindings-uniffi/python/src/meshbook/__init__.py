"""A node of the peer-to-peer exchange Meshbook, as a Python object.

    import asyncio
    from meshbook import ExchangeClient

    async def main() -> None:
        async with ExchangeClient(pair="BTC/USD", port=3000) as node:
            placed = await node.place_sell_order("1.5", "50000")
            print(placed.order_id, node.order_book().asks)

    asyncio.run(main())

`meshbook.sync.ExchangeClient` is the same for scripts and notebooks without asyncio, and
`python -m meshbook` runs a node.

Amounts and prices are `decimal.Decimal`, exact to 8 digits after the point; where they are taken,
`int` and `str` do as well, and `float` is refused. Whatever fails is a `MeshbookError` with a
`code` that stays what it is. The node logs to the logger `meshbook` of the module `logging`.
"""

from __future__ import annotations

from ._book import BestPrices, BookMetrics, BookResult, OrderBook
from ._client import ExchangeClient
from ._decimal import DecimalLike
from ._errors import (
    AddressInUseError,
    ForkedError,
    InvalidOptionError,
    InvalidOrderError,
    InvalidValueError,
    MeshbookError,
    NotRunningError,
    OrderRefusedError,
    ResourceError,
    StartError,
    StorageError,
)
from ._events import (
    BookEvent,
    ErrorEvent,
    Event,
    EventStream,
    LaggedEvent,
    OrderEvent,
    PeerConnectedEvent,
    PeerDisconnectedEvent,
    TradeEvent,
)
from ._options import Options
from ._stats import (
    DirectConnectionStats,
    DiscoveryStats,
    DiscoveryStrategies,
    P2pStats,
    Peer,
    PeerStats,
    RouterStats,
    TrafficStats,
)
from ._types import (
    BookSnapshot,
    Distribution,
    Level,
    Order,
    OrderResult,
    OrderStatus,
    OrderType,
    OwnSide,
    PastTrade,
    Side,
    TimeInForce,
    Trade,
    Trades,
)

__all__ = [
    "AddressInUseError",
    "BestPrices",
    "BookEvent",
    "BookMetrics",
    "BookResult",
    "BookSnapshot",
    "DecimalLike",
    "DirectConnectionStats",
    "DiscoveryStats",
    "DiscoveryStrategies",
    "Distribution",
    "ErrorEvent",
    "Event",
    "EventStream",
    "ExchangeClient",
    "ForkedError",
    "InvalidOptionError",
    "InvalidOrderError",
    "InvalidValueError",
    "LaggedEvent",
    "Level",
    "MeshbookError",
    "NotRunningError",
    "Options",
    "Order",
    "OrderBook",
    "OrderEvent",
    "OrderRefusedError",
    "OrderResult",
    "OrderStatus",
    "OrderType",
    "OwnSide",
    "P2pStats",
    "PastTrade",
    "Peer",
    "PeerConnectedEvent",
    "PeerDisconnectedEvent",
    "PeerStats",
    "ResourceError",
    "RouterStats",
    "Side",
    "StartError",
    "StorageError",
    "TimeInForce",
    "Trade",
    "TradeEvent",
    "Trades",
    "TrafficStats",
]

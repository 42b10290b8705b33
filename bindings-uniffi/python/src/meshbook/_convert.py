"""The library's values as this package's."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Optional

from . import _native as native
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
    OwnSide,
    PastTrade,
    Side,
    TimeInForce,
    Trade,
    Trades,
)

_SIDES = {native.Side.BUY: Side.BUY, native.Side.SELL: Side.SELL}
_STATUS = {status: OrderStatus(status.name.lower()) for status in native.OrderStatus}
_OWN_SIDES = {side: OwnSide(side.name.lower()) for side in native.OwnSide}
_NATIVE_SIDES = {side: there for there, side in _SIDES.items()}
_NATIVE_TIMES = {time: native.TimeInForce[time.name] for time in TimeInForce}


def native_side(side: Side) -> native.Side:
    return _NATIVE_SIDES[side]


def native_time_in_force(time_in_force: TimeInForce) -> native.TimeInForce:
    return _NATIVE_TIMES[time_in_force]


def order(that: native.Order) -> Order:
    return Order(
        that.id,
        that.user_id,
        _SIDES[that.side],
        Decimal(that.amount),
        Decimal(that.filled),
        None if that.price is None else Decimal(that.price),
        _STATUS[that.status],
        that.timestamp,
        that.pair,
    )


def maybe_order(that: Optional[native.Order]) -> Optional[Order]:
    return None if that is None else order(that)


def trade(that: native.Trade) -> Trade:
    return Trade(
        that.id,
        that.buy_order_id,
        that.sell_order_id,
        Decimal(that.amount),
        Decimal(that.price),
        that.timestamp,
        _SIDES[that.taker_side],
        that.unsigned,
    )


def trades(those: Iterable[native.Trade]) -> Trades:
    return Trades(map(trade, those))


def past_trade(that: native.PastTrade) -> PastTrade:
    own_side = None if that.own_side is None else _OWN_SIDES[that.own_side]
    return PastTrade(trade(that.trade), that.pair, own_side)


def _level(that: native.Level) -> Level:
    return Level(Decimal(that.price), Decimal(that.amount), that.count, Decimal(that.unsigned))


def book(that: native.BookSnapshot) -> BookSnapshot:
    bids, asks = tuple(map(_level, that.bids)), tuple(map(_level, that.asks))
    return BookSnapshot(that.pair, that.timestamp, bids, asks)


def order_result(that: native.OrderResult) -> OrderResult:
    to = that.distribution
    distribution = Distribution(to.success, tuple(to.distributed_to), tuple(to.failed_to))
    rest = maybe_order(that.remaining_order)
    return OrderResult(that.order_id, trades(that.trades), rest, distribution)


def peer(that: native.Peer) -> Peer:
    stats = that.stats
    return Peer(
        that.node_id,
        that.address,
        that.status.name.lower(),
        None if that.direction is None else that.direction.name.lower(),
        that.dialect,
        that.source.name.lower(),
        that.last_seen,
        that.last_heartbeat,
        that.healthy,
        that.latency,
        that.failures,
        that.last_tried,
        that.last_outcome,
        that.score,
        that.version,
        tuple(that.supported_protocols),
        TrafficStats(
            stats.messages_received, stats.messages_sent, stats.bytes_received, stats.bytes_sent
        ),
    )


def p2p_stats(that: native.P2pStats) -> P2pStats:
    peers, ways, router, direct = that.peers, that.discovery, that.router, that.direct_connection
    return P2pStats(
        that.has_grenache,
        PeerStats(
            peers.total_peers,
            peers.connected_peers,
            peers.healthy_peers,
            peers.inbound_peers,
            peers.outbound_peers,
            peers.total_messages_received,
            peers.total_messages_sent,
            peers.total_bytes_received,
            peers.total_bytes_sent,
        ),
        DiscoveryStats(
            ways.is_running,
            DiscoveryStrategies(
                ways.strategies.mdns,
                ways.strategies.grenache,
                ways.strategies.dht,
                ways.strategies.peer_exchange,
            ),
            ways.bootstrap_peers,
        ),
        RouterStats(
            router.queue_size,
            router.max_queue_size,
            router.deduplication_cache_size,
            router.has_grenache,
        ),
        DirectConnectionStats(
            direct.node_id,
            direct.host,
            direct.port,
            direct.is_running,
            direct.connections,
            direct.pending_handshakes,
        ),
    )

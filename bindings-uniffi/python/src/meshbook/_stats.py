"""Peers and figures as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ._types import Record


@dataclass(frozen=True)
class TrafficStats(Record):
    """Messages and payload bytes in both directions."""

    __slots__ = ("bytes_received", "bytes_sent", "messages_received", "messages_sent")

    messages_received: int
    """Messages that came in."""
    messages_sent: int
    """Messages that went out."""
    bytes_received: int
    """Bytes that came in."""
    bytes_sent: int
    """Bytes that went out."""


@dataclass(frozen=True)
class Peer(Record):
    """A connected or known peer."""

    __slots__ = (
        "address",
        "dialect",
        "direction",
        "failures",
        "healthy",
        "last_heartbeat",
        "last_outcome",
        "last_seen",
        "last_tried",
        "latency",
        "node_id",
        "score",
        "source",
        "stats",
        "status",
        "supported_protocols",
        "version",
    )

    node_id: Optional[str]
    """Who it is; absent while an address has never answered."""
    address: Optional[str]
    """Where it can be dialed, if anywhere: `host:port`."""
    status: str
    """`connected`, `connecting` or `disconnected`."""
    direction: Optional[str]
    """Who opened the connection: `inbound` or `outbound`."""
    dialect: Optional[str]
    """`secured`, `seed` or `original`, while connected."""
    source: str
    """Who named the address: `persisted`, `bootstrap`, `mdns`, `grenache`, `dht`,
    `peer_exchange` or `inbound`."""
    last_seen: Optional[int]
    """When it last said anything, in milliseconds since 1970."""
    last_heartbeat: Optional[int]
    """When its last heartbeat or heartbeat answer came, in milliseconds since 1970."""
    healthy: bool
    """Whether it is connected and was heard in the last 60 s."""
    latency: Optional[int]
    """Round-trip time of the last heartbeat in milliseconds."""
    failures: int
    """Dials that failed since one worked."""
    last_tried: Optional[int]
    """When it was dialed last, in milliseconds since 1970."""
    last_outcome: Optional[str]
    """What came of the last dial: `connected`, or the label of the failure."""
    score: int
    """0 is neutral; failures and bad messages lower it, good sessions raise it."""
    version: str
    """The version of its protocol."""
    supported_protocols: tuple[str, ...]
    """Message families that it knows."""
    stats: TrafficStats
    """Traffic of the present connection."""


@dataclass(frozen=True)
class PeerStats(Record):
    """Connections and traffic in all, since the start."""

    __slots__ = (
        "connected_peers",
        "healthy_peers",
        "inbound_peers",
        "outbound_peers",
        "total_bytes_received",
        "total_bytes_sent",
        "total_messages_received",
        "total_messages_sent",
        "total_peers",
    )

    total_peers: int
    """Known peers, connected or not."""
    connected_peers: int
    """Sessions that are up."""
    healthy_peers: int
    """Sessions heard in the last 60 s."""
    inbound_peers: int
    """Sessions that peers opened."""
    outbound_peers: int
    """Sessions that this node opened."""
    total_messages_received: int
    total_messages_sent: int
    total_bytes_received: int
    total_bytes_sent: int


@dataclass(frozen=True)
class DiscoveryStrategies(Record):
    """Which ways of finding peers are on and running."""

    __slots__ = ("dht", "grenache", "mdns", "peer_exchange")

    mdns: bool
    """Multicast DNS on the local network."""
    grenache: bool
    """Look-ups at Grapes, whether or not one answers."""
    dht: bool
    """Look-ups in a DHT, whether or not it answers."""
    peer_exchange: bool
    """Lists that peers send."""


@dataclass(frozen=True)
class DiscoveryStats(Record):
    """Ways by which peers are found."""

    __slots__ = ("bootstrap_peers", "is_running", "strategies")

    is_running: bool
    """Whether the node looks for peers."""
    strategies: DiscoveryStrategies
    """Which ways are on."""
    bootstrap_peers: int
    """How many bootstrap addresses are configured."""


@dataclass(frozen=True)
class RouterStats(Record):
    """Queues of the message router."""

    __slots__ = ("deduplication_cache_size", "has_grenache", "max_queue_size", "queue_size")

    queue_size: int
    """Messages that wait for their peer."""
    max_queue_size: int
    """How many may wait."""
    deduplication_cache_size: int
    """Messages remembered so that they are taken once."""
    has_grenache: bool
    """Whether Grenache is a second way to peers."""


@dataclass(frozen=True)
class DirectConnectionStats(Record):
    """The listener."""

    __slots__ = ("connections", "host", "is_running", "node_id", "pending_handshakes", "port")

    node_id: str
    """This node's id; empty before the start."""
    host: str
    """The address that it listens on."""
    port: int
    """The port that it listens on."""
    is_running: bool
    """Whether it listens."""
    connections: int
    """Sessions that are up."""
    pending_handshakes: int
    """Connections whose handshake is under way."""


@dataclass(frozen=True)
class P2pStats(Record):
    """The node's figures."""

    __slots__ = ("direct_connection", "discovery", "has_grenache", "peers", "router")

    has_grenache: bool
    """Whether a Grape answered when it was last asked."""
    peers: PeerStats
    """Connections and traffic."""
    discovery: DiscoveryStats
    """Ways by which peers are found."""
    router: RouterStats
    """Queues of the message router."""
    direct_connection: DirectConnectionStats
    """The listener."""

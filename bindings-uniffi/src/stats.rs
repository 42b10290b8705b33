//! Peers and figures as plain data.

use meshbook::node;

/// A connected or known peer.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Peer {
    /// Who it is; absent while an address has never answered.
    pub node_id: Option<String>,
    /// Where it can be dialed, if anywhere: `host:port`.
    pub address: Option<String>,
    /// Whether there is a connection.
    pub status: PeerStatus,
    /// Who opened it.
    pub direction: Option<Direction>,
    /// `secured`, `seed` or `original`, while connected.
    pub dialect: Option<String>,
    /// Where the address came from.
    pub source: PeerSource,
    /// When it last said anything (ms since 1970).
    pub last_seen: Option<u64>,
    /// When its last heartbeat or heartbeat answer came (ms since 1970).
    pub last_heartbeat: Option<u64>,
    /// Whether it is connected and was heard in the last 60 s.
    pub healthy: bool,
    /// Round-trip time of the last heartbeat (ms).
    pub latency: Option<u64>,
    /// Dials that failed since one worked.
    pub failures: u32,
    /// When it was dialed last (ms since 1970).
    pub last_tried: Option<u64>,
    /// What came of the last dial: `connected`, or the label of the failure.
    pub last_outcome: Option<String>,
    /// 0 is neutral; failures and bad messages lower it, good sessions raise it.
    pub score: i32,
    /// The version of its protocol.
    pub version: String,
    /// Message families that it knows.
    pub supported_protocols: Vec<String>,
    /// Traffic of the present connection.
    pub stats: TrafficStats,
}

/// Whether there is a connection to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum PeerStatus {
    /// A session is up.
    Connected,
    /// A dial is under way.
    Connecting,
    /// Known, and to be dialed when its turn comes.
    Disconnected,
}

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Direction {
    /// The peer dialed this node.
    Inbound,
    /// This node dialed the peer.
    Outbound,
}

/// How an address became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum PeerSource {
    /// Kept on disk from an earlier run.
    Persisted,
    /// Configured.
    Bootstrap,
    /// Found on the local network.
    Mdns,
    /// Looked up at a Grape.
    Grenache,
    /// Looked up in a DHT.
    Dht,
    /// Told by a peer.
    PeerExchange,
    /// It connected to this node.
    Inbound,
}

/// Messages and payload bytes in both directions.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct TrafficStats {
    /// Messages that came in.
    pub messages_received: u64,
    /// Messages that went out.
    pub messages_sent: u64,
    /// Bytes that came in.
    pub bytes_received: u64,
    /// Bytes that went out.
    pub bytes_sent: u64,
}

/// The node's figures.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct P2pStats {
    /// Whether a Grape answered when it was last asked.
    pub has_grenache: bool,
    /// Connections and traffic.
    pub peers: PeerStats,
    /// Ways by which peers are found.
    pub discovery: DiscoveryStats,
    /// Queues of the message router.
    pub router: RouterStats,
    /// The listener.
    pub direct_connection: DirectConnectionStats,
}

/// Connections and traffic in all.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct PeerStats {
    /// Known peers, connected or not.
    pub total_peers: u64,
    /// Sessions that are up.
    pub connected_peers: u64,
    /// Sessions heard in the last 60 s.
    pub healthy_peers: u64,
    /// Sessions that peers opened.
    pub inbound_peers: u64,
    /// Sessions that this node opened.
    pub outbound_peers: u64,
    /// Since the start, over all sessions.
    pub total_messages_received: u64,
    /// Since the start, over all sessions.
    pub total_messages_sent: u64,
    /// Since the start, over all sessions.
    pub total_bytes_received: u64,
    /// Since the start, over all sessions.
    pub total_bytes_sent: u64,
}

/// Ways by which peers are found.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct DiscoveryStats {
    /// Whether the node looks for peers.
    pub is_running: bool,
    /// Which ways are on.
    pub strategies: DiscoveryStrategies,
    /// How many bootstrap addresses are configured.
    pub bootstrap_peers: u64,
}

/// Which ways of finding peers are on and running.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct DiscoveryStrategies {
    /// Multicast DNS on the local network.
    pub mdns: bool,
    /// Look-ups at Grapes, whether or not one answers.
    pub grenache: bool,
    /// Look-ups in a DHT, whether or not it answers.
    pub dht: bool,
    /// Lists that peers send.
    pub peer_exchange: bool,
}

/// Queues of the message router.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct RouterStats {
    /// Messages that wait for their peer.
    pub queue_size: u64,
    /// How many may wait.
    pub max_queue_size: u64,
    /// Messages remembered so that they are taken once.
    pub deduplication_cache_size: u64,
    /// Whether Grenache is a second way to peers.
    pub has_grenache: bool,
}

/// The listener.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct DirectConnectionStats {
    /// This node's id; empty before the start.
    pub node_id: String,
    /// The address that it listens on.
    pub host: String,
    /// The port that it listens on.
    pub port: u16,
    /// Whether it listens.
    pub is_running: bool,
    /// Sessions that are up.
    pub connections: u64,
    /// Connections whose handshake is under way.
    pub pending_handshakes: u64,
}

impl From<node::PeerView> for Peer {
    fn from(peer: node::PeerView) -> Self {
        let status = match peer.status {
            node::PeerStatus::Connected => PeerStatus::Connected,
            node::PeerStatus::Connecting => PeerStatus::Connecting,
            node::PeerStatus::Disconnected => PeerStatus::Disconnected,
        };
        let direction = peer.direction.map(|direction| match direction {
            node::Direction::Inbound => Direction::Inbound,
            node::Direction::Outbound => Direction::Outbound,
        });
        let source = match peer.source {
            node::PeerSource::Persisted => PeerSource::Persisted,
            node::PeerSource::Bootstrap => PeerSource::Bootstrap,
            node::PeerSource::Mdns => PeerSource::Mdns,
            node::PeerSource::Grenache => PeerSource::Grenache,
            node::PeerSource::Dht => PeerSource::Dht,
            node::PeerSource::PeerExchange => PeerSource::PeerExchange,
            node::PeerSource::Inbound => PeerSource::Inbound,
        };
        Self {
            node_id: peer.node_id,
            address: peer.address.map(|address| address.to_string()),
            status,
            direction,
            dialect: peer.dialect,
            source,
            last_seen: peer.last_seen.map(|time| time.0),
            last_heartbeat: peer.last_heartbeat.map(|time| time.0),
            healthy: peer.healthy,
            latency: peer.latency.map(|time| time.0),
            failures: peer.failures,
            last_tried: peer.last_tried.map(|time| time.0),
            last_outcome: peer.last_outcome,
            score: peer.score,
            version: peer.capabilities.version,
            supported_protocols: peer.capabilities.supported_protocols,
            stats: TrafficStats {
                messages_received: peer.stats.messages_received,
                messages_sent: peer.stats.messages_sent,
                bytes_received: peer.stats.bytes_received,
                bytes_sent: peer.stats.bytes_sent,
            },
        }
    }
}

impl From<node::P2pStats> for P2pStats {
    fn from(stats: node::P2pStats) -> Self {
        let node::P2pStats {
            has_grenache,
            peers,
            discovery,
            router,
            direct_connection: direct,
        } = stats;
        Self {
            has_grenache,
            peers: PeerStats {
                total_peers: peers.total_peers as u64,
                connected_peers: peers.connected_peers as u64,
                healthy_peers: peers.healthy_peers as u64,
                inbound_peers: peers.inbound_peers as u64,
                outbound_peers: peers.outbound_peers as u64,
                total_messages_received: peers.total_messages_received,
                total_messages_sent: peers.total_messages_sent,
                total_bytes_received: peers.total_bytes_received,
                total_bytes_sent: peers.total_bytes_sent,
            },
            discovery: DiscoveryStats {
                is_running: discovery.is_running,
                strategies: DiscoveryStrategies {
                    mdns: discovery.strategies.mdns,
                    grenache: discovery.strategies.grenache,
                    dht: discovery.strategies.dht,
                    peer_exchange: discovery.strategies.peer_exchange,
                },
                bootstrap_peers: discovery.bootstrap_peers as u64,
            },
            router: RouterStats {
                queue_size: router.queue_size as u64,
                max_queue_size: router.max_queue_size as u64,
                deduplication_cache_size: router.deduplication_cache_size as u64,
                has_grenache: router.has_grenache,
            },
            direct_connection: DirectConnectionStats {
                node_id: direct.node_id,
                host: direct.host,
                port: direct.port,
                is_running: direct.is_running,
                connections: direct.connections as u64,
                pending_handshakes: direct.pending_handshakes as u64,
            },
        }
    }
}

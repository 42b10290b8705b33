//! The figures of `getP2PStats()`.

use meshbook::node;
use napi_derive::napi;

use crate::values::{count, number};

/// Of a node.
#[napi(object)]
#[derive(Debug)]
pub struct P2pStats {
    /// Whether a Grape answers.
    pub has_grenache: bool,
    /// Peers.
    pub peers: PeerStats,
    /// How peers are found.
    pub discovery: DiscoveryStats,
    /// Messages.
    pub router: RouterStats,
    /// The listener.
    pub direct_connection: DirectConnectionStats,
}

/// Of peers.
#[napi(object)]
#[derive(Debug)]
pub struct PeerStats {
    pub total_peers: f64,
    pub connected_peers: f64,
    pub healthy_peers: f64,
    pub inbound_peers: f64,
    pub outbound_peers: f64,
    pub total_messages_received: f64,
    pub total_messages_sent: f64,
    pub total_bytes_received: f64,
    pub total_bytes_sent: f64,
}

/// Of discovery.
#[napi(object)]
#[derive(Debug)]
pub struct DiscoveryStats {
    pub is_running: bool,
    pub strategies: DiscoveryStrategies,
    pub bootstrap_peers: f64,
}

/// Which ways of finding peers run.
#[napi(object)]
#[derive(Debug)]
pub struct DiscoveryStrategies {
    pub mdns: bool,
    pub grenache: bool,
    pub peer_exchange: bool,
}

/// Of the router.
#[napi(object)]
#[derive(Debug)]
pub struct RouterStats {
    pub queue_size: f64,
    pub max_queue_size: f64,
    pub deduplication_cache_size: f64,
    pub has_grenache: bool,
}

/// Of the listener.
#[napi(object)]
#[derive(Debug)]
pub struct DirectConnectionStats {
    pub node_id: String,
    pub host: String,
    pub port: u32,
    pub is_running: bool,
    pub connections: f64,
    pub pending_handshakes: f64,
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
                total_peers: count(peers.total_peers),
                connected_peers: count(peers.connected_peers),
                healthy_peers: count(peers.healthy_peers),
                inbound_peers: count(peers.inbound_peers),
                outbound_peers: count(peers.outbound_peers),
                total_messages_received: number(peers.total_messages_received),
                total_messages_sent: number(peers.total_messages_sent),
                total_bytes_received: number(peers.total_bytes_received),
                total_bytes_sent: number(peers.total_bytes_sent),
            },
            discovery: DiscoveryStats {
                is_running: discovery.is_running,
                strategies: DiscoveryStrategies {
                    mdns: discovery.strategies.mdns,
                    grenache: discovery.strategies.grenache,
                    peer_exchange: discovery.strategies.peer_exchange,
                },
                bootstrap_peers: count(discovery.bootstrap_peers),
            },
            router: RouterStats {
                queue_size: count(router.queue_size),
                max_queue_size: count(router.max_queue_size),
                deduplication_cache_size: count(router.deduplication_cache_size),
                has_grenache,
            },
            direct_connection: DirectConnectionStats {
                node_id: direct.node_id,
                host: direct.host,
                port: direct.port.into(),
                is_running: direct.is_running,
                connections: count(direct.connections),
                pending_handshakes: count(direct.pending_handshakes),
            },
        }
    }
}

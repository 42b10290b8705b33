//! What users see of peers: figures, and each of them.

use super::known::KnownPeer;
use super::manager::PeerManager;
use crate::node::view::{
    Direction, PeerCapabilities, PeerSource, PeerStats, PeerStatus, PeerView, TrafficStats,
};
use crate::protocol::Dialect;
use crate::types::Now;

impl PeerManager {
    /// Connections and traffic in all.
    pub(crate) fn stats(&self, now: Now) -> PeerStats {
        let mut traffic = self.past_traffic;
        for session in self.all() {
            traffic.add(&session.stats);
        }
        let unlisted = self.all().filter(|s| s.dialable.is_none()).count();
        PeerStats {
            total_peers: self.known.iter().filter(|(_, k)| !k.own).count() + unlisted,
            connected_peers: self.sessions.len(),
            healthy_peers: self.all().filter(|s| s.is_healthy(now)).count(),
            inbound_peers: self.count(Direction::Inbound),
            outbound_peers: self.count(Direction::Outbound),
            total_messages_received: traffic.messages_received,
            total_messages_sent: traffic.messages_sent,
            total_bytes_received: traffic.bytes_received,
            total_bytes_sent: traffic.bytes_sent,
        }
    }

    /// Every peer, connected ones first.
    pub(crate) fn views(&self, now: Now) -> Vec<PeerView> {
        let sessions = self.all().map(|session| {
            let known = session.dialable.as_ref().and_then(|a| self.known.get(a));
            PeerView {
                node_id: Some(session.id.to_string()),
                address: session.dialable.clone(),
                status: PeerStatus::Connected,
                direction: Some(session.direction),
                dialect: Some(dialect_name(session.dialect).to_owned()),
                source: known.map_or(PeerSource::Inbound, |known| known.source),
                last_seen: Some(session.last_seen.wall),
                last_heartbeat: session.last_heartbeat,
                healthy: session.is_healthy(now),
                latency: session.latency,
                failures: 0,
                last_tried: known.and_then(|known| known.last_tried).map(|now| now.wall),
                last_outcome: known.and_then(KnownPeer::outcome),
                score: session.score.at(now),
                capabilities: PeerCapabilities {
                    version: session.version.clone(),
                    supported_protocols: session.capabilities.clone(),
                },
                stats: session.stats,
            }
        });
        let others = self
            .known
            .iter()
            .filter(|(address, known)| !known.own && !self.is_up(address, known))
            .map(|(address, known)| PeerView {
                node_id: match &known.id {
                    Some(id) => Some(id.to_string()),
                    None => known.claimed.map(|id| id.to_string()),
                },
                address: Some(address.clone()),
                status: match known.dialing_since {
                    Some(_) => PeerStatus::Connecting,
                    None => PeerStatus::Disconnected,
                },
                direction: None,
                dialect: None,
                source: known.source,
                last_seen: known.last_seen,
                last_heartbeat: None,
                healthy: false,
                latency: None,
                failures: known.failures,
                last_tried: known.last_tried.map(|now| now.wall),
                last_outcome: known.outcome(),
                score: known.score.at(now),
                capabilities: PeerCapabilities::default(),
                stats: TrafficStats::default(),
            });
        sessions.chain(others).collect()
    }
}

/// The name of a dialect in figures and logs.
const fn dialect_name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Secured => "secured",
        Dialect::Seed => "seed",
        Dialect::Original => "original",
        Dialect::Grenache => "grenache",
    }
}

impl TrafficStats {
    /// Adds what another session carried.
    pub(super) const fn add(&mut self, more: &Self) {
        self.messages_received += more.messages_received;
        self.messages_sent += more.messages_sent;
        self.bytes_received += more.bytes_received;
        self.bytes_sent += more.bytes_sent;
    }
}

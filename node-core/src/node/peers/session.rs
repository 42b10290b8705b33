//! One session with a peer, as the peer manager sees it.

use super::score::Score;
use super::tolls::Tolls;
use crate::node::io::ConnId;
use crate::node::limits::Limits;
use crate::node::view::{Direction, TrafficStats};
use crate::protocol::{CAPABILITY_PLAIN, Dialect, PeerInfo};
use crate::types::{Millis, Now, PeerAddress, PeerId};

/// A session that is up.
#[derive(Debug)]
pub(crate) struct PeerSession {
    pub(crate) conn: ConnId,
    pub(crate) id: PeerId,
    pub(crate) dialect: Dialect,
    pub(crate) direction: Direction,
    /// The address at the other end: what was dialed, or where it came from.
    pub(crate) remote: PeerAddress,
    /// Where others could dial this peer, if it listens.
    pub(crate) dialable: Option<PeerAddress>,
    speaks_x1: bool,
    pub(crate) version: String,
    pub(crate) capabilities: Vec<String>,
    /// When it came up (monotonic).
    pub(super) since: Millis,
    /// Lowered by what breaks the rules in this session.
    pub(super) score: Score,
    /// What it may still use.
    pub(super) tolls: Tolls,
    /// How much it was the first to bring.
    pub(super) news: u64,
    pub(crate) last_seen: Now,
    pub(crate) last_heartbeat: Option<Millis>,
    /// The next heartbeat is due then (monotonic).
    pub(super) heartbeat_due: Millis,
    /// The heartbeat that waits for its answer: what it said, and when it went (monotonic).
    pub(super) heartbeat_sent: Option<(Millis, Millis)>,
    pub(crate) latency: Option<Millis>,
    /// The peer's clock minus this node's, in milliseconds, as its handshake or its last echo told.
    pub(super) clock_offset: Option<i64>,
    pub(crate) stats: TrafficStats,
}

impl PeerSession {
    pub(super) fn new(
        conn: ConnId,
        info: PeerInfo,
        direction: Direction,
        remote: PeerAddress,
        limits: &Limits,
        now: Now,
    ) -> Self {
        let dialable = match direction {
            Direction::Outbound => Some(remote.clone()),
            Direction::Inbound => remote.at_port(info.port),
        };
        Self {
            conn,
            speaks_x1: info.speaks_x1(),
            id: info.id,
            dialect: info.dialect,
            direction,
            remote,
            dialable,
            version: info.version,
            capabilities: info.capabilities,
            since: now.mono,
            score: Score::new(now),
            tolls: Tolls::new(limits, direction, now.mono),
            news: 0,
            last_seen: now,
            last_heartbeat: None,
            heartbeat_due: now.mono,
            heartbeat_sent: None,
            latency: None,
            clock_offset: info.clock_offset,
            stats: TrafficStats::default(),
        }
    }

    /// Whether it takes part in the signed protocol.
    pub(crate) const fn speaks_x1(&self) -> bool {
        self.speaks_x1
    }

    /// Returns whether own orders are announced to it: a plain peer, or a node that trades with some.
    pub(crate) fn hears_plain_orders(&self) -> bool {
        let bridges = |name: &String| name == CAPABILITY_PLAIN;
        match self.id {
            PeerId::Legacy(_) => true,
            PeerId::Node(_) => self.speaks_x1 && self.capabilities.iter().any(bridges),
        }
    }

    /// Whether it was heard lately. One that has no heartbeats is gone once it doesn't answer.
    pub(crate) fn is_healthy(&self, now: Now) -> bool {
        !self.dialect.talks_back()
            || now.mono.since(self.last_seen.mono) < super::policy::SILENCE_LIMIT
    }
}

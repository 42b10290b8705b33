//! The peer manager: sessions, their limits, heartbeats, reputation, and figures of it all.

use std::collections::BTreeMap;

use super::known::{KnownPeer, KnownPeers};
use super::policy::{
    BAN_SCORE, BANS_LIMIT, CLOCKS_TO_ASK, FIRST_BAN, HEARTBEAT_EVERY, LONGEST_BAN, Merit,
    SAME_TIME, SILENCE_LIMIT, TOLD_IF_FULL,
};
use super::session::PeerSession;
use crate::node::config::Ways;
use crate::node::io::ConnId;
use crate::node::rng::Rng;
use crate::node::view::{
    Direction, PeerCapabilities, PeerSource, PeerStats, PeerStatus, PeerView, TrafficStats,
};
use crate::protocol::{Dialect, ErrorCode, PeerEntry, PeerInfo};
use crate::types::{Millis, NodeId, Now, PeerAddress, PeerId};

/// What becomes of a new session.
#[derive(Debug)]
pub(crate) enum Admission {
    /// It is in.
    Admitted,
    /// It is in, and the peer's other session must be closed.
    Replaces(ConnId),
    /// There is no place for it: it must be closed, and is told of others first.
    Full {
        dialect: Dialect,
        others: Vec<PeerEntry>,
    },
    /// It must be closed.
    Refused {
        /// What to tell the peer, where it is more than a duplicate.
        error: Option<(ErrorCode, String)>,
        /// The label that is counted.
        reason: &'static str,
    },
}

/// How many sessions there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) all: usize,
    /// So many are left for peers that this node chose itself, so that strangers who dial in
    /// can't take every place.
    pub(super) outbound: usize,
    pub(super) inbound: usize,
    /// With so many none is looked for, so that who comes new finds room.
    pub(super) enough: usize,
}

impl Limits {
    fn of(all: usize) -> Self {
        let outbound = all.div_ceil(2);
        // With a single place, whoever comes first has it.
        let inbound = (all - all / 2).max(all - outbound);
        Self {
            all,
            outbound,
            inbound,
            enough: all - all / 10,
        }
    }
}

/// The seed's `PeerManager`.
#[derive(Debug)]
pub(crate) struct PeerManager {
    pub(super) own_id: NodeId,
    pub(super) limits: Limits,
    pub(super) ways: Ways,
    pub(super) longest_pause: Millis,
    pub(super) known: KnownPeers,
    pub(super) sessions: BTreeMap<ConnId, PeerSession>,
    pub(super) by_id: BTreeMap<PeerId, ConnId>,
    /// Until when (monotonic), and how long the ban was.
    pub(super) bans: BTreeMap<PeerId, (Millis, Millis)>,
    pub(super) exchange_due: Millis,
    /// Traffic of sessions that are gone.
    pub(super) past_traffic: TrafficStats,
    pub(super) changed: bool,
}

impl PeerManager {
    pub(crate) fn new(own_id: NodeId, max_peers: usize, longest_pause: Millis, ways: Ways) -> Self {
        Self {
            own_id,
            ways,
            limits: Limits::of(max_peers),
            longest_pause,
            known: KnownPeers::default(),
            sessions: BTreeMap::new(),
            by_id: BTreeMap::new(),
            bans: BTreeMap::new(),
            exchange_due: Millis::ZERO,
            past_traffic: TrafficStats::default(),
            changed: false,
        }
    }

    /// Takes a new session in, or says why not.
    pub(crate) fn add_peer(
        &mut self,
        conn: ConnId,
        info: PeerInfo,
        direction: Direction,
        remote: PeerAddress,
        now: Now,
    ) -> Admission {
        let refuse = |code, message: &str, reason| Admission::Refused {
            error: Some((code, message.to_owned())),
            reason,
        };
        let session = PeerSession::new(conn, info, direction, remote, now);
        self.remember(&session, now);
        if session.id.to_string() == self.own_id.to_string() {
            let message = "the peer has this node's own id";
            return refuse(ErrorCode::InvalidMessage, message, "self_connection");
        }
        if self.is_banned(&session.id, now) {
            let message = "this peer is banned for a while";
            return refuse(ErrorCode::AuthenticationFailed, message, "banned");
        }
        if let Some(old) = self.by_id.get(&session.id).copied() {
            if !self.prefers(&session, old, now) {
                return Admission::Refused {
                    error: None,
                    reason: "duplicate",
                };
            }
            self.retire(old);
            self.insert(session);
            return Admission::Replaces(old);
        }
        if self.is_full(direction) {
            let mut others = self.exchange_with(&session);
            let first = session.conn.0.checked_rem(others.len() as u64);
            others.rotate_left(first.unwrap_or(0) as usize);
            others.truncate(TOLD_IF_FULL);
            return Admission::Full {
                dialect: session.dialect,
                others,
            };
        }
        self.insert(session);
        Admission::Admitted
    }

    fn insert(&mut self, session: PeerSession) {
        self.by_id.insert(session.id.clone(), session.conn);
        self.sessions.insert(session.conn, session);
        self.changed = true;
    }

    /// Notes the address of a session that came up, whether or not it is taken in.
    fn remember(&mut self, session: &PeerSession, now: Now) {
        let Some(address) = &session.dialable else {
            return;
        };
        let source = PeerSource::Inbound;
        if let Some(known) = self.known.learn(address, source, now) {
            known.id = Some(session.id.clone());
            known.own = session.id.node() == Some(self.own_id);
            known.claimed = None;
            known.credit(Merit::Connected, now);
            if session.direction == Direction::Outbound {
                known.dialing_since = None;
                known.last_seen = Some(now.wall);
                known.last_outcome = Some("connected");
            }
        }
    }

    /// Whether a second session with a peer is the one to keep. Nobody dials a peer that it has a
    /// session with, so one that comes long after the first means that the first broke, whether or
    /// not this end has noticed. Of two at about the same time both ends keep the same one: of
    /// dials in opposite directions that of the lower id.
    fn prefers(&self, new: &PeerSession, old: ConnId, now: Now) -> bool {
        let Some(old) = self.sessions.get(&old) else {
            return true;
        };
        if now.mono.since(old.since) >= SAME_TIME {
            return true;
        }
        if old.direction == new.direction {
            return false;
        }
        let lower_is_us = self.own_id.to_string() < new.id.to_string();
        let dialed_by_us = new.direction == Direction::Outbound;
        lower_is_us == dialed_by_us
    }

    fn is_full(&self, direction: Direction) -> bool {
        let used = self.count(direction);
        let limit = match direction {
            Direction::Inbound => self.limits.inbound,
            Direction::Outbound => self.limits.outbound,
        };
        used >= limit || self.sessions.len() >= self.limits.all
    }

    /// How many nodes there are, as far as is known.
    pub(crate) fn nodes_known(&self) -> usize {
        self.known.len().max(self.sessions.len())
    }

    pub(super) fn count(&self, direction: Direction) -> usize {
        let of = |session: &&PeerSession| session.direction == direction;
        self.sessions.values().filter(of).count()
    }

    /// Takes a session out of the tables; its traffic stays counted.
    fn retire(&mut self, conn: ConnId) -> Option<PeerSession> {
        let session = self.sessions.remove(&conn)?;
        if self.by_id.get(&session.id) == Some(&conn) {
            self.by_id.remove(&session.id);
        }
        add(&mut self.past_traffic, &session.stats);
        Some(session)
    }

    /// A session is gone. One that held is dialed again soon; one that broke at once waits longer
    /// each time.
    pub(crate) fn remove_peer(
        &mut self,
        conn: ConnId,
        rng: &mut Rng,
        now: Now,
    ) -> Option<PeerSession> {
        let session = self.retire(conn)?;
        let held = now.mono.since(session.since) >= super::policy::HELD_AFTER;
        if let Some(known) = session
            .dialable
            .as_ref()
            .and_then(|a| self.known.get_mut(a))
        {
            if held {
                known.failures = 0;
            }
            if session.direction == Direction::Outbound || known.last_seen.is_some() {
                known.last_seen = Some(now.wall);
            }
            known.back_off(self.longest_pause, rng.next(), now);
        }
        self.changed = true;
        Some(session)
    }

    pub(crate) fn get(&self, conn: ConnId) -> Option<&PeerSession> {
        self.sessions.get(&conn)
    }

    /// The session with a node whose key was proved.
    pub(crate) fn get_node(&self, id: NodeId) -> Option<&PeerSession> {
        let conn = self.by_id.get(&PeerId::Node(id))?;
        self.sessions.get(conn)
    }

    /// Whether there is a session with this peer.
    pub(crate) fn is_here(&self, id: &PeerId) -> bool {
        self.by_id.contains_key(id)
    }

    /// All sessions, in the order in which they came up.
    pub(crate) fn all(&self) -> impl Iterator<Item = &PeerSession> {
        self.sessions.values()
    }

    /// The peers that take part in the signed protocol.
    pub(crate) fn x1(&self) -> impl Iterator<Item = &PeerSession> {
        self.sessions.values().filter(|session| session.speaks_x1())
    }

    /// Notes that a peer said something.
    pub(crate) fn heard(&mut self, conn: ConnId, bytes: usize, now: Now) {
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.last_seen = now;
            session.stats.messages_received += 1;
            session.stats.bytes_received += bytes as u64;
        }
    }

    pub(crate) fn sent(&mut self, conn: ConnId, bytes: usize) {
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.stats.messages_sent += 1;
            session.stats.bytes_sent += bytes as u64;
        }
    }

    pub(crate) fn heartbeat_came(&mut self, conn: ConnId, now: Now) {
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.last_heartbeat = Some(now.wall);
        }
    }

    /// An answer to a heartbeat. Peers of other makes don't echo its time: then the answer counts
    /// for the last one sent.
    pub(crate) fn heartbeat_answered(
        &mut self,
        conn: ConnId,
        timestamp: Millis,
        echo: Option<Millis>,
        now: Now,
    ) {
        let Some(session) = self.sessions.get_mut(&conn) else {
            return;
        };
        session.last_heartbeat = Some(now.wall);
        if let Some((said, sent)) = session.heartbeat_sent
            && echo.is_none_or(|echo| echo == said)
        {
            let round_trip = now.mono.since(sent);
            session.latency = Some(round_trip);
            session.heartbeat_sent = None;
            if echo.is_some() {
                let half_way = i128::from(said.0) + i128::from(round_trip.0 / 2);
                let offset = i128::from(timestamp.0) - half_way;
                session.clock_offset = i64::try_from(offset).ok();
            }
        }
    }

    /// The median of what the peers' clocks show more than this node's, in milliseconds; `None`
    /// with less than three peers that tell.
    pub(crate) fn clock_offset(&self) -> Option<i64> {
        let offsets = self.x1().filter_map(|session| session.clock_offset);
        let mut offsets: Vec<i64> = offsets.collect();
        if offsets.len() < CLOCKS_TO_ASK {
            return None;
        }
        offsets.sort_unstable();
        offsets.get(offsets.len() / 2).copied()
    }

    /// Sessions whose heartbeat is due now; each is taken as sent.
    pub(crate) fn take_heartbeats_due(&mut self, now: Now) -> Vec<ConnId> {
        let mut due = Vec::new();
        for session in self.sessions.values_mut() {
            if session.dialect.talks_back() && session.heartbeat_due <= now.mono {
                session.heartbeat_due = now.mono + HEARTBEAT_EVERY;
                session.heartbeat_sent = Some((now.wall, now.mono));
                due.push(session.conn);
            }
        }
        due
    }

    /// Sessions that were silent for too long.
    pub(crate) fn dead(&self, now: Now) -> Vec<ConnId> {
        let silent = |s: &&PeerSession| {
            s.dialect.talks_back() && now.mono.since(s.last_seen.mono) >= SILENCE_LIMIT
        };
        self.all().filter(silent).map(|s| s.conn).collect()
    }

    /// Lowers or raises a peer's score; true if it must go, and is banned now.
    pub(crate) fn credit(&mut self, conn: ConnId, merit: Merit, now: Now) -> bool {
        let Some(session) = self.sessions.get_mut(&conn) else {
            return false;
        };
        session.score += merit.points();
        let banned = session.score <= BAN_SCORE;
        let id = session.id.clone();
        if let Some(known) = session
            .dialable
            .as_ref()
            .and_then(|a| self.known.get_mut(a))
        {
            known.credit(merit, now);
        }
        if banned {
            self.ban(id, now);
        }
        banned
    }

    fn ban(&mut self, id: PeerId, now: Now) {
        let last = self.bans.get(&id).map(|(_, length)| *length);
        let length = last.map_or(FIRST_BAN, |last| Millis(last.0 * 2).min(LONGEST_BAN));
        if self.bans.len() >= BANS_LIMIT
            && let Some(first) = self.bans.iter().min_by_key(|(_, ban)| ban.0)
        {
            let first = first.0.clone();
            self.bans.remove(&first);
        }
        self.bans.insert(id, (now.mono + length, length));
    }

    pub(super) fn is_banned(&self, id: &PeerId, now: Now) -> bool {
        self.bans
            .get(id)
            .is_some_and(|(until, _)| *until > now.mono)
    }

    /// Connections and traffic in all.
    pub(crate) fn stats(&self, now: Now) -> PeerStats {
        let mut traffic = self.past_traffic;
        for session in self.all() {
            add(&mut traffic, &session.stats);
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
                score: session.score,
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
                score: known.score(now),
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

const fn add(sum: &mut TrafficStats, more: &TrafficStats) {
    sum.messages_received += more.messages_received;
    sum.messages_sent += more.messages_sent;
    sum.bytes_received += more.bytes_received;
    sum.bytes_sent += more.bytes_sent;
}

//! The peer manager: sessions, their limits, heartbeats and reputation.

use super::bans::{Ban, BanTarget, Bans};
use super::places::Places;
use super::policy::{
    BAN_SCORE, FEELER_EVERY, HEARSAY_DIALS, HEARTBEAT_EVERY, Merit, SAME_TIME, SILENCE_LIMIT,
    TOLD_IF_FULL,
};
use super::session::PeerSession;
use super::table::{KnownPeers, Teller};
use super::tolls::{NewOwnerTolls, Toll, Verdict};
use crate::collections::{BTreeMap, BTreeSet};
use crate::node::config::{NodeConfig, Ways};
use crate::node::io::ConnId;
use crate::node::limits::Limits;
use crate::node::rng::Rng;
use crate::node::view::{Direction, PeerSource, TrafficStats};
use crate::protocol::{Dialect, ErrorCode, PeerEntry, PeerInfo, clock_offset};
use crate::types::{Bucket, Millis, NodeId, Now, PeerAddress, PeerId};

/// What becomes of a new session.
#[derive(Debug)]
pub(crate) enum Admission {
    /// It is in.
    Admitted,
    /// It is in, and the peer's other session must be closed.
    Replaces(ConnId),
    /// It is in, and another peer's session must be closed for it, which is told of others first.
    InPlaceOf {
        out: ConnId,
        dialect: Dialect,
        others: Vec<PeerEntry>,
    },
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

/// The seed's `PeerManager`.
#[derive(Debug)]
pub(crate) struct PeerManager {
    pub(super) own_id: NodeId,
    pub(super) places: Places,
    pub(super) limits: Limits,
    pub(super) ways: Ways,
    pub(super) longest_pause: Millis,
    pub(super) known: KnownPeers,
    pub(super) sessions: BTreeMap<ConnId, PeerSession>,
    pub(super) by_id: BTreeMap<PeerId, ConnId>,
    pub(super) bans: Bans,
    /// Sessions that may have used more than their share in this batch.
    busy: BTreeSet<ConnId>,
    pub(super) exchange_due: Millis,
    pub(super) feeler_due: Millis,
    pub(super) hearsay_dials: Bucket,
    new_owners_by_inbound: NewOwnerTolls,
    /// Traffic of sessions that are gone.
    pub(super) past_traffic: TrafficStats,
    pub(super) changed: bool,
}

impl PeerManager {
    pub(crate) fn new(own_id: NodeId, config: &NodeConfig, seed: [u8; 32], now: Now) -> Self {
        Self {
            own_id,
            places: Places::of(config.max_peers),
            limits: config.limits,
            ways: config.ways,
            longest_pause: config.reconnect_interval,
            known: KnownPeers::new(Rng::new(seed)),
            sessions: BTreeMap::new(),
            by_id: BTreeMap::new(),
            bans: Bans::default(),
            busy: BTreeSet::new(),
            exchange_due: Millis::ZERO,
            feeler_due: now.mono + FEELER_EVERY,
            hearsay_dials: Bucket::full(HEARSAY_DIALS, now.mono),
            new_owners_by_inbound: NewOwnerTolls::of_all_inbound(now.mono),
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
        let session = PeerSession::new(conn, info, direction, remote, &self.limits, now);
        let feeler = self.remember(&session, now);
        if session.id.to_string() == self.own_id.to_string() {
            let message = "the peer has this node's own id";
            return refuse(ErrorCode::InvalidMessage, message, "self_connection");
        }
        if self.is_banned(Some(&session.id), &session.remote, now) {
            let message = "this peer is banned for a while";
            return refuse(ErrorCode::AuthenticationFailed, message, "banned");
        }
        if feeler {
            return Admission::Refused {
                error: None,
                reason: "feeler",
            };
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
        let inbound = direction == Direction::Inbound;
        if let Some(reason) = self.crowded(&session.remote).filter(|_| inbound) {
            let message = "there are enough peers of this node's from there";
            return refuse(ErrorCode::PeerLimitReached, message, reason);
        }
        if !self.is_full(direction) {
            self.insert(session);
            return Admission::Admitted;
        }
        let out = self.who_makes_room(&session.remote).filter(|_| inbound);
        let Some(out) = out.and_then(|out| self.sessions.get(&out)) else {
            return Admission::Full {
                dialect: session.dialect,
                others: self.some_others(&session),
            };
        };
        let goes = Admission::InPlaceOf {
            out: out.conn,
            dialect: out.dialect,
            others: self.some_others(out),
        };
        self.insert(session);
        goes
    }

    /// A few others, different ones each time, for somebody who has no place here.
    fn some_others(&self, session: &PeerSession) -> Vec<PeerEntry> {
        let mut others = self.exchange_with(session);
        let first = session.conn.0.checked_rem(others.len() as u64);
        others.rotate_left(first.unwrap_or(0) as usize);
        others.truncate(TOLD_IF_FULL);
        others
    }

    fn insert(&mut self, session: PeerSession) {
        self.by_id.insert(session.id.clone(), session.conn);
        self.sessions.insert(session.conn, session);
        self.changed = true;
    }

    /// Notes the address of a session that came up, whether or not it is taken in. Says whether
    /// the dial only asked whether anybody is there.
    fn remember(&mut self, session: &PeerSession, now: Now) -> bool {
        let Some(address) = &session.dialable else {
            return false;
        };
        let source = PeerSource::Inbound;
        let teller = Teller {
            id: session.id.clone(),
            remote: session.remote.clone(),
        };
        let Some(known) = self.known.learn(address, source, Some(&teller), now) else {
            return false;
        };
        let outbound = session.direction == Direction::Outbound;
        if !outbound && known.last_seen.is_some() && known.id.as_ref() != Some(&session.id) {
            // Anybody can say that it listens there; who answered there counts for more.
            return false;
        }
        known.id = Some(session.id.clone());
        known.own = session.id.node() == Some(self.own_id);
        known.claimed = None;
        known.score.credit(Merit::Connected, now);
        if !outbound {
            return false;
        }
        known.dialing_since = None;
        known.last_outcome = Some("connected");
        let feeler = std::mem::take(&mut known.feeler);
        self.known.answered(address, now);
        feeler
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

    /// How many nodes there are, as far as is known.
    pub(crate) fn nodes_known(&self) -> usize {
        self.known.len().max(self.sessions.len())
    }

    /// Takes a session out of the tables; its traffic stays counted.
    fn retire(&mut self, conn: ConnId) -> Option<PeerSession> {
        let session = self.sessions.remove(&conn)?;
        if self.by_id.get(&session.id) == Some(&conn) {
            self.by_id.remove(&session.id);
        }
        self.busy.remove(&conn);
        self.past_traffic.add(&session.stats);
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
    pub(crate) fn heard(&mut self, conn: ConnId, bytes: usize, signatures: usize, now: Now) {
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.last_seen = now;
            session.stats.messages_received += 1;
            session.stats.bytes_received += bytes as u64;
            session.tolls.heard(bytes, signatures, now.mono);
            self.busy.insert(conn);
        }
    }

    /// Notes that so much of what a peer said changed nothing.
    pub(crate) fn in_vain(&mut self, conn: ConnId, count: usize, now: Now) {
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.tolls.in_vain(count as u64, now.mono);
        }
    }

    /// Notes that a peer's request was refused permanently.
    pub(crate) fn asked_in_vain(&mut self, conn: ConnId, now: Now) {
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.tolls.asked_in_vain(now.mono);
        }
    }

    /// Notes that a peer said so much that is neither order nor trade.
    pub(crate) fn chatted(&mut self, conn: ConnId, count: usize, now: Now) {
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.tolls.chatted(count as u64, now.mono);
        }
    }

    /// Notes that a peer was the first to bring something.
    pub(crate) fn brought_news(&mut self, conn: ConnId) {
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.news += 1;
        }
    }

    /// Whether a peer may do this once more.
    pub(crate) fn may(&mut self, conn: ConnId, toll: Toll, now: Now) -> bool {
        let Some(session) = self.sessions.get_mut(&conn) else {
            return false;
        };
        let inbound = session.direction == Direction::Inbound;
        session.tolls.admits(toll, now.mono)
            && (!inbound
                || self.new_owners_by_inbound.admits(toll, now.mono)
                || session.tolls.is_guaranteed(toll, now.mono))
    }

    /// Whether a peer is to be blamed for what it does too often; then not again for a while.
    pub(crate) fn may_blame(&mut self, conn: ConnId, now: Now) -> bool {
        let session = self.sessions.get_mut(&conn);
        session.is_some_and(|session| session.tolls.may_blame(now.mono))
    }

    /// The peers that used more than their share in this batch: until when (monotonic) nothing is
    /// read of them, and whether they have earned blame.
    pub(crate) fn take_verdicts(&mut self, now: Now) -> Vec<(ConnId, Verdict)> {
        let busy = std::mem::take(&mut self.busy);
        let verdicts = busy.into_iter().filter_map(|conn| {
            let session = self.sessions.get_mut(&conn)?;
            Some((conn, session.tolls.take_verdict(now.mono)?))
        });
        verdicts.collect()
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
            if echo.is_some()
                && let Some(offset) = clock_offset(timestamp, said, round_trip)
            {
                session.clock_offset = Some(offset);
            }
        }
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
        let score = session.score.credit(merit, now);
        let (id, ip) = (session.id.clone(), session.remote.ip());
        let listens = session.dialable.clone();
        if let Some(known) = listens.and_then(|address| self.known.get_mut(&address)) {
            known.score.credit(merit, now);
        }
        let banned = score <= BAN_SCORE;
        if banned {
            // A name proves nothing, and a new one costs nothing.
            if let Some(node) = id.node() {
                self.bans.ban(BanTarget::Node(node), now.wall);
            }
            if let Some(ip) = ip {
                self.bans.strike(ip, now.wall);
            }
        }
        banned
    }

    /// Whether a peer, as far as it is known, may have no session here now.
    pub(super) fn is_banned(&self, id: Option<&PeerId>, remote: &PeerAddress, now: Now) -> bool {
        let key = id.and_then(PeerId::node).map(BanTarget::Node);
        let address = remote.ip().map(BanTarget::at);
        let mut targets = key.into_iter().chain(address);
        targets.any(|target| self.bans.holds(target, now.wall))
    }

    /// The bans that hold.
    pub(crate) fn bans(&self, now: Now) -> Vec<Ban> {
        self.bans.all(now.wall)
    }

    /// Bans somebody; returns the sessions that end by it.
    pub(crate) fn ban(&mut self, ban: Ban, now: Now) -> Vec<ConnId> {
        let peer = ban.peer;
        self.bans.insert(ban, now.wall);
        let gone = self.all().filter(|session| match peer {
            BanTarget::Node(node) => session.id.node() == Some(node),
            BanTarget::Address(_) => session.remote.ip().map(BanTarget::at) == Some(peer),
        });
        gone.map(|session| session.conn).collect()
    }

    /// Ends a ban; says whether it held.
    pub(crate) fn unban(&mut self, peer: BanTarget, now: Now) -> bool {
        self.bans.lift(peer, now.wall)
    }

    /// Bans of an earlier run.
    pub(crate) fn load_bans(&mut self, bans: Vec<Ban>, now: Now) {
        self.bans.load(bans, now.wall);
    }

    /// Whether the bans changed since the last call.
    pub(crate) fn take_bans_changed(&mut self) -> bool {
        self.bans.take_changed()
    }
}

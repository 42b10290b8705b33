//! The peer manager: sessions, known addresses, limits, heartbeats, reconnection, reputation.

use std::collections::{BTreeMap, BTreeSet};

use super::exchange::may_pass;
use super::known::{KnownPeer, KnownPeers, PersistedPeer};
use super::policy::{
    BAN_SCORE, BANS_LIMIT, CLOCKS_TO_ASK, DIAL_GIVE_UP, DIALS_AT_ONCE, EXCHANGE_EVERY,
    EXCHANGE_LIMIT, FIRST_BAN, FOUND_AGAIN_AFTER, HEARTBEAT_EVERY, LONGEST_BAN, Merit,
    PERSISTED_LIMIT, PLAIN_FOR, ROUND_AGAIN_AFTER, SAME_TIME, SILENCE_LIMIT, TOLD_IF_FULL,
};
use super::session::PeerSession;
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

/// An address whose turn has come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DialPlan {
    pub(crate) address: PeerAddress,
    pub(crate) expect: Option<NodeId>,
    pub(crate) plain: bool,
}

/// How many sessions there may be.
#[derive(Clone, Copy, Debug)]
struct Limits {
    all: usize,
    /// So many are left for peers that this node chose itself, so that strangers who dial in
    /// can't take every place.
    outbound: usize,
    inbound: usize,
    /// With so many none is looked for, so that who comes new finds room.
    enough: usize,
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
    own_id: NodeId,
    limits: Limits,
    longest_pause: Millis,
    known: KnownPeers,
    sessions: BTreeMap<ConnId, PeerSession>,
    by_id: BTreeMap<PeerId, ConnId>,
    /// Until when (monotonic), and how long the ban was.
    bans: BTreeMap<PeerId, (Millis, Millis)>,
    exchange_due: Millis,
    /// Traffic of sessions that are gone.
    past_traffic: TrafficStats,
    changed: bool,
}

impl PeerManager {
    pub(crate) fn new(own_id: NodeId, max_peers: usize, longest_pause: Millis) -> Self {
        Self {
            own_id,
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

    fn count(&self, direction: Direction) -> usize {
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
            if session.heartbeat_due <= now.mono {
                session.heartbeat_due = now.mono + HEARTBEAT_EVERY;
                session.heartbeat_sent = Some((now.wall, now.mono));
                due.push(session.conn);
            }
        }
        due
    }

    /// Sessions that were silent for too long.
    pub(crate) fn dead(&self, now: Now) -> Vec<ConnId> {
        let silent = |s: &&PeerSession| now.mono.since(s.last_seen.mono) >= SILENCE_LIMIT;
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

    fn is_banned(&self, id: &PeerId, now: Now) -> bool {
        self.bans
            .get(id)
            .is_some_and(|(until, _)| *until > now.mono)
    }

    /// Addresses that were given or found.
    pub(crate) fn learn(&mut self, address: &PeerAddress, source: PeerSource, now: Now) {
        self.known.learn(address, source, now);
    }

    /// An address that a source names. False if there is no room for it.
    pub(crate) fn found(
        &mut self,
        address: &PeerAddress,
        id: Option<NodeId>,
        source: PeerSource,
        now: Now,
    ) -> bool {
        if id == Some(self.own_id) {
            return true;
        }
        let Some(known) = self.known.learn(address, source, now) else {
            return false;
        };
        if known.id.is_none() {
            known.claimed = id.or(known.claimed);
        }
        known.bring_forward(FOUND_AGAIN_AFTER, now);
        true
    }

    /// Whether there is no session, and every known address failed when it was last tried.
    pub(crate) fn is_alone(&self) -> bool {
        let others = || self.known.iter().filter(|(_, known)| !known.own);
        self.sessions.is_empty() && others().all(|(_, known)| known.failures > 0)
    }

    /// Ends the pauses of all known addresses.
    pub(crate) fn bring_forward(&mut self, now: Now) {
        for known in self.known.values_mut() {
            known.bring_forward(ROUND_AGAIN_AFTER, now);
        }
        self.exchange_due = now.mono;
    }

    /// An address of this node itself.
    pub(crate) fn never_dial(&mut self, address: &PeerAddress, now: Now) {
        if let Some(known) = self.known.learn(address, PeerSource::Bootstrap, now) {
            known.own = true;
        }
    }

    /// Peers of an earlier run.
    pub(crate) fn load_persisted_peers(&mut self, peers: Vec<PersistedPeer>, now: Now) {
        for peer in peers.into_iter().take(PERSISTED_LIMIT) {
            if let Some(known) = self.known.learn(&peer.address, PeerSource::Persisted, now) {
                let id = peer.node_id.and_then(|text| text.parse().ok());
                known.id = id.map(PeerId::Node);
                known.last_seen = Some(peer.last_seen);
            }
        }
    }

    /// The peers worth keeping: those with which a session was up, the latest first.
    pub(crate) fn persisted_peers(&self, now: Now) -> Vec<PersistedPeer> {
        let connected = |address: &PeerAddress| {
            self.all()
                .any(|session| session.dialable.as_ref() == Some(address))
        };
        let mut peers: Vec<_> = self
            .known
            .iter()
            .filter(|(_, known)| !known.own)
            .filter_map(|(address, known)| {
                let up = connected(address).then_some(now.wall);
                Some(PersistedPeer {
                    node_id: known.id.as_ref().map(PeerId::to_string),
                    address: address.clone(),
                    last_seen: up.or(known.last_seen)?,
                })
            })
            .collect();
        peers.sort_by_key(|peer| std::cmp::Reverse(peer.last_seen));
        peers.truncate(PERSISTED_LIMIT);
        peers
    }

    /// Whether the peers worth keeping changed since the last call.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    pub(crate) fn dial_failed(
        &mut self,
        address: &PeerAddress,
        reason: &'static str,
        plain_peer: bool,
        rng: &mut Rng,
        now: Now,
    ) {
        let Some(known) = self.known.get_mut(address) else {
            return;
        };
        known.dialing_since = None;
        known.last_outcome = Some(reason);
        if reason == "self_connection" {
            known.own = true;
        } else if plain_peer {
            known.plain_until = Some(now.mono + PLAIN_FOR);
            known.next_attempt = now.mono;
        } else {
            if reason == "wrong_key" {
                // Somebody else lives there now: whoever answers next is welcome.
                known.id = None;
                known.claimed = None;
            }
            known.credit(Merit::DialFailed, now);
            known.back_off(self.longest_pause, rng.next(), now);
            self.known.forget_if_hopeless(address);
        }
    }

    /// The addresses to dial now, best first; each is taken as being dialed.
    pub(crate) fn take_dials(&mut self, now: Now) -> Vec<DialPlan> {
        for known in self.known.values_mut() {
            if known
                .dialing_since
                .is_some_and(|since| now.mono.since(since) >= DIAL_GIVE_UP)
            {
                known.dialing_since = None;
            }
        }
        let dialing = self
            .known
            .iter()
            .filter(|(_, k)| k.dialing_since.is_some())
            .count();
        let used = self.count(Direction::Outbound) + dialing;
        let free = self.limits.outbound.saturating_sub(used);
        let places = self
            .limits
            .enough
            .saturating_sub(self.sessions.len() + dialing);
        let room = free.min(places).min(DIALS_AT_ONCE.saturating_sub(dialing));
        if room == 0 {
            return Vec::new();
        }
        let mut ready: Vec<_> = self
            .known
            .iter()
            .filter(|(address, known)| self.may_dial(address, known, now))
            .map(|(address, known)| {
                let rank = (known.source, -known.score(now), known.failures);
                (rank, address.clone())
            })
            .collect();
        ready.sort();
        // One node at one of its addresses at a time.
        let mut nodes: BTreeSet<NodeId> = self
            .known
            .iter()
            .filter(|(_, known)| known.dialing_since.is_some())
            .filter_map(|(_, known)| known.node())
            .collect();
        ready.retain(|(_, address)| {
            let node = self.known.get(address).and_then(KnownPeer::node);
            node.is_none_or(|node| nodes.insert(node))
        });
        ready.truncate(room);
        ready
            .into_iter()
            .filter_map(|(_, address)| {
                let known = self.known.get_mut(&address)?;
                known.dialing_since = Some(now.mono);
                known.last_tried = Some(now);
                let plain = known.plain_until.is_some_and(|until| until > now.mono);
                // A plain session proves no key, so none can be expected.
                let expect = known.id.as_ref().and_then(PeerId::node).filter(|_| !plain);
                Some(DialPlan {
                    expect,
                    plain,
                    address,
                })
            })
            .collect()
    }

    /// Whether a session is up with whoever is known at this address.
    fn is_up(&self, address: &PeerAddress, known: &KnownPeer) -> bool {
        self.all()
            .any(|session| session.dialable.as_ref() == Some(address) || known.is(&session.id))
    }

    fn may_dial(&self, address: &PeerAddress, known: &KnownPeer, now: Now) -> bool {
        let banned = || {
            let id = known.id.as_ref();
            id.is_some_and(|id| self.is_banned(id, now))
        };
        !known.own
            && known.dialing_since.is_none()
            && known.next_attempt <= now.mono
            && !self.is_up(address, known)
            && !banned()
    }

    /// Whether it is time to tell all peers about peers; if so the next time is set.
    pub(crate) fn take_exchange_due(&mut self, now: Now) -> bool {
        let due = self.exchange_due <= now.mono;
        if due {
            self.exchange_due = now.mono + EXCHANGE_EVERY;
        }
        due
    }

    /// What to tell one peer: whom we are connected to, then whom we were connected to, as far as
    /// it could reach them; never itself, never us.
    pub(crate) fn exchange_list(&self, conn: ConnId) -> Vec<PeerEntry> {
        let peer = self.sessions.get(&conn);
        peer.map_or_else(Vec::new, |peer| self.exchange_with(peer))
    }

    fn exchange_with(&self, peer: &PeerSession) -> Vec<PeerEntry> {
        let entry = |address: &PeerAddress, id: Option<&String>| PeerEntry {
            node_id: id.cloned(),
            address: address.host().to_owned(),
            port: address.port(),
        };
        let connected = self
            .all()
            .filter(|other| other.conn != peer.conn)
            .filter_map(|other| {
                let address = other.dialable.as_ref()?;
                Some((address, Some(other.id.to_string())))
            });
        let before = self
            .known
            .iter()
            .filter(|(_, known)| known.last_seen.is_some() && known.failures == 0 && !known.own)
            .map(|(address, known)| (address, known.id.as_ref().map(PeerId::to_string)));
        let theirs = peer.id.to_string();
        let mut list: Vec<PeerEntry> = Vec::new();
        for (address, id) in connected.chain(before) {
            let told = |e: &PeerEntry| e.address == address.host() && e.port == address.port();
            let itself = id.as_ref() == Some(&theirs) || peer.dialable.as_ref() == Some(address);
            if list.len() < EXCHANGE_LIMIT
                && !itself
                && may_pass(address, &peer.remote)
                && !list.iter().any(told)
            {
                list.push(entry(address, id.as_ref()));
            }
        }
        list
    }

    /// Learns what a peer told. Returns how many addresses were not believed.
    pub(crate) fn learn_exchange(
        &mut self,
        conn: ConnId,
        entries: &[PeerEntry],
        now: Now,
    ) -> usize {
        let Some(peer) = self.sessions.get(&conn) else {
            return 0;
        };
        let (own_id, from) = (self.own_id.to_string(), peer.remote.clone());
        let mut refused = entries.len().saturating_sub(EXCHANGE_LIMIT);
        for entry in entries.iter().take(EXCHANGE_LIMIT) {
            if entry.node_id.as_ref() == Some(&own_id) {
                continue;
            }
            let text = match entry.address.contains(':') {
                true => format!("[{}]:{}", entry.address, entry.port),
                false => format!("{}:{}", entry.address, entry.port),
            };
            match text.parse::<PeerAddress>() {
                Ok(address) if may_pass(&address, &from) => {
                    self.known.learn(&address, PeerSource::PeerExchange, now);
                }
                _ => refused += 1,
            }
        }
        refused
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
    }
}

const fn add(sum: &mut TrafficStats, more: &TrafficStats) {
    sum.messages_received += more.messages_received;
    sum.messages_sent += more.messages_sent;
    sum.bytes_received += more.bytes_received;
    sum.bytes_sent += more.bytes_sent;
}

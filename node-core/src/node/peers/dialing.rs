//! Known addresses, and which of them to dial when.

use super::exchange::{Scope, scope};
use super::known::{KnownPeer, PersistedPeer};
use super::manager::PeerManager;
use super::places::{Party, party};
use super::policy::{
    ANCHORS, DIAL_GIVE_UP, DIALS_AT_ONCE, FEELER_EVERY, FOUND_AGAIN_AFTER, Merit,
    NAME_DIALS_AT_ONCE, OTHER_WAY_FOR, PERSISTED_LIMIT, ROUND_AGAIN_AFTER, outbound_per_party,
};
use super::table::{Counts, Origin};
use crate::collections::BTreeSet;
use crate::node::io::{ConnId, Way};
use crate::node::rng::Rng;
use crate::node::view::{Direction, PeerSource};
use crate::types::{Millis, NodeId, Now, PeerAddress, PeerId};

/// An address whose turn has come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DialPlan {
    pub(crate) address: PeerAddress,
    pub(crate) expect: Option<NodeId>,
    pub(crate) way: Way,
}

impl PeerManager {
    /// Addresses that were given or found.
    pub(crate) fn learn(&mut self, address: &PeerAddress, source: PeerSource, now: Now) {
        self.known.learn(address, source, None, now);
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
        if address.ip().is_none() && source != PeerSource::Bootstrap {
            // What a name leads to shows only when it is dialed. Only its user may name a node that
            // this one can reach and its source can't.
            return false;
        }
        let Some(known) = self.known.learn(address, source, None, now) else {
            return false;
        };
        if known.id.is_none() {
            known.claimed = id.or(known.claimed);
        }
        known.bring_forward(FOUND_AGAIN_AFTER, now);
        true
    }

    /// Ends the pauses of all addresses where a node is, or is said to be; false if none is known.
    pub(crate) fn seek(&mut self, node: NodeId, now: Now) -> bool {
        let mut any = false;
        for known in self.known.values_mut() {
            if known.node() == Some(node) && !known.own {
                known.bring_forward(FOUND_AGAIN_AFTER, now);
                any = true;
            }
        }
        any
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
        if let Some(known) = self.known.learn(address, PeerSource::Bootstrap, None, now) {
            known.own = true;
        }
    }

    /// Peers of an earlier run.
    pub(crate) fn load_persisted_peers(&mut self, peers: Vec<PersistedPeer>, now: Now) {
        for peer in peers.into_iter().take(PERSISTED_LIMIT) {
            let source = PeerSource::Persisted;
            if let Some(known) = self.known.learn(&peer.address, source, None, now) {
                known.anchor = peer.anchor;
                let id = peer.node_id.and_then(|text| text.parse().ok());
                known.id = id.map(PeerId::Node);
                known.last_seen = Some(peer.last_seen);
            }
        }
    }

    /// The peers worth keeping: those with which a session was up, the anchors first, then the
    /// latest.
    pub(crate) fn persisted_peers(&self, now: Now) -> Vec<PersistedPeer> {
        let connected = |address: &PeerAddress| {
            self.all()
                .any(|session| session.dialable.as_ref() == Some(address))
        };
        let mut dialed: Vec<_> = self
            .all()
            .filter(|session| session.direction == Direction::Outbound)
            .collect();
        dialed.sort_by_cached_key(|session| session.since);
        let anchors: Vec<_> = dialed
            .into_iter()
            .take(ANCHORS)
            .filter_map(|session| session.dialable.as_ref())
            .collect();
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
                    anchor: anchors.contains(&address),
                })
            })
            .collect();
        peers.sort_by_cached_key(|peer| {
            std::cmp::Reverse(if peer.anchor {
                Millis(u64::MAX)
            } else {
                peer.last_seen
            })
        });
        peers.truncate(PERSISTED_LIMIT);
        peers
    }

    /// Whether the peers worth keeping changed since the last call.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Whether this is an original node that can't ask for what is open here, and was not told yet,
    /// in this run. Told twice it would take each order for two.
    pub(crate) fn take_orders_untold(&mut self, conn: ConnId) -> bool {
        let session = self.sessions.get(&conn);
        let Some(session) = session.filter(|session| !session.dialect.talks_back()) else {
            return false;
        };
        let known = session
            .dialable
            .as_ref()
            .and_then(|a| self.known.get_mut(a));
        known.is_some_and(|known| !std::mem::replace(&mut known.told_orders, true))
    }

    pub(crate) fn dial_failed(
        &mut self,
        address: &PeerAddress,
        reason: &'static str,
        instead: Option<Way>,
        rng: &mut Rng,
        now: Now,
    ) {
        let Some(known) = self.known.get_mut(address) else {
            return;
        };
        known.dialing_since = None;
        known.feeler = false;
        known.last_outcome = Some(reason);
        if reason == "self_connection" {
            known.own = true;
        } else if let Some(way) = instead.filter(|way| self.ways.allows(*way)) {
            known.other_way = Some((way, now.mono + OTHER_WAY_FOR));
            known.next_attempt = now.mono;
        } else {
            // Who answers by RPC alone may be here directly the next time.
            known.other_way = known.other_way.filter(|(way, _)| *way != Way::Rpc);
            if reason == "wrong_key" {
                // Somebody else lives there now: whoever answers next is welcome.
                known.id = None;
                known.claimed = None;
            }
            known.score.credit(Merit::DialFailed, now);
            known.back_off(self.longest_pause, rng.next(), now);
            self.known.forget_if_hopeless(address);
        }
    }

    /// The addresses to dial now, best first; each is taken as being dialed.
    pub(crate) fn take_dials(&mut self, now: Now) -> Vec<DialPlan> {
        let first_way = self.ways.first();
        if !self.ways.allows(first_way) {
            return Vec::new();
        }
        for known in self.known.values_mut() {
            if known
                .dialing_since
                .is_some_and(|since| now.mono.since(since) >= DIAL_GIVE_UP)
            {
                known.dialing_since = None;
            }
        }
        let mut free_dials = self.free_dials();
        let dialing = free_dials.under_way;
        let used = self.count(Direction::Outbound) + dialing;
        let free = self.places.outbound.saturating_sub(used);
        let places = self
            .places
            .enough
            .saturating_sub(self.sessions.len() + dialing);
        let room = free.min(places);
        let mut plans = Vec::new();
        if room == 0 {
            let feeler = self.take_feeler(now);
            plans.extend(feeler.and_then(|address| self.plan(&address, first_way, now)));
            return plans;
        }
        if free_dials.numeric + free_dials.names == 0 {
            return plans;
        }
        // One node at one of its addresses at a time.
        let under_way = self.known.iter().map(|(_, known)| known);
        let under_way = under_way.filter(|known| known.dialing_since.is_some());
        let mut nodes: BTreeSet<NodeId> = under_way.filter_map(KnownPeer::node).collect();
        let mut held = self.outbound_by_party();
        for address in self.ready(now) {
            if plans.len() == room {
                break;
            }
            let Some(known) = self.known.get(&address) else {
                continue;
            };
            if known.node().is_some_and(|node| nodes.contains(&node)) {
                continue;
            }
            let counts = counts_for_party(&address, known);
            let there = held.of(&known.party);
            if counts && there >= outbound_per_party(used + plans.len()) {
                continue;
            }
            let kind = free_dials.of_kind(&address);
            if *kind == 0 {
                continue;
            }
            if !known.is_lasting() && !self.hearsay_dials.admit(1, now.mono) {
                continue;
            }
            *kind -= 1;
            nodes.extend(known.node());
            held.count(&known.party);
            plans.extend(self.plan(&address, first_way, now));
        }
        plans
    }

    /// How many dials may begin beside those that are under way.
    fn free_dials(&self) -> FreeDials {
        let dialing = self.known.iter().filter(|(_, k)| k.dialing_since.is_some());
        let (mut numeric, mut names) = (0, 0);
        for (address, _) in dialing {
            match address.ip() {
                Some(_) => numeric += 1,
                None => names += 1,
            }
        }
        // Where there are few places, names leave one of two to numeric addresses.
        let most_names = NAME_DIALS_AT_ONCE.min(self.places.outbound / 2).max(1);
        FreeDials {
            under_way: numeric + names,
            numeric: DIALS_AT_ONCE.saturating_sub(numeric),
            names: most_names.saturating_sub(names),
        }
    }

    /// The addresses that may be dialed now, best first. What peers named comes from each party in
    /// its turn, at random within one.
    fn ready(&mut self, now: Now) -> Vec<PeerAddress> {
        let ready: Vec<PeerAddress> = self
            .known
            .iter()
            .filter(|(address, known)| self.may_dial(address, known, now))
            .map(|(address, _)| address.clone())
            .collect();
        let mut ready = ready;
        ready.sort_by_cached_key(|_| self.known.random());
        let mut turns: Counts<Origin> = Counts::default();
        let mut ranked: Vec<(u64, PeerAddress)> = ready
            .into_iter()
            .filter_map(|address| {
                let known = self.known.get(&address)?;
                let turn = turns.count(&known.origin);
                Some((rank(known, turn, now), address))
            })
            .collect();
        // Stable, so what has one rank stays at random.
        ranked.sort_by_cached_key(|(rank, _)| *rank);
        ranked.into_iter().map(|(_, address)| address).collect()
    }

    /// How many sessions are up or looked for at each party's addresses.
    fn outbound_by_party(&self) -> Counts<Party> {
        let mut held = Counts::default();
        for session in self.all().filter(|s| s.direction == Direction::Outbound) {
            held.count(&party(&session.remote));
        }
        for (_, known) in self.known.iter() {
            if known.dialing_since.is_some() {
                held.count(&known.party);
            }
        }
        held
    }

    /// An address that was never tried, now and then.
    fn take_feeler(&mut self, now: Now) -> Option<PeerAddress> {
        if self.feeler_due > now.mono {
            return None;
        }
        self.feeler_due = now.mono + FEELER_EVERY;
        let untried = |known: &KnownPeer| known.last_seen.is_none() && known.last_tried.is_none();
        let chosen = self.ready(now).into_iter().find(|address| {
            let known = self.known.get(address);
            known.is_some_and(untried)
        })?;
        self.known.get_mut(&chosen)?.feeler = true;
        Some(chosen)
    }

    /// Takes an address as being dialed.
    fn plan(&mut self, address: &PeerAddress, first_way: Way, now: Now) -> Option<DialPlan> {
        let known = self.known.get_mut(address)?;
        known.dialing_since = Some(now.mono);
        known.last_tried = Some(now);
        let way = known.way(now).unwrap_or(first_way);
        // A plain session proves no key, so none can be expected.
        let proves = way != Way::Plain;
        Some(DialPlan {
            expect: known.id.as_ref().and_then(PeerId::node).filter(|_| proves),
            way,
            address: address.clone(),
        })
    }

    /// Whether a session is up with whoever is known at this address.
    pub(super) fn is_up(&self, address: &PeerAddress, known: &KnownPeer) -> bool {
        self.all()
            .any(|session| session.dialable.as_ref() == Some(address) || known.is(&session.id))
    }

    fn may_dial(&self, address: &PeerAddress, known: &KnownPeer, now: Now) -> bool {
        !known.own
            && known.dialing_since.is_none()
            && known.next_attempt <= now.mono
            && !self.is_up(address, known)
            && !self.is_banned(known.id.as_ref(), address, now)
    }
}

/// How many dials there may be besides those under way.
struct FreeDials {
    under_way: usize,
    numeric: usize,
    names: usize,
}

impl FreeDials {
    fn of_kind(&mut self, address: &PeerAddress) -> &mut usize {
        match address.ip() {
            Some(_) => &mut self.numeric,
            None => &mut self.names,
        }
    }
}

/// Whether a session there counts among those of its party: not if the user chose it.
fn counts_for_party(address: &PeerAddress, known: &KnownPeer) -> bool {
    let chosen = matches!(known.source, PeerSource::Bootstrap | PeerSource::Mdns);
    scope(address) == Some(Scope::Public) && !chosen
}

/// What is dialed before what, the lowest first: anchors, then the best source, the best score, the
/// fewest failures, and of what one party named the first at random.
fn rank(known: &KnownPeer, turn: usize, now: Now) -> u64 {
    // Scores are between -100 and 100.
    let score = u64::try_from(i32::from(i16::MAX) - known.score.at(now)).unwrap_or(0);
    let failures = u64::from(known.failures.min((1 << 20) - 1));
    let order = [
        (u64::from(!known.anchor), 1),
        (known.source as u64, 7),
        (score, 20),
        (failures, 20),
        (turn.min(usize::from(u16::MAX)) as u64, 16),
    ];
    order
        .iter()
        .fold(0, |rank, (part, bits)| rank << bits | part)
}

//! Known addresses, and which of them to dial when.

use std::collections::BTreeSet;

use super::known::{KnownPeer, PersistedPeer};
use super::manager::PeerManager;
use super::policy::{
    DIAL_GIVE_UP, DIALS_AT_ONCE, FOUND_AGAIN_AFTER, Merit, OTHER_WAY_FOR, PERSISTED_LIMIT,
    ROUND_AGAIN_AFTER,
};
use crate::node::io::{ConnId, Way};
use crate::node::rng::Rng;
use crate::node::view::{Direction, PeerSource};
use crate::types::{NodeId, Now, PeerAddress, PeerId};

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
            known.credit(Merit::DialFailed, now);
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
                let way = known.way(now).unwrap_or(first_way);
                // A plain session proves no key, so none can be expected.
                let proves = way != Way::Plain;
                let expect = known.id.as_ref().and_then(PeerId::node).filter(|_| proves);
                Some(DialPlan {
                    expect,
                    way,
                    address,
                })
            })
            .collect()
    }

    /// Whether a session is up with whoever is known at this address.
    pub(super) fn is_up(&self, address: &PeerAddress, known: &KnownPeer) -> bool {
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
}

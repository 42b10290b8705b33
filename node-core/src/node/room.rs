//! Room for the orders of others, and who finds none where there is too little.
//!
//! Below the bound all nodes keep the same. At the bound each peer has an equal share for what it
//! brings, and who is known already goes on: whoever brings ever new owners finds no room for them,
//! and nothing is taken in, told to others and forgotten again. Room that others need comes from the
//! peer by which most came: from its owners who are silent, then those with most orders, then the
//! youngest. What peers brought that are gone by now counts as one, since new keys cost nothing.
//!
//! Orders of owners that nobody knew a moment ago come only so fast by one peer, and by all that dialed
//! this node, so that a flood of them is not passed on through everybody; the first few of each have a
//! larger allowance of their own. What is left out of an honest owner's comes when its next keep-alive
//! shows that something is missing.

use super::core::Node;
use super::io::ConnId;
use super::peers::Toll;
use crate::collections::BTreeMap;
use crate::ledger::Statement;
use crate::ledger::limits::OWNERS;
use crate::types::{Millis, NodeId, Now};

/// For so long after its first order an owner is young.
const YOUNG: Millis = Millis::from_secs(30);

/// Beyond so many open orders of an owner further ones are not its first.
const FEW: usize = 5;

/// How old the shares may be by which peers are compared.
const COUNTED: Millis = Millis(200);

/// By which peer each owner's first order came.
#[derive(Debug, Default)]
pub(super) struct Brought {
    owners: BTreeMap<NodeId, First>,
    /// Open orders by the peer that brought them, of a moment ago (monotonic).
    counted: Option<(Millis, BTreeMap<Option<NodeId>, usize>)>,
}

/// How an owner came to be known.
#[derive(Clone, Copy, Debug)]
struct First {
    by: NodeId,
    /// When (monotonic).
    at: Millis,
}

/// An owner whose orders may have to go: the greatest goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Leaver {
    silent: bool,
    open: usize,
    since: Millis,
    owner: NodeId,
}

impl Node {
    /// Notes by whom an owner is known.
    pub(super) fn note_brought(&mut self, owner: NodeId, from: Option<ConnId>, now: Now) {
        let peer = from.and_then(|conn| self.peers.get(conn));
        let Some(by) = peer.and_then(|peer| peer.id.node()) else {
            return;
        };
        let owners = &mut self.brought.owners;
        if owners.len() >= 2 * OWNERS && !owners.contains_key(&owner) {
            let ledger = self.market.ledger();
            owners.retain(|owner, _| ledger.open_of(owner) > 0);
        }
        owners.entry(owner).or_insert(First { by, at: now.mono });
    }

    /// Whether an order finds no room. `sought` is what this node compared or read a book for.
    pub(super) fn is_turned_away(
        &mut self,
        place: &Statement,
        from: Option<ConnId>,
        sought: bool,
        now: Now,
    ) -> bool {
        let peer = from.and_then(|conn| self.peers.get(conn));
        let Some((conn, by)) = peer.and_then(|peer| Some((peer.conn, peer.id.node()?))) else {
            return false;
        };
        let owner = place.owner();
        let known = place
            .order_id()
            .and_then(|id| self.market.ledger().order(&id));
        if owner == by || owner == self.node_id() || known.is_some() {
            return false;
        }
        let first = self.brought.owners.get(&owner).copied();
        let young = first.is_none_or(|first| now.mono.since(first.at) < YOUNG);
        let toll = match self.market.ledger().open_of(&owner) {
            0..FEW => Toll::BringFirst,
            _ => Toll::BringYoung,
        };
        if young && !sought && !self.peers.may(conn, toll, now) {
            self.counters.count("young_owners_too_fast");
            return true;
        }
        if first.is_some() || self.others_open() < self.most_stored() {
            return false;
        }
        let turned_away = self.has_its_share(by, now);
        self.counters
            .add("orders_over_bound", u64::from(turned_away));
        turned_away
    }

    /// Whether a peer has brought as many open orders as each may bring where there is no more room.
    fn has_its_share(&mut self, peer: NodeId, now: Now) -> bool {
        let counted = self.brought.counted.as_ref();
        if counted.is_none_or(|(at, _)| now.mono.since(*at) >= COUNTED) {
            let shares = self.shares(now).into_iter();
            let shares = shares.map(|(by, owners)| (by, open(&owners))).collect();
            self.brought.counted = Some((now.mono, shares));
        }
        let shares = self.brought.counted.as_ref().map(|(_, shares)| shares);
        let of_peer = shares.and_then(|shares| shares.get(&Some(peer)).copied());
        let peers = shares.map_or(0, BTreeMap::len).max(1);
        of_peer.unwrap_or(0) >= self.most_stored() / peers
    }

    /// Where there are more open orders of others than there may be: forgets some of them.
    pub(super) fn keep_within_room(&mut self, now: Now) {
        if self.others_open() <= self.most_stored() {
            return;
        }
        let mut shares = self.shares(now);
        while self.others_open() > self.most_stored() {
            let fullest = shares.values_mut().max_by_key(|owners| open(owners));
            let leaves = fullest.and_then(|owners| {
                let (place, _) = owners.iter().enumerate().max_by_key(|(_, owner)| **owner)?;
                Some(owners.swap_remove(place).owner)
            });
            let Some(owner) = leaves else {
                return;
            };
            self.brought.owners.remove(&owner);
            let forgotten = self.market.forget_owner(owner, now);
            self.counters.add("orders_over_bound", forgotten as u64);
        }
    }

    fn most_stored(&self) -> usize {
        self.config.limits.stored_orders as usize
    }

    fn others_open(&self) -> usize {
        let ledger = self.market.ledger();
        ledger
            .open_len()
            .saturating_sub(ledger.open_of(&self.node_id()))
    }

    /// All owners with open orders but this node, by the peer that brought them.
    fn shares(&self, now: Now) -> BTreeMap<Option<NodeId>, Vec<Leaver>> {
        let own = self.node_id();
        let is_here = |node: &NodeId| self.peers.get_node(*node).is_some();
        let mut shares: BTreeMap<Option<NodeId>, Vec<Leaver>> = BTreeMap::new();
        for (owner, open) in self.market.ledger().owners() {
            if owner == own || open == 0 {
                continue;
            }
            let first = self.brought.owners.get(&owner);
            let by = match is_here(&owner) {
                true => Some(owner),
                false => first.map(|first| first.by).filter(is_here),
            };
            shares.entry(by).or_default().push(Leaver {
                silent: !self.market.ledger().is_live(&owner, now.wall),
                open,
                since: first.map_or(Millis::ZERO, |first| first.at),
                owner,
            });
        }
        shares
    }
}

/// How many open orders these owners have.
fn open(owners: &[Leaver]) -> usize {
    owners.iter().map(|owner| owner.open).sum()
}

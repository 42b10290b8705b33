//! Room for the orders of others, and who has to leave where there is too little.
//!
//! Below the bound all nodes keep the same. Above it the peer goes short by which most of them came,
//! so that one that brings an endless number of fresh owners only displaces its own; and of those
//! owners the one with the least work in its key. What peers brought that are gone by now counts as
//! one, since new keys cost nothing.

use super::core::Node;
use super::io::ConnId;
use crate::collections::BTreeMap;
use crate::ledger::limits::OWNERS;
use crate::ledger::{Work, work};
use crate::types::{NodeId, Now};

/// By which peer each owner's first order came.
#[derive(Debug, Default)]
pub(super) struct Brought(BTreeMap<NodeId, NodeId>);

/// What one peer brought, or all that are gone.
#[derive(Debug, Default)]
struct Share {
    open: usize,
    /// With how many open orders each.
    owners: Vec<(Work, NodeId, usize)>,
}

impl Node {
    /// Notes by whom an owner is known.
    pub(super) fn note_brought(&mut self, owner: NodeId, from: Option<ConnId>) {
        let peer = from.and_then(|conn| self.peers.get(conn));
        let Some(peer) = peer.and_then(|peer| peer.id.node()) else {
            return;
        };
        let by = &mut self.brought.0;
        if by.len() >= 2 * OWNERS && !by.contains_key(&owner) {
            let ledger = self.market.ledger();
            by.retain(|owner, _| ledger.open_of(owner) > 0);
        }
        by.entry(owner).or_insert(peer);
    }

    /// Where there are more open orders of others than there may be: forgets some of them, a little
    /// more than needed, since who brought what has to be counted for it.
    pub(super) fn keep_within_room(&mut self, now: Now) {
        let most = self.config.limits.stored_orders as usize;
        if self.others_open() <= most {
            return;
        }
        let mut shares = self.shares();
        while self.others_open() > most - most / 20 {
            let fullest = shares.values_mut().max_by_key(|share| share.open);
            let leaves = fullest.and_then(|share| {
                let owners = share.owners.iter().enumerate();
                let (least_work, _) = owners.max_by_key(|(_, (work, ..))| *work)?;
                let (_, owner, open) = share.owners.swap_remove(least_work);
                share.open -= open;
                Some(owner)
            });
            let Some(owner) = leaves else {
                return;
            };
            let forgotten = self.market.forget_owner(owner, now);
            self.counters.add("orders_over_bound", forgotten as u64);
        }
    }

    fn others_open(&self) -> usize {
        let ledger = self.market.ledger();
        ledger
            .open_len()
            .saturating_sub(ledger.open_of(&self.node_id()))
    }

    fn shares(&self) -> BTreeMap<Option<NodeId>, Share> {
        let own = self.node_id();
        let is_here = |node: &NodeId| self.peers.get_node(*node).is_some();
        let mut shares: BTreeMap<Option<NodeId>, Share> = BTreeMap::new();
        for (owner, open) in self.market.ledger().owners() {
            if owner == own || open == 0 {
                continue;
            }
            let by = match is_here(&owner) {
                true => Some(owner),
                false => self.brought.0.get(&owner).filter(|by| is_here(by)).copied(),
            };
            let share = shares.entry(by).or_default();
            share.open += open;
            share.owners.push((work(&owner), owner, open));
        }
        shares
    }
}

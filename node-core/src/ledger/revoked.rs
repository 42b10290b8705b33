//! Owners that are proven to have misbehaved.

use sha2::{Digest, Sha256};

use crate::collections::{BTreeMap, BTreeSet};
use crate::types::{NodeId, OrderId, TradeId};

use super::claims::Joined;
use super::order_state::leg;
use super::{Applied, Ledger, OrderState, Proof, Refusal, Retained, TradeRecord};

/// One proof for each revoked owner.
#[derive(Debug)]
pub(super) struct Revoked {
    proofs: BTreeMap<NodeId, Proof>,
    /// The owners whose proofs were forgotten since somebody asked.
    displaced: BTreeSet<NodeId>,
    pub(super) most: usize,
    evicted: u64,
}

impl Revoked {
    pub(super) const fn new(most: usize) -> Self {
        Self {
            proofs: BTreeMap::new(),
            displaced: BTreeSet::new(),
            most,
            evicted: 0,
        }
    }

    pub(super) fn contains(&self, owner: &NodeId) -> bool {
        self.proofs.contains_key(owner)
    }

    pub(super) fn len(&self) -> usize {
        self.proofs.len()
    }

    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(super) fn has_room(&self) -> bool {
        self.proofs.len() < self.most
    }

    /// Only who is revoked counts: which proof came first differs between nodes.
    pub(super) fn digest(&self, hash: &mut Sha256) {
        for owner in self.proofs.keys() {
            hash.update(owner.0);
        }
    }
}

impl Ledger {
    /// Applies a proof: its owner is revoked, and all its orders count as closed, now and later.
    /// Its trades stay. `Known` if the owner is revoked already: the first proof is kept, and any
    /// other is as good.
    ///
    /// Above [`limits::PROOFS_KEPT`] it is refused, until [`Self::forget_proof`] has made room: which
    /// proof has to go is not for the ledger to judge.
    ///
    /// [`limits::PROOFS_KEPT`]: super::limits::PROOFS_KEPT
    pub fn apply_proof(&mut self, proof: Proof) -> Applied {
        let owner = proof.owner();
        if self.revoked.contains(&owner) {
            return Applied::Known;
        }
        let mut changed = BTreeSet::new();
        if !self.revoked.has_room() {
            return self.outcome(Err(Refusal::TooManyProofs), changed);
        }
        let head = self.head_of(&owner);
        self.revoked.displaced.remove(&owner);
        self.revoked.proofs.insert(owner, proof.clone());
        self.retained.replace(&head, &[Retained::Proof(proof)]);
        self.set_revoked(&owner, &mut changed);
        self.outcome(Ok(Joined::Changed), changed)
    }

    /// Whether there is room for one more proof.
    #[must_use]
    pub fn has_room_for_proof(&self) -> bool {
        self.revoked.has_room()
    }

    /// Forgets the proof against an owner, for want of room: its orders count again. Returns them.
    pub fn forget_proof(&mut self, owner: &NodeId) -> Vec<OrderId> {
        let mut changed = BTreeSet::new();
        if let Some(proof) = self.revoked.proofs.remove(owner) {
            self.revoked.displaced.insert(*owner);
            self.revoked.evicted += 1;
            let head = self.head_of(owner);
            self.retained.replace(&[Retained::Proof(proof)], &head);
            self.set_revoked(owner, &mut changed);
        }
        changed.into_iter().collect()
    }

    /// The owners whose proofs were forgotten for want of room since the last call.
    pub fn take_displaced_proofs(&mut self) -> BTreeSet<NodeId> {
        std::mem::take(&mut self.revoked.displaced)
    }

    /// Has an owner's orders follow whether it is revoked.
    fn set_revoked(&mut self, owner: &NodeId, changed: &mut BTreeSet<OrderId>) {
        let revoked = self.revoked.contains(owner);
        for id in self.orders.ids_of(owner) {
            let set = |order: &mut OrderState| order.set_revoked(revoked);
            self.orders.update(&id, &mut self.retained, set);
            changed.insert(id);
        }
    }

    /// Whether an owner is proven to have misbehaved.
    #[must_use]
    pub fn is_revoked(&self, owner: &NodeId) -> bool {
        self.revoked.contains(owner)
    }

    /// The proof that an owner misbehaved.
    #[must_use]
    pub fn proof(&self, owner: &NodeId) -> Option<&Proof> {
        self.revoked.proofs.get(owner)
    }

    /// All proofs, one for each revoked owner, by their owners; at most [`limits::PROOFS_KEPT`].
    ///
    /// [`limits::PROOFS_KEPT`]: super::limits::PROOFS_KEPT
    pub fn proofs(&self) -> impl Iterator<Item = &Proof> {
        self.revoked.proofs.values()
    }

    /// Whether a trade stands against another one: both burn some of the same piece of an order,
    /// so that what they say together cannot be true. Both stay, and the piece counts once. What
    /// is void, or not known, is not disputed.
    #[must_use]
    pub fn is_disputed(&self, id: &TradeId) -> bool {
        let Some(trade) = self
            .trades
            .get(id)
            .filter(|trade| !self.trades.is_void(trade))
        else {
            return false;
        };
        [trade.maker_order(), trade.taker_order()]
            .into_iter()
            .any(|order| {
                let mut others = self.trades.of_order(order);
                others.any(|other| other.id() != *id && share(trade, other, order))
            })
    }
}

/// Whether two trades burn some of the same piece of an order.
pub(super) fn share(one: &TradeRecord, other: &TradeRecord, order: OrderId) -> bool {
    let pieces = leg(one, order).zip(leg(other, order));
    pieces.is_some_and(|(one, other)| one.overlaps(&other))
}

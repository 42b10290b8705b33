//! Owners that are proven to have misbehaved.

use sha2::{Digest, Sha256};

use crate::collections::{BTreeMap, BTreeSet};
use crate::types::{NodeId, OrderId, TradeId};

use super::claims::Joined;
use super::limits::PROOFS_KEPT;
use super::order_state::leg;
use super::work::{Work, work};
use super::{Applied, Ledger, OrderState, Proof, Refusal, Retained, TradeRecord};

/// One proof for each revoked owner.
#[derive(Debug)]
pub(super) struct Revoked {
    proofs: BTreeMap<NodeId, Proof>,
    by_work: BTreeSet<(Work, NodeId)>,
    pub(super) most: usize,
    evicted: u64,
}

impl Default for Revoked {
    fn default() -> Self {
        Self {
            proofs: BTreeMap::new(),
            by_work: BTreeSet::new(),
            most: PROOFS_KEPT,
            evicted: 0,
        }
    }
}

impl Revoked {
    pub(super) fn contains(&self, owner: &NodeId) -> bool {
        self.proofs.contains_key(owner)
    }

    pub(super) fn len(&self) -> usize {
        self.proofs.len()
    }

    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Keeps a proof against an owner that is not revoked yet; returns the one that had to make room.
    ///
    /// # Errors
    /// No room: all others have more work in their keys.
    fn insert(&mut self, proof: Proof) -> Result<Option<Proof>, Refusal> {
        let owner = proof.owner();
        let key = (work(&owner), owner);
        let mut made_room = None;
        if self.proofs.len() >= self.most {
            let last = self.by_work.last().copied();
            let last = last.filter(|last| key < *last);
            let (work, last) = last.ok_or(Refusal::TooManyProofs)?;
            self.by_work.remove(&(work, last));
            made_room = self.proofs.remove(&last);
            self.evicted += 1;
        }
        self.by_work.insert(key);
        self.proofs.insert(owner, proof);
        Ok(made_room)
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
    /// Above [`limits::PROOFS_KEPT`] the owner with the least work in its key makes room, the same
    /// one on all nodes.
    ///
    /// [`limits::PROOFS_KEPT`]: super::limits::PROOFS_KEPT
    pub fn apply_proof(&mut self, proof: Proof) -> Applied {
        let owner = proof.owner();
        if self.revoked.contains(&owner) {
            return Applied::Known;
        }
        let mut changed = BTreeSet::new();
        let head = self.head_of(&owner);
        let result = self.revoked.insert(proof.clone()).map(|made_room| {
            self.retained.replace(&head, &[Retained::Proof(proof)]);
            self.set_revoked(&owner, &mut changed);
            if let Some(made_room) = made_room {
                let owner = made_room.owner();
                let head = self.head_of(&owner);
                self.retained.replace(&[Retained::Proof(made_room)], &head);
                self.set_revoked(&owner, &mut changed);
            }
            Joined::Changed
        });
        self.outcome(result, changed)
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

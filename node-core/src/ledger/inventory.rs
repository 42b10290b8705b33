//! What an owner has open, in full, and the root by which its keep-alives name it.
//!
//! A keep-alive tells the root only. Whoever holds exactly what it lists knows the list by that;
//! others ask for it. Once the list is known, what it leaves out is withdrawn: that follows from the
//! newest inventory alone, so that an owner who drops an order and lists it again can't make nodes
//! differ.

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::collections::BTreeSet;
use crate::types::{Millis, NodeId, OrderId, StatementHash};

use super::{Ledger, OrderState, Statement};

/// An order, and the highest `n` that its owner used for it in its `place`, its `ord`s and its
/// `fill`s.
pub(super) type Entry = (OrderId, u64);

/// An owner's orders that are published, not closed, not wholly burned and not over, each with
/// the highest `n` that its owner used for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// The orders and their `n`, by their ids.
    pub entries: Vec<(OrderId, u64)>,
    /// The root of `entries`.
    pub root: [u8; 32],
}

impl Inventory {
    /// The inventory of these orders, in any order, each once.
    #[must_use]
    pub fn new(mut entries: Vec<(OrderId, u64)>) -> Self {
        entries.sort_unstable();
        let root = Self::root_of(&entries);
        Self { entries, root }
    }

    /// The SHA-256 over 16 bytes of id and 8 bytes of `n`, the highest first, of each entry.
    /// `entries` must be sorted by id.
    #[must_use]
    pub fn root_of(entries: &[(OrderId, u64)]) -> [u8; 32] {
        let mut hash = Sha256::new();
        for (id, n) in entries {
            hash.update(id.0);
            hash.update(n.to_be_bytes());
        }
        hash.finalize().into()
    }
}

/// Why a list is not an owner's newest inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InventoryError {
    /// It is the list of another keep-alive than the newest that is known.
    #[error("it is of another keep-alive than the newest that is known")]
    OtherHead,
    /// It has not the root that the keep-alive names: whoever gave it is wrong.
    #[error("it has not the root that the keep-alive names")]
    Root,
}

impl Ledger {
    /// An owner's inventory as its keep-alive of the time `at` names it, from what is held here.
    #[must_use]
    pub fn inventory(&self, owner: &NodeId, at: Millis) -> Inventory {
        self.inventory_before(owner, u64::MAX, at)
    }

    /// The same of the orders that were placed before the number `n` was used.
    fn inventory_before(&self, owner: &NodeId, n: u64, at: Millis) -> Inventory {
        let listed = self.listed_of(owner);
        let listed = listed.filter(|order| order.place().exp > at && order.place().n < n);
        Inventory::new(
            listed
                .map(|order| (order.id(), order.newest_sign().0))
                .collect(),
        )
    }

    /// What an owner's newest keep-alive lists, by the orders' ids; `None` as long as that is not
    /// known here.
    #[must_use]
    pub fn listed_by_head(&self, owner: &NodeId) -> Option<&[(OrderId, u64)]> {
        self.heads.list(owner)
    }

    /// Whether something is not here that an owner's newest keep-alive lists, or that list is not
    /// known. Nothing is missing of an owner without a keep-alive.
    #[must_use]
    pub fn lacks_listed(&self, owner: &NodeId) -> bool {
        match self.heads.list(owner) {
            None => self.heads.get(owner).is_some(),
            Some(list) => list.iter().any(|(id, n)| {
                let order = self.orders.get(id);
                order.is_none_or(|order| order.newest_sign().0 < *n)
            }),
        }
    }

    /// Takes in what the newest keep-alive of an owner lists. What it leaves out, and of which
    /// nothing newer is known, counts as closed from now on, unless a newer keep-alive lists it.
    /// Returns the orders that changed.
    ///
    /// # Errors
    /// Nothing has changed then; see [`InventoryError`].
    pub fn apply_inventory(
        &mut self,
        owner: NodeId,
        ka: StatementHash,
        list: Vec<(OrderId, u64)>,
    ) -> Result<Vec<OrderId>, InventoryError> {
        let head = self.heads.get(&owner).filter(|head| head.hash() == ka);
        let head = head.and_then(Statement::as_ka);
        let Some(head) = head else {
            return Err(InventoryError::OtherHead);
        };
        let Inventory { entries, root } = Inventory::new(list);
        if root != head.root {
            return Err(InventoryError::Root);
        }
        self.heads.set_list(&owner, entries);
        let mut changed = Vec::new();
        for id in self.orders.ids_of(&owner) {
            if self.follow_list(&id) {
                changed.push(id);
            }
        }
        Ok(changed)
    }

    /// Learns what the newest keep-alive of an owner lists, if exactly that is held here.
    pub(super) fn match_inventory(&mut self, owner: &NodeId) {
        let head = self.heads.get(owner).and_then(Statement::as_ka);
        let Some(ka) = head.filter(|_| self.heads.list(owner).is_none()) else {
            return;
        };
        // While an owner's orders come in one by one, counting saves most of the hashing.
        if (self.orders.listed_len(owner) as u64) < ka.cnt {
            return;
        }
        let root = ka.root;
        let held = self.inventory_before(owner, ka.n, ka.ts);
        if held.root == root {
            self.heads.set_list(owner, held.entries);
        }
    }

    /// Does so for the owners of orders that changed, and withdraws those of them that their
    /// owners' lists leave out.
    pub(super) fn follow_inventories(&mut self, changed: &BTreeSet<OrderId>) {
        for id in changed {
            self.follow_list(id);
        }
        let orders = changed.iter().filter_map(|id| self.orders.get(id));
        let owners: BTreeSet<NodeId> = orders.map(OrderState::owner).collect();
        for owner in owners {
            self.match_inventory(&owner);
        }
    }

    /// Sets whether an order is withdrawn, if its owner's newest list is known. Says if that
    /// changed.
    fn follow_list(&mut self, id: &OrderId) -> bool {
        let Some(order) = self.orders.get(id) else {
            return false;
        };
        let owner = order.owner();
        let (Some(list), Some(head)) = (self.heads.list(&owner), self.heads.get(&owner)) else {
            return false;
        };
        let listed = list.binary_search_by_key(id, |(id, _)| *id).is_ok();
        let left_out = head.n().filter(|_| !listed);
        let before = order.withdrawn();
        let follow = |order: &mut OrderState| {
            order.set_withdrawn(left_out);
            order.withdrawn() != before
        };
        self.orders.update(id, &mut self.retained, follow) == Some(true)
    }
}

//! What an owner has open, in full, and the root by which its keep-alives name it.

use sha2::{Digest, Sha256};

use crate::types::{Millis, NodeId, OrderId};

use super::Ledger;

/// An owner's orders that are published, not closed, not wholly burned and not over, each with
/// the highest `n` that its owner used for it in its `place`, its `ord`s and its `fill`s.
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

impl Ledger {
    /// An owner's inventory as its keep-alive of the time `at` names it, from what is held here.
    #[must_use]
    pub fn inventory(&self, owner: &NodeId, at: Millis) -> Inventory {
        let listed = self.listed_of(owner);
        let listed = listed.filter(|order| order.place().exp > at);
        Inventory::new(
            listed
                .map(|order| (order.id(), order.newest_sign().0))
                .collect(),
        )
    }
}

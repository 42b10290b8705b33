//! What nodes compare with each other: everything from which another node comes to hold the same.

use crate::types::{Millis, NodeId};

use super::{Ledger, OrderState, OrderStatus, Proof, RetainedItems, Statement, TradeRecord};

/// The first bytes of a thing's name, by which it is announced, asked for and found.
pub type Prefix = [u8; 8];

/// The prefix of a name.
pub(crate) fn prefix_of(id: &[u8; 32]) -> Prefix {
    let mut prefix = Prefix::default();
    prefix.copy_from_slice(&id[..size_of::<Prefix>()]);
    prefix
}

/// One thing that a ledger holds and another may lack. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retained {
    /// A keep-alive, or what an owner said of one of its orders.
    Statement(Statement),
    /// A trade.
    Trade(TradeRecord),
    /// That an owner is revoked, and why.
    Proof(Proof),
}

impl Retained {
    /// Its name, the same on all nodes: the statement's hash, the trade's id or what
    /// [`Proof::hash`] gives.
    #[must_use]
    pub fn id(&self) -> [u8; 32] {
        match self {
            Self::Statement(statement) => statement.hash().0,
            Self::Trade(trade) => trade.id().0,
            Self::Proof(proof) => proof.hash(),
        }
    }

    /// When it was signed; zero for a proof, which holds at any time.
    #[must_use]
    pub fn ts(&self) -> Millis {
        match self {
            Self::Statement(statement) => statement.ts(),
            Self::Trade(trade) => trade.ts(),
            Self::Proof(_) => Millis::ZERO,
        }
    }
}

impl Ledger {
    /// Everything that nodes compare with each other: the newest keep-alives, what is said of every
    /// order that its owner published or closed, the trades and the proofs. What follows from others
    /// of these is left out: orders that are filled, over, withdrawn or a revoked owner's.
    #[must_use]
    pub const fn retained(&self) -> &RetainedItems {
        self.retained.items()
    }

    /// The retained thing whose name begins with these bytes.
    #[must_use]
    pub fn find_retained(&self, prefix: &Prefix) -> Option<&Retained> {
        self.retained.find(prefix)
    }

    /// What is retained of an owner but for its orders: its newest keep-alive, or nothing.
    pub(super) fn head_of(&self, owner: &NodeId) -> Vec<Retained> {
        let head = self.head(owner).filter(|_| !self.is_revoked(owner));
        head.cloned().map(Retained::Statement).into_iter().collect()
    }

    /// The same as [`Self::retained`], found anew.
    #[cfg(test)]
    pub(super) fn retained_anew(&self) -> Vec<Retained> {
        let heads = self.heads();
        let heads = heads.flat_map(|head| self.head_of(&head.owner()));
        let said = self.orders.iter().flat_map(said_of);
        let trades = self.trades.iter().cloned().map(Retained::Trade);
        let proofs = self.proofs().cloned().map(Retained::Proof);
        let mut all: Vec<_> = heads.chain(said).chain(trades).chain(proofs).collect();
        all.sort_by_key(|item| (item.ts(), item.id()));
        all.dedup_by_key(|item| item.id());
        all
    }
}

/// What is retained of an order.
pub(super) fn said_of(order: &OrderState) -> Vec<Retained> {
    match is_compared(order) {
        true => order
            .statements()
            .cloned()
            .map(Retained::Statement)
            .collect(),
        false => Vec::new(),
    }
}

fn is_compared(order: &OrderState) -> bool {
    let said = order.published() || order.closing().is_some();
    // Whether a list left a closed order out as well depends on what was known first.
    let withdrawn = order.withdrawn() && order.closing().is_none();
    let follows =
        order.expired() || order.revoked() || withdrawn || order.status() == OrderStatus::Filled;
    said && !follows
}

//! What nodes compare with each other: everything from which another node comes to hold the same.

use crate::types::Millis;

use super::{Ledger, OrderState, OrderStatus, Proof, Statement, TradeRecord};

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
    /// Everything that nodes compare with each other, in no order of meaning: the newest
    /// keep-alives, what is said of every order that its owner published or closed, the trades and
    /// the proofs. What follows from others of these is left out: orders that are filled, over,
    /// withdrawn or a revoked owner's.
    pub fn retained(&self) -> impl Iterator<Item = Retained> + '_ {
        let heads = self.heads();
        let heads = heads.filter(|head| !self.is_revoked(&head.owner()));
        let orders = self.orders.iter().filter(|order| is_compared(order));
        let said = orders.flat_map(OrderState::statements);
        heads
            .chain(said)
            .cloned()
            .map(Retained::Statement)
            .chain(self.trades.iter().cloned().map(Retained::Trade))
            .chain(self.proofs().cloned().map(Retained::Proof))
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

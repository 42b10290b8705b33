//! What applying something to the ledger did.

use thiserror::Error;

use crate::types::OrderId;

/// What applying a statement or a trade did. Only what is [`Self::New`] is worth passing on:
/// relaying exactly that keeps gossip from going round in circles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The ledger changed.
    New {
        /// The orders whose state may have changed, each once.
        changed: Vec<OrderId>,
    },
    /// It was known.
    Known,
    /// Something newer was known; nothing changed.
    Stale,
    /// It is dated in the future and was set aside; [`Ledger::release_due`] gives it back.
    ///
    /// [`Ledger::release_due`]: super::Ledger::release_due
    Quarantined,
    /// It does not count here; nothing changed.
    Refused(Refusal),
}

impl Applied {
    /// Whether the ledger changed.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        matches!(self, Self::New { .. })
    }
}

/// Why a verified statement or trade does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The order is another owner's.
    #[error("the order is another owner's")]
    NotOwner,
    /// The order is closed, and the statement says that it is open. With the closing statement
    /// it proves that the owner cheats.
    #[error("the order is closed for good")]
    Reopens,
    /// The order's time is over, or the `ka` is from so long ago that its owner is gone.
    #[error("its time is over")]
    Expired,
    /// A `req`, `fill` or `rej` goes from node to node, and counts here only within a trade.
    #[error("this kind counts within a trade only")]
    NotReplicated,
    /// The owner has as many open orders as one may have.
    #[error("the owner has too many open orders")]
    TooManyOpenOrders,
    /// There are as many owners as are kept.
    #[error("there are too many owners")]
    TooManyOwners,
    /// There are as many proofs as are kept.
    #[error("there are too many proofs")]
    TooManyProofs,
    /// Too many statements wait for their order's `place`.
    #[error("too many statements wait for their order")]
    TooManyOrphans,
    /// Too much is dated in the future.
    #[error("too much is dated in the future")]
    TooManyEarly,
    /// It is not open, and older than all such orders that are remembered.
    #[error("older than all that is remembered")]
    TooOld,
    /// Another `place` has this id. It takes 2^64 tries to make two of one id, both one's own.
    #[error("another order has this id")]
    IdTaken,
}

impl Refusal {
    /// The stable label under which it is counted.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotOwner => "not_owner",
            Self::Reopens => "reopens",
            Self::Expired => "expired",
            Self::NotReplicated => "not_replicated",
            Self::TooManyOpenOrders => "too_many_open_orders",
            Self::TooManyOwners => "too_many_owners",
            Self::TooManyProofs => "too_many_proofs",
            Self::TooManyOrphans => "too_many_orphans",
            Self::TooManyEarly => "too_many_early",
            Self::TooOld => "too_old",
            Self::IdTaken => "id_taken",
        }
    }
}

/// How much a ledger holds, and how often a bound was felt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerStats {
    /// Orders, in whatever state.
    pub orders: usize,
    /// Orders that are open.
    pub open: usize,
    /// Owners of orders.
    pub owners: usize,
    /// Owners of whom a `ka` is known.
    pub heads: usize,
    /// Owners that are revoked.
    pub revoked: usize,
    /// Trades.
    pub trades: usize,
    /// Orders without a `place` that statements wait for, by signer.
    pub orphans: usize,
    /// Statements and trades that are dated in the future.
    pub quarantined: usize,
    /// How often something was refused.
    pub refused: u64,
    /// How often something had to make room for something else.
    pub evicted: u64,
}

//! The bounds of what a node stores, as values: a simulated network reaches small ones.

use super::{answers, gossip, recent, router, takes, wanted};
use crate::ledger::LedgerBounds;

/// How much a node stores of each kind beside what its user sets in [`Limits`](super::Limits).
/// No user sets these: [`DEFAULT`](Self::DEFAULT) is what nodes run with. Each is at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeBounds {
    /// The ledger's bounds.
    pub ledger: LedgerBounds,
    /// Refusals kept until their requests are over.
    pub refusals: usize,
    /// Maker orders, and owners, that are not asked for a while.
    pub avoided: usize,
    /// Nodes to which a way is remembered.
    pub paths: usize,
    /// Forwarded messages remembered, so that each is taken once.
    pub forwards_seen: usize,
    /// Addressed messages that wait for a way.
    pub waiting_messages: usize,
    /// News of others that waits a moment before it is passed on.
    pub held_news: usize,
    /// Statements, trades and proofs remembered as having come lately.
    pub recent_news: usize,
    /// What waits to be asked of one peer.
    pub wanted_per_peer: usize,
}

impl NodeBounds {
    /// The bounds that nodes run with.
    pub const DEFAULT: Self = Self {
        ledger: LedgerBounds::DEFAULT,
        refusals: answers::MAX_ANSWERS,
        avoided: takes::AVOIDED_LIMIT,
        paths: router::PATHS_LIMIT,
        forwards_seen: router::SEEN_LIMIT,
        waiting_messages: router::QUEUE_LIMIT,
        held_news: gossip::HELD,
        recent_news: recent::LIMIT,
        wanted_per_peer: wanted::QUEUE_LIMIT,
    };
}

impl Default for NodeBounds {
    fn default() -> Self {
        Self::DEFAULT
    }
}

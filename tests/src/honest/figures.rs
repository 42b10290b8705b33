//! What came of one phase.

use std::collections::BTreeMap;
use std::time::Duration;

/// What honest nodes saw of what was placed in one phase.
#[derive(Clone, Debug, Default)]
pub struct PhaseFigures {
    /// Orders that were placed.
    pub orders: u64,
    /// Orders that their own node refused.
    pub refused: u64,
    /// From placing to each other node's book.
    pub order: Latency,
    /// Pairs of an order and another node that it never came to.
    pub lost: u64,
    /// Purchases that became trades.
    pub trades: u64,
    /// Purchases that didn't.
    pub unfilled: u64,
    /// From a purchase to each node's event of the trade.
    pub trade: Latency,
    /// Pairs of a trade and a node that never heard of it.
    pub lost_trades: u64,
    /// Pairs of a trade and a node that shows it unlike another.
    pub different: u64,
    /// Orders that their own node refused, by the code of the error: of all kinds, not only those
    /// that are counted in `orders`.
    pub codes: BTreeMap<String, u64>,
    /// Pairs of an order that stands and a node whose book had it no more.
    pub missing: u64,
    /// Pairs of an order that stands and a node whose book had another amount of it.
    pub amounts: u64,
    /// The most pieces that one honest order was sold in.
    pub most_pieces: u64,
    /// The most trades that one node was a side of, all phases together.
    pub own_trades: u64,
    /// Sessions of honest nodes that ended.
    pub disconnects: u64,
}

impl PhaseFigures {
    /// Whether all that was placed or traded came everywhere, and everywhere as the same.
    #[must_use]
    pub fn nothing_is_lost(&self) -> bool {
        let refused = self.refused == 0 && self.codes.is_empty();
        let gone = self.lost + self.missing + self.lost_trades;
        refused && gone + self.different + self.amounts == 0
    }
}

/// How long things took.
#[derive(Clone, Debug, Default)]
pub struct Latency(Vec<Duration>);

impl Latency {
    pub(super) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(super) fn sort(&mut self) {
        self.0.sort_unstable();
    }

    /// What so many percent do not exceed; `None` of nothing.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Option<Duration> {
        let last = self.0.len().checked_sub(1)?;
        self.0.get(last * percent / 100).copied()
    }
}

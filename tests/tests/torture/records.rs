//! What nodes have confirmed to their users.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use meshbook::node::Trade;
use meshbook::types::{Amount, OrderId, TradeId};

/// An order that a node has taken.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    /// The member that took it.
    pub(crate) member: usize,
    pub(crate) amount: Amount,
    /// It stands until it is filled or its user cancels it.
    pub(crate) stands: bool,
}

/// Everything that was confirmed so far.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) trades: BTreeMap<TradeId, Trade>,
    pub(crate) orders: BTreeMap<OrderId, Accepted>,
    /// Cancelled, and the node has said so.
    pub(crate) cancelled: BTreeSet<OrderId>,
    /// Perhaps cancelled: the node was killed before it could say.
    pub(crate) perhaps_cancelled: BTreeSet<OrderId>,
    /// Refusals by their code.
    pub(crate) refused: BTreeMap<String, u64>,
    /// Requests whose node was killed before it answered.
    pub(crate) unanswered: u64,
}

/// The confirmations of all nodes, shared by all who hear of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Records(Arc<Mutex<Book>>);

impl Records {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap()
    }

    /// A node has confirmed this trade to a user.
    pub(crate) fn confirm(&self, trade: &Trade) {
        let mut book = self.lock();
        let known = book.trades.entry(trade.id).or_insert_with(|| trade.clone());
        assert_eq!(known, trade, "one trade, told in two ways");
    }

    pub(crate) fn refuse(&self, code: String) {
        *self.lock().refused.entry(code).or_default() += 1;
    }
}

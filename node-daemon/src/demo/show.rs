//! What the demo shows: the books and trades of its nodes, side by side.

use std::collections::BTreeSet;

use meshbook::node::{BookSnapshot, Level, Trade};
use meshbook::types::TradeId;
use serde::Serialize;

use super::nodes::DemoNode;
use crate::failure::Failure;
use crate::output;

/// Levels a side that are compared and in the end shown.
const DEPTH: usize = 1000;
/// Trades that are compared.
const TRADES: usize = 100_000;
/// Levels and trades that are shown of each node.
const SHOWN: usize = 5;

/// What one node sees.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Sight {
    pub(super) node: &'static str,
    pub(super) book: BookSnapshot,
    pub(super) trades: Vec<Trade>,
}

impl Sight {
    /// Asks a node what it sees now.
    pub(super) async fn of(node: &DemoNode) -> Result<Self, Failure> {
        Ok(Self {
            node: node.user,
            book: node.control.get("book", &[("depth", DEPTH)]).await?,
            trades: node.control.get("trades", &[("limit", TRADES)]).await?,
        })
    }

    /// What must be the same on all nodes: the levels, and the trades whatever their order.
    pub(super) fn essence(&self) -> (&[Level], &[Level], BTreeSet<TradeId>) {
        let trades = self.trades.iter().map(|trade| trade.id).collect();
        (&self.book.bids, &self.book.asks, trades)
    }

    /// Its book and its last trades as text.
    fn text(&self) -> String {
        let mut book = self.book.clone();
        book.bids.truncate(SHOWN);
        book.asks.truncate(SHOWN);
        let mut text = format!("{}'s node\n{}", self.node, output::book(&book));
        text += &format!("trades: {}\n", self.trades.len());
        for trade in self.trades.iter().take(SHOWN) {
            text += &format!(
                "{} {} {} at {}\n",
                trade.id.short(),
                trade.taker_side,
                trade.amount,
                trade.price
            );
        }
        text
    }
}

/// All that the nodes see, next to each other.
pub(super) fn side_by_side(sights: &[Sight]) -> String {
    let blocks: Vec<String> = sights.iter().map(Sight::text).collect();
    output::side_by_side(&blocks)
}

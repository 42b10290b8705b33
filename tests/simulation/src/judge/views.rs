//! What is checked of one node's view when it changes.

use std::collections::BTreeMap;

use meshbook::ledger::TradeRecord;
use meshbook::node::{Event, Node, Output};
use meshbook::types::{OrderId, TradeId};

use super::rules;
use crate::host::Batch;
use crate::world::World;

impl World {
    /// Looks at what a batch changed in its node, before any of it leaves.
    pub(crate) fn judge_batch(&mut self, host: usize, batch: &mut Batch) {
        let Some(node) = &self.hosts[host].node else {
            return;
        };
        let mut own = false;
        for output in &batch.outputs {
            match output {
                Output::Event(Event::Trade { trade, own: mine }) => {
                    own |= mine;
                    if let Some(trade) = node.ledger().trade(&trade.id) {
                        batch.trades.push(trade.clone());
                    }
                }
                Output::Event(Event::Order { .. }) => own = true,
                _ => {}
            }
        }
        let orders = batch.trades.iter();
        let orders = orders.flat_map(|trade| [trade.maker_order(), trade.taker_order()]);
        for order in orders {
            if let Err(found) = filled_right(node, &order) {
                self.judge
                    .fail(rules::FILLED, format!("node {host}: {found}"));
                return;
            }
        }
        let forgetful = self.judge.forgetful.contains(&host);
        if own
            && !forgetful
            && let Err(found) = self.holds_right(node)
        {
            self.judge
                .fail(rules::PIECES, format!("node {host}: {found}"));
        }
    }

    /// A node has read what an earlier process wrote: nothing that was told may be gone.
    pub(crate) fn judge_restored(&mut self, host: usize) {
        let Some(node) = &self.hosts[host].node else {
            return;
        };
        let trades: Vec<TradeRecord> = node.ledger().trades(usize::MAX).cloned().collect();
        let has = |trade: &TradeId| node.ledger().trade(trade).is_some();
        if let Some(lost) = self.judge.told[host].iter().find(|trade| !has(trade)) {
            let found = format!("node {host} has forgotten its trade {}", lost.short());
            self.judge.fail(rules::TOLD, found);
        }
        let open = node.user_orders().len() as u64;
        let in_doubt = node.takes_in_flight().count() as u64;
        for trade in &trades {
            self.judge.trade(trade);
        }
        let counts = &mut self.judge.counts;
        if open > 0 {
            counts.one("restarts: with open orders");
            counts.more("restarts: open orders", open);
        }
        counts.more("restarts: takes in doubt", in_doubt);
    }
}

/// The filled amount of an order in one view, recomputed from the view's trades.
fn filled_right(node: &Node, order: &OrderId) -> Result<(), String> {
    let ledger = node.ledger();
    let Some(state) = ledger.order(order) else {
        return Ok(());
    };
    let amount = state.place().amt.units();
    let mut pieces: Vec<(u128, u128)> = ledger
        .trades_of(*order)
        .map(|trade| leg(trade, order))
        .collect();
    pieces.sort_unstable();
    let (mut sum, mut end) = (0, 0);
    for (from, to) in pieces {
        sum += to.saturating_sub(from.max(end));
        end = end.max(to);
    }
    let filled = state.filled().units();
    // Of a trade that made room for others, what it burned is left.
    let forgotten = ledger.stats().evicted > 0 && filled > sum && filled <= amount;
    if forgotten {
        return Ok(());
    }
    if filled != sum || sum > amount {
        let short = order.short();
        return Err(format!(
            "order {short} of {amount}: {filled} filled, {sum} by its trades"
        ));
    }
    Ok(())
}

/// What a trade burns of this order, which is a side of it.
fn leg(trade: &TradeRecord, order: &OrderId) -> (u128, u128) {
    let piece = match trade.maker_order() == *order {
        true => trade.maker_piece(),
        false => trade.taker_piece(),
    };
    (piece.start().units(), piece.end().units())
}

impl World {
    /// No two requests in flight hold one piece, and none holds what is burned. A rogue can burn
    /// what it has refused before; that stands until its taker shows the refusal.
    fn holds_right(&self, node: &Node) -> Result<(), String> {
        let mut held: BTreeMap<OrderId, Vec<(u128, u128)>> = BTreeMap::new();
        for take in node.takes_in_flight() {
            let piece = (take.piece.start().units(), take.piece.end().units());
            held.entry(take.order).or_default().push(piece);
        }
        for (order, mut pieces) in held {
            let trades = node.ledger().trades_of(order);
            let honest = trades.filter(|trade| self.judge.is_honest(&trade.fill().owner()));
            pieces.extend(honest.map(|trade| leg(trade, &order)));
            pieces.sort_unstable();
            let overlap = pieces.windows(2).find(|pair| match pair {
                [a, b] => b.0 < a.1,
                _ => false,
            });
            if let Some(overlap) = overlap {
                let short = order.short();
                return Err(format!(
                    "order {short} holds what is held or burned: {overlap:?}"
                ));
            }
        }
        Ok(())
    }
}

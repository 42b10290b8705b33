//! What must be so once everything is well: all nodes show one book, and nothing is left undone.

use std::collections::{BTreeMap, BTreeSet};

use meshbook::ledger::{Place, PlaceTif, Statement, smallest_piece};
use meshbook::node::Node;
use meshbook::types::{Amount, OrderId, Price, Side, TradeId};

use super::rules;
use crate::bounds::Bound;
use crate::world::World;

/// A rule that does not hold yet, and where.
type Disagreement = (&'static str, String);

impl World {
    /// What the nodes do not agree on, if anything.
    pub(crate) fn disagreement(&self) -> Option<Disagreement> {
        let checks = [
            Self::all_run,
            Self::one_tape,
            Self::one_book,
            Self::no_takes,
        ];
        let found = checks.iter().find_map(|check| check(self).err());
        found.or_else(|| self.nothing_crosses().err())
    }

    fn nodes(&self) -> impl Iterator<Item = (usize, &Node)> {
        let hosts = self.hosts.iter().enumerate();
        hosts.filter_map(|(index, host)| Some((index, host.node.as_ref()?)))
    }

    fn all_run(&self) -> Result<(), Disagreement> {
        match self.hosts.iter().position(|host| host.node.is_none()) {
            Some(down) => Err((rules::AGREE, format!("node {down} is down"))),
            None => Ok(()),
        }
    }

    fn one_tape(&self) -> Result<(), Disagreement> {
        // Which are kept of many depends on what came first.
        if self.scenario.bounds.contains(&Bound::Trades) {
            return Ok(());
        }
        let trades_of = |node: &Node| -> BTreeSet<TradeId> {
            let trades = node.ledger().trades(usize::MAX);
            let compared = trades.filter(|trade| {
                let honest = |of: &Statement| self.judge.is_honest(&of.owner());
                !self.is_unquiet() || honest(trade.maker()) || honest(trade.taker())
            });
            compared.map(meshbook::ledger::TradeRecord::id).collect()
        };
        // What anybody has must be everywhere, and what was confirmed to a user must be there.
        let mut all: BTreeSet<TradeId> = self.nodes().flat_map(|(_, n)| trades_of(n)).collect();
        all.extend(self.judge.confirmed_trades());
        for (index, node) in self.nodes() {
            let trades = trades_of(node);
            if trades != all {
                let missing: Vec<String> = all.difference(&trades).map(TradeId::short).collect();
                let more: Vec<String> = trades.difference(&all).map(TradeId::short).collect();
                let first = all.symmetric_difference(&trades).next();
                let holds = |(_, node): &(usize, &Node)| {
                    first.is_some_and(|trade| node.ledger().trade(trade).is_some())
                };
                let holders: Vec<usize> = self.nodes().filter(holds).map(|(i, _)| i).collect();
                let found = format!(
                    "node {index} lacks trades {missing:?} and has {more:?}; \
                     the first is known to {holders:?}"
                );
                return Err((rules::AGREE, found));
            }
        }
        Ok(())
    }

    fn one_book(&self) -> Result<(), Disagreement> {
        // What is open is what its owner shows; of a rogue's orders, what everybody shows.
        let mut open: BTreeMap<OrderId, Amount> = BTreeMap::new();
        if let Some((_, node)) = self.nodes().next() {
            let of_rogues = self.compared(node);
            open.extend(of_rogues.filter(|(id, _)| self.is_of_rogue(node, id)));
        }
        for (index, node) in self.nodes() {
            let own: BTreeSet<OrderId> = node.user_orders().iter().map(|o| o.id).collect();
            let shown: BTreeMap<OrderId, Amount> = node.shown_orders().collect();
            for id in &own {
                let rests = self.judge.was_published(id);
                let state = node.ledger().order(id);
                let left = state.is_some_and(|state| !state.open().is_zero());
                match shown.get(id) {
                    Some(amount) => {
                        open.insert(*id, *amount);
                    }
                    None if rests && left => {
                        let found = format!("node {index} does not show its own {}", id.short());
                        return Err((rules::AGREE, found));
                    }
                    None => {}
                }
            }
        }
        for (index, node) in self.nodes() {
            let shown: BTreeMap<OrderId, Amount> = self.compared(node).collect();
            if shown != open {
                let found = difference(&open, &shown);
                let ids = open.keys().chain(shown.keys());
                let first = ids.filter(|id| open.get(id) != shown.get(id)).min();
                let views = first.map_or_else(String::new, |id| self.views_of(id));
                return Err((rules::AGREE, format!("node {index}: {found}; {views}")));
            }
        }
        Ok(())
    }

    /// Whether rogues' orders and trades need not be the same everywhere: rogues go on, or there
    /// is room for honest owners only.
    fn is_unquiet(&self) -> bool {
        self.scenario.never_rests() || !self.scenario.bounds.is_empty()
    }

    fn is_of_rogue(&self, node: &Node, id: &OrderId) -> bool {
        let order = node.ledger().order(id);
        order.is_some_and(|order| !self.judge.is_honest(&order.owner()))
    }

    /// The orders that a node shows and all have to.
    fn compared<'a>(&'a self, node: &'a Node) -> impl Iterator<Item = (OrderId, Amount)> + 'a {
        let shown = node.shown_orders();
        shown.filter(|(id, _)| !self.is_unquiet() || !self.is_of_rogue(node, id))
    }

    /// What each node holds of an order.
    fn views_of(&self, id: &OrderId) -> String {
        let view = |(index, node): (usize, &Node)| {
            let held = node.ledger().order(id).map(|state| {
                let (status, filled, open) = (state.status(), state.filled(), state.open());
                format!("{status:?}, {filled} filled, {open} open")
            });
            let own = node.order(id).map(|order| order.status);
            let held = held.unwrap_or_else(|| "nothing".to_owned());
            match own {
                Some(own) => format!("node {index}, its owner, has it as {own:?}: {held}"),
                None => format!("node {index}: {held}"),
            }
        };
        let views: Vec<String> = self.nodes().map(view).collect();
        format!("of {}: {}", id.short(), views.join("; "))
    }

    fn no_takes(&self) -> Result<(), Disagreement> {
        for (index, node) in self.nodes() {
            let mut takes = node.takes_in_flight();
            // A maker that lost its answer can neither repeat nor contradict it.
            let waiting = takes.find(|take| {
                self.judge.is_honest(&take.owner) && !self.judge.is_forgetful(&take.owner)
            });
            if let Some(take) = waiting {
                let found = format!("node {index} waits for take {}", take.take.short());
                return Err((rules::RESOLVED, found));
            }
        }
        Ok(())
    }

    fn nothing_crosses(&self) -> Result<(), Disagreement> {
        let Some((_, node)) = self.nodes().next() else {
            return Ok(());
        };
        let shown = node.shown_orders().filter_map(|(id, open)| {
            let order = node.ledger().order(&id)?;
            Some((id, order.place(), order.statement(), open))
        });
        let (bids, asks): (Vec<_>, Vec<_>) = shown.partition(|(_, p, _, _)| p.side == Side::Buy);
        let best: Option<Price> = bids.iter().map(|(_, place, _, _)| place.px).max();
        for (ask, asked, ask_statement, ask_open) in &asks {
            if best.is_none_or(|best| best < asked.px) {
                continue;
            }
            for (bid, place, bid_statement, bid_open) in &bids {
                // A user's own orders may stand against each other, if it wants that.
                let same = ask_statement.owner() == bid_statement.owner() && asked.u == place.u;
                let honest = |s: &Statement| self.judge.is_honest(&s.owner());
                let both = honest(ask_statement) && honest(bid_statement);
                // A post-only order never takes. What is too small to take from it crosses it until
                // somebody else takes one of the two: it could be cancelled at will otherwise.
                let resolvable = can_take(place, *bid_open, asked, *ask_open)
                    || can_take(asked, *ask_open, place, *bid_open);
                if place.px >= asked.px && !same && both && resolvable {
                    let found = format!("bid {} crosses ask {}", bid.short(), ask.short());
                    return Err((rules::CROSSING, found));
                }
            }
        }
        Ok(())
    }
}

/// Whether an order can take from another: a smallest piece of it, or all that is open.
fn can_take(taker: &Place, has: Amount, maker: &Place, open: Amount) -> bool {
    taker.tif != PlaceTif::Post && has >= smallest_piece(maker.amt).min(open)
}

fn difference(open: &BTreeMap<OrderId, Amount>, shown: &BTreeMap<OrderId, Amount>) -> String {
    let missing = open.iter().filter(|(id, _)| !shown.contains_key(id));
    let missing: Vec<String> = missing.map(|(id, _)| id.short()).collect();
    let more = shown.iter().filter(|(id, _)| !open.contains_key(id));
    let more: Vec<String> = more.map(|(id, _)| id.short()).collect();
    let other = open
        .iter()
        .filter_map(|(id, amount)| Some((id, amount, shown.get(id)?)));
    let other: Vec<String> = other
        .filter(|(_, a, b)| a != b)
        .map(|(id, a, b)| format!("{}: {a} is open, {b} shown", id.short()))
        .collect();
    format!("lacks {missing:?}, shows {more:?} besides, differs in {other:?}")
}

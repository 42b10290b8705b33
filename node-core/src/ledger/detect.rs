//! What of the ledger a new statement or trade is held against, to find owners who cheat.
//!
//! This only looks, and never changes what follows from what is applied: a proof counts when it
//! is applied itself.

use crate::types::{NodeId, OrderId};

use super::claims::{Claims, subject};
use super::limits::COMPARED_TRADES;
use super::order_state::leg;
use super::revoked::share;
use super::{Ledger, OrdStatus, OrderState, Proof, Statement, TradeRecord};

impl Ledger {
    /// Proofs of misbehaviour that what was applied since the last call gives, one an owner; at
    /// most [`limits::FOUND_KEPT`]. They change nothing here until they are applied.
    ///
    /// [`limits::FOUND_KEPT`]: super::limits::FOUND_KEPT
    pub fn take_found_proofs(&mut self) -> Vec<Proof> {
        let mut found = self.watch.take_found();
        found.retain(|proof| !self.revoked.contains(&proof.owner()));
        found
    }

    /// Holds a statement against its owner's others.
    pub(super) fn look_for_contradictions(&mut self, statement: &Statement) {
        self.watch.notice(statement);
        let proof = self.contradicts_claims(statement);
        self.watch.accuse(proof);
    }

    /// Holds a trade against the others of its take and its orders.
    pub(super) fn look_for_contradicting_trades(&mut self, trade: &TradeRecord) {
        for statement in [trade.maker(), trade.taker(), trade.req(), trade.fill()] {
            self.look_for_contradictions(statement);
        }
        for (rej, _) in trade.freed() {
            self.watch.notice_refusal(rej);
            let take = rej.as_rej().map(|rej| rej.take);
            let filled = take.into_iter().flat_map(|take| self.trades.of_take(take));
            let proof = filled
                .into_iter()
                .find_map(|filled| Proof::between(filled.fill(), rej));
            self.watch.accuse(proof);
        }
        let (take, maker) = (trade.take_id(), trade.fill().owner());
        let refusal = self.watch.refusal(take, maker);
        let proof = refusal.and_then(|rej| Proof::between(trade.fill(), &rej));
        self.watch.accuse(proof);

        let mut proofs = Vec::new();
        if !self.is_accused(&maker) {
            let twice = self.trades.of_take(take).take(COMPARED_TRADES);
            proofs.extend(twice.filter_map(|other| Proof::between_trades(trade, other)));
        }
        let legs = [
            (trade.maker_order(), maker),
            (trade.taker_order(), trade.req().owner()),
        ];
        for (id, owner) in legs {
            // A cheat that is known may go on for long, and its victims have nothing to fear.
            if self.is_accused(&owner) {
                continue;
            }
            if id == trade.maker_order() {
                proofs.extend(self.goes_on_after_last(id, trade));
            }
            // Rarely true, so that an order with very many trades costs nothing here.
            let order = self.orders.get(&id);
            let burned =
                |order: &OrderState| leg(trade, id).is_some_and(|p| order.burned().overlaps(&p));
            if order.is_some_and(|order| !burned(order)) {
                continue;
            }
            let others = self.trades.of_order(id).take(COMPARED_TRADES);
            let others = others.filter(|other| other.take_id() != take && share(trade, other, id));
            proofs.extend(others.filter_map(|other| Proof::between_trades(trade, other)));
        }
        for proof in proofs {
            self.watch.accuse(Some(proof));
        }
    }

    /// Proofs that an order's owner went on with it after its last fill, one of which may be this.
    fn goes_on_after_last(&self, id: OrderId, trade: &TradeRecord) -> Option<Proof> {
        let order = self.orders.get(&id)?;
        let between = |said: &Statement| Proof::between(said, trade.fill());
        if let Some(proof) = order.last_fill().and_then(between) {
            return Some(proof);
        }
        // Only a cheat's order has more than one last fill, so this is not done often.
        let is_last = trade.fill().as_fill().is_some_and(|fill| fill.last);
        let filled = || self.trades.of_order(id).take(COMPARED_TRADES);
        let mut filled = filled().filter(|other| other.maker_order() == id);
        is_last.then(|| {
            let opened = order.newest().and_then(between);
            opened.or_else(|| filled.find_map(|other| between(other.fill())))
        })?
    }

    fn is_accused(&self, owner: &NodeId) -> bool {
        self.revoked.contains(owner) || self.watch.has_found(owner)
    }

    /// Holds a statement against what its owner says about the same order.
    fn contradicts_claims(&self, statement: &Statement) -> Option<Proof> {
        let owner = statement.owner();
        let orphans = |id| self.orphans.get(id, owner).into_iter();
        let between = |said: &Statement| Proof::between(said, statement);
        let placed = statement.order_id().into_iter().flat_map(orphans);
        let said_before = placed.flat_map(Claims::statements).find_map(between);
        said_before.or_else(|| {
            let id = subject(statement)?;
            match self.orders.get(&id) {
                Some(order) if is_plain(statement) => {
                    let closing = order.closing().into_iter().chain(order.last_fill());
                    closing.into_iter().find_map(between)
                }
                Some(order) => order.statements().find_map(between),
                None => orphans(id).flat_map(Claims::statements).find_map(between),
            }
        })
    }
}

/// Whether a statement can contradict nothing but the closing of its order.
fn is_plain(statement: &Statement) -> bool {
    let ord = statement.as_ord();
    ord.is_some_and(|ord| ord.status == OrdStatus::Open && ord.amt.is_none())
}

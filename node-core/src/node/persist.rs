//! What the node writes down, and what it does while it can't.
//!
//! What changed is collected while a batch of inputs is applied, and written as it is at the end:
//! an order that changed ten times is written once.

use bytes::Bytes;

use super::core::Node;
use super::io::{Event, Output};
use super::stored;
use super::view::Trade;
use crate::ledger::{Proof, TradeRecord, TradeShare};
use crate::types::{Amount, Now, OrderId, TradeId};

/// A trade that is not written down yet.
#[derive(Debug)]
pub(super) struct FreshTrade {
    trade: TradeRecord,
    /// Who brought it, or that it is this node's own.
    share: TradeShare,
}

impl Node {
    /// Has a new trade written down.
    pub(super) fn remember_trade(&mut self, trade: &TradeRecord, share: TradeShare) {
        if self.boot.is_some() && self.store_failure.is_none() {
            let trade = trade.clone();
            if share == TradeShare::OWN {
                self.uncommitted[0].push(trade.clone());
            }
            self.fresh_trades.push(FreshTrade { trade, share });
        }
    }

    /// Notes a new trade with an unsigned order, which is written down with the own one.
    pub(super) fn remember_unsigned(&mut self, order: OrderId, trade: &Trade) {
        if self.boot.is_some() && self.store_failure.is_none() {
            self.uncommitted_unsigned[0].push((order, trade.clone()));
        }
    }

    /// Has a new proof written down.
    pub(super) fn remember_proof(&mut self, proof: &Proof) {
        if self.boot.is_some() && self.store_failure.is_none() {
            self.fresh_proofs.push(proof.clone());
        }
    }

    /// Whether a trade is not yet written down, and so may still come to nothing.
    pub(super) fn is_uncommitted(&self, trade: &TradeId) -> bool {
        let mut uncommitted = self.uncommitted.iter().flatten();
        let mut unsigned = self.uncommitted_unsigned.iter().flatten();
        uncommitted.any(|known| known.id() == *trade)
            || unsigned.any(|(_, known)| known.id == *trade)
    }

    /// What of an own order is filled by trades that are not yet written down.
    pub(super) fn uncommitted_of(&self, order: &OrderId) -> Amount {
        let uncommitted = self.uncommitted.iter().flatten();
        let signed = uncommitted
            .filter(|trade| [trade.maker_order(), trade.taker_order()].contains(order))
            .map(TradeRecord::amount);
        let unsigned = self.uncommitted_unsigned.iter().flatten();
        let unsigned = unsigned.filter(|(own, _)| own == order);
        signed
            .chain(unsigned.map(|(_, trade)| trade.amount))
            .fold(Amount::ZERO, |sum, amount| {
                sum.checked_add(amount).unwrap_or(Amount::MAX)
            })
    }

    pub(super) fn on_committed(&mut self) {
        self.uncommitted[1].clear();
        self.uncommitted_unsigned[1].clear();
    }

    /// Writes down what changed since the last batch.
    pub(super) fn persist_changes(&mut self) {
        if self.store_failure.is_some() {
            // What changes meanwhile is written down afterwards.
            return;
        }
        let forgotten = self.own.take_forgotten();
        for (_, own) in &forgotten {
            self.answers.forget_until(own.last_fill);
        }
        let forgotten_trades = self.market.take_forgotten_trades();
        let forgotten_proofs = self.market.take_displaced_proofs();
        if self.boot.is_none() {
            // There is no store.
            self.own.take_changed();
            self.takes.take_changed();
            return;
        }
        let [fresh, written] = &mut self.uncommitted;
        written.append(fresh);
        let [fresh, written] = &mut self.uncommitted_unsigned;
        written.append(fresh);
        let mut writes = Vec::new();
        if let Some((n, ts)) = self.sequence.take_unsaved() {
            writes.push(stored::write_sequence(n, ts));
        }
        let ledger = self.market.ledger();
        for id in self.own.take_changed() {
            if let Some(own) = self.own.get(&id) {
                writes.push(stored::write_order(&id, own, ledger.order(&id)));
            }
        }
        for id in self.takes.take_changed() {
            writes.push(match self.takes.get(&id) {
                Some(take) => stored::write_take(&id, take),
                None => stored::remove_take(&id),
            });
        }
        for FreshTrade { trade, share } in std::mem::take(&mut self.fresh_trades) {
            if share != TradeShare::OWN {
                writes.push(stored::write_others(&trade, share));
                continue;
            }
            let packed = Bytes::from(trade.pack());
            for order in [trade.maker_order(), trade.taker_order()] {
                if self.own.contains(&order) {
                    writes.push(stored::write_fill(&order, &trade, &packed));
                }
            }
            writes.push(stored::write_trade(&trade, packed));
        }
        let removed = forgotten_trades.iter();
        writes.extend(removed.map(stored::remove_others));
        let proofs = std::mem::take(&mut self.fresh_proofs);
        writes.extend(proofs.iter().map(stored::write_proof));
        writes.extend(forgotten_proofs.iter().map(stored::remove_proof));
        for (id, own) in forgotten {
            writes.push(stored::remove_order(&id));
            let fills = own.trades.iter();
            writes.extend(fills.map(|trade| stored::remove_fill(&id, trade)));
        }
        if let Some(ts) = self.answers.take_forgotten() {
            writes.push(stored::write_forgotten(ts));
        }
        if self.network_unsaved && !writes.is_empty() {
            self.network_unsaved = false;
            writes.push(stored::write_network(&self.config.network));
        }
        self.outputs.extend(writes.into_iter().map(Output::Persist));
    }

    pub(super) fn on_store_failed(&mut self, reason: String) {
        if self.store_failure.is_none() {
            self.event(Event::Error {
                code: "STORAGE_FAILED".to_owned(),
                message: format!("no order is taken until the store works again: {reason}"),
            });
        }
        self.store_failure = Some(reason);
    }

    /// Goes on with what had to wait.
    pub(super) fn on_store_works(&mut self, now: Now) {
        self.store_failure = None;
        self.on_committed();
        self.sync_with_all(now);
    }
}

//! This node's own orders: what their owner knows of them beyond the signed statements.

use std::collections::VecDeque;

use super::io::TimeInForce;
use super::view::Trade;
use crate::collections::{BTreeMap, BTreeSet};
use crate::ledger::limits::MAX_FREED;
use crate::ledger::{OrderState, Piece, Pieces, Place, Statement, TradeRank, TradeRecord};
use crate::mutations::Mutation;
use crate::types::{Amount, Millis, OrderId, TakeId};

/// Closed orders that stay readable; the oldest go first.
const HISTORY_LIMIT: usize = 10_000;

/// How far an own order has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It takes what crosses it, and nobody else has seen it yet.
    Placing,
    /// It stands in everybody's book.
    Published,
    /// Filled completely.
    Filled,
    /// Closed before it was filled completely. A take in flight may still fill a piece of it.
    Cancelled,
}

/// Refusals kept of one order. With so many it only makes, and asks for nothing more.
pub(super) const REJECTED_LIMIT: usize = 64;

/// A piece of an own order that went to an unsigned order.
#[derive(Clone, Debug)]
pub(super) struct UnsignedFill {
    /// Nothing else may burn it.
    pub(super) piece: Piece,
    /// Its number among this node's own statements, which says what happened before it.
    pub(super) n: u64,
    pub(super) trade: Trade,
}

impl UnsignedFill {
    /// Its place among all trades.
    pub(super) fn rank(&self) -> TradeRank {
        TradeRank {
            ts: self.trade.timestamp,
            asked: self.n,
            id: self.trade.id,
        }
    }
}

/// One own order.
#[derive(Debug)]
pub(super) struct OwnOrder {
    pub(super) statement: Statement,
    pub(super) place: Place,
    pub(super) time_in_force: TimeInForce,
    /// It has no limit but the node's own, which `place` has as its price.
    pub(super) market: bool,
    pub(super) stage: Stage,
    /// Pieces that requests in flight may burn. Never released by a timeout.
    pub(super) held: Pieces,
    pub(super) takes: BTreeSet<TakeId>,
    /// Refusals, and the piece that each of them freed.
    pub(super) rejected: Vec<(Piece, Statement)>,
    /// Confirmed trades, oldest first.
    pub(super) trades: Vec<crate::types::TradeId>,
    /// What unsigned orders got of it, oldest first.
    pub(super) unsigned: Vec<UnsignedFill>,
    /// Number of times that its announcement to plain peers was cancelled in this run.
    pub(super) withdrawn: u32,
    /// While placing: publish (or give up waiting) then, whatever is in flight (monotonic).
    pub(super) patience: Option<Millis>,
    /// It crosses a newer order whose owner has until then to act (monotonic).
    pub(super) act_at: Option<Millis>,
    /// It asks for nothing before that (monotonic), after it was refused again and again.
    pub(super) asks_after: Millis,
    /// Its submitter has its answer.
    pub(super) settled: bool,
    /// An earlier run of this node placed it.
    pub(super) restored: bool,
    /// When its last fill was signed; zero if it never made.
    pub(super) last_fill: Millis,
    /// What was filled when it ended, for the time when the ledger no longer knows it.
    pub(super) filled: Amount,
}

impl OwnOrder {
    pub(super) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Placing | Stage::Published)
    }

    /// Takes note of a confirmed trade of this order.
    pub(super) fn note_trade(&mut self, trade: &TradeRecord) {
        self.trades.push(trade.id());
        if trade.maker_order() == OrderId::from(self.statement.hash()) {
            self.last_fill = self.last_fill.max(trade.ts());
        }
    }

    /// What unsigned orders got of it, in all.
    pub(super) fn filled_unsigned(&self) -> Amount {
        let amounts = self.unsigned.iter().map(|fill| fill.piece.len());
        amounts.fold(Amount::ZERO, |sum, amount| {
            sum.checked_add(amount).unwrap_or(Amount::MAX)
        })
    }

    /// What is filled of it, by signed orders and by unsigned ones.
    pub(super) fn filled_in(&self, state: &OrderState) -> Amount {
        let filled = state.filled().checked_add(self.filled_unsigned());
        filled.unwrap_or(Amount::MAX)
    }

    /// Burned, held or sold to unsigned orders: what nothing else may burn.
    pub(super) fn taken(&self, state: &OrderState) -> Pieces {
        let mut taken = state.burned().clone();
        for piece in self.held.iter() {
            taken.insert(piece);
        }
        for fill in &self.unsigned {
            taken.insert(fill.piece);
        }
        taken
    }

    /// What is neither burned nor held, in all.
    pub(super) fn free(&self, state: &OrderState) -> Amount {
        state.amt().saturating_sub(self.taken(state).measure())
    }

    /// Whether a piece was refused so often that a statement can't show all the refusals.
    pub(super) fn is_stuck(&self, piece: &Piece) -> bool {
        let freed = self.rejected.iter();
        freed.filter(|(freed, _)| freed.overlaps(piece)).count() > MAX_FREED
    }

    /// The refusals that freed some of `piece`.
    pub(super) fn freed_for(&self, piece: &Piece) -> Vec<Statement> {
        self.rejected
            .iter()
            .filter(|(freed, _)| freed.overlaps(piece) && !Mutation::NothingFreed.is_on())
            .map(|(_, rej)| rej.clone())
            .collect()
    }
}

/// All own orders: the open ones, and a bounded number of closed ones.
#[derive(Debug, Default)]
pub(super) struct OwnOrders {
    orders: BTreeMap<OrderId, OwnOrder>,
    open: BTreeSet<OrderId>,
    closed: VecDeque<OrderId>,
    /// What has to be written down.
    changed: BTreeSet<OrderId>,
    /// What is no longer remembered, and was written down.
    forgotten: Vec<(OrderId, OwnOrder)>,
}

impl OwnOrders {
    pub(super) fn insert(&mut self, id: OrderId, order: OwnOrder) {
        self.orders.insert(id, order);
        self.open.insert(id);
        self.changed.insert(id);
    }

    /// Adds an order of an earlier run; to be called in the order in which they were placed.
    pub(super) fn restore(&mut self, id: OrderId, order: OwnOrder) {
        if order.is_open() {
            self.open.insert(id);
        } else {
            self.closed.push_back(id);
        }
        self.orders.insert(id, order);
    }

    /// Has an order written down again, as something that matters after a start has changed.
    pub(super) fn mark_changed(&mut self, id: &OrderId) {
        self.changed.insert(*id);
    }

    /// The orders to write down, each once.
    pub(super) fn take_changed(&mut self) -> BTreeSet<OrderId> {
        std::mem::take(&mut self.changed)
    }

    /// The orders that are no longer remembered.
    pub(super) fn take_forgotten(&mut self) -> Vec<(OrderId, OwnOrder)> {
        std::mem::take(&mut self.forgotten)
    }

    pub(super) fn get(&self, id: &OrderId) -> Option<&OwnOrder> {
        self.orders.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &OrderId) -> Option<&mut OwnOrder> {
        self.orders.get_mut(id)
    }

    pub(super) fn contains(&self, id: &OrderId) -> bool {
        self.orders.contains_key(id)
    }

    /// Ids of the open orders.
    pub(super) fn open(&self) -> impl Iterator<Item = OrderId> + '_ {
        self.open.iter().copied()
    }

    pub(super) fn open_len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&OrderId, &OwnOrder)> {
        self.orders.iter()
    }

    /// Takes an end back: the order stands in everybody's book once more.
    pub(super) fn reopen(&mut self, id: &OrderId) {
        if let Some(order) = self.orders.get_mut(id) {
            order.stage = Stage::Published;
            self.closed.retain(|closed| closed != id);
            self.open.insert(*id);
            self.changed.insert(*id);
        }
    }

    /// Ends an order. It stays readable until newer ones need its place; one with a take in
    /// flight stays until that is resolved.
    pub(super) fn close(&mut self, id: &OrderId, stage: Stage) {
        let Some(order) = self.orders.get_mut(id) else {
            return;
        };
        order.stage = stage;
        order.patience = None;
        order.act_at = None;
        self.changed.insert(*id);
        if self.open.remove(id) {
            self.closed.push_back(*id);
        }
        let excess = self.closed.len().saturating_sub(HISTORY_LIMIT);
        for _ in 0..excess {
            let Some(oldest) = self.closed.pop_front() else {
                break;
            };
            let busy = self
                .orders
                .get(&oldest)
                .is_some_and(|o| !o.takes.is_empty());
            if busy {
                self.closed.push_back(oldest);
            } else if let Some(order) = self.orders.remove(&oldest) {
                self.forgotten.push((oldest, order));
            }
        }
    }
}

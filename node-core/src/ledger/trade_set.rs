//! The set of trades, and which of them are void.

use sha2::{Digest, Sha256};

use crate::collections::{BTreeMap, BTreeSet};
use crate::types::{NodeId, OrderId, TakeId, TradeId};

use super::{LedgerBounds, TradeRank, TradeRecord};

/// A take that its taker counts as refused: the take, the maker who signed the refusal, and the
/// taker who embedded it in a later `req` or `fill`.
type Freed = (TakeId, NodeId, NodeId);

#[derive(Debug)]
pub(super) struct TradeSet {
    records: BTreeMap<TradeId, TradeRecord>,
    by_rank: BTreeSet<TradeRank>,
    by_order: BTreeSet<(OrderId, TradeId)>,
    by_take: BTreeSet<(TakeId, TradeId)>,
    freed: BTreeSet<Freed>,
    bounds: LedgerBounds,
    evicted: u64,
}

impl TradeSet {
    pub(super) const fn new(bounds: LedgerBounds) -> Self {
        Self {
            records: BTreeMap::new(),
            by_rank: BTreeSet::new(),
            by_order: BTreeSet::new(),
            by_take: BTreeSet::new(),
            freed: BTreeSet::new(),
            bounds,
            evicted: 0,
        }
    }

    pub(super) fn get(&self, id: &TradeId) -> Option<&TradeRecord> {
        self.records.get(id)
    }

    /// All trades, whether or not they stand.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &TradeRecord> {
        self.records.values()
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Whether a trade that came now would be forgotten at once, as there are enough newer ones.
    pub(super) fn is_too_old(&self, trade: &TradeRecord) -> bool {
        self.records.len() >= self.bounds.trades
            && self
                .by_rank
                .first()
                .is_some_and(|oldest| trade.rank() < *oldest)
    }

    /// Adds a trade; returns the one that had to make room.
    pub(super) fn insert(&mut self, trade: &TradeRecord) -> Option<TradeRecord> {
        let id = trade.id();
        self.by_rank.insert(trade.rank());
        self.by_order.insert((trade.maker_order(), id));
        self.by_order.insert((trade.taker_order(), id));
        self.by_take.insert((trade.take_id(), id));
        self.records.insert(id, trade.clone());
        if self.records.len() <= self.bounds.trades {
            return None;
        }
        let oldest = self.by_rank.pop_first()?;
        let oldest = self.records.remove(&oldest.id)?;
        self.by_order.remove(&(oldest.maker_order(), oldest.id()));
        self.by_order.remove(&(oldest.taker_order(), oldest.id()));
        self.by_take.remove(&(oldest.take_id(), oldest.id()));
        self.evicted += 1;
        Some(oldest)
    }

    /// Notes the takes that a trade counts as refused. Returns the orders of the trades that are
    /// void by that.
    pub(super) fn free(&mut self, trade: &TradeRecord) -> BTreeSet<OrderId> {
        let mut touched = BTreeSet::new();
        for (statement, taker) in trade.freed() {
            let Some(rej) = statement.as_rej() else {
                continue;
            };
            if self.freed.len() >= self.bounds.freed_takes {
                self.evicted += 1;
                break;
            }
            if !self.freed.insert((rej.take, statement.owner(), taker)) {
                continue;
            }
            let range = (rej.take, TradeId([0; 32]))..=(rej.take, TradeId([0xff; 32]));
            for trade in self.by_take.range(range) {
                if let Some(trade) = self.records.get(&trade.1) {
                    touched.extend([trade.maker_order(), trade.taker_order()]);
                }
            }
        }
        touched
    }

    /// Whether a trade's own taker has shown that its maker also signed a refusal of the take.
    pub(super) fn is_void(&self, trade: &TradeRecord) -> bool {
        let (maker, taker) = (trade.fill().owner(), trade.req().owner());
        self.freed.contains(&(trade.take_id(), maker, taker))
    }

    /// The trades that stand, newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &TradeRecord> {
        let trades = self.by_rank.iter().rev();
        trades
            .filter_map(|rank| self.records.get(&rank.id))
            .filter(|trade| !self.is_void(trade))
    }

    /// The trades of one order that stand, by their ids.
    pub(super) fn of_order(&self, order: OrderId) -> impl Iterator<Item = &TradeRecord> {
        let range = (order, TradeId([0; 32]))..=(order, TradeId([0xff; 32]));
        let trades = self.by_order.range(range);
        trades
            .filter_map(|(_, id)| self.records.get(id))
            .filter(|trade| !self.is_void(trade))
    }

    /// The trades that answer one take, standing or not: more than one if its maker cheats.
    pub(super) fn of_take(&self, take: TakeId) -> impl Iterator<Item = &TradeRecord> {
        let range = (take, TradeId([0; 32]))..=(take, TradeId([0xff; 32]));
        let trades = self.by_take.range(range);
        trades.filter_map(|(_, id)| self.records.get(id))
    }

    pub(super) fn digest(&self, hash: &mut Sha256) {
        for id in self.records.keys() {
            hash.update(id.0);
        }
        for (take, maker, taker) in &self.freed {
            hash.update(take.0);
            hash.update(maker.0);
            hash.update(taker.0);
        }
    }
}

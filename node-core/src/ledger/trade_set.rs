//! The set of trades, and which of them are void.
//!
//! It is bounded in shares: each party by which trades come has a queue of its own, and the longest
//! queue gives up what came first in it. So whoever brings many trades displaces none but its own as
//! long as others brought fewer. Dates do not matter, as their signers choose them. Trades of orders
//! that are not over go after the others of their queue.

use std::cmp::Reverse;
use std::collections::VecDeque;

use sha2::{Digest, Sha256};

use crate::collections::{BTreeMap, BTreeSet};
use crate::types::{NodeId, OrderId, TakeId, TradeId};

use super::{LedgerBounds, Prefix, TradeRank, TradeRecord, prefix_of};

/// A take that its taker counts as refused: the take, the maker who signed the refusal, and the
/// taker who embedded it in a later `req` or `fill`.
type Freed = (TakeId, NodeId, NodeId);

/// So many trades of open orders are looked at again when one has to go.
const LOOKED_AT: usize = 8;

/// The party by which a trade came: what comes by one party is bounded together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TradeShare(pub u64);

impl TradeShare {
    /// Trades of this node's own orders. They make room only for each other while they are at most
    /// half of all.
    pub const OWN: Self = Self(0);
    /// Trades of which it is not known who brought them.
    pub const UNKNOWN: Self = Self(1);
}

#[derive(Debug)]
pub(super) struct TradeSet {
    records: BTreeMap<TradeId, TradeRecord>,
    by_rank: BTreeSet<TradeRank>,
    by_order: BTreeSet<(OrderId, TradeId)>,
    by_take: BTreeSet<(TakeId, TradeId)>,
    freed: BTreeSet<Freed>,
    shares: BTreeMap<TradeShare, Queue>,
    by_length: BTreeSet<Standing>,
    /// How many ever came.
    arrived: u64,
    forgotten: Forgotten,
    bounds: LedgerBounds,
    evicted: u64,
}

/// A trade, and its number in the order in which they came.
type Arrival = (u64, TradeId);

/// Where a queue stands: the longest last, and of equally long ones that with the oldest trade.
type Standing = (usize, Reverse<u64>, TradeShare);

/// The trades that came by one party, oldest here first.
#[derive(Debug, Default)]
struct Queue {
    fresh: VecDeque<Arrival>,
    /// Those that were to go when an order of theirs was not over yet.
    of_open: VecDeque<Arrival>,
}

impl Queue {
    fn len(&self) -> usize {
        self.fresh.len() + self.of_open.len()
    }

    fn standing(&self, share: TradeShare) -> Standing {
        let first = self.fresh.front().into_iter().chain(self.of_open.front());
        let first = first.map(|(number, _)| *number).min();
        (self.len(), Reverse(first.unwrap_or(u64::MAX)), share)
    }

    /// Takes out the trade that is to go. `is_over` tells whether both orders of a trade are over.
    fn pop(&mut self, is_over: impl Fn(&TradeId) -> bool) -> Option<TradeId> {
        for _ in 0..self.of_open.len().min(LOOKED_AT) {
            let arrival = self.of_open.pop_front()?;
            if is_over(&arrival.1) {
                return Some(arrival.1);
            }
            self.of_open.push_back(arrival);
        }
        while let Some(arrival) = self.fresh.pop_front() {
            if is_over(&arrival.1) {
                return Some(arrival.1);
            }
            self.of_open.push_back(arrival);
        }
        self.of_open.pop_front().map(|(_, id)| id)
    }
}

/// Trades that were forgotten for want of room, so that other nodes, which forgot others, do not
/// bring them in again.
#[derive(Debug)]
struct Forgotten {
    prefixes: BTreeSet<Prefix>,
    oldest_first: VecDeque<TradeRank>,
    /// How many of the last ones were not told of yet.
    untold: usize,
}

impl Forgotten {
    const fn new() -> Self {
        Self {
            prefixes: BTreeSet::new(),
            oldest_first: VecDeque::new(),
            untold: 0,
        }
    }

    /// Notes one more, and lets go of the oldest when there are more than `most`.
    fn note(&mut self, rank: TradeRank, most: usize) {
        self.prefixes.insert(prefix_of(&rank.id.0));
        self.oldest_first.push_back(rank);
        if self.oldest_first.len() > most
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.prefixes.remove(&prefix_of(&oldest.id.0));
        }
        self.untold = (self.untold + 1).min(most);
    }
}

impl TradeSet {
    pub(super) const fn new(bounds: LedgerBounds) -> Self {
        Self {
            records: BTreeMap::new(),
            by_rank: BTreeSet::new(),
            by_order: BTreeSet::new(),
            by_take: BTreeSet::new(),
            freed: BTreeSet::new(),
            shares: BTreeMap::new(),
            by_length: BTreeSet::new(),
            arrived: 0,
            forgotten: Forgotten::new(),
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

    pub(super) fn is_full(&self) -> bool {
        self.records.len() >= self.bounds.trades
    }

    /// Whether the trade whose id begins like this was forgotten for want of room, not long ago.
    pub(super) fn has_forgotten(&self, prefix: &Prefix) -> bool {
        self.forgotten.prefixes.contains(prefix)
    }

    /// The trades that were forgotten since the last call: the last ones of them, if they are very
    /// many.
    pub(super) fn take_forgotten(&mut self) -> Vec<TradeRank> {
        let untold = std::mem::take(&mut self.forgotten.untold);
        let all = &self.forgotten.oldest_first;
        let told = all.len().saturating_sub(untold);
        all.iter().skip(told).copied().collect()
    }

    /// Adds a trade; returns the one that had to make room. `is_open` tells whether an order is
    /// known and not over.
    pub(super) fn insert(
        &mut self,
        trade: &TradeRecord,
        share: TradeShare,
        is_open: impl Fn(&OrderId) -> bool,
    ) -> Option<TradeRecord> {
        let id = trade.id();
        self.by_rank.insert(trade.rank());
        self.by_order.insert((trade.maker_order(), id));
        self.by_order.insert((trade.taker_order(), id));
        self.by_take.insert((trade.take_id(), id));
        self.records.insert(id, trade.clone());
        self.arrived += 1;
        let arrival = (self.arrived, id);
        let queue = self.shares.entry(share).or_default();
        self.by_length.remove(&queue.standing(share));
        queue.fresh.push_back(arrival);
        self.by_length.insert(queue.standing(share));
        if self.records.len() <= self.bounds.trades {
            return None;
        }
        let leaves = self.leaves(is_open)?;
        let leaves = self.records.remove(&leaves)?;
        let (id, rank) = (leaves.id(), leaves.rank());
        self.by_rank.remove(&rank);
        self.by_order.remove(&(leaves.maker_order(), id));
        self.by_order.remove(&(leaves.taker_order(), id));
        self.by_take.remove(&(leaves.take_id(), id));
        self.forgotten.note(rank, self.bounds.forgotten_trades);
        self.evicted += 1;
        Some(leaves)
    }

    /// Takes the trade that is to go out of the longest queue.
    fn leaves(&mut self, is_open: impl Fn(&OrderId) -> bool) -> Option<TradeId> {
        let protected = |(length, _, share): &&Standing| {
            *share == TradeShare::OWN && *length <= self.bounds.trades / 2
        };
        let mut longest = self.by_length.iter().rev();
        let (_, _, share) = *longest.find(|queue| !protected(queue))?;
        let mut queue = self.shares.remove(&share)?;
        self.by_length.remove(&queue.standing(share));
        let leaves = queue.pop(|id| {
            let trade = self.records.get(id);
            let open = |trade: &TradeRecord| {
                is_open(&trade.maker_order()) || is_open(&trade.taker_order())
            };
            !trade.is_some_and(open)
        });
        if queue.len() > 0 {
            self.by_length.insert(queue.standing(share));
            self.shares.insert(share, queue);
        }
        leaves
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

//! What legacy peers sent: shown as unsigned, never passed on. With the policy `match` their orders
//! also enter the book, each once; otherwise they are kept apart from it.

use std::collections::VecDeque;

use sha2::{Digest, Sha256};

use super::view::{Trade, UnsignedOrder, UnsignedTrade, UnsignedView};
use crate::collections::{BTreeMap, BTreeSet};
use crate::ledger::TradeRank;
use crate::protocol::{LegacyOrder, LegacyPolicy, LegacyTrade, PLAIN_PEERS};
use crate::types::{Amount, InvalidValue, Millis, Now, OrderId, Pair, StatementHash, TradeId};

/// Orders kept of one peer; the oldest go first.
const ORDERS_PER_PEER: usize = 200;
/// Orders kept in all.
const ORDERS_LIMIT: usize = 2_000;
/// Trades kept in all: of those that peers report, and of own ones with unsigned orders.
const TRADES_LIMIT: usize = 1_000;
/// Ids of orders that are remembered beyond the orders, so that none of them is matched again.
const SEEN_LIMIT: usize = 20_000;

/// Orders of a peer whose connection is gone are kept so long.
const KEPT_AFTER_LEAVING: Millis = Millis::from_secs(600);

/// What became of an order that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// It is kept under this key.
    Kept(OrderId),
    /// Its id was there before, or it says that it is closed.
    Known,
}

/// One order, and its place in the order of arrival.
#[derive(Debug)]
struct Kept {
    order: UnsignedOrder,
    number: u64,
}

/// An own trade with an unsigned order.
#[derive(Debug)]
struct OwnFill {
    pair: Pair,
    rank: TradeRank,
    trade: Trade,
}

/// Unsigned orders and trades.
#[derive(Debug)]
pub(super) struct Unsigned {
    policy: LegacyPolicy,
    /// By the key that an order has in the book.
    orders: BTreeMap<OrderId, Kept>,
    /// How many orders ever came.
    came: u64,
    /// Keys of the orders that came lately, open or not, with `match` only.
    seen: BTreeSet<OrderId>,
    /// The same, oldest first.
    seen_order: VecDeque<OrderId>,
    /// Keys of orders that are gone since the last look.
    gone: Vec<OrderId>,
    /// Reported by peers, oldest first.
    trades: VecDeque<UnsignedTrade>,
    /// Own trades with unsigned orders, oldest first.
    fills: VecDeque<OwnFill>,
    /// Peers that left, and when their orders go (monotonic). Never more than there are orders.
    departed: BTreeMap<String, Millis>,
}

impl Unsigned {
    pub(super) const fn new(policy: LegacyPolicy) -> Self {
        Self {
            policy,
            orders: BTreeMap::new(),
            came: 0,
            seen: BTreeSet::new(),
            seen_order: VecDeque::new(),
            gone: Vec::new(),
            trades: VecDeque::new(),
            fills: VecDeque::new(),
            departed: BTreeMap::new(),
        }
    }

    /// Whether unsigned orders are matched.
    pub(super) fn are_matched(&self) -> bool {
        PLAIN_PEERS && self.policy == LegacyPolicy::Match
    }

    /// Keeps an order. With `match` an id counts once, whoever sends it again; otherwise the same
    /// id from the same peer replaces the earlier order.
    pub(super) fn add_order(
        &mut self,
        from: &str,
        order: &LegacyOrder,
        default_pair: &Pair,
    ) -> Result<Added, InvalidValue> {
        let is_closed = matches!(order.status.as_str(), "filled" | "cancelled");
        let order = order.check(default_pair)?;
        let key = self.key(from, &order.id);
        let is_new = !self.are_matched() || self.is_first(key);
        if !is_new || is_closed {
            return Ok(Added::Known);
        }
        self.orders.remove(&key);
        self.make_room(from);
        let order = UnsignedOrder {
            from: from.to_owned(),
            id: order.id,
            user_id: order.user_id,
            side: order.side,
            amount: order.amount,
            open: order.amount,
            price: order.price,
            pair: order.pair,
            timestamp: order.timestamp,
        };
        self.came += 1;
        let number = self.came;
        self.orders.insert(key, Kept { order, number });
        Ok(Added::Kept(key))
    }

    /// The key that an order has in the book: nobody's signature, so no signed order has it.
    fn key(&self, from: &str, id: &str) -> OrderId {
        let mut hash = Sha256::new_with_prefix(b"unsigned order\0");
        if !self.are_matched() {
            hash.update(from);
            hash.update([0]);
        }
        hash.update(id);
        OrderId::from(StatementHash(hash.finalize().into()))
    }

    /// Notes an order's key; says whether it is new.
    fn is_first(&mut self, key: OrderId) -> bool {
        if self.orders.contains_key(&key) || !self.seen.insert(key) {
            return false;
        }
        self.seen_order.push_back(key);
        if self.seen_order.len() > SEEN_LIMIT
            && let Some(oldest) = self.seen_order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }

    /// Makes room for one more order of a peer.
    fn make_room(&mut self, from: &str) {
        let of_peer = |kept: &&Kept| kept.order.from == from;
        let excess = if self.orders.values().filter(of_peer).count() >= ORDERS_PER_PEER {
            self.oldest(of_peer)
        } else if self.orders.len() >= ORDERS_LIMIT {
            self.oldest(|_| true)
        } else {
            None
        };
        if let Some(key) = excess {
            self.orders.remove(&key);
            self.gone.push(key);
        }
    }

    fn oldest(&self, wanted: impl Fn(&&Kept) -> bool) -> Option<OrderId> {
        let wanted = self.orders.iter().filter(|(_, kept)| wanted(kept));
        let oldest = wanted.min_by_key(|(_, kept)| kept.number);
        oldest.map(|(key, _)| *key)
    }

    pub(super) fn get(&self, key: &OrderId) -> Option<&UnsignedOrder> {
        let kept = PLAIN_PEERS.then(|| self.orders.get(key))?;
        kept.map(|kept| &kept.order)
    }

    /// All open orders with their keys.
    pub(super) fn orders(&self) -> impl Iterator<Item = (&OrderId, &UnsignedOrder)> {
        self.orders.iter().map(|(key, kept)| (key, &kept.order))
    }

    /// Takes some of an order; returns what is left of it. A filled one is gone.
    pub(super) fn fill(&mut self, key: &OrderId, amount: Amount) -> Amount {
        let Some(kept) = self.orders.get_mut(key) else {
            return Amount::ZERO;
        };
        kept.order.open = kept.order.open.saturating_sub(amount);
        let open = kept.order.open;
        if open.is_zero() {
            self.orders.remove(key);
        }
        open
    }

    /// Removes an order that the peer cancelled.
    pub(super) fn cancel_order(&mut self, from: &str, id: &str) {
        let key = self.key(from, id);
        if self.get(&key).is_some_and(|order| order.from == from) {
            self.orders.remove(&key);
            self.gone.push(key);
        }
    }

    /// Keys of the orders that are gone, but for filled ones, since the last call.
    pub(super) fn take_gone(&mut self) -> Vec<OrderId> {
        std::mem::take(&mut self.gone)
    }

    /// Keeps a trade that a peer reports, once for each id.
    pub(super) fn add_trade(
        &mut self,
        from: &str,
        trade: &LegacyTrade,
    ) -> Result<(), InvalidValue> {
        let trade = trade.check()?;
        let checked = UnsignedTrade {
            from: from.to_owned(),
            id: trade.id,
            buy_order_id: trade.buy_order_id,
            sell_order_id: trade.sell_order_id,
            amount: trade.amount,
            price: trade.price,
            timestamp: trade.timestamp,
        };
        if self.trades.iter().any(|kept| kept.id == checked.id) {
            return Ok(());
        }
        if self.trades.len() >= TRADES_LIMIT {
            self.trades.pop_front();
        }
        self.trades.push_back(checked);
        Ok(())
    }

    /// Keeps a trade of an own order of this pair with an unsigned one; `n` is its number among
    /// this node's own statements.
    pub(super) fn add_fill(&mut self, pair: &Pair, n: u64, trade: Trade) {
        if self.fills.len() >= TRADES_LIMIT {
            self.fills.pop_front();
        }
        let rank = TradeRank {
            ts: trade.timestamp,
            asked: n,
            id: trade.id,
        };
        let pair = pair.clone();
        self.fills.push_back(OwnFill { pair, rank, trade });
    }

    /// Brings the trades of an earlier run in order.
    pub(super) fn sort_fills(&mut self) {
        let fills = self.fills.make_contiguous();
        fills.sort_by_key(|fill| fill.rank);
    }

    pub(super) fn has_fill(&self, id: &TradeId) -> bool {
        self.fills.iter().any(|fill| fill.trade.id == *id)
    }

    /// Own trades of one pair with unsigned orders, newest first.
    pub(super) fn fills<'a>(
        &'a self,
        pair: &'a Pair,
    ) -> impl Iterator<Item = (TradeRank, &'a Trade)> {
        let fills = self
            .fills
            .iter()
            .rev()
            .filter(move |fill| fill.pair == *pair);
        fills.map(|fill| (fill.rank, &fill.trade))
    }

    /// Notes that a peer is gone: nobody can cancel its orders any more, so they go after a while.
    pub(super) fn peer_left(&mut self, from: &str, now: Now) {
        let orders = &self.orders;
        let has_orders = |from: &str| orders.values().any(|kept| kept.order.from == from);
        if self.departed.len() >= ORDERS_LIMIT {
            self.departed.retain(|from, _| has_orders(from));
        }
        if has_orders(from) {
            self.departed
                .insert(from.to_owned(), now.mono + KEPT_AFTER_LEAVING);
        }
    }

    /// Notes that a peer is (back) here.
    pub(super) fn peer_came(&mut self, from: &str) {
        self.departed.remove(from);
    }

    /// Forgets the orders of peers that have been gone for long enough.
    pub(super) fn expire(&mut self, now: Now) {
        if !PLAIN_PEERS {
            return;
        }
        let (orders, gone) = (&mut self.orders, &mut self.gone);
        self.departed.retain(|from, due| {
            let over = *due <= now.mono;
            if over {
                orders.retain(|key, kept| {
                    let stays = kept.order.from != *from;
                    if !stays {
                        gone.push(*key);
                    }
                    stays
                });
            }
            !over
        });
    }

    /// Newest first.
    pub(super) fn view(&self) -> UnsignedView {
        let mut orders: Vec<&Kept> = self.orders.values().collect();
        orders.sort_by_cached_key(|kept| std::cmp::Reverse(kept.number));
        UnsignedView {
            orders: orders.into_iter().map(|kept| kept.order.clone()).collect(),
            trades: self.trades.iter().rev().cloned().collect(),
        }
    }
}

//! Orders and trades of plain peers: shown as unsigned, never passed on. With the policy `match` their
//! orders also enter the book, each once; otherwise they are kept apart from it.

use std::collections::VecDeque;

use sha2::{Digest, Sha256};

use crate::collections::{BTreeMap, BTreeSet};
use crate::ledger::TradeRank;
use crate::node::io::ConnId;
use crate::node::view::{Trade, UnsignedOrder, UnsignedTrade, UnsignedView};
use crate::protocol::{self, LegacyOrder, LegacyPolicy, LegacyTrade, PLAIN_PEERS};
use crate::types::{
    Amount, InvalidValue, Millis, Now, OrderId, Pair, PeerId, StatementHash, TradeId,
};

/// Orders kept of one peer; the oldest go first.
const ORDERS_PER_PEER: usize = 200;
/// Orders kept in all.
const ORDERS_LIMIT: usize = 2_000;
/// Trades kept in all: of those that peers report, and of own ones with unsigned orders.
const TRADES_LIMIT: usize = 1_000;
/// Ids of orders that are remembered beyond the orders, so that none of them is matched again.
const SEEN_LIMIT: usize = 20_000;

/// Maximum number of orders that wait until this node is up to date after a start.
const MAX_POSTPONED: usize = 1_000;

/// Orders of a peer whose connection is gone are kept so long.
const KEPT_AFTER_LEAVING: Millis = Millis::from_secs(600);

/// An order, and its place in the order of arrival.
#[derive(Debug)]
struct Kept {
    order: UnsignedOrder,
    number: u64,
    /// A node of this protocol announced its own signed order to plain peers.
    is_bridged: bool,
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
pub(in crate::node) struct Unsigned {
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
    /// Orders that came before own orders of an earlier run could be filled, oldest first.
    postponed: VecDeque<(Option<ConnId>, PeerId, LegacyOrder)>,
    /// Reported by peers, oldest first.
    trades: VecDeque<UnsignedTrade>,
    /// Own trades with unsigned orders, oldest first.
    fills: VecDeque<OwnFill>,
    /// Peers that left, and when their orders go (monotonic). Never more than there are orders.
    departed: BTreeMap<String, Millis>,
}

impl Unsigned {
    pub(in crate::node) const fn new(policy: LegacyPolicy) -> Self {
        Self {
            policy,
            orders: BTreeMap::new(),
            came: 0,
            seen: BTreeSet::new(),
            seen_order: VecDeque::new(),
            gone: Vec::new(),
            postponed: VecDeque::new(),
            trades: VecDeque::new(),
            fills: VecDeque::new(),
            departed: BTreeMap::new(),
        }
    }

    /// Whether unsigned orders are matched.
    pub(in crate::node) fn are_matched(&self) -> bool {
        PLAIN_PEERS && self.policy == LegacyPolicy::Match
    }

    /// Keeps an order for the list of unsigned orders only, without `match`. It replaces an earlier one
    /// of the same id and peer. Returns whether it is open.
    ///
    /// # Errors
    /// The first value that is not allowed.
    pub(super) fn observe(
        &mut self,
        from: &str,
        order: &LegacyOrder,
        default_pair: &Pair,
    ) -> Result<bool, InvalidValue> {
        let checked = order.check(default_pair)?;
        let is_open = !is_over(order);
        if is_open {
            let (key, amount) = (self.key(from, &checked.id), checked.amount);
            self.keep(key, from, checked, amount, false);
        }
        Ok(is_open)
    }

    /// Returns an announced order, and its key in the book, when its id comes for the first time, with
    /// `match`.
    ///
    /// # Errors
    /// The first value that is not allowed.
    pub(super) fn first_sight(
        &mut self,
        from: &str,
        order: &LegacyOrder,
        default_pair: &Pair,
    ) -> Result<Option<(OrderId, protocol::UnsignedOrder)>, InvalidValue> {
        let checked = order.check(default_pair)?;
        let key = self.key(from, &checked.id);
        Ok(self.is_first(key).then_some((key, checked)))
    }

    /// Keeps an order until own orders of an earlier run can be filled. Of too many the newest is
    /// dropped.
    pub(super) fn postpone(&mut self, conn: Option<ConnId>, from: PeerId, order: LegacyOrder) {
        if self.postponed.len() < MAX_POSTPONED {
            self.postponed.push_back((conn, from, order));
        }
    }

    /// Removes and returns the postponed orders, oldest first.
    pub(super) fn take_postponed(&mut self) -> VecDeque<(Option<ConnId>, PeerId, LegacyOrder)> {
        std::mem::take(&mut self.postponed)
    }

    /// Notes the id under which this node announced something, which is no other node's order.
    pub(super) fn note_own(&mut self, id: &str) {
        let key = self.key("", id);
        self.is_first(key);
    }

    /// Keeps an order with `open` left of it.
    pub(super) fn keep(
        &mut self,
        key: OrderId,
        from: &str,
        order: protocol::UnsignedOrder,
        open: Amount,
        is_bridged: bool,
    ) {
        self.orders.remove(&key);
        self.make_room(from);
        let order = UnsignedOrder {
            from: from.to_owned(),
            id: order.id,
            user_id: order.user_id,
            side: order.side,
            amount: order.amount,
            open,
            price: order.price,
            exact: order.is_exact,
            pair: order.pair,
            timestamp: order.timestamp,
        };
        self.came += 1;
        let number = self.came;
        self.orders.insert(
            key,
            Kept {
                order,
                number,
                is_bridged,
            },
        );
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

    pub(in crate::node) fn get(&self, key: &OrderId) -> Option<&UnsignedOrder> {
        let kept = PLAIN_PEERS.then(|| self.orders.get(key))?;
        kept.map(|kept| &kept.order)
    }

    /// All open unsigned orders with their keys.
    pub(super) fn orders(&self) -> impl Iterator<Item = (&OrderId, &UnsignedOrder)> {
        let unsigned = self.orders.iter().filter(|(_, kept)| !kept.is_bridged);
        unsigned.map(|(key, kept)| (key, &kept.order))
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
    pub(in crate::node) fn add_fill(&mut self, pair: &Pair, n: u64, trade: Trade) {
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
    pub(in crate::node) fn sort_fills(&mut self) {
        let fills = self.fills.make_contiguous();
        fills.sort_by_key(|fill| fill.rank);
    }

    pub(super) fn has_fill(&self, id: &TradeId) -> bool {
        self.fills.iter().any(|fill| fill.trade.id == *id)
    }

    /// Own trades of one pair with unsigned orders, newest first.
    pub(in crate::node) fn fills<'a>(
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
    pub(in crate::node) fn peer_left(&mut self, from: &str, now: Now) {
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
    pub(in crate::node) fn peer_came(&mut self, from: &str) {
        self.departed.remove(from);
    }

    /// Forgets the orders of peers that have been gone for long enough.
    pub(in crate::node) fn expire(&mut self, now: Now) {
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
    pub(in crate::node) fn view(&self) -> UnsignedView {
        let unsigned = self.orders.values().filter(|kept| !kept.is_bridged);
        let mut orders: Vec<&Kept> = unsigned.collect();
        orders.sort_by_cached_key(|kept| std::cmp::Reverse(kept.number));
        UnsignedView {
            orders: orders.into_iter().map(|kept| kept.order.clone()).collect(),
            trades: self.trades.iter().rev().cloned().collect(),
        }
    }
}

/// Whether an announced order is over. Every other order is open, without `match`.
fn is_over(order: &LegacyOrder) -> bool {
    matches!(order.status.as_str(), "filled" | "cancelled")
}

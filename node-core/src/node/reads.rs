//! What a node shows: reads never change anything and never wait.

use super::core::{Node, Phase};
use super::own::{OwnOrder, Stage};
use super::view::{
    BookSize, BookSnapshot, DirectConnectionStats, DiscoveryStats, DiscoveryStrategies, Order,
    OrderStatus, P2pStats, PeerView, RouterStats, Trade, UnsignedView,
};
use crate::collections::BTreeMap;
use crate::ledger::{Ledger, TradeRank, TradeRecord};
use crate::types::{Amount, NodeId, Now, OrderId};

/// A trade record as users see it.
pub(super) fn show_trade(trade: &TradeRecord) -> Trade {
    Trade {
        id: trade.id(),
        buy_order_id: trade.buy_order(),
        sell_order_id: trade.sell_order(),
        amount: trade.amount(),
        price: trade.price(),
        timestamp: trade.ts(),
        taker_side: trade.taker_side(),
        unsigned: false,
    }
}

impl Node {
    /// Everything signed that this node knows.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        self.market.ledger()
    }

    /// The best `depth` levels of each side.
    #[must_use]
    pub fn order_book(&self, depth: usize, now: Now) -> BookSnapshot {
        let mut snapshot = self.market.snapshot(depth, now.wall);
        self.mark_unsigned(&mut snapshot);
        snapshot
    }

    /// How much there is in the book, all of it.
    #[must_use]
    pub fn book_size(&self) -> BookSize {
        let (orders, [bid_levels, ask_levels]) = self.market.size();
        BookSize {
            orders,
            bid_levels,
            ask_levels,
            trades: self.ranked_trades().count() + self.unsigned_fills().count(),
        }
    }

    /// The number of the newest keep-alive of every owner that this node has heard of.
    #[must_use]
    pub fn clocks(&self) -> BTreeMap<NodeId, u64> {
        let heads = self.market.ledger().heads();
        heads
            .filter_map(|head| Some((head.owner(), head.n()?)))
            .collect()
    }

    /// This node's open orders, newest first.
    #[must_use]
    pub fn user_orders(&self) -> Vec<Order> {
        self.own_orders(OwnOrder::is_open)
    }

    /// All of this node's orders that it remembers, newest first.
    #[must_use]
    pub fn order_history(&self) -> Vec<Order> {
        self.own_orders(|_| true)
    }

    fn own_orders(&self, wanted: impl Fn(&OwnOrder) -> bool) -> Vec<Order> {
        let wanted = self.own.iter().filter(|(_, own)| wanted(own));
        let mut sorted: Vec<_> = wanted.map(|(id, own)| (own.place.n, id, own)).collect();
        sorted.sort_by_cached_key(|(n, ..)| std::cmp::Reverse(*n));
        sorted
            .into_iter()
            .map(|(_, id, own)| self.show_own(id, own))
            .collect()
    }

    /// One of this node's orders, open or remembered.
    #[must_use]
    pub fn order(&self, id: &OrderId) -> Option<Order> {
        self.own.get(id).map(|own| self.show_own(id, own))
    }

    /// An own order as its user may see it now: what is not written down isn't promised yet.
    fn show_own(&self, id: &OrderId, own: &OwnOrder) -> Order {
        self.show_order(id, own, self.uncommitted_of(id))
    }

    /// An own order as it will be once the present batch is written down; for outputs, which
    /// leave only then.
    pub(super) fn decided_order(&self, id: &OrderId) -> Option<Order> {
        let own = self.own.get(id)?;
        Some(self.show_order(id, own, Amount::ZERO))
    }

    fn show_order(&self, id: &OrderId, own: &OwnOrder, pending: Amount) -> Order {
        let state = self.market.ledger().order(id);
        // What the ledger forgot was closed long ago.
        let filled = state.map_or(own.filled, |state| state.filled());
        let filled = filled.checked_add(own.filled_unsigned());
        let filled = filled.unwrap_or(Amount::MAX).saturating_sub(pending);
        Order {
            id: *id,
            user_id: own.place.u.clone(),
            side: own.place.side,
            amount: own.place.amt,
            filled,
            price: (!own.market).then_some(own.place.px),
            // By the amounts that are shown beside it. An order that was cancelled while the rest
            // of it was on its way to being filled is filled.
            status: match own.stage {
                _ if filled >= own.place.amt => OrderStatus::Filled,
                Stage::Cancelled => OrderStatus::Cancelled,
                _ if filled.is_zero() => OrderStatus::Pending,
                _ => OrderStatus::Partial,
            },
            timestamp: own.place.ts,
            pair: own.place.pair.clone(),
        }
    }

    /// The latest `limit` trades of this node's pair, anybody's, newest first.
    #[must_use]
    pub fn trades(&self, limit: usize) -> Vec<Trade> {
        let signed = self
            .ranked_trades()
            .filter(|(rank, _)| !self.is_uncommitted(&rank.id))
            .take(limit);
        let unsigned = self
            .unsigned_fills()
            .filter(|(rank, _)| !self.is_uncommitted(&rank.id))
            .take(limit);
        let unsigned: Vec<_> = unsigned
            .map(|(rank, trade)| (rank, trade.clone()))
            .collect();
        let signed = signed.map(|(rank, trade)| (rank, show_trade(trade)));
        if unsigned.is_empty() {
            return signed.map(|(_, trade)| trade).collect();
        }
        let mut trades: Vec<_> = signed.chain(unsigned).collect();
        trades.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
        trades.truncate(limit);
        trades.into_iter().map(|(_, trade)| trade).collect()
    }

    /// The signed trades of this node's pair, newest first.
    fn ranked_trades(&self) -> impl Iterator<Item = (TradeRank, &TradeRecord)> {
        let trades = self.market.ledger().trades(usize::MAX);
        trades
            .filter(|trade| *trade.pair() == self.config.pair)
            .map(|trade| (trade.rank(), trade))
    }

    /// Own trades of this node's pair with unsigned orders, newest first.
    fn unsigned_fills(&self) -> impl Iterator<Item = (TradeRank, &Trade)> {
        self.unsigned.fills(&self.config.pair)
    }

    /// The figures of `getP2PStats()`; the driver fills in what it alone knows of the listener.
    #[must_use]
    pub fn p2p_stats(&self, now: Now) -> P2pStats {
        let peers = self.peers.stats(now);
        P2pStats {
            has_grenache: false,
            discovery: DiscoveryStats {
                is_running: self.phase == Phase::Running,
                strategies: DiscoveryStrategies {
                    mdns: false,
                    grenache: false,
                    dht: false,
                    peer_exchange: self.config.peer_exchange,
                },
                bootstrap_peers: self.config.bootstrap_peers.len(),
            },
            router: RouterStats {
                queue_size: self.router.queue_len(),
                max_queue_size: self.config.bounds.waiting_messages,
                deduplication_cache_size: self.router.seen_len(),
                has_grenache: false,
            },
            direct_connection: DirectConnectionStats {
                node_id: self.identity.node_id().to_string(),
                host: String::new(),
                port: 0,
                is_running: false,
                connections: peers.connected_peers,
                pending_handshakes: 0,
            },
            peers,
        }
    }

    /// Every known peer, connected ones first.
    #[must_use]
    pub fn peers(&self, now: Now) -> Vec<PeerView> {
        self.peers.views(now)
    }

    /// What legacy peers sent, newest first.
    #[must_use]
    pub fn unsigned(&self) -> UnsignedView {
        self.unsigned.view()
    }
}

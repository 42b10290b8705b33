//! What legacy peers sent: kept apart, shown as unsigned, never matched, never passed on.

use std::collections::{BTreeMap, VecDeque};

use super::view::{UnsignedOrder, UnsignedTrade, UnsignedView};
use crate::protocol::{LegacyOrder, LegacyTrade};
use crate::types::{InvalidValue, Millis, Now, Pair};

/// Orders kept of one peer.
const ORDERS_PER_PEER: usize = 200;
/// Orders kept in all.
const ORDERS_LIMIT: usize = 2_000;
/// Trades kept in all.
const TRADES_LIMIT: usize = 1_000;

/// Orders of a peer whose connection is gone are kept so long.
const KEPT_AFTER_LEAVING: Millis = Millis::from_secs(600);

/// Unsigned orders and trades, oldest first.
#[derive(Debug, Default)]
pub(super) struct Unsigned {
    orders: VecDeque<UnsignedOrder>,
    trades: VecDeque<UnsignedTrade>,
    /// Peers that left, and when their orders go (monotonic). Never more than there are orders.
    departed: BTreeMap<String, Millis>,
}

impl Unsigned {
    /// Keeps an order; the same id from the same peer replaces the earlier one.
    pub(super) fn add_order(
        &mut self,
        from: &str,
        order: &LegacyOrder,
        default_pair: &Pair,
    ) -> Result<(), InvalidValue> {
        let order = order.check(default_pair)?;
        let checked = UnsignedOrder {
            from: from.to_owned(),
            id: order.id,
            user_id: order.user_id,
            side: order.side,
            amount: order.amount,
            price: order.price,
            pair: order.pair,
            timestamp: order.timestamp,
        };
        self.orders
            .retain(|kept| kept.from != from || kept.id != checked.id);
        let of_peer = self.orders.iter().filter(|kept| kept.from == from).count();
        if of_peer >= ORDERS_PER_PEER
            && let Some(oldest) = self.orders.iter().position(|kept| kept.from == from)
        {
            self.orders.remove(oldest);
        } else if self.orders.len() >= ORDERS_LIMIT {
            self.orders.pop_front();
        }
        self.orders.push_back(checked);
        Ok(())
    }

    /// Removes an order that the peer cancelled.
    pub(super) fn cancel_order(&mut self, from: &str, id: &str) {
        self.orders
            .retain(|kept| kept.from != from || kept.id != id);
    }

    /// Keeps a trade, once for each id and peer.
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
        if self
            .trades
            .iter()
            .any(|kept| kept.from == from && kept.id == checked.id)
        {
            return Ok(());
        }
        if self.trades.len() >= TRADES_LIMIT {
            self.trades.pop_front();
        }
        self.trades.push_back(checked);
        Ok(())
    }

    /// Notes that a peer is gone: nobody can cancel its orders any more, so they go after a while.
    pub(super) fn peer_left(&mut self, from: &str, now: Now) {
        if self.orders.iter().any(|kept| kept.from == from) {
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
        let orders = &mut self.orders;
        self.departed.retain(|from, due| {
            let gone = *due <= now.mono;
            if gone {
                orders.retain(|kept| kept.from != *from);
            }
            !gone
        });
    }

    pub(super) fn view(&self) -> UnsignedView {
        UnsignedView {
            orders: self.orders.iter().rev().cloned().collect(),
            trades: self.trades.iter().rev().cloned().collect(),
        }
    }
}

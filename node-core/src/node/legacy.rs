//! The policy `match`: legacy peers' unsigned orders in the book, and this node's own orders and
//! trades told to such peers.
//!
//! An own order sells a piece of itself to an unsigned order as it does to a signed one, and no
//! other order may burn that piece: the owner's node decides alone, so it needs nobody's answer.
//! Nothing signed says so; other nodes see that less of the order is open.

use sha2::{Digest, Sha256};

use super::core::Node;
use super::io::{Class, ConnId, Event, TimeInForce};
use super::own::{OwnOrder, Stage, UnsignedFill};
use super::unsigned::Added;
use super::view::{BookSnapshot, Level, Trade};
use crate::collections::BTreeMap;
use crate::ledger::Piece;
use crate::orderbook::OrderRef;
use crate::protocol::{LegacyOrder, LegacyTrade, MAX_SYNC_ORDERS, Message};
use crate::types::{Now, OrderId, PeerId, Price, Side, TradeId};

/// Trades of one own order with unsigned orders. With so many it meets signed orders only.
const FILLS_PER_ORDER: usize = 256;

impl Node {
    /// What somebody without a session told by Grenache's RPC.
    pub(super) fn on_told(&mut self, from: &PeerId, message: Message, now: Now) {
        // They can't say which network they are of, so they are of no private one.
        let private = self.config.network.private_name().is_some();
        if private || !self.config.legacy.takes_plain_peers() {
            self.counters.count("legacy_refused");
            return;
        }
        match message {
            Message::Order(order) => self.on_unsigned_order(None, from, &order, now),
            Message::Trade(trade) => self.on_unsigned_trade(None, from, &trade, now),
            _ => self.counters.count("unexpected_message"),
        }
        if !self.peers.is_here(from) {
            // Nothing will show when it is gone: its orders go a while after its last word.
            self.unsigned.peer_left(&from.to_string(), now);
        }
    }

    /// What the seed's protocol has for orders and trades.
    pub(super) fn on_trading(&mut self, conn: ConnId, from: &PeerId, message: Message, now: Now) {
        match message {
            Message::Order(order) => self.on_unsigned_order(Some(conn), from, &order, now),
            Message::Trade(trade) => self.on_unsigned_trade(Some(conn), from, &trade, now),
            Message::CancelOrder { order_id } => {
                self.unsigned.cancel_order(&from.to_string(), &order_id);
                self.follow_unsigned();
            }
            Message::OrderbookSyncRequest => self.answer_sync_request(conn, now),
            Message::OrderbookSyncResponse(orders) => {
                for order in orders {
                    self.on_unsigned_order(Some(conn), from, &order, now);
                }
            }
            _ => self.counters.count("unexpected_message"),
        }
    }

    /// An order that a plain peer sent.
    fn on_unsigned_order(
        &mut self,
        conn: Option<ConnId>,
        from: &PeerId,
        order: &LegacyOrder,
        now: Now,
    ) {
        let signed = order.id.parse::<OrderId>();
        if signed.is_ok_and(|id| self.is_own(&id) || self.market.ledger().order(&id).is_some()) {
            // This node's own order, on its way back, or another node's that is here already.
            self.counters.count("unsigned_echo");
            return;
        }
        let added = self
            .unsigned
            .add_order(&from.to_string(), order, &self.config.pair);
        self.follow_unsigned();
        match added {
            Ok(Added::Kept(key)) => {
                self.rest_unsigned(key, now);
                self.on_unsigned(conn, Ok(()), now);
            }
            Ok(Added::Known) => self.counters.count("unsigned_known"),
            Err(error) => self.on_unsigned(conn, Err(error.to_string()), now),
        }
    }

    /// A trade that a plain peer reports. It fills nothing: only an own order's own node does.
    fn on_unsigned_trade(
        &mut self,
        conn: Option<ConnId>,
        from: &PeerId,
        trade: &LegacyTrade,
        now: Now,
    ) {
        let is_own = trade.id.parse::<TradeId>().is_ok_and(|id| {
            self.unsigned.has_fill(&id) || self.market.ledger().trade(&id).is_some()
        });
        if is_own {
            self.counters.count("unsigned_echo");
            return;
        }
        let kept = self.unsigned.add_trade(&from.to_string(), trade);
        self.on_unsigned(conn, kept.map_err(|error| error.to_string()), now);
    }

    /// Enters an unsigned order into the book. Its place in time is when it came, whatever it says.
    fn rest_unsigned(&mut self, key: OrderId, now: Now) {
        if !self.unsigned.are_matched() {
            return;
        }
        if let Some(order) = self.unsigned.get(&key)
            && order.pair == self.config.pair
        {
            self.market
                .rest_unsigned(key, order.side, order.price, order.open, now);
        }
    }

    /// Takes the unsigned orders that are gone out of the book.
    pub(super) fn follow_unsigned(&mut self) {
        for key in self.unsigned.take_gone() {
            self.market.drop_unsigned(key);
        }
    }

    /// Whether an own order may trade with an unsigned one in the book. One under the same user's
    /// name is taken for an echo of that user's order.
    pub(super) fn may_meet_unsigned(&self, own: &OwnOrder, theirs: &OrderRef) -> bool {
        let order = self.unsigned.get(&theirs.id);
        own.unsigned.len() < FILLS_PER_ORDER
            && order.is_some_and(|order| order.user_id != own.place.u)
            && order.is_some_and(|order| order.pair == own.place.pair)
            && (own.time_in_force != TimeInForce::Post || stood_before(own, theirs))
    }

    /// A trade of an own order with an unsigned one, at the price of the one that stood first.
    pub(super) fn trade_unsigned(
        &mut self,
        id: OrderId,
        theirs: OrderRef,
        gap: Piece,
        now: Now,
    ) -> bool {
        let Some(order) = self.unsigned.get(&theirs.id).cloned() else {
            return false;
        };
        let Some(own) = self.own.get_mut(&id) else {
            return false;
        };
        let pair = own.place.pair.clone();
        let amount = gap.len().min(order.open);
        let Ok(piece) = Piece::at(gap.start(), amount) else {
            return false;
        };
        let (price, taker_side) = match stood_before(own, &theirs) {
            true => (own.place.px, order.side),
            false => (order.price, own.place.side),
        };
        let (buy_order_id, sell_order_id) = match own.place.side {
            Side::Buy => (id, theirs.id),
            Side::Sell => (theirs.id, id),
        };
        let trade = Trade {
            id: trade_id(&id, &piece, &theirs.id),
            buy_order_id,
            sell_order_id,
            amount,
            price,
            timestamp: now.wall,
            taker_side,
            unsigned: true,
        };
        let (n, _) = self.sequence.next(now);
        own.unsigned.push(UnsignedFill {
            piece,
            n,
            trade: trade.clone(),
        });
        self.own.mark_changed(&id);
        let left = self.unsigned.fill(&theirs.id, amount);
        self.market.set_unsigned(theirs.id, left);
        self.unsigned.add_fill(&pair, n, trade.clone());
        self.remember_unsigned(id, &trade);
        self.counters.count("unsigned_filled");
        let (own_id, peers_id) = (id.to_string(), order.id);
        let (buy, sell) = match order.side {
            Side::Buy => (peers_id, own_id),
            Side::Sell => (own_id, peers_id),
        };
        self.tell_plain_trade(&trade, buy, sell, now);
        self.event(Event::Trade { trade, own: true });
        if !self.has_ended(&id) {
            self.order_changed(&id);
        }
        true
    }

    /// Tells plain peers of an own order that is open from now on.
    pub(super) fn tell_plain_order(&mut self, id: &OrderId, now: Now) {
        if let Some(order) = self.plain_order(id) {
            self.tell_plain(&Message::Order(order), now);
        }
    }

    /// Tells plain peers that an own order is closed.
    pub(super) fn tell_plain_cancel(&mut self, id: &OrderId, now: Now) {
        let order_id = id.to_string();
        self.tell_plain(&Message::CancelOrder { order_id }, now);
    }

    /// Tells plain peers of an own trade; the orders' ids are those that peers know.
    pub(super) fn tell_plain_trade(&mut self, trade: &Trade, buy: String, sell: String, now: Now) {
        let trade = LegacyTrade {
            id: trade.id.to_string(),
            buy_order_id: buy,
            sell_order_id: sell,
            amount: trade.amount.to_string(),
            price: trade.price.to_string(),
            timestamp: trade.timestamp,
        };
        self.tell_plain(&Message::Trade(trade), now);
    }

    /// Tells an original node that is new here what this node placed in this run and is open.
    pub(super) fn tell_open_orders(&mut self, conn: ConnId, now: Now) {
        if !self.unsigned.are_matched() {
            return;
        }
        let open = self.own.open();
        let open: Vec<OrderId> = open
            .filter(|id| self.own.get(id).is_some_and(|own| !own.restored))
            .take(MAX_SYNC_ORDERS)
            .collect();
        for id in open {
            if let Some(order) = self.plain_order(&id) {
                self.send_bulk(conn, &Message::Order(order), now);
            }
        }
    }

    /// Answers a peer that asks for the book: with this node's own orders, or with none where they
    /// are not to be matched elsewhere.
    fn answer_sync_request(&mut self, conn: ConnId, now: Now) {
        let orders: Vec<LegacyOrder> = match self.unsigned.are_matched() {
            true => {
                let open = self.own.open().filter_map(|id| self.plain_order(&id));
                open.take(MAX_SYNC_ORDERS).collect()
            }
            false => Vec::new(),
        };
        self.send(
            conn,
            Class::Control,
            &Message::OrderbookSyncResponse(orders),
            now,
        );
    }

    /// A published own order as plain peers read it, with what is open of it.
    fn plain_order(&self, id: &OrderId) -> Option<LegacyOrder> {
        let own = self.own.get(id)?;
        let open = own.free(self.market.ledger().order(id)?);
        // A plain peer takes an order for one of its own pair, whatever pair it names.
        let stands =
            own.stage == Stage::Published && own.place.pair == self.config.pair && !open.is_zero();
        stands.then(|| LegacyOrder {
            id: id.to_string(),
            user_id: own.place.u.to_string(),
            side: own.place.side.to_string(),
            amount: open.to_string(),
            price: own.place.px.to_string(),
            status: "pending".to_owned(),
            timestamp: own.place.ts,
            pair: own.place.pair.to_string(),
        })
    }

    fn tell_plain(&mut self, message: &Message, now: Now) {
        if !self.unsigned.are_matched() {
            return;
        }
        let plain = self
            .peers
            .all()
            .filter(|peer| matches!(peer.id, PeerId::Legacy(_)));
        let plain: Vec<ConnId> = plain.map(|peer| peer.conn).collect();
        for conn in plain {
            self.send_bulk(conn, message, now);
        }
    }

    /// Marks how much of each shown level is unsigned.
    pub(super) fn mark_unsigned(&self, snapshot: &mut BookSnapshot) {
        if !self.unsigned.are_matched() {
            return;
        }
        let mut open: BTreeMap<(bool, Price), u128> = BTreeMap::new();
        for (key, order) in self.unsigned.orders() {
            if self.market.shown(*key).is_some() {
                let level = open.entry((order.side == Side::Buy, order.price));
                *level.or_default() += order.open.units();
            }
        }
        let mark = |levels: &mut Vec<Level>, bids: bool| {
            for level in levels {
                level.unsigned = open.get(&(bids, level.price)).copied().unwrap_or(0);
            }
        };
        mark(&mut snapshot.bids, true);
        mark(&mut snapshot.asks, false);
    }
}

/// Whether an own order stood in the book when an unsigned one came.
fn stood_before(own: &OwnOrder, theirs: &OrderRef) -> bool {
    own.stage == Stage::Published && own.place.ts <= theirs.time
}

/// The same piece is never sold twice, so the id is never used twice.
fn trade_id(own: &OrderId, piece: &Piece, theirs: &OrderId) -> TradeId {
    let mut hash = Sha256::new_with_prefix(b"unsigned trade\0");
    hash.update(own.0);
    hash.update(piece.start().units().to_be_bytes());
    hash.update(theirs.0);
    TradeId(hash.finalize().into())
}

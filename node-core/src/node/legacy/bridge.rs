//! The policy `match`: trading with plain peers by their rules.
//!
//! Plain peers hold one book by applying every announced order as a taker (see [`super::plain_book`]).
//! This node takes part in that:
//!
//! - An announced order fills the own orders that it reaches in the plain book. The own order's node
//!   decides alone, so no answer is needed; nothing signed says so, and other nodes see that less of
//!   the order is open.
//! - An own order that takes a plain peer's order announces each part that it took as an order of its
//!   own, `filled`, at the maker's price. Its rest is announced under the order's id once it rests.
//! - What signed orders took of an announced own order is taken out of the plain book: by an announced
//!   taker of that amount where the own order is first in line, by cancelling and announcing the rest
//!   under a new id otherwise.
//!
//! Nodes with this policy announce to each other as well ([`CAPABILITY_PLAIN`]), so that all hold the
//! same plain book. Orders between two signed owners are never filled by it.
//!
//! [`CAPABILITY_PLAIN`]: crate::protocol::CAPABILITY_PLAIN

use sha2::{Digest, Sha256};

use crate::collections::BTreeMap;
use crate::ledger::Piece;
use crate::node::core::Node;
use crate::node::io::{Class, ConnId, Event, TimeInForce};
use crate::node::market::{BRIDGED, OWN, UNSIGNED};
use crate::node::own::{OwnOrder, Stage, UnsignedFill};
use crate::node::view::{BookSnapshot, Level, Trade};
use crate::orderbook::OrderRef;
use crate::protocol::{self, LegacyOrder, LegacyTrade, MAX_SYNC_ORDERS, Message, PLAIN_PEERS};
use crate::types::{Amount, Millis, Now, OrderId, PeerId, Price, Side, TradeId, UserId};

/// Maximum number of trades of one own order with unsigned orders. After them it meets signed orders
/// only.
const FILLS_PER_ORDER: usize = 256;

/// An announcement has arrived everywhere after this time, as a rule. What follows from it is announced
/// no earlier, so that all peers apply it after its cause.
const ARRIVES_WITHIN: Millis = Millis(200);

/// An own order that crosses other nodes' announced orders is announced after this time in any case.
const ANNOUNCE_WITHIN: Millis = Millis::from_secs(1);

/// Separates a signed order's id from the number of an announced part of it.
const PART: char = ':';

/// Whether an own order may take an unsigned one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::node) enum MayMeet {
    Now,
    /// Once the orders in front of it are gone. Until then the own order takes no worse one.
    Later,
    Never,
}

/// An unsigned order that an own order trades with.
struct Counterparty {
    /// Its key in the book.
    key: OrderId,
    /// Its id on the wire.
    id: String,
}

impl Node {
    /// What somebody without a session told by Grenache's RPC.
    pub(in crate::node) fn on_told(&mut self, from: &PeerId, message: Message, now: Now) {
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
    pub(in crate::node) fn on_trading(
        &mut self,
        conn: ConnId,
        from: &PeerId,
        message: Message,
        now: Now,
    ) {
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

    /// Takes in an order that a plain peer announced.
    fn on_unsigned_order(
        &mut self,
        conn: Option<ConnId>,
        from: &PeerId,
        order: &LegacyOrder,
        now: Now,
    ) {
        let is_bridged = matches!(from, PeerId::Node(_)) && self.is_bridge(conn);
        if self.is_echo(&order.id, is_bridged) {
            self.counters.count("unsigned_echo");
            return;
        }
        if self.unsigned.are_matched() && !self.is_up_to_date() {
            // Own orders of an earlier run must not be filled yet, and it may be for one of them.
            self.counters.count("unsigned_postponed");
            return self.unsigned.postpone(conn, from.clone(), order.clone());
        }
        let name = from.to_string();
        let pair = self.config.pair.clone();
        if !self.unsigned.are_matched() {
            match self.unsigned.observe(&name, order, &pair) {
                Ok(true) => self.on_unsigned(conn, Ok(()), now),
                Ok(false) => self.counters.count("unsigned_known"),
                Err(error) => self.on_unsigned(conn, Err(error.to_string()), now),
            }
            self.follow_unsigned();
            return;
        }
        let (key, checked) = match self.unsigned.first_sight(&name, order, &pair) {
            Ok(Some(first)) => first,
            Ok(None) => return self.counters.count("unsigned_known"),
            Err(error) => return self.on_unsigned(conn, Err(error.to_string()), now),
        };
        if order.status == "cancelled" {
            return self.counters.count("unsigned_known");
        }
        let is_shown = checked.pair == pair;
        let rest = match is_shown {
            true => self.apply_announced(&checked, key, is_bridged, now),
            false => checked.amount,
        };
        if order.status != "filled" && !rest.is_zero() {
            let (side, price) = (checked.side, checked.price);
            self.unsigned.keep(key, &name, checked, rest, is_bridged);
            self.follow_unsigned();
            if is_shown {
                let owner = if is_bridged { BRIDGED } else { UNSIGNED };
                self.plain.rest(key, owner, side, price, rest);
                if !is_bridged {
                    self.market.rest_unsigned(key, side, price, rest, now);
                }
            }
        }
        self.on_unsigned(conn, Ok(()), now);
        self.follow_plain_book_at(now.mono + ARRIVES_WITHIN);
    }

    /// Takes in the orders that came before this node was up to date after a start.
    pub(in crate::node) fn admit_postponed_orders(&mut self, now: Now) {
        if PLAIN_PEERS && self.is_up_to_date() {
            for (conn, from, order) in self.unsigned.take_postponed() {
                self.on_unsigned_order(conn, &from, &order, now);
            }
        }
    }

    /// Returns whether an announcement is about a signed order that is here already: this node's own,
    /// or another one's that comes from a plain peer. Ids of announced parts begin with the order's.
    fn is_echo(&self, id: &str, is_bridged: bool) -> bool {
        let order = id.split(PART).next().unwrap_or(id);
        let Ok(order) = order.parse::<OrderId>() else {
            return false;
        };
        self.is_own(&order) || (!is_bridged && self.market.ledger().order(&order).is_some())
    }

    /// Returns whether the peer is a node of this protocol that announces its orders to plain peers.
    fn is_bridge(&self, conn: Option<ConnId>) -> bool {
        let peer = conn.and_then(|conn| self.peers.get(conn));
        peer.is_some_and(|peer| peer.hears_plain_orders())
    }

    /// Applies an announced order to the plain book, and to the orders that it fills there. Returns
    /// its unfilled rest.
    fn apply_announced(
        &mut self,
        taker: &protocol::UnsignedOrder,
        key: OrderId,
        is_bridged: bool,
        now: Now,
    ) -> Amount {
        let own = &self.own;
        // An order under the user's own name is taken for an echo of that user's order.
        let is_same_user = |maker: &OrderRef| {
            let own = own.get(&maker.id).filter(|_| !is_bridged);
            own.is_some_and(|own| own.place.u == taker.user_id)
        };
        let (hits, rest) = self
            .plain
            .apply(taker.side, taker.price, taker.amount, is_same_user);
        for hit in hits {
            match hit.owner {
                // Two signed owners settle their trades by themselves.
                // What is not exact can't be signed for, and is not rounded against this node's user.
                OWN if !is_bridged && taker.is_exact => {
                    let by = Counterparty {
                        key,
                        id: taker.id.clone(),
                    };
                    self.fill_announced(hit.id, hit.amount, &by, now);
                }
                UNSIGNED | BRIDGED => self.reduce_unsigned(&hit.id, hit.amount),
                _ => {}
            }
        }
        rest
    }

    /// Fills an own order as far as an unsigned taker reached it in the plain book.
    fn fill_announced(&mut self, id: OrderId, amount: Amount, by: &Counterparty, now: Now) {
        if let Some(own) = self.own.get(&id) {
            let (price, taker_side) = (own.place.px, own.place.side.opposite());
            self.trade_pieces(id, amount, by, price, taker_side, now);
        }
        self.after_match(id, now);
    }

    /// Trades free pieces of an own order with an unsigned one, `amount` in all if so much is free.
    fn trade_pieces(
        &mut self,
        id: OrderId,
        amount: Amount,
        by: &Counterparty,
        price: Price,
        taker_side: Side,
        now: Now,
    ) {
        let mut left = amount;
        let can_trade = |own: &&OwnOrder| own.is_open() && own.unsigned.len() < FILLS_PER_ORDER;
        if !self.must_not_commit(&id, now) {
            while !left.is_zero()
                && let Some(own) = self.own.get(&id).filter(can_trade)
                && let Some(state) = self.market.ledger().order(&id)
                && let Some(gap) = own.spare(state).first()
                && let Ok(piece) = Piece::at(gap.start(), gap.len().min(left))
            {
                left = left.saturating_sub(piece.len());
                self.trade_with_unsigned(id, piece, by, price, taker_side, now);
            }
        }
        if !left.is_zero() {
            // A signed order has it, or is asking for it.
            self.counters.count("unsigned_fill_missed");
        }
    }

    /// Reduces an unsigned order, but for its place in the plain book.
    fn reduce_unsigned(&mut self, key: &OrderId, by: Amount) {
        let left = self.unsigned.fill(key, by);
        self.market.set_unsigned(*key, left);
    }

    /// Matches all open own orders again.
    fn match_open_orders(&mut self, now: Now) {
        if self.unsigned.orders().next().is_some() {
            let open: Vec<OrderId> = self.own.open().collect();
            for id in open {
                self.match_own(id, now);
            }
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

    /// Takes the unsigned orders that are gone out of the book.
    pub(in crate::node) fn follow_unsigned(&mut self) {
        for key in self.unsigned.take_gone() {
            self.plain.remove(key);
            self.market.drop_unsigned(key);
        }
    }

    /// Returns whether an own order may take an unsigned one: when it is the first in line in the plain
    /// book, as the other plain peers apply the announcement to that one. An order under the same
    /// user's name is taken for an echo of that user's order.
    pub(in crate::node) fn may_meet_unsigned(
        &self,
        own: &OwnOrder,
        theirs: &OrderRef,
        now: Now,
    ) -> MayMeet {
        if !PLAIN_PEERS {
            return MayMeet::Never;
        }
        let order = self.unsigned.get(&theirs.id);
        let can_meet = own.unsigned.len() < FILLS_PER_ORDER
            && order.is_some_and(|order| order.user_id != own.place.u)
            && order.is_some_and(|order| order.exact && order.pair == own.place.pair)
            && own.time_in_force != TimeInForce::Post;
        // The trades of those in front are about to be announced.
        let waits = now.wall.since(own.place.ts) < ANNOUNCE_WITHIN;
        match (can_meet, self.plain.is_first(theirs.id)) {
            (true, true) => MayMeet::Now,
            (true, false) if waits => MayMeet::Later,
            _ => MayMeet::Never,
        }
    }

    /// Takes an unsigned order with a free piece of an own one, at the unsigned order's price.
    pub(in crate::node) fn trade_unsigned(
        &mut self,
        id: OrderId,
        theirs: OrderRef,
        gap: Piece,
        now: Now,
    ) -> bool {
        let order = self.unsigned.get(&theirs.id).cloned();
        let own = self.own.get(&id).filter(|_| PLAIN_PEERS);
        let (Some(order), Some(own)) = (order, own) else {
            return false;
        };
        let amount = gap.len().min(order.open);
        let Ok(piece) = Piece::at(gap.start(), amount) else {
            return false;
        };
        let (side, user) = (own.place.side, own.place.u.clone());
        let by = Counterparty {
            key: theirs.id,
            id: order.id,
        };
        self.plain.reduce(theirs.id, amount);
        self.reduce_unsigned(&theirs.id, amount);
        // As a plain peer does: first the order, then its trade.
        let part = format!("{id}{PART}{}", piece.start());
        self.announce_taken(&part, &user, side, amount, order.price, now);
        self.trade_with_unsigned(id, piece, &by, order.price, side, now);
        if !self.has_ended(&id) {
            self.order_changed(&id);
        }
        true
    }

    /// Records a trade of a piece of an own order with an unsigned order, and reports it.
    fn trade_with_unsigned(
        &mut self,
        id: OrderId,
        piece: Piece,
        by: &Counterparty,
        price: Price,
        taker_side: Side,
        now: Now,
    ) {
        let Some(own) = self.own.get_mut(&id) else {
            return;
        };
        let (side, pair) = (own.place.side, own.place.pair.clone());
        let (buy_order_id, sell_order_id) = match side {
            Side::Buy => (id, by.key),
            Side::Sell => (by.key, id),
        };
        let trade = Trade {
            id: trade_id(&id, &piece, &by.key),
            buy_order_id,
            sell_order_id,
            amount: piece.len(),
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
        self.unsigned.add_fill(&pair, n, trade.clone());
        self.remember_unsigned(id, &trade);
        self.counters.count("unsigned_filled");
        let (buy, sell) = match side {
            Side::Buy => (id.to_string(), by.id.clone()),
            Side::Sell => (by.id.clone(), id.to_string()),
        };
        self.tell_plain_trade(&trade, buy, sell, now);
        self.event(Event::Trade { trade, own: true });
    }

    /// Announces a part that is filled already, so that plain peers take it out of the same order.
    fn announce_taken(
        &mut self,
        id: &str,
        user: &UserId,
        side: Side,
        amount: Amount,
        price: Price,
        now: Now,
    ) {
        self.unsigned.note_own(id);
        let order = LegacyOrder {
            id: id.to_owned(),
            user_id: user.to_string(),
            side: side.to_string(),
            amount: amount.to_string(),
            price: price.to_string(),
            status: "filled".to_owned(),
            timestamp: now.wall,
            pair: self.config.pair.to_string(),
        };
        self.tell_plain(&Message::Order(order), now);
    }

    /// Announces an own order that rests from now on. While it crosses other nodes' announced orders,
    /// their trades with it are still to be announced, and it waits for that.
    pub(in crate::node) fn tell_plain_order(&mut self, id: &OrderId, now: Now) {
        if self.unsigned.are_matched() && !self.plain.holds(*id) {
            let due = now.mono + ANNOUNCE_WITHIN;
            self.plain.unannounced.insert(*id, due);
            self.announce_unless_unsettled(id, now);
        }
    }

    /// Announces what waits for a change of the plain book, where that is due.
    pub(in crate::node) fn follow_plain_book(&mut self, now: Now) {
        if !PLAIN_PEERS || self.plain.follow_at.is_none_or(|due| due > now.mono) {
            return;
        }
        self.plain.follow_at = None;
        let excessive: Vec<OrderId> = self.plain.excessive.iter().copied().collect();
        for id in excessive {
            self.follow_plain_order(&id, now);
        }
        let unannounced: Vec<OrderId> = self.plain.unannounced.keys().copied().collect();
        for id in unannounced {
            self.announce_unless_unsettled(&id, now);
        }
        // What was in front of an unsigned order may be gone.
        self.match_open_orders(now);
    }

    fn follow_plain_book_at(&mut self, due: Millis) {
        let due = self.plain.follow_at.map_or(due, |earlier| earlier.min(due));
        self.plain.follow_at = Some(due);
        self.hurry(due);
    }

    fn announce_unless_unsettled(&mut self, id: &OrderId, now: Now) {
        let Some(due) = self.plain.unannounced.get(id).copied() else {
            return;
        };
        let is_unsettled = self.own.get(id).is_some_and(|own| {
            let (side, limit) = (own.place.side, own.place.px);
            self.plain.would_fill_unsettled(side, limit)
        });
        if is_unsettled && due > now.mono {
            self.follow_plain_book_at(due);
        } else {
            self.plain.unannounced.remove(id);
            self.announce(id, now);
        }
    }

    /// Announces an own order, and applies it to the plain book as its receivers do.
    fn announce(&mut self, id: &OrderId, now: Now) {
        let Some((order, open)) = self.own.get(id).and_then(|own| {
            let open = own.free(self.market.ledger().order(id)?);
            Some((self.plain_order(id, open)?, open))
        }) else {
            return;
        };
        self.unsigned.note_own(&order.id);
        self.tell_plain(&Message::Order(order), now);
        let Some(own) = self.own.get(id) else {
            return;
        };
        let (side, limit, user) = (own.place.side, own.place.px, own.place.u.clone());
        let unsigned = &self.unsigned;
        let is_same_user = |maker: &OrderRef| {
            let theirs = unsigned.get(&maker.id).filter(|_| maker.owner == UNSIGNED);
            theirs.is_some_and(|theirs| theirs.user_id == user)
        };
        let (hits, rest) = self.plain.apply(side, limit, open, is_same_user);
        if !rest.is_zero() {
            self.plain.rest(*id, OWN, side, limit, rest);
        }
        let is_changed = !hits.is_empty();
        for hit in hits {
            match hit.owner {
                UNSIGNED if self.unsigned.get(&hit.id).is_some_and(|it| it.exact) => {
                    self.fill_on_announcement(*id, hit.id, hit.amount, now);
                }
                UNSIGNED | BRIDGED => self.reduce_unsigned(&hit.id, hit.amount),
                _ => {}
            }
        }
        if is_changed {
            self.after_match(*id, now);
        }
    }

    /// Trades an announced own order with an unsigned one that its receivers fill with it.
    fn fill_on_announcement(&mut self, id: OrderId, theirs: OrderId, amount: Amount, now: Now) {
        let Some(order) = self.unsigned.get(&theirs).cloned() else {
            return;
        };
        self.reduce_unsigned(&theirs, amount);
        let by = Counterparty {
            key: theirs,
            id: order.id,
        };
        if let Some(side) = self.own.get(&id).map(|own| own.place.side) {
            self.trade_pieces(id, amount, &by, order.price, side, now);
        }
    }

    /// Takes out of the plain book what is not left of an own order any more. Plain peers reduce an
    /// order by takers only, which fill the first in line, and cancel one that no taker has reached.
    /// Otherwise it has to wait until it is the first.
    pub(in crate::node) fn follow_plain_order(&mut self, id: &OrderId, now: Now) {
        let Some(announced) = PLAIN_PEERS.then(|| self.plain.open(*id)).flatten() else {
            return;
        };
        let Some((own, state)) = self.own.get(id).zip(self.market.ledger().order(id)) else {
            return self.withdraw_plain_order(id, now);
        };
        let is_filled = own.filled_in(state) >= state.amt();
        let stands = own.stage == Stage::Published && own.unsigned.len() < FILLS_PER_ORDER;
        let left = match stands {
            true => state.amt().saturating_sub(own.filled_in(state)),
            false => Amount::ZERO,
        };
        let excess = announced.saturating_sub(left);
        if excess.is_zero() {
            self.plain.excessive.remove(id);
            return;
        }
        let (is_first, is_touched) = (self.plain.is_first(*id), self.plain.is_touched(*id));
        if is_first && (is_touched || stands || is_filled) {
            let (side, price) = (own.place.side.opposite(), own.place.px);
            let user = own.place.u.clone();
            let part = format!("{id}{PART}-{}", state.amt().saturating_sub(left));
            self.plain.reduce(*id, excess);
            self.plain.excessive.remove(id);
            self.announce_taken(&part, &user, side, excess, price, now);
            if left.is_zero() {
                let order_id = self.plain_id(id);
                self.tell_plain(&Message::CancelOrder { order_id }, now);
            }
        } else if !is_touched {
            self.withdraw_plain_order(id, now);
            if !left.is_zero() {
                self.tell_plain_order(id, now);
            }
        } else {
            self.plain.excessive.insert(*id);
        }
    }

    /// Cancels the announcement of an own order.
    fn withdraw_plain_order(&mut self, id: &OrderId, now: Now) {
        self.plain.remove(*id);
        let order_id = self.plain_id(id);
        if let Some(own) = self.own.get_mut(id) {
            own.withdrawn += 1;
        }
        self.tell_plain(&Message::CancelOrder { order_id }, now);
    }

    /// Returns the id under which plain peers know an own order, or are told of it next.
    fn plain_id(&self, id: &OrderId) -> String {
        match self.own.get(id).map_or(0, |own| own.withdrawn) {
            0 => id.to_string(),
            withdrawn => format!("{id}{PART}r{withdrawn}"),
        }
    }

    /// Tells plain peers of an own trade; the orders' ids are those that peers know.
    pub(in crate::node) fn tell_plain_trade(
        &mut self,
        trade: &Trade,
        buy: String,
        sell: String,
        now: Now,
    ) {
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

    /// Announces the open own orders to a new peer that hears them, and asks a plain one for its book.
    pub(in crate::node) fn meet_plain_peer(&mut self, conn: ConnId, now: Now) {
        if !self.unsigned.are_matched() {
            return;
        }
        let peer = self.peers.get(conn);
        let Some(peer) = peer.filter(|peer| peer.hears_plain_orders()) else {
            return;
        };
        let (talks_back, is_bridge) = (peer.dialect.talks_back(), peer.speaks_x1());
        // A peer behind Grenache's RPC has no session that could end: it is told once.
        if talks_back || self.peers.take_orders_untold(conn) {
            self.tell_open_orders(conn, now);
        }
        if talks_back && !is_bridge {
            self.send(conn, Class::Control, &Message::OrderbookSyncRequest, now);
        }
    }

    fn tell_open_orders(&mut self, conn: ConnId, now: Now) {
        for order in self.announced_orders() {
            self.send_bulk(conn, &Message::Order(order), now);
        }
    }

    /// Answers a peer that asks for the book: with this node's own orders, or with none where they
    /// are not to be matched elsewhere.
    fn answer_sync_request(&mut self, conn: ConnId, now: Now) {
        let orders = self.announced_orders();
        self.send(
            conn,
            Class::Control,
            &Message::OrderbookSyncResponse(orders),
            now,
        );
    }

    /// Returns the own orders in the plain book, at most [`MAX_SYNC_ORDERS`].
    fn announced_orders(&self) -> Vec<LegacyOrder> {
        let announced = self.own.open().filter_map(|id| {
            let open = self.plain.open(id)?;
            self.plain_order(&id, open)
        });
        announced.take(MAX_SYNC_ORDERS).collect()
    }

    /// Returns a published own order as plain peers read it, with `open` left of it.
    fn plain_order(&self, id: &OrderId, open: Amount) -> Option<LegacyOrder> {
        let own = self.own.get(id)?;
        // A plain peer takes an order for one of its own pair, whatever pair it names.
        let stands =
            own.stage == Stage::Published && own.place.pair == self.config.pair && !open.is_zero();
        stands.then(|| LegacyOrder {
            id: self.plain_id(id),
            user_id: own.place.u.to_string(),
            side: own.place.side.to_string(),
            amount: open.to_string(),
            price: own.place.px.to_string(),
            status: "pending".to_owned(),
            timestamp: own.place.ts,
            pair: own.place.pair.to_string(),
        })
    }

    /// Adds the own orders of an earlier run to the plain book: plain peers may still hold them.
    pub(in crate::node) fn restore_plain_orders(&mut self) {
        if !self.unsigned.are_matched() {
            return;
        }
        let open: Vec<OrderId> = self.own.open().collect();
        for id in open {
            if let Some(own) = self.own.get(&id)
                && let Some(state) = self.market.ledger().order(&id)
                && own.stage == Stage::Published
                && own.place.pair == self.config.pair
            {
                let (side, price) = (own.place.side, own.place.px);
                let open = own.free(state);
                self.unsigned.note_own(&id.to_string());
                self.plain.rest(id, OWN, side, price, open);
            }
        }
    }

    /// Sends an announcement to all plain peers, and to the nodes that trade with some.
    fn tell_plain(&mut self, message: &Message, now: Now) {
        if !self.unsigned.are_matched() {
            return;
        }
        let is_trade = matches!(message, Message::Trade(_));
        if !is_trade && !self.plain.is_settled() {
            self.follow_plain_book_at(now.mono + ARRIVES_WITHIN);
        }
        let peers = self.peers.all();
        let plain =
            peers.filter(|peer| peer.hears_plain_orders() && !(is_trade && peer.speaks_x1()));
        let plain: Vec<ConnId> = plain.map(|peer| peer.conn).collect();
        for conn in plain {
            self.send_bulk(conn, message, now);
        }
    }

    /// Marks how much of each shown level is unsigned.
    pub(in crate::node) fn mark_unsigned(&self, snapshot: &mut BookSnapshot) {
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

/// The same piece is never sold twice, so the id is never used twice.
fn trade_id(own: &OrderId, piece: &Piece, theirs: &OrderId) -> TradeId {
    let mut hash = Sha256::new_with_prefix(b"unsigned trade\0");
    hash.update(own.0);
    hash.update(piece.start().units().to_be_bytes());
    hash.update(theirs.0);
    TradeId(hash.finalize().into())
}

//! What changes the market: statements, trades, and time; and what follows for own orders.

use super::admission::Entrance;
use super::core::Node;
use super::gossip::Reach;
use super::io::{ConnId, Event};
use super::market::UNSIGNED;
use super::news::is_old;
use super::own::{OwnOrder, Stage};
use super::peers::PeerSession;
use super::reads::show_trade;
use super::wanted::Found;
use crate::ledger::prefix_of;
use crate::ledger::{
    Applied, OrdStatus, OrdWhy, OrderStatus, PlaceTif, Retained, Statement, TradeRecord, TradeShare,
};
use crate::types::{Amount, Now, OrderId};

impl Node {
    /// A statement of another node, or a copy of an own one that comes back.
    pub(super) fn on_statement(&mut self, statement: Statement, from: Option<ConnId>, now: Now) {
        let owner = statement.owner();
        if owner == self.identity.node_id() {
            self.wanted.arrived(&prefix_of(&statement.hash().0));
            self.on_own_statement(statement, now);
            return;
        }
        let found = self.wanted.arrived(&prefix_of(&statement.hash().0));
        let reading = self.is_reading(from);
        if found.is_none() && !reading && self.is_old_news(&statement, from, now) {
            self.counters.count("old_news");
            return self.vain(from, now);
        }
        let sought = self.sought(from, found);
        match self.admit_statement(&statement, from, sought, now) {
            Entrance::Open => {}
            Entrance::Waits => return,
            Entrance::Closed(why) => {
                self.counters.count(why);
                return self.vain(from, now);
            }
        }
        let own = &self.own;
        let applied = self
            .market
            .apply(statement.clone(), |id| own.contains(id), now);
        match applied {
            Applied::New { .. } => {
                self.note_helpful(from, found);
                if let Some(conn) = from {
                    self.router.learn_path(owner, conn, statement.ts());
                    self.deliver_waiting(owner, now);
                }
                if statement.as_ka().is_some() {
                    // It is there again, or still: it may answer now.
                    self.resend_takes_of(owner, now);
                    self.check_owner(owner, now);
                }
                self.tell_news(Retained::Statement(statement), from, found, now);
                self.admit_waiting_head(&owner, now);
                self.keep_within_room(now);
            }
            Applied::Known | Applied::Stale => {
                self.known_already(&statement.hash().0, &[owner], from, found, now);
            }
            Applied::Quarantined => self.counters.count("statement_early"),
            Applied::Refused(refusal) => {
                self.counters.count(refusal.reason());
                self.vain(from, now);
            }
        }
    }

    /// Whether a statement that nobody asked for is from long ago, and its owner is not here any
    /// more. Nobody can trade with such orders. They come by comparing, as fast as this node asks
    /// for them, and not as fast as somebody likes to repeat what he once heard.
    fn is_old_news(&self, statement: &Statement, from: Option<ConnId>, now: Now) -> bool {
        is_old(statement.ts(), now)
            && from.is_some()
            && !self.market.ledger().is_live(&statement.owner(), now.wall)
    }

    /// Something new came: by a comparison, if that had found it to be missing.
    fn note_helpful(&mut self, from: Option<ConnId>, found: Option<Found>) {
        if let (Some(conn), Some(Found::Compared)) = (from, found) {
            self.comparison_helped(conn);
        }
    }

    /// What somebody brought was of no use.
    fn vain(&mut self, from: Option<ConnId>, now: Now) {
        if let Some(conn) = from {
            self.peers.in_vain(conn, 1, now);
        }
    }

    /// A statement of this node's own key that comes back. Only this process signs with the key:
    /// what it does not know was signed by an earlier one, whose store is lost or was never kept.
    /// It is taken as it is, so that this node holds what the others do.
    fn on_own_statement(&mut self, statement: Statement, now: Now) {
        self.notice_own(&statement, now);
        if self.store_failure.is_some() {
            return;
        }
        let subject = statement.as_ord().map(|ord| ord.id);
        let order = statement.order_id().or(subject);
        let own = &self.own;
        self.market.apply(statement, |id| own.contains(id), now);
        if let Some(id) = order {
            self.look_after_returned(id, now);
        }
    }

    /// Something was taken in about an order of this node's own key. One that was left behind by
    /// an earlier process is closed everywhere, since nobody can fill it any more; so is one that
    /// this process cancelled without telling, as its store did not know that it had been published.
    pub(super) fn look_after_returned(&mut self, id: OrderId, now: Now) {
        let Some(state) = self.market.ledger().order(&id) else {
            return;
        };
        let closed = state.closing().is_some();
        let over = state.is_closed_by_owner();
        let stage = self.own.get(&id).map(|own| own.stage);
        let ended = match stage {
            None => true,
            Some(Stage::Cancelled) => state.published(),
            Some(Stage::Placing | Stage::Published | Stage::Filled) => false,
        };
        if ended && !over && state.status() != OrderStatus::Filled {
            self.counters.count("left_behind_closed");
            let (open, closed) = (Amount::ZERO, OrdStatus::Closed);
            if let Some(ord) = self.state_order(id, open, closed, OrdWhy::Shutdown, now) {
                self.tell_own(ord);
            }
        } else if closed && matches!(stage, Some(Stage::Placing | Stage::Published)) {
            self.finish(&id, Stage::Cancelled, now);
        }
    }

    /// A confirmed trade, anybody's. Returns whether it was new.
    pub(super) fn on_trade(&mut self, trade: &TradeRecord, from: Option<ConnId>, now: Now) -> bool {
        let me = self.identity.node_id();
        let involved = [trade.maker(), trade.taker()].map(|place| place.owner() == me);
        let involved = involved.contains(&true);
        if involved && self.store_failure.is_some() {
            // It can't be written down. Its maker has it, and whoever else heard of it.
            self.counters.count("store_failing");
            return false;
        }
        for statement in [trade.maker(), trade.taker(), trade.req(), trade.fill()] {
            if statement.owner() == me {
                self.notice_own(statement, now);
            }
        }
        let found = self.wanted.arrived(&prefix_of(&trade.id().0));
        let sought = self.sought(from, found);
        if let Entrance::Closed(why) = self.admit_trade(trade, from, sought, now) {
            self.counters.count(why);
            self.vain(from, now);
            return false;
        }
        let share = match involved {
            true => TradeShare::OWN,
            false => self.share_of(from),
        };
        let own = &self.own;
        let applied = self
            .market
            .apply_trade(share, trade.clone(), |id| own.contains(id), now);
        match applied {
            Applied::New { .. } => self.note_helpful(from, found),
            Applied::Known | Applied::Stale => {
                let owners = [trade.maker(), trade.taker()].map(Statement::owner);
                self.known_already(&trade.id().0, &owners, from, found, now);
                return false;
            }
            Applied::Quarantined => {
                self.counters.count("statement_early");
                return false;
            }
            Applied::Refused(refusal) => {
                self.counters.count(refusal.reason());
                self.vain(from, now);
                return false;
            }
        }
        if trade.fill().owner() == me {
            self.gossip
                .tell(Retained::Trade(trade.clone()), None, Reach::Own);
        } else {
            self.tell_news(Retained::Trade(trade.clone()), from, found, now);
        }
        let sides = [trade.maker_order(), trade.taker_order()];
        for id in sides {
            if let Some(own) = self.own.get_mut(&id) {
                own.note_trade(trade);
                self.note_filled(&id);
            }
        }
        self.remember_trade(trade, share);
        let shown = *trade.pair() == self.config.pair;
        if involved && shown {
            let [buy, sell] = [trade.buy_order(), trade.sell_order()].map(|id| id.to_string());
            self.tell_plain_trade(&show_trade(trade), buy, sell, now);
        }
        if shown {
            self.event(Event::Trade {
                trade: show_trade(trade),
                own: involved,
            });
        }
        self.keep_within_room(now);
        let is_open = |node: &Self, id: &OrderId| node.own.get(id).is_some_and(OwnOrder::is_open);
        let open_before = sides.map(|id| (id, is_open(self, &id)));
        self.resolve(&trade.take_id(), None, now);
        for place in [trade.maker(), trade.taker()] {
            let id = OrderId::from(place.hash());
            if self.is_own(&id) {
                self.reopen_if_void(&id);
                // An order that ends now is told of when it has, and one that has ended just now was.
                let ended = open_before.contains(&(id, true)) && !is_open(self, &id);
                if !ended && !self.has_ended(&id) {
                    self.order_changed(&id);
                }
                if self.matching != Some(id) {
                    self.after_match(id, now);
                }
            }
            if place.owner() == me {
                self.look_after_returned(id, now);
            }
        }
        true
    }

    /// In whose share a trade is that came by this connection.
    fn share_of(&self, from: Option<ConnId>) -> TradeShare {
        let peer = from.and_then(|conn| self.peers.get(conn));
        let share = peer.and_then(PeerSession::share);
        share.map_or(TradeShare::UNKNOWN, |share| share.of_trades())
    }

    /// What came to stand in the book may cross own orders.
    pub(super) fn meet_arrivals(&mut self, now: Now) {
        if self.store_failure.is_some() {
            return;
        }
        for id in self.market.take_arrived() {
            let Some(arrived) = self.market.shown(id) else {
                continue;
            };
            // An own order that came to stand here was too small for those that it crosses.
            let is_own = self.is_own(&id);
            let crossed: Vec<(OrderId, bool)> = self
                .market
                .crossing_in_book(&arrived)
                .filter_map(|mine| {
                    let own = self.own.get(&mine.id)?;
                    let newer = (mine.time, mine.id) > (arrived.time, arrived.id);
                    let foreign = arrived.owner != UNSIGNED && !is_own;
                    let must_yield = foreign && own.place.tif == PlaceTif::Post && newer;
                    Some((mine.id, must_yield))
                })
                .collect();
            for (mine, must_yield) in crossed {
                if must_yield {
                    self.close_order(&mine, OrdWhy::Post, now);
                } else {
                    self.match_own(mine, now);
                }
            }
        }
        self.answer_postponed(now);
    }

    /// Expiry, patience, pauses that are over, and requests to send again.
    pub(super) fn look_after_orders(&mut self, now: Now) {
        let own = &self.own;
        for id in self.market.expire(|id| own.contains(id), now) {
            if self.own.get(&id).is_some_and(OwnOrder::is_open) {
                self.finish(&id, Stage::Cancelled, now);
            }
        }
        let released = self.market.release_due(now);
        for statement in released.statements {
            if statement.owner() == self.identity.node_id() {
                // Restored while the clock had gone back.
                self.apply_own(statement, now);
            } else {
                self.on_statement(statement, None, now);
            }
        }
        for trade in released.trades {
            self.on_trade(&trade, None, now);
        }
        self.takes.expire(now);
        let open: Vec<OrderId> = self.own.open().collect();
        for id in open {
            self.match_own(id, now);
            if let Some(own) = self.own.get_mut(&id)
                && own.act_at.is_some_and(|at| at <= now.mono)
            {
                own.act_at = None;
            }
        }
        self.resend_due_takes(now);
        self.answer_postponed(now);
    }
}

//! Own orders: placing, publishing, cancelling, ending.

use super::core::{Node, Phase};
use super::io::{CancelError, Event, NewOrder, OrderError, OrderKind, Output, TimeInForce};
use super::own::{OwnOrder, Stage};
use super::portion::least_to_ask;
use super::view::{Distribution, OrderResult};
use crate::ledger::limits::{EXP_MAX, OPEN_PER_OWNER, VALID};
use crate::ledger::{Ord, OrdStatus, OrdWhy, Payload, Pieces, Place, PlaceTif, Statement};
use crate::orderbook::SelfTrade;
use crate::types::{Amount, InvalidValue, Millis, Now, OrderId, Price, Side, UserId};

/// An order that takes is published, or its submitter told how far it came, after so long.
const PUBLISH_AFTER: Millis = Millis(250);
/// The submitter of an order that never rests waits longer: until its requests are over.
const TAKE_PATIENCE: Millis = VALID;

impl Node {
    /// Places an order. What becomes of it follows as [`Output::Settled`] with its id, at the
    /// latest 5 s later; everything after that as events.
    ///
    /// # Errors
    /// Then nothing has changed. See [`OrderError`].
    pub fn submit(&mut self, order: NewOrder, now: Now) -> Result<OrderId, OrderError> {
        match self.phase {
            Phase::New => return Err(OrderError::NotInitialized),
            Phase::Stopped => return Err(OrderError::ShuttingDown),
            Phase::Running => {}
        }
        if let Some(reason) = self.store_failure.clone() {
            return Err(OrderError::Storage { reason });
        }
        if let Some(proof) = self.market.ledger().proof(&self.node_id()) {
            let kind = proof.kind();
            return Err(OrderError::KeyRevoked { kind });
        }
        self.check_clock(now)?;
        let price = self.check(&order)?;
        let user = order.user.unwrap_or_else(|| self.config.user_id.clone());
        let (available, best) = self.takeable(order.side, order.amount, price, &user);
        match order.time_in_force {
            TimeInForce::Post => {
                if let Some(best) = best {
                    return Err(OrderError::WouldTake { price, best });
                }
            }
            TimeInForce::Fok if available < order.amount => {
                return Err(OrderError::NotEnough {
                    amount: order.amount,
                    available,
                });
            }
            _ => {}
        }
        self.rate.admit(now)?;

        let never_rests = order.kind == OrderKind::Market
            || matches!(order.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
        let rests_at_once = !never_rests && best.is_none();
        let (n, ts) = self.sequence.next(now);
        let place = Place {
            n,
            ts,
            pair: self.config.pair.clone(),
            side: order.side,
            px: price,
            amt: order.amount,
            exp: ts + order.lifetime.unwrap_or(EXP_MAX),
            tif: match order.time_in_force {
                TimeInForce::Post => PlaceTif::Post,
                _ if never_rests => PlaceTif::Ioc,
                _ => PlaceTif::Gtc,
            },
            u: user,
            rest: rests_at_once,
            replaces: None,
        };
        let statement = self.sign(Payload::Place(place.clone()))?;
        let id = OrderId::from(statement.hash());
        let time_in_force = match order.time_in_force {
            TimeInForce::Gtc if never_rests => TimeInForce::Ioc,
            other => other,
        };
        let patience = match never_rests {
            true => TAKE_PATIENCE,
            false => PUBLISH_AFTER,
        };
        self.own.insert(
            id,
            OwnOrder {
                statement: statement.clone(),
                place,
                time_in_force,
                market: order.kind == OrderKind::Market,
                stage: Stage::Placing,
                held: Pieces::default(),
                takes: Default::default(),
                rejected: Vec::new(),
                trades: Vec::new(),
                unsigned: Vec::new(),
                withdrawn: 0,
                patience: Some(now.mono + patience),
                act_at: None,
                asks_after: Millis::ZERO,
                settled: false,
                restored: false,
                last_fill: Millis::ZERO,
                filled: Amount::ZERO,
            },
        );
        self.apply_own(statement.clone(), now);
        if rests_at_once {
            self.tell_own(statement);
            if let Some(own) = self.own.get_mut(&id) {
                own.stage = Stage::Published;
                own.patience = None;
            }
            self.tell_plain_order(&id, now);
            self.order_changed(&id);
            self.settle(&id);
        } else {
            self.match_own(id, now);
            self.hurry(now.mono + PUBLISH_AFTER);
        }
        Ok(id)
    }

    /// Checks the fields; returns the limit.
    fn check(&self, order: &NewOrder) -> Result<Price, OrderError> {
        let most = self.config.max_order_amount;
        if order.amount.is_zero() || order.amount > most {
            let allowed = format!("a decimal string greater than 0 and at most {most}");
            let value = order.amount.to_string();
            return Err(InvalidValue::new("amount", value, allowed).into());
        }
        let most = self.config.max_order_price;
        let price = match order.kind {
            OrderKind::Limit(price) => price,
            OrderKind::Market if order.time_in_force == TimeInForce::Post => {
                let allowed = "GTC, IOC or FOK for a market order, which never rests";
                return Err(InvalidValue::new("timeInForce", "POST", allowed).into());
            }
            OrderKind::Market => match order.side {
                Side::Buy => most,
                Side::Sell => Price::from_units(1).unwrap_or(Price::MAX),
            },
        };
        if price.is_zero() || price > most {
            let allowed = format!("a decimal string greater than 0 and at most {most}");
            return Err(InvalidValue::new("price", price.to_string(), allowed).into());
        }
        if let Some(lifetime) = order.lifetime
            && (lifetime == Millis::ZERO || lifetime > EXP_MAX)
        {
            let allowed = format!("from 1 to {} milliseconds", EXP_MAX.0);
            return Err(InvalidValue::new("lifetime", lifetime.0.to_string(), allowed).into());
        }
        let open = self.own.open_len();
        if open >= OPEN_PER_OWNER {
            let limit = OPEN_PER_OWNER;
            return Err(OrderError::TooManyOrders { open, limit });
        }
        Ok(price)
    }

    /// What a new order of `user` could take at `limit` or better, in all, and the best price. An
    /// order of which it would take less than a smallest piece has nothing for it.
    fn takeable(
        &self,
        side: Side,
        amount: Amount,
        limit: Price,
        user: &UserId,
    ) -> (Amount, Option<Price>) {
        let (mut sum, mut best) = (Amount::ZERO, None);
        let pair = &self.config.pair;
        for maker in self.market.crossing(pair, side, limit) {
            let same_user = self
                .own
                .get(&maker.id)
                .is_some_and(|own| own.place.u == *user);
            let theirs = self.unsigned.get(&maker.id);
            if theirs.is_some_and(|theirs| theirs.user_id == *user || !theirs.exact) {
                continue;
            }
            match (same_user, self.config.self_trade) {
                (true, SelfTrade::Skip) => continue,
                // The rest would be cancelled here.
                (true, SelfTrade::CancelNewest) => {
                    best = best.or(Some(maker.price));
                    break;
                }
                _ => {}
            }
            best = best.or(Some(maker.price));
            let signed = self.market.ledger().order(&maker.id);
            let least = signed.map(|theirs| least_to_ask(theirs.place().amt, maker.open));
            let left = amount.saturating_sub(sum);
            if left.is_zero() || least.is_none_or(|least| least <= left) {
                sum = sum.checked_add(maker.open).unwrap_or(Amount::MAX);
            }
        }
        (sum, best)
    }

    pub(super) fn sign(&self, payload: Payload) -> Result<Statement, OrderError> {
        let signed = self.identity.sign(&self.config.network, payload);
        signed.map_err(|error| {
            let allowed = "fields that can be signed";
            OrderError::Invalid(InvalidValue::new("order", error.to_string(), allowed))
        })
    }

    /// Takes an own statement into the ledger.
    pub(super) fn apply_own(&mut self, statement: Statement, now: Now) {
        let own = &self.own;
        let applied = self.market.apply(statement, |id| own.contains(id), now);
        if !matches!(applied, crate::ledger::Applied::New { .. }) {
            // The node's own statements are consistent by construction.
            self.counters.count("own_statement_refused");
        }
    }

    /// After matching: ends, publishes or goes on waiting.
    pub(super) fn after_match(&mut self, id: OrderId, now: Now) {
        let (Some(own), Some(state)) = (self.own.get(&id), self.market.ledger().order(&id)) else {
            return;
        };
        if !own.is_open() {
            return;
        }
        let filled = own.filled_in(state);
        if filled < state.amt() && self.plain.holds(id) {
            self.follow_plain_order(&id, now);
        }
        let (Some(own), Some(state)) = (self.own.get(&id), self.market.ledger().order(&id)) else {
            return;
        };
        if filled >= state.amt() {
            if own.stage == Stage::Published && state.filled() < state.amt() {
                // Others can't know that unsigned orders got the rest.
                let (none, closed) = (Amount::ZERO, OrdStatus::Closed);
                if let Some(ord) = self.state_order(id, none, closed, OrdWhy::Fill, now) {
                    self.tell_own(ord);
                }
            }
            self.finish(&id, Stage::Filled, now);
            return;
        }
        if state.last_fill().is_some() {
            // Its rest was in several pieces, of which the largest ended it.
            self.finish(&id, Stage::Cancelled, now);
            return;
        }
        let left = state.amt().saturating_sub(filled);
        let free = own.offer(state);
        let waiting = !own.takes.is_empty() || self.plain.is_delayed(&id);
        let patient = own.patience.is_some_and(|until| until > now.mono);
        if self.must_not_commit(&id, now) {
            if !patient {
                self.settle(&id);
            }
            return;
        }
        match (own.stage, own.time_in_force) {
            (Stage::Placing, TimeInForce::Ioc | TimeInForce::Fok) => {
                if !waiting {
                    self.finish(&id, Stage::Cancelled, now);
                } else if !patient {
                    self.settle(&id);
                }
            }
            (Stage::Placing, _) => {
                if !free.is_zero() && (!waiting || !patient) {
                    self.publish(id, free, now);
                    self.settle(&id);
                } else if !patient {
                    self.settle(&id);
                }
            }
            // A refused piece is free again: everybody may take it.
            (Stage::Published, _) if free > state.open() => self.publish(id, free, now),
            // Unsigned orders got some of it.
            (Stage::Published, _) if state.open() > left => self.publish(id, free, now),
            // A piece in doubt may stay so for long, and a rest in small pieces is not sold as a
            // whole: nobody should ask for it in vain.
            (Stage::Published, _)
                if free < state.open() && (!waiting || self.takes.is_in_doubt(&own.takes)) =>
            {
                self.publish(id, free, now);
            }
            _ => {}
        }
    }

    /// Says what is open of an order, and shows it to everybody if that is new.
    fn publish(&mut self, id: OrderId, open: Amount, now: Now) {
        let Some(own) = self.own.get_mut(&id) else {
            return;
        };
        let first = own.stage == Stage::Placing;
        own.stage = Stage::Published;
        own.patience = None;
        let place = own.statement.clone();
        let why = OrdWhy::Rest;
        if let Some(ord) = self.state_order(id, open, OrdStatus::Open, why, now) {
            if first {
                self.tell_own(place);
            }
            self.tell_own(ord);
            if first {
                self.tell_plain_order(&id, now);
            }
        }
        self.order_changed(&id);
    }

    /// Signs and applies the state of an own order.
    pub(super) fn state_order(
        &mut self,
        id: OrderId,
        open: Amount,
        status: OrdStatus,
        why: OrdWhy,
        now: Now,
    ) -> Option<Statement> {
        let (n, ts) = self.sequence.next(now);
        let amt = None;
        let ord = Ord {
            n,
            ts,
            id,
            open,
            status,
            why,
            amt,
        };
        let statement = self.sign(Payload::Ord(ord)).ok()?;
        self.apply_own(statement.clone(), now);
        self.own.mark_changed(&id);
        Some(statement)
    }

    /// Cancels an own order. It can't be taken from that moment on; requests of its own that are
    /// in flight may still fill a piece of it.
    ///
    /// # Errors
    /// Then nothing has changed. See [`CancelError`].
    pub fn cancel(&mut self, id: OrderId, now: Now) -> Result<(), CancelError> {
        if self.phase != Phase::Running {
            return Err(CancelError::NotInitialized);
        }
        if let Some(reason) = self.store_failure.clone() {
            return Err(CancelError::Storage { reason });
        }
        let own = self.own.get(&id).ok_or(CancelError::Unknown(id))?;
        if !own.is_open() {
            return Err(CancelError::Closed(id));
        }
        self.close_order(&id, OrdWhy::Cancel, now);
        Ok(())
    }

    /// Closes an own open order, everywhere if it was seen.
    pub(super) fn close_order(&mut self, id: &OrderId, why: OrdWhy, now: Now) {
        let published = self
            .own
            .get(id)
            .is_some_and(|own| own.stage == Stage::Published);
        if published {
            let closed = OrdStatus::Closed;
            if let Some(ord) = self.state_order(*id, Amount::ZERO, closed, why, now) {
                self.tell_own(ord);
            }
        }
        self.finish(id, Stage::Cancelled, now);
    }

    /// Answers every submitter that still waits.
    pub(super) fn settle_all(&mut self) {
        let open: Vec<OrderId> = self.own.open().collect();
        for id in open {
            self.settle(&id);
        }
    }

    pub(super) fn close_all_orders(&mut self, now: Now) {
        let open: Vec<OrderId> = self.own.open().collect();
        for id in open {
            self.close_order(&id, OrdWhy::Shutdown, now);
        }
    }

    /// Ends an order for its user.
    pub(super) fn finish(&mut self, id: &OrderId, stage: Stage, now: Now) {
        self.note_filled(id);
        self.own.close(id, stage);
        self.plain.forget_waiting(id);
        self.follow_plain_order(id, now);
        self.order_changed(id);
        self.settle(id);
    }

    /// An order that was filled by a trade which turned out to be void goes on: its maker had
    /// refused as well, and this node has shown that now.
    pub(super) fn reopen_if_void(&mut self, id: &OrderId) {
        let (Some(own), Some(state)) = (self.own.get(id), self.market.ledger().order(id)) else {
            return;
        };
        if own.stage == Stage::Filled && own.filled_in(state) < state.amt() {
            self.counters.count("order_reopened");
            match own.time_in_force {
                TimeInForce::Ioc | TimeInForce::Fok => self.own.close(id, Stage::Cancelled),
                TimeInForce::Gtc | TimeInForce::Post => self.own.reopen(id),
            }
        }
    }

    /// Whether an own order is open only until the next look at it, as all of it is filled.
    pub(super) fn has_ended(&self, id: &OrderId) -> bool {
        let own = self.own.get(id).filter(|own| own.is_open());
        let state = self.market.ledger().order(id);
        own.zip(state)
            .is_some_and(|(own, state)| own.filled_in(state) >= state.amt())
    }

    /// Remembers what is filled of an own order.
    pub(super) fn note_filled(&mut self, id: &OrderId) {
        let filled = self.market.ledger().order(id).map(|state| state.filled());
        if let (Some(own), Some(filled)) = (self.own.get_mut(id), filled) {
            own.filled = filled;
        }
    }

    pub(super) fn order_changed(&mut self, id: &OrderId) {
        if let Some(order) = self.decided_order(id) {
            self.event(Event::Order { order });
        }
    }

    /// Answers the order's submitter, once.
    pub(super) fn settle(&mut self, id: &OrderId) {
        let Some(own) = self.own.get_mut(id) else {
            return;
        };
        if std::mem::replace(&mut own.settled, true) {
            return;
        }
        let (trade_ids, stage) = (own.trades.clone(), own.stage);
        let unsigned = own.unsigned.iter();
        let unsigned: Vec<_> = unsigned
            .map(|fill| (fill.rank(), fill.trade.clone()))
            .collect();
        let ledger = self.market.ledger();
        let trades = trade_ids.iter().filter_map(|id| ledger.trade(id));
        let mut trades: Vec<_> = trades
            .map(|trade| (trade.rank(), super::reads::show_trade(trade)))
            .chain(unsigned)
            .collect();
        trades.sort_by_key(|(rank, _)| *rank);
        let trades = trades.into_iter().map(|(_, trade)| trade).collect();
        let open = matches!(stage, Stage::Placing | Stage::Published);
        let told: Vec<String> = match stage {
            Stage::Published => self.peers.x1().map(|peer| peer.id.to_string()).collect(),
            _ => Vec::new(),
        };
        let result = OrderResult {
            success: true,
            order_id: *id,
            trades,
            remaining_order: open.then(|| self.decided_order(id)).flatten(),
            distribution: Distribution {
                success: !told.is_empty() || stage != Stage::Published,
                distributed_to: told,
                failed_to: Vec::new(),
            },
        };
        self.outputs.push(Output::Settled { order: *id, result });
    }
}

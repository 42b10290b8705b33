//! A second order book, as plain as can be: two sorted lists. The tests hold the real one to it.

use std::cmp::Reverse;

use crate::types::{Amount, OrderId, Price, Side};

use super::{
    CancelReason, Counters, Depth, Event, Level, NewOrder, OrderType, OwnerId, RefusedError,
    RestingOrder, SelfTrade, Submitted, TimeInForce, TotalAmount, Trade,
};

/// A command of the public interface.
#[derive(Clone, Copy, Debug)]
pub(super) enum Command {
    Submit(NewOrder),
    Replace(OrderId, NewOrder),
    Cancel(OrderId),
    CancelAll,
    CancelAllOf(OwnerId),
    Reduce(OrderId, Amount),
    Rest(RestingOrder),
    SetOpen(OrderId, Amount),
    Remove(OrderId),
}

/// What a command gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Submitted(Submitted),
    Done,
    Left(Amount),
    Order(RestingOrder),
    NoOrder,
    Count(u32),
    Refused(RefusedError),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    /// Both sides' orders, the best first.
    pub(super) sides: [Vec<RestingOrder>; 2],
    pub(super) counters: Counters,
    pub(super) events: Vec<Event>,
    pub(super) max_orders: u32,
}

fn sort(side: Side, orders: &mut [RestingOrder]) {
    match side {
        Side::Buy => orders.sort_by_key(|o| (Reverse(o.price), o.time, o.id)),
        Side::Sell => orders.sort_by_key(|o| (o.price, o.time, o.id)),
    }
}

impl Model {
    fn all(&self) -> impl Iterator<Item = &RestingOrder> {
        self.sides.iter().flatten()
    }

    pub(super) fn get(&self, id: OrderId) -> Option<RestingOrder> {
        self.all().find(|o| o.id == id).copied()
    }

    fn known(&self, id: OrderId) -> Result<RestingOrder, RefusedError> {
        self.get(id).ok_or(RefusedError::UnknownOrder { id })
    }

    fn insert(&mut self, order: RestingOrder) {
        let orders = &mut self.sides[order.side as usize];
        orders.push(order);
        sort(order.side, orders);
    }

    fn delete(&mut self, id: OrderId) {
        for side in &mut self.sides {
            side.retain(|o| o.id != id);
        }
    }

    fn change(&mut self, id: OrderId, amount: Amount) {
        for order in self.sides.iter_mut().flatten().filter(|o| o.id == id) {
            order.amount = amount;
        }
        if amount.is_zero() {
            self.delete(id);
        }
    }

    /// The orders that an order of `side` crosses with, the best first.
    pub(super) fn crossing(&self, side: Side, limit: Option<Price>) -> Vec<RestingOrder> {
        let within = |o: &&RestingOrder| match (side, limit) {
            (_, None) => true,
            (Side::Buy, Some(limit)) => o.price <= limit,
            (Side::Sell, Some(limit)) => o.price >= limit,
        };
        let makers = &self.sides[side.opposite() as usize];
        makers.iter().filter(within).copied().collect()
    }

    pub(super) fn depth(&self) -> Depth {
        let levels = |side: Side| {
            let mut levels: Vec<Level> = Vec::new();
            for order in &self.sides[side as usize] {
                match levels.last_mut() {
                    Some(level) if level.price == order.price => {
                        let sum = level.amount.units() + order.amount.units();
                        level.amount = TotalAmount(sum);
                        level.count += 1;
                    }
                    _ => levels.push(Level {
                        price: order.price,
                        amount: order.amount.into(),
                        count: 1,
                    }),
                }
            }
            levels
        };
        Depth {
            bids: levels(Side::Buy),
            asks: levels(Side::Sell),
        }
    }

    pub(super) fn run(&mut self, command: Command) -> Outcome {
        let result = match command {
            Command::Submit(order) => self.submit(order, None),
            Command::Replace(id, order) => self.submit(order, Some(id)),
            Command::Cancel(id) => self.known(id).map(|order| {
                self.cancel(&order, CancelReason::Requested);
                Outcome::Order(order)
            }),
            Command::CancelAll => Ok(self.cancel_where(|_| true)),
            Command::CancelAllOf(owner) => Ok(self.cancel_where(|o| o.owner == owner)),
            Command::Reduce(id, by) => self.known(id).and_then(|order| {
                let open = order.amount;
                if by.is_zero() || by > open {
                    return Err(RefusedError::BadReduce { id, by, open });
                }
                let open = Amount::from_units(open.units() - by.units()).unwrap();
                self.change(id, open);
                self.events.push(Event::Reduced { id, open });
                Ok(Outcome::Left(open))
            }),
            Command::Rest(order) => self.rest(order),
            Command::SetOpen(id, open) => self.known(id).map(|_| {
                self.change(id, open);
                self.events.push(Event::OpenSet { id, open });
                Outcome::Done
            }),
            Command::Remove(id) => Ok(match self.get(id) {
                Some(order) => {
                    self.delete(id);
                    self.events.push(Event::Removed(order));
                    Outcome::Order(order)
                }
                None => Outcome::NoOrder,
            }),
        };
        result.unwrap_or_else(|error| {
            self.events.push(Event::Refused(error));
            Outcome::Refused(error)
        })
    }

    fn cancel(&mut self, order: &RestingOrder, reason: CancelReason) {
        let (id, amount) = (order.id, order.amount);
        self.delete(id);
        self.counters.cancelled += 1;
        self.events.push(Event::Cancelled { id, amount, reason });
    }

    fn cancel_where(&mut self, which: impl Fn(&RestingOrder) -> bool) -> Outcome {
        let gone: Vec<_> = self.all().filter(|o| which(o)).copied().collect();
        for order in &gone {
            self.cancel(order, CancelReason::KillSwitch);
        }
        Outcome::Count(gone.len() as u32)
    }

    fn rest(&mut self, order: RestingOrder) -> Result<Outcome, RefusedError> {
        let id = order.id;
        if order.amount.is_zero() {
            return Err(RefusedError::ZeroAmount { id });
        }
        if order.price.is_zero() {
            return Err(RefusedError::ZeroPrice { id });
        }
        if self.get(id).is_some() {
            return Err(RefusedError::DuplicateId { id });
        }
        if self.all().count() >= self.max_orders as usize {
            let max_orders = self.max_orders;
            return Err(RefusedError::CapacityReached { id, max_orders });
        }
        self.insert(order);
        self.events.push(Event::Rested(order));
        Ok(Outcome::Done)
    }

    fn submit(&mut self, order: NewOrder, old: Option<OrderId>) -> Result<Outcome, RefusedError> {
        // A trial on a copy: a refusal then leaves nothing behind.
        let mut trial = self.clone();
        let done = trial.try_submit(order, old)?;
        *self = trial;
        Ok(Outcome::Submitted(done))
    }

    fn try_submit(
        &mut self,
        order: NewOrder,
        old: Option<OrderId>,
    ) -> Result<Submitted, RefusedError> {
        let id = order.id;
        let replaced = old.map(|old| self.known(old)).transpose()?;
        if let Some(old) = replaced
            && (old.owner != order.owner || old.side != order.side)
        {
            return Err(RefusedError::BadReplace { id: old.id });
        }
        if order.amount.is_zero() {
            return Err(RefusedError::ZeroAmount { id });
        }
        let price = order.price();
        if price == Some(Price::ZERO) {
            return Err(RefusedError::ZeroPrice { id });
        }
        let gtc = order.time_in_force == TimeInForce::Gtc;
        let gtc_needed = matches!(order.order_type, OrderType::PostOnly(_));
        let gtc_barred = order.order_type == OrderType::Market;
        if gtc && gtc_barred || !gtc && gtc_needed {
            return Err(RefusedError::TimeInForce { id });
        }
        if let Some(old) = replaced {
            self.delete(old.id);
            let (by, id, open) = (id, old.id, old.amount);
            self.events.push(Event::Replaced { id, open, by });
        }
        if self.get(id).is_some() {
            return Err(RefusedError::DuplicateId { id });
        }
        self.counters.accepted += 1;
        self.events.push(Event::Accepted(order));

        let mut left = order.amount.units();
        let mut done = Submitted::default();
        let mut stopped = false;
        for maker in self.crossing(order.side, price) {
            if left == 0 || stopped {
                break;
            }
            if maker.owner == order.owner && order.self_trade != SelfTrade::Allow {
                // A post-only order counts as crossing what it would be cancelled at.
                stopped = order.self_trade == SelfTrade::CancelNewest && !gtc_needed;
                if order.self_trade == SelfTrade::Skip || stopped {
                    continue;
                }
            }
            if gtc_needed {
                let price = maker.price;
                return Err(RefusedError::WouldCross { id, price });
            }
            let traded = left.min(maker.amount.units());
            left -= traded;
            self.counters.trades += 1;
            done.trades += 1;
            let maker_left = Amount::from_units(maker.amount.units() - traded).unwrap();
            self.events.push(Event::Trade(Trade {
                number: self.counters.trades,
                maker: maker.id,
                taker: id,
                maker_owner: maker.owner,
                taker_owner: order.owner,
                taker_side: order.side,
                price: maker.price,
                amount: Amount::from_units(traded).unwrap(),
                maker_remaining: maker_left,
                taker_remaining: Amount::from_units(left).unwrap(),
            }));
            self.change(maker.id, maker_left);
        }
        if left > 0 && order.time_in_force == TimeInForce::Fok {
            return Err(RefusedError::CannotFill { id });
        }
        done.filled = Amount::from_units(order.amount.units() - left).unwrap();
        let amount = Amount::from_units(left).unwrap();
        let reason = match price {
            _ if left == 0 => return Ok(done),
            _ if stopped => CancelReason::SelfTrade,
            Some(price) if gtc => {
                self.rest(RestingOrder {
                    id,
                    owner: order.owner,
                    side: order.side,
                    price,
                    amount,
                    time: order.time,
                })?;
                done.open = amount;
                return Ok(done);
            }
            _ => CancelReason::Unfilled,
        };
        done.cancelled = amount;
        self.counters.cancelled += 1;
        self.events.push(Event::Cancelled { id, amount, reason });
        Ok(done)
    }
}

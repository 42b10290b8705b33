//! Incoming orders: what is checked, what they trade with, what becomes of the rest.

use crate::types::{Amount, OrderId, Price};

use super::store::{FreshId, NIL, limit_key};
use super::{
    CancelReason, Event, EventSink, NewOrder, OrderBook, OrderType, RefusedError, RestingOrder,
    SelfTrade, Submitted, TimeInForce, Trade,
};

/// Where an incoming order stands while it matches.
struct Taking {
    left: Amount,
    trades: u32,
    /// It met an order of its owner and may not trade on.
    stopped: bool,
}

impl<S: EventSink> OrderBook<S> {
    /// Takes an order in: it trades with the other side in priority order, at the makers' prices,
    /// and what is left rests or is cancelled, as its time in force says.
    ///
    /// # Errors
    /// `ZeroAmount`, `ZeroPrice`, `TimeInForce`, `DuplicateId`, `WouldCross`, `CannotFill`, or
    /// `CapacityReached` if it would have to rest. A refused order changes nothing.
    #[inline]
    pub fn submit(&mut self, order: NewOrder) -> Result<Submitted, RefusedError> {
        let checked = check_terms(&order)
            .and_then(|()| self.store.fresh(order.id))
            .and_then(|fresh| {
                let crosses = self.check_against_book(&order)?;
                self.check_capacity(&order, crosses)?;
                Ok((fresh, crosses))
            });
        match checked {
            Ok((fresh, crosses)) => Ok(self.execute(&order, (!crosses).then_some(fresh))),
            Err(error) => Err(self.refuse(error)),
        }
    }

    /// Cancels the order `id` and submits `order` in its place, which may have the same id, in
    /// one step. The new order has its own time, so the old one's priority is lost.
    ///
    /// # Errors
    /// `UnknownOrder`; `BadReplace` if owner or side differ; else as of
    /// [`submit`](Self::submit). If the new order is refused, the old one stands untouched.
    pub fn replace(&mut self, id: OrderId, order: NewOrder) -> Result<Submitted, RefusedError> {
        match self.check_replace(id, &order) {
            Ok(slot) => {
                let open = self.store.order(slot).open;
                self.store.unlink(slot);
                let by = order.id;
                self.sink.event(&Event::Replaced { id, open, by });
                Ok(self.execute(&order, None))
            }
            Err(error) => Err(self.refuse(error)),
        }
    }

    fn check_replace(&self, id: OrderId, order: &NewOrder) -> Result<u32, RefusedError> {
        let slot = self.store.known(id)?;
        let old = self.store.view(slot);
        if (old.owner, old.side) != (order.owner, order.side) {
            return Err(RefusedError::BadReplace { id });
        }
        check_terms(order)?;
        if order.id != id {
            self.store.fresh(order.id)?;
        }
        // The old order is on the side that the new one does not trade with, and leaves a place
        // for it: neither check needs it gone.
        self.check_against_book(order)?;
        Ok(slot)
    }

    /// Whether the order can trade; refuses what may not or may not in part.
    #[inline]
    fn check_against_book(&self, order: &NewOrder) -> Result<bool, RefusedError> {
        let limit = limit_key(order.side, order.price());
        let crosses = self.store.side(order.side.opposite()).best_key >= limit;
        if let OrderType::PostOnly(_) = order.order_type {
            if crosses && let Some(price) = self.first_counterparty(order, limit) {
                return Err(RefusedError::WouldCross {
                    id: order.id,
                    price,
                });
            }
            return Ok(false);
        }
        if order.time_in_force == TimeInForce::Fok && !self.can_fill(order, limit) {
            return Err(RefusedError::CannotFill { id: order.id });
        }
        Ok(crosses)
    }

    /// Refuses an order that would have to rest in a full book. An order that trades and then
    /// rests has filled a maker whole, and takes its place.
    #[inline]
    fn check_capacity(&self, order: &NewOrder, crosses: bool) -> Result<(), RefusedError> {
        let max_orders = self.store.max_orders;
        if self.store.len < max_orders || order.time_in_force != TimeInForce::Gtc {
            return Ok(());
        }
        let limit = limit_key(order.side, order.price());
        let trades = match order.self_trade {
            SelfTrade::Skip => crosses && self.first_counterparty(order, limit).is_some(),
            SelfTrade::Allow | SelfTrade::CancelNewest => crosses,
        };
        if trades {
            return Ok(());
        }
        let id = order.id;
        Err(RefusedError::CapacityReached { id, max_orders })
    }

    /// The price of the first order that this one crosses with. Under `Skip` its owner's orders
    /// don't count; under `CancelNewest` they do, since it could not rest beyond them.
    #[cold]
    fn first_counterparty(&self, order: &NewOrder, limit: u128) -> Option<Price> {
        let skips = order.self_trade == SelfTrade::Skip;
        let mut makers = self.store.crossing(order.side.opposite(), limit);
        let first = makers.find(|maker| !skips || maker.owner != order.owner);
        first.map(|maker| maker.price)
    }

    /// Whether the order can be filled whole.
    #[cold]
    fn can_fill(&self, order: &NewOrder, limit: u128) -> bool {
        let wanted = order.amount.units();
        let mut found = 0;
        let maker_side = order.side.opposite();
        if order.self_trade == SelfTrade::Allow {
            let levels = self.store.levels_of(maker_side, limit);
            return { levels }.any(|level| {
                found += level.total;
                found >= wanted
            });
        }
        for maker in self.store.crossing(maker_side, limit) {
            if maker.owner == order.owner {
                if order.self_trade == SelfTrade::Skip {
                    continue;
                }
                return false;
            }
            found += maker.open.units();
            if found >= wanted {
                return true;
            }
        }
        false
    }

    /// Does what was checked. `fresh` is given if the order does not cross.
    #[inline]
    fn execute(&mut self, order: &NewOrder, fresh: Option<FreshId>) -> Submitted {
        self.store.counters.accepted += 1;
        self.sink.event(&Event::Accepted(*order));
        let mut taking = Taking {
            left: order.amount,
            trades: 0,
            stopped: false,
        };
        if fresh.is_none() {
            if order.self_trade == SelfTrade::Skip {
                self.take_skipping(order, &mut taking);
            } else {
                self.take(order, &mut taking);
            }
        }
        let mut done = Submitted {
            filled: order.amount.saturating_sub(taking.left),
            open: Amount::ZERO,
            cancelled: Amount::ZERO,
            trades: taking.trades,
        };
        if taking.left.is_zero() {
            return done;
        }
        let reason = match (order.time_in_force, order.price()) {
            _ if taking.stopped => CancelReason::SelfTrade,
            (TimeInForce::Gtc, Some(price)) => {
                done.open = taking.left;
                self.rest_remainder(order, price, taking.left, fresh);
                return done;
            }
            _ => CancelReason::Unfilled,
        };
        done.cancelled = taking.left;
        self.tell_cancelled(order.id, taking.left, reason);
        done
    }

    #[inline]
    fn rest_remainder(
        &mut self,
        order: &NewOrder,
        price: Price,
        amount: Amount,
        fresh: Option<FreshId>,
    ) {
        let rested = RestingOrder {
            id: order.id,
            owner: order.owner,
            side: order.side,
            price,
            amount,
            time: order.time,
        };
        match fresh {
            Some(fresh) => self.store.insert_fresh(fresh, &rested),
            None => self.store.insert(&rested),
        }
        self.sink.event(&Event::Rested(rested));
    }

    /// Trades with the best orders until the order is filled, its limit is reached, or it meets
    /// its own owner. Makers that are filled whole leave a level together.
    #[inline]
    fn take(&mut self, order: &NewOrder, taking: &mut Taking) {
        let limit = limit_key(order.side, order.price());
        let maker_side = order.side.opposite();
        let checks_owner = order.self_trade == SelfTrade::CancelNewest;
        let Self { store, sink } = self;
        while !taking.left.is_zero() && !taking.stopped {
            let side = store.side(maker_side);
            if side.best_key < limit {
                return;
            }
            let number = side.best_level;
            let level = store.level(number);
            let (price, first) = (level.price, level.head);
            let mut total = level.total;
            let (mut last, mut head, mut gone) = (NIL, first, 0);
            while head != NIL {
                let maker = &mut store.orders[head as usize];
                if checks_owner && maker.owner == order.owner {
                    taking.stopped = true;
                    break;
                }
                let amount = maker.open.min(taking.left);
                taking.left = taking.left.saturating_sub(amount);
                taking.trades += 1;
                maker.open = maker.open.saturating_sub(amount);
                total -= amount.units();
                store.counters.trades += 1;
                let trade = Trade {
                    number: store.counters.trades,
                    maker: OrderId::from_u128(maker.id),
                    taker: order.id,
                    maker_owner: maker.owner,
                    taker_owner: order.owner,
                    taker_side: order.side,
                    price,
                    amount,
                    maker_remaining: maker.open,
                    taker_remaining: taking.left,
                };
                if trade.maker_done() {
                    let id = maker.id;
                    last = head;
                    head = maker.next;
                    gone += 1;
                    store.forget_id(id, last);
                }
                sink.event(&Event::Trade(trade));
                if taking.left.is_zero() {
                    break;
                }
            }
            store.levels[number as usize].total = total;
            if gone > 0 {
                store.close_up(number, first, last, head, gone);
            }
        }
    }

    /// Trades as [`take`](Self::take) does, and passes over the owner's own orders.
    #[cold]
    fn take_skipping(&mut self, order: &NewOrder, taking: &mut Taking) {
        let limit = limit_key(order.side, order.price());
        let maker_side = order.side.opposite();
        let Self { store, sink } = self;
        let mut cursor = store.side(maker_side).ladder.end();
        while let Some((key, level)) = store.side(maker_side).ladder.step(&mut cursor) {
            if key < limit {
                return;
            }
            let price = store.level(level).price;
            let mut slot = store.level(level).head;
            while slot != NIL {
                let maker = *store.order(slot);
                if maker.owner != order.owner {
                    let amount = maker.open.min(taking.left);
                    taking.left = taking.left.saturating_sub(amount);
                    taking.trades += 1;
                    let open = maker.open.saturating_sub(amount);
                    store.set_open(slot, open);
                    store.counters.trades += 1;
                    sink.event(&Event::Trade(Trade {
                        number: store.counters.trades,
                        maker: OrderId::from_u128(maker.id),
                        taker: order.id,
                        maker_owner: maker.owner,
                        taker_owner: order.owner,
                        taker_side: order.side,
                        price,
                        amount,
                        maker_remaining: open,
                        taker_remaining: taking.left,
                    }));
                    if taking.left.is_zero() {
                        return;
                    }
                }
                slot = maker.next;
            }
            // The level may be gone by now, and entries have moved.
            cursor = store.side(maker_side).ladder.below(key);
        }
    }
}

/// Checks what an order says of itself.
#[inline]
fn check_terms(order: &NewOrder) -> Result<(), RefusedError> {
    let id = order.id;
    if order.amount.is_zero() {
        return Err(RefusedError::ZeroAmount { id });
    }
    if order.price().is_some_and(Price::is_zero) {
        return Err(RefusedError::ZeroPrice { id });
    }
    let rests = order.time_in_force == TimeInForce::Gtc;
    match order.order_type {
        OrderType::Market if rests => Err(RefusedError::TimeInForce { id }),
        OrderType::PostOnly(_) if !rests => Err(RefusedError::TimeInForce { id }),
        _ => Ok(()),
    }
}

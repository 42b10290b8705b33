//! Incoming orders: what is checked, what they trade with, what becomes of the rest.

use crate::types::{Amount, OrderId, Price};

use super::store::{NIL, key_of, limit_key};
use super::{
    CancelReason, Event, EventSink, NewOrder, OrderBook, OrderType, RefusedError, RestingOrder,
    SelfTrade, Submitted, TimeInForce, Trade,
};

impl<S: EventSink> OrderBook<S> {
    /// Takes an order in: it trades with the other side in priority order, at the makers' prices,
    /// and what is left rests or is cancelled, as its time in force says.
    ///
    /// # Errors
    /// `ZeroAmount`, `ZeroPrice`, `TimeInForce`, `DuplicateId`, `WouldCross`, `CannotFill`, or
    /// `CapacityReached` if it would have to rest. A refused order changes nothing.
    #[inline]
    pub fn submit(&mut self, order: NewOrder) -> Result<Submitted, RefusedError> {
        match order.order_type {
            OrderType::Limit(price)
                if order.time_in_force != TimeInForce::Fok
                    && !price.is_zero()
                    && !order.amount.is_zero()
                    && self.store.len < self.store.max_orders =>
            {
                let Some(hash) = self.store.fresh(order.id) else {
                    return Err(self.refuse_duplicate(&order));
                };
                let limit = key_of(order.side.opposite(), price);
                let crosses = self.store.side(order.side.opposite()).best_key >= limit;
                Ok(self.execute(&order, price, crosses, limit, hash))
            }
            _ => self.submit_conditional(&order),
        }
    }

    /// Takes in an order that must be held against the book before anything is done.
    #[inline(never)]
    fn submit_conditional(&mut self, order: &NewOrder) -> Result<Submitted, RefusedError> {
        if !has_valid_terms(order) {
            return Err(self.refuse(wrong_terms(order)));
        }
        let Some(hash) = self.store.fresh(order.id) else {
            return Err(self.refuse_duplicate(order));
        };
        match self.check_against_book(order) {
            Ok(()) => Ok(self.execute_checked(order, hash)),
            Err(error) => Err(self.refuse(error)),
        }
    }

    /// Does what was checked, of whatever type the order is.
    fn execute_checked(&mut self, order: &NewOrder, hash: u32) -> Submitted {
        let (limit, crosses) = self.reach(order);
        // A market order has no price to rest at, and never rests.
        let price = order.price().unwrap_or_default();
        self.execute(order, price, crosses, limit, hash)
    }

    /// The smallest key of a level that the order may trade with, and whether there is one.
    fn reach(&self, order: &NewOrder) -> (u128, bool) {
        let limit = limit_key(order.side, order.price());
        let best = self.store.side(order.side.opposite()).best_key;
        (limit, best >= limit)
    }

    // What is refused is put together out of the way of what is not.
    #[cold]
    #[inline(never)]
    fn refuse_duplicate(&mut self, order: &NewOrder) -> RefusedError {
        self.refuse(RefusedError::DuplicateId { id: order.id })
    }

    /// Cancels the order `id` and submits `order` in its place, which may have the same id, in
    /// one step. The new order has its own time, so the old one's priority is lost.
    ///
    /// # Errors
    /// `UnknownOrder`; `BadReplace` if owner or side differ; else as of
    /// [`submit`](Self::submit). If the new order is refused, the old one stands untouched.
    pub fn replace(&mut self, id: OrderId, order: NewOrder) -> Result<Submitted, RefusedError> {
        match self.check_replace(id, &order) {
            Ok((slot, hash)) => {
                let open = self.store.order(slot).open;
                self.store.unlink(slot);
                let by = order.id;
                self.sink.event(&Event::Replaced { id, open, by });
                Ok(self.execute_checked(&order, hash))
            }
            Err(error) => Err(self.refuse(error)),
        }
    }

    fn check_replace(&self, id: OrderId, order: &NewOrder) -> Result<(u32, u32), RefusedError> {
        let slot = self.store.known(id)?;
        let old = self.store.view(slot);
        if (old.owner, old.side) != (order.owner, order.side) {
            return Err(RefusedError::BadReplace { id });
        }
        if !has_valid_terms(order) {
            return Err(wrong_terms(order));
        }
        let hash = if order.id == id {
            self.store.order(slot).hash
        } else {
            let id = order.id;
            let fresh = self.store.fresh(id);
            fresh.ok_or(RefusedError::DuplicateId { id })?
        };
        // The old order is on the side that the new one does not trade with, and leaves a place
        // for it: nothing here needs it gone.
        self.check_conditions(order)?;
        Ok((slot, hash))
    }

    /// Refuses what may not trade, or not in part, and what would have to rest in a full book.
    fn check_against_book(&self, order: &NewOrder) -> Result<(), RefusedError> {
        self.check_conditions(order)?;
        let max_orders = self.store.max_orders;
        if self.store.len < max_orders || order.time_in_force != TimeInForce::Gtc {
            return Ok(());
        }
        // An order that trades and then rests has filled a maker whole, and takes its place; one
        // that stops at its owner's order does not rest.
        let (limit, crosses) = self.reach(order);
        let finds_place = match order.self_trade {
            SelfTrade::Skip => crosses && self.first_counterparty(order, limit).is_some(),
            SelfTrade::Allow | SelfTrade::CancelNewest => crosses,
        };
        if finds_place {
            return Ok(());
        }
        let id = order.id;
        Err(RefusedError::CapacityReached { id, max_orders })
    }

    fn check_conditions(&self, order: &NewOrder) -> Result<(), RefusedError> {
        let (limit, crosses) = self.reach(order);
        let id = order.id;
        if let OrderType::PostOnly(_) = order.order_type
            && crosses
            && let Some(price) = self.first_counterparty(order, limit)
        {
            return Err(RefusedError::WouldCross { id, price });
        }
        if order.time_in_force == TimeInForce::Fok && !self.can_fill(order, limit) {
            return Err(RefusedError::CannotFill { id });
        }
        Ok(())
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

    /// Does what was checked. The order rests at `price`, if it does.
    #[inline(always)]
    fn execute(
        &mut self,
        order: &NewOrder,
        price: Price,
        crosses: bool,
        limit: u128,
        hash: u32,
    ) -> Submitted {
        self.store.counters.accepted += 1;
        self.sink.event(&Event::Accepted(*order));
        if !crosses {
            return self.settle(order, price, hash, order.amount, 0, false);
        }
        let before = self.store.counters.trades;
        // A post-only order that gets here crosses only with orders that it passes over.
        let (left, stopped) = if order.self_trade == SelfTrade::Skip {
            (self.take_skipping(order, limit), false)
        } else {
            self.take(order, limit)
        };
        let trades = (self.store.counters.trades - before) as u32;
        if left.is_zero() {
            return Submitted {
                filled: order.amount,
                trades,
                ..Submitted::default()
            };
        }
        self.settle(order, price, hash, left, trades, stopped)
    }

    /// Rests or cancels what is left of an order.
    #[inline(always)]
    fn settle(
        &mut self,
        order: &NewOrder,
        price: Price,
        hash: u32,
        left: Amount,
        trades: u32,
        stopped: bool,
    ) -> Submitted {
        let mut done = Submitted {
            filled: order.amount.saturating_sub(left),
            open: Amount::ZERO,
            cancelled: Amount::ZERO,
            trades,
        };
        if order.time_in_force == TimeInForce::Gtc && !stopped {
            let rested = RestingOrder {
                id: order.id,
                owner: order.owner,
                side: order.side,
                price,
                amount: left,
                time: order.time,
            };
            self.store.insert(&rested, hash);
            self.sink.event(&Event::Rested(rested));
            done.open = left;
            return done;
        }
        let reason = if stopped {
            CancelReason::SelfTrade
        } else {
            CancelReason::Unfilled
        };
        self.tell_cancelled(order.id, left, reason);
        done.cancelled = left;
        done
    }

    /// Trades with the best orders until the order is filled, its limit is reached, or it meets
    /// its own owner. Gives what is left, and whether the last is why. Makers that are filled
    /// whole leave a level together.
    #[inline(never)]
    fn take(&mut self, order: &NewOrder, limit: u128) -> (Amount, bool) {
        let maker_side = order.side.opposite();
        let checks_owner = order.self_trade == SelfTrade::CancelNewest;
        let Self { store, sink } = self;
        let mut left = order.amount;
        let mut stopped = false;
        loop {
            let side = store.side(maker_side);
            if side.best_key < limit {
                break;
            }
            let number = side.best_level;
            let level = store.level(number);
            let (price, first) = (level.price, level.head);
            let mut total = level.total;
            let mut hash = level.head_hash;
            let (mut last, mut head, mut gone) = (NIL, first, 0);
            while let Some(maker) = store.orders.get_mut(head as usize) {
                if checks_owner && maker.owner == order.owner {
                    stopped = true;
                    break;
                }
                store.counters.trades += 1;
                let mut trade = Trade {
                    number: store.counters.trades,
                    maker: OrderId::from_u128(maker.id),
                    taker: order.id,
                    maker_owner: maker.owner,
                    taker_owner: order.owner,
                    taker_side: order.side,
                    price,
                    amount: left,
                    maker_remaining: Amount::ZERO,
                    taker_remaining: Amount::ZERO,
                };
                if maker.open > left {
                    maker.open = maker.open.saturating_sub(left);
                    total -= left.units();
                    trade.maker_remaining = maker.open;
                    left = Amount::ZERO;
                    sink.event(&Event::Trade(trade));
                    break;
                }
                left = left.saturating_sub(maker.open);
                total -= maker.open.units();
                trade.amount = maker.open;
                trade.taker_remaining = left;
                last = head;
                head = maker.next;
                gone += 1;
                let next_hash = maker.next_hash;
                store.forget_id(hash, last);
                hash = next_hash;
                sink.event(&Event::Trade(trade));
                if left.is_zero() {
                    break;
                }
            }
            if gone > 0 {
                store.close_up(maker_side, (first, last), (head, hash), gone, total);
            } else {
                store.levels[number as usize].total = total;
            }
            if left.is_zero() || stopped {
                break;
            }
        }
        (left, stopped)
    }

    /// Trades as [`take`](Self::take) does, and passes over the owner's own orders.
    #[cold]
    fn take_skipping(&mut self, order: &NewOrder, limit: u128) -> Amount {
        let mut left = order.amount;
        let maker_side = order.side.opposite();
        let Self { store, sink } = self;
        let mut cursor = store.ladder(maker_side).end();
        while let Some((key, level)) = store.ladder(maker_side).step(&mut cursor) {
            if key < limit {
                break;
            }
            let price = store.level(level).price;
            let mut slot = store.level(level).head;
            while slot != NIL {
                let maker = *store.order(slot);
                if maker.owner != order.owner {
                    let amount = maker.open.min(left);
                    left = left.saturating_sub(amount);
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
                        taker_remaining: left,
                    }));
                    if left.is_zero() {
                        return left;
                    }
                }
                slot = maker.next;
            }
            // The level may be gone by now, and entries have moved.
            cursor = store.ladder(maker_side).below(key);
        }
        left
    }
}

/// Whether what an order says of itself is allowed.
const fn has_valid_terms(order: &NewOrder) -> bool {
    let rests = matches!(order.time_in_force, TimeInForce::Gtc);
    !order.amount.is_zero()
        && match order.order_type {
            OrderType::Limit(price) => !price.is_zero(),
            OrderType::PostOnly(price) => !price.is_zero() && rests,
            OrderType::Market => !rests,
        }
}

/// What is wrong with an order whose terms are not valid.
fn wrong_terms(order: &NewOrder) -> RefusedError {
    let id = order.id;
    if order.amount.is_zero() {
        RefusedError::ZeroAmount { id }
    } else if order.price().is_some_and(Price::is_zero) {
        RefusedError::ZeroPrice { id }
    } else {
        RefusedError::TimeInForce { id }
    }
}

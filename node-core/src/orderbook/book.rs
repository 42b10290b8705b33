//! The book and its commands that do not match.

use crate::types::{Amount, OrderId, Side};

use super::store::{NIL, Store};
use super::{CancelReason, Event, EventSink, OwnerId, RefusedError, RestingOrder};

/// The most orders that any book holds.
pub const MAX_ORDERS: u32 = 1 << 30;

/// What a book needs to know from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookConfig {
    /// Seeds the hash of ids and prices. It has no influence on any result, only on speed: take
    /// it from the system's entropy, so that nobody can choose ids that collide.
    pub seed: u128,
    /// The most orders in the book, at most [`MAX_ORDERS`]; further ones are refused.
    pub max_orders: u32,
    /// For how many orders memory is taken at once; grows on demand, up to `max_orders`.
    pub reserve: u32,
}

impl BookConfig {
    /// A book that is bounded by [`MAX_ORDERS`] only, and starts small.
    #[must_use]
    pub const fn with_seed(seed: u128) -> Self {
        Self {
            seed,
            max_orders: MAX_ORDERS,
            reserve: 0,
        }
    }
}

/// What happened in a book since it was empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Orders that [`submit`](OrderBook::submit) and [`replace`](OrderBook::replace) accepted.
    pub accepted: u64,
    /// Trades.
    pub trades: u64,
    /// Orders, or remainders of incoming orders, that were cancelled.
    pub cancelled: u64,
}

/// An order book with price-time priority. `S` receives an [`Event`] for every change.
///
/// Bids and asks may cross each other where [`rest`](Self::rest) put them or
/// [`SelfTrade::Skip`](super::SelfTrade::Skip) left them; nothing trades until an order is
/// submitted.
#[derive(Clone, Debug)]
pub struct OrderBook<S = ()> {
    pub(super) store: Store,
    pub(super) sink: S,
}

impl OrderBook {
    /// An empty book that tells nobody of its changes.
    #[must_use]
    pub fn new(config: BookConfig) -> Self {
        Self::with_sink(config, ())
    }
}

impl<S: EventSink> OrderBook<S> {
    /// An empty book whose events go to `sink`.
    pub fn with_sink(config: BookConfig, sink: S) -> Self {
        Self {
            store: Store::new(&config),
            sink,
        }
    }

    /// Where the events go.
    pub const fn sink(&self) -> &S {
        &self.sink
    }

    /// Where the events go; to take out what it collected.
    pub const fn sink_mut(&mut self) -> &mut S {
        &mut self.sink
    }

    /// Tells the sink of a refusal.
    #[cold]
    #[inline(never)]
    pub(super) fn refuse(&mut self, error: RefusedError) -> RefusedError {
        self.sink.event(&Event::Refused(error));
        error
    }

    /// Puts an order into the book without matching it: bids and asks may cross. Its place among
    /// the orders of its price is by its time, then its id, however late it comes; a late one costs a
    /// step for each order between its place and the nearer end of the level.
    ///
    /// # Errors
    /// `ZeroAmount`, `ZeroPrice`, `DuplicateId` or `CapacityReached`.
    #[inline]
    pub fn rest(&mut self, order: RestingOrder) -> Result<(), RefusedError> {
        match self.put(&order) {
            Ok(()) => {
                self.sink.event(&Event::Rested(order));
                Ok(())
            }
            Err(error) => Err(self.refuse(error)),
        }
    }

    #[inline]
    pub(super) fn put(&mut self, order: &RestingOrder) -> Result<(), RefusedError> {
        let id = order.id;
        if order.amount.is_zero() {
            return Err(RefusedError::ZeroAmount { id });
        }
        if order.price.is_zero() {
            return Err(RefusedError::ZeroPrice { id });
        }
        let Some(hash) = self.store.fresh(id) else {
            return Err(RefusedError::DuplicateId { id });
        };
        let max_orders = self.store.max_orders;
        if self.store.len >= max_orders {
            return Err(RefusedError::CapacityReached { id, max_orders });
        }
        self.store.insert(order, hash);
        Ok(())
    }

    /// Sets what is open of an order, up or down. It keeps its priority; zero takes it out.
    ///
    /// # Errors
    /// `UnknownOrder`.
    pub fn set_open(&mut self, id: OrderId, amount: Amount) -> Result<(), RefusedError> {
        match self.store.known(id) {
            Ok(slot) => {
                self.store.set_open(slot, amount);
                self.sink.event(&Event::OpenSet { id, open: amount });
                Ok(())
            }
            Err(error) => Err(self.refuse(error)),
        }
    }

    /// Takes an order out and gives it; `None`, and no event, if there is none with this id.
    pub fn remove(&mut self, id: OrderId) -> Option<RestingOrder> {
        let slot = self.store.find(id)?;
        let order = self.store.view(slot).into();
        self.store.unlink(slot);
        self.sink.event(&Event::Removed(order));
        Some(order)
    }

    /// Cancels an order and gives what it was.
    ///
    /// # Errors
    /// `UnknownOrder`.
    #[inline]
    pub fn cancel(&mut self, id: OrderId) -> Result<RestingOrder, RefusedError> {
        let slot = match self.store.known(id) {
            Ok(slot) => slot,
            Err(error) => return Err(self.refuse(error)),
        };
        let order = self.store.view(slot);
        self.store.unlink(slot);
        self.tell_cancelled(id, order.open, CancelReason::Requested);
        Ok(order.into())
    }

    /// Counts and tells a cancellation.
    #[inline]
    pub(super) fn tell_cancelled(&mut self, id: OrderId, amount: Amount, reason: CancelReason) {
        self.store.counters.cancelled += 1;
        self.sink.event(&Event::Cancelled { id, amount, reason });
    }

    /// The kill switch: cancels every order, bids first, each side in priority order. Gives
    /// their number.
    pub fn cancel_all(&mut self) -> u32 {
        let count = self.store.len;
        let Self { store, sink } = self;
        for side in [Side::Buy, Side::Sell] {
            for order in store.orders_of(side) {
                sink.event(&Event::Cancelled {
                    id: order.id,
                    amount: order.open,
                    reason: CancelReason::KillSwitch,
                });
            }
        }
        store.counters.cancelled += u64::from(count);
        store.clear();
        count
    }

    /// The kill switch for one owner; order and result as of [`cancel_all`](Self::cancel_all).
    /// Looks at every order in the book.
    pub fn cancel_all_of(&mut self, owner: OwnerId) -> u32 {
        let mut count = 0;
        for side in [Side::Buy, Side::Sell] {
            let mut cursor = self.store.ladder(side).end();
            while let Some((key, level)) = self.store.ladder(side).step(&mut cursor) {
                let mut slot = self.store.level(level).head;
                while slot != NIL {
                    let order = *self.store.order(slot);
                    if order.owner == owner {
                        self.store.unlink(slot);
                        let id = OrderId::from_u128(order.id);
                        self.tell_cancelled(id, order.open, CancelReason::KillSwitch);
                        count += 1;
                    }
                    slot = order.next;
                }
                // The level may be gone by now, and entries have moved.
                cursor = self.store.ladder(side).below(key);
            }
        }
        count
    }

    /// Reduces what is open of an order by `by`; it keeps its priority. At zero it leaves the
    /// book. Gives what is left.
    ///
    /// # Errors
    /// `UnknownOrder`; `BadReduce` if `by` is zero or more than what is open.
    pub fn reduce(&mut self, id: OrderId, by: Amount) -> Result<Amount, RefusedError> {
        match self.try_reduce(id, by) {
            Ok(open) => {
                self.sink.event(&Event::Reduced { id, open });
                Ok(open)
            }
            Err(error) => Err(self.refuse(error)),
        }
    }

    fn try_reduce(&mut self, id: OrderId, by: Amount) -> Result<Amount, RefusedError> {
        let slot = self.store.known(id)?;
        let open = self.store.order(slot).open;
        match open.checked_sub(by) {
            Some(left) if !by.is_zero() => {
                self.store.set_open(slot, left);
                Ok(left)
            }
            _ => Err(RefusedError::BadReduce { id, by, open }),
        }
    }
}

//! What can be seen of a book.

use crate::types::{OrderId, Price, Side};

use super::ladder::Cursor;
use super::store::{LevelQueue, NIL, Store, key_of, limit_key};
use super::{Counters, Depth, EventSink, Level, OrderBook, OrderRef, TotalAmount};

/// Orders of one side in priority order. Allocates nothing.
#[derive(Clone, Debug)]
pub struct Orders<'a> {
    store: &'a Store,
    levels: Levels<'a>,
    next: u32,
}

impl Iterator for Orders<'_> {
    type Item = OrderRef;

    #[inline]
    fn next(&mut self) -> Option<OrderRef> {
        if self.next == NIL {
            self.next = self.levels.next()?.head;
        }
        let slot = self.next;
        self.next = self.store.order(slot).next;
        Some(self.store.view(slot))
    }
}

/// Levels of one side, best price first, down to a limit.
#[derive(Clone, Debug)]
pub(super) struct Levels<'a> {
    store: &'a Store,
    side: Side,
    cursor: Cursor,
    limit: u128,
}

impl<'a> Iterator for Levels<'a> {
    type Item = &'a LevelQueue;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let ladder = self.store.ladder(self.side);
        loop {
            let (key, level) = ladder.step(&mut self.cursor)?;
            let level = self.store.level(level);
            if key < self.limit {
                return None;
            }
            if level.count > 0 {
                return Some(level);
            }
        }
    }
}

impl Store {
    /// The levels of `side` whose key is at least `limit`.
    pub(super) fn levels_of(&self, side: Side, limit: u128) -> Levels<'_> {
        Levels {
            store: self,
            side,
            cursor: self.ladder(side).end(),
            limit,
        }
    }

    /// The orders of `side` at levels whose key is at least `limit`.
    pub(super) fn crossing(&self, side: Side, limit: u128) -> Orders<'_> {
        Orders {
            store: self,
            levels: self.levels_of(side, limit),
            next: NIL,
        }
    }

    /// All orders of `side`.
    pub(super) fn orders_of(&self, side: Side) -> Orders<'_> {
        self.crossing(side, 0)
    }

    /// The orders of `side` at `price` or worse.
    pub(super) fn orders_from(&self, side: Side, price: Price) -> Orders<'_> {
        let levels = Levels {
            store: self,
            side,
            cursor: self
                .ladder(side)
                .below(key_of(side, price).saturating_add(1)),
            limit: 0,
        };
        Orders {
            store: self,
            levels,
            next: NIL,
        }
    }

    pub(super) fn best(&self, side: Side) -> Option<Price> {
        let side = self.side(side);
        (side.best_key != 0).then(|| self.level(side.best_level).price)
    }
}

impl<S: EventSink> OrderBook<S> {
    /// The number of open orders.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.store.len as usize
    }

    /// Whether there are no open orders.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.store.len == 0
    }

    /// What happened so far.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.store.counters
    }

    /// The number of orders that the book takes before it allocates memory again, if the number
    /// of its levels does not grow.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.store.capacity()
    }

    /// The open order with this id.
    #[must_use]
    pub fn get(&self, id: OrderId) -> Option<OrderRef> {
        self.store.find(id).map(|slot| self.store.view(slot))
    }

    /// The highest bid and the lowest ask.
    #[must_use]
    pub fn best(&self) -> (Option<Price>, Option<Price>) {
        (self.store.best(Side::Buy), self.store.best(Side::Sell))
    }

    /// The lowest ask less the highest bid; `None` if a side is empty, or if they cross.
    #[must_use]
    pub fn spread(&self) -> Option<Price> {
        let (bid, ask) = self.best();
        ask?.checked_sub(bid?)
    }

    /// The best `levels` levels of both sides.
    #[must_use]
    pub fn depth(&self, levels: usize) -> Depth {
        Depth {
            bids: self.levels(Side::Buy).take(levels).collect(),
            asks: self.levels(Side::Sell).take(levels).collect(),
        }
    }

    /// The levels of a side, the best price first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        self.store.levels_of(side, 0).map(|level| Level {
            price: level.price,
            amount: TotalAmount(level.total),
            count: level.count,
        })
    }

    /// The number of price levels of a side.
    #[must_use]
    pub fn level_count(&self, side: Side) -> usize {
        self.store.ladder(side).len() - self.store.side(side).empty as usize
    }

    /// All orders of a side in priority order: best price, then time, then id.
    #[must_use]
    pub fn orders(&self, side: Side) -> Orders<'_> {
        self.store.orders_of(side)
    }

    /// The orders of a side at `price` or worse, in priority order: to go on where a listing of
    /// the side stopped.
    #[must_use]
    pub fn orders_from(&self, side: Side, price: Price) -> Orders<'_> {
        self.store.orders_from(side, price)
    }

    /// The orders that an order of `taker_side` with this limit could trade with, in priority
    /// order. For any price, [`Price::MAX`] is the limit of a buyer and [`Price::ZERO`] that of a
    /// seller.
    #[must_use]
    pub fn crossing(&self, taker_side: Side, limit: Price) -> Orders<'_> {
        let limit = limit_key(taker_side, Some(limit));
        self.store.crossing(taker_side.opposite(), limit)
    }
}

//! Where orders and levels stand: arenas with 32-bit links, and the indexes that find them.
//!
//! Places of orders and levels that are gone are used again, last in first out: in the steady
//! state nothing is allocated.

use crate::types::{Amount, Millis, OrderId, Price, Side};

use super::hash_index::{HashIndex, KeyHasher, Vacant};
use super::ladder::Ladder;
use super::{BookConfig, Counters, OrderRef, OwnerId, RefusedError, RestingOrder};

/// No order, no level.
pub(super) const NIL: u32 = u32::MAX;

/// An order in the book: one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Order {
    /// The [`OrderId`] as an integer, which orders as the id does.
    pub(super) id: u128,
    pub(super) open: Amount,
    pub(super) time: Millis,
    /// The order before it in its level.
    pub(super) prev: u32,
    /// The order after it in its level, or the next free place.
    pub(super) next: u32,
    pub(super) level: u32,
    pub(super) owner: OwnerId,
}

/// A price level: a queue of orders.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct LevelQueue {
    pub(super) price: Price,
    /// Sum of the open amounts. At most 2^30 orders of less than 2^77 units: cannot overflow.
    pub(super) total: u128,
    /// The first order, or the next free place.
    pub(super) head: u32,
    pub(super) tail: u32,
    pub(super) count: u32,
    pub(super) side: Side,
}

/// One side of the book.
#[derive(Clone, Debug, Default)]
pub(super) struct BookSide {
    pub(super) ladder: Ladder,
    /// Key of the best level; 0, which no level has, if there is none.
    pub(super) best_key: u128,
    pub(super) best_level: u32,
}

/// The state of a book.
#[derive(Clone, Debug)]
pub(super) struct Store {
    hasher: KeyHasher,
    ids: HashIndex,
    prices: HashIndex,
    pub(super) orders: Vec<Order>,
    free_order: u32,
    pub(super) levels: Vec<LevelQueue>,
    free_level: u32,
    pub(super) sides: [BookSide; 2],
    pub(super) len: u32,
    pub(super) max_orders: u32,
    pub(super) counters: Counters,
}

/// The key of a price in the ladder of its side: the better, the larger, and never 0.
#[inline(always)]
pub(super) const fn key_of(side: Side, price: Price) -> u128 {
    // Lower asks are better. All bits turned keeps asks apart from bids in the shared index too.
    price.units() ^ 0u128.wrapping_sub(side as u128)
}

/// The smallest key that an order of `side` with this limit (`None`: any price) trades with.
#[inline(always)]
pub(super) const fn limit_key(side: Side, limit: Option<Price>) -> u128 {
    match limit {
        Some(price) => key_of(side.opposite(), price),
        None => 1,
    }
}

/// An id that is not in the book, and where it would be put.
#[derive(Clone, Copy, Debug)]
pub(super) struct FreshId {
    hash: u32,
    vacant: Vacant,
}

impl Store {
    pub(super) fn new(config: &BookConfig) -> Self {
        let max_orders = config.max_orders.min(super::MAX_ORDERS);
        let reserve = config.reserve.min(max_orders) as usize;
        Self {
            hasher: KeyHasher::new(config.seed),
            ids: HashIndex::with_capacity(reserve),
            prices: HashIndex::with_capacity(reserve.min(4096)),
            orders: Vec::with_capacity(reserve),
            free_order: NIL,
            levels: Vec::with_capacity(reserve.min(4096)),
            free_level: NIL,
            sides: [BookSide::default(), BookSide::default()],
            len: 0,
            max_orders,
            counters: Counters::default(),
        }
    }

    #[inline(always)]
    pub(super) fn side(&self, side: Side) -> &BookSide {
        &self.sides[side as usize]
    }

    #[inline(always)]
    pub(super) fn order(&self, slot: u32) -> &Order {
        &self.orders[slot as usize]
    }

    #[inline(always)]
    pub(super) fn level(&self, level: u32) -> &LevelQueue {
        &self.levels[level as usize]
    }

    /// The place of the order with this id.
    #[inline(always)]
    pub(super) fn find(&self, id: OrderId) -> Option<u32> {
        let id = id.to_u128();
        let is_it = |slot| self.order(slot).id == id;
        self.ids.find(self.hasher.hash(id), is_it).ok()
    }

    /// The place of the order with this id, which must be there.
    #[inline(always)]
    pub(super) fn known(&self, id: OrderId) -> Result<u32, RefusedError> {
        self.find(id).ok_or(RefusedError::UnknownOrder { id })
    }

    /// Makes sure that no order has this id.
    #[inline(always)]
    pub(super) fn fresh(&self, id: OrderId) -> Result<FreshId, RefusedError> {
        let key = id.to_u128();
        let hash = self.hasher.hash(key);
        match self.ids.find(hash, |slot| self.order(slot).id == key) {
            Ok(_) => Err(RefusedError::DuplicateId { id }),
            Err(vacant) => Ok(FreshId { hash, vacant }),
        }
    }

    /// An order as the outside sees it.
    #[inline(always)]
    pub(super) fn view(&self, slot: u32) -> OrderRef {
        let order = self.order(slot);
        let level = self.level(order.level);
        OrderRef {
            id: OrderId::from_u128(order.id),
            owner: order.owner,
            side: level.side,
            price: level.price,
            open: order.open,
            time: order.time,
        }
    }

    /// Puts an order whose id was found fresh just before.
    #[inline(always)]
    pub(super) fn insert_fresh(&mut self, fresh: FreshId, order: &RestingOrder) {
        let slot = self.link(order);
        self.ids.insert_at(fresh.vacant, fresh.hash, slot);
    }

    /// Puts an order whose id is known not to be in the book.
    #[inline(always)]
    pub(super) fn insert(&mut self, order: &RestingOrder) {
        let hash = self.hasher.hash(order.id.to_u128());
        let slot = self.link(order);
        self.ids.insert(hash, slot);
    }

    #[inline(always)]
    fn link(&mut self, order: &RestingOrder) -> u32 {
        let key = key_of(order.side, order.price);
        let hash = self.hasher.hash(key);
        let levels = &self.levels;
        let is_it = |level: u32| {
            let level = &levels[level as usize];
            key_of(level.side, level.price) == key
        };
        let level = match self.prices.find(hash, is_it) {
            Ok(level) => level,
            Err(vacant) => self.create_level(order, hash, vacant),
        };
        let queue = &mut self.levels[level as usize];
        queue.total += order.amount.units();
        queue.count += 1;
        self.len += 1;

        let mut placed = Order {
            id: order.id.to_u128(),
            open: order.amount,
            time: order.time,
            prev: queue.tail,
            next: NIL,
            level,
            owner: order.owner,
        };
        if placed.prev != NIL {
            let tail = &self.orders[placed.prev as usize];
            if (tail.time, tail.id) > (placed.time, placed.id) {
                self.find_place(&mut placed);
            }
        }
        let (prev, next) = (placed.prev, placed.next);
        let slot = if self.free_order == NIL {
            self.orders.push(placed);
            // Cannot wrap: there are at most MAX_ORDERS.
            (self.orders.len() - 1) as u32
        } else {
            let slot = self.free_order;
            let place = &mut self.orders[slot as usize];
            self.free_order = place.next;
            *place = placed;
            slot
        };
        let queue = &mut self.levels[level as usize];
        if prev == NIL {
            queue.head = slot;
        } else {
            self.orders[prev as usize].next = slot;
        }
        if next == NIL {
            queue.tail = slot;
        } else {
            self.orders[next as usize].prev = slot;
        }
        slot
    }

    /// Finds the place of an order that does not belong at its level's tail.
    #[cold]
    #[inline(never)]
    fn find_place(&self, placed: &mut Order) {
        while placed.prev != NIL {
            let before = &self.orders[placed.prev as usize];
            if (before.time, before.id) < (placed.time, placed.id) {
                return;
            }
            placed.next = placed.prev;
            placed.prev = before.prev;
        }
    }

    #[inline]
    fn create_level(&mut self, order: &RestingOrder, hash: u32, vacant: Vacant) -> u32 {
        let created = LevelQueue {
            price: order.price,
            total: 0,
            head: NIL,
            tail: NIL,
            count: 0,
            side: order.side,
        };
        let level = if self.free_level == NIL {
            self.levels.push(created);
            // Cannot wrap: there are no more levels than orders.
            (self.levels.len() - 1) as u32
        } else {
            let level = self.free_level;
            let place = &mut self.levels[level as usize];
            self.free_level = place.head;
            *place = created;
            level
        };
        self.prices.insert_at(vacant, hash, level);
        let key = key_of(order.side, order.price);
        let side = &mut self.sides[order.side as usize];
        side.ladder.insert(key, level);
        if key > side.best_key {
            side.best_key = key;
            side.best_level = level;
        }
        level
    }

    /// Takes out a level that has no orders left.
    #[inline]
    pub(super) fn drop_level(&mut self, level: u32) {
        let queue = &mut self.levels[level as usize];
        let key = key_of(queue.side, queue.price);
        let side = &mut self.sides[queue.side as usize];
        queue.head = self.free_level;
        self.free_level = level;
        self.prices.remove(self.hasher.hash(key), level);
        side.ladder.remove(key);
        if key == side.best_key {
            (side.best_key, side.best_level) = side.ladder.best().unwrap_or((0, NIL));
        }
    }

    /// Takes out an order.
    #[inline]
    pub(super) fn unlink(&mut self, slot: u32) {
        let order = self.orders[slot as usize];
        self.ids.remove(self.hasher.hash(order.id), slot);
        let queue = &mut self.levels[order.level as usize];
        queue.total -= order.open.units();
        queue.count -= 1;
        self.len -= 1;
        if order.prev == NIL {
            queue.head = order.next;
        } else {
            self.orders[order.prev as usize].next = order.next;
        }
        if order.next == NIL {
            queue.tail = order.prev;
        } else {
            self.orders[order.next as usize].prev = order.prev;
        }
        self.orders[slot as usize].next = self.free_order;
        self.free_order = slot;
        if order.prev == NIL && order.next == NIL {
            self.drop_level(order.level);
        }
    }

    /// Forgets the id of an order that [`close_up`](Self::close_up) will take out.
    #[inline(always)]
    pub(super) fn forget_id(&mut self, id: u128, slot: u32) {
        self.ids.remove(self.hasher.hash(id), slot);
    }

    /// Takes out a level's first orders, `first` to `last`, whose ids are forgotten and whose
    /// amounts are taken from the level already; `head` is the order after them.
    #[inline(always)]
    pub(super) fn close_up(&mut self, level: u32, first: u32, last: u32, head: u32, count: u32) {
        self.orders[last as usize].next = self.free_order;
        self.free_order = first;
        self.len -= count;
        let queue = &mut self.levels[level as usize];
        queue.count -= count;
        queue.head = head;
        if head == NIL {
            self.drop_level(level);
        } else {
            self.orders[head as usize].prev = NIL;
        }
    }

    /// Sets what is open of an order; zero takes it out.
    #[inline]
    pub(super) fn set_open(&mut self, slot: u32, open: Amount) {
        if open.is_zero() {
            return self.unlink(slot);
        }
        let order = &mut self.orders[slot as usize];
        let queue = &mut self.levels[order.level as usize];
        queue.total = queue.total - order.open.units() + open.units();
        order.open = open;
    }

    /// Takes out everything; counters and memory stay.
    pub(super) fn clear(&mut self) {
        self.ids.clear();
        self.prices.clear();
        self.orders.clear();
        self.levels.clear();
        (self.free_order, self.free_level) = (NIL, NIL);
        for side in &mut self.sides {
            side.ladder.clear();
            (side.best_key, side.best_level) = (0, NIL);
        }
        self.len = 0;
    }

    /// The orders for which there is memory.
    pub(super) fn capacity(&self) -> usize {
        self.orders.capacity().min(self.ids.capacity())
    }

    /// Checks that links, indexes and sums agree.
    #[cfg(test)]
    pub(super) fn audit(&self) {
        let mut orders = 0;
        for side in [Side::Buy, Side::Sell] {
            let state = self.side(side);
            state.ladder.audit();
            let best = state.ladder.best().unwrap_or((0, state.best_level));
            assert_eq!(best, (state.best_key, state.best_level));
            let mut cursor = state.ladder.end();
            while let Some((key, number)) = state.ladder.step(&mut cursor) {
                let level = self.level(number);
                assert_eq!((level.side, key_of(side, level.price)), (side, key));
                let found = self.prices.find(self.hasher.hash(key), |l| l == number);
                assert_eq!(found.ok(), Some(number));
                let (mut total, mut count, mut prev, mut slot) = (0, 0, NIL, level.head);
                while slot != NIL {
                    let order = self.order(slot);
                    assert_eq!((order.level, order.prev), (number, prev));
                    assert_eq!(self.find(OrderId::from_u128(order.id)), Some(slot));
                    assert!(!order.open.is_zero());
                    if prev != NIL {
                        let before = self.order(prev);
                        assert!((before.time, before.id) < (order.time, order.id));
                    }
                    total += order.open.units();
                    count += 1;
                    (prev, slot) = (slot, order.next);
                }
                assert_eq!((level.total, level.count), (total, count));
                assert_eq!(level.tail, prev);
                assert!(count > 0);
                orders += count;
            }
        }
        assert_eq!(self.len, orders);
        let mut free = 0;
        let mut slot = self.free_order;
        while slot != NIL {
            free += 1;
            slot = self.order(slot).next;
        }
        assert_eq!(self.orders.len(), orders as usize + free);
        let (mut free, mut level) = (0, self.free_level);
        while level != NIL {
            free += 1;
            level = self.level(level).head;
        }
        let levels = self.sides.iter().map(|side| side.ladder.len());
        assert_eq!(self.levels.len(), levels.sum::<usize>() + free);
    }
}

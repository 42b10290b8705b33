//! Where orders and levels stand: arenas with 32-bit links, and the indexes that find them.
//!
//! Places of orders and levels that are gone are used again, last in first out: in the steady
//! state nothing is allocated.

use crate::types::{Amount, Millis, OrderId, Price, Side};

use super::hash_index::{HashIndex, KeyHasher};
use super::ladder::Ladder;
use super::{BookConfig, Counters, OrderRef, OwnerId, RefusedError, RestingOrder};

/// No order, no level.
pub(super) const NIL: u32 = u32::MAX;

/// Places in the cache of levels for each level that there ever was at once.
const CACHE_SPREAD: usize = 4;

/// Fewest and most places in the cache of levels, as powers of two.
const CACHE_BITS: std::ops::RangeInclusive<u32> = 8..=20;

/// Empty levels of a side are swept out when there are more than of others, and more than this:
/// prices come back.
const KEPT_EMPTY: usize = if cfg!(test) { 4 } else { 64 };

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
    /// Of its id.
    pub(super) hash: u32,
    /// That of the order after it: where it is in the index can be looked up while the order
    /// itself is still on its way from memory.
    pub(super) next_hash: u32,
}

/// A price level, which is a queue of orders: one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct LevelQueue {
    /// See [`key_of`]; 0 in a place out of use. A level in use may be empty.
    pub(super) key: u128,
    pub(super) price: Price,
    /// Sum of the open amounts. At most 2^30 orders of less than 2^77 units: cannot overflow.
    pub(super) total: u128,
    /// The first order, or the next free place.
    pub(super) head: u32,
    /// The hash of the first order's id.
    pub(super) head_hash: u32,
    pub(super) tail: u32,
    pub(super) count: u32,
}

impl LevelQueue {
    #[inline(always)]
    pub(super) const fn side(&self) -> Side {
        // Keys of asks have all upper bits set, keys of bids have none.
        if self.key >> 127 == 0 {
            Side::Buy
        } else {
            Side::Sell
        }
    }
}

/// One side of the book.
#[derive(Clone, Copy, Debug)]
pub(super) struct BookSide {
    /// Key of the best level, which is never empty; 0, which no level has, if there is none.
    pub(super) best_key: u128,
    pub(super) best_level: u32,
    /// Empty levels in the ladder.
    pub(super) empty: u32,
}

impl BookSide {
    const NEW: Self = Self {
        best_key: 0,
        best_level: NIL,
        empty: 0,
    };
}

/// The state of a book.
#[derive(Clone, Debug)]
pub(super) struct Store {
    pub(super) hasher: KeyHasher,
    pub(super) ids: HashIndex,
    pub(super) orders: Vec<Order>,
    pub(super) free_order: u32,
    pub(super) levels: Vec<LevelQueue>,
    free_level: u32,
    /// The level that a key with the place's hash had last; may be out of date.
    cache: Vec<u32>,
    cache_shift: u32,
    pub(super) len: u32,
    pub(super) max_orders: u32,
    pub(super) counters: Counters,
    pub(super) sides: [BookSide; 2],
    /// For each side the levels in order; some may be empty for now.
    pub(super) ladders: [Ladder; 2],
}

/// The key of a price in the ladder of its side: the better, the larger, and never 0.
#[inline(always)]
pub(super) const fn key_of(side: Side, price: Price) -> u128 {
    // Lower asks are better. All bits turned keep asks apart from bids, too.
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

/// Puts the place of an empty level among the free ones.
#[inline(always)]
fn recycle(levels: &mut [LevelQueue], free: &mut u32, number: u32) {
    let level = &mut levels[number as usize];
    level.key = 0;
    level.head = std::mem::replace(free, number);
}

impl Store {
    pub(super) fn new(config: &BookConfig) -> Self {
        let max_orders = config.max_orders.min(super::MAX_ORDERS);
        let reserve = config.reserve.min(max_orders) as usize;
        Self {
            hasher: KeyHasher::new(config.seed),
            ids: HashIndex::with_capacity(reserve),
            orders: Vec::with_capacity(reserve),
            free_order: NIL,
            levels: Vec::new(),
            free_level: NIL,
            cache: vec![NIL; 1 << CACHE_BITS.start()],
            cache_shift: 64 - CACHE_BITS.start(),
            len: 0,
            max_orders,
            counters: Counters::default(),
            sides: [BookSide::NEW, BookSide::NEW],
            ladders: [Ladder::NEW, Ladder::NEW],
        }
    }

    #[inline(always)]
    pub(super) fn side(&self, side: Side) -> &BookSide {
        &self.sides[side as usize]
    }

    #[inline(always)]
    pub(super) fn ladder(&self, side: Side) -> &Ladder {
        &self.ladders[side as usize]
    }

    #[inline(always)]
    pub(super) fn order(&self, slot: u32) -> &Order {
        &self.orders[slot as usize]
    }

    #[inline(always)]
    pub(super) fn level(&self, level: u32) -> &LevelQueue {
        &self.levels[level as usize]
    }

    #[inline(always)]
    fn find_hashed(&self, id: u128, hash: u32) -> Option<u32> {
        self.ids.find(hash, |slot| self.order(slot).id == id)
    }

    /// The place of the order with this id.
    #[inline(always)]
    pub(super) fn find(&self, id: OrderId) -> Option<u32> {
        let id = id.to_u128();
        self.find_hashed(id, self.hasher.hash(id))
    }

    /// The place of the order with this id, which must be there.
    #[inline(always)]
    pub(super) fn known(&self, id: OrderId) -> Result<u32, RefusedError> {
        self.find(id).ok_or(RefusedError::UnknownOrder { id })
    }

    /// The hash of an id that no order has.
    #[inline(always)]
    pub(super) fn fresh(&self, id: OrderId) -> Option<u32> {
        let id = id.to_u128();
        let hash = self.hasher.hash(id);
        match self.find_hashed(id, hash) {
            None => Some(hash),
            Some(_) => None,
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
            side: level.side(),
            price: level.price,
            open: order.open,
            time: order.time,
        }
    }

    /// Puts an order whose id, which has this hash, is not in the book.
    #[inline(always)]
    pub(super) fn insert(&mut self, order: &RestingOrder, hash: u32) {
        let number = self.level_for(order.side, order.price);
        if self.free_order == NIL {
            self.add_order_place();
        }
        let slot = self.free_order;
        let level = &mut self.levels[number as usize];
        let tail = level.tail;
        if level.count == 0 {
            let side = &mut self.sides[order.side as usize];
            side.empty -= 1;
            if level.key > side.best_key {
                side.best_key = level.key;
                side.best_level = number;
            }
            level.head = slot;
            level.head_hash = hash;
        }
        level.tail = slot;
        level.total += order.amount.units();
        level.count += 1;
        self.len += 1;
        let id = order.id.to_u128();
        // Written field by field: a copy would wait for the fields to arrive.
        let place = &mut self.orders[slot as usize];
        self.free_order = place.next;
        place.id = id;
        place.open = order.amount;
        place.time = order.time;
        place.prev = tail;
        place.next = NIL;
        place.level = number;
        place.owner = order.owner;
        place.hash = hash;
        if let Some(before) = self.orders.get_mut(tail as usize) {
            before.next = slot;
            before.next_hash = hash;
            if before.time >= order.time && (before.time, before.id) > (order.time, id) {
                self.move_up(slot);
            }
        }
        let orders = &self.orders;
        self.ids
            .insert(hash, slot, |slot| orders[slot as usize].hash);
    }

    /// Makes room for one more order.
    #[cold]
    #[inline(never)]
    fn add_order_place(&mut self) {
        // Cannot wrap: there are at most MAX_ORDERS.
        self.free_order = self.orders.len() as u32;
        self.orders.push(Order {
            id: 0,
            open: Amount::ZERO,
            time: Millis::ZERO,
            prev: NIL,
            next: NIL,
            level: NIL,
            owner: OwnerId(0),
            hash: 0,
            next_hash: 0,
        });
    }

    /// Moves an order that was put at its level's tail to where its priority belongs. Looks from
    /// both ends at once: an order that is late by little, or earlier than all, is placed in a
    /// few steps; one that belongs amid many orders of one price takes as many steps as there are
    /// on the shorter way.
    #[cold]
    #[inline(never)]
    fn move_up(&mut self, slot: u32) {
        let moved = *self.order(slot);
        let key = (moved.time, moved.id);
        let is_later = |at: u32| {
            let order = self.order(at);
            (order.time, order.id) > key
        };
        // All from `next` on are later, all before `ahead` are earlier.
        let mut next = moved.prev;
        let mut ahead = self.level(moved.level).head;
        let (prev, next) = loop {
            let prev = self.order(next).prev;
            if prev == NIL || !is_later(prev) {
                break (prev, next);
            }
            if is_later(ahead) {
                break (self.order(ahead).prev, ahead);
            }
            next = prev;
            ahead = self.order(ahead).next;
        };
        // The old tail is the tail again.
        self.orders[moved.prev as usize].next = NIL;
        let level = &mut self.levels[moved.level as usize];
        level.tail = moved.prev;
        match self.orders.get_mut(prev as usize) {
            Some(before) => (before.next, before.next_hash) = (slot, moved.hash),
            None => (level.head, level.head_hash) = (slot, moved.hash),
        }
        let after = &mut self.orders[next as usize];
        after.prev = slot;
        let next_hash = after.hash;
        let moved = &mut self.orders[slot as usize];
        moved.prev = prev;
        moved.next = next;
        moved.next_hash = next_hash;
    }

    /// The level of this price, which is created, empty, if there is none.
    #[inline(always)]
    fn level_for(&mut self, side: Side, price: Price) -> u32 {
        let key = key_of(side, price);
        if key > self.side(side).best_key {
            return self.push_best_level(key, side, price);
        }
        let place = self.cache_place(key);
        let cached = self.cache[place];
        match self.levels.get(cached as usize) {
            Some(level) if level.key == key => cached,
            _ => self.find_or_create_level(side, price),
        }
    }

    /// Where the cache keeps a key. Who makes keys share a place gains little: the level is then
    /// found in the ladder.
    #[inline(always)]
    fn cache_place(&self, key: u128) -> usize {
        let mixed = (key as u64 ^ (key >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> self.cache_shift) as usize
    }

    /// Creates a level that is better than all others of its side.
    #[inline(always)]
    fn push_best_level(&mut self, key: u128, side: Side, price: Price) -> u32 {
        let level = self.take_level_place(key, price);
        self.sides[side as usize].empty += 1;
        self.ladders[side as usize].push(key, level);
        level
    }

    #[inline(never)]
    fn find_or_create_level(&mut self, side: Side, price: Price) -> u32 {
        let key = key_of(side, price);
        let found = self.ladder(side).find(key);
        let level = found.unwrap_or_else(|place| {
            let level = self.take_level_place(key, price);
            self.sides[side as usize].empty += 1;
            self.ladders[side as usize].insert(place, key, level);
            level
        });
        let place = self.cache_place(key);
        self.cache[place] = level;
        level
    }

    /// A place with a new, empty level.
    #[inline(always)]
    fn take_level_place(&mut self, key: u128, price: Price) -> u32 {
        let number = if self.free_level == NIL {
            self.add_level_place()
        } else {
            self.free_level
        };
        let level = &mut self.levels[number as usize];
        self.free_level = level.head;
        *level = LevelQueue {
            key,
            price,
            total: 0,
            head: NIL,
            head_hash: 0,
            tail: NIL,
            count: 0,
        };
        number
    }

    /// Makes room for one more level, and for more of them in the cache.
    #[cold]
    #[inline(never)]
    fn add_level_place(&mut self) -> u32 {
        self.levels.push(LevelQueue {
            key: 0,
            price: Price::ZERO,
            total: 0,
            head: NIL,
            head_hash: 0,
            tail: NIL,
            count: 0,
        });
        if self.levels.len() * CACHE_SPREAD > self.cache.len()
            && 64 - self.cache_shift < *CACHE_BITS.end()
        {
            self.cache_shift -= 1;
            self.cache = vec![NIL; self.cache.len() * 2];
        }
        // Cannot wrap: there are no more levels than orders.
        (self.levels.len() - 1) as u32
    }

    /// Notes that a level has no orders left.
    #[inline(always)]
    fn level_emptied(&mut self, number: u32) {
        let side = self.level(number).side();
        let index = side as usize;
        if number == self.sides[index].best_level {
            return self.pop_best_level(side, number);
        }
        self.sides[index].empty += 1;
        let empty = self.sides[index].empty as usize;
        if empty > KEPT_EMPTY && empty * 2 > self.ladders[index].len() {
            self.sweep_out(index);
        }
    }

    /// Takes out the best level of a side, and with it those behind it that were empty already,
    /// so that the ladder ends with the best level.
    #[inline(always)]
    fn pop_best_level(&mut self, side: Side, number: u32) {
        let (side, ladder) = (
            &mut self.sides[side as usize],
            &mut self.ladders[side as usize],
        );
        recycle(&mut self.levels, &mut self.free_level, number);
        loop {
            ladder.pop();
            (side.best_key, side.best_level) = ladder.best().unwrap_or((0, NIL));
            match self.levels.get(side.best_level as usize) {
                Some(level) if level.count == 0 => {
                    recycle(&mut self.levels, &mut self.free_level, side.best_level);
                    side.empty -= 1;
                }
                _ => return,
            }
        }
    }

    /// Takes out all empty levels of a side. Happens once in as many emptied levels as there are
    /// levels.
    #[cold]
    #[inline(never)]
    fn sweep_out(&mut self, side: usize) {
        let (levels, free) = (&mut self.levels, &mut self.free_level);
        self.sides[side].empty = 0;
        self.ladders[side].retain(|number| {
            let keep = levels[number as usize].count > 0;
            if !keep {
                recycle(levels, free, number);
            }
            keep
        });
    }

    /// Takes out an order.
    #[inline(always)]
    pub(super) fn unlink(&mut self, slot: u32) {
        let place = &mut self.orders[slot as usize];
        let order = *place;
        place.next = self.free_order;
        self.free_order = slot;
        self.forget_id(order.hash, slot);
        self.len -= 1;
        let level = &mut self.levels[order.level as usize];
        level.total -= order.open.units();
        level.count -= 1;
        match self.orders.get_mut(order.prev as usize) {
            Some(before) => (before.next, before.next_hash) = (order.next, order.next_hash),
            None => (level.head, level.head_hash) = (order.next, order.next_hash),
        }
        match self.orders.get_mut(order.next as usize) {
            Some(after) => after.prev = order.prev,
            None => level.tail = order.prev,
        }
        if level.count == 0 {
            self.level_emptied(order.level);
        }
    }

    /// Forgets the id of the order at `slot`, which has this hash.
    #[inline(always)]
    pub(super) fn forget_id(&mut self, hash: u32, slot: u32) {
        let orders = &self.orders;
        self.ids
            .remove(hash, slot, |slot| orders[slot as usize].hash);
    }

    /// Takes the first orders, `first` to `last`, out of the best level of a side. Their ids are
    /// forgotten; `head` is the order after them and `total` what is left of the level.
    #[inline(always)]
    pub(super) fn close_up(
        &mut self,
        side: Side,
        (first, last): (u32, u32),
        (head, head_hash): (u32, u32),
        gone: u32,
        total: u128,
    ) {
        self.orders[last as usize].next = self.free_order;
        self.free_order = first;
        self.len -= gone;
        let number = self.sides[side as usize].best_level;
        if let Some(after) = self.orders.get_mut(head as usize) {
            after.prev = NIL;
            let level = &mut self.levels[number as usize];
            level.head = head;
            level.head_hash = head_hash;
            level.count -= gone;
            level.total = total;
        } else {
            self.pop_best_level(side, number);
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
        // Numbers of levels in the cache are harmless: a level is compared with what is sought.
        self.orders.clear();
        self.levels.clear();
        (self.free_order, self.free_level) = (NIL, NIL);
        self.sides = [BookSide::NEW; 2];
        self.ladders.iter_mut().for_each(Ladder::clear);
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
            let ladder = self.ladder(side);
            ladder.audit();
            let (mut best, mut empty) = (None, 0);
            let mut cursor = ladder.end();
            while let Some((key, number)) = ladder.step(&mut cursor) {
                let level = self.level(number);
                assert_eq!((level.side(), level.key), (side, key));
                assert_eq!(key_of(side, level.price), key);
                if level.count == 0 {
                    empty += 1;
                } else {
                    best = best.or(Some((key, number)));
                }
                let (mut total, mut count, mut prev, mut slot) = (0, 0, NIL, level.head);
                let mut hash = level.head_hash;
                while slot != NIL {
                    let order = self.order(slot);
                    assert_eq!((order.level, order.prev), (number, prev));
                    assert_eq!((order.hash, hash), (hash, self.hasher.hash(order.id)));
                    hash = order.next_hash;
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
                orders += count;
            }
            assert_eq!(state.empty, empty);
            assert!(empty as usize <= KEPT_EMPTY.max(ladder.len() / 2));
            let best = best.unwrap_or((0, NIL));
            assert_eq!(best, (state.best_key, state.best_level));
            assert_eq!(best, ladder.best().unwrap_or((0, NIL)));
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
            assert_eq!(self.level(level).key, 0);
            level = self.level(level).head;
        }
        let levels = self.ladders.iter().map(Ladder::len);
        assert_eq!(self.levels.len(), levels.sum::<usize>() + free);
    }
}

//! The price levels of one side in order of price.
//!
//! A sorted array, the best level last, cut into chunks: the best levels stand in the top chunk,
//! the others in chunks below it. What happens near the best price moves a few entries, whatever
//! the number of levels, and nothing depends on how far prices lie apart. It is touched only when
//! a level is created, and when levels that are empty are swept out, many at once.

/// Most levels in a chunk.
const CHUNK: usize = 64;

/// Chunks are joined if so many entries are then still free.
const SPARSE: usize = CHUNK / 4;

/// How many entries from the end of a chunk on are looked at one by one.
const NEAR: usize = 8;

#[derive(Clone, Debug)]
struct Chunk {
    len: usize,
    keys: [u128; CHUNK],
    levels: [u32; CHUNK],
}

impl Chunk {
    const NEW: Self = Self {
        len: 0,
        keys: [0; CHUNK],
        levels: [0; CHUNK],
    };

    /// The number of keys that are smaller than `key`: few steps where it is near the end.
    #[inline(always)]
    fn rank(&self, key: u128) -> usize {
        let keys = &self.keys[..self.len];
        let near = keys.len().saturating_sub(NEAR);
        if near > 0 && keys[near] >= key {
            return keys[..near].partition_point(|k| *k < key);
        }
        let mut at = keys.len();
        while at > 0 && keys[at - 1] >= key {
            at -= 1;
        }
        at
    }

    /// The level of `key`, which has this rank.
    #[inline(always)]
    fn level(&self, rank: usize, key: u128) -> Option<u32> {
        (rank < self.len && self.keys[rank] == key).then(|| self.levels[rank])
    }

    #[inline(always)]
    fn insert(&mut self, at: usize, key: u128, level: u32) {
        if self.len - at <= NEAR {
            for to in (at + 1..=self.len).rev() {
                self.keys[to] = self.keys[to - 1];
                self.levels[to] = self.levels[to - 1];
            }
        } else {
            self.keys.copy_within(at..self.len, at + 1);
            self.levels.copy_within(at..self.len, at + 1);
        }
        self.keys[at] = key;
        self.levels[at] = level;
        self.len += 1;
    }

    /// Keeps the entries of the levels that are wanted.
    fn retain(&mut self, keep: &mut impl FnMut(u32) -> bool) {
        let mut kept = 0;
        for at in 0..self.len {
            if keep(self.levels[at]) {
                self.keys[kept] = self.keys[at];
                self.levels[kept] = self.levels[at];
                kept += 1;
            }
        }
        self.len = kept;
    }

    /// Moves the entries from `from` to `until` to the end of `other`; those behind close up.
    fn move_to(&mut self, from: usize, until: usize, other: &mut Self) {
        let (start, end) = (other.len, other.len + until - from);
        other.keys[start..end].copy_from_slice(&self.keys[from..until]);
        other.levels[start..end].copy_from_slice(&self.levels[from..until]);
        other.len = end;
        self.keys.copy_within(until..self.len, from);
        self.levels.copy_within(until..self.len, from);
        self.len -= until - from;
    }
}

/// Levels by their key, which is larger the better the price.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    /// The best levels; empty only if there are none at all.
    top: Chunk,
    /// The chunks below the top one; all their keys are smaller than its.
    deep: Deep,
    len: usize,
}

/// A place in a ladder; valid while the ladder does not change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    /// Deep chunks before and including the place's own; one more if that is the top chunk.
    chunks: usize,
    /// Entries of its chunk before the place.
    entries: usize,
}

impl Ladder {
    pub(super) const NEW: Self = Self {
        top: Chunk::NEW,
        deep: Deep {
            chunks: Vec::new(),
            spare: Vec::new(),
            order: Vec::new(),
            bounds: Vec::new(),
        },
        len: 0,
    };

    /// The number of levels.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The best level and its key.
    #[inline(always)]
    pub(super) fn best(&self) -> Option<(u128, u32)> {
        let at = self.top.len.checked_sub(1)?;
        Some((self.top.keys[at], self.top.levels[at]))
    }

    /// Whether the place of `key` is in the top chunk.
    #[inline(always)]
    fn is_top(&self, key: u128) -> bool {
        self.deep.order.is_empty() || key >= self.top.keys[0]
    }

    /// The level of `key`, or where in the top chunk it belongs; there is no telling for others.
    #[inline(always)]
    pub(super) fn find(&self, key: u128) -> Result<u32, Option<usize>> {
        if self.is_top(key) {
            let rank = self.top.rank(key);
            return self.top.level(rank, key).ok_or(Some(rank));
        }
        let chunk = self.deep.chunk(self.deep.place_of(key));
        chunk.level(chunk.rank(key), key).ok_or(None)
    }

    /// The place after the best level.
    pub(super) fn end(&self) -> Cursor {
        Cursor {
            chunks: self.deep.order.len() + 1,
            entries: self.top.len,
        }
    }

    /// The place after the best level whose key is smaller than `key`.
    pub(super) fn below(&self, key: u128) -> Cursor {
        if self.is_top(key) {
            return Cursor {
                chunks: self.deep.order.len() + 1,
                entries: self.top.rank(key),
            };
        }
        let place = self.deep.place_of(key);
        Cursor {
            chunks: place + 1,
            entries: self.deep.chunk(place).rank(key),
        }
    }

    /// Steps to the next worse level and gives its key and number.
    #[inline]
    pub(super) fn step(&self, cursor: &mut Cursor) -> Option<(u128, u32)> {
        loop {
            let place = cursor.chunks.checked_sub(1)?;
            let chunk = if place == self.deep.order.len() {
                &self.top
            } else {
                self.deep.chunk(place)
            };
            if cursor.entries > 0 {
                cursor.entries -= 1;
                return Some((chunk.keys[cursor.entries], chunk.levels[cursor.entries]));
            }
            cursor.chunks = place;
            if let Some(before) = place.checked_sub(1) {
                cursor.entries = self.deep.chunk(before).len;
            }
        }
    }

    /// Puts a level whose key [`find`](Self::find) just did not find, and gave `place` for.
    #[inline(always)]
    pub(super) fn insert(&mut self, place: Option<usize>, key: u128, level: u32) {
        self.len += 1;
        match place {
            Some(rank) if self.top.len < CHUNK => self.top.insert(rank, key, level),
            _ => self.insert_deep(key, level),
        }
    }

    /// Puts a level that is better than all others.
    #[inline(always)]
    pub(super) fn push(&mut self, key: u128, level: u32) {
        self.insert(Some(self.top.len), key, level);
    }

    #[cold]
    #[inline(never)]
    fn insert_deep(&mut self, key: u128, level: u32) {
        if self.top.len == CHUNK {
            self.deep.push_lower_half(&mut self.top);
        }
        if self.is_top(key) {
            self.top.insert(self.top.rank(key), key, level);
        } else {
            self.deep.insert(key, level);
        }
    }

    /// Takes out the best level; there must be one.
    #[inline(always)]
    pub(super) fn pop(&mut self) {
        self.len -= 1;
        self.top.len -= 1;
        self.refill();
    }

    /// Keeps the levels that are wanted.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(u32) -> bool) {
        self.top.retain(&mut keep);
        let deep = self.deep.retain(&mut keep);
        self.len = self.top.len + deep;
        self.refill();
    }

    /// Keeps the top chunk from running out.
    #[inline(always)]
    fn refill(&mut self) {
        if self.top.len < NEAR && !self.deep.order.is_empty() {
            self.deep.pull_upper_half(&mut self.top);
        }
    }

    /// Forgets all levels and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.top.len = 0;
        self.deep.clear();
        self.len = 0;
    }

    /// Checks that everything is in order.
    #[cfg(test)]
    pub(super) fn audit(&self) {
        assert!(self.top.len > 0 || self.len == 0);
        let keys = &self.top.keys[..self.top.len];
        assert!(keys.is_sorted_by(|a, b| a < b));
        let deep = self.deep.audit(keys.first().copied());
        assert_eq!(self.top.len + deep, self.len);
    }
}

/// The chunks below the top one.
#[derive(Clone, Debug)]
struct Deep {
    chunks: Vec<Chunk>,
    /// Chunks out of use.
    spare: Vec<u32>,
    /// The chunks in use, in order of their keys.
    order: Vec<u32>,
    /// For each of them a bound: none of its keys is smaller, all keys before it are.
    bounds: Vec<u128>,
}

impl Deep {
    #[inline]
    fn chunk(&self, place: usize) -> &Chunk {
        &self.chunks[self.order[place] as usize]
    }

    #[inline]
    fn chunk_mut(&mut self, place: usize) -> &mut Chunk {
        &mut self.chunks[self.order[place] as usize]
    }

    /// Where in `order` the chunk is that `key` belongs to; 0 if there is none.
    #[inline]
    fn place_of(&self, key: u128) -> usize {
        let after = self.bounds.partition_point(|bound| *bound <= key);
        after.saturating_sub(1)
    }

    #[inline(never)]
    fn insert(&mut self, key: u128, level: u32) {
        let mut place = self.place_of(key);
        if self.chunk(place).len == CHUNK {
            let mut upper = Chunk::NEW;
            self.chunk_mut(place).move_to(CHUNK / 2, CHUNK, &mut upper);
            self.add(place + 1, upper);
            place = self.place_of(key);
        }
        self.bounds[place] = self.bounds[place].min(key);
        let chunk = self.chunk_mut(place);
        chunk.insert(chunk.rank(key), key, level);
    }

    /// Keeps the levels that are wanted, gives their number, and joins chunks that became sparse.
    fn retain(&mut self, keep: &mut impl FnMut(u32) -> bool) -> usize {
        let mut len = 0;
        let mut place = 0;
        while place < self.order.len() {
            let chunk = self.chunk_mut(place);
            chunk.retain(keep);
            let kept = chunk.len;
            len += kept;
            if kept == 0 || place > 0 && self.chunk(place - 1).len + kept <= CHUNK - SPARSE {
                self.join(place);
            } else {
                place += 1;
            }
        }
        len
    }

    /// Moves what a chunk holds to the one before it, and drops it.
    fn join(&mut self, place: usize) {
        let mut taken = self.drop(place);
        if taken.len > 0 {
            taken.move_to(0, taken.len, self.chunk_mut(place - 1));
        }
    }

    #[cold]
    #[inline(never)]
    fn push_lower_half(&mut self, top: &mut Chunk) {
        let mut lower = Chunk::NEW;
        top.move_to(0, CHUNK / 2, &mut lower);
        self.add(self.order.len(), lower);
    }

    #[cold]
    #[inline(never)]
    fn pull_upper_half(&mut self, top: &mut Chunk) {
        let Some(last) = self.order.len().checked_sub(1) else {
            return;
        };
        let below = self.chunk_mut(last);
        let from = below.len.saturating_sub(CHUNK / 2);
        let mut pulled = Chunk::NEW;
        below.move_to(from, below.len, &mut pulled);
        top.move_to(0, top.len, &mut pulled);
        *top = pulled;
        if from == 0 {
            self.drop(last);
        }
    }

    /// Adds a chunk, which is not empty.
    fn add(&mut self, place: usize, chunk: Chunk) {
        self.bounds.insert(place, chunk.keys[0]);
        if let Some(number) = self.spare.pop() {
            self.chunks[number as usize] = chunk;
            self.order.insert(place, number);
        } else {
            self.chunks.push(chunk);
            // Cannot wrap: there are fewer chunks than levels, and those fit u32.
            self.order.insert(place, (self.chunks.len() - 1) as u32);
        }
    }

    /// Takes a chunk out.
    fn drop(&mut self, place: usize) -> Chunk {
        let number = self.order.remove(place);
        self.bounds.remove(place);
        self.spare.push(number);
        self.chunks[number as usize].clone()
    }

    fn clear(&mut self) {
        self.spare.append(&mut self.order);
        self.bounds.clear();
    }

    /// Checks that everything is in order and below `limit`; gives the number of levels.
    #[cfg(test)]
    fn audit(&self, limit: Option<u128>) -> usize {
        assert_eq!(self.order.len(), self.bounds.len());
        assert_eq!(self.order.len() + self.spare.len(), self.chunks.len());
        assert!(self.bounds.is_sorted());
        let mut len = 0;
        for place in 0..self.order.len() {
            let chunk = self.chunk(place);
            let keys = &chunk.keys[..chunk.len];
            assert!(!keys.is_empty() && keys[0] >= self.bounds[place]);
            assert!(keys.is_sorted_by(|a, b| a < b));
            let limit = self.bounds.get(place + 1).copied().or(limit);
            assert!(keys[keys.len() - 1] < limit.unwrap());
            len += keys.len();
        }
        len
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::collections::btree_map::{Entry, Range};

    use proptest::prelude::*;

    use super::*;

    fn all(ladder: &Ladder, mut cursor: Cursor) -> Vec<(u128, u32)> {
        std::iter::from_fn(|| ladder.step(&mut cursor)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_keeps_the_order_of_a_sorted_map(
            steps in prop::collection::vec((0u128..2_000, 0u32..100), 0..3000),
        ) {
            let mut ladder = Ladder::NEW;
            let mut model = BTreeMap::new();
            for (number, (key, kind)) in steps.into_iter().enumerate() {
                let number = number as u32;
                // Waves: growing, then losing the best levels mostly.
                let grows = (number / 500).is_multiple_of(2);
                if kind == 0 {
                    ladder.retain(|level| level % 3 != 0);
                    model.retain(|_, level| *level % 3 != 0);
                } else if (kind > 30) == grows {
                    if let Entry::Vacant(entry) = model.entry(key) {
                        entry.insert(number);
                        if model.range(key + 1..).next().is_none() {
                            ladder.push(key, number);
                        } else {
                            ladder.insert(ladder.find(key).unwrap_err(), key, number);
                        }
                    }
                } else if model.pop_last().is_some() {
                    ladder.pop();
                }
                ladder.audit();
                let best = model.last_key_value().map(|(k, v)| (*k, *v));
                prop_assert_eq!(ladder.best(), best);
                prop_assert_eq!(ladder.find(key).ok(), model.get(&key).copied());
                prop_assert_eq!(ladder.len(), model.len());
            }
            let entries = |range: Range<'_, u128, u32>| {
                range.rev().map(|(k, v)| (*k, *v)).collect::<Vec<_>>()
            };
            prop_assert_eq!(all(&ladder, ladder.end()), entries(model.range(..)));
            for key in 0..2_000 {
                prop_assert_eq!(ladder.find(key).ok(), model.get(&key).copied());
            }
            for key in [0, 1, 300, 1_000, 1_999, 2_000] {
                prop_assert_eq!(all(&ladder, ladder.below(key)), entries(model.range(..key)));
            }
            ladder.clear();
            prop_assert_eq!(ladder.best(), None);
            ladder.audit();
        }
    }
}

//! The price levels of one side in order of price.
//!
//! A sorted array cut into chunks, the best level last: what happens near the best price moves a
//! few entries, whatever the number of levels, and nothing depends on how far prices lie apart.
//! It is touched only when a level comes or goes.

/// Most levels in a chunk.
const CHUNK: usize = 64;

/// A chunk shorter than this is joined with the one before it, if both then fill three quarters.
const SPARSE: usize = CHUNK / 4;

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
    #[inline]
    fn rank(&self, key: u128) -> usize {
        let keys = &self.keys[..self.len];
        let near = keys.len().saturating_sub(8);
        if near == 0 || keys[near - 1] < key {
            let mut at = keys.len();
            while at > near && keys[at - 1] >= key {
                at -= 1;
            }
            return at;
        }
        keys[..near].partition_point(|k| *k < key)
    }

    #[inline]
    fn insert(&mut self, at: usize, key: u128, level: u32) {
        self.keys.copy_within(at..self.len, at + 1);
        self.levels.copy_within(at..self.len, at + 1);
        self.keys[at] = key;
        self.levels[at] = level;
        self.len += 1;
    }

    #[inline]
    fn remove(&mut self, at: usize) {
        self.keys.copy_within(at + 1..self.len, at);
        self.levels.copy_within(at + 1..self.len, at);
        self.len -= 1;
    }

    /// Moves the entries from `at` on to the end of `other`.
    fn move_to(&mut self, at: usize, other: &mut Self) {
        let moved = self.len - at;
        other.keys[other.len..other.len + moved].copy_from_slice(&self.keys[at..self.len]);
        other.levels[other.len..other.len + moved].copy_from_slice(&self.levels[at..self.len]);
        other.len += moved;
        self.len = at;
    }
}

/// Levels by their key, which is larger the better the price.
#[derive(Clone, Debug, Default)]
pub(super) struct Ladder {
    chunks: Vec<Chunk>,
    /// Chunks out of use.
    spare: Vec<u32>,
    /// The chunks in use, in order of their keys.
    order: Vec<u32>,
    /// For each of them a bound: none of its keys is smaller, all keys before it are.
    bounds: Vec<u128>,
    len: usize,
}

/// A place in a ladder; valid while the ladder does not change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    /// Chunks before and including the place's own.
    chunks: usize,
    /// Entries of its chunk before the place.
    entries: usize,
}

impl Ladder {
    /// The best level and its key.
    #[inline]
    pub(super) fn best(&self) -> Option<(u128, u32)> {
        let chunk = &self.chunks[*self.order.last()? as usize];
        let at = chunk.len.checked_sub(1)?;
        Some((chunk.keys[at], chunk.levels[at]))
    }

    /// The number of levels.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The place after the best level.
    pub(super) fn end(&self) -> Cursor {
        let last = self.order.last();
        Cursor {
            chunks: self.order.len(),
            entries: last.map_or(0, |chunk| self.chunks[*chunk as usize].len),
        }
    }

    /// The place after the best level whose key is smaller than `key`.
    pub(super) fn below(&self, key: u128) -> Cursor {
        if self.order.is_empty() {
            return self.end();
        }
        let place = self.chunk_of(key);
        Cursor {
            chunks: place + 1,
            entries: self.chunks[self.order[place] as usize].rank(key),
        }
    }

    /// Steps to the next worse level and gives its key and number.
    #[inline]
    pub(super) fn step(&self, cursor: &mut Cursor) -> Option<(u128, u32)> {
        loop {
            let place = cursor.chunks.checked_sub(1)?;
            let chunk = &self.chunks[self.order[place] as usize];
            if cursor.entries > 0 {
                cursor.entries -= 1;
                return Some((chunk.keys[cursor.entries], chunk.levels[cursor.entries]));
            }
            cursor.chunks = place;
            if let Some(before) = place.checked_sub(1) {
                cursor.entries = self.chunks[self.order[before] as usize].len;
            }
        }
    }

    /// Where in `order` the chunk is that `key` belongs to. There must be one.
    #[inline]
    fn chunk_of(&self, key: u128) -> usize {
        let last = self.bounds.len() - 1;
        if self.bounds[last] <= key {
            return last;
        }
        let after = self.bounds.partition_point(|bound| *bound <= key);
        after.saturating_sub(1)
    }

    /// Puts a level whose key is not there yet.
    #[inline]
    pub(super) fn insert(&mut self, key: u128, level: u32) {
        if self.order.is_empty() {
            let chunk = self.take_chunk();
            self.order.push(chunk);
            self.bounds.push(key);
        }
        let mut place = self.chunk_of(key);
        if self.chunks[self.order[place] as usize].len == CHUNK {
            self.split(place);
            place = self.chunk_of(key);
        }
        self.bounds[place] = self.bounds[place].min(key);
        let chunk = &mut self.chunks[self.order[place] as usize];
        chunk.insert(chunk.rank(key), key, level);
        self.len += 1;
    }

    /// Takes out the level of a key that is there.
    #[inline]
    pub(super) fn remove(&mut self, key: u128) {
        let place = self.chunk_of(key);
        let chunk = &mut self.chunks[self.order[place] as usize];
        let at = chunk.rank(key);
        debug_assert_eq!(chunk.keys[at], key);
        chunk.remove(at);
        self.len -= 1;
        if chunk.len < SPARSE {
            self.join(place);
        }
    }

    #[cold]
    #[inline(never)]
    fn split(&mut self, place: usize) {
        let upper = self.take_chunk();
        let mut taken = Chunk::NEW;
        let lower = &mut self.chunks[self.order[place] as usize];
        lower.move_to(CHUNK / 2, &mut taken);
        self.bounds.insert(place + 1, taken.keys[0]);
        self.order.insert(place + 1, upper);
        self.chunks[upper as usize] = taken;
    }

    /// Joins a sparse chunk with the one before it, or drops it once it is empty.
    #[cold]
    #[inline(never)]
    fn join(&mut self, place: usize) {
        let number = self.order[place];
        let len = self.chunks[number as usize].len;
        if len > 0 {
            let Some(before) = place.checked_sub(1) else {
                return;
            };
            let before = self.order[before] as usize;
            if self.chunks[before].len + len > CHUNK - SPARSE {
                return;
            }
            let mut taken = std::mem::replace(&mut self.chunks[number as usize], Chunk::NEW);
            taken.move_to(0, &mut self.chunks[before]);
        }
        self.order.remove(place);
        self.bounds.remove(place);
        self.spare.push(number);
    }

    fn take_chunk(&mut self) -> u32 {
        if let Some(chunk) = self.spare.pop() {
            return chunk;
        }
        self.chunks.push(Chunk::NEW);
        // Cannot wrap: there are fewer chunks than levels, and those fit u32.
        (self.chunks.len() - 1) as u32
    }

    /// Forgets all levels and keeps the memory.
    pub(super) fn clear(&mut self) {
        while let Some(chunk) = self.order.pop() {
            self.chunks[chunk as usize].len = 0;
            self.spare.push(chunk);
        }
        self.bounds.clear();
        self.len = 0;
    }

    /// Checks that everything is in order.
    #[cfg(test)]
    pub(super) fn audit(&self) {
        assert_eq!(self.order.len(), self.bounds.len());
        assert_eq!(self.order.len() + self.spare.len(), self.chunks.len());
        assert!(self.bounds.is_sorted());
        let lens = self
            .order
            .iter()
            .map(|chunk| self.chunks[*chunk as usize].len);
        assert_eq!(lens.sum::<usize>(), self.len);
        for (place, chunk) in self.order.iter().enumerate() {
            let chunk = &self.chunks[*chunk as usize];
            let keys = &chunk.keys[..chunk.len];
            assert!(!keys.is_empty() && keys[0] >= self.bounds[place]);
            assert!(keys.is_sorted_by(|a, b| a < b));
            if let Some(bound) = self.bounds.get(place + 1) {
                assert!(keys[keys.len() - 1] < *bound);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn all(ladder: &Ladder, mut cursor: Cursor) -> Vec<(u128, u32)> {
        std::iter::from_fn(|| ladder.step(&mut cursor)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_keeps_the_order_of_a_sorted_map(
            steps in prop::collection::vec((0u128..600, 0u32..3), 0..3000),
        ) {
            let mut ladder = Ladder::default();
            let mut model = BTreeMap::new();
            for (number, (key, kind)) in steps.into_iter().enumerate() {
                // Waves: mostly growing, then mostly shrinking.
                let grows = (number / 500) % 2 == 0;
                if (kind == 0) != grows {
                    if let std::collections::btree_map::Entry::Vacant(place) = model.entry(key) {
                        place.insert(number as u32);
                        ladder.insert(key, number as u32);
                    }
                } else if model.remove(&key).is_some() {
                    ladder.remove(key);
                }
                ladder.audit();
                let best = model.last_key_value().map(|(k, v)| (*k, *v));
                prop_assert_eq!(ladder.best(), best);
            }
            let entries = |range: std::collections::btree_map::Range<'_, u128, u32>| {
                range.rev().map(|(k, v)| (*k, *v)).collect::<Vec<_>>()
            };
            prop_assert_eq!(all(&ladder, ladder.end()), entries(model.range(..)));
            for key in [0, 1, 100, 300, 599, 600] {
                prop_assert_eq!(all(&ladder, ladder.below(key)), entries(model.range(..key)));
            }
            ladder.clear();
            prop_assert_eq!(ladder.best(), None);
            ladder.audit();
        }
    }
}

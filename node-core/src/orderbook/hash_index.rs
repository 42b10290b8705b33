//! A hash index from keys to the slots that hold them.
//!
//! Open addressing with linear probing and backward-shift deletion: no tombstones, so its speed
//! does not decay. An entry is a slot and 32 bits of its key's hash; the key itself stands in the
//! slot only. The first bits of the hash are the entry's home, so that moving entries and growing
//! never touch the slots.

/// Marks an empty entry; no slot has this number.
const EMPTY: u64 = u64::MAX;

/// Fewest entries of an index.
const MIN_BITS: u32 = 6;

/// A seeded hash of 128-bit keys. Others choose the keys (ids can be ground to share a prefix,
/// prices are multiples of anything), so what spreads them must not be known to them.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyHasher {
    keys: [u64; 3],
}

impl KeyHasher {
    /// A hasher whose keys all come from `seed`.
    pub(super) fn new(seed: u128) -> Self {
        // SplitMix64, once over each half: any seed gives three unlike keys.
        let mix = |mut z: u64| {
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        let (low, high) = (seed as u64, (seed >> 64) as u64);
        let key = |number: u64| {
            let first = mix(low.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            mix(first.wrapping_add(high))
        };
        // The upper half of a price is all zeros or all ones: neither may cancel the second key.
        let second = (key(2) | 1 << 63) & !1;
        Self {
            keys: [key(1), second, key(3) | 1],
        }
    }

    /// The upper 32 bits of a folded product of both halves, multiplied once more.
    #[inline(always)]
    pub(super) fn hash(self, key: u128) -> u32 {
        let [k0, k1, k2] = self.keys;
        let product = u128::from(key as u64 ^ k0) * u128::from((key >> 64) as u64 ^ k1);
        let folded = (product as u64) ^ ((product >> 64) as u64);
        (folded.wrapping_mul(k2) >> 32) as u32
    }
}

/// The index. At most half of its entries are taken.
#[derive(Clone, Debug)]
pub(super) struct HashIndex {
    /// Hash in the upper half, slot in the lower; the length is a power of two.
    entries: Vec<u64>,
    /// The entries' number less one.
    mask: usize,
    /// How far a hash is shifted right to give its home.
    shift: u32,
    len: usize,
}

/// Where a key isn't, and would be put.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vacant(usize);

impl HashIndex {
    /// An index that takes `len` keys before it grows.
    pub(super) fn with_capacity(len: usize) -> Self {
        let bits = (2 * len).next_power_of_two().ilog2().max(MIN_BITS);
        Self {
            entries: vec![EMPTY; 1 << bits],
            mask: (1 << bits) - 1,
            shift: 32 - bits,
            len: 0,
        }
    }

    /// The keys that it takes before it grows.
    pub(super) fn capacity(&self) -> usize {
        self.entries.len() / 2
    }

    #[inline(always)]
    fn home(&self, hash: u32) -> usize {
        (hash >> self.shift) as usize
    }

    /// The slot of the key with this hash for which `is_key(slot)` holds, or where to put it.
    #[inline(always)]
    pub(super) fn find(
        &self,
        hash: u32,
        mut is_key: impl FnMut(u32) -> bool,
    ) -> Result<u32, Vacant> {
        let mut at = self.home(hash);
        loop {
            let entry = self.entries[at];
            if entry == EMPTY {
                return Err(Vacant(at));
            }
            if (entry >> 32) as u32 == hash && is_key(entry as u32) {
                return Ok(entry as u32);
            }
            at = (at + 1) & self.mask;
        }
    }

    /// Puts a key where [`find`](Self::find) did not find it; the index must not have changed
    /// in between.
    #[inline(always)]
    pub(super) fn insert_at(&mut self, vacant: Vacant, hash: u32, slot: u32) {
        self.entries[vacant.0] = u64::from(hash) << 32 | u64::from(slot);
        self.len += 1;
        if self.len * 2 > self.entries.len() {
            self.grow();
        }
    }

    /// Puts a key that is known not to be in the index.
    #[inline(always)]
    pub(super) fn insert(&mut self, hash: u32, slot: u32) {
        let mut at = self.home(hash);
        while self.entries[at] != EMPTY {
            at = (at + 1) & self.mask;
        }
        self.insert_at(Vacant(at), hash, slot);
    }

    /// Takes out the entry of this hash and slot, which must be there.
    #[inline(always)]
    pub(super) fn remove(&mut self, hash: u32, slot: u32) {
        let wanted = u64::from(hash) << 32 | u64::from(slot);
        let mut hole = self.home(hash);
        while self.entries[hole] != wanted {
            if self.entries[hole] == EMPTY {
                debug_assert!(false, "slot {slot} is not in the index");
                return;
            }
            hole = (hole + 1) & self.mask;
        }
        self.len -= 1;
        let mut next = (hole + 1) & self.mask;
        loop {
            let entry = self.entries[next];
            if entry == EMPTY {
                break;
            }
            // An entry may move back into the hole unless its home lies behind the hole.
            let home = self.home((entry >> 32) as u32);
            if (next.wrapping_sub(home) & self.mask) >= (next.wrapping_sub(hole) & self.mask) {
                self.entries[hole] = entry;
                hole = next;
            }
            next = (next + 1) & self.mask;
        }
        self.entries[hole] = EMPTY;
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        let doubled = vec![EMPTY; self.entries.len() * 2];
        self.mask = doubled.len() - 1;
        self.shift -= 1;
        let old = std::mem::replace(&mut self.entries, doubled);
        for entry in old.into_iter().filter(|entry| *entry != EMPTY) {
            let mut at = self.home((entry >> 32) as u32);
            while self.entries[at] != EMPTY {
                at = (at + 1) & self.mask;
            }
            self.entries[at] = entry;
        }
    }

    /// Forgets all keys and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.entries.fill(EMPTY);
        self.len = 0;
    }

    /// The longest way from a home to its entry.
    #[cfg(test)]
    fn longest_probe(&self) -> usize {
        let taken = self
            .entries
            .iter()
            .enumerate()
            .filter(|(_, e)| **e != EMPTY);
        let way = |(at, e): (usize, &u64)| at.wrapping_sub(self.home((e >> 32) as u32)) & self.mask;
        taken.map(way).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ground_and_regular_keys_spread_as_well_as_random_ones() {
        type Keys = fn(u128) -> u128;
        let sets: [(&str, Keys); 8] = [
            ("sequential", |i| i),
            ("shared prefix", |i| 0xdead_beef_dead_beef << 64 | i),
            ("shared suffix", |i| i << 100 | 0xdead_beef),
            ("multiples", |i| i * 1_000_000),
            ("powers of two", |i| i << 40),
            ("complements", |i| !(i * 1_000)),
            ("both halves equal", |i| i << 64 | i),
            ("halves cancel out", |i| {
                i << 64 | (u128::from(u64::MAX) - i)
            }),
        ];
        for seed in [0, 1, u128::MAX, 0x1234_5678_9abc_def0 << 64] {
            let hasher = KeyHasher::new(seed);
            for (name, key) in sets {
                let mut index = HashIndex::with_capacity(0);
                for i in 0..100_000 {
                    index.insert(hasher.hash(key(i)), i as u32);
                }
                let longest = index.longest_probe();
                assert!(longest < 64, "{name} with seed {seed}: {longest}");
            }
        }
    }

    #[test]
    fn other_seeds_spread_the_same_keys_otherwise() {
        let hash = |seed| {
            (0..64)
                .map(|i| KeyHasher::new(seed).hash(i))
                .collect::<Vec<_>>()
        };
        assert_ne!(hash(1), hash(2));
        assert_ne!(hash(1), hash(1 << 64));
    }

    proptest! {
        #[test]
        fn it_finds_what_was_put_and_not_taken_out(
            steps in prop::collection::vec((any::<bool>(), 0u32..64, 0u32..4), 0..400),
        ) {
            // Few hashes, at both ends of the table, so that runs are long and wrap around.
            let hash = |key: u32| [0, 1 << 24, u32::MAX, u32::MAX - 3][(key % 4) as usize];
            let mut index = HashIndex::with_capacity(0);
            let mut model = BTreeMap::new();
            for (put, key, tag) in steps {
                let key = key * 4 + tag;
                let found = index.find(hash(key), |slot| slot == key);
                prop_assert_eq!(found.ok(), model.get(&key).copied());
                match found {
                    Err(vacant) if put => {
                        index.insert_at(vacant, hash(key), key);
                        model.insert(key, key);
                    }
                    Ok(slot) if !put => {
                        index.remove(hash(key), slot);
                        model.remove(&key);
                    }
                    _ => {}
                }
                for key in 0..256 {
                    let found = index.find(hash(key), |slot| slot == key).ok();
                    prop_assert_eq!(found, model.get(&key).copied());
                }
            }
        }
    }
}

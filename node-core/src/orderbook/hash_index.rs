//! A hash index from keys to the slots that hold them.
//!
//! Buckets of one cache line with eight entries each. An entry is a slot and 23 bits of its key's
//! hash, some of which, the tag, stand together: all eight tags are looked at in one step, so that
//! hardly a branch depends on what is in the bucket. The key itself stands in the slot only. A
//! bucket that is full passes entries on to the next one and counts them, so a search knows where
//! to end. Room that becomes free in it is given to one of those again: no tombstones, and its
//! speed does not decay.

/// Entries of a bucket.
const WIDTH: usize = 8;

/// Mean entries of a bucket above which the index grows.
const FULL: usize = 4;

/// Fewest buckets, as a power of two.
const MIN_BITS: u32 = 3;

/// The lowest bit of each tag.
const LOW: u64 = 0x0101_0101_0101_0101;

/// The highest bit of each tag.
const HIGH: u64 = LOW << 7;

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

/// Eight entries.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Bucket {
    /// A byte an entry; 0 marks a free one.
    tags: u64,
    /// 16 more bits of the hash, looked at where the tag is right.
    more: [u16; WIDTH],
    slots: [u32; WIDTH],
    /// Entries whose home is here or before, and that stand in a bucket behind this one.
    passed: u32,
    /// A bit for each entry whose home is before this bucket.
    strays: u8,
}

impl Bucket {
    const NEW: Self = Self {
        tags: 0,
        more: [0; WIDTH],
        slots: [0; WIDTH],
        passed: 0,
        strays: 0,
    };

    /// Puts an entry in the place of one that is free.
    #[inline(always)]
    fn fill(&mut self, free: u64, hash: u32, slot: u32) -> usize {
        let entry = lowest(free);
        self.tags |= u64::from(tag_of(hash)) << (8 * entry);
        self.more[entry] = more_of(hash);
        self.slots[entry] = slot;
        entry
    }

    #[inline(always)]
    const fn clear(&mut self, entry: usize) {
        self.tags &= !(0xff << (8 * entry));
    }
}

/// The high bits of exactly those tags that equal `tag`.
#[inline(always)]
const fn matches(tags: u64, tag: u8) -> u64 {
    let differ = tags ^ (tag as u64).wrapping_mul(LOW);
    // Adding carries into the high bit of a byte if any bit below it is set, and no further.
    !((differ & !HIGH).wrapping_add(!HIGH) | differ) & HIGH
}

/// Which entry the lowest of the matches is.
#[inline(always)]
const fn lowest(matches: u64) -> usize {
    matches.trailing_zeros() as usize / 8 % WIDTH
}

/// The tag of a hash; never 0.
#[inline(always)]
const fn tag_of(hash: u32) -> u8 {
    hash as u8 | 1
}

/// What a bucket knows of a hash beside the tag.
#[inline(always)]
const fn more_of(hash: u32) -> u16 {
    (hash >> 8) as u16
}

/// The index.
#[derive(Clone, Debug)]
pub(super) struct HashIndex {
    /// A power of two of them.
    buckets: Vec<Bucket>,
    /// How far a hash is shifted right to give its home.
    shift: u32,
    len: usize,
}

impl HashIndex {
    /// An index that takes `len` keys before it grows.
    pub(super) fn with_capacity(len: usize) -> Self {
        let bits = len.div_ceil(FULL).max(1).next_power_of_two().ilog2();
        Self::with_bits(bits.max(MIN_BITS))
    }

    fn with_bits(bits: u32) -> Self {
        Self {
            buckets: vec![Bucket::NEW; 1 << bits],
            shift: 32 - bits,
            len: 0,
        }
    }

    /// The keys that it takes before it grows.
    pub(super) fn capacity(&self) -> usize {
        self.buckets.len() * FULL
    }

    #[inline(always)]
    fn home(&self, hash: u32) -> usize {
        (hash >> self.shift) as usize
    }

    #[inline(always)]
    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.buckets.len() - 1)
    }

    /// The slot of the key with this hash for which `is_key(slot)` holds.
    #[inline(always)]
    pub(super) fn find(&self, hash: u32, is_key: impl Fn(u32) -> bool) -> Option<u32> {
        let at = self.home(hash);
        let bucket = &self.buckets[at];
        let hits = matches(bucket.tags, tag_of(hash));
        if hits == 0 && bucket.passed == 0 {
            return None;
        }
        self.find_among(at, hits, hash, is_key)
    }

    /// Looks at the entries of a bucket that have the tag, and at the buckets behind.
    #[inline(always)]
    fn find_among(
        &self,
        mut at: usize,
        mut hits: u64,
        hash: u32,
        is_key: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        loop {
            let bucket = &self.buckets[at];
            while hits != 0 {
                let entry = lowest(hits);
                let slot = bucket.slots[entry];
                if bucket.more[entry] == more_of(hash) && is_key(slot) {
                    return Some(slot);
                }
                hits &= hits - 1;
            }
            // Ends: a bucket is passed only to one that had room, and the index is never full.
            if bucket.passed == 0 {
                return None;
            }
            at = self.after(at);
            hits = matches(self.buckets[at].tags, tag_of(hash));
        }
    }

    /// Puts a key that is not in the index. `hash_of` gives the hashes of those that are.
    #[inline(always)]
    pub(super) fn insert(&mut self, hash: u32, slot: u32, hash_of: impl Fn(u32) -> u32) {
        if self.len >= self.capacity() {
            self.grow(hash_of);
        }
        self.len += 1;
        self.put(hash, slot);
    }

    #[inline(always)]
    fn put(&mut self, hash: u32, slot: u32) {
        let at = self.home(hash);
        let bucket = &mut self.buckets[at];
        let free = matches(bucket.tags, 0);
        if free == 0 {
            return self.put_behind(at, hash, slot);
        }
        bucket.fill(free, hash, slot);
    }

    #[cold]
    #[inline(never)]
    fn put_behind(&mut self, home: usize, hash: u32, slot: u32) {
        let mut at = home;
        loop {
            self.buckets[at].passed += 1;
            at = self.after(at);
            let bucket = &mut self.buckets[at];
            let free = matches(bucket.tags, 0);
            if free != 0 {
                let entry = bucket.fill(free, hash, slot);
                bucket.strays |= 1 << entry;
                return;
            }
        }
    }

    /// Takes out the entry of this hash and slot, which must be there. `hash_of` gives the hashes
    /// of all others.
    #[inline(always)]
    pub(super) fn remove(&mut self, hash: u32, slot: u32, hash_of: impl Fn(u32) -> u32) {
        let at = self.home(hash);
        self.len -= 1;
        let bucket = &mut self.buckets[at];
        let mut hits = matches(bucket.tags, tag_of(hash));
        while hits != 0 {
            let entry = lowest(hits);
            if bucket.slots[entry] == slot {
                bucket.clear(entry);
                if bucket.passed > 0 {
                    self.bring_back(at, hash_of);
                }
                return;
            }
            hits &= hits - 1;
        }
        self.remove_behind(at, slot, hash_of);
    }

    #[cold]
    #[inline(never)]
    fn remove_behind(&mut self, home: usize, slot: u32, hash_of: impl Fn(u32) -> u32) {
        let mut at = home;
        while self.buckets[at].passed > 0 {
            self.buckets[at].passed -= 1;
            at = self.after(at);
            let bucket = &mut self.buckets[at];
            for entry in 0..WIDTH {
                if bucket.strays >> entry & 1 == 1 && bucket.slots[entry] == slot {
                    bucket.clear(entry);
                    bucket.strays &= !(1 << entry);
                    return self.bring_back(at, hash_of);
                }
            }
        }
        debug_assert!(false, "slot {slot} is not in the index");
    }

    /// Gives the free entry of a bucket to one that was passed on from it, and so on with the
    /// place that this one leaves.
    #[cold]
    #[inline(never)]
    fn bring_back(&mut self, mut hole: usize, hash_of: impl Fn(u32) -> u32) {
        let mask = self.buckets.len() - 1;
        let mut at = hole;
        while self.buckets[at].passed > 0 {
            at = self.after(at);
            let bucket = &self.buckets[at];
            // Whoever stands in `at` and has its home at or before the hole was passed on there.
            let moved = (0..WIDTH).find_map(|entry| {
                if bucket.strays >> entry & 1 == 0 {
                    return None;
                }
                let slot = bucket.slots[entry];
                let hash = hash_of(slot);
                let way = at.wrapping_sub(self.home(hash)) & mask;
                (way >= at.wrapping_sub(hole) & mask).then_some((entry, slot, hash))
            });
            let Some((entry, slot, hash)) = moved else {
                continue;
            };
            let home = self.home(hash);
            let bucket = &mut self.buckets[at];
            bucket.clear(entry);
            bucket.strays &= !(1 << entry);
            let target = &mut self.buckets[hole];
            let entry = target.fill(matches(target.tags, 0), hash, slot);
            if home != hole {
                target.strays |= 1 << entry;
            }
            let mut passes = hole;
            while passes != at {
                self.buckets[passes].passed -= 1;
                passes = self.after(passes);
            }
            hole = at;
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, hash_of: impl Fn(u32) -> u32) {
        let mut grown = Self::with_bits(33 - self.shift);
        for bucket in &self.buckets {
            for (tag, slot) in bucket.tags.to_le_bytes().into_iter().zip(bucket.slots) {
                if tag != 0 {
                    grown.put(hash_of(slot), slot);
                }
            }
        }
        grown.len = self.len;
        *self = grown;
    }

    /// Forgets all keys and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.buckets.fill(Bucket::NEW);
        self.len = 0;
    }

    /// Checks that what is passed on is counted, and only where there is no room.
    #[cfg(test)]
    fn audit(&self, hash_of: impl Fn(u32) -> u32) {
        let mut passed = vec![0; self.buckets.len()];
        for (at, bucket) in self.buckets.iter().enumerate() {
            for entry in (0..WIDTH).filter(|entry| bucket.tags >> (8 * entry) & 0xff != 0) {
                let mut home = self.home(hash_of(bucket.slots[entry]));
                assert_eq!(bucket.strays >> entry & 1 == 1, home != at);
                while home != at {
                    passed[home] += 1;
                    home = self.after(home);
                }
            }
        }
        for (bucket, passed) in self.buckets.iter().zip(passed) {
            assert_eq!(bucket.passed, passed);
            assert!(passed == 0 || matches(bucket.tags, 0) == 0);
        }
    }

    /// The share of entries that do not stand at home.
    #[cfg(test)]
    fn strays(&self) -> f64 {
        let passed = self.buckets.iter().map(|bucket| f64::from(bucket.passed));
        passed.sum::<f64>() / self.len as f64
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
                let hash_of = |i: u32| hasher.hash(key(u128::from(i)));
                for i in 0..100_000 {
                    index.insert(hash_of(i), i, hash_of);
                }
                // Random keys give 0.6 % at this load.
                let strays = index.strays();
                assert!(strays < 0.02, "{name} with seed {seed}: {strays}");
            }
        }
    }

    #[test]
    fn other_seeds_spread_the_same_keys_otherwise() {
        let hash = |seed| {
            (0..64u128)
                .map(|i| KeyHasher::new(seed).hash(i))
                .collect::<Vec<_>>()
        };
        assert_ne!(hash(1), hash(2));
        assert_ne!(hash(1), hash(1 << 64));
    }

    proptest! {
        #[test]
        fn exactly_the_equal_tags_match(
            tags in prop::array::uniform8(prop_oneof![0..3u8, 0x7e..=0x81u8, any::<u8>()]),
            tag in prop_oneof![0..3u8, 0x7e..=0x81u8, any::<u8>()],
        ) {
            let equal = tags.map(|other| if other == tag { 0x80 } else { 0 });
            let found = matches(u64::from_le_bytes(tags), tag);
            prop_assert_eq!(found.to_le_bytes(), equal);
            if found != 0 {
                prop_assert_eq!(Some(lowest(found)), tags.iter().position(|t| *t == tag));
            }
        }

        #[test]
        fn it_finds_what_was_put_and_not_taken_out(
            steps in prop::collection::vec((0..3u8, 0u32..64, 0u32..4), 0..400),
        ) {
            // Few hashes, at both ends of the table, so that buckets overflow and wrap around.
            let hash = |key: u32| [0, 1 << 24, u32::MAX, u32::MAX - 3][(key % 4) as usize];
            let mut index = HashIndex::with_capacity(0);
            let mut model = BTreeMap::new();
            for (kind, key, tag) in steps {
                let key = key * 4 + tag;
                let found = index.find(hash(key), |slot| slot == key);
                prop_assert_eq!(found, model.get(&key).copied());
                match found {
                    None if kind > 0 => {
                        index.insert(hash(key), key, hash);
                        model.insert(key, key);
                    }
                    Some(slot) if kind == 0 => {
                        index.remove(hash(key), slot, hash);
                        model.remove(&key);
                    }
                    _ => {}
                }
                for key in 0..256 {
                    let found = index.find(hash(key), |slot| slot == key);
                    prop_assert_eq!(found, model.get(&key).copied());
                }
            }
            index.audit(hash);
            for key in model.into_keys() {
                index.remove(hash(key), key, hash);
                index.audit(hash);
            }
            let unused = |bucket: &Bucket| bucket.passed == 0 && bucket.strays == 0;
            prop_assert!(index.buckets.iter().all(unused));
        }
    }
}

//! Everything that a ledger retains, kept in the order in which nodes compare it.
//!
//! A comparison goes on for many messages and needs one state of affairs all the while, and putting
//! a large book in order anew for each would hold up everything else. So what is retained is always
//! in order, in chunks that are shared with whoever looks at an earlier state, and copied one by
//! one when something in them changes.

use std::collections::HashMap;
use std::sync::Arc;

use crate::types::Millis;

use super::{Prefix, Retained, prefix_of};

/// No chunk has more items than this.
const CHUNK: usize = 256;

/// By what nodes order what they compare.
type Key = (Millis, [u8; 32]);

/// All that was retained at one moment, by time and name. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct RetainedItems {
    /// None of them is empty.
    chunks: Vec<Arc<Vec<Item>>>,
    len: usize,
}

#[derive(Clone, Debug)]
struct Item {
    key: Key,
    what: Retained,
    /// How many orders hold on to it: a `place` that replaces an order is what closes that one, too.
    holders: u32,
}

/// What is retained now.
#[derive(Debug, Default)]
pub(super) struct RetainedSet {
    items: RetainedItems,
    /// When each thing was signed, by the first bytes of its name. Who makes two things of one
    /// prefix has one of them found no more.
    times: HashMap<Prefix, Millis>,
}

fn key(what: &Retained) -> Key {
    (what.ts(), what.id())
}

impl RetainedItems {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of them, from the place `from` on, the one that was signed first at place 0.
    pub fn iter_from(&self, from: usize) -> impl Iterator<Item = &Retained> {
        self.items_from(from).map(|item| &item.what)
    }

    /// When each was signed and its name, from the place `from` on.
    pub fn keys_from(&self, from: usize) -> impl Iterator<Item = (Millis, [u8; 32])> {
        self.items_from(from).map(|item| item.key)
    }

    /// How many are before this time and name.
    #[must_use]
    pub fn count_before(&self, ts: Millis, id: [u8; 32]) -> usize {
        let key = (ts, id);
        let chunk = self.chunk_of(&key);
        let before = self.chunks.iter().take(chunk);
        let before: usize = before.map(|chunk| chunk.len()).sum();
        let within = self.chunks.get(chunk);
        before + within.map_or(0, |chunk| chunk.partition_point(|item| item.key < key))
    }

    fn items_from(&self, from: usize) -> impl Iterator<Item = &Item> {
        let mut before = 0;
        let passed = self.chunks.iter().take_while(|chunk| {
            let passed = before + chunk.len() <= from;
            before += if passed { chunk.len() } else { 0 };
            passed
        });
        let passed = passed.count();
        let rest = self.chunks.iter().skip(passed);
        rest.flat_map(|chunk| chunk.iter()).skip(from - before)
    }

    /// The chunk in which this is, or would be.
    fn chunk_of(&self, key: &Key) -> usize {
        let begins = |chunk: &Arc<Vec<Item>>| chunk.first().is_some_and(|item| item.key <= *key);
        self.chunks.partition_point(begins).saturating_sub(1)
    }

    /// Adds one more holder of something. Says if it is the first.
    fn hold(&mut self, key: Key, what: &Retained) -> bool {
        let number = self.chunk_of(&key);
        let Some(chunk) = self.chunks.get_mut(number) else {
            self.chunks.push(Arc::new(vec![Item::new(key, what)]));
            self.len = 1;
            return true;
        };
        let chunk = Arc::make_mut(chunk);
        match chunk.binary_search_by_key(&key, |item| item.key) {
            Ok(place) => {
                chunk[place].holders += 1;
                return false;
            }
            Err(place) => chunk.insert(place, Item::new(key, what)),
        }
        self.len += 1;
        if chunk.len() > CHUNK {
            // Most of what comes is new, so the last chunk is better left full than halved.
            let at = match number + 1 == self.chunks.len() {
                true => CHUNK,
                false => CHUNK / 2,
            };
            let rest = Arc::make_mut(&mut self.chunks[number]).split_off(at);
            self.chunks.insert(number + 1, Arc::new(rest));
        }
        true
    }

    /// Takes one holder away. Says if it was the last.
    fn release(&mut self, key: &Key) -> bool {
        let number = self.chunk_of(key);
        let Some(chunk) = self.chunks.get_mut(number) else {
            return false;
        };
        let Ok(place) = chunk.binary_search_by_key(key, |item| item.key) else {
            return false;
        };
        let chunk = Arc::make_mut(chunk);
        chunk[place].holders -= 1;
        if chunk[place].holders > 0 {
            return false;
        }
        chunk.remove(place);
        self.len -= 1;
        self.join_with_next(number);
        true
    }

    /// Joins a chunk of which little is left with the one behind it.
    fn join_with_next(&mut self, number: usize) {
        let len = |number: usize| self.chunks.get(number).map(|chunk| chunk.len());
        match (len(number), len(number + 1)) {
            (Some(0), _) => {
                self.chunks.remove(number);
            }
            (Some(one), Some(next)) if one + next <= CHUNK / 2 => {
                let next = self.chunks.remove(number + 1);
                Arc::make_mut(&mut self.chunks[number]).extend(next.iter().cloned());
            }
            _ => {}
        }
    }
}

impl Item {
    fn new(key: Key, what: &Retained) -> Self {
        Self {
            key,
            what: what.clone(),
            holders: 1,
        }
    }
}

impl RetainedSet {
    pub(super) const fn items(&self) -> &RetainedItems {
        &self.items
    }

    /// The thing whose name begins like this.
    pub(super) fn find(&self, prefix: &Prefix) -> Option<&Retained> {
        let ts = *self.times.get(prefix)?;
        let mut id = [0; 32];
        id[..size_of::<Prefix>()].copy_from_slice(prefix);
        // The first at this time or after it whose name is not below these bytes.
        let chunk = self.items.chunk_of(&(ts, id));
        let near = self.items.chunks.get(chunk..)?.iter().take(2);
        let mut near = near.flat_map(|chunk| chunk.iter());
        let found = near.find(|item| item.key >= (ts, id))?;
        let is_it = found.key.0 == ts && found.key.1.starts_with(prefix);
        is_it.then_some(&found.what)
    }

    pub(super) fn hold(&mut self, what: &Retained) {
        let key = key(what);
        if self.items.hold(key, what) {
            self.times.insert(prefix_of(&key.1), key.0);
        }
    }

    pub(super) fn release(&mut self, what: &Retained) {
        let key = key(what);
        if self.items.release(&key) {
            let prefix = prefix_of(&key.1);
            if self.times.get(&prefix) == Some(&key.0) {
                self.times.remove(&prefix);
            }
        }
    }

    /// Holds what is new in `after`, and releases what is only in `before`.
    pub(super) fn replace(&mut self, before: &[Retained], after: &[Retained]) {
        for new in after.iter().filter(|new| !before.contains(new)) {
            self.hold(new);
        }
        for old in before.iter().filter(|old| !after.contains(old)) {
            self.release(old);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::Payload;
    use super::super::testing::{ka, sign};
    use super::*;

    fn thing(number: u64) -> Retained {
        let key = (number % 3 + 1) as u8;
        Retained::Statement(sign(
            key,
            Payload::Ka(ka(number + 1, number / 4 + 1, true, &[])),
        ))
    }

    /// Keys as they are, and how many hold each.
    type Model = BTreeMap<Key, u32>;

    fn check(items: &RetainedItems, model: &Model) {
        let keys: Vec<Key> = model.keys().copied().collect();
        assert_eq!(items.keys_from(0).collect::<Vec<_>>(), keys);
        assert_eq!(items.len(), keys.len());
        let longest = items.chunks.iter().map(|chunk| chunk.len()).max();
        assert!(longest.is_none_or(|longest| (1..=CHUNK).contains(&longest)));
        for place in [0, 1, keys.len() / 2, keys.len()] {
            assert_eq!(items.keys_from(place).next(), keys.get(place).copied());
            let (ts, id) = keys
                .get(place)
                .copied()
                .unwrap_or((Millis(1 << 50), [0; 32]));
            assert_eq!(items.count_before(ts, id), place.min(keys.len()));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn whatever_comes_and_goes_the_rest_is_in_order(
            steps in prop::collection::vec((0..900u64, 0..5u8), 1..2_000),
        ) {
            let things: Vec<Retained> = (0..900).map(thing).collect();
            let (mut set, mut model) = (RetainedSet::default(), Model::new());
            let mut earlier = Vec::new();
            for (number, (which, what)) in steps.into_iter().enumerate() {
                let item = &things[which as usize];
                let key = key(item);
                match model.get_mut(&key) {
                    Some(holders) if what == 0 => {
                        set.release(item);
                        *holders -= 1;
                        if *holders == 0 {
                            model.remove(&key);
                        }
                    }
                    Some(holders) => {
                        set.hold(item);
                        *holders += 1;
                    }
                    None if what == 0 => set.release(item),
                    None => {
                        set.hold(item);
                        model.insert(key, 1);
                    }
                }
                prop_assert_eq!(set.find(&prefix_of(&key.1)).is_some(), model.contains_key(&key));
                if number % 300 == 0 {
                    earlier.push((set.items().clone(), model.clone()));
                }
            }
            check(set.items(), &model);
            for (items, model) in &earlier {
                check(items, model);
            }
        }
    }

    #[test]
    fn what_comes_in_order_fills_its_chunks_and_what_goes_leaves_none_behind() {
        let things: Vec<Retained> = (0..2_000).map(thing).collect();
        let mut sorted: Vec<&Retained> = things.iter().collect();
        sorted.sort_by_key(|item| key(item));
        let mut set = RetainedSet::default();
        sorted.iter().for_each(|item| set.hold(item));
        assert_eq!(set.items().chunks.len(), 2_000_usize.div_ceil(CHUNK));
        things.iter().for_each(|item| set.release(item));
        assert!(set.items().is_empty() && set.items().chunks.is_empty() && set.times.is_empty());
    }
}

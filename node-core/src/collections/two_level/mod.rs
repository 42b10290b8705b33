//! A B-tree of two levels: sorted chunks in one list. Less code than the standard library's, and
//! enough for what a page holds: a change moves one chunk, and each 32nd or so the list of chunks.

mod convert;
mod entry;
mod iter;
mod set;

use std::borrow::Borrow;
use std::ops::{Bound, RangeBounds};

pub use entry::{Entry, OccupiedEntry, VacantEntry};
pub use iter::{Iter, IterMut};
pub use set::{BTreeSet, Keys};

/// The most entries of a chunk.
const CHUNK: usize = 64;

/// A map in the order of its keys.
#[derive(Clone)]
pub struct BTreeMap<K, V> {
    /// None is empty.
    chunks: Vec<Vec<(K, V)>>,
    len: usize,
}

/// Where an entry is, or would be.
#[derive(Clone, Copy)]
struct Place {
    chunk: usize,
    at: usize,
}

impl<K, V> BTreeMap<K, V> {
    /// An empty map.
    pub const fn new() -> Self {
        Self {
            chunks: Vec::new(),
            len: 0,
        }
    }

    /// The number of entries.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.chunks.clear();
        self.len = 0;
    }

    /// All entries.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter::over(&self.chunks)
    }

    /// All entries, with values that can be changed.
    pub fn iter_mut(&mut self) -> IterMut<'_, K, V> {
        let entries = self.chunks.iter_mut().flatten();
        entries.map(|(key, value)| (&*key, value))
    }

    /// All keys.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> + Clone {
        self.iter().map(|(key, _)| key)
    }

    /// All values, in the order of their keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + Clone {
        self.iter().map(|(_, value)| value)
    }

    /// All values, in the order of their keys, to be changed.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut V> {
        self.iter_mut().map(|(_, value)| value)
    }

    /// The keys, in their order.
    pub fn into_keys(self) -> impl DoubleEndedIterator<Item = K> {
        self.into_iter().map(|(key, _)| key)
    }

    /// The values, in the order of their keys.
    pub fn into_values(self) -> impl DoubleEndedIterator<Item = V> {
        self.into_iter().map(|(_, value)| value)
    }

    /// The entry with the least key.
    pub fn first_key_value(&self) -> Option<(&K, &V)> {
        self.iter().next()
    }

    /// The entry with the greatest key.
    pub fn last_key_value(&self) -> Option<(&K, &V)> {
        self.iter().next_back()
    }

    /// Removes the entry with the least key.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        let place = Place { chunk: 0, at: 0 };
        (!self.is_empty()).then(|| self.remove_at(place))
    }

    /// Removes the entry with the greatest key.
    pub fn pop_last(&mut self) -> Option<(K, V)> {
        let chunk = self.chunks.len().checked_sub(1)?;
        let at = self.chunks[chunk].len() - 1;
        Some(self.remove_at(Place { chunk, at }))
    }

    /// Keeps the entries that hold.
    pub fn retain(&mut self, mut holds: impl FnMut(&K, &mut V) -> bool) {
        for chunk in &mut self.chunks {
            chunk.retain_mut(|(key, value)| holds(key, value));
        }
        self.chunks.retain(|chunk| !chunk.is_empty());
        self.len = self.chunks.iter().map(Vec::len).sum();
    }

    fn insert_at(&mut self, mut place: Place, key: K, value: V) -> Place {
        self.len += 1;
        if self.chunks.is_empty() {
            self.chunks.push(Vec::new());
        }
        let chunk = &mut self.chunks[place.chunk];
        if chunk.len() == CHUNK {
            // What grows at its end keeps full chunks.
            let middle = if place.at == CHUNK {
                CHUNK - 1
            } else {
                CHUNK / 2
            };
            let mut upper = Vec::with_capacity(CHUNK);
            upper.extend(chunk.drain(middle..));
            self.chunks.insert(place.chunk + 1, upper);
            if place.at > middle {
                place = Place {
                    chunk: place.chunk + 1,
                    at: place.at - middle,
                };
            }
        }
        self.chunks[place.chunk].insert(place.at, (key, value));
        place
    }

    fn remove_at(&mut self, Place { chunk, at }: Place) -> (K, V) {
        self.len -= 1;
        let removed = self.chunks[chunk].remove(at);
        let left = self.chunks[chunk].len();
        let next = self.chunks.get(chunk + 1).map_or(CHUNK, Vec::len);
        if left == 0 {
            self.chunks.remove(chunk);
        } else if left + next <= CHUNK / 2 {
            let mut next = self.chunks.remove(chunk + 1);
            self.chunks[chunk].append(&mut next);
        }
        removed
    }
}

impl<K: Ord, V> BTreeMap<K, V> {
    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let Place { chunk, at } = self.find(key).ok()?;
        Some(&self.chunks[chunk][at].1)
    }

    /// The value of a key, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let Place { chunk, at } = self.find(key).ok()?;
        Some(&mut self.chunks[chunk][at].1)
    }

    /// Whether there is such a key.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).is_ok()
    }

    /// Sets the value of a key, and gives the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(Place { chunk, at }) => {
                Some(std::mem::replace(&mut self.chunks[chunk][at].1, value))
            }
            Err(place) => {
                self.insert_at(place, key, value);
                None
            }
        }
    }

    /// Removes a key, and gives the value that it had.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let place = self.find(key).ok()?;
        Some(self.remove_at(place).1)
    }

    /// The entry of a key, there or not.
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        match self.find(&key) {
            Ok(place) => Entry::Occupied(OccupiedEntry { map: self, place }),
            Err(place) => Entry::Vacant(VacantEntry {
                map: self,
                place,
                key,
            }),
        }
    }

    /// The entry with the least key.
    pub fn first_entry(&mut self) -> Option<OccupiedEntry<'_, K, V>> {
        let place = Place { chunk: 0, at: 0 };
        (!self.is_empty()).then_some(OccupiedEntry { map: self, place })
    }

    /// The entries between two keys. None if they are the wrong way round.
    pub fn range<Q: Ord + ?Sized>(&self, range: impl RangeBounds<Q>) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        let start = match range.start_bound() {
            Bound::Unbounded => Place { chunk: 0, at: 0 },
            Bound::Included(key) => self.lower(key, false),
            Bound::Excluded(key) => self.lower(key, true),
        };
        let end = match range.end_bound() {
            Bound::Unbounded => Place {
                chunk: self.chunks.len(),
                at: 0,
            },
            Bound::Included(key) => self.lower(key, true),
            Bound::Excluded(key) => self.lower(key, false),
        };
        if start.chunk > end.chunk {
            return Iter::over(&[]);
        }
        let part = |chunk: usize, from: usize, to: usize| {
            let entries = self.chunks.get(chunk).and_then(|chunk| {
                let to = to.min(chunk.len());
                chunk.get(from..to)
            });
            entries.unwrap_or_default().iter()
        };
        let between = self.chunks.get(start.chunk + 1..end.chunk);
        let within = start.chunk == end.chunk;
        let last = if within { end.at } else { usize::MAX };
        Iter {
            front: part(start.chunk, start.at, last),
            chunks: between.unwrap_or_default().iter(),
            back: match start.chunk < end.chunk {
                true => part(end.chunk, 0, end.at),
                false => [].iter(),
            },
        }
    }

    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<Place, Place>
    where
        K: Borrow<Q>,
    {
        let place = self.lower(key, false);
        let there = self.chunks.get(place.chunk);
        let there = there.and_then(|chunk| chunk.get(place.at));
        match there {
            Some((found, _)) if found.borrow() == key => Ok(place),
            _ => Err(place),
        }
    }

    /// The first place that is not below a key, or above it with `beyond`. At the end of the last
    /// chunk if there is none.
    fn lower<Q: Ord + ?Sized>(&self, key: &Q, beyond: bool) -> Place
    where
        K: Borrow<Q>,
    {
        let below = |(at, _): &(K, V)| {
            let at = at.borrow();
            at < key || (beyond && at == key)
        };
        let chunks = &self.chunks;
        let chunk = chunks.partition_point(|chunk| chunk.last().is_some_and(below));
        let chunk = chunk.min(chunks.len().saturating_sub(1));
        let at = match chunks.get(chunk) {
            Some(entries) => entries.partition_point(below),
            None => 0,
        };
        Place { chunk, at }
    }
}

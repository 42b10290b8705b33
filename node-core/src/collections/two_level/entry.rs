//! The place of one key.

use super::{BTreeMap, Place};

/// The entry of a key.
#[allow(
    missing_debug_implementations,
    reason = "the standard library's needs none here"
)]
pub enum Entry<'a, K, V> {
    /// There is none yet.
    Vacant(VacantEntry<'a, K, V>),
    /// There is one.
    Occupied(OccupiedEntry<'a, K, V>),
}

/// A place for a key that isn't there.
#[allow(missing_debug_implementations, reason = "as above")]
pub struct VacantEntry<'a, K, V> {
    pub(super) map: &'a mut BTreeMap<K, V>,
    pub(super) place: Place,
    pub(super) key: K,
}

/// A key that is there.
#[allow(missing_debug_implementations, reason = "as above")]
pub struct OccupiedEntry<'a, K, V> {
    pub(super) map: &'a mut BTreeMap<K, V>,
    pub(super) place: Place,
}

impl<'a, K, V> Entry<'a, K, V> {
    /// The value, which is put there if there is none.
    pub fn or_insert_with(self, value: impl FnOnce() -> V) -> &'a mut V {
        match self {
            Self::Vacant(entry) => entry.insert(value()),
            Self::Occupied(entry) => entry.into_mut(),
        }
    }

    /// The same, with a value at hand.
    pub fn or_insert(self, value: V) -> &'a mut V {
        self.or_insert_with(|| value)
    }

    /// The same, with the default value.
    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }
}

impl<'a, K, V> VacantEntry<'a, K, V> {
    /// Puts a value there.
    pub fn insert(self, value: V) -> &'a mut V {
        let Place { chunk, at } = self.map.insert_at(self.place, self.key, value);
        &mut self.map.chunks[chunk][at].1
    }
}

impl<'a, K, V> OccupiedEntry<'a, K, V> {
    /// The key.
    pub fn key(&self) -> &K {
        &self.map.chunks[self.place.chunk][self.place.at].0
    }

    /// The value.
    pub fn get(&self) -> &V {
        &self.map.chunks[self.place.chunk][self.place.at].1
    }

    /// The value, to be changed.
    pub fn get_mut(&mut self) -> &mut V {
        &mut self.map.chunks[self.place.chunk][self.place.at].1
    }

    /// The value, to be changed for as long as the map is.
    pub fn into_mut(self) -> &'a mut V {
        &mut self.map.chunks[self.place.chunk][self.place.at].1
    }

    /// Removes it.
    pub fn remove(self) -> V {
        self.map.remove_at(self.place).1
    }
}

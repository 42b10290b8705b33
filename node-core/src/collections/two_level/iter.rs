//! One entry after the other, from both ends.

use std::iter::FusedIterator;
use std::slice;

use super::BTreeMap;

/// Entries of a map, in their order, with values that can be changed.
pub type IterMut<'a, K, V> = std::iter::Map<
    std::iter::Flatten<slice::IterMut<'a, Vec<(K, V)>>>,
    fn(&'a mut (K, V)) -> (&'a K, &'a mut V),
>;

/// Entries of a map, in their order.
#[derive(Debug)]
pub struct Iter<'a, K, V> {
    pub(super) front: slice::Iter<'a, (K, V)>,
    pub(super) chunks: slice::Iter<'a, Vec<(K, V)>>,
    pub(super) back: slice::Iter<'a, (K, V)>,
}

impl<'a, K, V> Iter<'a, K, V> {
    pub(super) fn over(chunks: &'a [Vec<(K, V)>]) -> Self {
        Self {
            front: [].iter(),
            chunks: chunks.iter(),
            back: [].iter(),
        }
    }
}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Self {
            front: self.front.clone(),
            chunks: self.chunks.clone(),
            back: self.back.clone(),
        }
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, value)) = self.front.next() {
                return Some((key, value));
            }
            let next = match self.chunks.next() {
                Some(chunk) => chunk.iter(),
                None => std::mem::take(&mut self.back),
            };
            if next.as_slice().is_empty() {
                return None;
            }
            self.front = next;
        }
    }
}

impl<K, V> DoubleEndedIterator for Iter<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, value)) = self.back.next_back() {
                return Some((key, value));
            }
            let next = match self.chunks.next_back() {
                Some(chunk) => chunk.iter(),
                None => std::mem::take(&mut self.front),
            };
            if next.as_slice().is_empty() {
                return None;
            }
            self.back = next;
        }
    }
}

impl<K, V> FusedIterator for Iter<'_, K, V> {}

impl<K, V> IntoIterator for BTreeMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<Vec<(K, V)>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.chunks.into_iter().flatten()
    }
}

impl<'a, K, V> IntoIterator for &'a BTreeMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, K, V> IntoIterator for &'a mut BTreeMap<K, V> {
    type Item = (&'a K, &'a mut V);
    type IntoIter = IterMut<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

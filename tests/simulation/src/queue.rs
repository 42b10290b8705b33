//! What will happen, by time: idle time costs nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Things that will happen, each at its time (ms of the virtual clock); of one time, in the order
/// in which they were added.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    heap: BinaryHeap<Reverse<Due<T>>>,
    added: u64,
}

#[derive(Debug)]
struct Due<T> {
    key: (u64, u64),
    what: T,
}

impl<T> Queue<T> {
    pub(crate) const fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            added: 0,
        }
    }

    pub(crate) fn add(&mut self, at: u64, what: T) {
        let key = (at, self.added);
        self.added += 1;
        self.heap.push(Reverse(Due { key, what }));
    }

    /// The next thing and its time.
    pub(crate) fn pop(&mut self) -> Option<(u64, T)> {
        self.heap.pop().map(|Reverse(due)| (due.key.0, due.what))
    }
}

impl<T> PartialEq for Due<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<T> Eq for Due<T> {}

impl<T> PartialOrd for Due<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Due<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

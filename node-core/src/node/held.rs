//! A queue that holds news before relaying, as long as holding saves copies.
//!
//! Holding saves a copy when a neighbour gets the news from elsewhere in the meantime. Neighbours
//! that relay nothing save none, however many sessions they have, so the saving is measured and not
//! derived from the number of neighbours.

use std::collections::VecDeque;

use crate::types::Millis;

/// Holding time of a news item.
const TIME: Millis = Millis(12);
/// Fixed-point one: every copy is saved.
const ALL: usize = 1_024;
/// Least saved part of the copies, in units of 1 / [`ALL`], at which holding pays.
const PAYS: usize = ALL / 8;
/// Weight of the moving average: each news item changes it by 1 / `WEIGHT` of the difference.
const WEIGHT: usize = 16;
/// While holding does not pay, one in `SAMPLE` items is held anyway, to measure again.
const SAMPLE: u32 = 64;

/// Held news, oldest first.
#[derive(Debug)]
pub(super) struct Held<T> {
    waiting: VecDeque<Waiting<T>>,
    most: usize,
    /// Moving average of the saved part of the copies, in units of 1 / [`ALL`].
    saved: usize,
    unheld: u32,
}

#[derive(Debug)]
struct Waiting<T> {
    due: Millis,
    news: T,
    /// Number of neighbours that lacked the news when it arrived.
    copies: usize,
}

impl<T> Held<T> {
    /// Creates a queue of at most `most` items; beyond that [`pop`](Self::pop) returns the oldest early.
    pub(super) const fn new(most: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            most,
            saved: ALL,
            unheld: 0,
        }
    }

    /// Returns whether to hold the next news item.
    pub(super) const fn takes_next(&mut self) -> bool {
        if self.saved >= PAYS {
            return true;
        }
        self.unheld += 1;
        let sampled = self.unheld >= SAMPLE;
        if sampled {
            self.unheld = 0;
        }
        sampled
    }

    /// Holds a news item that `copies` neighbours lack now.
    pub(super) fn push(&mut self, news: T, copies: usize, now: Millis) {
        let due = now + TIME;
        self.waiting.push_back(Waiting { due, news, copies });
    }

    /// Returns when the oldest item is due (monotonic).
    pub(super) fn next_due(&self) -> Option<Millis> {
        self.waiting.front().map(|waiting| waiting.due)
    }

    /// Removes the oldest item if it is due or the queue is over its bound; `copies` returns how many
    /// neighbours still lack it.
    pub(super) fn pop(&mut self, now: Millis, copies: impl Fn(&T) -> usize) -> Option<T> {
        let over = self.waiting.len() > self.most;
        let ready = |waiting: &mut Waiting<T>| over || waiting.due <= now;
        let waiting = self.waiting.pop_front_if(ready)?;
        if !over && waiting.copies > 0 {
            let saved = waiting.copies.saturating_sub(copies(&waiting.news));
            let part = saved * ALL / waiting.copies;
            self.saved = (self.saved * (WEIGHT - 1) + part) / WEIGHT;
        }
        Some(waiting.news)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes so many pieces of news, each with 4 copies of which `left` remain; how many waited.
    fn pass(held: &mut Held<u32>, pieces: u32, left: usize) -> u32 {
        let mut waited = 0;
        for number in 0..pieces {
            if held.takes_next() {
                let now = Millis(u64::from(number) * 100);
                held.push(number, 4, now);
                assert_eq!(held.next_due(), Some(now + TIME));
                assert_eq!(held.pop(now + Millis(11), |_| left), None);
                assert_eq!(held.pop(now + TIME, |_| left), Some(number));
                waited += 1;
            }
        }
        waited
    }

    #[test]
    fn news_waits_only_as_long_as_that_saves_copies() {
        let mut held = Held::new(10);
        assert_eq!(pass(&mut held, 1_000, 1), 1_000, "three of four are saved");
        let waited = pass(&mut held, 1_000, 4);
        assert!((30..60).contains(&waited), "none is saved: {waited}");
        assert_eq!(pass(&mut held, 6_400, 4), 100);
        // It is noticed again when neighbours begin to tell each other.
        assert!(pass(&mut held, 1_000, 0) > 800);
    }

    #[test]
    fn more_than_there_is_room_for_makes_the_oldest_go() {
        let mut held = Held::new(2);
        for number in 0..3 {
            held.push(number, 1, Millis(0));
        }
        assert_eq!(held.pop(Millis(0), |_| 1), Some(0));
        assert_eq!(held.pop(Millis(0), |_| 1), None);
    }
}

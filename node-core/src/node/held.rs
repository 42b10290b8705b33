//! News that waits a moment before it is passed on, and whether waiting pays.
//!
//! It pays where neighbours tell each other meanwhile: what they have need not be sent. It does not
//! where the neighbours are strangers who tell nothing, however many they are, so it is measured and
//! not concluded from their number.

use std::collections::VecDeque;

use crate::types::Millis;

/// How long news waits.
const TIME: Millis = Millis(12);
/// All of the copies that there were to send.
const ALL: usize = 1_024;
/// Waiting pays if it saves such a part of the copies.
const PAYS: usize = ALL / 8;
/// What one piece of news counts in the average.
const WEIGHT: usize = 16;
/// While it does not pay, one of so many waits all the same, to see whether it does by now.
const SAMPLE: u32 = 64;

/// News that waits, oldest first.
#[derive(Debug)]
pub(super) struct Held<T> {
    waiting: VecDeque<Waiting<T>>,
    most: usize,
    /// The part of the copies that waiting saves, of [`ALL`].
    saved: usize,
    unheld: u32,
}

#[derive(Debug)]
struct Waiting<T> {
    due: Millis,
    news: T,
    /// Neighbours to be sent a copy when it came.
    copies: usize,
}

impl<T> Held<T> {
    /// Room for so many. More of them makes the oldest go.
    pub(super) const fn new(most: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            most,
            saved: ALL,
            unheld: 0,
        }
    }

    /// Whether the next piece of news is to wait.
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

    /// Keeps news of which so many copies would be sent now.
    pub(super) fn push(&mut self, news: T, copies: usize, now: Millis) {
        let due = now + TIME;
        self.waiting.push_back(Waiting { due, news, copies });
    }

    /// When the first has waited long enough.
    pub(super) fn next_due(&self) -> Option<Millis> {
        self.waiting.front().map(|waiting| waiting.due)
    }

    /// Takes out what has waited long enough, or has no room; `copies` tells how many are to be sent
    /// of it now.
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

//! Numbers and times of this node's own statements.

use crate::types::{Millis, Now};

/// Statements a millisecond for which the first number leaves room.
const PER_MILLISECOND: u64 = 1 << 10;

/// Issues the owner-wide sequence: `n` strictly increases over everything that this key ever
/// signs, `ts` never goes back even if the clock does (consistency rules, section 1).
#[derive(Debug)]
pub(super) struct Sequence {
    last_n: u64,
    last_ts: Millis,
    saved: (u64, Millis),
    /// Numbers that neither the store nor this process knows: above the first, up to the second.
    unknown: (u64, u64),
}

impl Sequence {
    /// A sequence for a process that starts now. Nothing remembers the last number of an earlier
    /// process, so the first one comes from the clock, with room for a thousand statements in
    /// every millisecond that the earlier one can have lived. Stays below 2^53 until the year 2248.
    pub(super) const fn starting(now: Now) -> Self {
        Self {
            last_n: now.wall.0.saturating_mul(PER_MILLISECOND),
            last_ts: Millis::ZERO,
            saved: (0, Millis::ZERO),
            unknown: (0, now.wall.0.saturating_mul(PER_MILLISECOND)),
        }
    }

    /// The number and the time of the next statement.
    pub(super) fn next(&mut self, now: Now) -> (u64, Millis) {
        self.last_n += 1;
        (self.last_n, self.stamp(now))
    }

    /// Makes every further number larger than `n`, which this key has used already, and every
    /// further time not earlier than `ts`.
    pub(super) fn jump_past(&mut self, n: u64, ts: Millis) {
        self.last_n = self.last_n.max(n);
        self.last_ts = self.last_ts.max(ts);
    }

    /// Goes on from where an earlier process was.
    pub(super) fn resume(&mut self, n: u64, ts: Millis) {
        let first = self.last_n.max(n);
        self.last_n = first;
        self.unknown = (n, first);
        self.last_ts = self.last_ts.max(ts);
        self.saved = (n, ts);
    }

    /// Whether neither the store nor this process knows of a statement with this number.
    pub(super) fn is_strange(&self, n: u64) -> bool {
        let (from, to) = self.unknown;
        n > self.last_n || (from < n && n <= to)
    }

    /// The last number and time, if they were used since the last call.
    pub(super) fn take_unsaved(&mut self) -> Option<(u64, Millis)> {
        let last = (self.last_n, self.last_ts);
        let used = self.last_ts > Millis::ZERO && last != self.saved;
        self.saved = last;
        used.then_some(last)
    }

    /// When the last statement was signed.
    pub(super) const fn last_ts(&self) -> Millis {
        self.last_ts
    }

    /// A time for a statement without a number.
    pub(super) fn stamp(&mut self, now: Now) -> Millis {
        self.last_ts = self.last_ts.max(now.wall);
        self.last_ts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(wall: u64) -> Now {
        Now {
            mono: Millis::ZERO,
            wall: Millis(wall),
        }
    }

    #[test]
    fn numbers_grow_and_times_never_go_back() {
        let mut sequence = Sequence::starting(at(1_000));
        let first = sequence.next(at(1_000));
        let second = sequence.next(at(900));
        assert!(second.0 > first.0);
        assert_eq!(second.1, Millis(1_000));
    }

    #[test]
    fn a_later_process_starts_above_every_number_of_an_earlier_one() {
        let mut earlier = Sequence::starting(at(1_795_000_000_000));
        let last = (0..5_000).map(|_| earlier.next(at(0)).0).last().unwrap();
        let mut later = Sequence::starting(at(1_795_000_000_005));
        assert!(later.next(at(0)).0 > last);
        assert!(last < 1 << 53);
    }

    #[test]
    fn numbers_that_an_older_store_does_not_know_are_strange() {
        let mut sequence = Sequence::starting(at(1_000));
        sequence.resume(500, Millis(900));
        let (own, ts) = sequence.next(at(800));
        assert_eq!(ts, Millis(900));
        assert!(!sequence.is_strange(500) && !sequence.is_strange(own));
        assert!(sequence.is_strange(501) && sequence.is_strange(own + 1));
        sequence.jump_past(own + 10, Millis(2_000));
        let (n, ts) = sequence.next(at(1_000));
        assert!(n > own + 10 && ts == Millis(2_000));
    }
}

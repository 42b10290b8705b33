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
}

impl Sequence {
    /// A sequence for a process that starts now. Nothing remembers the last number of an earlier
    /// process, so the first one comes from the clock, with room for a thousand statements in
    /// every millisecond that the earlier one can have lived. Stays below 2^53 until the year 2248.
    pub(super) const fn starting(now: Now) -> Self {
        Self {
            last_n: now.wall.0.saturating_mul(PER_MILLISECOND),
            last_ts: Millis::ZERO,
        }
    }

    /// The number and the time of the next statement.
    pub(super) fn next(&mut self, now: Now) -> (u64, Millis) {
        self.last_n += 1;
        (self.last_n, self.stamp(now))
    }

    /// Makes every further number larger than `n`, which this key has used already.
    pub(super) fn jump_past(&mut self, n: u64) {
        self.last_n = self.last_n.max(n);
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
}

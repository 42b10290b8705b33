//! How much of something is allowed: so much in a second on average, and more of it at once after
//! a pause.

use super::Millis;

/// What a [`Bucket`] allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// On average.
    pub(crate) per_second: u64,
    /// At once, after a pause.
    pub(crate) at_once: u64,
}

/// What is left of an allowance. It can be overdrawn: then it is empty until that is earned again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    rate: Rate,
    /// In thousandths, as of `at`.
    left: i64,
    at: Millis,
}

impl Bucket {
    pub(crate) fn full(rate: Rate, now: Millis) -> Self {
        Self {
            rate,
            left: thousandths(rate.at_once),
            at: now,
        }
    }

    /// With nothing to spend yet.
    pub(crate) const fn empty(rate: Rate, now: Millis) -> Self {
        Self {
            rate,
            left: 0,
            at: now,
        }
    }

    /// Takes `cost` if so much is left; says whether it was.
    pub(crate) fn admit(&mut self, cost: u64, now: Millis) -> bool {
        self.earn(now);
        let admitted = thousandths(cost) <= self.left;
        if admitted {
            self.left -= thousandths(cost);
        }
        admitted
    }

    /// Takes `cost` whatever is left, for what has happened already.
    pub(crate) fn draw(&mut self, cost: u64, now: Millis) {
        self.earn(now);
        self.left = self.left.saturating_sub(thousandths(cost));
    }

    /// If it is overdrawn: when it won't be any more.
    pub(crate) fn overdrawn_until(&self) -> Option<Millis> {
        let owed = u64::try_from(self.left.checked_neg()?).ok()?;
        (owed > 0).then(|| self.at + Millis(owed.div_ceil(self.rate.per_second.max(1))))
    }

    /// Whether nothing of it was used lately.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn is_full(&mut self, now: Millis) -> bool {
        self.earn(now);
        self.left == thousandths(self.rate.at_once)
    }

    fn earn(&mut self, now: Millis) {
        let earned = now.since(self.at).0.saturating_mul(self.rate.per_second);
        let earned = i64::try_from(earned).unwrap_or(i64::MAX);
        let most = thousandths(self.rate.at_once);
        self.left = self.left.saturating_add(earned).min(most);
        self.at = now;
    }
}

fn thousandths(amount: u64) -> i64 {
    i64::try_from(amount.saturating_mul(1_000)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        per_second: 100,
        at_once: 400,
    };

    #[test]
    fn much_is_admitted_at_once_and_no_more_than_so_much_on_average() {
        let mut bucket = Bucket::full(RATE, Millis(0));
        let admitted =
            |bucket: &mut Bucket, now| (0..).take_while(|_| bucket.admit(1, now)).count();
        assert_eq!(admitted(&mut bucket, Millis(10)), 400);
        assert_eq!(admitted(&mut bucket, Millis(10)), 0);
        assert_eq!(admitted(&mut bucket, Millis(1_010)), 100);
        assert_eq!(admitted(&mut bucket, Millis(60_000)), 400);
        assert!(!bucket.admit(401, Millis(600_000)));
    }

    #[test]
    fn what_is_overdrawn_has_to_be_earned_again() {
        let mut bucket = Bucket::full(RATE, Millis(0));
        bucket.draw(400, Millis(0));
        assert_eq!(bucket.overdrawn_until(), None);
        bucket.draw(50, Millis(0));
        assert_eq!(bucket.overdrawn_until(), Some(Millis(500)));
        bucket.draw(1, Millis(100));
        assert_eq!(bucket.overdrawn_until(), Some(Millis(510)));
        bucket.draw(0, Millis(510));
        assert_eq!(bucket.overdrawn_until(), None);
        assert!(!bucket.admit(1, Millis(510)));
    }
}

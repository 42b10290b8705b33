//! How much one peer may ask.

use crate::types::Millis;

/// What a peer that asked for nothing lately may ask for at once.
const MOST: u64 = 400;
/// What it may ask for in a second on average.
const A_SECOND: u64 = 100;

/// What a request costs, by the work that it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::node) enum Cost {
    /// Looking up and sending what is named, or one page, or one owner's orders.
    Lookup = 1,
    /// Going through everything once.
    Comparison = 5,
}

/// What one peer may still ask for.
#[derive(Debug)]
pub(super) struct Allowance {
    /// In thousandths, as of `at`.
    left: u64,
    at: Millis,
}

impl Allowance {
    pub(super) const fn full(now: Millis) -> Self {
        Self {
            left: MOST * 1_000,
            at: now,
        }
    }

    /// Whether one more request of this cost is in order; it is counted then.
    pub(super) fn admit(&mut self, cost: Cost, now: Millis) -> bool {
        let earned = now.since(self.at).0.saturating_mul(A_SECOND);
        self.left = self.left.saturating_add(earned).min(MOST * 1_000);
        self.at = now;
        let cost = cost as u64 * 1_000;
        let admitted = cost <= self.left;
        if admitted {
            self.left -= cost;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_may_ask_in_bursts_and_no_more_than_so_much_on_average() {
        let mut allowance = Allowance::full(Millis(0));
        let mut burst = || {
            (0..)
                .take_while(|_| allowance.admit(Cost::Lookup, Millis(10)))
                .count()
        };
        assert_eq!(burst() as u64, MOST);
        assert_eq!(burst(), 0);
        let second = Millis(1_010);
        let admitted = (0..A_SECOND).filter(|_| allowance.admit(Cost::Comparison, second));
        assert_eq!(admitted.count() as u64, A_SECOND / Cost::Comparison as u64);
    }
}

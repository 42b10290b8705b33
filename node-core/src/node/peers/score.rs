//! A peer's score: what it did well and badly, the older the less it counts.

use super::policy::{Merit, SCORE_HALF_LIFE, SCORE_LIMIT};
use crate::types::{Millis, Now};

/// What is thought of a peer. It halves in every [`SCORE_HALF_LIFE`], so that old faults are
/// forgiven and old merits fade.
#[derive(Clone, Copy, Debug)]
pub(super) struct Score {
    points: i32,
    since: Millis,
}

impl Score {
    pub(super) const fn new(now: Now) -> Self {
        Self {
            points: 0,
            since: now.mono,
        }
    }

    /// What it is now.
    pub(super) fn at(&self, now: Now) -> i32 {
        let halvings = now.mono.since(self.since).0 / SCORE_HALF_LIFE.0;
        // Towards zero, for merits and faults alike.
        self.points / 2i32.saturating_pow(u32::try_from(halvings).unwrap_or(u32::MAX).min(30))
    }

    /// Counts something; returns what it is then.
    pub(super) fn credit(&mut self, merit: Merit, now: Now) -> i32 {
        let halved = self.at(now);
        // Only whole half-lives are taken off, so the rest of the present one must go on.
        let passed = now.mono.since(self.since).0;
        let whole = passed - passed % SCORE_HALF_LIFE.0;
        self.since = self.since + Millis(whole);
        self.points = (halved + merit.points()).clamp(-SCORE_LIMIT, SCORE_LIMIT);
        self.points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: u64) -> Now {
        Now {
            mono: Millis::from_secs(secs),
            wall: Millis::ZERO,
        }
    }

    #[test]
    fn faults_are_forgiven_by_halves_also_while_further_ones_come() {
        let mut score = Score::new(at(0));
        assert_eq!(score.credit(Merit::BadSignature, at(0)), -20);
        assert_eq!(score.credit(Merit::BadSignature, at(599)), -40);
        // It would have been -40 still, were its time set anew by the second.
        assert_eq!(score.at(at(600)), -20);
        assert_eq!(score.credit(Merit::RateExcess, at(700)), -21);
        assert_eq!(score.at(at(1_200)), -10);
        assert_eq!(score.at(at(600_000)), 0);
    }

    #[test]
    fn it_stays_within_bounds() {
        let mut score = Score::new(at(0));
        for _ in 0..1_000 {
            score.credit(Merit::BadSignature, at(0));
        }
        assert_eq!(score.at(at(0)), -SCORE_LIMIT);
        for _ in 0..1_000 {
            score.credit(Merit::Connected, at(0));
        }
        assert_eq!(score.at(at(0)), SCORE_LIMIT);
    }
}

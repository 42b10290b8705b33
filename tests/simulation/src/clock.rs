//! The clocks of one node: they differ from the true time, drift and jump.

use meshbook::types::{Millis, Now};

/// The true time at which every run begins, since the Unix epoch.
const BEGINNING: u64 = 1_795_000_000_000;
/// What the monotonic clock shows when a process starts: its origin has no meaning.
const MONO_START: u64 = 5_000;

/// One node's clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// How far the wall clock is ahead (ms).
    pub(crate) ahead: i64,
    /// How much faster than the truth both clocks go (parts per million).
    pub(crate) drift: i64,
    /// The virtual time at which the process started.
    pub(crate) started: u64,
}

impl Clock {
    /// What the clocks show at the virtual time `at`.
    pub(crate) fn now(&self, at: u64) -> Now {
        let wall = BEGINNING + self.drifted(at);
        Now {
            mono: Millis(MONO_START + self.drifted(at - self.started)),
            wall: Millis(wall.saturating_add_signed(self.ahead)),
        }
    }

    /// The first virtual time at which the monotonic clock shows at least `mono`, not before `at`.
    pub(crate) fn when(&self, mono: Millis, at: u64) -> u64 {
        let mut due = self.started + mono.0.saturating_sub(MONO_START);
        // With a slow clock it comes a little later, and never much.
        while self.now(due.max(at)).mono < mono {
            due = due.max(at) + 1;
        }
        due.max(at)
    }

    fn drifted(&self, passed: u64) -> u64 {
        let passed = i128::from(passed);
        let drifted = passed + passed * i128::from(self.drift) / 1_000_000;
        u64::try_from(drifted).unwrap_or(0)
    }
}

/// The true time of the virtual time `at`, since the Unix epoch: what rogues date by.
pub(crate) const fn truth(at: u64) -> Millis {
    Millis(BEGINNING + at)
}

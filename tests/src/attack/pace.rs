//! So many a second, and no more.

use std::time::{Duration, Instant};

/// Timers are no finer.
const STEP: Duration = Duration::from_millis(1);

/// What was not done in time is made up for as far as this.
const BEHIND: Duration = Duration::from_millis(100);

/// A rate that is kept to on average.
#[derive(Debug)]
pub(super) struct Pace {
    each: Duration,
    next: Instant,
}

impl Pace {
    pub(super) fn of(a_second: u32) -> Self {
        Self {
            each: Duration::from_secs(1) / a_second.max(1),
            next: Instant::now(),
        }
    }

    /// Waits until so many may be done, all of them at once.
    pub(super) async fn take(&mut self, count: usize) {
        let now = Instant::now();
        let ahead = self.next.saturating_duration_since(now);
        if ahead > STEP {
            tokio::time::sleep(ahead).await;
        }
        let earliest = now.checked_sub(BEHIND).unwrap_or(now);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.next = self.next.max(earliest) + self.each * count;
    }
}

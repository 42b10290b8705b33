//! When a source is asked again: soon at first, then more and more seldom.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Pauses between rounds that double from a first one up to a longest one.
#[derive(Debug)]
pub(super) struct Pace {
    first: Duration,
    longest: Duration,
    pause: Duration,
    due: Instant,
}

impl Pace {
    /// The first round is due now.
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            pause: first,
            due: Instant::now(),
        }
    }

    /// Waits until a round is due. Cancel safe.
    pub(super) async fn due(&self) {
        sleep_until(self.due).await;
    }

    /// A round worked: the next one is due after a pause, twice as long as the last one.
    pub(super) fn worked(&mut self) {
        self.due = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(self.longest);
    }

    /// A round is due now, as at first.
    pub(super) fn again(&mut self) {
        *self = Self::new(self.first, self.longest);
    }
}

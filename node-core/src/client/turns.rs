//! How much of the time those who send much have, while others are there.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// While anybody else is there, what is heavy rests for so many times as long as it took.
const REST: u32 = 2;
/// So long after anything else came there is likely to be more.
const BUSY: Duration = Duration::from_millis(100);
/// Shorter rests are taken together: no timer is more exact.
const SHORTEST_REST: Duration = Duration::from_millis(1);

/// Turns at having a batch read and verified. Half of the processors are for everybody else, and
/// while there is somebody, two thirds of the rest.
#[derive(Debug)]
pub(super) struct Turns {
    places: Semaphore,
    count: u32,
    /// No turn begins before then.
    rests_until: Mutex<Instant>,
    /// When anything came that is not heavy.
    others_came: Mutex<Option<Instant>>,
}

/// A turn; it ends when it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    begun: Instant,
    /// Given back last.
    _place: Option<SemaphorePermit<'a>>,
}

impl Turns {
    pub(super) fn of(processors: usize) -> Self {
        let count = (processors / 2).max(1);
        Self {
            places: Semaphore::new(count),
            count: u32::try_from(count).unwrap_or(u32::MAX),
            rests_until: Mutex::new(Instant::now()),
            others_came: Mutex::default(),
        }
    }

    /// Waits for a turn. Cancel safe.
    pub(super) async fn take(&self) -> Turn<'_> {
        // Fails only for a semaphore that was closed, which this one never is.
        let place = self.places.acquire().await.ok();
        loop {
            let until = *self.rests_until.lock();
            if until.saturating_duration_since(Instant::now()) < SHORTEST_REST {
                break;
            }
            sleep_until(until).await;
        }
        Turn {
            turns: self,
            begun: Instant::now(),
            _place: place,
        }
    }

    /// Something came that is not heavy.
    pub(super) fn others_came(&self, now: Instant) {
        *self.others_came.lock() = Some(now);
    }

    /// Whether there is anybody but those who send much.
    pub(super) fn is_busy(&self, now: Instant) -> bool {
        let came = *self.others_came.lock();
        came.is_some_and(|at| now.saturating_duration_since(at) < BUSY)
    }

    /// How long what took so long rests, if anybody else is there.
    pub(super) fn rest(&self, took: Duration, now: Instant) -> Option<Duration> {
        self.is_busy(now).then(|| took * REST)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        if let Some(rest) = self.turns.rest(now - self.begun, now) {
            let mut until = self.turns.rests_until.lock();
            // Each turn's rest is one for all of them.
            *until = (*until).max(now) + rest / self.turns.count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long `count` turns of 10 ms take one after the other.
    async fn time_of(turns: &Turns, count: u32, busy: bool) -> Duration {
        let start = Instant::now();
        for _ in 0..count {
            let turn = turns.take().await;
            tokio::time::advance(Duration::from_millis(10)).await;
            if busy {
                turns.others_came(Instant::now());
            }
            drop(turn);
        }
        drop(turns.take().await);
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_much_has_a_third_of_the_time_that_it_could_have_while_others_are_there() {
        let turns = Turns::of(2);
        assert_eq!(time_of(&turns, 10, false).await, Duration::from_millis(100));
        assert_eq!(time_of(&turns, 10, true).await, Duration::from_millis(300));
        tokio::time::advance(2 * BUSY).await;
        assert_eq!(time_of(&turns, 10, false).await, Duration::from_millis(100));
    }
}

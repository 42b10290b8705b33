//! How much of the time those who send much have, while others are there, and newcomers among them.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep_until};

/// While anybody else is there, what is heavy rests for so many times as long as it took.
const REST: u32 = 2;
/// And what newcomers send: under ever new keys, nobody gets more than a tenth of the time.
const NEWCOMERS_REST: u32 = 9;
/// So long after anything else came there is likely to be more.
const BUSY: Duration = Duration::from_millis(100);
/// Shorter rests are taken together: no timer is more exact.
const SHORTEST_REST: Duration = Duration::from_millis(1);

/// Turns at having a batch read and verified. Half of the processors are for everybody else, and
/// while there is somebody, two thirds of the rest.
#[derive(Debug)]
pub(super) struct Turns {
    everybody: Gate,
    newcomers: Gate,
    /// When anything came that is not heavy.
    others_came: Mutex<Option<Instant>>,
}

/// A turn; it ends when it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    begun: Instant,
    place: Passed<'a>,
    newcomer: Option<Passed<'a>>,
}

/// Lets some through at once, and then nobody for a while.
#[derive(Debug)]
struct Gate {
    places: Semaphore,
    count: u32,
    /// How many times as long as each took.
    rest: u32,
    /// Nobody goes through before then.
    rests_until: Mutex<Instant>,
}

/// Somebody is through; the next may follow when it is dropped.
#[derive(Debug)]
pub(super) struct Passed<'a> {
    gate: &'a Gate,
    /// Given back last.
    _place: Option<SemaphorePermit<'a>>,
}

impl Turns {
    pub(super) fn of(processors: usize) -> Self {
        Self {
            everybody: Gate::of((processors / 2).max(1), REST),
            newcomers: Gate::of(1, NEWCOMERS_REST),
            others_came: Mutex::default(),
        }
    }

    /// What a newcomer waits for before it waits for anything else. Cancel safe.
    pub(super) async fn newcomer(&self) -> Passed<'_> {
        self.newcomers.pass().await
    }

    /// Waits for a turn. Cancel safe.
    pub(super) async fn take<'a>(&'a self, newcomer: Option<Passed<'a>>) -> Turn<'a> {
        let place = self.everybody.pass().await;
        Turn {
            turns: self,
            begun: Instant::now(),
            place,
            newcomer,
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

impl Gate {
    fn of(count: usize, rest: u32) -> Self {
        Self {
            places: Semaphore::new(count),
            count: u32::try_from(count).unwrap_or(u32::MAX),
            rest,
            rests_until: Mutex::new(Instant::now()),
        }
    }

    /// Waits until it opens, behind those who came before. Cancel safe.
    async fn pass(&self) -> Passed<'_> {
        // Fails only for a semaphore that was closed, which this one never is.
        let place = self.places.acquire().await.ok();
        loop {
            let until = *self.rests_until.lock();
            if until.saturating_duration_since(Instant::now()) < SHORTEST_REST {
                break;
            }
            sleep_until(until).await;
        }
        Passed {
            gate: self,
            _place: place,
        }
    }

    /// Somebody who went through took so long.
    fn rest_for(&self, took: Duration, now: Instant) {
        let mut until = self.rests_until.lock();
        // Each one's rest is one for all of them.
        *until = (*until).max(now) + took * self.rest / self.count;
    }
}

impl Turn<'_> {
    /// Does what the turn is for. One message can take some milliseconds: the runtime's other tasks
    /// go on in another thread meanwhile, where it has more than one.
    pub(super) fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        match Handle::current().runtime_flavor() {
            RuntimeFlavor::MultiThread => block_in_place(work),
            _ => work(),
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        if self.turns.is_busy(now) {
            for passed in std::iter::once(&self.place).chain(&self.newcomer) {
                passed.gate.rest_for(now - self.begun, now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long `count` turns of 10 ms take one after the other.
    async fn time_of(turns: &Turns, newcomers: bool, count: u32, busy: bool) -> Duration {
        let start = Instant::now();
        for _ in 0..count {
            let turn = take(turns, newcomers).await;
            tokio::time::advance(Duration::from_millis(10)).await;
            if busy {
                turns.others_came(Instant::now());
            }
            drop(turn);
        }
        drop(take(turns, newcomers).await);
        start.elapsed()
    }

    async fn take(turns: &Turns, newcomer: bool) -> Turn<'_> {
        let newcomer = match newcomer {
            true => Some(turns.newcomer().await),
            false => None,
        };
        turns.take(newcomer).await
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_much_has_a_third_of_the_time_that_it_could_have_while_others_are_there() {
        let turns = Turns::of(2);
        let mut times = Vec::new();
        for busy in [false, true, false] {
            tokio::time::advance(2 * BUSY).await;
            times.push(time_of(&turns, false, 10, busy).await.as_millis());
        }
        assert_eq!(times, [100, 300, 100]);
    }

    #[tokio::test(start_paused = true)]
    async fn newcomers_have_a_tenth_of_it_and_take_it_from_nobody() {
        let turns = Turns::of(2);
        assert_eq!(time_of(&turns, true, 10, true).await.as_millis(), 1_000);
        // They rest for long, and the others don't with them.
        let turn = take(&turns, true).await;
        tokio::time::advance(Duration::from_millis(10)).await;
        turns.others_came(Instant::now());
        drop(turn);
        let next = tokio::join!(
            async {
                let since = Instant::now();
                drop(take(&turns, true).await);
                since.elapsed().as_millis()
            },
            async { time_of(&turns, false, 2, true).await.as_millis() },
        );
        assert_eq!(next, (90, 20 + 60));
    }
}

//! A circuit breaker: who failed often enough is left alone for a while.

use std::time::Duration;

use tokio::time::Instant;

/// Opens after a number of failures in a row. Once its time is over, one try decides whether it
/// closes or stays open for as long again.
#[derive(Debug)]
pub struct CircuitBreaker {
    threshold: u32,
    reset: Duration,
    failures: u32,
    open_until: Option<Instant>,
}

impl CircuitBreaker {
    /// A closed breaker that `threshold` failures in a row open for `reset`.
    #[must_use]
    pub const fn new(threshold: u32, reset: Duration) -> Self {
        Self {
            threshold,
            reset,
            failures: 0,
            open_until: None,
        }
    }

    /// How long it stays open; `None` if a try is allowed now.
    #[must_use]
    pub fn open_for(&self, now: Instant) -> Option<Duration> {
        let left = self.open_until?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// A try went well.
    pub const fn succeeded(&mut self) {
        self.failures = 0;
        self.open_until = None;
    }

    /// A try failed.
    pub fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= self.threshold {
            self.open_until = Some(now + self.reset);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_open_it_and_one_success_closes_it() {
        let reset = Duration::from_secs(30);
        let mut breaker = CircuitBreaker::new(3, reset);
        let start = Instant::now();
        breaker.failed(start);
        breaker.failed(start);
        breaker.succeeded();
        breaker.failed(start);
        breaker.failed(start);
        assert_eq!(breaker.open_for(start), None);
        breaker.failed(start);
        assert_eq!(breaker.open_for(start), Some(reset));
        // Half open: a single failure is enough.
        let later = start + reset;
        assert_eq!(breaker.open_for(later), None);
        breaker.failed(later);
        assert_eq!(breaker.open_for(later), Some(reset));
        breaker.succeeded();
        assert_eq!(breaker.open_for(later), None);
        breaker.failed(later);
        assert_eq!(breaker.open_for(later), None);
    }
}

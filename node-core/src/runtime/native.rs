//! The clocks and the entropy of the operating system.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use thiserror::Error;
use tokio::time::Instant;

use crate::types::{Millis, Now};

/// Reads both clocks. Its monotonic times count from its making, and are only meaningful together
/// with itself. Under tokio's paused time the monotonic clock is tokio's.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock whose monotonic time starts at zero now.
    #[must_use]
    pub fn start() -> Self {
        Self {
            origin: Instant::now(),
        }
    }

    /// Both clocks at this moment.
    #[must_use]
    pub fn now(&self) -> Now {
        Now {
            mono: millis(self.origin.elapsed()),
            wall: wall(),
        }
    }

    /// The instant at which the monotonic clock shows `mono`, for timers.
    #[must_use]
    pub fn instant(&self, mono: Millis) -> Instant {
        // Past what the system can represent, a far day will do: timers are set anew when due.
        let far = Duration::from_secs(365 * 24 * 3600);
        self.origin + Duration::from_millis(mono.0).min(self.origin.elapsed() + far)
    }
}

fn wall() -> Millis {
    // Before 1970 the clock is wrong anyway.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(Millis::ZERO, millis)
}

fn millis(duration: Duration) -> Millis {
    Millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// The operating system has no entropy to give; nothing that needs keys can go on.
#[derive(Debug, Error)]
#[error("the operating system gives no entropy: {0}")]
pub struct EntropyError(#[from] getrandom::Error);

/// 32 bytes fit for keys, from the operating system.
///
/// # Errors
/// [`EntropyError`], on systems that are broken or not yet up.
pub fn entropy() -> Result<[u8; 32], EntropyError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_instant_is_when_the_clock_shows_that_time() {
        let clock = Clock::start();
        tokio::time::sleep_until(clock.instant(Millis(1500))).await;
        assert_eq!(clock.now().mono, Millis(1500));
        let _no_overflow = clock.instant(Millis(u64::MAX));
    }

    #[test]
    fn entropy_does_not_repeat() {
        assert_ne!(entropy().unwrap(), entropy().unwrap());
    }
}

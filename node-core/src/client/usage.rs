//! How much of this machine one peer uses.

use std::time::{Duration, Instant};

/// What a peer may use up without being one that sends much: a tenth of a processor.
const SHARE: u32 = 10;
/// It may use so much ahead of that at once, as when two nodes meet and compare.
const AT_ONCE: Duration = Duration::from_millis(200);

/// What things cost a processor, about. They are counted and not measured: on a busy machine what is
/// measured would be everybody's.
const MESSAGE: Duration = Duration::from_micros(5);
const SIGNATURE: Duration = Duration::from_micros(50);
const KILOBYTE: Duration = Duration::from_micros(5);

/// What one peer used lately.
#[derive(Debug)]
pub(super) struct Usage {
    /// What it used beyond its share, as of `at`.
    owed: Duration,
    at: Instant,
}

impl Usage {
    /// Of a peer that has just come. What it may use ahead has to be earned by a while of little:
    /// who comes again and again under ever new keys would have it each time.
    pub(super) fn new() -> Self {
        Self::new_at(Instant::now())
    }

    const fn new_at(now: Instant) -> Self {
        Self {
            owed: AT_ONCE,
            at: now,
        }
    }

    /// A message came, of so many bytes and signatures.
    pub(super) fn note(&mut self, bytes: usize, signatures: usize) {
        self.note_at(bytes, signatures, Instant::now());
    }

    /// Whether the peer is one of those that send much.
    pub(super) fn is_heavy(&self) -> bool {
        self.is_heavy_at(Instant::now())
    }

    fn note_at(&mut self, bytes: usize, signatures: usize, now: Instant) {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        self.owed = self.owed_at(now)
            + MESSAGE
            + SIGNATURE.saturating_mul(count(signatures))
            + KILOBYTE.saturating_mul(count(bytes / 1024));
        self.at = now;
    }

    fn is_heavy_at(&self, now: Instant) -> bool {
        self.owed_at(now) > AT_ONCE
    }

    fn owed_at(&self, now: Instant) -> Duration {
        let earned = now.saturating_duration_since(self.at) / SHARE;
        self.owed.saturating_sub(earned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sends_much_is_heavy_until_a_pause() {
        let start = Instant::now();
        let mut usage = Usage::new_at(start);
        usage.note_at(1_000, 2_000, start);
        assert!(usage.is_heavy_at(start), "a newcomer");
        for second in 2..100 {
            let now = start + Duration::from_secs(second);
            usage.note_at(100_000, 1_000, now);
            assert!(!usage.is_heavy_at(now), "a thousand signatures a second");
        }
        let now = start + Duration::from_secs(100);
        usage.note_at(1_000, 5_000, now);
        assert!(usage.is_heavy_at(now));
        assert!(usage.is_heavy_at(now + Duration::from_millis(400)));
        assert!(!usage.is_heavy_at(now + Duration::from_secs(3)));
    }
}

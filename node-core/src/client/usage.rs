//! How much of this machine one peer uses.

use std::time::{Duration, Instant};

use crate::protocol::Message;

/// What a peer may use up without being one that sends much: a tenth of a processor.
const SHARE: u32 = 10;
/// It may use so much ahead of that at once, as when two nodes meet and compare.
const AT_ONCE: Duration = Duration::from_millis(200);
/// Who has just come has used so much beyond that, as it were: two seconds' share.
const ON_COMING: Duration = Duration::from_millis(200);

/// What of one peer is handed on together by the lane for everybody costs no more than this.
pub(super) const LIGHT_BATCH: Duration = Duration::from_millis(10);

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
    /// It came by itself, and has neither been light yet nor shown that what it says holds.
    is_new: bool,
}

/// How a peer is treated for what it used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Light,
    /// It waits for everybody who is light.
    Heavy,
    /// It waits for its turn among those who are new besides.
    Newcomer,
}

impl Usage {
    /// Of a peer that this node came to. What it may use ahead has to be earned by a while of little.
    pub(super) fn of_dialed() -> Self {
        Self::new_at(AT_ONCE, false, Instant::now())
    }

    /// Of a peer that came by itself. Two seconds of little come first: who comes again and again under
    /// ever new keys would be light each time.
    pub(super) fn of_newcomer() -> Self {
        Self::new_at(AT_ONCE + ON_COMING, true, Instant::now())
    }

    const fn new_at(owed: Duration, is_new: bool, now: Instant) -> Self {
        let at = now;
        Self { owed, at, is_new }
    }

    /// The peer uses so much.
    pub(super) fn note(&mut self, cost: Duration) {
        self.note_at(cost, Instant::now());
    }

    /// How the peer is treated now; `proven` if much of what it said has held. Who was light or proven
    /// once is never new again.
    pub(super) fn standing(&mut self, proven: bool) -> Standing {
        self.standing_at(proven, Instant::now())
    }

    fn standing_at(&mut self, proven: bool, now: Instant) -> Standing {
        let heavy = self.is_heavy_at(now);
        self.is_new &= heavy && !proven;
        match (heavy, self.is_new) {
            (false, _) => Standing::Light,
            (true, false) => Standing::Heavy,
            (true, true) => Standing::Newcomer,
        }
    }

    fn note_at(&mut self, cost: Duration, now: Instant) {
        self.owed = self.owed_at(now) + cost;
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

/// What a message of so many bytes and signatures costs, about.
pub(super) fn cost(message: &Message, bytes: usize, signatures: usize) -> Duration {
    MESSAGE + each(SIGNATURE, signatures) + each(KILOBYTE, bytes / 1024) + work(message)
}

fn each(cost: Duration, count: usize) -> Duration {
    cost.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
}

/// What answering a message costs, about, or passing on what it tells.
fn work(message: &Message) -> Duration {
    const ALL: Duration = Duration::from_millis(1);
    const ITEM: Duration = Duration::from_micros(1);
    match message {
        // They go through all that there is, or a page of it.
        Message::Recon(_)
        | Message::ReconAnswer(_)
        | Message::Book(_)
        | Message::OrderbookSyncRequest => ALL,
        Message::Have(prefixes) => each(ITEM, prefixes.len()),
        Message::Want(prefixes) => each(5 * ITEM, prefixes.len()),
        Message::Get(get) => ALL / 5 + each(ITEM, get.have.len()),
        Message::State(state) => ALL / 5 + each(ITEM, state.list.as_ref().map_or(0, Vec::len)),
        Message::PeerExchange(entries) => each(20 * ITEM, entries.len()),
        Message::PeerExchangeRequest => ALL / 5,
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_by_itself_is_a_newcomer_for_two_seconds_or_until_it_is_proven() {
        let start = Instant::now();
        let after = |usage: &mut Usage, time, proven| {
            usage.standing_at(proven, start + Duration::from_millis(time))
        };
        let newcomer = || Usage::new_at(AT_ONCE + ON_COMING, true, start);
        let mut quiet = newcomer();
        assert_eq!(after(&mut quiet, 1_990, false), Standing::Newcomer);
        assert_eq!(after(&mut quiet, 2_000, false), Standing::Light);
        quiet.note_at(each(SIGNATURE, 10_000), start + Duration::from_secs(3));
        assert_eq!(after(&mut quiet, 3_000, false), Standing::Heavy);
        let mut proven = newcomer();
        assert_eq!(after(&mut proven, 100, true), Standing::Heavy);
        assert_eq!(after(&mut proven, 200, false), Standing::Heavy);
        let mut dialed = Usage::new_at(AT_ONCE, false, start);
        assert_eq!(after(&mut dialed, 0, false), Standing::Light);
        dialed.note_at(each(SIGNATURE, 10), start);
        assert_eq!(after(&mut dialed, 0, false), Standing::Heavy);
    }

    #[test]
    fn who_sends_much_is_heavy_until_a_pause() {
        let start = Instant::now();
        let mut usage = Usage::new_at(AT_ONCE, false, start);
        usage.note_at(each(SIGNATURE, 2_000), start);
        assert!(usage.is_heavy_at(start), "who says much at once");
        for second in 2..100 {
            let now = start + Duration::from_secs(second);
            usage.note_at(each(SIGNATURE, 1_000), now);
            assert!(!usage.is_heavy_at(now), "a thousand signatures a second");
        }
        let now = start + Duration::from_secs(100);
        usage.note_at(each(SIGNATURE, 5_000), now);
        assert!(usage.is_heavy_at(now));
        assert!(usage.is_heavy_at(now + Duration::from_millis(400)));
        assert!(!usage.is_heavy_at(now + Duration::from_secs(3)));
    }
}

//! How often one line may come. Peers and other strangers cause most lines, so no line at all is
//! written faster, whatever it says.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Lines of one place in the code: in a second on average, and at once after a pause.
const LINES_PER_SECOND: u32 = 10;
const LINES_AT_ONCE: u32 = 200;
/// The same of `debug` and `trace`, which whoever looks for a fault asks for.
const DETAILS_PER_SECOND: u32 = 200;
const DETAILS_AT_ONCE: u32 = 4000;
/// How often lines that were left out are told of.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// Allowances of the places in the code that log; there are as many as those.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    allowances: HashMap<Identifier, Allowance>,
    left_out: u64,
    reported: Option<Instant>,
}

#[derive(Debug)]
struct Allowance {
    metadata: &'static Metadata<'static>,
    /// Lines that may come now.
    left: u32,
    /// When the last one was earned.
    at: Instant,
    /// Lines that were left out and are not told of yet.
    left_out: u64,
}

impl Allowance {
    fn admit(&mut self, now: Instant) -> bool {
        let (per_second, at_once) = match *self.metadata.level() {
            Level::DEBUG | Level::TRACE => (DETAILS_PER_SECOND, DETAILS_AT_ONCE),
            _ => (LINES_PER_SECOND, LINES_AT_ONCE),
        };
        let each = Duration::from_secs(1) / per_second;
        let passed = now.saturating_duration_since(self.at);
        let earned = passed.as_nanos() / each.as_nanos();
        let earned = u32::try_from(earned).unwrap_or(u32::MAX).min(at_once);
        if earned > 0 {
            self.left = self.left.saturating_add(earned).min(at_once);
            self.at = match self.left == at_once {
                true => now,
                false => self.at + each * earned,
            };
        }
        let admitted = self.left > 0;
        self.left = self.left.saturating_sub(1);
        self.left_out += u64::from(!admitted);
        admitted
    }
}

impl Pace {
    fn lock(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lines that were left out in all.
    pub(super) fn left_out(&self) -> u64 {
        self.lock().left_out
    }

    fn admit(&self, metadata: &'static Metadata<'static>, now: Instant) -> bool {
        let mut places = self.lock();
        let allowance = places
            .allowances
            .entry(metadata.callsite())
            .or_insert_with(|| Allowance {
                metadata,
                left: match *metadata.level() {
                    Level::DEBUG | Level::TRACE => DETAILS_AT_ONCE,
                    _ => LINES_AT_ONCE,
                },
                at: now,
                left_out: 0,
            });
        let admitted = allowance.admit(now);
        places.left_out += u64::from(!admitted);
        admitted
    }

    /// The places whose lines were left out lately, each with how many; none where it was told lately.
    fn take_left_out(&self, now: Instant) -> Vec<(&'static Metadata<'static>, u64)> {
        let mut places = self.lock();
        let recent = |at: Instant| now.saturating_duration_since(at) < REPORT_INTERVAL;
        if places.reported.is_some_and(recent) {
            return Vec::new();
        }
        let taken = places.allowances.values_mut().filter_map(|allowance| {
            let left_out = std::mem::take(&mut allowance.left_out);
            (left_out > 0).then_some((allowance.metadata, left_out))
        });
        let taken: Vec<_> = taken.collect();
        if !taken.is_empty() {
            places.reported = Some(now);
        }
        taken
    }

    /// Logs how many lines were left out, and where they would have come from.
    pub(super) fn report(&self) {
        for (metadata, left_out) in self.take_left_out(Instant::now()) {
            let module = metadata.module_path().unwrap_or_default();
            let line = metadata.line().unwrap_or_default();
            tracing::warn!(left_out, module, line, "log lines came too fast");
        }
    }
}

/// Formats what comes no faster than the pace, and nothing of the rest. Not a filter: one that refuses an
/// event by what came before leaves `tracing-subscriber` in the midst of its filtering.
pub(super) struct Paced<F> {
    format: F,
    pace: Arc<Pace>,
}

impl<F> Paced<F> {
    pub(super) const fn new(format: F, pace: Arc<Pace>) -> Self {
        Self { format, pace }
    }
}

impl<S, N, F> FormatEvent<S, N> for Paced<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if !self.pace.admit(event.metadata(), Instant::now()) {
            return Ok(());
        }
        self.format.format_event(context, writer, event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> &'static Metadata<'static> {
        let metadata = || tracing::info_span!("a test's line").metadata();
        tracing::subscriber::with_default(tracing_subscriber::registry(), metadata).unwrap()
    }

    #[test]
    fn a_line_comes_no_faster_than_its_pace_and_what_is_left_out_is_told() {
        let (pace, place, start) = (Pace::default(), place(), Instant::now());
        let admitted = |from: u64, until: u64| -> usize {
            let at = |milliseconds| start + Duration::from_millis(milliseconds);
            (from..until)
                .filter(|ms| pace.admit(place, at(*ms)))
                .count()
        };
        // 1,000 a second for 10 s.
        let first = admitted(0, 10_000);
        let allowed = (LINES_AT_ONCE + 10 * LINES_PER_SECOND) as usize;
        assert!((allowed - 1..=allowed).contains(&first), "{first}");
        assert_eq!(pace.left_out(), 10_000 - first as u64);
        let now = start + Duration::from_secs(10);
        let told: Vec<u64> = pace.take_left_out(now).iter().map(|(_, n)| *n).collect();
        assert_eq!(told, [10_000 - first as u64]);
        admitted(10_000, 11_000);
        assert!(pace.take_left_out(now).is_empty(), "told lately");
        assert_eq!(pace.take_left_out(now + REPORT_INTERVAL).len(), 1);
        // After a pause there may be many again.
        let again = admitted(100_000, 100_000 + u64::from(LINES_AT_ONCE));
        assert_eq!(again, LINES_AT_ONCE as usize);
    }
}

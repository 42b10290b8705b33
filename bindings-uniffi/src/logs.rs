//! What the node says, pulled like its events: a foreign logger is never called from its threads.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use meshbook::types::Printable;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

/// How many records wait at most; further ones are dropped and counted.
pub const LOG_RECORDS: usize = 4096;

/// The most records that are given at once.
pub const LOG_BATCH: usize = 256;

/// How much a record matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum LogLevel {
    /// As a limit: nothing is logged.
    Off,
    /// What failed.
    Error,
    /// What may need a hand.
    Warn,
    /// What an operator wants to know.
    Info,
    /// What helps to find a fault.
    Debug,
    /// Everything.
    Trace,
}

/// One thing that was said.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct LogRecord {
    /// How much it matters.
    pub level: LogLevel,
    /// Which module said it: `meshbook::client::driver`.
    pub target: String,
    /// What it said.
    pub message: String,
    /// About what.
    pub fields: Vec<LogField>,
    /// When (ms since 1970).
    pub timestamp: u64,
}

/// A value that a record is about.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct LogField {
    /// Its name.
    pub name: String,
    /// Its value as text.
    pub value: String,
}

/// The log of all nodes of this process.
#[derive(Clone, Debug, uniffi::Object)]
pub struct Logs {
    queue: Arc<Queue>,
}

#[derive(Debug)]
struct Queue {
    level: AtomicU8,
    waiting: Mutex<Waiting>,
    ready: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    records: VecDeque<LogRecord>,
    dropped: u64,
    woken: bool,
}

static QUEUE: OnceLock<Arc<Queue>> = OnceLock::new();

#[uniffi::export]
impl Logs {
    /// The log, of which there is one a process. It begins with the level `Off`. Where a Rust
    /// program has its own subscriber already, that one keeps all records.
    #[uniffi::constructor]
    #[expect(
        clippy::new_without_default,
        reason = "it is made by other languages only"
    )]
    pub fn new() -> Self {
        let queue = QUEUE.get_or_init(|| {
            let queue = Arc::new(Queue {
                level: AtomicU8::new(LogLevel::Off as u8),
                waiting: Mutex::default(),
                ready: Condvar::new(),
            });
            let bridge = tracing_subscriber::registry().with(Bridge(Arc::clone(&queue)));
            // Fails only where there is another one.
            let _ = tracing::subscriber::set_global_default(bridge);
            queue
        });
        Self {
            queue: Arc::clone(queue),
        }
    }

    /// Takes records of this level and above from now on. What is below costs nothing.
    pub fn set_level(&self, level: LogLevel) {
        if self.queue.level.swap(level as u8, Ordering::Relaxed) != level as u8 {
            tracing::callsite::rebuild_interest_cache();
        }
    }

    /// Waits for records, at most so many milliseconds, and gives at most [`LOG_BATCH`]. For a
    /// thread that does nothing else.
    pub fn wait(&self, timeout: u32) -> Vec<LogRecord> {
        let waiting = self.queue.lock();
        let timeout = Duration::from_millis(timeout.into());
        let idle = |waiting: &mut Waiting| waiting.records.is_empty() && !waiting.woken;
        let waited = self.queue.ready.wait_timeout_while(waiting, timeout, idle);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        waiting.woken = false;
        let count = waiting.records.len().min(LOG_BATCH);
        waiting.records.drain(..count).collect()
    }

    /// Ends the `wait` that is under way, or else the next one.
    pub fn wake(&self) {
        self.queue.lock().woken = true;
        self.queue.ready.notify_all();
    }

    /// How many records were dropped since the last call, because nobody took them.
    pub fn take_dropped(&self) -> u64 {
        std::mem::take(&mut self.queue.lock().dropped)
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The most that is taken of what `target` says. Libraries below the exchange speak from
    /// `Warn` on.
    fn limit(&self, target: &str) -> LevelFilter {
        let level = match self.level.load(Ordering::Relaxed) {
            0 => LevelFilter::OFF,
            1 => LevelFilter::ERROR,
            2 => LevelFilter::WARN,
            3 => LevelFilter::INFO,
            4 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        };
        match target.starts_with("meshbook") {
            true => level,
            false => level.min(LevelFilter::WARN),
        }
    }
}

/// Puts what is said into the queue.
struct Bridge(Arc<Queue>);

impl<S: Subscriber> Layer<S> for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= self.0.limit(metadata.target())
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut text = Text::default();
        event.record(&mut text);
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let timestamp = since.map_or(0, |since| since.as_millis() as u64);
        let record = LogRecord {
            level: level_of(metadata.level()),
            target: metadata.target().to_owned(),
            message: text.message,
            fields: text.fields,
            timestamp,
        };
        let mut waiting = self.0.lock();
        if waiting.records.len() < LOG_RECORDS {
            waiting.records.push_back(record);
            self.0.ready.notify_one();
        } else {
            waiting.dropped += 1;
        }
    }
}

fn level_of(level: &tracing::Level) -> LogLevel {
    match *level {
        tracing::Level::ERROR => LogLevel::Error,
        tracing::Level::WARN => LogLevel::Warn,
        tracing::Level::INFO => LogLevel::Info,
        tracing::Level::DEBUG => LogLevel::Debug,
        tracing::Level::TRACE => LogLevel::Trace,
    }
}

/// Reads an event's message and fields.
#[derive(Default)]
struct Text {
    message: String,
    fields: Vec<LogField>,
}

impl Text {
    /// Takes a value, in which peers may have chosen the text.
    fn take(&mut self, field: &Field, value: &str) {
        let value = Printable(value).to_string();
        match field.name() {
            "message" => self.message = value,
            name => self.fields.push(LogField {
                name: name.to_owned(),
                value,
            }),
        }
    }
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_waits_in_order_up_to_a_bound_and_what_is_below_the_level_does_not() {
        let logs = Logs::new();
        tracing::error!("not asked for");
        logs.set_level(LogLevel::Info);
        tracing::info!(target: "meshbook::here", node = %"a", "started");
        tracing::debug!(target: "meshbook::here", "below");
        tracing::info!(target: "elsewhere", "below");
        tracing::warn!(target: "elsewhere", "taken");
        let texts = |records: &[LogRecord]| {
            let show = |r: &LogRecord| {
                format!(
                    "{:?} {} {} {:?}",
                    r.level,
                    r.target,
                    r.message,
                    r.fields.len()
                )
            };
            records.iter().map(show).collect::<Vec<_>>()
        };
        let expected = ["Info meshbook::here started 1", "Warn elsewhere taken 0"];
        assert_eq!(texts(&logs.wait(0)), expected);
        for _ in 0..LOG_RECORDS + 3 {
            tracing::error!("again");
        }
        assert_eq!(logs.take_dropped(), 3);
        assert_eq!(logs.wait(0).len(), LOG_BATCH);
        while !logs.wait(0).is_empty() {}
        tracing::error!(target: "meshbook::here", name = "a\nb\u{202e}", "c\u{1b}[2J");
        let record = logs.wait(0).remove(0);
        assert_eq!(record.message, "c\\u{1b}[2J");
        assert_eq!(record.fields[0].value, "a\\nb\\u{202e}");
        logs.set_level(LogLevel::Off);
        tracing::error!("not asked for");
        while !logs.wait(0).is_empty() {}
        // A wake that comes first is not lost.
        logs.wake();
        assert!(logs.wait(u32::MAX).is_empty());
    }
}

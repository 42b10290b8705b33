//! Logs to stderr, for people or for programs. Logging never waits for whoever reads stderr, no line
//! drives a terminal, and no line comes so often that it buries the others.

mod line;
mod pace;
mod queue;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal};
use std::panic::PanicHookInfo;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use meshbook::client::{LogFormat, LogLevel};
use tracing::field::Field;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{self, Writer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use line::Style;
pub(crate) use line::json as escape_json;
use pace::{Pace, Paced};
use queue::{LineWriter, Queue};

/// The queue and the pace of this process, once logging is started.
static STARTED: OnceLock<(Arc<Queue>, Arc<Pace>)> = OnceLock::new();

/// How long a thread that panics waits until that is written.
const PANIC_TIME: Duration = Duration::from_millis(200);

const fn filter_of(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Trace => LevelFilter::TRACE,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error | LogLevel::Fatal => LevelFilter::ERROR,
    }
}

/// Starts logging for the whole process. Libraries below the exchange speak from `warn` on.
///
/// # Errors
/// Where logging was started before.
pub fn start(level: LogLevel, log_format: LogFormat) -> Result<(), TryInitError> {
    let level = filter_of(level);
    let targets = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("meshbook", level);
    let (queue, pace) = (Arc::new(Queue::default()), Arc::new(Pace::default()));
    let writer = |style| LineWriter::new(Arc::clone(&queue), style);
    let layer = match log_format {
        LogFormat::Json => {
            let layer = tracing_subscriber::fmt::layer().json().flatten_event(true);
            let layer = layer.map_event_format(|format| Paced::new(format, Arc::clone(&pace)));
            layer.with_writer(writer(Style::Json)).boxed()
        }
        LogFormat::Human => {
            let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            let style = match colour {
                true => Style::Colour,
                false => Style::Plain,
            };
            let layer = tracing_subscriber::fmt::layer().with_ansi(colour);
            let layer = layer.map_event_format(|format| Paced::new(format, Arc::clone(&pace)));
            let fields = format::debug_fn(write_field).delimited(" ");
            layer.fmt_fields(fields).with_writer(writer(style)).boxed()
        }
    };
    let layers = tracing_subscriber::registry().with(layer.with_filter(targets));
    layers.try_init()?;
    if STARTED.set((Arc::clone(&queue), Arc::clone(&pace))).is_ok() {
        std::panic::set_hook(Box::new(move |panic| tell_panic(panic, log_format)));
        queue::spawn(queue, pace);
    }
    Ok(())
}

/// Writes a panic's message in its turn: the standard hook would wait for whoever reads stderr, and with
/// it every other thread that panics.
fn tell_panic(panic: &PanicHookInfo<'_>, format: LogFormat) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("<unnamed>");
    let mut message = format!("thread '{name}' {panic}").replace('\n', " ");
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        message = format!("{message}\n{backtrace}");
    }
    let text = match format {
        LogFormat::Human => format!("{message}\n"),
        LogFormat::Json => {
            let line = serde_json::json!({ "level": "ERROR", "message": message });
            format!("{line}\n")
        }
    };
    // The process may be about to end.
    if note(&text).is_none() {
        flush(PANIC_TIME);
    }
}

/// Writes a field so that nothing in its value ends the line or drives the terminal. Here, before the
/// line has colours of its own.
fn write_field(
    writer: &mut Writer<'_>,
    field: &Field,
    value: &dyn std::fmt::Debug,
) -> std::fmt::Result {
    let value = format!("{value:?}");
    let value = meshbook::types::Printable(&value);
    match field.name() {
        "message" => write!(writer, "{value}"),
        name => write!(writer, "{name}={value}"),
    }
}

/// Log lines that were left out since logging was started, by the reason.
pub(crate) fn left_out() -> [(&'static str, u64); 2] {
    let (unread, rate) = STARTED
        .get()
        .map_or((0, 0), |(queue, pace)| (queue.lost(), pace.left_out()));
    [("unread", unread), ("rate", rate)]
}

/// Writes lines for people where logging is started, in their turn. Otherwise gives them back.
pub(crate) fn note(text: &str) -> Option<&str> {
    let Some((queue, _)) = STARTED.get() else {
        return Some(text);
    };
    queue.push(text.as_bytes().to_vec());
    None
}

/// Waits until what was logged is written, at most for `limit`.
pub fn flush(limit: Duration) {
    if let Some((queue, _)) = STARTED.get() {
        queue.flush(limit);
    }
}

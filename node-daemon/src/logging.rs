//! Logs to stderr, for people or for programs.

use std::io::{self, IsTerminal};

use meshbook::client::{LogFormat, LogLevel};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

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
pub fn start(level: LogLevel, format: LogFormat) -> Result<(), TryInitError> {
    let level = filter_of(level);
    let filter = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("meshbook", level);
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let layer = match format {
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
        LogFormat::Human => {
            let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            layer.with_ansi(colour).boxed()
        }
    };
    let layers = tracing_subscriber::registry().with(layer.with_filter(filter));
    layers.try_init()
}

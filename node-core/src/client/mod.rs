//! `ExchangeClient`: the async facade, its configuration and its events.

mod config;

pub use config::{Config, ConfigBuilder, ConfigError, LogFormat, LogLevel, well_known_nodes};

//! Settings: one table of names, read from options, the environment and a file.

mod builder;
mod env;
mod file;
mod settings;
mod table;
mod text;

pub use builder::ConfigBuilder;
pub use file::ConfigError;
#[cfg(feature = "fuzzing")]
pub(crate) use file::fuzzing;
pub use settings::{Config, LogFormat, LogLevel, well_known_nodes};

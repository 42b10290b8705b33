//! The command `meshbook` as a library, for programs that bring it along: the package for Node.js
//! runs it in its own process.

mod cli;
mod commands;
mod control;
mod demo;
mod env_file;
mod export;
mod failure;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod grape;
mod history;
mod http;
mod logging;
mod metrics;
mod output;
#[cfg(feature = "page")]
mod page;
mod run;
mod signals;
mod watch;
mod when;

pub use env_file::env_file;
pub use logging::{flush as flush_logs, start as start_logging};

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

/// The time limit for writing the last lines of the log at the end.
const LAST_LINES: Duration = Duration::from_millis(500);

/// What differs where the command runs inside of another program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Whether a node without a setting `EMBEDDED_GRAPE` runs a Grape. A port that such a Grape
    /// can't have is told and is no reason not to run: nobody asked for it.
    pub embedded_grape: bool,
}

/// Runs a command line to its end, prints what there is to say, and gives the exit code. The first
/// argument is the name of the program.
///
/// A node runs until a signal ends it, and its logs are those of the whole process. May be called
/// on any thread, outside a tokio runtime.
#[must_use]
pub fn run_command(args: impl IntoIterator<Item = OsString>, defaults: Defaults) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match cli::parse(&args) {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    let json = cli.json;
    let exit = match commands::dispatch(cli, defaults) {
        Ok(()) => 0,
        Err(failure) => failure.report(json),
    };
    flush_logs(LAST_LINES);
    exit
}

/// Reads the settings in `.env` of the current folder into the environment, where they set nothing that
/// is set already; then runs this process's command line. Must be called while there is one thread.
#[must_use]
pub fn main() -> ExitCode {
    let loaded = cli::load_env_file();
    let args: Vec<OsString> = std::env::args_os().collect();
    ExitCode::from(match loaded {
        Ok(()) => run_command(args, Defaults::default()),
        Err(failure) => match cli::parse(&args) {
            Ok(cli) => failure.report(cli.json),
            Err(exit) => exit,
        },
    })
}

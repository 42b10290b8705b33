//! The command `meshbook`: runs a node of the exchange, and talks to a running one.

mod cli;
mod commands;
mod control;
mod demo;
mod export;
mod failure;
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

use std::process::ExitCode;

fn main() -> ExitCode {
    // First of all, while there is one thread: this sets variables of the process.
    let env_file = cli::load_env_file();
    let cli = match cli::parse() {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    let json = cli.json;
    match env_file.and_then(|()| commands::dispatch(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(json),
    }
}

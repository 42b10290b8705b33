//! `cargo xtask bench engine`: builds and runs the bench target `engine`.

use std::process::{Command, ExitCode};

use clap::Args;

/// All arguments are the bench target's own.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct EngineArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl EngineArgs {
    pub(super) fn run(&self) -> ExitCode {
        let status = Command::new(env!("CARGO"))
            .args([
                "bench",
                "--quiet",
                "--package",
                "xtask",
                "--bench",
                "engine",
                "--",
            ])
            .args(&self.args)
            .status();
        match status {
            Ok(status) if status.success() => ExitCode::SUCCESS,
            Ok(_) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("cargo could not be started: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

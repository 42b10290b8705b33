//! `cargo xtask bench sync`: builds and runs the bench target `sync`.

use std::process::ExitCode;

use clap::Args;

use crate::process;

/// All arguments are the bench target's own.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct SyncArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl SyncArgs {
    pub(super) fn run(&self) -> ExitCode {
        let mut cargo = process::cargo();
        cargo.args(["bench", "--package", "meshbook-tests", "--bench", "sync"]);
        process::pass_on(cargo.arg("--").args(&self.args))
    }
}

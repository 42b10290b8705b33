//! `cargo xtask demo`: builds the node and runs its demonstration.

use std::process::ExitCode;

use clap::Args;

use crate::process;

/// All arguments are the demonstration's own.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Demo {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Demo {
    pub(crate) fn run(&self) -> ExitCode {
        let mut cargo = process::cargo();
        cargo.args(["run", "--package", "meshbook-node", "--bin", "meshbook"]);
        process::pass_on(cargo.args(["--", "demo"]).args(&self.args))
    }
}

//! `cargo xtask sim`: simulated networks with faults, many seeds or one.

use std::process::ExitCode;

use clap::Args;

use crate::process;

/// All arguments are the simulator's own.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Sim {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Sim {
    pub(crate) fn run(&self) -> ExitCode {
        let mut cargo = process::cargo();
        cargo.args(["run", "--quiet", "--package", "meshbook-simulation", "--"]);
        process::pass_on(cargo.args(&self.args))
    }
}

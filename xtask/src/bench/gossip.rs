//! `cargo xtask bench gossip`: simulated networks in which news spreads.

use std::process::ExitCode;

use clap::Args;

use crate::process;

/// All arguments are the simulator's own.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct GossipArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl GossipArgs {
    pub(super) fn run(&self) -> ExitCode {
        let mut cargo = process::cargo();
        cargo.args(["run", "--quiet", "--package", "meshbook-simulation"]);
        cargo.args(["--bin", "meshbook-spread", "--"]);
        process::pass_on(cargo.args(&self.args))
    }
}

//! `cargo xtask soak`: a node under load and under attack; builds and runs the bench target `soak`.

use std::process::ExitCode;

use clap::Args;

use crate::process::{cargo, pass_on};

/// All arguments but the first are the bench target's own.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Soak {
    /// Builds as the tests are built, and not as a release. Must come first.
    #[arg(long)]
    dev: bool,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Soak {
    pub(crate) fn run(&self) -> ExitCode {
        let mut bench = cargo();
        match self.dev {
            // With the features that the whole workspace has, so that nothing is built again.
            true => bench.args(["bench", "--workspace", "--profile", "dev"]),
            false => bench.args(["bench", "--package", "meshbook-tests"]),
        };
        bench.args(["--bench", "soak"]);
        pass_on(bench.arg("--").args(&self.args))
    }
}

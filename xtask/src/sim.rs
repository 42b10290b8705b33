//! `cargo xtask sim`: simulated networks with faults, many seeds or one.

use std::env::consts::EXE_SUFFIX;
use std::process::ExitCode;

use clap::Args;

use crate::process::{cargo, pass_on, program, succeeds};
use crate::test::EVERYTHING;

/// All arguments but the first are the simulator's own.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Sim {
    /// Builds the simulator with everything else, as `cargo xtask test` does, so that nothing is
    /// built twice where both run. Must come first.
    #[arg(long)]
    as_tested: bool,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Sim {
    pub(crate) fn run(&self) -> ExitCode {
        if self.as_tested {
            return self.run_as_tested();
        }
        let mut cargo = cargo();
        cargo.args(["run", "--quiet", "--package", "meshbook-simulation"]);
        // Nodes that can break rules are built apart, and only where they are asked for.
        let breaks = |arg: &String| arg.starts_with("--mutation");
        if self.args.iter().any(breaks) {
            cargo.args(["--features", "mutations"]);
        }
        pass_on(cargo.arg("--").args(&self.args))
    }

    fn run_as_tested(&self) -> ExitCode {
        if !succeeds(cargo().args(["build", "--quiet"]).args(EVERYTHING)) {
            return ExitCode::FAILURE;
        }
        // This command is built in the profile of the tests, so it lies beside the simulator.
        match std::env::current_exe() {
            Ok(this) => {
                let simulator = this.with_file_name(format!("meshbook-sim{EXE_SUFFIX}"));
                pass_on(program(&simulator).args(&self.args))
            }
            Err(error) => {
                eprintln!("this command does not find itself: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

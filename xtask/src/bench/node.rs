//! `cargo xtask bench node`: builds the package for Node.js as a release is and measures it.

use std::process::ExitCode;

use clap::Args;

use crate::process::{self, npm_ci, program, root, succeeds};

/// All arguments are those of `bindings-node/bench/bench.mjs`.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct NodeArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl NodeArgs {
    pub(super) fn run(&self) -> ExitCode {
        let package = root().join("bindings-node");
        let installed = npm_ci("bindings-node").and_then(|()| npm_ci("bindings-node/bench"));
        if let Err(why) = installed {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
        if !succeeds(program("npm").args(["run", "build"]).current_dir(&package)) {
            return ExitCode::FAILURE;
        }
        let mut bench = program("node");
        bench.args(["--expose-gc", "bench/bench.mjs"]);
        process::pass_on(bench.args(&self.args).current_dir(package))
    }
}

//! `cargo xtask demo`: builds the node with its page and runs its demonstration.

use std::process::ExitCode;

use clap::Args;

use crate::{page, process};

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
        cargo.args(["run", "--bin", "meshbook"]);
        match self.wants_page().then(page::build) {
            Some(Ok(())) => cargo.args(page::NODE),
            Some(Err(why)) => {
                eprintln!("no page in the browser: {why}");
                cargo.args(["--package", "meshbook-node"])
            }
            None => cargo.args(["--package", "meshbook-node"]),
        };
        process::pass_on(cargo.args(["--", "demo"]).args(&self.args))
    }

    /// Whether anybody has the time to look at it.
    fn wants_page(&self) -> bool {
        let quick = ["--once", "--json", "--help", "-h"];
        !self.args.iter().any(|arg| quick.contains(&arg.as_str()))
    }
}

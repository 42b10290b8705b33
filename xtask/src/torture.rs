//! `cargo xtask torture`: the nodes under `kill -9` alone, as often and with what seed one likes.

use std::process::ExitCode;

use clap::Args;

use crate::process::{cargo, pass_on};

/// How to torture.
#[derive(Debug, Args)]
pub(crate) struct Torture {
    /// How often a node is killed.
    #[arg(long, default_value_t = 100)]
    kills: u64,
    /// Repeats the plan of a run that printed this seed; another one each time by default.
    #[arg(long)]
    seed: Option<u64>,
    /// Leaves what the nodes wrote on disk, logs as well as data.
    #[arg(long)]
    keep: bool,
}

impl Torture {
    pub(crate) fn run(&self) -> ExitCode {
        let mut test = cargo();
        test.args(["test", "--package", "meshbook-tests", "--test", "torture"]);
        test.args(["--", "--exact", "--nocapture"]);
        test.arg("kill::whatever_was_confirmed_outlives_kill_9");
        test.env("MESHBOOK_TORTURE_KILLS", self.kills.to_string());
        if let Some(seed) = self.seed {
            test.env("MESHBOOK_TORTURE_SEED", seed.to_string());
        }
        if self.keep {
            test.env("MESHBOOK_KEEP_FOLDERS", "1");
        }
        pass_on(&mut test)
    }
}

//! `cargo xtask page`: the page of `examples/browser`, and a node that serves it.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::Args;

use crate::process::{cargo, program, root, succeeds};
use crate::{test, wasm};

/// What makes a node serve the page that `build` has made.
pub(crate) const NODE: [&str; 4] = ["--package", "meshbook-node", "--features", "page"];

/// Builds the page of `examples/browser`.
#[derive(Debug, Args)]
pub(crate) struct Page {}

impl Page {
    pub(crate) fn run(&self) -> ExitCode {
        match build() {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("{why}");
                ExitCode::FAILURE
            }
        }
    }
}

/// Builds the page, and before it the package that it is made of; says what went wrong.
pub(crate) fn build() -> Result<(), String> {
    wasm::build()?;
    wasm::install(&folder())?;
    match succeeds(npm().args(["run", "--silent", "build"])) {
        true => Ok(()),
        false => Err("the page can't be built".to_owned()),
    }
}

/// Tries the page in Chromium against real nodes that serve it. What this machine can't run goes
/// to `skipped`, with the reason.
pub(crate) fn passes(skipped: &mut Vec<String>) -> bool {
    if !test::chromium() {
        skipped.push("the page: Chromium is not installed (package chromium)".to_owned());
        return true;
    }
    if let Err(why) = build() {
        eprintln!("{why}");
        return false;
    }
    let node = |command| {
        let mut cargo = cargo();
        cargo.args([command, "--bin", "meshbook"]).args(NODE);
        cargo
    };
    if !succeeds(node("test").args(["--", "page::"])) || !succeeds(&mut node("build")) {
        return false;
    }
    let mut tests = npm();
    tests.args(["test", "--silent"]);
    // This command is built in the profile of the node.
    if let Ok(this) = std::env::current_exe() {
        tests.env("MESHBOOK_BIN", this.with_file_name(test::BINARY));
    }
    succeeds(&mut tests)
}

fn npm() -> Command {
    let mut npm = program("npm");
    npm.current_dir(folder());
    npm
}

fn folder() -> PathBuf {
    root().join("examples/browser")
}

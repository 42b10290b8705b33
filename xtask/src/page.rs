//! `cargo xtask page`: the page of `examples/browser`, and a node that serves it.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;

use crate::process::{cargo, npm_ci, pass_on, program, root, succeeds};
use crate::test::{apt_get, binary};
use crate::wasm;

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
    npm_ci("examples/browser")?;
    match succeeds(npm().args(["run", "--silent", "build"])) {
        true => Ok(()),
        false => Err("the page can't be built".to_owned()),
    }
}

/// Tries tabs as nodes, and the page, in a browser against real nodes that serve it. What this
/// machine can't run goes to `skipped`, with the reason.
pub(crate) fn passes(skipped: &mut Vec<String>) -> bool {
    let Some(chromium) = chromium() else {
        skipped.push("nodes in a browser, and the page: no Chromium (package chromium)".to_owned());
        return true;
    };
    if let Err(why) = build() {
        eprintln!("{why}");
        return false;
    }
    let small = wasm::kept_its_size();
    let node = |what: [&str; 2]| {
        let mut cargo = cargo();
        cargo.args(what).args(NODE);
        cargo
    };
    let tested = succeeds(node(["test", "--lib"]).args(["--", "page::"]));
    if !tested || !succeeds(&mut node(["build", "--bins"])) {
        return false;
    }
    let Some(node) = binary() else {
        eprintln!("this command doesn't know where it is");
        return false;
    };
    let mut tests = npm();
    tests.args(["test", "--silent"]).env("CHROMIUM", chromium);
    let page = succeeds(tests.env("MESHBOOK_BIN", &node));
    let core = match driver() {
        Some(driver) => wasm::core_passes(driver),
        None => {
            let why = "the node's core in a browser: no chromedriver (package chromium-driver)";
            skipped.push(why.to_owned());
            true
        }
    };
    // Each is tried, whatever became of the one before.
    wasm::passes(chromium, &node) & page & small & core
}

/// Measures the page in a browser: how soon it is there, and what it bears. Its node is built as a
/// release is.
pub(crate) fn figures() -> ExitCode {
    let Some(chromium) = chromium() else {
        eprintln!("the page can't be measured: no Chromium (package chromium)");
        return ExitCode::FAILURE;
    };
    if let Err(why) = build() {
        eprintln!("{why}");
        return ExitCode::FAILURE;
    }
    let built = succeeds(cargo().args(["build", "--release", "--bins"]).args(NODE));
    let Some(node) = binary().filter(|_| built) else {
        return ExitCode::FAILURE;
    };
    let mut release = node.clone();
    release.pop();
    release.set_file_name("release");
    release.extend(node.file_name());
    let mut figures = program("node");
    figures
        .current_dir(folder())
        .args(["--test", "test/speed.test.mjs"])
        .env("MESHBOOK_FIGURES", "1")
        .env("CHROMIUM", chromium)
        .env("MESHBOOK_BIN", release);
    pass_on(&mut figures)
}

/// Chromium, installed if it isn't there.
fn chromium() -> Option<&'static str> {
    let there = || {
        let mut names = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].into_iter();
        names.find(|path| Path::new(path).exists())
    };
    there().or_else(|| apt_get(&["chromium"]).then(there).flatten())
}

/// What steers Chromium, installed if it isn't there.
fn driver() -> Option<&'static str> {
    let path = "/usr/bin/chromedriver";
    let there = || Path::new(path).exists().then_some(path);
    there().or_else(|| apt_get(&["chromium-driver"]).then(there).flatten())
}

fn npm() -> Command {
    let mut npm = program("npm");
    npm.current_dir(folder());
    npm
}

fn folder() -> PathBuf {
    root().join("examples/browser")
}

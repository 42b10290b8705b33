//! `cargo xtask test`: every suite, each with its own set-up.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use crate::page;
use crate::process::{answers, cargo, program, root, succeeds};
use crate::wasm;

/// What one build must have so that no other has to build any of it again.
pub(crate) const EVERYTHING: [&str; 5] =
    ["--workspace", "--lib", "--bins", "--tests", "--examples"];

/// The suites to run.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Only these suites; all of them by default.
    suites: Vec<Suite>,
}

/// Tests that are run by one tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// The Rust tests, foreign clients and separate processes among them.
    Rust,
    /// Networks of nodes that break one safety rule: the simulator must notice each.
    Mutations,
    /// The examples in the documentation.
    Doc,
    /// Nodes in the tabs of a real browser.
    Web,
    /// The page, in a browser against real nodes.
    Browser,
}

impl Suite {
    /// Installs what is missing for it and runs it to its end. What this machine can't run goes
    /// to `skipped`, with the reason.
    fn passes(self, skipped: &mut Vec<String>) -> bool {
        match self {
            Self::Rust => rust(skipped),
            Self::Mutations => mutations(),
            Self::Doc => succeeds(cargo().args(["test", "--workspace", "--doc"])),
            Self::Web => web(skipped),
            Self::Browser => page::passes(skipped),
        }
    }
}

impl Test {
    /// Runs all the suites, also after one has failed, and sums up.
    pub(crate) fn run(&self) -> ExitCode {
        let suites: &[Suite] = match self.suites.as_slice() {
            [] => Suite::value_variants(),
            chosen => chosen,
        };
        let mut results: Vec<(Suite, bool, Duration)> = Vec::new();
        let mut skipped = Vec::new();
        for suite in suites {
            println!("==> {}", name(*suite));
            let start = Instant::now();
            results.push((*suite, suite.passes(&mut skipped), start.elapsed()));
        }
        println!();
        for (suite, passed, time) in &results {
            let verdict = if *passed { "passed" } else { "FAILED" };
            let seconds = time.as_secs();
            println!("{verdict}  {:<8} {seconds:>5} s", name(*suite));
        }
        for what in skipped {
            println!("SKIPPED {what}");
        }
        match results.iter().all(|(_, passed, _)| *passed) {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }
}

fn name(suite: Suite) -> String {
    let value = suite.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

/// Builds everything once, so that the tests find the node's command beside them, built with
/// the same features as they are, and runs the tests.
fn rust(skipped: &mut Vec<String>) -> bool {
    if !answers(program("python3").arg("--version")) {
        eprintln!("python3 is not installed");
        return false;
    }
    if !nextest() || !succeeds(cargo().arg("build").args(EVERYTHING)) {
        return false;
    }
    let mut tests = cargo();
    tests.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
    let mut left_out: Vec<&str> = Vec::new();
    if let Err(why) = namespaces() {
        left_out.extend(["cut", "lan", "avahi"]);
        skipped.push(format!(
            "networks that are cut, and local networks: no network namespaces here: {why}"
        ));
    } else if let Err(why) = avahi() {
        left_out.push("avahi");
        skipped.push(format!("nodes together with Avahi: {why}"));
    }
    if let Err(why) = grapes() {
        left_out.push("grapes");
        skipped.push(format!("nodes at real Grapes: {why}"));
    }
    if !left_out.is_empty() {
        let modules = left_out.join("|");
        tests.args(["-E", &format!("not test(/^({modules})::/)")]);
    }
    // This command is built in the profile of the tests, so it lies beside the node's.
    if let Ok(this) = std::env::current_exe() {
        tests.env("MESHBOOK_BIN", this.with_file_name(BINARY));
    }
    succeeds(&mut tests)
}

/// Builds the core apart, with rules that can be switched off; what it depends on is built already.
fn mutations() -> bool {
    let mut tests = cargo();
    tests.args(["nextest", "run", "--workspace", "--test", "mutations"]);
    tests.args(["--features", "meshbook-simulation/mutations"]);
    tests.args(["--no-fail-fast", "--success-output", "immediate"]);
    nextest() && succeeds(&mut tests)
}

/// Makes the package for browsers and tries it in Chromium, with the command that the Rust tests
/// have built.
fn web(skipped: &mut Vec<String>) -> bool {
    if !chromium() {
        skipped.push("nodes in a browser: Chromium is not installed (package chromium)".to_owned());
        return true;
    }
    let built = succeeds(cargo().args(["build", "--package", "meshbook-node"]));
    if let Err(why) = wasm::build() {
        eprintln!("{why}");
        return false;
    }
    let mut tests = program("node");
    tests.args(["--test", "test/"]);
    tests.current_dir(root().join("bindings-wasm"));
    if let Ok(this) = std::env::current_exe() {
        tests.env("MESHBOOK_BIN", this.with_file_name(BINARY));
    }
    built && succeeds(&mut tests)
}

/// Whether there is a Chromium; installs it if there isn't.
pub(crate) fn chromium() -> bool {
    let there = || answers(program("/usr/bin/chromium").arg("--version"));
    there() || (apt_get(&["chromium"]) && there())
}

fn nextest() -> bool {
    answers(cargo().args(["nextest", "--version"]))
        || succeeds(cargo().args(["install", "cargo-nextest", "--locked", "--debug"]))
}

/// Whether tests can make networks of their own, as root or as a root of their own making.
fn namespaces() -> Result<(), String> {
    if !cfg!(target_os = "linux") {
        return Err("this is no Linux".to_owned());
    }
    if !answers(program("ip").arg("-V")) && !apt_get(&["iproute2"]) {
        return Err("ip is not installed (package iproute2)".to_owned());
    }
    let tried = "mount -t tmpfs tmpfs /run && ip netns add try";
    let works = |flags: &str| answers(program("unshare").args([flags, "--", "sh", "-c", tried]));
    if works("-nm") || works("-rnm") {
        return Ok(());
    }
    Err("unshare -rnm is refused".to_owned())
}

/// Whether there is an Avahi, with what it needs.
fn avahi() -> Result<(), String> {
    let there = || {
        answers(program("avahi-daemon").arg("--version"))
            && answers(program("avahi-browse").arg("--version"))
            && answers(program("dbus-daemon").arg("--version"))
    };
    if there() || (apt_get(&["avahi-daemon", "avahi-utils", "dbus"]) && there()) {
        return Ok(());
    }
    Err("it is not installed (packages avahi-daemon, avahi-utils, dbus)".to_owned())
}

/// Installs the Grape that the lock file names, if it isn't there.
fn grapes() -> Result<(), String> {
    let folder = root().join("tests/grenache");
    // npm keeps this file for itself: what it has installed, as the lock file has it.
    let (wanted, there) = (
        folder.join("package-lock.json"),
        folder.join("node_modules/.package-lock.json"),
    );
    let time = |path: &Path| path.metadata().and_then(|file| file.modified()).ok();
    if time(&there).is_some_and(|there| time(&wanted).is_some_and(|wanted| wanted <= there)) {
        return Ok(());
    }
    if !answers(program("npm").arg("--version")) {
        return Err("npm is not installed".to_owned());
    }
    match succeeds(program("npm").arg("ci").current_dir(folder)) {
        true => Ok(()),
        false => Err("npm ci fails in tests/grenache".to_owned()),
    }
}

/// Whether the system's packages could be installed.
fn apt_get(packages: &[&str]) -> bool {
    let mut install = program("apt-get");
    let quiet = install.args(["install", "--yes", "--no-install-recommends"]);
    answers(
        quiet
            .args(packages)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

pub(crate) const BINARY: &str = if cfg!(windows) {
    "meshbook.exe"
} else {
    "meshbook"
};

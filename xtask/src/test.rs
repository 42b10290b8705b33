//! `cargo xtask test`: every suite, each with its own set-up.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use crate::page;
use crate::process::{answers, cargo, npm_ci, program, root, succeeds};
use crate::python::python;
use crate::{languages, swift};

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
    /// The package for Node.js.
    Node,
    /// The examples in the documentation.
    Doc,
    /// The Python package: its wheel, its tests and its types.
    Python,
    /// Nodes in the tabs of a real browser, and the page.
    Browser,
    /// The Swift package: its tests, its documentation and the example.
    Swift,
    /// One network of nodes in all languages.
    Languages,
}

/// How a suite ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    /// Somebody asked for that.
    Skipped,
}

impl Suite {
    /// Installs what is missing for it and runs it to its end. What this machine can't run goes
    /// to `skipped`, with the reason.
    fn run(self, skipped: &mut Vec<String>) -> Verdict {
        let passed = match self {
            Self::Rust => rust(skipped),
            Self::Mutations => mutations(),
            Self::Node => node(),
            Self::Doc => succeeds(cargo().args(["test", "--workspace", "--doc"])),
            Self::Python => python(),
            Self::Browser => page::passes(skipped),
            Self::Swift if swift::is_skipped() => return Verdict::Skipped,
            Self::Swift => swift::passes(),
            Self::Languages => languages::passes(),
        };
        match passed {
            true => Verdict::Passed,
            false => Verdict::Failed,
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
        let mut results: Vec<(Suite, Verdict, Duration)> = Vec::new();
        let mut skipped = Vec::new();
        for suite in suites {
            println!("==> {}", name(*suite));
            let start = Instant::now();
            results.push((*suite, suite.run(&mut skipped), start.elapsed()));
        }
        println!();
        for (suite, verdict, time) in &results {
            let (name, seconds) = (name(*suite), time.as_secs());
            match verdict {
                Verdict::Passed => println!("passed  {name:<9} {seconds:>5} s"),
                Verdict::Failed => println!("FAILED  {name:<9} {seconds:>5} s"),
                Verdict::Skipped => println!("SKIPPED {name} skipped: the environment says so"),
            }
        }
        for what in skipped {
            println!("SKIPPED {what}");
        }
        match results
            .iter()
            .all(|(_, verdict, _)| *verdict != Verdict::Failed)
        {
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
    if let Some(binary) = binary() {
        tests.env("MESHBOOK_BIN", binary);
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

/// The node's command. This one is built in the profile of the tests, so it lies beside it.
pub(crate) fn binary() -> Option<PathBuf> {
    let this = std::env::current_exe().ok()?;
    Some(this.with_file_name(BINARY))
}

/// The package for Node.js, together with real Grapes.
fn node() -> bool {
    if let Err(why) = grapes() {
        eprintln!("{why}");
        return false;
    }
    node_package()
        && succeeds(
            program("npm")
                .arg("test")
                .current_dir(root().join(NODE_PACKAGE)),
        )
}

/// Builds the native part as everything else is built, so that nothing is built twice, and the rest
/// of the package around it.
pub(crate) fn node_package() -> bool {
    let package = root().join(NODE_PACKAGE);
    if let Err(why) = npm_ci(NODE_PACKAGE) {
        eprintln!("{why}");
        return false;
    }
    if !succeeds(cargo().arg("build").args(EVERYTHING)) {
        return false;
    }
    let Ok(this) = std::env::current_exe() else {
        eprintln!("this command doesn't know where it is");
        return false;
    };
    let mut native = program("node");
    native.args(["scripts/build-native.mjs", "--from"]);
    native
        .arg(this.with_file_name(LIBRARY))
        .current_dir(&package);
    let mut facade = program("npm");
    facade.args(["run", "build:lib"]).current_dir(&package);
    succeeds(&mut native) && succeeds(&mut facade)
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
    npm_ci("tests/grenache")
}

/// Whether the system's packages could be installed, if need be once their lists are there.
pub(crate) fn apt_get(packages: &[&str]) -> bool {
    let run = |arguments: &[&str]| {
        let mut apt = program("apt-get");
        // Somebody else may be installing, too.
        apt.args(["-o", "DPkg::Lock::Timeout=300"]).args(arguments);
        answers(apt.env("DEBIAN_FRONTEND", "noninteractive"))
    };
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(packages);
    run(&install) || (run(&["update"]) && run(&install))
}

const NODE_PACKAGE: &str = "bindings-node";

const LIBRARY: &str = if cfg!(windows) {
    "meshbook_napi.dll"
} else if cfg!(target_os = "macos") {
    "libmeshbook_napi.dylib"
} else {
    "libmeshbook_napi.so"
};

const BINARY: &str = if cfg!(windows) {
    "meshbook.exe"
} else {
    "meshbook"
};

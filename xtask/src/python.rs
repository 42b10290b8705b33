//! The Python suite: a virtual environment under `target`, the wheel, and the tests on it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{answers, cargo, program, root, succeeds};
use crate::test::{EVERYTHING, apt_get, binary};

/// Where the package lies.
const PACKAGE: &str = "bindings-uniffi/python";

/// The package's tests, the type checkers among them.
pub(crate) fn python() -> bool {
    let Some(mut tests) = pytest() else {
        return false;
    };
    succeeds(tests.current_dir(root().join(PACKAGE)))
}

/// Builds the wheel in the profile of everything else and installs it beside the pinned tools; gives
/// what runs tests on it.
pub(crate) fn pytest() -> Option<Command> {
    let environment = Environment::ready()?;
    // Tests also start the command and the program that makes load.
    if !succeeds(cargo().arg("build").args(EVERYTHING)) {
        return None;
    }
    let wheel = environment.wheel()?;
    let mut install = environment.program("pip");
    let quiet = ["--quiet", "--no-index", "--no-deps", "--force-reinstall"];
    if !succeeds(install.arg("install").args(quiet).arg(&wheel)) {
        return None;
    }
    let mut tests = environment.program("pytest");
    tests.env("MESHBOOK_WHEEL", &wheel);
    if let Some(binary) = binary() {
        tests.env("MESHBOOK_BIN", binary);
    }
    Some(tests)
}

/// A virtual environment with what the lock file names.
struct Environment(PathBuf);

impl Environment {
    /// Makes it, unless it is there already with the same lock file.
    fn ready() -> Option<Self> {
        let folder = root().join("target/python");
        let environment = Self(folder.clone());
        let wanted = root().join(PACKAGE).join("requirements-dev.txt");
        let there = folder.join("requirements-dev.txt");
        let wanted_text = std::fs::read_to_string(&wanted);
        let wanted_text =
            wanted_text.inspect_err(|error| eprintln!("{}: {error}", wanted.display()));
        let wanted_text = wanted_text.ok()?;
        if std::fs::read_to_string(&there).is_ok_and(|there| there == wanted_text) {
            return Some(environment);
        }
        // Pinned for one series of Python, the oldest that all of the tools run on.
        let recent = "import sys; sys.exit(sys.version_info < (3, 11))";
        if !answers(program("python3").args(["-c", recent])) {
            eprintln!("Python 3.11 or newer is not installed");
            return None;
        }
        let make = || {
            let mut make = program("python3");
            make.args(["-m", "venv", "--clear"]).arg(&folder);
            make
        };
        // Debian has it in a package of its own.
        let made = answers(&mut make()) || (apt_get(&["python3-venv"]) && succeeds(&mut make()));
        let mut install = environment.program("pip");
        install
            .args(["install", "--quiet", "--requirement"])
            .arg(&wanted);
        if !made || !succeeds(&mut install) {
            return None;
        }
        let noted = std::fs::write(&there, wanted_text);
        noted
            .inspect_err(|error| eprintln!("{}: {error}", there.display()))
            .ok()?;
        Some(environment)
    }

    /// A program of it, in the root of the workspace.
    fn program(&self, name: &str) -> Command {
        let folder = if cfg!(windows) { "Scripts" } else { "bin" };
        let mut command = program(self.0.join(folder).join("python"));
        command.args(["-m", name]);
        command
    }

    /// The wheel, built anew.
    fn wheel(&self) -> Option<PathBuf> {
        let folder = root().join("target/wheels");
        for old in wheels(&folder) {
            std::fs::remove_file(old).ok()?;
        }
        let mut build = self.program("maturin");
        build
            .args(["build", "--locked", "--profile", "dev", "--out"])
            .arg(&folder);
        if !succeeds(build.current_dir(root().join(PACKAGE))) {
            return None;
        }
        match wheels(&folder).as_slice() {
            [wheel] => Some(wheel.clone()),
            other => {
                eprintln!("{}: {} wheels", folder.display(), other.len());
                None
            }
        }
    }
}

fn wheels(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path());
    files
        .filter(|file| file.extension().is_some_and(|extension| extension == "whl"))
        .collect()
}

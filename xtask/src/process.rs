//! Other programs, run from the root of the workspace with this one's terminal.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// The `cargo` that runs this command, in the root of the workspace.
pub(crate) fn cargo() -> Command {
    program(env!("CARGO"))
}

/// Another program, in the root of the workspace.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root());
    command
}

/// Whether the program starts and says that all is well. What it prints is not shown.
pub(crate) fn answers(command: &mut Command) -> bool {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Runs the program to its end. False, with a line that says why, if it fails.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    match command.status() {
        Ok(status) if status.success() => true,
        Ok(status) => {
            eprintln!("{}: {status}", command.get_program().display());
            false
        }
        Err(error) => {
            eprintln!("{}: {error}", command.get_program().display());
            false
        }
    }
}

/// Runs the program to its end; its success is ours.
pub(crate) fn pass_on(command: &mut Command) -> ExitCode {
    if succeeds(command) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Installs what the folder's lock file names, if it isn't there.
pub(crate) fn npm_ci(folder: &str) -> Result<(), String> {
    let path = root().join(folder);
    // npm keeps this file for itself: what it has installed, as the lock file has it.
    let (wanted, there) = (
        path.join("package-lock.json"),
        path.join("node_modules/.package-lock.json"),
    );
    let time = |path: &Path| path.metadata().and_then(|file| file.modified()).ok();
    if time(&there).is_some_and(|there| time(&wanted).is_some_and(|wanted| wanted <= there)) {
        return Ok(());
    }
    if !answers(program("npm").arg("--version")) {
        return Err("npm is not installed".to_owned());
    }
    match succeeds(program("npm").arg("ci").current_dir(path)) {
        true => Ok(()),
        false => Err(format!("npm ci fails in {folder}")),
    }
}

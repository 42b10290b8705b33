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

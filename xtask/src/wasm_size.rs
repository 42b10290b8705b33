//! How large the module for browsers is, and how large it may be.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::{program, root};

/// The most bytes that it may ever have, packed.
const BOUND: usize = 420_000;
/// How much larger than accepted it may be, in percent.
const GROWTH: usize = 5;

/// Compares the module with what is accepted, and with the bound.
pub(crate) fn check(module: &Path) -> Result<(), String> {
    let now = packed(module)?;
    let accepted = accepted()?;
    let most = accepted + accepted * GROWTH / 100;
    let how = "If that is what it costs, `cargo xtask wasm --accept-size` takes it as the new size, which is committed.";
    match now {
        _ if now > BOUND => Err(format!(
            "meshbook_bg.wasm has {now} bytes gzipped: more than the {BOUND} that it may ever have."
        )),
        _ if now > most => Err(format!(
            "meshbook_bg.wasm has grown from {accepted} to {now} bytes gzipped: more than {GROWTH} %. {how}"
        )),
        _ => Ok(()),
    }
}

/// Takes the module's size as the one to compare with.
pub(crate) fn accept(module: &Path) -> Result<(), String> {
    let packed = packed(module)?;
    fs::write(record(), format!("{packed}\n")).map_err(|error| error.to_string())
}

/// The module's size as servers send it.
pub(crate) fn packed(module: &Path) -> Result<usize, String> {
    let packed = program("gzip").arg("-9nc").arg(module).output();
    match packed {
        Ok(output) if output.status.success() => Ok(output.stdout.len()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(format!("gzip: {error}")),
    }
}

fn accepted() -> Result<usize, String> {
    let path = record();
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let number = text.trim().parse();
    number.map_err(|_| format!("{}: not a number of bytes: {text:?}", path.display()))
}

fn record() -> PathBuf {
    root().join("bindings-wasm/gzipped-size")
}

//! `cargo xtask wasm`: makes the package meshbook-web out of `bindings-wasm`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::process::{answers, cargo, npm_ci, program, root, succeeds};

/// The features that rustc uses for this target, and every browser of the last years has.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
];

/// Builds the package for browsers, and says how large it is.
#[derive(Debug, Args)]
pub(crate) struct Wasm {}

impl Wasm {
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

/// Builds everything that isn't up to date; says what went wrong.
pub(crate) fn build() -> Result<(), String> {
    let folder = root().join("bindings-wasm");
    let target = "wasm32-unknown-unknown";
    let must = |worked: bool, what: &str| worked.then_some(()).ok_or_else(|| what.to_owned());
    // Fails without a network, where it may be there already.
    let _ = answers(program("rustup").args(["target", "add", target]));
    let mut compile = cargo();
    compile.args(["build", "--locked", "--package", "meshbook-wasm"]);
    compile.args(["--target", target, "--profile", "wasm"]);
    must(succeeds(&mut compile), "the core can't be compiled")?;

    let binding = bindgen()?;
    let pkg = folder.join("pkg");
    let compiled = target_folder().join(target).join("wasm/meshbook_wasm.wasm");
    let mut bind = program(&binding);
    bind.args(["--target", "web", "--out-name", "meshbook", "--out-dir"]);
    bind.args([&pkg, &compiled]);
    must(succeeds(&mut bind), "wasm-bindgen fails")?;

    npm_ci("bindings-wasm")?;
    let raw = pkg.join("meshbook_bg.wasm");
    let mut shrink = program("npx");
    shrink
        .args(["--no-install", "wasm-opt", "-Oz"])
        .args(FEATURES);
    shrink.arg(&raw).arg("-o").arg(&raw).current_dir(&folder);
    must(succeeds(&mut shrink), "wasm-opt fails")?;
    let mut compile = program("npm");
    compile
        .args(["run", "--silent", "compile"])
        .current_dir(&folder);
    must(succeeds(&mut compile), "the TypeScript can't be compiled")?;

    let size = |path: &Path| path.metadata().map_or(0, |file| file.len());
    let packed = program("gzip").arg("-9c").arg(&raw).output();
    let packed = packed.map_or(0, |output| output.stdout.len());
    println!("meshbook_bg.wasm: {} bytes, {packed} gzipped", size(&raw));
    Ok(())
}

/// Tries the package in a browser, together with this node's command.
pub(crate) fn passes(chromium: &str, node: &Path) -> bool {
    let mut tests = program("node");
    tests.args(["--test", "test/"]);
    tests.env("CHROMIUM", chromium).env("MESHBOOK_BIN", node);
    succeeds(tests.current_dir(root().join("bindings-wasm")))
}

/// The wasm-bindgen of the version that the crates have; any other one refuses them.
fn bindgen() -> Result<String, String> {
    let lock = fs::read_to_string(root().join("Cargo.lock")).map_err(|error| error.to_string())?;
    let version = lock
        .split_once("name = \"wasm-bindgen\"\nversion = \"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(version, _)| version)
        .ok_or("no wasm-bindgen in Cargo.lock")?;
    let name = "wasm-bindgen";
    let told = program(name).arg("--version").output();
    let told = told.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    if told.is_ok_and(|told| told.ends_with(version)) {
        return Ok(name.to_owned());
    }
    // Beside what is built, so that whatever else uses another version keeps it. Unoptimised: it
    // takes a second for this.
    let tools = target_folder().join("tools");
    let ours = tools.join("bin").join(name).display().to_string();
    let told = program(&ours).arg("--version").output();
    let told = told.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    if !told.is_ok_and(|told| told.ends_with(version)) {
        let mut install = cargo();
        install.args([
            "install",
            "wasm-bindgen-cli",
            "--debug",
            "--quiet",
            "--version",
            version,
        ]);
        install.arg("--root").arg(&tools);
        if !succeeds(&mut install) {
            return Err("wasm-bindgen-cli can't be installed".to_owned());
        }
    }
    Ok(ours)
}

fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

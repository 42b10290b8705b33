//! `cargo xtask wasm`: makes the package meshbook-web out of `bindings-wasm`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::process::{answers, cargo, npm_ci, program, root, succeeds};
use crate::wasm_order::named_by_place;
use crate::wasm_size;

const TARGET: &str = "wasm32-unknown-unknown";

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
pub(crate) struct Wasm {
    /// Takes the size that it has now as the one that later ones are compared with.
    #[arg(long)]
    accept_size: bool,
}

impl Wasm {
    pub(crate) fn run(&self) -> ExitCode {
        let built = build().and_then(|()| match self.accept_size {
            true => wasm_size::accept(&module()),
            false => Ok(()),
        });
        match built {
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
    let must = |worked: bool, what: &str| worked.then_some(()).ok_or_else(|| what.to_owned());
    // Fails without a network, where it may be there already.
    let _ = answers(program("rustup").args(["target", "add", TARGET]));
    let mut compile = cargo();
    compile.args(["build", "--locked", "--package", "meshbook-wasm"]);
    compile.args(["--target", TARGET, "--profile", "wasm"]);
    must(succeeds(&mut compile), "the core can't be compiled")?;

    let binding = bindgen()?;
    let pkg = folder().join("pkg");
    let compiled = target_folder().join(TARGET).join("wasm/meshbook_wasm.wasm");
    let mut bind = program(&binding);
    bind.args(["--target", "web", "--out-name", "meshbook", "--out-dir"]);
    bind.args([&pkg, &compiled]);
    must(succeeds(&mut bind), "wasm-bindgen fails")?;

    npm_ci("bindings-wasm")?;
    let module = module();
    must(wasm_opt(&module, &["-Oz", "--converge"]), "wasm-opt fails")?;
    put_like_beside_like(&module)?;
    let mut compile = program("npm");
    compile
        .args(["run", "--silent", "compile"])
        .current_dir(folder());
    must(succeeds(&mut compile), "the TypeScript can't be compiled")?;

    let size = module.metadata().map_or(0, |file| file.len());
    let packed = wasm_size::packed(&module)?;
    println!("meshbook_bg.wasm: {size} bytes, {packed} gzipped");
    Ok(())
}

/// Says whether what `build` made has kept its size.
pub(crate) fn kept_its_size() -> bool {
    let kept = wasm_size::check(&module());
    if let Err(why) = &kept {
        eprintln!("{why}");
    }
    kept.is_ok()
}

/// Puts functions that are alike beside each other, which makes what is packed smaller.
fn put_like_beside_like(module: &Path) -> Result<(), String> {
    let bytes = fs::read(module).map_err(|error| error.to_string())?;
    let named = named_by_place(&bytes).ok_or("wasm-opt has not made a module")?;
    fs::write(module, named).map_err(|error| error.to_string())?;
    let passes = [
        "--reorder-functions-by-name",
        "--strip-debug",
        "--strip-producers",
        "--strip-target-features",
    ];
    match wasm_opt(module, &passes) {
        true => Ok(()),
        false => Err("wasm-opt can't order the functions".to_owned()),
    }
}

/// Lets these passes of wasm-opt change a module.
fn wasm_opt(module: &Path, passes: &[&str]) -> bool {
    let mut opt = program("npx");
    opt.args(["--no-install", "wasm-opt"]).args(FEATURES);
    opt.args(passes).arg(module).arg("-o").arg(module);
    succeeds(opt.current_dir(folder()))
}

/// Runs the tests of the node's core in a browser, which `driver` steers.
pub(crate) fn core_passes(driver: &str) -> bool {
    let runner = match bindgen() {
        Ok(binding) => format!("{binding}-test-runner"),
        Err(why) => {
            eprintln!("{why}");
            return false;
        }
    };
    let mut tests = cargo();
    tests.args(["test", "--locked", "--package", "meshbook", "--lib"]);
    tests.args(["--target", TARGET]);
    tests.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner);
    // What is in it for debuggers costs the runner minutes.
    tests.env("CARGO_PROFILE_DEV_DEBUG", "false");
    tests.env("CARGO_PROFILE_DEV_STRIP", "debuginfo");
    // Seconds for all tests together, on a busy machine.
    tests.env("WASM_BINDGEN_TEST_TIMEOUT", "600");
    succeeds(tests.env("CHROMEDRIVER", driver))
}

/// Tries the package in a browser, together with this node's command.
pub(crate) fn passes(chromium: &str, node: &Path) -> bool {
    let mut tests = program("node");
    tests.args(["--test", "test/"]);
    tests.env("CHROMIUM", chromium).env("MESHBOOK_BIN", node);
    succeeds(tests.current_dir(folder()))
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
    let runner = program("wasm-bindgen-test-runner")
        .arg("--version")
        .output();
    if runner.is_ok() && told.is_ok_and(|told| told.ends_with(version)) {
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

/// What browsers fetch.
fn module() -> PathBuf {
    folder().join("pkg/meshbook_bg.wasm")
}

fn folder() -> PathBuf {
    root().join("bindings-wasm")
}

fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

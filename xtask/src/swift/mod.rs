//! `cargo xtask swift`: what the Swift package is built from; and its suite.

mod debian;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;

use crate::process::{cargo, program, root, succeeds};
use crate::test::EVERYTHING;
use debian::{Debian, Network};

/// Where the package lies.
const PACKAGE: &str = "bindings-uniffi/swift";

/// Where the example lies, a package of its own.
const TRADER: &str = "examples/swift/trader";

/// What keeps a node from finding others than it is told of.
const ALONE: [&str; 3] = [
    "USE_WELL_KNOWN_NODES=false",
    "DISCOVERY_MDNS=false",
    "DISCOVERY_GRENACHE=false",
];

/// What has to look as swift-format would have it.
const LINTED: [&str; 6] = [
    "bindings-uniffi/swift/Package.swift",
    "bindings-uniffi/swift/Snippets",
    "bindings-uniffi/swift/Sources/Meshbook",
    "bindings-uniffi/swift/Tests",
    "examples/swift/trader/Package.swift",
    "examples/swift/trader/Sources",
];

/// The library as it is linked, and as the code over it is written from.
const ARCHIVE: &str = "libmeshbook_uniffi.a";
const LIBRARY: &str = if cfg!(target_os = "macos") {
    "libmeshbook_uniffi.dylib"
} else {
    "libmeshbook_uniffi.so"
};

/// Builds the library and writes the Swift code over it, so that `swift build` has all it needs.
#[derive(Debug, Args)]
pub(crate) struct Swift {
    /// Optimise the library, which takes some minutes.
    #[arg(long)]
    release: bool,
}

impl Swift {
    pub(crate) fn run(&self) -> ExitCode {
        match self.prepare() {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("{why}");
                ExitCode::FAILURE
            }
        }
    }

    fn prepare(&self) -> Result<(), String> {
        let mut library = cargo();
        library.args(["build", "--locked", "--package", "meshbook-uniffi"]);
        if self.release {
            library.arg("--release");
        }
        must(&mut library, "the library does not build")?;
        // What writes the code is never optimised: that takes far longer than it runs.
        let mut generator = cargo();
        generator.args(["build", "--locked", "--package", "meshbook-bindgen"]);
        must(&mut generator, "uniffi-bindgen does not build")?;
        let debug = this_folder()?;
        let built = if self.release {
            debug.with_file_name("release")
        } else {
            debug.clone()
        };
        write_package(&built, &debug)?;
        println!("{PACKAGE} is ready for `swift build`");
        Ok(())
    }
}

/// Whether somebody wants to do without, on a machine that can't run it for instance.
pub(crate) fn is_skipped() -> bool {
    std::env::var("MESHBOOK_SKIP_SWIFT").is_ok_and(|text| text == "1")
}

/// The suite: builds the package and the example as everything else is built, and runs the tests of
/// both, of the documentation among them.
pub(crate) fn passes() -> bool {
    let run = || -> Result<(), String> {
        let debian = Debian::ready()?;
        must(
            cargo().arg("build").args(EVERYTHING),
            "the library does not build",
        )?;
        let trader = build(&debian)?;
        let mut tests = debian.command(Network::Own, root());
        tests.arg(format!("MESHBOOK_TRADER={}", trader.display()));
        tests.args([
            "swift",
            "test",
            "--skip-build",
            "--disable-xctest",
            "--no-parallel",
        ]);
        must(tests.args(within(PACKAGE)), "the package's tests fail")?;
        let mut lint = debian.command(Network::Own, root());
        lint.args(["swift", "format", "lint", "--strict", "--recursive"]);
        lint.args(["--configuration", &format!("{PACKAGE}/.swift-format")]);
        lint.args(LINTED);
        must(&mut lint, "swift-format has something to say")
    };
    run().inspect_err(|why| eprintln!("{why}")).is_ok()
}

/// The example as a shell script whose node shares the network of the machine; everything else is
/// built.
pub(crate) fn trader() -> Result<PathBuf, String> {
    let debian = Debian::ready()?;
    let built = build(&debian)?;
    let mut command = debian.command(Network::Shared, root());
    command.args(ALONE).arg(built);
    let words = [command.get_program()]
        .into_iter()
        .chain(command.get_args());
    let words = words.map(|word| word.to_string_lossy().replace('\'', r"'\''"));
    let words: Vec<String> = words.map(|word| format!("'{word}'")).collect();
    let script = root().join("target/swift/trader");
    let text = format!("#!/bin/sh\nexec {} \"$@\"\n", words.join(" "));
    let written = fs::write(&script, text);
    written.map_err(|error| format!("{}: {error}", script.display()))?;
    Ok(script)
}

/// Builds the package with its tests, and the example; gives the example's path.
fn build(debian: &Debian) -> Result<PathBuf, String> {
    let built = this_folder()?;
    write_package(&built, &built)?;
    for (package, what) in [(PACKAGE, "--build-tests"), (TRADER, "--quiet")] {
        let mut build = debian.command(Network::Own, root());
        build.args(["swift", "build", "--quiet", what]);
        must(
            build.args(within(package)),
            &format!("{package} does not build"),
        )?;
    }
    Ok(scratch(TRADER).join("debug/trader"))
}

/// Puts into the package what belongs to this library: the library, its header, and the code over it.
fn write_package(built: &Path, debug: &Path) -> Result<(), String> {
    let sources = root().join(PACKAGE).join("Sources");
    let archive = sources.join("meshbookFFI").join(ARCHIVE);
    link(&built.join(ARCHIVE), &archive)?;
    for package in [PACKAGE, TRADER] {
        forget_linked(&scratch(package).join("debug"), &archive)?;
    }
    let generated = root().join("target/swift/generated");
    let mut generate = program(debug.join("uniffi-bindgen"));
    generate.args([
        "generate",
        "--language",
        "swift",
        "--no-format",
        "--out-dir",
    ]);
    generate.arg(&generated).arg(built.join(LIBRARY));
    must(&mut generate, "uniffi-bindgen fails")?;
    for (name, target) in [
        ("meshbook.swift", "MeshbookNative"),
        ("meshbookFFI.h", "meshbookFFI"),
    ] {
        let target = sources.join(target);
        let made = fs::create_dir_all(&target);
        made.map_err(|error| format!("{}: {error}", target.display()))?;
        replace(&generated.join(name), &target.join(name))?;
    }
    Ok(())
}

/// The same file under another name, or a copy of it.
fn link(from: &Path, to: &Path) -> Result<(), String> {
    let said = |error: io::Error| format!("{}: {error}", from.display());
    let time = |path: &Path| path.metadata().and_then(|file| file.modified());
    let wanted = time(from).map_err(said)?;
    if time(to).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    let _ = fs::remove_file(to);
    fs::hard_link(from, to)
        .or_else(|_| fs::copy(from, to).map(drop))
        .map_err(said)
}

/// Deletes the programs that were linked before the library was built: SwiftPM doesn't look at it.
fn forget_linked(folder: &Path, archive: &Path) -> Result<(), String> {
    let said = |error: io::Error| format!("{}: {error}", folder.display());
    let built = archive.metadata().and_then(|file| file.modified());
    let built = built.map_err(said)?;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let file = path.metadata().map_err(said)?;
        let is_program = path
            .extension()
            .is_none_or(|extension| extension == "xctest");
        if file.is_file() && is_program && file.modified().map_err(said)? < built {
            fs::remove_file(&path).map_err(said)?;
        }
    }
    Ok(())
}

/// Copies the file, unless the other one is the same: then it stays as old as it is.
fn replace(from: &Path, to: &Path) -> Result<(), String> {
    let said = |error: io::Error| format!("{}: {error}", to.display());
    let wanted = fs::read(from).map_err(said)?;
    match fs::read(to) {
        Ok(there) if there == wanted => Ok(()),
        _ => fs::write(to, wanted).map_err(said),
    }
}

/// How SwiftPM is told of a package of this repository.
fn within(package: &str) -> Vec<OsString> {
    let (path, scratch) = (root().join(package), scratch(package));
    let arguments = [
        "--package-path".as_ref(),
        path.as_os_str(),
        "--scratch-path".as_ref(),
    ];
    let arguments = arguments.into_iter().chain([scratch.as_os_str()]);
    arguments.map(OsStr::to_owned).collect()
}

/// Where what is built of a package lies.
fn scratch(package: &str) -> PathBuf {
    root().join("target/swift").join(package.replace('/', "-"))
}

/// Where this command was built, and with it everything of its profile.
fn this_folder() -> Result<PathBuf, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    this.parent()
        .map(Path::to_path_buf)
        .ok_or_else(|| "this command doesn't know where it is".to_owned())
}

fn must(command: &mut Command, what: &str) -> Result<(), String> {
    match succeeds(command) {
        true => Ok(()),
        false => Err(what.to_owned()),
    }
}

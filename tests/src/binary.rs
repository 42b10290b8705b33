//! The node's command, as built for the tests.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The path of `meshbook`, of the same sources as this test. `cargo xtask test` builds it with
/// everything else and names it in `MESHBOOK_BIN`; without that it is built here.
pub(crate) fn meshbook() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("MESHBOOK_BIN") {
        Some(path) => path.into(),
        None => build(),
    })
}

fn build() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    // <target>/<profile>/deps/<test>
    let profile = test.ancestors().nth(2).expect("a test lies in a target");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package", "meshbook-node"]);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let target = profile.parent().expect("a profile lies in a target");
    let built = cargo.env("CARGO_TARGET_DIR", target).status();
    assert!(built.is_ok_and(|s| s.success()), "the node does not build");
    profile.join(format!("meshbook{}", std::env::consts::EXE_SUFFIX))
}

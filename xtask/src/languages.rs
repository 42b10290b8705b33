//! The suite of all languages: nodes in Python, Swift, Node.js and of the command in one network.

use crate::process::{root, succeeds};
use crate::python::pytest;
use crate::swift;
use crate::test::node_package;

/// Where the tests lie, with a trader for each language that has no other one.
const TESTS: &str = "tests/languages";

/// Builds each language's package and lets their nodes trade. Without Swift the others do.
pub(crate) fn passes() -> bool {
    let Some(mut tests) = pytest() else {
        return false;
    };
    if !node_package() {
        return false;
    }
    if !swift::is_skipped() {
        match swift::trader() {
            Ok(trader) => tests.env("MESHBOOK_TRADER", trader),
            Err(why) => {
                eprintln!("{why}");
                return false;
            }
        };
    }
    succeeds(tests.current_dir(root().join(TESTS)))
}

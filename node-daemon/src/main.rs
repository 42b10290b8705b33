//! The command `meshbook`: runs a node of the exchange, and talks to a running one.

use std::process::ExitCode;

fn main() -> ExitCode {
    meshbook_node::main()
}

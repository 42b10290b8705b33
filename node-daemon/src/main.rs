//! The command `meshbook`.
fn main() {}

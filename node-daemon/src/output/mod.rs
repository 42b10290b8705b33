//! What the commands print: one line of JSON for programs, aligned text for people.

mod table;
mod time;
mod views;

use std::io::{self, Write};

use serde::Serialize;

pub(crate) use table::side_by_side;
pub(crate) use time::iso;
pub(crate) use views::{
    banned, bans, book, known_peers, label, order_result, orders, peers, status, trades, unsigned,
};

use crate::failure::Failure;

/// Prints a value as one line of JSON on stdout.
pub(crate) fn json(value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    write(&line)
}

/// Prints text for people on stdout; a line break is added where it lacks one.
pub(crate) fn text(text: &str) -> io::Result<()> {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    write(format!("{text}{end}").as_bytes())
}

/// Writes bytes to stdout as they are.
pub(crate) fn bytes(bytes: &[u8]) -> io::Result<()> {
    write(bytes)
}

/// Tells people something on stderr, if anybody is there.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// What a failed write means for the command: nothing if its reader has read enough.
pub(crate) fn printed(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new("OUTPUT", format!("stdout: {error}")))
        }
        _ => Ok(()),
    }
}

fn write(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

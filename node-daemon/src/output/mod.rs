//! What the commands print: one line of JSON for programs, aligned text for people.

mod table;
mod time;
mod views;

use std::io::{self, Write};

use meshbook::types::Printable;
use serde::Serialize;

pub(crate) use table::side_by_side;
pub(crate) use time::iso;
pub(crate) use views::{
    banned, bans, book, known_peers, label, order_result, orders, peers, status, trades, unsigned,
};

use crate::failure::Failure;
use crate::logging;

/// Moves the cursor home and clears the screen.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Prints a value as one line of JSON on stdout.
pub(crate) fn json(value: &impl Serialize) -> io::Result<()> {
    let mut line = logging::escape_json(&serde_json::to_string(value)?);
    line.push('\n');
    write(line.as_bytes())
}

/// Prints text for people on stdout; a line break is added where it lacks one.
pub(crate) fn text(text: &str) -> io::Result<()> {
    write(printable(text).as_bytes())
}

/// Prints text for people on a terminal in place of what is there.
pub(crate) fn screen(text: &str) -> io::Result<()> {
    write(format!("{CLEAR}{}", printable(text)).as_bytes())
}

/// The lines of a text with nothing in them that drives a terminal, each with its line break.
fn printable(text: &str) -> String {
    let line = |line: &str| format!("{}\n", Printable(line));
    text.split_terminator('\n').map(line).collect()
}

/// Writes bytes to stdout as they are.
pub(crate) fn bytes(bytes: &[u8]) -> io::Result<()> {
    write(bytes)
}

/// Tells people something on stderr, if anybody is there.
pub(crate) fn note(text: &str) {
    let text = printable(text);
    if let Some(text) = logging::note(&text) {
        let _ = io::stderr().write_all(text.as_bytes());
    }
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

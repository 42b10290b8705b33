//! `book --watch`: the book again at each change.

use std::io::{self, IsTerminal};
use std::time::Duration;

use meshbook::node::{BookSnapshot, Level};

use crate::control::Control;
use crate::failure::Failure;
use crate::output;
use crate::signals::Signals;

/// Changes within this time are shown as one.
const PAUSE: Duration = Duration::from_millis(100);

/// Shows the book at each change until a signal comes, the node stops, or nobody reads on.
pub(crate) async fn book(control: &Control, depth: usize, json: bool) -> Result<(), Failure> {
    let mut signals = Signals::listen().map_err(|error| Failure::new("INTERNAL", error))?;
    tokio::select! {
        ended = follow(control, depth, json) => ended,
        _ = signals.next() => Ok(()),
    }
}

async fn follow(control: &Control, depth: usize, json: bool) -> Result<(), Failure> {
    let mut events = control.events().await?;
    let mut shown: Option<(Vec<Level>, Vec<Level>)> = None;
    loop {
        let book: BookSnapshot = match control.get("book", &[("depth", depth)]).await {
            Ok(book) => book,
            Err(failure) if shown.is_some() && failure.problem.code == "NODE_NOT_RUNNING" => break,
            Err(failure) => return Err(failure),
        };
        let levels = (book.bids.clone(), book.asks.clone());
        if shown.as_ref() != Some(&levels) {
            if draw(&book, json, shown.is_none()).is_err() {
                return Ok(());
            }
            shown = Some(levels);
        }
        loop {
            match events.next().await.as_deref() {
                None => {
                    output::note("the node has stopped");
                    return Ok(());
                }
                Some("book" | "lagged") => break,
                Some(_) => {}
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    output::note("the node has stopped");
    Ok(())
}

/// One block for each change, a line of JSON or a table; on a terminal in the same place.
fn draw(book: &BookSnapshot, json: bool, first: bool) -> io::Result<()> {
    if json {
        return output::json(book);
    }
    let table = output::book(book);
    if io::stdout().is_terminal() {
        return output::screen(&table);
    }
    let gap = if first { "" } else { "\n" };
    output::text(&format!("{gap}{table}"))
}

//! `export`: trades or own orders as a file for other programs, oldest first.

mod guard;
mod rows;
mod sink;

use std::path::Path;

use meshbook::client::HistoryQuery;
use meshbook::types::{InvalidValue, Millis};
use serde::Serialize;

use crate::cli::ExportArgs;
use crate::failure::Failure;
use crate::history::Source;
use crate::output;
use crate::signals::Signals;
use crate::when::{now, when};
use rows::Format;
use sink::{Sink, Written};

/// What is exported.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Trades,
    Orders,
}

/// What is said of an export to a file.
#[derive(Serialize)]
struct Exported<'a> {
    exported: u64,
    output: &'a Path,
}

/// Writes all of what is asked for, page by page, so that the memory that it takes does not grow
/// with the history.
pub(crate) async fn export(args: &ExportArgs, data_dir: &Path, json: bool) -> Result<(), Failure> {
    let what = match args.what.as_str() {
        "trades" => What::Trades,
        "orders" => What::Orders,
        other => return Err(InvalidValue::new("what", other, "trades or orders").into()),
    };
    let format: Format = args.format.parse()?;
    let query = query(args)?;
    let target = args.output.as_deref().map(sink::target).transpose()?;
    let source = Source::open(data_dir).await?;
    let Some(target) = target else {
        let mut sink = Sink::stdout();
        return write(&source, what, format, query, &mut sink)
            .await
            .map(|_| ());
    };
    // From here on a signal must not leave half a file behind.
    let mut signals = Signals::listen().map_err(|error| Failure::new("INTERNAL", error))?;
    let mut sink = Sink::file(target)?;
    let exported = tokio::select! {
        exported = write(&source, what, format, query, &mut sink) => exported?,
        name = signals.next() => {
            let message = format!("{name} ended the export; nothing was changed");
            return Err(Failure::new("INTERRUPTED", message));
        }
    };
    let output = sink.finish()?;
    let done = Exported {
        exported,
        output: &output,
    };
    output::printed(if json {
        output::json(&done)
    } else {
        let what = match what {
            What::Trades => "trades",
            What::Orders => "orders",
        };
        output::text(&format!(
            "{exported} {what} written to {}",
            output.display()
        ))
    })
}

fn query(args: &ExportArgs) -> Result<HistoryQuery, InvalidValue> {
    let now = now();
    let read = |option, text: &Option<String>| {
        let text = text.as_deref();
        text.map(|text| when(option, text, now)).transpose()
    };
    let since = read("--since", &args.since)?.unwrap_or(Millis::ZERO);
    let until = read("--until", &args.until)?;
    if let (Some(until), Some(text)) = (until, &args.until)
        && until < since
    {
        return Err(InvalidValue::new("--until", text, "a time after --since"));
    }
    Ok(HistoryQuery {
        since,
        until,
        own: args.own,
        ..HistoryQuery::default()
    })
}

/// Writes everything; gives how many there were. Who reads no further ends it early.
async fn write(
    source: &Source,
    what: What,
    format: Format,
    mut query: HistoryQuery,
    sink: &mut Sink,
) -> Result<u64, Failure> {
    let mut exported = 0;
    let mut text = match what {
        What::Trades => format.trades_head(),
        What::Orders => format.orders_head(),
    };
    loop {
        let (rows, next) = match what {
            What::Trades => {
                let page = source.trades(&query).await?;
                text.extend(format.trades(&page.trades)?);
                (page.trades.len(), page.next)
            }
            What::Orders => {
                let page = source.orders(&query).await?;
                text.extend(format.orders(&page.orders)?);
                (page.orders.len(), page.next)
            }
        };
        exported += rows as u64;
        if sink.write(&text)? == Written::NobodyReads {
            return Ok(exported);
        }
        text.clear();
        query.at = next;
        if query.at.is_none() {
            return Ok(exported);
        }
    }
}

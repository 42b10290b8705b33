//! What was measured, as a table for people and a line for programs.

use std::time::Duration;

use serde_json::{Map, Value, json};

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// From the connection on, until both books are the same.
    pub(crate) time: Duration,
    /// From the node that lacks something.
    pub(crate) bytes_up: u64,
    /// To it.
    pub(crate) bytes_down: u64,
}

/// Prints the table, then everything as one line of JSON: of each name the values of all rounds.
pub(crate) fn print(all: &[Figures]) {
    let row = |what: &str, time: &str, up: &str, down: &str| {
        println!("{what:<58}{time:>10}{up:>12}{down:>12}");
    };
    row("", "seconds", "KB sent", "KB received");
    let kilobytes = |bytes: u64| format!("{:.1}", bytes as f64 / 1000.0);
    let mut lines: Map<String, Value> = Map::new();
    for one in all {
        let seconds = one.time.as_secs_f64();
        let (up, down) = (kilobytes(one.bytes_up), kilobytes(one.bytes_down));
        row(one.what, &format!("{seconds:.2}"), &up, &down);
        let line = json!({
            "seconds": seconds,
            "bytes_sent": one.bytes_up,
            "bytes_received": one.bytes_down,
        });
        let lines = lines.entry(one.name).or_insert_with(|| json!([]));
        if let Some(lines) = lines.as_array_mut() {
            lines.push(line);
        }
    }
    println!(
        "from the connection until both books are the same; bytes on the wire, as TCP sees them"
    );
    println!("{}", Value::Object(lines));
}

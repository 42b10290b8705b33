//! What was measured, as a table for people and a line for programs.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::keeping::Keeping;

/// One measurement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// What the nodes kept on disk, where there were nodes.
    pub(crate) keeping: Option<Keeping>,
    /// Nanoseconds, in any order.
    pub(crate) latencies: Vec<u64>,
    pub(crate) per_second: Option<f64>,
    /// Of all processes together, for each order or frame.
    pub(crate) cpu_micros: Option<f64>,
}

impl Figures {
    /// The latency, in microseconds, that so many percent do not exceed.
    fn percentile(&self, percent: usize) -> Option<f64> {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        Some(sorted[last * percent / 100] as f64 / 1000.0)
    }

    fn json(&self) -> Value {
        json!({
            "p50_us": self.percentile(50),
            "p99_us": self.percentile(99),
            "per_second": self.per_second,
            "cpu_us": self.cpu_micros,
        })
    }
}

/// Prints the table, then everything as one line of JSON.
pub(crate) fn print(all: &[Figures]) {
    let shown = |value: Option<f64>, digits| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
    };
    let head = ["", "journal", "p50 us", "p99 us", "a second", "CPU us"];
    let row = |cells: [&str; 6]| {
        let [what, journal, p50, p99, rate, cpu] = cells;
        println!("{what:<52}{journal:<9}{p50:>9}{p99:>9}{rate:>11}{cpu:>9}");
    };
    row(head);
    for one in all {
        row([
            one.what,
            one.keeping.map_or("-", Keeping::name),
            &shown(one.percentile(50), 0),
            &shown(one.percentile(99), 0),
            &shown(one.per_second, 0),
            &shown(one.cpu_micros, 1),
        ]);
    }
    println!("CPU: of all processes together, for each order or frame");
    println!("journal: when all nodes flush it; none keeps nothing at all");
    let name = |one: &Figures| match one.keeping {
        Some(keeping) => format!("{}.{}", one.name, keeping.name()),
        None => one.name.to_owned(),
    };
    let lines: Map<String, Value> = all.iter().map(|one| (name(one), one.json())).collect();
    println!("{}", Value::Object(lines));
}

/// Nanoseconds since the epoch: one clock for all processes of a machine. A step of the clock
/// during a run spoils that run.
pub(crate) fn clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |time| time.as_nanos() as u64)
}

/// User and system time of this process so far, in microseconds; 0 where the system doesn't
/// tell as Linux does.
pub(crate) fn cpu() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    let ticks = ticks.filter_map(|field| field.parse::<u64>().ok());
    // Linux counts in hundredths of a second for every program.
    ticks.sum::<u64>() * 10_000
}

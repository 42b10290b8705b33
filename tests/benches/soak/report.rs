//! What came of it, for people and for programs.

use std::time::Duration;

use meshbook_tests::honest::{Latency, PhaseFigures};
use serde_json::{Value, json};

use super::options::Options;
use super::run::Outcome;

/// So many times what it is in quiet the p99 of a latency may be during an attack.
const MOST_RATIO: f64 = 3.0;

/// Prints everything. Whether all is well.
pub(crate) fn print(options: &Options, outcomes: &[Outcome]) -> bool {
    println!(
        "{} honest nodes, {} orders/s placed and cancelled; the attacker runs at the lowest \
         priority,\nas a real one does not use this machine's processors",
        options.peers, options.rate
    );
    for outcome in outcomes {
        print_one(options, outcome);
    }
    let missing = options.attacks.len() - outcomes.len();
    if missing > 0 {
        println!("\nFAILED: {missing} attacks were not made, as the node was gone");
    }
    if options.json {
        let all: Vec<Value> = outcomes.iter().map(|one| one.json(options)).collect();
        println!("{}", json!({ "attacks": all }));
    }
    let well = |one: &Outcome| one.failures(options).is_empty() && !one.misses(options);
    missing == 0 && outcomes.iter().all(well)
}

fn print_one(options: &Options, one: &Outcome) {
    let seconds = one.duration.as_secs_f64();
    let rate = |count: u64| count as f64 / seconds;
    println!(
        "\n{} for {seconds:.0} s: {:.0} orders/s, {:.1} trades/s",
        one.attack.name(),
        rate(one.during.orders),
        rate(one.during.trades),
    );
    match &one.deeds {
        Some(deeds) => {
            println!(
                "  attacker  {} connects, {} sessions, {} frames ({:.0}/s), {:.1} MiB",
                deeds.connects,
                deeds.sessions,
                deeds.frames,
                rate(deeds.frames),
                mib(deeds.bytes),
            );
            for (what, count) in &deeds.told {
                println!("            {what}: {count}");
            }
        }
        None => println!("  attacker  came to no end"),
    }
    let memory = |bytes: Option<u64>| or_unknown(bytes.map(|bytes| format!("{:.1}", mib(bytes))));
    let percent = |spent: Duration| format!("{:.0}", spent.as_secs_f64() / seconds * 100.0);
    let cpu = |spent: Option<Duration>| or_unknown(spent.map(percent));
    println!(
        "  victim    memory {} MiB at most, {} after (bound {:.0}); log {} KB",
        memory(one.most_memory),
        memory(one.memory_after),
        mib(options.bound),
        one.log_bytes / 1000,
    );
    println!(
        "  CPU       victim {} %, honest {} %, attacker {} %, others {} %, each of one core",
        cpu(one.cpu.node),
        cpu(one.cpu.honest),
        cpu(one.cpu.attacker),
        cpu(one.cpu.others()),
    );
    for (name, of) in [("orders", ORDER), ("trades", TRADE)] {
        let (before, after) = (of(&one.before), of(&one.after));
        println!(
            "  {name}    {}; before {}; after {}; p99 {} times",
            times(of(&one.during)),
            times(before),
            times(after),
            or_unknown(one.ratio(of).map(|ratio| format!("{ratio:.1}"))),
        );
    }
    println!(
        "  honest    {} sessions ended; {} pairs of an order and a node lost, {} of a trade, {} \
         trades differ, {} unfilled, {} orders refused",
        one.sum(|f| f.disconnects),
        one.sum(|f| f.lost),
        one.sum(|f| f.lost_trades),
        one.sum(|f| f.different),
        one.sum(|f| f.unfilled),
        one.sum(|f| f.refused),
    );
    println!(
        "  newcomers {} of {} got a session",
        one.newcomers.stayed, one.newcomers.came
    );
    let counters: Vec<String> = one
        .counters
        .iter()
        .map(|(name, n)| format!("{name} {n}"))
        .collect();
    println!("  counters  {}", counters.join(", "));
    for failure in one.failures(options) {
        println!("  FAILED    {failure}");
    }
    if one.misses(options) {
        println!("  FAILED    the latency above");
    } else if one.is_slow() {
        println!("  MISSED    the latency above");
    }
}

fn or_unknown(figure: Option<String>) -> String {
    figure.unwrap_or_else(|| "?".to_owned())
}

type Of = fn(&PhaseFigures) -> &Latency;
const ORDER: Of = |figures| &figures.order;
const TRADE: Of = |figures| &figures.trade;

impl Outcome {
    /// What must not be, whatever is measured.
    fn failures(&self, options: &Options) -> Vec<String> {
        let mut failures = Vec::new();
        let mut fail = |bad: bool, what: &str| {
            if bad {
                failures.push(what.to_owned());
            }
        };
        fail(!self.alive, "the node has ended");
        fail(self.deeds.is_none(), "the attacker has ended early");
        fail(
            self.most_memory.is_some_and(|most| most > options.bound),
            "more memory than the bound",
        );
        fail(self.bad_lines > 0, "errors or panics in the node's log");
        fail(self.panics > 0, "panics in honest nodes");
        fail(
            !self.all_connected,
            "honest nodes without a session after it",
        );
        let phases = [&self.before, &self.during, &self.settling, &self.after];
        fail(
            !phases.iter().all(|phase| phase.is_whole()),
            "orders or trades were lost",
        );
        failures
    }

    /// Of the attack and of the time until it is quiet again.
    fn sum(&self, of: impl Fn(&PhaseFigures) -> u64) -> u64 {
        of(&self.during) + of(&self.settling)
    }

    /// How the p99 during the attack compares to the lower one of the quiet phases around it.
    fn ratio(&self, of: Of) -> Option<f64> {
        let p99 = |figures| of(figures).percentile(99);
        let quiet = p99(&self.before)
            .into_iter()
            .chain(p99(&self.after))
            .min()?;
        Some(p99(&self.during)?.as_secs_f64() / quiet.as_secs_f64())
    }

    fn is_slow(&self) -> bool {
        let slow = |of| self.ratio(of).is_none_or(|ratio| ratio > MOST_RATIO);
        slow(ORDER) || slow(TRADE)
    }

    fn misses(&self, options: &Options) -> bool {
        self.is_slow() && !options.figures_only
    }

    fn json(&self, options: &Options) -> Value {
        let latency = |of: Of| {
            let of = |figures| {
                let latency = of(figures);
                json!({
                    "p50_us": micros(latency, 50),
                    "p99_us": micros(latency, 99),
                    "max_us": micros(latency, 100),
                })
            };
            json!({
                "before": of(&self.before),
                "during": of(&self.during),
                "after": of(&self.after),
            })
        };
        json!({
            "attack": self.attack.name(),
            "seconds": self.duration.as_secs_f64(),
            "attacker": self.deeds,
            "orders": self.during.orders,
            "trades": self.during.trades,
            "order_latency": latency(ORDER),
            "order_p99_ratio": self.ratio(ORDER),
            "trade_latency": latency(TRADE),
            "trade_p99_ratio": self.ratio(TRADE),
            "lost": self.sum(|f| f.lost),
            "lost_trades": self.sum(|f| f.lost_trades + f.different),
            "unfilled": self.sum(|f| f.unfilled),
            "refused": self.sum(|f| f.refused),
            "honest_sessions_ended": self.sum(|f| f.disconnects),
            "newcomers": { "came": self.newcomers.came, "stayed": self.newcomers.stayed },
            "memory_most": self.most_memory,
            "memory_after": self.memory_after,
            "cpu_seconds": {
                "node": self.cpu.node.map(|cpu| cpu.as_secs_f64()),
                "honest": self.cpu.honest.map(|cpu| cpu.as_secs_f64()),
                "attacker": self.cpu.attacker.map(|cpu| cpu.as_secs_f64()),
                "others": self.cpu.others().map(|cpu| cpu.as_secs_f64()),
            },
            "log_bytes": self.log_bytes,
            "counters": self.counters,
            "failures": self.failures(options),
            "missed": self.is_slow(),
        })
    }
}

fn micros(latency: &Latency, percent: usize) -> Option<u64> {
    let time = latency.percentile(percent)?;
    u64::try_from(time.as_micros()).ok()
}

/// p50, p99 and the longest.
fn times(latency: &Latency) -> String {
    let shown = |percent| match latency.percentile(percent) {
        Some(time) => format!("{:.1}", millis(time)),
        None => "-".to_owned(),
    };
    format!("{}/{}/{} ms", shown(50), shown(99), shown(100))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

//! What came of it, for people and for programs.

use std::time::Duration;

use meshbook_tests::honest::Latency;
use serde_json::{Value, json};

use super::options::Options;
use super::outcome::{ORDER, Of, Outcome, TRADE};

/// Prints what is done.
pub(crate) fn print_head(options: &Options) {
    println!(
        "{} honest nodes, {} orders/s placed and cancelled; the attacker runs when nobody else \
         wants the\nprocessor, as a real one has his own. Latencies: p50/p90/p99/longest",
        options.peers, options.rate
    );
}

/// Prints what came of it all. Whether all is well.
pub(crate) fn print_end(options: &Options, outcomes: &[Outcome]) -> bool {
    let missing = options.attacks.len() - outcomes.len();
    if missing > 0 {
        println!("\nFAILED: {missing} attacks were not made, as the node was gone");
    }
    let well = |one: &&Outcome| one.is_well(options);
    let count = outcomes.iter().filter(well).count();
    let but = match options.figures_only {
        true => ", whatever the latencies",
        false => "",
    };
    let all = options.attacks.len();
    print_table(options, outcomes);
    println!("\n{count} of {all} attacks are borne well{but}");
    if options.json {
        let each: Vec<Value> = outcomes.iter().map(|one| json_of(one, options)).collect();
        println!("{}", json!({ "attacks": each }));
    }
    count == all
}

/// Prints each attack with the figures that it is judged by, and why it is not borne.
fn print_table(options: &Options, outcomes: &[Outcome]) {
    println!(
        "\n{:<11}{:>7}{:>7}{:>7}{:>8}{:>8}{:>8}{:>8}{:>8}{:>7}  why it is not borne",
        "attack",
        "order",
        "trade",
        "memory",
        "disk",
        "lost",
        "missing",
        "differ",
        "refused",
        "untold"
    );
    println!("{:<11}{:>7}{:>7}{:>7}{:>8}", "", "p99", "p99", "MiB", "MiB");
    for one in outcomes {
        let ratio = |of| or_unknown(one.ratio(of, 99).map(|ratio| format!("{ratio:.1}x")));
        let memory = one.most_memory.map(|bytes| format!("{:.0}", mib(bytes)));
        let refused = one.refused() + one.probes.not_placed();
        let mut why = one.failures(options);
        if one.is_slow() {
            why.push("slow");
        }
        println!(
            "{:<11}{:>7}{:>7}{:>7}{:>8.0}{:>8}{:>8}{:>8}{:>8}{:>7}  {}",
            one.attack.name(),
            ratio(ORDER),
            ratio(TRADE),
            or_unknown(memory),
            mib(one.disk.node.max(one.disk.honest)),
            one.sum(|f| f.lost + f.lost_trades),
            one.sum(|f| f.missing),
            one.sum(|f| f.different + f.amounts),
            refused,
            one.probes.untold,
            why.join("; "),
        );
    }
}

/// Prints what came of one attack.
pub(crate) fn print_one(options: &Options, one: &Outcome) {
    let seconds = one.duration.as_secs_f64();
    let rate = |count: u64| count as f64 / seconds;
    println!(
        "\n{} for {seconds:.0} s: {:.0} orders/s, {:.1} trades/s",
        one.attack.name(),
        rate(one.phases.during.orders),
        rate(one.phases.during.trades),
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
        let ratio = |percent| or_unknown(one.ratio(of, percent).map(|r| format!("{r:.1}")));
        let (before, after) = (of(&one.phases.before), of(&one.phases.after));
        println!(
            "  {name}    {}; before {}; after {}; p90 {} times, p99 {} times",
            times(of(&one.phases.during)),
            times(before),
            times(after),
            ratio(90),
            ratio(99),
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
        "  standing  {} pairs of an order and a node missing, {} with another amount; at most {} \
         pieces of an order",
        one.sum(|f| f.missing),
        one.sum(|f| f.amounts),
        one.phases
            .during
            .most_pieces
            .max(one.phases.settling.most_pieces),
    );
    let codes = one.codes();
    if !codes.is_empty() {
        println!("  refused   {codes:?}");
    }
    println!(
        "  newcomers {} of {} got a session",
        one.newcomers.stayed, one.newcomers.came
    );
    let probes = &one.probes;
    println!(
        "  user      {} orders placed, {} unanswered, refused {:?}; takers {} of {} untold, {} \
         sessions ended; /healthz {} of {} unseen; {} messages strayed",
        probes.placed,
        probes.unanswered,
        probes.refused,
        probes.untold,
        probes.takes,
        probes.sessions_ended,
        probes.unseen,
        probes.looks,
        probes.stray,
    );
    println!(
        "  disk      victim {:.1} MiB, an honest node {:.1} MiB",
        mib(one.disk.node),
        mib(one.disk.honest),
    );
    let counters: Vec<String> = one
        .counters
        .iter()
        .map(|(name, n)| format!("{name} {n}"))
        .collect();
    println!("  counters  {}", counters.join(", "));
    if one
        .cpu
        .others()
        .is_some_and(|others| others > one.duration / 2)
    {
        println!("  BUSY      other programs took processor time: latencies say little");
    }
    for failure in one.failures(options) {
        println!("  FAILED    {failure}");
    }
    if one.is_slow() {
        println!("  MISSED    a latency: a p99 of 3 times that in quiet is the most");
    }
}

fn or_unknown(figure: Option<String>) -> String {
    figure.unwrap_or_else(|| "?".to_owned())
}

fn json_of(one: &Outcome, options: &Options) -> Value {
    let latency = |of: Of| {
        let of = |figures| {
            let latency = of(figures);
            json!({
                "p50_us": micros(latency, 50),
                "p90_us": micros(latency, 90),
                "p99_us": micros(latency, 99),
                "max_us": micros(latency, 100),
            })
        };
        json!({
            "before": of(&one.phases.before),
            "during": of(&one.phases.during),
            "after": of(&one.phases.after),
        })
    };
    json!({
        "attack": one.attack.name(),
        "seconds": one.duration.as_secs_f64(),
        "attacker": one.deeds,
        "orders": one.phases.during.orders,
        "trades": one.phases.during.trades,
        "order_latency": latency(ORDER),
        "order_p90_ratio": one.ratio(ORDER, 90),
        "order_p99_ratio": one.ratio(ORDER, 99),
        "trade_latency": latency(TRADE),
        "trade_p90_ratio": one.ratio(TRADE, 90),
        "trade_p99_ratio": one.ratio(TRADE, 99),
        "lost": one.sum(|f| f.lost),
        "lost_trades": one.sum(|f| f.lost_trades + f.different),
        "unfilled": one.sum(|f| f.unfilled),
        "refused": one.sum(|f| f.refused),
        "codes": one.codes(),
        "missing": one.sum(|f| f.missing),
        "other_amounts": one.sum(|f| f.amounts),
        "most_pieces": one.sum(|f| f.most_pieces),
        "probes": {
            "placed": one.probes.placed,
            "refused": one.probes.refused,
            "unanswered": one.probes.unanswered,
            "takes": one.probes.takes,
            "untold": one.probes.untold,
            "sessions_ended": one.probes.sessions_ended,
            "looks": one.probes.looks,
            "unseen": one.probes.unseen,
            "stray": one.probes.stray,
        },
        "disk": { "node": one.disk.node, "honest": one.disk.honest },
        "honest_sessions_ended": one.sum(|f| f.disconnects),
        "newcomers": { "came": one.newcomers.came, "stayed": one.newcomers.stayed },
        "memory_most": one.most_memory,
        "memory_after": one.memory_after,
        "cpu_seconds": {
            "node": one.cpu.node.map(|cpu| cpu.as_secs_f64()),
            "honest": one.cpu.honest.map(|cpu| cpu.as_secs_f64()),
            "attacker": one.cpu.attacker.map(|cpu| cpu.as_secs_f64()),
            "others": one.cpu.others().map(|cpu| cpu.as_secs_f64()),
        },
        "log_bytes": one.log_bytes,
        "counters": one.counters,
        "failures": one.failures(options),
        "missed": one.is_slow(),
    })
}

fn micros(latency: &Latency, percent: usize) -> Option<u64> {
    let time = latency.percentile(percent)?;
    u64::try_from(time.as_micros()).ok()
}

/// p50, p90, p99 and the longest.
fn times(latency: &Latency) -> String {
    let shown = |percent| match latency.percentile(percent) {
        Some(time) => format!("{:.1}", millis(time)),
        None => "-".to_owned(),
    };
    let all = [50, 90, 99, 100].map(shown);
    format!("{} ms", all.join("/"))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

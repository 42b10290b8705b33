//! `cargo xtask bench gossip`: how news spreads in a large network.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use meshbook_simulation::spread::{Kind, Plan, Tally, spread};

/// Places orders in networks of simulated nodes and counts what it takes to tell everybody: in the
/// network that was asked for, in a sparse one of as many nodes, and in a full mesh of eight.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench gossip")]
struct Cli {
    /// How many nodes.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(2..=10_000))]
    nodes: u16,
    /// The most connections of a node.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(2..=1_000))]
    connections: u16,
    /// How many orders.
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u16).range(8..))]
    orders: u16,
    /// Where all chance comes from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only these networks, by their numbers, of 1 to 3.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 3])]
    only: Vec<usize>,
}

/// What a network should keep to once it is warm; whether it does is said.
const MOST_DUPLICATES: f64 = 2.0;
const MOST_HOPS: u8 = 6;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let asked = Plan {
        nodes: cli.nodes.into(),
        connections: cli.connections.into(),
        mesh: false,
        orders: cli.orders.into(),
        owners: 200,
        seed: cli.seed,
    };
    let sparse = Plan {
        connections: 8,
        ..asked
    };
    let mesh = Plan {
        nodes: 8,
        mesh: true,
        connections: 50,
        ..asked
    };
    let mut good = true;
    for (number, plan) in (1..).zip([asked, sparse, mesh]) {
        if !cli.only.contains(&number) {
            continue;
        }
        let begin = Instant::now();
        match spread(&plan) {
            Ok(tally) => {
                report(&plan, &tally);
                let seconds = begin.elapsed().as_secs_f64();
                println!(
                    "  {} messages simulated in {seconds:.1} s\n",
                    tally.messages
                );
                let warm = tally.warm.figures();
                // Goals are set for the network that is asked for.
                let asked = number == 1;
                if asked && warm.duplicates >= MOST_DUPLICATES {
                    println!("  goal missed: under {MOST_DUPLICATES} duplicates when warm\n");
                }
                if asked && warm.hops[1] > MOST_HOPS {
                    println!("  goal missed: at most {MOST_HOPS} hops at p99 when warm\n");
                }
            }
            Err(missing) => {
                println!("FAILED: {plan}: {missing}");
                good = false;
            }
        }
    }
    match good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn report(plan: &Plan, tally: &Tally) {
    let (least, average, most) = tally.connections;
    println!(
        "{plan} (seed {}): {least} to {most}, on average {average:.1}",
        plan.seed
    );
    show("cold", &tally.cold);
    show("warm", &tally.warm);
    let bytes: u64 = tally.background.values().map(|(_, bytes)| bytes).sum();
    let seconds = tally.time as f64 / 1_000.0;
    let each = |sum: f64| sum / seconds / plan.nodes as f64;
    let kinds = tally.background.iter();
    let kinds: Vec<String> = kinds
        .map(|(kind, (messages, _))| format!("{kind} {:.2}", each(*messages as f64)))
        .collect();
    println!(
        "  background of a node in a second: {:.0} bytes received; messages: {}",
        each(bytes as f64),
        kinds.join(", ")
    );
}

fn show(name: &str, kind: &Kind) {
    let figures = kind.figures();
    let [whole, announcing, asking] = figures.messages;
    let [whole_bytes, announced_bytes, asking_bytes] = figures.bytes;
    let [hops, hops_99, hops_most] = figures.hops;
    let [late, late_99, late_most] = figures.latency;
    println!(
        "  {name}: {} orders and cancellations everywhere, {} deliveries",
        kind.said,
        kind.deliveries()
    );
    println!(
        "    for each: {:.2} duplicates, {:.2} whole copies, {:.2} announced hashes",
        figures.duplicates, figures.copies, figures.announcements
    );
    println!(
        "    messages for each: {whole:.2} whole, {announcing:.2} announcing, {asking:.3} asking; \
         bytes: {:.0} = {whole_bytes:.0} + {announced_bytes:.0} + {asking_bytes:.0}",
        whole_bytes + announced_bytes + asking_bytes
    );
    println!(
        "    hops p50 {hops}, p99 {hops_99}, most {hops_most}; \
         latency p50 {late} ms, p99 {late_99} ms, most {late_most} ms"
    );
}

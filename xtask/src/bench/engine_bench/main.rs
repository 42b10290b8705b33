//! Measures the order book engine: `cargo xtask bench engine`.

mod measure;
mod ours;
mod peers;
mod tally;
mod workload;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::Parser;

use crate::measure::{Figures, measure, run_only};
use crate::peers::{ENGINES, PeerFigures, Peers};
use crate::workload::{NAMES, Workload};

/// Measures the order book engine on deterministic workloads, and checks what it did with each.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench engine")]
struct Args {
    /// Which workloads; all if none is named.
    workloads: Vec<String>,

    /// Runs of each; the median counts.
    #[arg(long, default_value_t = 5)]
    repeats: usize,

    /// A folder with the crate `engine-peers`, to build and run beside ours.
    #[arg(long, value_name = "DIR")]
    peers: Option<PathBuf>,

    /// Count instructions an operation under valgrind, instead of measuring time.
    #[arg(long)]
    callgrind: bool,

    /// Only run so many operations after the preload, for a profiler.
    #[arg(long, value_name = "OPERATIONS")]
    run_only: Option<usize>,

    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    let names = NAMES.map(|(name, _)| name);
    if let Some(unknown) = args.workloads.iter().find(|w| !names.contains(&w.as_str())) {
        let known = NAMES
            .map(|(name, what)| format!("  {name:6} {what}"))
            .join("\n");
        return Err(format!(
            "there is no workload {unknown}, but there are\n{known}"
        ));
    }
    let wanted =
        |name: &&str| args.workloads.is_empty() || args.workloads.iter().any(|w| w == name);
    let names = names.into_iter().filter(wanted);
    if args.callgrind {
        return names.into_iter().try_for_each(instructions);
    }
    if let Some(ops) = args.run_only {
        for name in names {
            println!("{}", run_only(&Workload::generate(name), ops));
        }
        return Ok(());
    }
    let peers = args.peers.as_deref().map(Peers::build).transpose()?;
    println!("times are CPU times of the one thread; latencies and sweeps by the wall clock");
    let mut wrong = 0;
    for name in names {
        wrong += u32::from(!report(name, args.repeats, peers.as_ref())?);
    }
    match wrong {
        0 => Ok(()),
        _ => Err(format!("{wrong} workloads came out wrong")),
    }
}

/// Measures a workload and prints its figures; gives whether what was done is right.
fn report(name: &'static str, repeats: usize, peers: Option<&Peers>) -> Result<bool, String> {
    let workload = Workload::generate(name);
    let expected = tally::expected(&workload)?;
    let figures = measure(&workload, repeats);
    let Figures {
        ns_per_op,
        latency: [p50, p99, p999],
        sweep,
        allocations,
        tally,
    } = figures;
    print!(
        "{name:6} {:6.2} M/s {ns_per_op:6.1} ns/op  p50 {p50} p99 {p99} p99.9 {p999} ns",
        1e3 / ns_per_op
    );
    if let Some(sweep) = sweep {
        print!("  sweep {:.2} us", sweep as f64 / 1e3);
    }
    let right = tally == expected;
    println!(
        "  allocations {allocations}  trades {} qty {} cancels {} hash {:016x} {}",
        tally.trades,
        tally.qty,
        tally.cancels,
        tally.hash,
        if right { "right" } else { "WRONG" }
    );
    if !right {
        eprintln!("{name}: expected {expected:?}");
    }
    if let Some(peers) = peers {
        for engine in ENGINES {
            compare(engine, peers.run(engine, &workload, repeats), &figures);
        }
    }
    Ok(right)
}

fn compare(engine: &str, peer: Option<PeerFigures>, ours: &Figures) {
    let Some(peer) = peer else {
        println!("       {engine:14} cannot run it");
        return;
    };
    let ratio = peer.ns_per_op / ours.ns_per_op;
    print!(
        "       {engine:14} {:6.1} ns/op {ratio:5.2} x",
        peer.ns_per_op
    );
    if let (Some(peer), Some(ours)) = (peer.sweep_us, ours.sweep) {
        let ours = ours as f64 / 1e3;
        print!("   sweep {peer:.2} us {:5.2} x", peer / ours);
    }
    println!();
}

/// Prints the instructions that an operation takes: a full run less one of the preload only.
fn instructions(name: &'static str) -> Result<(), String> {
    let binary = std::env::current_exe().map_err(|error| error.to_string())?;
    let count = |ops: usize| -> Result<(u64, usize), String> {
        let run = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(&binary)
            .args([name, "--run-only", &ops.to_string()])
            .output()
            .map_err(|error| format!("valgrind: {error}"))?;
        let text = String::from_utf8_lossy(&run.stderr);
        let collected = text
            .lines()
            .find_map(|line| line.split_once("Collected : "));
        let total = collected.and_then(|(_, total)| total.trim().parse().ok());
        let done = String::from_utf8_lossy(&run.stdout).trim().parse().ok();
        total
            .zip(done)
            .ok_or_else(|| format!("valgrind failed: {text}"))
    };
    let (without, _) = count(0)?;
    let (with, ops) = count(usize::MAX)?;
    let each = (with - without) as f64 / ops as f64;
    println!("{name:6} {each:6.1} instructions an operation");
    Ok(())
}

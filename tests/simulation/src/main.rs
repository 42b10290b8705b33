//! `cargo xtask sim`: many seeds, or one of them to be read.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::{Parser, ValueEnum};
use meshbook_simulation::{
    Bound, Fault, Mutation, Scenario, Summary, Trace, Violation, run, shrink,
};

/// Runs networks of nodes under a virtual clock, with faults, and checks that the rules hold.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask sim")]
struct Cli {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1_000, conflicts_with = "seed")]
    seeds: u64,
    /// The first seed; where absent, one from the clock, so that every run is a new one.
    #[arg(long, conflicts_with = "seed")]
    start: Option<u64>,
    /// Only this seed.
    #[arg(long)]
    seed: Option<u64>,
    /// How many honest nodes: a number, or a range like 3-7.
    #[arg(long, default_value = "3-7", value_parser = range)]
    nodes: RangeInclusive<usize>,
    /// How many threads; as many as there are cores where absent.
    #[arg(long)]
    jobs: Option<usize>,
    /// Shows what happens in the run of --seed.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Exactly these faults, instead of those that the seed decides; or `none`.
    #[arg(long, value_parser = faults)]
    faults: Option<Faults>,
    /// Exactly these bounds are small, instead of those that the seed decides; or `none`.
    #[arg(long, value_parser = bounds)]
    bounds: Option<Bounds>,
    /// So many orders and cancellations.
    #[arg(long)]
    actions: Option<usize>,
    /// For so long users act and faults happen (virtual ms).
    #[arg(long)]
    time: Option<u64>,
    /// Nodes that break this rule, to see what is noticed: for `cargo xtask sim` alone.
    #[arg(long)]
    mutation: Option<Mutation>,
    /// Begins no more runs after so many seconds.
    #[arg(long)]
    within: Option<u64>,
    /// Names failed runs only, and looks for no smaller ones.
    #[arg(long)]
    no_shrink: bool,
    /// Goes on after a failure, until there are so many.
    #[arg(long, default_value_t = 1)]
    failures: usize,
}

#[derive(Clone, Debug)]
struct Faults(BTreeSet<Fault>);

#[derive(Clone, Debug)]
struct Bounds(BTreeSet<Bound>);

fn range(text: &str) -> Result<RangeInclusive<usize>, String> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    match (low.parse(), high.parse()) {
        (Ok(low), Ok(high)) if 1 < low && low <= high && high <= 1_000 => Ok(low..=high),
        _ => Err("a number from 2 to 1000, or a range of them like 3-7".to_owned()),
    }
}

fn faults(text: &str) -> Result<Faults, String> {
    names(text).map(Faults)
}

fn bounds(text: &str) -> Result<Bounds, String> {
    names(text).map(Bounds)
}

/// A list of names, or `none`.
fn names<T: ValueEnum + Ord>(text: &str) -> Result<BTreeSet<T>, String> {
    if text == "none" {
        return Ok(BTreeSet::new());
    }
    let one = |name| {
        let all = T::value_variants().iter().filter_map(T::to_possible_value);
        let all: Vec<String> = all.map(|value| value.get_name().to_owned()).collect();
        T::from_str(name, true).map_err(|_| format!("{name}: none of {}", all.join(", ")))
    };
    text.split(',').map(one).collect()
}

impl Cli {
    fn scenario(&self, seed: u64) -> Scenario {
        let mut scenario = Scenario::draw(seed, self.nodes.clone());
        if let Some(mutation) = self.mutation {
            mutation.provoke(&mut scenario);
        }
        if let Some(Faults(faults)) = &self.faults {
            scenario.faults.clone_from(faults);
        }
        if let Some(Bounds(bounds)) = &self.bounds {
            scenario.bounds.clone_from(bounds);
        }
        scenario.actions = self.actions.unwrap_or(scenario.actions);
        scenario.trouble_time = self.time.unwrap_or(scenario.trouble_time);
        scenario
    }

    /// One seed, loudly.
    fn one(&self, seed: u64) -> ExitCode {
        let scenario = self.scenario(seed);
        let trace = if self.trace {
            Trace::last(usize::MAX)
        } else {
            Trace::off()
        };
        let result = run(&scenario, &trace);
        for line in trace.lines() {
            println!("{line}");
        }
        match result {
            Ok(summary) => {
                println!("{scenario}: all rules hold");
                print!("{}", summary.counts);
                println!(
                    "{} trades, {} statements, {} messages; all agreed {} ms after the last \
                     fault; fingerprint {:016x}",
                    summary.trades,
                    summary.statements,
                    summary.messages,
                    summary.agreed_after,
                    summary.fingerprint
                );
                ExitCode::SUCCESS
            }
            Err(violation) => {
                name(&scenario, &violation);
                if !self.no_shrink {
                    report(&scenario, &violation);
                }
                ExitCode::FAILURE
            }
        }
    }

    /// Many seeds on all cores.
    fn many(&self) -> ExitCode {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH);
        let fresh = || clock.map_or(0, |since| since.as_secs() * 100_000);
        let start = self.start.unwrap_or_else(fresh);
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let jobs = self.jobs.unwrap_or(cores).max(1);
        let begin = Instant::now();
        let next = AtomicU64::new(0);
        let tally = Mutex::new(Tally::default());
        thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let enough = |tally: &Tally| tally.failed.len() >= self.failures;
                        let late = |most| begin.elapsed().as_secs() >= most;
                        if self.within.is_some_and(late) {
                            break;
                        }
                        if index >= self.seeds || tally.lock().is_ok_and(|tally| enough(&tally)) {
                            break;
                        }
                        let scenario = self.scenario(start + index);
                        let result = run(&scenario, &Trace::off());
                        if let Ok(mut tally) = tally.lock() {
                            tally.add(scenario, result);
                        }
                    }
                });
            }
        });
        let tally = tally.into_inner().unwrap_or_default();
        let taken = begin.elapsed();
        print!("{}", tally.sum.counts);
        tally.report(self.no_shrink);
        let runs = tally.passed + tally.failed.len() as u64;
        let a_minute = runs as f64 * 60.0 / taken.as_secs_f64().max(0.001);
        println!(
            "{runs} seeds from {start}, {} failed; {a_minute:.0} seeds a minute on {jobs} threads",
            tally.failed.len()
        );
        println!(
            "{} trades, {} statements, {} messages; all agreed {} ms after the last fault at the latest",
            tally.sum.trades, tally.sum.statements, tally.sum.messages, tally.sum.agreed_after
        );
        match tally.failed.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }
}

#[derive(Debug, Default)]
struct Tally {
    passed: u64,
    sum: Summary,
    failed: Vec<(Scenario, Violation)>,
}

impl Tally {
    fn add(&mut self, scenario: Scenario, result: Result<Summary, Box<Violation>>) {
        match result {
            Ok(summary) => {
                self.passed += 1;
                self.sum.trades += summary.trades;
                self.sum.statements += summary.statements;
                self.sum.messages += summary.messages;
                self.sum.agreed_after = self.sum.agreed_after.max(summary.agreed_after);
                self.sum.counts.add(summary.counts);
            }
            Err(violation) => self.failed.push((scenario, *violation)),
        }
    }

    /// The smallest failed run of each rule in full, the others by their seeds.
    fn report(&self, no_shrink: bool) {
        let mut rules: BTreeMap<&str, Vec<&(Scenario, Violation)>> = BTreeMap::new();
        for failed in &self.failed {
            rules.entry(failed.1.rule).or_default().push(failed);
        }
        for (rule, mut failed) in rules {
            let size = |scenario: &Scenario| scenario.faults.len() * 1_000 + scenario.actions;
            failed.sort_by_key(|(scenario, _)| (size(scenario), scenario.seed));
            let seeds = failed.iter().map(|(scenario, _)| scenario.seed.to_string());
            let seeds: Vec<String> = seeds.take(SEEDS).collect();
            println!("{} times: {rule}: seeds {}", failed.len(), seeds.join(" "));
            if let Some((scenario, violation)) = failed.first() {
                name(scenario, violation);
                if no_shrink {
                    continue;
                }
                report(scenario, violation);
            }
        }
    }
}

/// How many seeds are named that broke one rule.
const SEEDS: usize = 20;
/// How many of the last lines of a failed run are shown, and of those before that name something
/// of what was found.
const LINES: usize = 25;

fn name(scenario: &Scenario, violation: &Violation) {
    println!("FAILED: {violation}");
    println!("replay: cargo xtask sim {scenario} --trace");
}

/// Looks for a smaller run that breaks the same rule, and shows it.
fn report(scenario: &Scenario, violation: &Violation) {
    let (scenario, violation) = shrink(scenario, violation);
    println!("smaller: {violation}");
    println!("replay: cargo xtask sim {scenario} --trace");
    let trace = Trace::last(usize::MAX);
    let again = run(&scenario, &trace);
    if again != Err(Box::new(violation.clone())) {
        println!("The run is not repeatable: that is a fault of the simulator or of the node.");
    }
    // What was said of what the violation names, who died, and how it ended.
    let ids: Vec<&str> = ids(&violation.found).collect();
    let lines = trace.lines();
    let end = lines.len().saturating_sub(LINES);
    let named = |line: &&String| {
        let dies = line.contains(" dies, ") || line.ends_with(" starts");
        dies || ids.iter().any(|id| line.contains(id))
    };
    let before: Vec<&String> = lines[..end].iter().filter(named).collect();
    let skipped = before.len().saturating_sub(LINES);
    for line in &before[skipped..] {
        println!("    {line}");
    }
    println!("    ... the last of {} lines:", lines.len());
    for line in &lines[end..] {
        println!("    {line}");
    }
    println!();
}

/// The ids in a text, as they are shown: by their first 8 digits.
fn ids(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| word.len() == 8 && word.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn main() -> ExitCode {
    // A node that panics is reported as a broken rule, with its words.
    std::panic::set_hook(Box::new(|_| {}));
    let cli = Cli::parse();
    if cli.mutation.is_some() && !cfg!(feature = "mutations") {
        eprintln!("these nodes can break no rule: the feature `mutations` is off");
        return ExitCode::FAILURE;
    }
    match cli.seed {
        Some(seed) => cli.one(seed),
        None => cli.many(),
    }
}

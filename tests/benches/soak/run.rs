//! The soak: phases of quiet and of attack, one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use meshbook_tests::attack::{Attack, Deeds, Target};
use meshbook_tests::honest::{Honest, Load, Newcomers, PhaseFigures, Welcome};
use meshbook_tests::{Node, Vitals};
use tokio::time::{sleep, timeout};

use super::attacker::Attacker;
use super::options::Options;

/// After a start or an attack so much passes before what is measured counts as quiet.
const SETTLING: Duration = Duration::from_secs(5);

/// How long the control address may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came of one attack.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) attack: Attack,
    pub(crate) duration: Duration,
    /// `None` where the attacker came to no end.
    pub(crate) deeds: Option<Deeds>,
    /// The quiet phases before and after, and the attack between them.
    pub(crate) before: PhaseFigures,
    pub(crate) during: PhaseFigures,
    /// Just after the attack, until it is quiet again.
    pub(crate) settling: PhaseFigures,
    pub(crate) after: PhaseFigures,
    pub(crate) newcomers: Welcome,
    pub(crate) most_memory: Option<u64>,
    pub(crate) memory_after: Option<u64>,
    pub(crate) cpu: Cpu,
    pub(crate) counters: BTreeMap<String, u64>,
    pub(crate) log_bytes: u64,
    /// Lines of errors and panics in the node's log.
    pub(crate) bad_lines: usize,
    /// Panics in this process, in which the honest nodes are.
    pub(crate) panics: u64,
    /// The honest nodes all had their sessions at the end.
    pub(crate) all_connected: bool,
    /// The node still ran.
    pub(crate) alive: bool,
}

/// Processor time that was spent during an attack, where the system tells.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cpu {
    pub(crate) node: Option<Duration>,
    /// The honest nodes, and whoever sets them to trade.
    pub(crate) honest: Option<Duration>,
    pub(crate) attacker: Option<Duration>,
    /// All programs of the machine.
    pub(crate) all: Option<Duration>,
}

impl Cpu {
    /// What nobody of these has spent. Much of it makes all latencies worth little.
    pub(crate) fn others(&self) -> Option<Duration> {
        let ours = self.node? + self.honest? + self.attacker?;
        Some(self.all?.saturating_sub(ours))
    }

    fn so_far(node: &Vitals, honest: &Vitals) -> Self {
        Self {
            node: node.cpu(),
            honest: honest.cpu(),
            attacker: None,
            all: Vitals::all_cpus(),
        }
    }

    fn since(self, before: Self, attacker: Option<Duration>) -> Self {
        let spent = |now: Option<Duration>, before: Option<Duration>| Some(now? - before?);
        Self {
            node: spent(self.node, before.node),
            honest: spent(self.honest, before.honest),
            attacker,
            all: spent(self.all, before.all),
        }
    }
}

/// The attacks, with one node for all of them or one for each.
pub(crate) async fn all(options: &Options) -> Vec<Outcome> {
    let panics = count_panics();
    let mut outcomes = Vec::new();
    let at_once = match options.fresh {
        true => 1,
        false => options.attacks.len(),
    };
    for attacks in options.attacks.chunks(at_once.max(1)) {
        outcomes.extend(soak(attacks, options, &panics).await);
    }
    outcomes
}

/// Counts panics of all threads from now on, and shows them as before.
fn count_panics() -> Arc<AtomicU64> {
    let count = Arc::new(AtomicU64::new(0));
    let (counting, show) = (Arc::clone(&count), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |info| {
        counting.fetch_add(1, Relaxed);
        show(info);
    }));
    count
}

/// What is noted of an attack while the load goes on: its figures are known only at the end.
struct Noted {
    outcome: Outcome,
    /// The phases.
    before: usize,
    during: usize,
    settling: usize,
    after: usize,
}

async fn soak(attacks: &[Attack], options: &Options, panics: &AtomicU64) -> Vec<Outcome> {
    let mut builder = Node::named("victim")
        .set("LOG_LEVEL", "info")
        .set("LOG_FORMAT", "json");
    for (name, value) in &options.settings {
        builder = builder.set(name, value);
    }
    let mut node = builder.start().await;
    let vitals = Vitals::of(node.process());
    let own = Vitals::of(std::process::id());
    let honest = Honest::around(node.address, options.peers).await;
    let mut load = honest.trade(options.rate);
    let target = Target {
        peers: node.address,
        control: node.control.address(),
    };

    let mut noted = Vec::new();
    let mut attacker = settle(attacks.first(), target, options).await;
    let mut before = quiet(&load, options).await;
    for (number, attack) in attacks.iter().enumerate() {
        let Some(attacking) = attacker.take().filter(|_| node.runs()) else {
            break;
        };
        eprintln!("{}: {} s", attack.name(), options.attack.as_secs());
        let (counted, log) = (counters(&node).await, log_size(&node));
        let (cpu, panicked) = (Cpu::so_far(&vitals, &own), panics.load(Relaxed));
        let bad = bad_lines(&node);
        let _ = vitals.take_most_resident();
        let during = load.next_phase();
        let start = Instant::now();
        let newcomers = Newcomers::to(node.address);
        let (deeds, spent) = attacking.attack().await.unzip();
        let duration = start.elapsed();
        let spent = Cpu::so_far(&vitals, &own).since(cpu, spent.flatten());

        let settling = load.next_phase();
        let newcomers = newcomers.stop().await;
        attacker = settle(attacks.get(number + 1), target, options).await;
        let all_connected = honest.connected() == options.peers;
        let most_memory = vitals.take_most_resident();
        let after = quiet(&load, options).await;
        let mut rose = counters(&node).await;
        rose.retain(|name, count| {
            *count -= counted.get(name).copied().unwrap_or(0).min(*count);
            *count > 0
        });
        let outcome = Outcome {
            attack: *attack,
            duration,
            deeds,
            before: PhaseFigures::default(),
            during: PhaseFigures::default(),
            settling: PhaseFigures::default(),
            after: PhaseFigures::default(),
            newcomers,
            most_memory,
            memory_after: vitals.resident(),
            cpu: spent,
            counters: rose,
            log_bytes: log_size(&node) - log,
            bad_lines: bad_lines(&node) - bad,
            panics: panics.load(Relaxed) - panicked,
            all_connected,
            alive: node.runs(),
        };
        noted.push(Noted {
            outcome,
            before,
            during,
            settling,
            after,
        });
        before = after;
    }
    load.stop().await;
    honest.shut_down().await;
    let figures = |phase| load.figures(phase);
    noted
        .into_iter()
        .map(|noted| Outcome {
            before: figures(noted.before),
            during: figures(noted.during),
            settling: figures(noted.settling),
            after: figures(noted.after),
            ..noted.outcome
        })
        .collect()
}

/// Lets what was before pass, while the next attacker prepares itself.
async fn settle(next: Option<&Attack>, target: Target, options: &Options) -> Option<Attacker> {
    let prepare = async {
        match next {
            Some(attack) => Some(Attacker::prepare(*attack, target, options).await),
            None => None,
        }
    };
    let (attacker, ()) = tokio::join!(prepare, sleep(SETTLING));
    attacker
}

/// A phase in which nothing happens but trading.
async fn quiet(load: &Load, options: &Options) -> usize {
    let phase = load.next_phase();
    sleep(options.quiet).await;
    phase
}

/// Empty where the node does not answer.
async fn counters(node: &Node) -> BTreeMap<String, u64> {
    let asked = tokio::spawn({
        let control = node.control.clone();
        async move { control.counters().await }
    });
    match timeout(PATIENCE, asked).await {
        Ok(Ok(counters)) => counters,
        _ => BTreeMap::new(),
    }
}

fn log_size(node: &Node) -> u64 {
    let size = std::fs::metadata(node.log()).map(|file| file.len());
    size.unwrap_or(0)
}

fn bad_lines(node: &Node) -> usize {
    node.logged(r#""level":"ERROR""#) + node.logged("panicked at")
}

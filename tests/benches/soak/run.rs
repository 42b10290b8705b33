//! The soak: phases of quiet and of attack, one after the other.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use meshbook_tests::attack::{Attack, Target};
use meshbook_tests::honest::{Honest, Load, Newcomers, Probes, Welcome};
use meshbook_tests::{DiskUse, Node, Vitals, free_ports};
use tokio::time::{sleep, timeout};

use super::attacker::Attacker;
use super::options::Options;
use super::outcome::{Cpu, Disk, Outcome, Phases};
use super::report;

/// After a start or an attack so much passes before what is measured counts as quiet.
const SETTLING: Duration = Duration::from_secs(5);

/// How long the control address may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The attacks, with one node for all of them or one for each. Each is reported once all that was
/// placed has had time to arrive.
pub(crate) async fn all(options: &Options) -> Vec<Outcome> {
    let panics = count_panics();
    let mut outcomes = Vec::new();
    // A node whose log nobody reads is another one.
    let same = |one: &Attack, next: &Attack| {
        !options.fresh && one.is_on_an_unread_log() == next.is_on_an_unread_log()
    };
    for attacks in options.attacks.chunk_by(same) {
        let soak = Soak::start(options, attacks, Arc::clone(&panics)).await;
        outcomes.extend(soak.run(attacks).await);
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

/// A node with honest ones around it that trade.
struct Soak<'a> {
    options: &'a Options,
    node: Node,
    metrics: SocketAddr,
    vitals: Vitals,
    disk: DiskUse,
    honest: Honest,
    honest_disk: DiskUse,
    load: Load,
    /// Of this process.
    own: Vitals,
    panics: Arc<AtomicU64>,
}

/// What is known of the node at some moment.
struct Before {
    counters: BTreeMap<String, u64>,
    log_bytes: u64,
    bad_lines: usize,
    panics: u64,
}

impl<'a> Soak<'a> {
    async fn start(options: &'a Options, attacks: &[Attack], panics: Arc<AtomicU64>) -> Self {
        let (metrics, _) = free_ports();
        let builder = Node::named("victim")
            .set("METRICS_PORT", &metrics.to_string())
            .set("LOG_LEVEL", "info")
            .set("LOG_FORMAT", "json");
        let builder = match attacks.iter().any(|attack| attack.is_on_an_unread_log()) {
            true => builder.with_unread_log(),
            false => builder,
        };
        let settings = options.settings.iter();
        let builder = settings.fold(builder, |builder, (name, value)| builder.set(name, value));
        let node = builder.start().await;
        let honest = Honest::around(node.address, options.peers).await;
        Self {
            options,
            metrics: (Ipv4Addr::LOCALHOST, metrics).into(),
            vitals: Vitals::of(node.process()),
            disk: DiskUse::of(vec![node.data_dir().to_owned()], Some(node.log())),
            honest_disk: honest.disk_use(),
            own: Vitals::of(std::process::id()),
            node,
            load: honest.trade(options.rate),
            honest,
            panics,
        }
    }

    /// Ends early where the node does.
    async fn run(mut self, attacks: &[Attack]) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        // The last attack, and its phases, whose figures are not final yet.
        let mut last: Option<(Outcome, Phases<usize>)> = None;
        let mut attacker = self.settle(attacks.first()).await;
        let mut before = self.quiet().await;
        for (number, attack) in attacks.iter().enumerate() {
            let Some(attacking) = attacker.take().filter(|_| self.node.runs()) else {
                break;
            };
            let known = self.look().await;
            let _ = (self.vitals.take_peak(), self.disk.take_most());
            let _ = self.honest_disk.take_most();
            let during = self.load.next_phase();
            let mut outcome = self.attack(*attack, attacking).await;

            let settling = self.load.next_phase();
            attacker = self.settle(attacks.get(number + 1)).await;
            outcomes.extend(last.take().map(|last| self.finish(last)));
            outcome.most_memory = self.vitals.take_peak();
            outcome.disk = Disk {
                node: self.disk.take_most(),
                honest: self.honest_disk.take_most(),
            };
            outcome.all_connected = self.honest.connected() == self.options.peers;
            let after = self.quiet().await;
            self.compare(&known, &mut outcome).await;
            let phases = Phases {
                before,
                during,
                settling,
                after,
            };
            last = Some((outcome, phases));
            before = after;
        }
        self.load.stop().await;
        outcomes.extend(last.map(|last| self.finish(last)));
        self.honest.shut_down().await;
        outcomes
    }

    async fn attack(&mut self, attack: Attack, attacker: Attacker) -> Outcome {
        let (start, cpu) = (Instant::now(), Cpu::so_far(&self.vitals, &self.own));
        let newcomers = Newcomers::to(self.node.address);
        let probes = Probes::of(&self.node, Some(self.metrics));
        let (deeds, spent) = attacker.attack().await.unzip();
        let (duration, now) = (start.elapsed(), Cpu::so_far(&self.vitals, &self.own));
        let welcome: Welcome = newcomers.stop().await;
        let probes = probes.stop().await;
        Outcome {
            attack,
            duration,
            deeds,
            phases: Phases::default(),
            newcomers: welcome,
            probes,
            disk: Disk::default(),
            most_memory: None,
            memory_after: None,
            cpu: now.since(cpu, spent.flatten()),
            counters: BTreeMap::new(),
            log_bytes: 0,
            bad_lines: 0,
            panics: 0,
            all_connected: false,
            alive: false,
        }
    }

    /// Lets what was before pass, while the next attacker prepares itself.
    async fn settle(&self, next: Option<&Attack>) -> Option<Attacker> {
        let target = Target {
            peers: self.node.address,
            control: self.node.control.address(),
            metrics: Some(self.metrics),
        };
        let prepare = async {
            match next {
                Some(attack) => Some(Attacker::prepare(*attack, target, self.options).await),
                None => None,
            }
        };
        let (attacker, ()) = tokio::join!(prepare, sleep(SETTLING));
        attacker
    }

    /// A phase in which nothing happens but trading.
    async fn quiet(&self) -> usize {
        let phase = self.load.next_phase();
        sleep(self.options.quiet).await;
        phase
    }

    async fn look(&self) -> Before {
        let log = std::fs::metadata(self.node.log());
        let bad = [r#""level":"ERROR""#, "panicked at"];
        Before {
            counters: self.counters().await,
            log_bytes: log.map_or(0, |file| file.len()),
            bad_lines: bad.into_iter().map(|text| self.node.logged(text)).sum(),
            panics: self.panics.load(Relaxed),
        }
    }

    /// Notes what has changed.
    async fn compare(&mut self, before: &Before, outcome: &mut Outcome) {
        let now = self.look().await;
        let rose = |(name, count): (String, u64)| {
            let rise = count - before.counters.get(&name).copied().unwrap_or(0).min(count);
            (rise > 0).then_some((name, rise))
        };
        outcome.counters = now.counters.into_iter().filter_map(rose).collect();
        outcome.log_bytes = now.log_bytes - before.log_bytes;
        outcome.bad_lines = now.bad_lines - before.bad_lines;
        outcome.panics = now.panics - before.panics;
        outcome.memory_after = self.vitals.resident();
        outcome.alive = self.node.runs();
    }

    /// Empty where the node does not answer.
    async fn counters(&self) -> BTreeMap<String, u64> {
        let answer = timeout(PATIENCE, self.node.control.try_counters()).await;
        answer.ok().flatten().unwrap_or_default()
    }

    fn finish(&self, (outcome, phases): (Outcome, Phases<usize>)) -> Outcome {
        let outcome = Outcome {
            phases: phases.map(|phase| self.load.figures(phase)),
            ..outcome
        };
        report::print_one(self.options, &outcome);
        outcome
    }
}

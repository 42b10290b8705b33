//! What came of one attack, and whether that is good enough.

use std::collections::BTreeMap;
use std::time::Duration;

use meshbook_tests::Vitals;
use meshbook_tests::attack::{Attack, Deeds};
use meshbook_tests::honest::{Latency, PhaseFigures, ProbeFigures, Welcome};

use super::options::Options;

/// So many times what it is in quiet the p99 of a latency may be during an attack.
const MOST_RATIO: f64 = 3.0;

/// Percent of the memory bound that a node has to keep to spare: another allocator, another system
/// or a longer run takes more than this one.
const SPARE: u64 = 15;

/// Bytes on disk of a trade of one's own, all that belongs to it included.
const OWN_TRADE: u64 = 12 * 1024;

/// Bytes on disk that a node may take besides: a part of the journal that is being moved, the
/// tables' own room, and the orders of its user.
const DISK_SLACK: u64 = 48 * 1024 * 1024;

/// An order may be sold in a thousand pieces and a rest.
const MOST_PIECES: u64 = 1_001;

/// Addressed messages for others that may come to a bystander each second: requests of honest
/// nodes whose way does not answer go to all.
const STRAY_A_SECOND: u64 = 5;

/// What came of one attack.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) attack: Attack,
    pub(crate) duration: Duration,
    /// `None` where the attacker came to no end.
    pub(crate) deeds: Option<Deeds>,
    pub(crate) phases: Phases<PhaseFigures>,
    pub(crate) newcomers: Welcome,
    pub(crate) probes: ProbeFigures,
    pub(crate) disk: Disk,
    pub(crate) most_memory: Option<u64>,
    pub(crate) memory_after: Option<u64>,
    pub(crate) cpu: Cpu,
    /// Counters of the node that rose.
    pub(crate) counters: BTreeMap<String, u64>,
    pub(crate) log_bytes: u64,
    /// Lines of errors and panics in the node's log.
    pub(crate) bad_lines: usize,
    /// Panics in this process, in which the honest nodes are.
    pub(crate) panics: u64,
    /// The honest nodes all had their sessions when it was quiet again.
    pub(crate) all_connected: bool,
    /// The node still ran.
    pub(crate) alive: bool,
}

/// The most bytes on disk that were seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Disk {
    /// Of the node.
    pub(crate) node: u64,
    /// Of an honest node.
    pub(crate) honest: u64,
}

/// What there is of each phase around an attack.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Phases<T> {
    /// Quiet.
    pub(crate) before: T,
    pub(crate) during: T,
    /// Just after it.
    pub(crate) settling: T,
    /// Quiet again.
    pub(crate) after: T,
}

impl<T> Phases<T> {
    pub(crate) fn map<U>(self, into: impl Fn(T) -> U) -> Phases<U> {
        Phases {
            before: into(self.before),
            during: into(self.during),
            settling: into(self.settling),
            after: into(self.after),
        }
    }
}

/// One of the two latencies.
pub(crate) type Of = fn(&PhaseFigures) -> &Latency;
pub(crate) const ORDER: Of = |figures| &figures.order;
pub(crate) const TRADE: Of = |figures| &figures.trade;

impl Outcome {
    /// Whether everything is as it has to be.
    pub(crate) fn is_well(&self, options: &Options) -> bool {
        let fast = !self.is_slow() || options.figures_only;
        fast && self.failures(options).is_empty()
    }

    /// What must not be, however fast or slow this machine is.
    pub(crate) fn failures(&self, options: &Options) -> Vec<&'static str> {
        let Phases {
            before,
            during,
            settling,
            after,
        } = &self.phases;
        let phases = [before, during, settling, after];
        let over = |most: u64| most > options.bound;
        let spare = options.bound / 100 * (100 - SPARE);
        let short = |most: u64| most > spare && most <= options.bound;
        let own_trades = phases.iter().map(|phase| phase.own_trades).max();
        let disk = options.history + DISK_SLACK;
        let honest_disk = disk + own_trades.unwrap_or(0) * OWN_TRADE;
        let any = |of: fn(&PhaseFigures) -> u64| phases.iter().any(|phase| of(phase) > 0);
        let probes = &self.probes;
        let faults = [
            (!self.alive, "the node has ended"),
            (self.deeds.is_none(), "the attacker has ended early"),
            (
                self.most_memory.is_some_and(over),
                "more memory than the bound",
            ),
            (
                self.most_memory.is_some_and(short),
                "too little of the memory bound to spare",
            ),
            (
                self.disk.node > disk || self.disk.honest > honest_disk,
                "more on disk than others' history may take",
            ),
            (
                any(|phase| phase.missing),
                "orders that stand were missing on honest nodes",
            ),
            (
                any(|phase| phase.amounts),
                "orders that stand differed between honest nodes",
            ),
            (
                phases.iter().any(|phase| !phase.codes.is_empty()),
                "honest orders were refused",
            ),
            (
                any(|phase| phase.most_pieces.saturating_sub(MOST_PIECES)),
                "an order was sold in more pieces than it may be",
            ),
            (
                any(|phase| phase.disconnects),
                "sessions of honest nodes ended",
            ),
            (
                probes.not_placed() > 0,
                "orders of the node's own user were refused or not answered",
            ),
            (probes.untold > 0, "honest takers got no answer"),
            (probes.sessions_ended > 0, "an honest taker's session ended"),
            (probes.unseen > 0, "/healthz did not answer"),
            (
                probes.stray > STRAY_A_SECOND * self.duration.as_secs().max(1),
                "messages for nobody came to bystanders",
            ),
            (self.bad_lines > 0, "errors or panics in the node's log"),
            (self.panics > 0, "panics in honest nodes"),
            (
                !self.all_connected,
                "honest nodes without a session after it",
            ),
            (
                !phases.iter().all(|phase| phase.nothing_is_lost()),
                "orders or trades were lost",
            ),
            (
                phases.iter().any(|phase| phase.unfilled > 0),
                "purchases that ran out of time",
            ),
        ];
        let faults = faults.into_iter().filter(|(is, _)| *is);
        faults.map(|(_, what)| what).collect()
    }

    /// Of the attack and of the time until it is quiet again.
    pub(crate) fn sum(&self, of: impl Fn(&PhaseFigures) -> u64) -> u64 {
        of(&self.phases.during) + of(&self.phases.settling)
    }

    /// Orders that honest nodes refused their users, from the attack on, by the code of the error.
    pub(crate) fn codes(&self) -> BTreeMap<&str, u64> {
        let phases = [
            &self.phases.during,
            &self.phases.settling,
            &self.phases.after,
        ];
        let mut codes = BTreeMap::new();
        for (code, count) in phases.into_iter().flat_map(|phase| &phase.codes) {
            *codes.entry(code.as_str()).or_default() += *count;
        }
        codes
    }

    /// How many those are.
    pub(crate) fn refused(&self) -> u64 {
        self.codes().values().sum()
    }

    /// How a percentile during the attack compares to the lower one of the quiet phases around it.
    pub(crate) fn ratio(&self, of: Of, percent: usize) -> Option<f64> {
        let time = |figures| of(figures).percentile(percent);
        let quiet = [&self.phases.before, &self.phases.after];
        let quiet = quiet.into_iter().filter_map(time).min()?;
        Some(time(&self.phases.during)?.as_secs_f64() / quiet.as_secs_f64())
    }

    /// Whether a latency rose too far.
    pub(crate) fn is_slow(&self) -> bool {
        let slow = |of| self.ratio(of, 99).is_none_or(|ratio| ratio > MOST_RATIO);
        slow(ORDER) || slow(TRADE)
    }
}

/// Processor time that was spent during an attack, where the system tells.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cpu {
    pub(crate) node: Option<Duration>,
    /// The honest nodes, and whoever sets them to trade.
    pub(crate) honest: Option<Duration>,
    pub(crate) attacker: Option<Duration>,
    /// All programs of the machine.
    all: Option<Duration>,
}

impl Cpu {
    pub(crate) fn so_far(node: &Vitals, honest: &Vitals) -> Self {
        Self {
            node: node.cpu(),
            honest: honest.cpu(),
            attacker: None,
            all: Vitals::all_cpus(),
        }
    }

    pub(crate) fn since(self, before: Self, attacker: Option<Duration>) -> Self {
        let spent = |now: Option<Duration>, before: Option<Duration>| Some(now? - before?);
        Self {
            node: spent(self.node, before.node),
            honest: spent(self.honest, before.honest),
            attacker,
            all: spent(self.all, before.all),
        }
    }

    /// What nobody of these has spent. Where that is much, latencies say little.
    pub(crate) fn others(&self) -> Option<Duration> {
        let ours = self.node? + self.honest? + self.attacker?;
        Some(self.all?.saturating_sub(ours))
    }
}

//! What came of one attack, and whether that is good enough.

use std::collections::BTreeMap;
use std::time::Duration;

use meshbook_tests::Vitals;
use meshbook_tests::attack::{Attack, Deeds};
use meshbook_tests::honest::{Latency, PhaseFigures, Welcome};

use super::options::Options;

/// So many times what it is in quiet the p99 of a latency may be during an attack.
const MOST_RATIO: f64 = 3.0;

/// What came of one attack.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) attack: Attack,
    pub(crate) duration: Duration,
    /// `None` where the attacker came to no end.
    pub(crate) deeds: Option<Deeds>,
    pub(crate) phases: Phases<PhaseFigures>,
    pub(crate) newcomers: Welcome,
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
        let faults = [
            (!self.alive, "the node has ended"),
            (self.deeds.is_none(), "the attacker has ended early"),
            (
                self.most_memory.is_some_and(over),
                "more memory than the bound",
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

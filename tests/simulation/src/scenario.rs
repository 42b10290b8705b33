//! What one run consists of: all of it follows from the seed, unless it is narrowed down.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use clap::ValueEnum;

use crate::bounds::Bound;
use crate::mutation::Mutation;
use crate::random::Random;

/// A class of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum Fault {
    /// Connections break, or die without a word; what is on its way is lost.
    Breaks,
    /// The network falls into groups that can't reach each other, for a while.
    Partitions,
    /// Connections carry little, and their queues drop bulk messages.
    SlowLinks,
    /// Messages inside sessions are lost, doubled and reordered, which no real link does.
    Sessions,
    /// Clocks differ and drift, some by more than the protocol allows.
    Skew,
    /// Clocks jump forward and backward.
    ClockJumps,
    /// A node does nothing for a while.
    Stalls,
    /// A process or its machine dies, before, in and after a commit, and starts again.
    Crashes,
    /// A disk can't be written for a while.
    DiskFailures,
    /// A node starts again with an older copy of its disk.
    OldDisks,
    /// A node starts again with its key and nothing else.
    LostDisks,
    /// Owners that break the rules.
    Byzantine,
    /// Rogues flood keep-alives under fresh keys, without orders, with some, and with some that
    /// they keep to themselves.
    FreeKeys,
    /// Rogues forward in others' names and to nobody, and keep or delay what they should relay.
    Forwards,
    /// Rogues' clocks are wrong.
    FalseClocks,
    /// Rogues trade with themselves and buy dust of others, under fresh keys.
    WashTrades,
    /// Rogues ask for pieces of orders that are not there.
    UnknownTakes,
    /// Rogues repeat keep-alives and trades of others, long after they came.
    Replays,
    /// Rogues announce what they never send, and ask for what is not there.
    EmptyNews,
    /// Rogues go on after everything else got well.
    AfterHealing,
}

/// What rogues do; a run has rogues if it has one of these.
const OF_ROGUES: [Fault; 8] = [
    Fault::Byzantine,
    Fault::FreeKeys,
    Fault::Forwards,
    Fault::FalseClocks,
    Fault::WashTrades,
    Fault::UnknownTakes,
    Fault::Replays,
    Fault::EmptyNews,
];

/// What seeds decide on besides [`DRAWN`].
const DRAWN_FOR_ROGUES: [Fault; 8] = [
    Fault::FreeKeys,
    Fault::Forwards,
    Fault::FalseClocks,
    Fault::WashTrades,
    Fault::UnknownTakes,
    Fault::Replays,
    Fault::EmptyNews,
    Fault::AfterHealing,
];

/// The classes that seeds decide on.
const DRAWN: [Fault; 12] = [
    Fault::Breaks,
    Fault::Partitions,
    Fault::SlowLinks,
    Fault::Sessions,
    Fault::Skew,
    Fault::ClockJumps,
    Fault::Stalls,
    Fault::Crashes,
    Fault::DiskFailures,
    Fault::OldDisks,
    Fault::LostDisks,
    Fault::Byzantine,
];

/// A node loses what it had written down.
const FORGETTING: [Fault; 2] = [Fault::OldDisks, Fault::LostDisks];

/// Nobody can tell such a node in time what it had signed.
const AGAINST_RECALL: [Fault; 5] = [
    Fault::Breaks,
    Fault::Partitions,
    Fault::Sessions,
    Fault::Skew,
    Fault::ClockJumps,
];

impl Fault {
    /// Whether it is something that rogues do.
    pub(crate) fn is_of_rogues(self) -> bool {
        OF_ROGUES.contains(&self)
    }

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Where all chance comes from.
    pub seed: u64,
    /// Honest nodes.
    pub nodes: usize,
    /// What users do in all: orders and cancellations.
    pub actions: usize,
    /// For how long users act and faults happen, in virtual milliseconds.
    pub trouble_time: u64,
    /// What goes wrong.
    pub faults: BTreeSet<Fault>,
    /// Of what nodes store little.
    pub bounds: BTreeSet<Bound>,
    /// Which safety rule no node keeps.
    pub mutation: Option<Mutation>,
}

impl Scenario {
    /// The run of this seed, with so many honest nodes.
    #[must_use]
    pub fn draw(seed: u64, nodes: RangeInclusive<usize>) -> Self {
        let mut random = Random::stream(seed, "scenario");
        let nodes = random.between(*nodes.start() as u64, *nodes.end() as u64) as usize;
        let actions = random.between(10, 30 + 6 * nodes.min(20) as u64) as usize;
        let trouble_time = random.between(5_000, 60_000);
        let share = random.pick(&[0, 15, 30, 50]);
        let faults = DRAWN.iter().copied();
        let mut faults: BTreeSet<Fault> = faults.filter(|_| random.percent(share)).collect();
        // A node that lost what it wrote has nothing but its clock and its peers to know what it
        // signed before: either forgets nothing, or the others do not fail it.
        let (lost, needed) = match random.percent(50) {
            true => (FORGETTING.as_slice(), AGAINST_RECALL.as_slice()),
            false => (AGAINST_RECALL.as_slice(), FORGETTING.as_slice()),
        };
        if lost.iter().any(|fault| faults.contains(fault)) {
            faults.retain(|fault| !needed.contains(fault));
        }
        // Rogues and bounds have a stream of their own, so that all else of a seed is as without.
        let mut random = Random::stream(seed, "rogue faults");
        if random.percent(40) {
            let share = random.pick(&[15, 30, 50]);
            let more = DRAWN_FOR_ROGUES.iter().copied();
            faults.extend(more.filter(|_| random.percent(share)));
        }
        let bounds = Bound::draw(&mut random).collect();
        Self {
            seed,
            nodes,
            actions,
            trouble_time,
            faults,
            bounds,
            mutation: None,
        }
    }

    /// Whether this class of faults happens.
    #[must_use]
    pub fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    /// What its rogues do; nothing if it has none.
    pub(crate) fn of_rogues(&self) -> Vec<Fault> {
        let of_rogues = OF_ROGUES.into_iter();
        of_rogues.filter(|fault| self.has(*fault)).collect()
    }

    /// Whether rogues act until the end.
    pub(crate) fn never_rests(&self) -> bool {
        self.has(Fault::AfterHealing) && !self.of_rogues().is_empty()
    }
}

impl fmt::Display for Scenario {
    /// The arguments that replay it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.faults.iter().map(|fault| fault.name()).collect();
        let names = match names.is_empty() {
            true => "none".to_owned(),
            false => names.join(","),
        };
        write!(
            f,
            "--seed {} --nodes {} --actions {} --time {} --faults {names}",
            self.seed, self.nodes, self.actions, self.trouble_time
        )?;
        if !self.bounds.is_empty() {
            let names: Vec<String> = self.bounds.iter().map(|bound| bound.name()).collect();
            write!(f, " --bounds {}", names.join(","))?;
        }
        match self.mutation {
            Some(mutation) => write!(f, " --mutation {}", mutation.name()),
            None => Ok(()),
        }
    }
}

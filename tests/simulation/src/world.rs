//! The whole of one run: parties, what connects them, and time.

use std::fmt;

use meshbook::ledger::Verifier;
use meshbook::node::{Computed, Input, NewOrder};
use meshbook::types::{NetworkId, PeerAddress};

use crate::counts::Counts;
use crate::faults::Trouble;
use crate::host::{Host, Task};
use crate::judge::Judge;
use crate::network::{Cargo, End, Network};
use crate::queue::Queue;
use crate::random::Random;
use crate::rogues::{Move, Rogue, UNREST};
use crate::scenario::Scenario;
use crate::trace::Trace;

/// For how long after the last fault the nodes may disagree (ms).
const PATIENCE: u64 = 240_000;

/// Of a hundred runs so many are judged by what their statements make in other orders.
const PERMUTED: u64 = 25;

/// What nodes count when a bound is reached.
const OF_BOUNDS: [&str; 11] = [
    "answers_full",
    "forward_rate",
    "orders_over_bound",
    "router_queue_full",
    "too_many_early",
    "too_many_open_orders",
    "too_many_orphans",
    "too_many_owners",
    "too_many_proofs",
    "young_owners_too_fast",
    "young_trades_too_fast",
];

/// What happens at its time.
#[derive(Debug)]
pub(crate) enum Happening {
    /// A host looks at what came and what is due.
    Run { host: usize },
    /// A host's disk has written a batch.
    Committed { host: usize, boot: u32 },
    /// A host has worked out what its node wanted.
    Computed {
        host: usize,
        boot: u32,
        computed: Box<Computed>,
    },
    /// A host tries again what it could not write.
    Retry { host: usize, boot: u32 },
    /// A host's process starts.
    Start { host: usize },
    /// Something comes to one end of a connection.
    Arrival { end: End, cargo: Cargo },
    /// An end learns that it has a session.
    Ready { end: End },
    /// An end learns that its connection is gone.
    Gone { end: End, reason: &'static str },
    /// A dial comes to its end.
    Dialed {
        host: usize,
        boot: u32,
        address: PeerAddress,
        to: Option<usize>,
    },
    /// A user places an order.
    Place { host: usize, order: NewOrder },
    /// A user cancels one.
    Cancel { host: usize, which: u64 },
    /// Something goes wrong, or gets well.
    Trouble(Trouble),
    /// From now on nothing goes wrong any more.
    Heal,
    /// A rogue acts.
    Rogue { rogue: usize, what: Move },
    /// Everybody is asked whether all agree.
    Judge,
}

/// A run that went to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Trades, over all nodes.
    pub trades: usize,
    /// Statements that nodes sent, each once.
    pub statements: usize,
    /// Messages that arrived.
    pub messages: u64,
    /// How long after the last fault all agreed (virtual ms).
    pub agreed_after: u64,
    /// A fingerprint of everything that happened: equal for equal runs.
    pub fingerprint: u64,
    /// How often things happened.
    pub counts: Counts,
}

/// A rule that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which one: its number in the consistency rules, and what it says.
    pub rule: &'static str,
    /// What was found.
    pub found: String,
    /// When (virtual ms).
    pub at: u64,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [after {} ms]: {}", self.rule, self.at, self.found)
    }
}

/// One run while it goes on.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) now: u64,
    pub(crate) queue: Queue<Happening>,
    pub(crate) hosts: Vec<Host>,
    /// Parties whose numbers follow those of the hosts.
    pub(crate) rogues: Vec<Rogue>,
    pub(crate) network: Network,
    pub(crate) verifier: Verifier,
    pub(crate) judge: Judge,
    pub(crate) trace: Trace,
    /// What links and dials take.
    pub(crate) luck: Random,
    /// When the last fault ended.
    pub(crate) healed_at: Option<u64>,
    /// The latest time that an honest node's clock has shown, as a virtual one.
    pub(crate) latest: u64,
    pub(crate) messages: u64,
    agreed_after: Option<u64>,
}

/// The network of every run.
pub(crate) fn network_id() -> NetworkId {
    "local".parse().expect("a name of a network")
}

impl World {
    pub(crate) fn new(scenario: Scenario, trace: Trace) -> Self {
        let seed = scenario.seed;
        let mut world = Self {
            now: 0,
            queue: Queue::new(),
            hosts: Vec::new(),
            rogues: Vec::new(),
            network: Network::default(),
            verifier: Verifier::new(network_id()),
            judge: Judge::default(),
            trace,
            luck: Random::stream(seed, "links"),
            healed_at: None,
            latest: 0,
            messages: 0,
            agreed_after: None,
            scenario,
        };
        world.found();
        world.plan_load();
        world.plan_faults();
        world.plan_rogues();
        world
    }

    /// Goes on until all agree after the last fault, or a rule does not hold.
    pub(crate) fn run(mut self) -> Result<Summary, Box<Violation>> {
        while let Some((at, what)) = self.queue.pop() {
            self.now = at;
            self.judge.now = at;
            self.happen(what);
            if let Some(violation) = self.judge.violation.take() {
                return Err(violation);
            }
            if let Some(agreed_after) = self.agreed_after {
                return self.end(agreed_after);
            }
        }
        self.end(0)
    }

    /// What can only be judged of the whole.
    fn end(mut self, agreed_after: u64) -> Result<Summary, Box<Violation>> {
        self.count_full();
        let mut random = Random::stream(self.scenario.seed, "permutations");
        if random.percent(PERMUTED) {
            self.judge.permute(&mut random);
        }
        match self.judge.violation.take() {
            Some(violation) => Err(violation),
            None => Ok(self.judge.summary(agreed_after, self.messages)),
        }
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Run { host } => self.run_host(host),
            Happening::Committed { host, boot } => self.committed(host, boot),
            Happening::Computed {
                host,
                boot,
                computed,
            } => self.computed(host, boot, *computed),
            Happening::Retry { host, boot } => self.retry(host, boot),
            Happening::Start { host } => self.start(host),
            Happening::Arrival { end, cargo } => self.arrival(end, cargo),
            Happening::Ready { end } => self.ready(end),
            Happening::Gone { end, reason } => self.gone(end, reason),
            Happening::Dialed {
                host,
                boot,
                address,
                to,
            } => self.dialed(host, boot, address, to),
            Happening::Place { host, order } => self.task(host, Task::Place(order)),
            Happening::Cancel { host, which } => self.task(host, Task::Cancel(which)),
            Happening::Trouble(trouble) => self.trouble(trouble),
            Happening::Heal => self.heal(),
            Happening::Rogue { rogue, what } => self.rogue(rogue, what),
            Happening::Judge => self.judge_agreement(),
        }
    }

    /// Gives a host something to do. While it is down nobody hears.
    pub(crate) fn task(&mut self, host: usize, task: Task) {
        if self.hosts[host].node.is_none() {
            return;
        }
        self.hosts[host].inbox.push(task);
        self.poke(host, self.now);
    }

    pub(crate) fn input(&mut self, host: usize, input: Input) {
        self.task(host, Task::Input(input));
    }

    /// Makes a host run at `at` at the latest.
    pub(crate) fn poke(&mut self, host: usize, at: u64) {
        let it = &mut self.hosts[host];
        let at = at.max(it.busy_until).max(self.now);
        if it.run_at.is_none_or(|run_at| at < run_at) {
            it.run_at = Some(at);
            self.queue.add(at, Happening::Run { host });
        }
    }

    /// Counts which bounds were reached.
    fn count_full(&mut self) {
        let counts = &mut self.judge.counts;
        for node in self.hosts.iter().filter_map(|host| host.node.as_ref()) {
            for (reason, count) in node.counters() {
                if OF_BOUNDS.contains(reason) {
                    counts.more(format!("bounds: {reason}"), *count);
                }
            }
            let stats = node.ledger().stats();
            counts.more("bounds: evicted by ledgers", stats.evicted);
        }
    }

    fn judge_agreement(&mut self) {
        let Some(healed_at) = self.healed_at else {
            return;
        };
        let after = self.now - healed_at;
        // Where rogues go on, they get their time.
        if self.scenario.never_rests() && after < UNREST {
            self.queue.add(self.now + 1_000, Happening::Judge);
            return;
        }
        match self.disagreement() {
            None => self.agreed_after = Some(after),
            // What is dated ahead is set aside until it is due.
            Some(_) if self.now < healed_at.max(self.latest) + PATIENCE => {
                self.queue.add(self.now + 1_000, Happening::Judge);
            }
            Some((rule, found)) => {
                self.judge.fail(rule, found);
            }
        }
    }
}

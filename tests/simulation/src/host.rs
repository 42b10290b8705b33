//! One honest node's process and machine: what the driver is in a real one.

use std::sync::Arc;

use meshbook::ledger::{Identity, TradeRecord};
use meshbook::node::{Input, NewOrder, Node, NodeConfig, Output, PersistedPeer, Table, Write};
use meshbook::types::{NodeId, OrderId};

use crate::clock::Clock;
use crate::disk::Disk;
use crate::random::Random;

/// What waits for the node.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every task is a received message, so boxing it would only cost"
)]
pub(crate) enum Task {
    Input(Input),
    Place(NewOrder),
    /// The open order of this number, modulo their count, is cancelled.
    Cancel(u64),
}

/// What one run of the node led to.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) writes: Vec<Write>,
    pub(crate) outputs: Vec<Output>,
    /// Trades that are new to the node. They count once they are written.
    pub(crate) trades: Vec<TradeRecord>,
    /// Orders whose cancellation the user is told of with this batch.
    pub(crate) cancelled: Vec<OrderId>,
}

/// At which point of its work a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CrashPoint {
    /// At once, in the middle of whatever it does.
    Now,
    /// With the next batch that writes something: nothing of it is written.
    BeforeCommit,
    /// With the next batch that writes something, in the middle of the record's bytes.
    InCommit,
    /// With the next batch that writes something: all is written, and so many of its other
    /// outputs are carried out, modulo their count and one.
    AfterCommit(usize),
}

/// With which batch it dies, unless it dies at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The next one that has to be flushed.
    Any,
    /// The next one with a request.
    Take,
    /// The next one with a trade of its own.
    Fill,
    /// The next one that refuses a request for a reason that can pass, after all of it: nothing
    /// is written of a refusal.
    Refusal,
}

/// Reasons that can pass, as they are in a refusal: text within text.
const PASSING: [&[u8]; 3] = [
    br#"\"why\":\"gone"#,
    br#"\"why\":\"busy"#,
    br#"\"why\":\"boot"#,
];

impl Moment {
    /// Whether it is this batch.
    pub(crate) fn is(self, batch: &Batch) -> bool {
        if self == Self::Refusal {
            let refuses = |output: &Output| match output {
                Output::Send { message, .. } => PASSING.iter().any(|why| holds(message, why)),
                _ => false,
            };
            return batch.outputs.iter().any(refuses);
        }
        batch.writes.iter().any(|write| match self {
            Self::Any | Self::Refusal => !write.lazy,
            Self::Take => write.table == Table::Takes && write.value.is_some(),
            Self::Fill => write.table == Table::Fills && write.value.is_some(),
        })
    }
}

fn holds(message: &[u8], text: &[u8]) -> bool {
    message.windows(text.len()).any(|window| window == text)
}

/// What a new process finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finds {
    /// All that was written.
    Everything,
    /// The machine died too: what was not flushed may be gone.
    Flushed,
    /// An older copy.
    Backup,
    /// Nothing.
    Nothing,
}

/// How and for how long a process dies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crash {
    pub(crate) point: CrashPoint,
    pub(crate) moment: Moment,
    pub(crate) finds: Finds,
    /// Until it starts again (ms).
    pub(crate) down: u64,
    /// Peers are not told by their systems that the connections are gone.
    pub(crate) silent: bool,
}

/// An honest node.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) identity: Arc<Identity>,
    pub(crate) id: NodeId,
    pub(crate) config: NodeConfig,
    /// Absent while it is down.
    pub(crate) node: Option<Node>,
    pub(crate) boot: u32,
    pub(crate) clock: Clock,
    pub(crate) disk: Disk,
    pub(crate) backup: Disk,
    pub(crate) peers: Vec<PersistedPeer>,
    pub(crate) inbox: Vec<Task>,
    /// When it runs next.
    pub(crate) run_at: Option<u64>,
    /// It does nothing before that: it waits for its disk, or stalls.
    pub(crate) busy_until: u64,
    /// On its way to the disk.
    pub(crate) committing: Option<Batch>,
    /// Could not be written, and is tried again.
    pub(crate) kept: Option<Batch>,
    pub(crate) disk_fails: bool,
    pub(crate) crash: Option<Crash>,
    /// The longest that a flush takes (ms).
    pub(crate) flush_time: u64,
    /// How much later than asked for it wakes up at most (ms).
    pub(crate) lateness: u64,
    pub(crate) random: Random,
}

impl Host {
    pub(crate) fn new(seed: u64, index: usize, config: NodeConfig) -> Self {
        let mut random = Random::stream(seed, &format!("host {index}"));
        let identity = Arc::new(Identity::from_seed(random.bytes()));
        let flush_time = random.pick(&[0, 0, 1, 5, 20]);
        let lateness = random.pick(&[0, 20, 500]);
        Self {
            id: identity.node_id(),
            identity,
            config,
            node: None,
            boot: 0,
            clock: Clock {
                ahead: 0,
                drift: 0,
                started: 0,
            },
            disk: Disk::default(),
            backup: Disk::default(),
            peers: Vec::new(),
            inbox: Vec::new(),
            run_at: None,
            busy_until: 0,
            committing: None,
            kept: None,
            disk_fails: false,
            crash: None,
            flush_time,
            lateness,
            random,
        }
    }
}

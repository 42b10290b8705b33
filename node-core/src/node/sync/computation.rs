//! The long part of a comparison: it goes through everything that is retained, and needs nothing else
//! of the node. So the driver does it beside the node, which goes on with everybody else meanwhile.

use negentropy::{Error, Id, Negentropy};

use super::items::Items;
use crate::node::io::ConnId;
use crate::protocol::MAX_RECON_BYTES;

/// Something to be worked out beside the node, of what was retained when it was begun.
#[derive(Debug)]
pub struct Computation {
    conn: ConnId,
    sid: u64,
    task: Task,
}

#[derive(Debug)]
enum Task {
    Answer { items: Items, question: Vec<u8> },
    TakeUp { ours: Ours, answer: Vec<u8> },
}

/// This node's part of a comparison that it began.
pub(super) type Ours = Negentropy<'static, Items>;

/// What a [`Computation`] came to.
#[derive(Debug)]
pub struct Computed {
    pub(super) conn: ConnId,
    pub(super) sid: u64,
    pub(super) result: Result,
}

#[derive(Debug)]
pub(super) enum Result {
    /// The answer to the peer's question, unless that makes no sense.
    Answer(std::result::Result<Vec<u8>, Error>),
    /// What follows from the peer's answer.
    TakenUp {
        ours: Ours,
        /// The next question, if any is left, unless the answer makes no sense.
        next: std::result::Result<Option<Vec<u8>>, Error>,
        /// What the peer lacks.
        have: Vec<Id>,
        /// What this node lacks.
        need: Vec<Id>,
    },
}

impl Computation {
    /// The answer to a question of the peer's.
    pub(super) const fn answer(conn: ConnId, sid: u64, items: Items, question: Vec<u8>) -> Self {
        let task = Task::Answer { items, question };
        Self { conn, sid, task }
    }

    /// What follows from the peer's answer.
    pub(super) const fn take_up(conn: ConnId, sid: u64, ours: Ours, answer: Vec<u8>) -> Self {
        let task = Task::TakeUp { ours, answer };
        Self { conn, sid, task }
    }

    /// Works it out: some milliseconds of a processor with 50,000 orders.
    #[must_use]
    pub fn run(self) -> Computed {
        let result = match self.task {
            Task::Answer { items, question } => Result::Answer(
                Negentropy::owned(items, MAX_RECON_BYTES as u64)
                    .and_then(|mut negentropy| negentropy.reconcile(&question)),
            ),
            Task::TakeUp { mut ours, answer } => {
                let (mut have, mut need) = (Vec::new(), Vec::new());
                let next = ours.reconcile_with_ids(&answer, &mut have, &mut need);
                Result::TakenUp {
                    ours,
                    next,
                    have,
                    need,
                }
            }
        };
        Computed {
            conn: self.conn,
            sid: self.sid,
            result,
        }
    }
}

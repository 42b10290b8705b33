//! The receiving direction of a connection: reads, verifies, and hands on to the node.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep_until;
use tracing::debug;

use super::lanes::Envelope;
use super::outbox::{Closing, Outbox};
use super::shared::Shared;
use super::turns::Turn;
use super::usage::{LIGHT_BATCH, Standing, Usage, cost};
use crate::node::{ConnId, Direction, Incoming, Input, verify_messages};
use crate::protocol::{
    ForwardBody, FrameTooLarge, Message, SessionError, SessionReader, TakeAnswer, TakeRequest,
};
use crate::transport::{FrameSource, TransportError};

/// Messages of one peer that are verified together, about.
pub const READ_BATCH: usize = 64;
/// Bytes of one peer that are verified together, about.
pub const READ_BATCH_BYTES: usize = 256 * 1024;
/// Batches of one peer that wait for the node. Further ones stay in the peer's socket.
const BATCHES_WAITING: u32 = 2;
/// Signatures that are checked without a pause for others, about: more in one message are handed on in
/// parts.
const SIGNATURES_AT_ONCE: usize = 128;
/// So many at first, and after one that doesn't hold: nobody makes this node check many for nothing.
const SIGNATURES_AT_FIRST: usize = 8;

/// The receiving direction.
pub(super) struct Reading<'a> {
    conn: ConnId,
    shared: &'a Shared,
    reader: SessionReader,
    outbox: &'a Outbox,
    under_way: UnderWay,
    usage: Usage,
    /// Doubles with each part that holds.
    signatures_at_once: usize,
    /// Something did not hold, and the node has not judged the peer yet.
    in_doubt: bool,
    /// For what one frame holds.
    fresh: Vec<Message>,
}

/// What there is to read next; nothing once the peer has closed.
type NextFrame = Option<Result<Bytes, TransportError>>;

/// What was read at once.
#[derive(Default)]
struct Batch {
    /// Each with the bytes of the payloads that it ended.
    messages: VecDeque<(Message, usize)>,
    /// Bytes of payloads that have not ended a message yet.
    carried: usize,
    bytes: usize,
    /// What all of it costs, about.
    cost: Duration,
    end: Option<Closing>,
}

impl Batch {
    /// Adds a message.
    fn push(&mut self, message: Message, bytes: usize) {
        self.cost += cost(&message, bytes, signatures(&message));
        self.messages.push_back((message, bytes));
    }
}

/// What was handed in of one peer, and the node has not taken yet.
#[derive(Clone, Debug)]
pub(super) struct UnderWay(Arc<Semaphore>);

impl UnderWay {
    /// Waits until the node has taken all of it.
    pub(super) async fn end(&self) {
        let _ = self.0.acquire_many(BATCHES_WAITING).await;
    }

    /// Waits for so much of what may be under way.
    async fn shares(&self, count: u32) -> Vec<OwnedSemaphorePermit> {
        let shares = Arc::clone(&self.0).acquire_many_owned(count).await;
        Vec::from_iter(shares.ok())
    }
}

impl<'a> Reading<'a> {
    pub(super) fn new(
        conn: ConnId,
        direction: Direction,
        shared: &'a Shared,
        reader: SessionReader,
        outbox: &'a Outbox,
    ) -> Self {
        let usage = match direction {
            Direction::Inbound => Usage::of_newcomer(),
            Direction::Outbound => Usage::of_dialed(),
        };
        Self {
            conn,
            shared,
            reader,
            outbox,
            under_way: UnderWay(Arc::new(Semaphore::new(BATCHES_WAITING as usize))),
            usage,
            signatures_at_once: SIGNATURES_AT_FIRST,
            in_doubt: false,
            fresh: Vec::new(),
        }
    }

    /// What is handed in of it.
    pub(super) fn under_way(&self) -> UnderWay {
        self.under_way.clone()
    }

    /// Reads, verifies and hands on until the peer closes or breaks a rule.
    pub(super) async fn run(
        mut self,
        source: &mut dyn FrameSource,
        early: Vec<Message>,
    ) -> Closing {
        source.set_limit(self.reader.frame_limit());
        let mut batch = Batch::default();
        for message in early {
            batch.push(message, 0);
        }
        self.usage.note(batch.cost);
        loop {
            while let Some(again) = self.outbox.read_again() {
                sleep_until(again).await;
            }
            if std::mem::take(&mut self.in_doubt) {
                self.under_way.end().await;
            }
            // Taken before reading: while the node is busy with this peer's last batches, what
            // follows stays in the socket, and the peer feels it.
            let mut shares = self.under_way.shares(1).await;
            let first = match batch.messages.is_empty() {
                true => Some(source.next().await),
                false => None,
            };
            // Not before there is something to read: it is missing to the others meanwhile.
            let mut turn = None;
            let proven = self.signatures_at_once >= SIGNATURES_AT_ONCE;
            let standing = self.usage.standing(proven);
            let mut heavy = standing != Standing::Light;
            if heavy {
                turn = Some(self.take_turn(standing, &mut shares).await);
            }
            if let Some(first) = first {
                run(turn.as_ref(), || self.collect(first, source, &mut batch));
                self.usage.note(batch.cost);
            }
            // Also of a peer that was quiet until now.
            if !heavy && batch.cost > LIGHT_BATCH {
                heavy = true;
                turn = Some(self.take_turn(Standing::Heavy, &mut shares).await);
            }
            let inputs = self.verify(&mut batch, turn.as_ref()).await;
            drop(turn);
            let end = batch.end.take_if(|_| batch.messages.is_empty());
            if inputs.is_empty() {
                drop(shares);
            } else {
                let envelope = Envelope {
                    inputs,
                    _shares: shares,
                };
                match heavy {
                    true => self.shared.tell_later(envelope).await,
                    false => self.shared.tell(envelope).await,
                }
            }
            if let Some(end) = end {
                // What was handed in by the one lane comes before what follows by the other.
                self.under_way.end().await;
                return end;
            }
            // A peer that always has more to say must not keep others from this thread.
            tokio::task::yield_now().await;
        }
    }

    /// Waits for what a heavy batch takes: the rest of what this peer may have under way, so that
    /// nothing overtakes anything at a change of lanes, a share of the lane, and its turn.
    async fn take_turn(
        &self,
        standing: Standing,
        shares: &mut Vec<OwnedSemaphorePermit>,
    ) -> Turn<'a> {
        let doors = &self.shared.doors;
        shares.extend(self.under_way.shares(BATCHES_WAITING - 1).await);
        let newcomer = match standing {
            Standing::Newcomer => Some(doors.heavy_turns.newcomer().await),
            Standing::Heavy | Standing::Light => None,
        };
        let share = Arc::clone(&doors.heavy_shares).acquire_owned().await;
        shares.extend(share.ok());
        doors.heavy_turns.take(newcomer).await
    }

    /// Takes a frame, and those behind it that are there already.
    fn collect(&mut self, first: NextFrame, source: &mut dyn FrameSource, batch: &mut Batch) {
        batch.bytes = 0;
        batch.cost = Duration::ZERO;
        let mut next = first;
        loop {
            match next {
                Some(Ok(payload)) => self.read(&payload, batch),
                Some(Err(TransportError::TooLarge { length, limit })) => {
                    let long = FrameTooLarge { length, limit };
                    batch.end = Some(ended_by(&SessionError::TooLarge(long)));
                }
                Some(Err(error)) => batch.end = Some(gone(error.label())),
                None => batch.end = Some(gone("closed_by_peer")),
            }
            let full = batch.messages.len() >= READ_BATCH || batch.bytes >= READ_BATCH_BYTES;
            if full || batch.end.is_some() {
                return;
            }
            let Some(ready) = source.next().now_or_never() else {
                return;
            };
            next = ready;
        }
    }

    fn read(&mut self, payload: &[u8], batch: &mut Batch) {
        batch.bytes += payload.len();
        batch.carried += payload.len();
        if let Err(error) = self.reader.read(payload, &mut self.fresh) {
            batch.end = Some(ended_by(&error));
        }
        for message in self.fresh.drain(..) {
            let bytes = std::mem::take(&mut batch.carried);
            batch.push(message, bytes);
        }
    }

    /// Verifies the messages of a batch, so many signatures at once that others of this thread don't
    /// wait for long. What follows one that doesn't hold stays in the batch until the node has
    /// judged the peer.
    async fn verify(&mut self, batch: &mut Batch, turn: Option<&Turn<'_>>) -> Vec<Input> {
        let (mut inputs, mut part) = (Vec::new(), Part::default());
        while let Some((message, bytes)) = batch.messages.pop_front() {
            let (message, rest) = cut(message, self.signatures_at_once);
            if let Some(rest) = rest {
                batch.messages.push_front((rest, 0));
            }
            part.signatures += signatures(&message);
            part.sizes.push(bytes);
            part.messages.push(message);
            if part.signatures >= self.signatures_at_once {
                run(turn, || self.verify_part(&mut part, &mut inputs));
                if self.in_doubt {
                    return inputs;
                }
                tokio::task::yield_now().await;
            }
        }
        run(turn, || self.verify_part(&mut part, &mut inputs));
        inputs
    }

    fn verify_part(&mut self, part: &mut Part, inputs: &mut Vec<Input>) {
        let Part {
            messages, sizes, ..
        } = std::mem::take(part);
        let verified = verify_messages(messages, self.shared.node_id, &self.shared.verifier);
        self.in_doubt = verified.iter().any(is_the_peers_fault);
        self.signatures_at_once = match self.in_doubt {
            true => SIGNATURES_AT_FIRST,
            false => (2 * self.signatures_at_once).min(SIGNATURES_AT_ONCE),
        };
        inputs.extend(
            verified
                .into_iter()
                .zip(sizes)
                .map(|(message, bytes)| Input::Received {
                    conn: self.conn,
                    bytes,
                    message,
                }),
        );
    }
}

/// Does what is heavy in its turn, and what is light at once.
fn run<T>(turn: Option<&Turn<'_>>, work: impl FnOnce() -> T) -> T {
    match turn {
        Some(turn) => turn.run(work),
        None => work(),
    }
}

/// What is verified together.
#[derive(Default)]
struct Part {
    messages: Vec<Message>,
    sizes: Vec<usize>,
    signatures: usize,
}

/// The beginning of a long message, and the rest; both together mean the same.
fn cut(message: Message, signatures: usize) -> (Message, Option<Message>) {
    fn cut<T>(
        mut items: Vec<T>,
        most: usize,
        make: fn(Vec<T>) -> Message,
    ) -> (Message, Option<Message>) {
        let rest = items.split_off(most.max(1).min(items.len()));
        let rest = (!rest.is_empty()).then(|| make(rest));
        (make(items), rest)
    }
    match message {
        Message::Statements(raw) => cut(raw, signatures, Message::Statements),
        Message::Trades(raw) => cut(raw, signatures / 4, Message::Trades),
        message => (message, None),
    }
}

/// Returns the number of signatures to verify for a message.
fn signatures(message: &Message) -> usize {
    match message {
        Message::Statements(raw) => raw.len(),
        Message::Trades(raw) => 4 * raw.len(),
        Message::Proofs(raw) => 2 * raw.len(),
        Message::Take(take) => of_take(take),
        Message::Answer(answer) => of_answer(answer),
        Message::Forward(forward) => match &forward.body {
            ForwardBody::Take(take) => of_take(take),
            ForwardBody::Answer(answer) => of_answer(answer),
        },
        _ => 0,
    }
}

/// The signatures of a take: its two statements', and those of the refusals that it may embed, as
/// far as their length tells before they are read.
fn of_take(take: &TakeRequest) -> usize {
    2 + take.req.p.len() / SHORTEST_REFUSAL
}

fn of_answer(answer: &TakeAnswer) -> usize {
    1 + answer.answer.p.len() / SHORTEST_REFUSAL
}

/// Bytes of the shortest refusal that a statement can embed: its key and its signature alone.
const SHORTEST_REFUSAL: usize = 256;

/// Whether something did not hold that the peer itself should have checked.
fn is_the_peers_fault(message: &Incoming) -> bool {
    match message {
        Incoming::Statements { refused, .. }
        | Incoming::Trades { refused, .. }
        | Incoming::Proofs { refused, .. } => !refused.is_empty(),
        Incoming::Invalid { .. } => true,
        Incoming::Plain(_)
        | Incoming::Take { .. }
        | Incoming::Answer { .. }
        | Incoming::Forward(_) => false,
    }
}

/// The peer broke a rule of the session, and is told which, as far as it can be.
fn ended_by(error: &SessionError) -> Closing {
    debug!(%error, "a session failed");
    Closing {
        error: error.code().map(|code| (code, error.to_string())),
        reason: error.reason(),
    }
}

const fn gone(reason: &'static str) -> Closing {
    Closing {
        error: None,
        reason,
    }
}

//! One connection: from its handshake to its end, with a task for each direction.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep_until, timeout, timeout_at};
use tracing::{debug, info};

use super::lanes::Envelope;
use super::outbox::{Closing, Outbox, Turn};
use super::shared::Shared;
use super::usage::{LIGHT_BATCH, Usage, cost};
use crate::node::{ConnId, Direction, Incoming, Input, verify_messages};
use crate::protocol::{
    Dialect, Established, FrameTooLarge, Handshaking, Message, Opening, PeerInfo, SessionError,
    SessionReader, SessionWriter, Step, encode,
};
use crate::runtime::entropy;
use crate::transport::{Connection, FrameSink, FrameSource, TransportError, drain};
use crate::types::NodeId;

/// How long a dial may take until there is a connection, name resolution included.
pub const DIAL_TIME: Duration = Duration::from_secs(10);
/// Messages of one peer that are verified together, about.
pub const READ_BATCH: usize = 64;
/// Bytes of one peer that are verified together, about.
pub const READ_BATCH_BYTES: usize = 256 * 1024;
/// How long a peer may take to drain each 64 KiB: one that drains nothing is disconnected after
/// this.
pub const STALL_TIME: Duration = Duration::from_secs(30);
/// How long the last words of a connection may take, the peer's own end included.
pub const CLOSE_TIME: Duration = Duration::from_secs(2);

/// Batches of one peer that wait for the node. Further ones stay in the peer's socket.
const BATCHES_WAITING: u32 = 2;
/// Signatures that are checked without a pause for others, about: more in one message are handed on in
/// parts.
const SIGNATURES_AT_ONCE: usize = 128;
/// So many at first, and after one that doesn't hold: nobody makes this node check many for nothing.
const SIGNATURES_AT_FIRST: usize = 8;
/// Bytes that are handed to the sink between two flushes, about.
const WRITE_BATCH: usize = 64 * 1024;

/// Makes a session of `connection`. If that fails the peer was told why, as far as it can be, and
/// the connection is closed.
pub(super) async fn shake_hands(
    shared: &Shared,
    connection: &mut Connection,
    opening: Opening,
) -> Result<Established, SessionError> {
    // Without entropy there is no session with anybody, and no way to say so.
    let entropy = entropy().map_err(|_| SessionError::ClosedEarly)?;
    let config = Arc::clone(&shared.session);
    let mut shaking = Handshaking::new(config, opening, entropy, shared.clock.now());
    let deadline = shared.clock.instant(shaking.deadline());
    let error = loop {
        // A failed write means little: what the peer said before it closed comes by reading.
        let write = send(&mut *connection.sink, shaking.outgoing());
        let read = async {
            let _ = write.await;
            connection.source.next().await
        };
        let read = timeout_at(deadline, read).await;
        let now = shared.clock.now();
        let step = match read {
            Ok(Some(Ok(payload))) => shaking.on_frame(&payload, now),
            Ok(Some(Err(TransportError::TooLarge { length, limit }))) => {
                let long = FrameTooLarge { length, limit };
                Err(shaking.fail(SessionError::TooLarge(long), now))
            }
            Ok(Some(Err(_)) | None) => Err(shaking.on_closed()),
            Err(_) => Err(shaking.on_timeout(now)),
        };
        match step {
            Ok(Step::Continue) => {}
            Ok(Step::Ready(established)) => {
                let sent = timeout_at(deadline, send(&mut *connection.sink, shaking.outgoing()));
                match sent.await {
                    Ok(Ok(())) => return Ok(*established),
                    Ok(Err(_)) => break SessionError::ClosedEarly,
                    Err(_) => break SessionError::HandshakeTimeout,
                }
            }
            Err(error) => break error,
        }
    };
    let goodbye = async {
        let _ = send(&mut *connection.sink, shaking.outgoing()).await;
        let _ = connection.sink.close().await;
        drain(&mut *connection.source).await;
    };
    let _ = timeout(CLOSE_TIME, goodbye).await;
    Err(error)
}

async fn send(sink: &mut dyn FrameSink, frames: Vec<Bytes>) -> Result<(), TransportError> {
    for frame in frames {
        sink.feed(frame).await?;
    }
    sink.flush().await
}

/// Runs a ready session to its end.
pub(super) async fn run(
    shared: &Arc<Shared>,
    connection: Connection,
    established: Established,
    direction: Direction,
) {
    let Connection {
        mut source,
        sink,
        remote,
        slot,
    } = connection;
    let Established {
        peer,
        reader,
        writer,
        early,
    } = established;
    drop(slot);
    let (conn, outbox) = shared.register();
    info!(peer = %peer.id, %remote, ?direction, "peer connected");
    let writing = Writing {
        sink,
        writer,
        dialect: peer.dialect,
        outbox: Arc::clone(&outbox),
        shared: Arc::clone(shared),
    };
    let waiting = Arc::new(Semaphore::new(BATCHES_WAITING as usize));
    let reading = Reading {
        conn,
        shared,
        reader,
        outbox: &outbox,
        waiting: Arc::clone(&waiting),
        usage: Usage::new(),
        signatures_at_once: SIGNATURES_AT_FIRST,
        in_doubt: false,
        fresh: Vec::new(),
    };
    let name = peer.id.clone();
    let info = PeerInfo { ..peer };
    let connected = Input::Connected {
        conn,
        info,
        direction,
        remote: remote.clone(),
    };
    shared.tell(connected).await;

    let (ended, end_of_writing) = tokio::sync::oneshot::channel::<()>();
    let kill_writing = shared.kill.child_token();
    let killed = kill_writing.clone();
    shared.spawn(async move {
        killed.run_until_cancelled(writing.run()).await;
        drop(ended);
    });
    // Whichever way this function ends, the writing task doesn't outlive it.
    let kill_writing = kill_writing.drop_guard();

    tokio::select! {
        closing = reading.run(&mut *source, early) => {
            outbox.close(closing.error, closing.reason);
        }
        _ = outbox.closing() => {}
    }
    let closing = outbox.closing().await;
    // Reading on keeps unread input from resetting the connection under the last words.
    let last_words = async { tokio::join!(end_of_writing, drain(&mut *source)).0 };
    let _ = timeout(CLOSE_TIME, last_words).await;
    drop(kill_writing);
    shared.unregister(conn);
    let reason = closing.reason;
    info!(peer = %name, %remote, reason, "peer disconnected");
    // What it said last may still wait in the heavy lane: it comes before its end.
    let _ = waiting.acquire_many(BATCHES_WAITING).await;
    shared.tell(Input::Disconnected { conn, reason }).await;
}

/// The receiving direction.
struct Reading<'a> {
    conn: ConnId,
    shared: &'a Shared,
    reader: SessionReader,
    outbox: &'a Outbox,
    waiting: Arc<Semaphore>,
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

impl Reading<'_> {
    /// Reads, verifies and hands on until the peer closes or breaks a rule.
    async fn run(mut self, source: &mut dyn FrameSource, early: Vec<Message>) -> Closing {
        source.set_limit(self.reader.frame_limit());
        let mut batch = Batch {
            messages: early.into_iter().map(|message| (message, 0)).collect(),
            ..Batch::default()
        };
        loop {
            while let Some(again) = self.outbox.read_again() {
                sleep_until(again).await;
            }
            if std::mem::take(&mut self.in_doubt) {
                self.until_taken().await;
            }
            // Taken before reading: while the node is busy with this peer's last batches, what
            // follows stays in the socket, and the peer feels it.
            let mut shares = self.own_shares(1).await;
            let first = match batch.messages.is_empty() {
                true => Some(source.next().await),
                false => None,
            };
            // Not before there is something to read: it is missing to the others meanwhile.
            let mut turn = None;
            let mut heavy = self.usage.is_heavy();
            if heavy {
                turn = self.take_turn(&mut shares).await;
            }
            if let Some(first) = first {
                self.collect(first, source, &mut batch);
            }
            // Also of a peer that was quiet until now.
            if !heavy && batch.cost > LIGHT_BATCH {
                heavy = true;
                turn = self.take_turn(&mut shares).await;
            }
            let inputs = self.verify(&mut batch).await;
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
                self.until_taken().await;
                return end;
            }
            // A peer that always has more to say must not keep others from this thread.
            tokio::task::yield_now().await;
        }
    }

    /// So much of what this peer may have under way.
    async fn own_shares(&self, count: u32) -> Vec<OwnedSemaphorePermit> {
        let own = Arc::clone(&self.waiting).acquire_many_owned(count).await;
        Vec::from_iter(own.ok())
    }

    /// Waits for what a heavy batch takes: the rest of what this peer may have under way, so that
    /// nothing overtakes anything at a change of lanes, a share of the lane, and its turn.
    async fn take_turn(
        &self,
        shares: &mut Vec<OwnedSemaphorePermit>,
    ) -> Option<OwnedSemaphorePermit> {
        let doors = &self.shared.doors;
        shares.extend(self.own_shares(BATCHES_WAITING - 1).await);
        let share = Arc::clone(&doors.heavy_shares).acquire_owned().await;
        shares.extend(share.ok());
        Arc::clone(&doors.heavy_turns).acquire_owned().await.ok()
    }

    /// Waits until the node has taken all that was handed in.
    async fn until_taken(&self) {
        let _ = self.waiting.acquire_many(BATCHES_WAITING).await;
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
            batch.cost += cost(&message, bytes, signatures(&message, self.shared.node_id));
            batch.messages.push_back((message, bytes));
        }
    }

    /// Verifies the messages of a batch, so many signatures at once that others of this thread don't
    /// wait for long. What follows one that doesn't hold stays in the batch until the node has
    /// judged the peer.
    async fn verify(&mut self, batch: &mut Batch) -> Vec<Input> {
        let (mut inputs, mut part) = (Vec::new(), Part::default());
        while let Some((message, bytes)) = batch.messages.pop_front() {
            let (message, rest) = cut(message, self.signatures_at_once);
            if let Some(rest) = rest {
                batch.messages.push_front((rest, 0));
            }
            let signatures = signatures(&message, self.shared.node_id);
            self.usage.note(cost(&message, bytes, signatures));
            part.signatures += signatures;
            part.sizes.push(bytes);
            part.messages.push(message);
            if part.signatures >= self.signatures_at_once {
                self.verify_part(&mut part, &mut inputs);
                if self.in_doubt {
                    return inputs;
                }
                tokio::task::yield_now().await;
            }
        }
        self.verify_part(&mut part, &mut inputs);
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

/// How many signatures the node `me` has to look at for a message.
fn signatures(message: &Message, me: NodeId) -> usize {
    match message {
        Message::Statements(raw) => raw.len(),
        Message::Trades(raw) => 4 * raw.len(),
        Message::Proofs(raw) => 2 * raw.len(),
        Message::Take(_) | Message::Answer(_) => 2,
        Message::Forward(forward) if forward.to == me => 2,
        _ => 0,
    }
}

/// Whether something did not hold that the peer itself should have checked.
fn is_the_peers_fault(message: &Incoming) -> bool {
    match message {
        Incoming::Statements { refused, .. }
        | Incoming::Trades { refused, .. }
        | Incoming::Proofs { refused, .. } => !refused.is_empty(),
        Incoming::Invalid { relayed, .. } => !relayed,
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

/// The sending direction.
struct Writing {
    sink: Box<dyn FrameSink>,
    writer: SessionWriter,
    dialect: Dialect,
    outbox: Arc<Outbox>,
    shared: Arc<Shared>,
}

impl Writing {
    /// Writes what is queued until the connection is to end; then says the last words.
    async fn run(mut self) {
        let mut messages = Vec::new();
        loop {
            messages.clear();
            match self.outbox.turn(WRITE_BATCH, &mut messages).await {
                Turn::Write => {
                    if let Err(reason) = self.write(&messages).await {
                        self.outbox.close(None, reason);
                        return;
                    }
                }
                Turn::Close(closing) => {
                    if let Some((code, message)) = closing.error {
                        let error = Message::Error { code, message };
                        let from = self.shared.node_id.to_string();
                        let wall = self.shared.clock.now().wall;
                        if let Ok(error) = encode(&error, self.dialect, &from, wall) {
                            let _ = self.write(&[error]).await;
                        }
                    }
                    // The peer learns it from the end of the connection otherwise.
                    let _ = self.sink.close().await;
                    return;
                }
            }
        }
    }

    async fn write(&mut self, messages: &[Bytes]) -> Result<(), &'static str> {
        let mut frames = Vec::new();
        let written = self.writer.write_those_that_fit(messages, &mut frames);
        match written.map_err(|error| error.reason())? {
            0 => {}
            too_long => debug!(too_long, "left out messages above the limit"),
        }
        let bytes: usize = frames.iter().map(Bytes::len).sum();
        let turns = u32::try_from(bytes / WRITE_BATCH).unwrap_or(u32::MAX);
        let patience = STALL_TIME.saturating_mul(turns.saturating_add(1));
        match timeout(patience, send(&mut *self.sink, frames)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.label()),
            Err(_) => Err("stalled"),
        }
    }
}

//! One connection: from its handshake to its end, with a task for each direction.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::time::{timeout, timeout_at};
use tracing::{debug, info};

use super::outbox::{Outbox, Turn};
use super::reading::Reading;
use super::shared::Shared;
use crate::node::{Direction, Input};
use crate::protocol::{
    Dialect, Established, FrameTooLarge, Handshaking, Message, Opening, PeerInfo, SessionError,
    SessionWriter, Step, encode,
};
use crate::runtime::entropy;
use crate::transport::{Connection, FrameSink, TransportError, drain};

/// How long a dial may take until there is a connection, name resolution included.
pub const DIAL_TIME: Duration = Duration::from_secs(10);
/// How long a peer may take to drain each 64 KiB: one that drains nothing is disconnected after
/// this.
pub const STALL_TIME: Duration = Duration::from_secs(30);
/// How long the last words of a connection may take, the peer's own end included.
pub const CLOSE_TIME: Duration = Duration::from_secs(2);

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
    let reading = Reading::new(conn, direction, shared, reader, &outbox);
    let under_way = reading.under_way();
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
    under_way.end().await;
    shared.tell(Input::Disconnected { conn, reason }).await;
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

//! What a transport is, and what it gives.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{Sink, Stream, StreamExt};
use thiserror::Error;

use super::http::HttpHandler;
use super::slots::{HandshakeSlot, HandshakeSlots};
use crate::protocol::FrameTooLarge;
use crate::types::PeerAddress;

/// A way to reach peers and to be reached.
///
/// Whoever implements this promises:
/// - **Whole frames, in order.** What one side sends as one frame, the other side gets as one
///   frame, unchanged, in the order of sending, or the connection ends. Nothing is resent after
///   an end, and nothing comes twice.
/// - **Bounded buffers.** A sink holds at most [`super::SEND_BUFFER`] bytes and one frame before
///   it says that it isn't ready; a source allocates for what arrived, not for what a peer
///   announced, or at most `max_frame` where a library leaves no choice.
/// - **No policy.** A transport doesn't redial, doesn't ban and sets no time limit on an idle
///   connection: that is decided above. It only limits what happens before there is a connection.
/// - **Nothing outlives its owner.** Tasks and sockets of a listener end when it is dropped,
///   those of a connection when both its halves are.
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Listens on `address`; port 0 takes a free one.
    ///
    /// Cancel safe: dropped early, it leaves no socket behind.
    ///
    /// # Errors
    /// What the system says, with the kind [`io::ErrorKind::AddrInUse`] for a port in use.
    fn listen(
        &self,
        address: SocketAddr,
        options: ListenOptions,
    ) -> BoxFuture<'_, io::Result<Box<dyn Listener>>>;

    /// Connects to `address`, name resolution included. Does nothing before it is polled. The
    /// caller sets the time limit over all, and drops the future when it is over. No source limit
    /// will be set above `max_frame`.
    ///
    /// # Errors
    /// [`TransportError`]; an address where nobody listens is an error and not a wait.
    fn dial(
        &self,
        address: &PeerAddress,
        max_frame: usize,
    ) -> BoxFuture<'static, Result<Connection, TransportError>>;
}

/// A listening place. Dropping it stops listening, and ends what had not been accepted yet, in a
/// moment; [`close`](Listener::close) says when.
pub trait Listener: fmt::Debug + Send {
    /// Where it listens, with the port that the system chose if 0 was asked for.
    fn local_address(&self) -> SocketAddr;

    /// The next one who came. Cancel safe: dropped early, nobody is lost. Never ends; troubles
    /// of the system, like a lack of file handles, are waited out.
    fn accept(&mut self) -> BoxFuture<'_, Arrival>;

    /// Stops listening. When the future resolves, the address is free and no task is left.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// Who came to a [`Listener`].
#[derive(Debug)]
pub enum Arrival {
    /// A connection, which has not yet said a word.
    Connection(Connection),
    /// Somebody was turned away: no slot was free, or it spoke nothing known.
    Refused {
        /// From where.
        remote: PeerAddress,
        /// Why, as a stable label.
        reason: &'static str,
    },
}

/// How to listen.
#[derive(Clone, Debug)]
pub struct ListenOptions {
    /// Where a connection takes its slot before anything of it is read.
    pub slots: Arc<HandshakeSlots>,
    /// No source limit will be set above this.
    pub max_frame: usize,
    /// Whether peers may come in directly. If not, whoever tries is answered in HTTP, which is what
    /// this port then speaks.
    pub direct: bool,
    /// Who answers plain HTTP. Without one, a request is told what this port is.
    pub http: Option<Arc<dyn HttpHandler>>,
}

/// A connection: two halves that can live in different tasks. Dropping both closes it.
#[derive(Debug)]
pub struct Connection {
    /// What comes in.
    pub source: Box<dyn FrameSource>,
    /// What goes out.
    pub sink: Box<dyn FrameSink>,
    /// What was dialed; of an inbound connection, where it came from.
    pub remote: PeerAddress,
    /// An inbound connection's slot, to be dropped once a session is ready.
    pub slot: Option<HandshakeSlot>,
}

/// The receiving half: a stream of frames.
///
/// - It yields `None` once the peer has closed its sink and all its frames were yielded, or once
///   the peer vanished. It yields an error at most once, and then `None`.
/// - `next` is cancel safe: no frame is lost when its future is dropped.
/// - Until [`set_limit`](FrameSource::set_limit) raises it, no frame longer than
///   [`super::FIRST_LIMIT`] is taken.
pub trait FrameSource:
    Stream<Item = Result<Bytes, TransportError>> + fmt::Debug + Send + Unpin
{
    /// Sets how long a payload may be, from the next frame on. A longer one is
    /// [`TransportError::TooLarge`] and ends the stream.
    fn set_limit(&mut self, bytes: usize);
}

/// The sending half: a sink of frames.
///
/// - Sending only buffers; `flush` resolves when the system has taken everything. Whoever sends
///   many frames feeds them and flushes once.
/// - It isn't ready while [`super::SEND_BUFFER`] bytes or more wait: that is the back-pressure
///   of a peer that doesn't read.
/// - `close` flushes and tells the peer that nothing more comes. Frames of the peer may still
///   be read afterwards, as far as the transport can.
/// - After an error every call gives an error.
pub trait FrameSink: Sink<Bytes, Error = TransportError> + fmt::Debug + Send + Unpin {}

impl<T: Sink<Bytes, Error = TransportError> + fmt::Debug + Send + Unpin> FrameSink for T {}

/// Why a connection did not come about, or ended.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The name of the host means nothing here.
    #[error("the name {host} could not be resolved")]
    Unresolved {
        /// The name.
        host: String,
    },
    /// A frame is longer than the limit.
    #[error("a frame of {length} bytes came where at most {limit} are allowed")]
    TooLarge {
        /// What the peer announced or sent.
        length: usize,
        /// The limit at that moment.
        limit: usize,
    },
    /// The peer vanished within a frame.
    #[error("the connection ended within a frame")]
    Truncated,
    /// The peer broke the rules of the WebSocket protocol, or refused the upgrade.
    #[error("the WebSocket failed: {0}")]
    WebSocket(String),
    /// There is no tunnel in Grenache's RPC.
    #[error("the tunnel failed: {0}")]
    Tunnel(String),
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
    /// The system says no.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl TransportError {
    /// The stable label by which it is counted.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Unresolved { .. } => "unresolved",
            Self::TooLarge { .. } => "frame_too_large",
            Self::Truncated => "truncated",
            Self::WebSocket(_) => "websocket",
            Self::Tunnel(_) => "tunnel",
            Self::Closed => "closed",
            Self::Io(error) => match error.kind() {
                io::ErrorKind::ConnectionRefused => "connection_refused",
                io::ErrorKind::TimedOut => "timed_out",
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "connection_reset",
                io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "unreachable",
                _ => "io",
            },
        }
    }
}

impl From<FrameTooLarge> for TransportError {
    fn from(error: FrameTooLarge) -> Self {
        let FrameTooLarge { length, limit } = error;
        Self::TooLarge { length, limit }
    }
}

/// What is read at most, in bytes, of a peer that goes on talking while it is taken leave of: more
/// than a peer has under way that reads what it is told.
const DRAINED: usize = 256 * 1024;

/// Reads and forgets until the peer closes, or has said more than anybody needs to who listens.
/// After the last frame was sent, this keeps the system from resetting the connection over unread
/// input, which would take the last frame with it. Give it a time limit.
pub async fn drain(source: &mut dyn FrameSource) {
    let mut heard = 0;
    while heard <= DRAINED
        && let Some(Ok(frame)) = source.next().await
    {
        heard += frame.len().max(1);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use super::*;

    /// Talks on and on, or until it has said so many frames.
    #[derive(Debug)]
    struct Talker {
        frame: Bytes,
        left: usize,
    }

    impl Stream for Talker {
        type Item = Result<Bytes, TransportError>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            let left = self.left.checked_sub(1);
            self.left = left.unwrap_or(0);
            Poll::Ready(left.map(|_| Ok(self.frame.clone())))
        }
    }

    impl FrameSource for Talker {
        fn set_limit(&mut self, _: usize) {}
    }

    #[tokio::test]
    async fn who_talks_on_while_it_is_taken_leave_of_is_heard_for_a_while_only() {
        let said = |left| Talker {
            frame: Bytes::from(vec![0; 1_024]),
            left,
        };
        let mut short = said(200);
        drain(&mut short).await;
        assert_eq!(short.left, 0, "all of it was read");
        let mut endless = said(usize::MAX);
        drain(&mut endless).await;
        assert_eq!(usize::MAX - endless.left, DRAINED / 1_024 + 1);
        // Empty frames cost something, too.
        let mut empty = Talker {
            frame: Bytes::new(),
            left: usize::MAX,
        };
        drain(&mut empty).await;
        assert_eq!(usize::MAX - empty.left, DRAINED + 1);
    }
}

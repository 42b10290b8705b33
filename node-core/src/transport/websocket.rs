//! Frames over WebSockets (RFC 6455): one binary message is one frame's payload.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, Sink, Stream};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error as WsError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Message};
use tokio_tungstenite::{WebSocketStream, accept_async_with_config, client_async_with_config};

use super::connection::{
    Connection, FrameSource, ListenOptions, Listener, Transport, TransportError,
};
use super::dial;
use super::framed::{FIRST_LIMIT, MAX_FRAME, SEND_BUFFER};
use super::listener::SocketListener;
use super::replay::Replay;
use super::slots::HandshakeSlot;
use crate::types::PeerAddress;

/// What the library reads at once.
const READ_BUFFER: usize = 16 * 1024;

/// Dials `ws://host:port/`. Its listener takes length-prefixed frames and plain HTTP on the same
/// port.
#[derive(Clone, Copy, Debug, Default)]
pub struct WebSocketTransport;

impl Transport for WebSocketTransport {
    fn listen(
        &self,
        address: SocketAddr,
        options: ListenOptions,
    ) -> BoxFuture<'_, io::Result<Box<dyn Listener>>> {
        SocketListener::bind(address, options).boxed()
    }

    fn dial(
        &self,
        address: &PeerAddress,
        max_frame: usize,
    ) -> BoxFuture<'static, Result<Connection, TransportError>> {
        let address = address.clone();
        async move {
            let uri = format!("ws://{}/", address.authority())
                .parse()
                .map_err(|_| TransportError::WebSocket(format!("{address} makes no URI")))?;
            let request = ClientRequestBuilder::new(uri);
            let stream = Replay::new(Bytes::new(), dial::connect(&address).await?);
            let (socket, _) = client_async_with_config(request, stream, Some(config(max_frame)))
                .await
                .map_err(failure)?;
            Ok(connection(socket, address, None))
        }
        .boxed()
    }
}

type Socket = WebSocketStream<Replay<TcpStream>>;

/// Answers the upgrade request in `head`.
pub(super) async fn accept(
    head: Bytes,
    stream: TcpStream,
    remote: PeerAddress,
    slot: HandshakeSlot,
    max_frame: usize,
) -> Result<Connection, TransportError> {
    let stream = Replay::new(head, stream);
    let socket = accept_async_with_config(stream, Some(config(max_frame)))
        .await
        .map_err(failure)?;
    Ok(connection(socket, remote, Some(slot)))
}

/// The library can't change its limits once a connection is up, and reserves what a header claims,
/// so `max_frame` is what a stranger's claim may reserve, as pages that nothing touches. What is
/// taken as a frame is measured against the source's own limit.
fn config(max_frame: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(SEND_BUFFER)
        .max_message_size(Some(max_frame))
        .max_frame_size(Some(max_frame))
}

fn connection(socket: Socket, remote: PeerAddress, slot: Option<HandshakeSlot>) -> Connection {
    let socket = Shared(Arc::new(Mutex::new(socket)));
    Connection {
        source: Box::new(WsSource {
            socket: socket.clone(),
            limit: FIRST_LIMIT,
            ended: false,
        }),
        sink: Box::new(WsSink { socket }),
        remote,
        slot,
    }
}

/// Both halves poll the same socket. It is locked for one poll at a time and never across a
/// wait, and the library keeps a waker for each direction.
#[derive(Clone)]
struct Shared(Arc<Mutex<Socket>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Socket> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct WsSource {
    socket: Shared,
    limit: usize,
    ended: bool,
}

impl WsSource {
    fn end(&mut self, error: WsError) -> Option<Result<Bytes, TransportError>> {
        self.ended = true;
        match error {
            WsError::ConnectionClosed
            | WsError::AlreadyClosed
            | WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
            WsError::Io(error) if error.kind() == io::ErrorKind::ConnectionReset => None,
            WsError::Capacity(CapacityError::MessageTooLong { size, .. }) => {
                Some(Err(TransportError::TooLarge {
                    length: size,
                    limit: self.limit,
                }))
            }
            error => Some(Err(failure(error))),
        }
    }
}

impl Stream for WsSource {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        while !this.ended {
            let polled = Pin::new(&mut *this.socket.lock()).poll_next(cx);
            match ready!(polled) {
                Some(Ok(Message::Binary(payload))) if payload.len() <= this.limit => {
                    return Poll::Ready(Some(Ok(payload)));
                }
                Some(Ok(Message::Binary(payload))) => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(TransportError::TooLarge {
                        length: payload.len(),
                        limit: this.limit,
                    })));
                }
                Some(Ok(Message::Text(_))) => {
                    this.ended = true;
                    let error = TransportError::WebSocket("a text message came".to_owned());
                    return Poll::Ready(Some(Err(error)));
                }
                // The library answers pings and the peer's close by itself.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_))) | None => this.ended = true,
                Some(Err(error)) => return Poll::Ready(this.end(error)),
            }
        }
        Poll::Ready(None)
    }
}

impl FrameSource for WsSource {
    fn set_limit(&mut self, bytes: usize) {
        self.limit = bytes.min(MAX_FRAME);
    }
}

impl fmt::Debug for WsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsSource")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

struct WsSink {
    socket: Shared,
}

impl Sink<Bytes> for WsSink {
    type Error = TransportError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let polled = Pin::new(&mut *self.socket.lock()).poll_ready(cx);
        polled.map_err(failure)
    }

    fn start_send(self: Pin<&mut Self>, frame: Bytes) -> Result<(), TransportError> {
        if frame.len() > MAX_FRAME {
            return Err(TransportError::TooLarge {
                length: frame.len(),
                limit: MAX_FRAME,
            });
        }
        let message = Message::Binary(frame);
        let sent = Pin::new(&mut *self.socket.lock()).start_send(message);
        sent.map_err(failure)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let polled = Pin::new(&mut *self.socket.lock()).poll_flush(cx);
        polled.map_err(failure)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let polled = Pin::new(&mut *self.socket.lock()).poll_close(cx);
        polled.map_err(failure)
    }
}

impl fmt::Debug for WsSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsSink").finish_non_exhaustive()
    }
}

fn failure(error: WsError) -> TransportError {
    match error {
        WsError::Io(error) => TransportError::Io(error),
        WsError::ConnectionClosed
        | WsError::AlreadyClosed
        | WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => TransportError::Closed,
        // Never shown whole: it may hold what the peer sent.
        WsError::Http(response) => {
            TransportError::WebSocket(format!("the answer was {}", response.status()))
        }
        error => TransportError::WebSocket(error.to_string()),
    }
}

//! What a `PeerRPCServer` is: requests come in by HTTP and wait in a queue.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::COMPRESS_HEADER;
use super::gzip::{Unpacked, pack, unpack};
use super::wire::{Call, list, read_call, write_answer};
use crate::error::GrapeError;
use crate::grape::open_tcp;
use crate::http::{Answer, Server, Service, Unread, answer, connection, read_body};

/// What is answered to a request: a result, or what went wrong.
pub type RpcAnswer = Result<Box<RawValue>, String>;

/// What an RPC server takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RpcLimits {
    /// The longest body, in bytes, also unpacked.
    pub max_body: usize,
    /// The most requests that wait to be taken; more are answered with `ERR_BUSY`.
    pub queue: usize,
    /// How long a request may wait for its answer; then it is answered with `ERR_TIMEOUT`.
    pub time_limit: Duration,
}

impl Default for RpcLimits {
    /// Bodies up to 64 KiB, 64 requests that wait, up to 5 s each.
    fn default() -> Self {
        Self {
            max_body: 64 * 1024,
            queue: 64,
            time_limit: Duration::from_secs(5),
        }
    }
}

/// A request that waits for its answer. Dropped, it is answered with `ERR_NOT_ANSWERED`.
#[derive(Debug)]
pub struct RpcRequest {
    /// What is asked for: the name of a service, with Grenache.
    pub key: String,
    /// With what.
    pub payload: Box<RawValue>,
    /// Who asks.
    pub from: SocketAddr,
    answer: oneshot::Sender<RpcAnswer>,
}

impl RpcRequest {
    /// Waits until nobody waits for the answer any more: who asked has gone, or lost patience.
    /// Cancel safe.
    pub async fn abandoned(&mut self) {
        self.answer.closed().await;
    }

    /// Answers it, if anybody still waits.
    pub fn reply(self, answer: RpcAnswer) {
        // Who asked may have gone, or lost patience.
        let _ = self.answer.send(answer);
    }
}

/// A running RPC server. [`shutdown`](Self::shutdown) ends it; dropped, it ends as soon as its
/// tasks run next.
#[derive(Debug)]
pub struct RpcServer(Server);

impl RpcServer {
    /// Listens on `address`; port 0 takes a free one. The requests come out of the queue that is
    /// returned; once it is dropped, they are answered with `ERR_BUSY`.
    ///
    /// # Errors
    /// Where the port can't be opened.
    pub async fn start(
        address: SocketAddr,
        limits: RpcLimits,
    ) -> Result<(Self, mpsc::Receiver<RpcRequest>), GrapeError> {
        let (listener, local) = open_tcp(address).await?;
        let (RpcDesk(desk), requests) = RpcDesk::new(limits);
        Ok((Self(Server::start(listener, local, desk)), requests))
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.local()
    }

    /// Closes the port and ends all connections, those with a request under way after a second.
    pub async fn shutdown(self) {
        self.0.stop().await;
    }
}

/// The same without a port of its own: connections are somebody else's to accept. Clones are the
/// same desk.
#[derive(Clone)]
pub struct RpcDesk(Arc<Desk>);

impl RpcDesk {
    /// A desk, and the queue out of which its requests come; once the queue is dropped, they are
    /// answered with `ERR_BUSY`.
    #[must_use]
    pub fn new(limits: RpcLimits) -> (Self, mpsc::Receiver<RpcRequest>) {
        let (sender, requests) = mpsc::channel(limits.queue.max(1));
        let desk = Desk {
            limits,
            queue: sender,
        };
        (Self(Arc::new(desk)), requests)
    }

    /// Serves one connection of the client at `from`, from its first byte to its end. Dropped, it
    /// closes the connection.
    pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, from: SocketAddr) {
        let desk = Arc::clone(&self.0);
        connection(stream, from, desk, CancellationToken::new()).await;
    }
}

impl fmt::Debug for RpcDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcDesk")
            .field("limits", &self.0.limits)
            .finish_non_exhaustive()
    }
}

struct Desk {
    limits: RpcLimits,
    queue: mpsc::Sender<RpcRequest>,
}

impl Service for Desk {
    fn answer(&self, request: Request<Incoming>, from: SocketAddr) -> BoxFuture<'_, Answer> {
        self.serve(request, from).boxed()
    }
}

impl Desk {
    async fn serve(&self, request: Request<Incoming>, from: SocketAddr) -> Answer {
        let too_long = "[null,\"ERR_REQUEST_SIZE\",null]";
        let (head, body) = request.into_parts();
        let compress = head.headers.get(COMPRESS_HEADER);
        let is_packed = compress.is_some_and(|value| {
            let value = value.to_str().unwrap_or_default();
            value.contains("gzip")
        });
        let stream = head.headers.get("_gr").map(|value| value.as_bytes());
        if stream.is_some_and(|stream| list(stream).is_none()) {
            let error = "[null, \"ERR_HEADER_PARSE_GR\", null]";
            return answer(StatusCode::INTERNAL_SERVER_ERROR, error);
        }
        let body = match read_body(body, self.limits.max_body).await {
            Ok(body) => body,
            Err(unread) => return unread.answer(too_long),
        };
        let unpacked = match is_packed {
            true => unpack(&body, self.limits.max_body),
            false => Err(Unpacked::Not),
        };
        let call = match unpacked {
            Ok(unpacked) => read_call(&unpacked, stream),
            // The original takes what it can't unpack as it is.
            Err(Unpacked::Not) => read_call(&body, stream),
            Err(Unpacked::TooLong) => return Unread::TooLong.answer(too_long),
        };
        let Some(Call { id, key, payload }) = call else {
            // The original lets whoever asked so wait for ever.
            return answer(StatusCode::BAD_REQUEST, "[null,\"ERR_REQUEST_PARSE\",null]");
        };
        let answered = write_answer(&id, &self.ask(key, payload, from).await);
        match is_packed.then(|| pack(answered.as_bytes())) {
            Some(Ok(packed)) => answer(StatusCode::OK, packed),
            _ => answer(StatusCode::OK, answered),
        }
    }

    async fn ask(&self, key: String, payload: Box<RawValue>, from: SocketAddr) -> RpcAnswer {
        let (sender, answer) = oneshot::channel();
        let request = RpcRequest {
            key,
            payload,
            from,
            answer: sender,
        };
        if self.queue.try_send(request).is_err() {
            return Err("ERR_BUSY".to_owned());
        }
        match timeout(self.limits.time_limit, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err("ERR_NOT_ANSWERED".to_owned()),
            Err(_) => Err("ERR_TIMEOUT".to_owned()),
        }
    }
}

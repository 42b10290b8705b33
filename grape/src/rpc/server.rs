//! What a `PeerRPCServer` is: requests come in by HTTP and wait in a queue.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::COMPRESS_HEADER;
use super::gzip::{Unpacked, pack, unpack};
use super::wire::{Call, list, read_call, write_answer};
use crate::error::GrapeError;
use crate::grape::open_tcp;
use crate::http::{Answer, Server, Service, Unread, answer, read_body};

/// What is answered to a request: a result, or what went wrong.
pub type RpcAnswer = Result<Box<RawValue>, String>;

/// How an RPC server is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RpcServerConfig {
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// The longest body, in bytes, also unpacked.
    pub max_body: usize,
    /// The most requests that wait to be taken; more are answered with `ERR_BUSY`.
    pub queue: usize,
    /// How long a request may wait for its answer; then it is answered with `ERR_TIMEOUT`.
    pub time_limit: Duration,
}

impl RpcServerConfig {
    /// A server here: bodies up to 64 KiB, 64 requests that wait, up to 5 s each.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
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
    /// Opens the port. The requests come out of the queue that is returned; once it is dropped,
    /// they are answered with `ERR_BUSY`.
    ///
    /// # Errors
    /// Where the port can't be opened.
    pub async fn start(
        config: RpcServerConfig,
    ) -> Result<(Self, mpsc::Receiver<RpcRequest>), GrapeError> {
        let (listener, local) = open_tcp(config.address).await?;
        let (sender, requests) = mpsc::channel(config.queue.max(1));
        let desk = Arc::new(Desk {
            config,
            queue: sender,
        });
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

struct Desk {
    config: RpcServerConfig,
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
        let body = match read_body(body, self.config.max_body).await {
            Ok(body) => body,
            Err(unread) => return unread.answer(too_long),
        };
        let unpacked = match is_packed {
            true => unpack(&body, self.config.max_body),
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
        match timeout(self.config.time_limit, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err("ERR_NOT_ANSWERED".to_owned()),
            Err(_) => Err("ERR_TIMEOUT".to_owned()),
        }
    }
}

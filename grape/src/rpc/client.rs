//! What a `PeerRPCClient` is, for one peer at a time: whom to ask is for the caller to look up.

use std::error::Error as _;
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use serde_json::value::RawValue;
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::COMPRESS_HEADER;
use super::server::RpcAnswer;
use super::wire::{read_answer, write_call};

/// The most requests under way; more wait, which counts to their time.
const MAX_REQUESTS: usize = 64;
/// How long a connection is kept for the next request: less than the 5 s of Node.js, so that it
/// is not closed on the way.
const IDLE_TIME: Duration = Duration::from_secs(4);
/// The longest part of an error page that is kept, in bytes.
const MAX_ERROR: usize = 256;

/// How an RPC client is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RpcClientConfig {
    /// How long a request may take, all in all.
    pub time_limit: Duration,
    /// The longest answer, in bytes.
    pub max_answer: usize,
}

impl Default for RpcClientConfig {
    /// 5 s and 64 KiB.
    fn default() -> Self {
        Self {
            time_limit: Duration::from_secs(5),
            max_answer: 64 * 1024,
        }
    }
}

/// Why a peer did not answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RpcError {
    /// It took too long.
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// It can't be reached, or the connection broke.
    #[error("{0}")]
    Unreachable(String),
    /// It says that it can't answer.
    #[error("status {status}: {text}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The start of what it says.
        text: String,
    },
    /// The answer is longer than the limit, in bytes.
    #[error("an answer of more than {0} bytes")]
    TooLong(usize),
    /// The answer is none to what was asked.
    #[error("an answer that is no answer")]
    Malformed,
    /// What the peer says went wrong.
    #[error("{0}")]
    Refused(String),
    /// There is no client: the system refuses what it needs.
    #[error("no HTTP client: {0}")]
    NoClient(String),
}

/// Sends requests to peers. To be shared.
#[derive(Debug)]
pub struct RpcClient {
    config: RpcClientConfig,
    http: Client,
    slots: Semaphore,
}

impl RpcClient {
    /// A client that goes to peers directly, whatever proxy is configured.
    ///
    /// # Errors
    /// [`RpcError::NoClient`].
    pub fn new(config: RpcClientConfig) -> Result<Self, RpcError> {
        let http = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .pool_idle_timeout(IDLE_TIME)
            .pool_max_idle_per_host(1)
            .build();
        Ok(Self {
            config,
            http: http.map_err(|error| RpcError::NoClient(reason(&error)))?,
            slots: Semaphore::new(MAX_REQUESTS),
        })
    }

    /// Asks a peer for `key` and returns what it answers. If this is cancelled, the peer may
    /// have taken the request or not.
    ///
    /// # Errors
    /// [`RpcError`]; [`RpcError::Refused`] is the peer's own.
    pub async fn request(
        &self,
        peer: SocketAddr,
        key: &str,
        payload: &RawValue,
    ) -> Result<Box<RawValue>, RpcError> {
        let limit = self.config.time_limit;
        let answered = timeout(limit, self.exchange(peer, key, payload)).await;
        let answered = answered.unwrap_or(Err(RpcError::TimedOut(limit)))?;
        answered.map_err(RpcError::Refused)
    }

    async fn exchange(
        &self,
        peer: SocketAddr,
        key: &str,
        payload: &RawValue,
    ) -> Result<RpcAnswer, RpcError> {
        // Fails only if it was closed, which nobody does.
        let _slot = self.slots.acquire().await;
        let id = request_id().map_err(|error| RpcError::NoClient(error.to_string()))?;
        let request = self
            .http
            .post(format!("http://{peer}/"))
            .header(COMPRESS_HEADER, "none")
            .body(write_call(&id, key, payload));
        let unreachable = |error| RpcError::Unreachable(reason(&error));
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if status != StatusCode::OK {
            let text = read(response, MAX_ERROR).await;
            return Err(RpcError::Status {
                status: status.as_u16(),
                text: String::from_utf8_lossy(&text.unwrap_or_default()).into_owned(),
            });
        }
        let body = read(response, self.config.max_answer).await?;
        read_answer(&body, &id).ok_or(RpcError::Malformed)
    }
}

async fn read(mut response: Response, most: usize) -> Result<Vec<u8>, RpcError> {
    let mut body = Vec::new();
    loop {
        let chunk = response.chunk().await;
        let chunk = chunk.map_err(|error| RpcError::Unreachable(reason(&error)))?;
        let Some(chunk) = chunk else {
            return Ok(body);
        };
        if chunk.len() > most.saturating_sub(body.len()) {
            return Err(RpcError::TooLong(most));
        }
        body.extend(chunk);
    }
}

/// A random UUID, as the original's ids are.
fn request_id() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    let number = u128::from_be_bytes(bytes);
    let version = number & !(0xf << 76) | 4 << 76;
    let variant = version & !(3 << 62) | 2 << 62;
    let digits = format!("{variant:032x}");
    let (time, rest) = digits.split_at(8);
    let (middle, rest) = rest.split_at(4);
    let (high, rest) = rest.split_at(4);
    let (clock, node) = rest.split_at(4);
    Ok(format!("{time}-{middle}-{high}-{clock}-{node}"))
}

/// The innermost reason, which is what the system says.
fn reason(error: &reqwest::Error) -> String {
    let mut reason = error.source();
    while let Some(inner) = reason.and_then(|reason| reason.source()) {
        reason = Some(inner);
    }
    reason.map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::request_id;

    #[test]
    fn an_id_is_a_random_uuid() {
        let id = request_id().unwrap();
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&id.as_bytes()[19]));
        assert_ne!(id, request_id().unwrap());
    }
}

//! The HTTP API of one Grape: JSON by POST, errors as JSON strings with status 200.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::redirect::Policy;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use thiserror::Error;

use super::breaker::CircuitBreaker;

/// The service by which nodes find each other, as in the original.
pub const GRENACHE_SERVICE: &str = "p2p_exchange";
/// A longer answer of a Grape, in bytes, is not read.
pub const MAX_ANSWER: usize = 64 << 10;
/// The most addresses of one look-up that are used; a Grape gives at most 100.
pub const MAX_LOOKED_UP: usize = 100;

/// A Grape on the same machine connects at once, any other within a few round trips.
const CONNECT_TIME: Duration = Duration::from_secs(2);
/// The original's time limit.
const REQUEST_TIME: Duration = Duration::from_secs(5);
/// How much of a Grape's own words is shown.
const MAX_WORDS: usize = 100;

/// Why a Grape's answer can't be used.
#[derive(Debug, Error)]
pub(super) enum GrapeError {
    #[error("{0}")]
    Http(String),
    #[error("status {0}")]
    Status(u16),
    #[error("an answer of more than {MAX_ANSWER} bytes")]
    TooLong,
    #[error("it answers {0:?}")]
    Refused(String),
    #[error("an answer that is no Grape's")]
    NoGrape,
}

impl From<reqwest::Error> for GrapeError {
    fn from(error: reqwest::Error) -> Self {
        // The innermost cause says most: "connection refused" rather than "error sending".
        let mut cause: &dyn std::error::Error = &error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        Self::Http(cause.to_string())
    }
}

/// What was asked for, or the Grape's own error.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer<T> {
    Given(T),
    Refused(String),
}

/// What a look-up gave.
#[derive(Debug, Default)]
pub(super) struct LookedUp {
    /// As the Grape wrote them.
    pub(super) addresses: Vec<String>,
    /// Where the Grape itself is.
    pub(super) grape: Option<SocketAddr>,
}

/// One Grape.
#[derive(Debug)]
pub(super) struct Grape {
    pub(super) url: String,
    pub(super) breaker: CircuitBreaker,
}

impl Grape {
    /// Says that the service is at `port` of this machine. It holds for 120 s.
    pub(super) async fn announce(
        &self,
        http: &reqwest::Client,
        port: u16,
    ) -> Result<(), GrapeError> {
        let data = json!([GRENACHE_SERVICE, port]);
        let (_, _): (u64, _) = self.post(http, "announce", data).await?;
        Ok(())
    }

    /// Where the service is.
    pub(super) async fn look_up(&self, http: &reqwest::Client) -> Result<LookedUp, GrapeError> {
        let data = json!(GRENACHE_SERVICE);
        let (mut addresses, grape): (Vec<String>, _) = self.post(http, "lookup", data).await?;
        addresses.truncate(MAX_LOOKED_UP);
        Ok(LookedUp { addresses, grape })
    }

    async fn post<T: DeserializeOwned>(
        &self,
        http: &reqwest::Client,
        path: &str,
        data: Value,
    ) -> Result<(T, Option<SocketAddr>), GrapeError> {
        let body = json!({ "rid": GRENACHE_SERVICE, "data": data });
        let request = http.post(format!("{}/{path}", self.url)).json(&body);
        let mut response = request.send().await?;
        if !response.status().is_success() {
            return Err(GrapeError::Status(response.status().as_u16()));
        }
        let remote = response.remote_addr();
        let mut text = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if text.len() + chunk.len() > MAX_ANSWER {
                return Err(GrapeError::TooLong);
            }
            text.extend_from_slice(&chunk);
        }
        match serde_json::from_slice(&text) {
            Ok(Answer::Given(given)) => Ok((given, remote)),
            Ok(Answer::Refused(words)) => {
                Err(GrapeError::Refused(words.chars().take(MAX_WORDS).collect()))
            }
            Err(_) => Err(GrapeError::NoGrape),
        }
    }
}

/// The HTTP client for all Grapes.
pub(super) fn http_client() -> Result<reqwest::Client, GrapeError> {
    Ok(reqwest::Client::builder()
        // A Grape is beside the node; no proxy that the environment names knows it.
        .no_proxy()
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIME)
        .timeout(REQUEST_TIME)
        .build()?)
}

//! The HTTP API of one Grape: JSON by POST, errors as JSON strings with status 200.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::redirect::Policy;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use thiserror::Error;

use super::breaker::CircuitBreaker;
use crate::types::NetworkId;

/// The service by which nodes find each other, as in the original.
pub const GRENACHE_SERVICE: &str = "p2p_exchange";

/// The service by which the nodes of one network find each other. The common networks share the
/// original's, since original nodes are in all of them; a private network has its own.
#[must_use]
pub(super) fn grenache_service(network: &NetworkId) -> String {
    match network.private_name() {
        Some(_) => format!("{GRENACHE_SERVICE}:{network}"),
        None => GRENACHE_SERVICE.to_owned(),
    }
}

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

impl LookedUp {
    pub(super) fn new(mut addresses: Vec<String>, grape: Option<SocketAddr>) -> Self {
        addresses.truncate(MAX_LOOKED_UP);
        Self { addresses, grape }
    }
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
        service: &str,
        port: u16,
    ) -> Result<(), GrapeError> {
        let data = json!([service, port]);
        let (_, _): (u64, _) = self.post(http, "announce", data).await?;
        Ok(())
    }

    /// Where the service is.
    pub(super) async fn look_up(
        &self,
        http: &reqwest::Client,
        service: &str,
    ) -> Result<LookedUp, GrapeError> {
        let data = json!(service);
        let (addresses, grape) = self.post(http, "lookup", data).await?;
        Ok(LookedUp::new(addresses, grape))
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
        Ok((read(&text)?, remote))
    }
}

/// What a Grape gives in the body of an answer.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, GrapeError> {
    match serde_json::from_slice(body) {
        Ok(Answer::Given(given)) => Ok(given),
        Ok(Answer::Refused(words)) => {
            Err(GrapeError::Refused(words.chars().take(MAX_WORDS).collect()))
        }
        Err(_) => Err(GrapeError::NoGrape),
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// What a look-up makes of an answer, head and body.
    async fn look_up(answer: String) -> Result<Vec<String>, GrapeError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            // The whole request comes at once: it is short.
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            assert!(request[..length].starts_with(b"POST /api/lookup HTTP/1.1"));
            // Whoever has enough of it hangs up.
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
            let _ = stream.read(&mut request).await;
        };
        let grape = Grape {
            url: format!("http://{address}/api"),
            breaker: CircuitBreaker::new(3, Duration::from_secs(1)),
        };
        let http = http_client().unwrap();
        let (found, ()) = tokio::join!(grape.look_up(&http, GRENACHE_SERVICE), serve);
        let found = found?;
        assert_eq!(found.grape, Some(address));
        Ok(found.addresses)
    }

    #[test]
    fn a_private_network_has_a_service_of_its_own() {
        let service = |network: &str| grenache_service(&network.parse().unwrap());
        assert_eq!(service("local"), GRENACHE_SERVICE);
        assert_eq!(service("mainnet"), GRENACHE_SERVICE);
        assert_eq!(service("local:acme"), "p2p_exchange:local:acme");
    }

    fn ok(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}")
    }

    #[tokio::test]
    async fn an_answer_is_addresses_and_not_more_than_there_is_room_for() {
        let found = look_up(ok(r#"["127.0.0.1:1","x"]"#)).await.unwrap();
        assert_eq!(found, ["127.0.0.1:1", "x"]);
        assert!(look_up(ok("[]")).await.unwrap().is_empty());
        let many = format!("[{}]", vec![r#""1.2.3.4:5""#; 300].join(","));
        assert_eq!(look_up(ok(&many)).await.unwrap().len(), MAX_LOOKED_UP);
    }

    #[tokio::test]
    async fn what_no_grape_would_answer_is_an_error_that_says_so() {
        let cases = [
            (ok(r#""ERR_GRAPE_LOOKUP""#), "ERR_GRAPE_LOOKUP"),
            (ok("<html>"), "no Grape's"),
            (ok("{}"), "no Grape's"),
            (ok("[1]"), "no Grape's"),
            (ok(&" ".repeat(MAX_ANSWER + 1)), "more than"),
            (
                "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
                "404",
            ),
            (
                "HTTP/1.1 307 Away\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
                    .to_owned(),
                "307",
            ),
            ("\0\0\0\u{1}x".to_owned(), ""),
        ];
        for (answer, expected) in cases {
            let error = look_up(answer.clone()).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{answer:.60}: {error}");
        }
        let long = format!("\"{}\"", "e".repeat(5000));
        let error = look_up(ok(&long)).await.unwrap_err().to_string();
        assert!(error.len() < 200, "{error}");
    }
}

//! Grapes as the service asks them: one at a time, behind a circuit breaker that counts.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use meshbook::discovery::{CircuitBreaker, GRENACHE_SERVICE, MAX_ANSWER, MAX_LOOKED_UP};
use napi_derive::napi;
use reqwest::Client;
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::values::number;

/// The original's time limit.
const REQUEST_TIME: Duration = Duration::from_secs(5);

/// How Grapes are doing.
#[napi(object)]
#[derive(Clone, Debug)]
pub struct BreakerView {
    /// `closed`, `open`, or `half-open` when the next request decides.
    pub state: String,
    /// Failures in a row.
    pub failures: f64,
    /// Failures in a row that open it.
    pub threshold: f64,
    /// Milliseconds until a request is allowed.
    pub open_for: f64,
    /// Requests that were made.
    pub requests: f64,
    /// Those that went well.
    pub successes: f64,
    /// Those that failed, ever.
    pub failed: f64,
    /// Those that were not made, because it was open.
    pub rejected: f64,
    /// What the last failure was.
    pub last_error: Option<String>,
}

/// The Grapes of one service.
#[derive(Debug)]
pub(crate) struct Grapes {
    urls: Vec<String>,
    http: Client,
    threshold: u32,
    reset: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The Grape that answered last.
    current: usize,
    breaker: CircuitBreaker,
    in_a_row: u32,
    requests: u64,
    failed: u64,
    rejected: u64,
    last_error: Option<String>,
}

impl Grapes {
    /// Grapes that are not asked yet.
    ///
    /// # Errors
    /// Why the system has no HTTP client.
    pub(crate) fn new(urls: Vec<String>, threshold: u32, reset: Duration) -> Result<Self, String> {
        let state = State {
            current: 0,
            breaker: CircuitBreaker::new(threshold, reset),
            in_a_row: 0,
            requests: 0,
            failed: 0,
            rejected: 0,
            last_error: None,
        };
        Ok(Self {
            urls,
            http: client().map_err(|error| cause(&error))?,
            threshold,
            reset,
            state: Mutex::new(state),
        })
    }

    /// Says that the service is at `port` of this machine, for 120 s.
    pub(crate) async fn announce(&self, port: u16) -> Result<(), String> {
        let data = json!([GRENACHE_SERVICE, port]);
        self.ask("announce", &data).await.map(drop)
    }

    /// Where the service is.
    pub(crate) async fn look_up(&self) -> Result<Vec<String>, String> {
        let answer = self.ask("lookup", &json!(GRENACHE_SERVICE)).await?;
        let found = answer.as_array().map(Vec::as_slice).unwrap_or_default();
        let texts = found.iter().filter_map(Value::as_str);
        Ok(texts.take(MAX_LOOKED_UP).map(str::to_owned).collect())
    }

    /// Closes the breaker.
    pub(crate) fn reset(&self) {
        let mut state = self.state();
        state.breaker = CircuitBreaker::new(self.threshold, self.reset);
        state.in_a_row = 0;
    }

    #[expect(clippy::cast_precision_loss, reason = "a day of milliseconds is exact")]
    pub(crate) fn view(&self) -> BreakerView {
        let state = self.state();
        let open_for = state.breaker.open_for(Instant::now());
        let name = match open_for {
            Some(_) => "open",
            None if state.in_a_row >= self.threshold => "half-open",
            None => "closed",
        };
        BreakerView {
            state: name.to_owned(),
            failures: f64::from(state.in_a_row),
            threshold: f64::from(self.threshold),
            open_for: open_for.unwrap_or_default().as_millis() as f64,
            requests: number(state.requests),
            successes: number(state.requests - state.failed),
            failed: number(state.failed),
            rejected: number(state.rejected),
            last_error: state.last_error.clone(),
        }
    }

    /// Has the first Grape that answers do it, the last one that answered before the others.
    async fn ask(&self, path: &str, data: &Value) -> Result<Value, String> {
        let first = {
            let mut state = self.state();
            if state.breaker.open_for(Instant::now()).is_some() {
                state.rejected += 1;
                return Err("the circuit breaker is open".to_owned());
            }
            state.current
        };
        let mut reason = String::new();
        for turn in 0..self.urls.len() {
            let index = (first + turn) % self.urls.len();
            let Some(url) = self.urls.get(index) else {
                continue;
            };
            match self.post(&format!("{url}/{path}"), data).await {
                Ok(answer) => {
                    let mut state = self.state();
                    state.requests += 1;
                    state.current = index;
                    state.in_a_row = 0;
                    state.breaker.succeeded();
                    return Ok(answer);
                }
                Err(error) => reason = format!("{url}: {error}"),
            }
        }
        let mut state = self.state();
        state.requests += 1;
        state.failed += 1;
        state.in_a_row = state.in_a_row.saturating_add(1);
        state.breaker.failed(Instant::now());
        state.last_error = Some(reason.clone());
        Err(reason)
    }

    async fn post(&self, url: &str, data: &Value) -> Result<Value, String> {
        let body = json!({ "rid": GRENACHE_SERVICE, "data": data });
        let request = self.http.post(url).json(&body);
        let mut response = request.send().await.map_err(|error| cause(&error))?;
        if !response.status().is_success() {
            return Err(format!("status {}", response.status().as_u16()));
        }
        let mut text = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| cause(&error))? {
            if text.len() + chunk.len() > MAX_ANSWER {
                return Err(format!("an answer of more than {MAX_ANSWER} bytes"));
            }
            text.extend_from_slice(&chunk);
        }
        match serde_json::from_slice(&text) {
            // Its own errors are texts with status 200.
            Ok(Value::String(words)) => Err(format!("it answers {words:?}")),
            Ok(answer @ (Value::Number(_) | Value::Array(_))) => Ok(answer),
            _ => Err("an answer that is no Grape's".to_owned()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn client() -> reqwest::Result<Client> {
    Client::builder()
        // A Grape is beside the node; no proxy that the environment names knows it.
        .no_proxy()
        .redirect(Policy::none())
        .timeout(REQUEST_TIME)
        .build()
}

/// The innermost reason, which is what the system says.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

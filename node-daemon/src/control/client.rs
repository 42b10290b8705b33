//! The other end of the control address: how the commands talk to a running node.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use meshbook::client::{HistoryPage, HistoryQuery};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::file::ControlFile;
use super::history::{OrdersPage, parameters};
use super::wire::PlaceOrder;
use crate::failure::{ErrorBody, Failure};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An order's answer waits for the makers, who may be slow.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The node counts requests by the minute: after so long it must take one again.
const LIMITED: Duration = Duration::from_secs(70);
/// A request that came too early is sent again after this time.
const PAUSE: Duration = Duration::from_secs(1);

/// A running node's control address.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    data_dir: PathBuf,
    file: ControlFile,
    http: reqwest::Client,
}

impl Control {
    /// Finds the node of a data directory.
    ///
    /// # Errors
    /// Where no node runs there (`NODE_NOT_RUNNING`), as far as the directory tells.
    pub(crate) fn open(data_dir: &Path) -> Result<Self, Failure> {
        let file = match ControlFile::read(data_dir) {
            Ok(Some(file)) => file,
            Ok(None) => return Err(not_running(data_dir, "it has no control.json")),
            Err(error) => {
                let path = ControlFile::path(data_dir);
                let message = format!("{} can't be read: {error}", path.display());
                return Err(Failure::new("CONTROL_FILE", message));
            }
        };
        let http = reqwest::Client::builder()
            // The token is for the node alone, never for a proxy that the environment names.
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| Failure::new("INTERNAL", error))?;
        Ok(Self {
            data_dir: data_dir.to_owned(),
            file,
            http,
        })
    }

    /// `GET` of a path with its query.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, usize)],
    ) -> Result<T, Failure> {
        self.send(self.request(Method::GET, path).query(query))
            .await
    }

    /// One page of the node's trades.
    pub(crate) async fn past_trades(&self, query: &HistoryQuery) -> Result<HistoryPage, Failure> {
        self.page("history/trades", query).await
    }

    /// One page of the node's own orders.
    pub(crate) async fn past_orders(&self, query: &HistoryQuery) -> Result<OrdersPage, Failure> {
        self.page("history/orders", query).await
    }

    /// A page, once the node's limit of requests lets it.
    async fn page<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &HistoryQuery,
    ) -> Result<T, Failure> {
        let started = Instant::now();
        loop {
            let request = self.request(Method::GET, path);
            let page = self.send(request.query(&parameters(query))).await;
            match page {
                Err(failure)
                    if failure.problem.code == "RATE_LIMITED" && started.elapsed() < LIMITED =>
                {
                    tokio::time::sleep(PAUSE).await;
                }
                page => return page,
            }
        }
    }

    /// Places an order.
    pub(crate) async fn place<T: DeserializeOwned>(
        &self,
        order: &PlaceOrder,
    ) -> Result<T, Failure> {
        let sent = self
            .send(self.request(Method::POST, "orders").json(order))
            .await;
        sent.map_err(|mut failure| {
            if matches!(failure.problem.code.as_str(), "TIMEOUT" | "CONTROL_BROKEN") {
                let hint = "; the order may have been taken: see meshbook orders";
                failure.problem.message.push_str(hint);
            }
            failure
        })
    }

    /// `POST` to a path.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// `DELETE` of a path.
    pub(crate) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Follows the node's events; none after this call's return is missed.
    pub(crate) async fn events(&self) -> Result<Events, Failure> {
        let connecting = TcpStream::connect(self.file.address);
        let Ok(Ok(stream)) = timeout(CONNECT_TIMEOUT, connecting).await else {
            return Err(self.unreachable());
        };
        let broken = |error: tungstenite::Error| match error {
            tungstenite::Error::Http(answer) => {
                let body = answer.body().as_deref().unwrap_or_default();
                self.refusal(answer.status().as_u16(), body)
            }
            other => Failure::new("CONTROL_BROKEN", format!("the event stream: {other}")),
        };
        let address = format!("ws://{}/v1/events", self.file.address);
        let mut request = address.into_client_request().map_err(broken)?;
        let bearer = HeaderValue::from_str(&format!("Bearer {}", self.file.token));
        let bearer = bearer.map_err(|_| self.unreachable())?;
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        match timeout(CONNECT_TIMEOUT, client_async(request, stream)).await {
            Ok(Ok((socket, _))) => Ok(Events(socket)),
            Ok(Err(error)) => Err(broken(error)),
            Err(_) => Err(Failure::new("TIMEOUT", "the node did not answer in time")),
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}/v1/{path}", self.file.address);
        self.http.request(method, url).bearer_auth(&self.file.token)
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let failed = |error: reqwest::Error| match error {
            e if e.is_connect() => self.unreachable(),
            e if e.is_timeout() => Failure::new("TIMEOUT", "the node did not answer in time"),
            e => Failure::new(
                "CONTROL_BROKEN",
                format!("the node's answer broke off: {e}"),
            ),
        };
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(failed)?;
        if status != StatusCode::OK {
            return Err(self.refusal(status.as_u16(), &body));
        }
        serde_json::from_slice(&body).map_err(|error| {
            let message = format!("the node's answer is not understood: {error}");
            Failure::new("CONTROL_BROKEN", message)
        })
    }

    /// The node's own error; or whoever listens there now isn't the node of the file.
    fn refusal(&self, status: u16, body: &[u8]) -> Failure {
        match serde_json::from_slice::<ErrorBody>(body) {
            Ok(body) if body.error.code == "UNAUTHORIZED" => {
                not_running(&self.data_dir, "another node has its address now")
            }
            Ok(body) => body.error.into(),
            Err(_) => {
                let text = format!("whatever listens at its address answers with status {status}");
                not_running(&self.data_dir, &text)
            }
        }
    }

    fn unreachable(&self) -> Failure {
        let address = self.file.address;
        let text = format!("control.json is left of an earlier one, and {address} doesn't answer");
        not_running(&self.data_dir, &text)
    }
}

fn not_running(data_dir: &Path, detail: &str) -> Failure {
    let message = format!(
        "no node is running in {}: {detail}; start one with: meshbook run --data-dir {}",
        data_dir.display(),
        data_dir.display(),
    );
    Failure::new("NODE_NOT_RUNNING", message)
}

/// A node's events.
#[derive(Debug)]
pub(crate) struct Events(WebSocketStream<TcpStream>);

impl Events {
    /// The next event's type; `None` once the node has stopped. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<String> {
        loop {
            match self.0.next().await?.ok()? {
                Message::Text(text) => {
                    let event: Value = serde_json::from_str(&text).ok()?;
                    return event["type"].as_str().map(str::to_owned);
                }
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }
}

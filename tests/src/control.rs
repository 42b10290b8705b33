//! A running node's control address, which the command's own subcommands use as well.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use meshbook::node::{BookSnapshot, Order, OrderResult, PeerView, Trade, UnsignedView};
use meshbook::types::{OrderId, Side};
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Events;

/// A client of one node's control address.
#[derive(Clone, Debug)]
pub struct Control {
    client: Client,
    address: String,
    token: String,
}

/// A refusal, as the control address words it.
#[derive(Clone, Debug, Deserialize)]
pub struct Refused {
    /// A stable code.
    pub code: String,
    /// For people.
    pub message: String,
}

/// Why a request has no answer, where its node may be killed at any moment.
#[derive(Clone, Debug)]
pub enum Failed {
    /// The node refused it.
    Refused(Refused),
    /// The node is gone, and nobody knows what became of the request.
    Gone(String),
}

#[derive(Deserialize)]
struct ControlFile {
    address: SocketAddr,
    token: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer<T> {
    Refused { error: Refused },
    Given(T),
}

impl Control {
    /// The control address of the node that runs in this folder.
    ///
    /// # Panics
    /// Where none runs there.
    #[must_use]
    pub fn open(data_dir: &Path) -> Self {
        let path = data_dir.join("control.json");
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let file: ControlFile = serde_json::from_slice(&bytes).expect("control.json is JSON");
        Self {
            client: Client::new(),
            address: file.address.to_string(),
            token: file.token,
        }
    }

    /// Where it is.
    ///
    /// # Panics
    /// Never: it was made of an address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address.parse().expect("an address")
    }

    /// Places a limit order and waits until it is filled, closed or published.
    ///
    /// # Panics
    /// Where the node refuses it.
    pub async fn place(&self, side: Side, amount: &str, price: &str) -> OrderResult {
        let order = json!({ "side": side, "amount": amount, "price": price });
        self.try_place(&order).await.expect("the order is taken")
    }

    /// Sends an order as it is.
    ///
    /// # Errors
    /// The node's refusal.
    pub async fn try_place(&self, order: &Value) -> Result<OrderResult, Refused> {
        let request = self.client.post(self.url("orders")).json(order);
        self.send(request).await
    }

    /// Sends an order as it is, to a node that may be gone.
    ///
    /// # Errors
    /// The node's refusal, or that nothing is known.
    pub async fn attempt_place(&self, order: &Value) -> Result<OrderResult, Failed> {
        self.attempt(self.client.post(self.url("orders")).json(order))
            .await
    }

    /// Cancels an order at a node that may be gone.
    ///
    /// # Errors
    /// The node's refusal, or that nothing is known.
    pub async fn attempt_cancel(&self, order: OrderId) -> Result<Value, Failed> {
        let url = self.url(&format!("orders/{order}"));
        self.attempt(self.client.delete(url)).await
    }

    /// Cancels an order.
    ///
    /// # Errors
    /// The node's refusal.
    pub async fn cancel(&self, order: OrderId) -> Result<Value, Refused> {
        let url = self.url(&format!("orders/{order}"));
        self.send(self.client.delete(url)).await
    }

    /// One of this node's orders.
    ///
    /// # Errors
    /// The node's refusal.
    pub async fn order(&self, order: OrderId) -> Result<Order, Refused> {
        let url = self.url(&format!("orders/{order}"));
        self.send(self.client.get(url)).await
    }

    /// This node's orders, closed ones too.
    pub async fn orders(&self) -> Vec<Order> {
        self.get("orders").await
    }

    /// The 1000 best levels of each side.
    pub async fn book(&self) -> BookSnapshot {
        self.get("book?depth=1000").await
    }

    /// The latest trades, newest first.
    pub async fn trades(&self, limit: usize) -> Vec<Trade> {
        self.get(&format!("trades?limit={limit}")).await
    }

    /// Connected and known peers.
    pub async fn peers(&self) -> Vec<PeerView> {
        self.get("peers").await
    }

    /// What legacy peers sent.
    pub async fn unsigned(&self) -> UnsignedView {
        self.get("unsigned").await
    }

    /// Why things were refused, ignored or dropped.
    pub async fn counters(&self) -> BTreeMap<String, u64> {
        self.get("counters").await
    }

    /// The counters of a node that may not answer.
    pub async fn try_counters(&self) -> Option<BTreeMap<String, u64>> {
        let request = self.client.get(self.url("counters"));
        self.attempt(request).await.ok()
    }

    /// One of the counters.
    pub async fn counter(&self, name: &str) -> u64 {
        self.counters().await.get(name).copied().unwrap_or_default()
    }

    /// The figures of the node.
    pub async fn status(&self) -> Value {
        self.get("status").await
    }

    /// Sessions that are up.
    pub async fn connected(&self) -> usize {
        let status = self.status().await;
        let count = &status["peers"]["connectedPeers"];
        let count = count.as_u64().unwrap_or_else(|| panic!("{status}"));
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        let answer = self.send(self.client.get(self.url(path))).await;
        answer.unwrap_or_else(|refused| panic!("{path}: {refused:?}"))
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Refused> {
        match self.attempt(request).await {
            Ok(value) => Ok(value),
            Err(Failed::Refused(refused)) => Err(refused),
            Err(Failed::Gone(why)) => panic!("no answer at the control address: {why}"),
        }
    }

    async fn attempt<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failed> {
        let gone = |error: reqwest::Error| Failed::Gone(format!("{error:?}"));
        let response = request.bearer_auth(&self.token).send().await;
        let text = response.map_err(gone)?.text().await.map_err(gone)?;
        match serde_json::from_str(&text) {
            Ok(Answer::Given(value)) => Ok(value),
            Ok(Answer::Refused { error }) => Err(Failed::Refused(error)),
            Err(error) => panic!("{error} in {text}"),
        }
    }

    /// The node's events from now on; `None` where it is gone.
    pub async fn events(&self) -> Option<Events> {
        Events::open(&self.address, &self.token).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/v1/{path}", self.address)
    }
}

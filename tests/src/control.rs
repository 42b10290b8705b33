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

/// A client of one node's control address.
#[derive(Clone, Debug)]
pub struct Control {
    client: Client,
    base: String,
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
            base: format!("http://{}/v1/", file.address),
            token: file.token,
        }
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

    /// One of the counters.
    pub async fn counter(&self, name: &str) -> u64 {
        self.counters().await.get(name).copied().unwrap_or_default()
    }

    /// Sessions that are up.
    pub async fn connected(&self) -> usize {
        let status: Value = self.get("status").await;
        let count = &status["peers"]["connectedPeers"];
        let count = count.as_u64().unwrap_or_else(|| panic!("{status}"));
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        let answer = self.send(self.client.get(self.url(path))).await;
        answer.unwrap_or_else(|refused| panic!("{path}: {refused:?}"))
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Refused> {
        let response = request.bearer_auth(&self.token).send().await;
        let response = response.expect("the node answers at its control address");
        let text = response.text().await.expect("an answer is whole");
        match serde_json::from_str(&text) {
            Ok(Answer::Given(value)) => Ok(value),
            Ok(Answer::Refused { error }) => Err(error),
            Err(error) => panic!("{error} in {text}"),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

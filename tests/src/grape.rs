//! A real Grape, from npm.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::{eventually, npm};

/// A running Grape. It is killed when this is dropped.
#[derive(Debug)]
pub struct Grape {
    dht_port: u16,
    api_port: u16,
    child: Child,
}

impl Grape {
    /// Starts one that knows no other, on free ports of this machine, and waits until it answers.
    ///
    /// # Panics
    /// Where it doesn't, or isn't installed.
    pub async fn start() -> Self {
        let (api, dht) = free_ports();
        // It can't do without another one, and makes do with itself.
        Self::start_at(dht, api, dht).await
    }

    /// Starts one that makes one DHT with another, and waits until it does.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn joining(other: &Self) -> Self {
        let (api, dht) = free_ports();
        let grape = Self::start_at(dht, api, other.dht_port).await;
        grape.shares_with(other).await;
        grape
    }

    /// Waits until what is announced here is found there.
    async fn shares_with(&self, other: &Self) {
        eventually("the Grapes have one DHT", async || {
            let name = json!("shared");
            let port = self.api_port;
            let announced = self.ask("announce", json!([name, port])).await;
            let found = other.ask("lookup", name).await?;
            match found.as_array().is_some_and(|found| !found.is_empty()) {
                true => Ok(()),
                false => Err(format!("{announced:?} {found}")),
            }
        })
        .await;
    }

    async fn start_at(dht_port: u16, api_port: u16, known: u16) -> Self {
        let program = npm::installed().join("node_modules/grenache-grape/bin/grape.js");
        let mut command = Command::new("node");
        command.arg(program);
        command.args([
            "--dp",
            &dht_port.to_string(),
            "--aph",
            &api_port.to_string(),
        ]);
        command.args(["--bn", &format!("127.0.0.1:{known}")]);
        command.stdin(Stdio::null()).kill_on_drop(true);
        let grape = Self {
            dht_port,
            api_port,
            child: command.spawn().expect("node starts"),
        };
        eventually("the Grape answers", async || {
            grape.ask("lookup", json!("nobody")).await
        })
        .await;
        grape
    }

    /// Starts it again at the same ports; it has forgotten everything.
    ///
    /// # Panics
    /// Where it doesn't start, or still runs.
    pub async fn start_again(&mut self) {
        self.restart(self.dht_port).await;
    }

    /// As [`start_again`](Self::start_again), making one DHT with another.
    ///
    /// # Panics
    /// As [`start_again`](Self::start_again).
    pub async fn start_again_joining(&mut self, other: &Self) {
        self.restart(other.dht_port).await;
        self.shares_with(other).await;
    }

    async fn restart(&mut self, known: u16) {
        let ended = self.child.try_wait().expect("a child can be asked");
        assert!(ended.is_some(), "it still runs");
        *self = Self::start_at(self.dht_port, self.api_port, known).await;
    }

    /// Kills it and waits for its end.
    ///
    /// # Panics
    /// Where the system won't.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("a child can be killed");
    }

    /// Where its HTTP API is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.api_port)
    }

    /// Where its DHT is joined.
    #[must_use]
    pub fn dht(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.dht_port))
    }

    /// The port of its HTTP API.
    #[must_use]
    pub const fn api_port(&self) -> u16 {
        self.api_port
    }

    /// Asks it something, as the original does.
    ///
    /// # Errors
    /// It doesn't answer in JSON.
    pub async fn ask(&self, path: &str, data: Value) -> Result<Value, String> {
        let body = json!({ "rid": "test", "data": data });
        let request = reqwest::Client::new().post(format!("{}/{path}", self.url()));
        let answer = request.json(&body).send().await;
        let answer = answer.map_err(|error| format!("{error:?}"))?;
        answer.json().await.map_err(|error| format!("{error:?}"))
    }
}

/// A free TCP port and a free UDP port of this machine.
///
/// # Panics
/// Where there is none.
#[must_use]
pub fn free_ports() -> (u16, u16) {
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    // Nobody else takes them in the moment until the Grape does: the system hands free ports
    // out in turn.
    let tcp = TcpListener::bind(here).and_then(|socket| socket.local_addr());
    let udp = UdpSocket::bind(here).and_then(|socket| socket.local_addr());
    let (api, dht) = (tcp.expect("a free port"), udp.expect("a free port"));
    (api.port(), dht.port())
}

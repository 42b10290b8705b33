//! Grapes, links and RPC peers of ours and from npm, together.
#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod grapes;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use meshbook_grape::{BootstrapNode, Grape, GrapeConfig};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use meshbook_tests::{Agent, PATIENCE};

/// A port that is free for UDP and TCP.
fn free_port() -> u16 {
    let here = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    loop {
        let tcp = TcpListener::bind(here(0)).expect("a free port");
        let port = tcp.local_addr().expect("it is bound").port();
        if UdpSocket::bind(here(port)).is_ok() {
            return port;
        }
    }
}

/// A Grape of ours on free ports of this machine.
async fn ours(bootstrap: &[u16]) -> Grape {
    let nodes = bootstrap.iter();
    let config = GrapeConfig {
        dht_port: 0,
        api_port: 0,
        bootstrap: nodes
            .map(|port| BootstrapNode::new("127.0.0.1", *port))
            .collect(),
        ..GrapeConfig::default()
    };
    Grape::start(config).await.expect("a Grape of ours starts")
}

fn api(grape: &Grape) -> String {
    format!("http://{}", grape.addresses().api)
}

/// A Grape from npm, in the process of the agent: its ports for the DHT and the API.
async fn theirs(agent: &mut Agent, dht_port: u16, bootstrap: &[u16]) -> String {
    let api_port = free_port();
    let nodes = bootstrap.iter().map(|port| format!("127.0.0.1:{port}"));
    let nodes: Vec<String> = nodes.collect();
    let conf = json!({
        "host": "127.0.0.1", "dht_port": dht_port, "api_port": api_port, "dht_bootstrap": nodes,
    });
    agent.does("grape", conf).await;
    format!("http://127.0.0.1:{api_port}")
}

/// Sends a request to the API of a Grape; the status and the body.
async fn ask(api: &str, path: &str, body: impl Into<reqwest::Body>) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
    let client = client.build().expect("a client");
    let sent = client.post(format!("{api}/{path}")).body(body).send().await;
    let response = sent.expect("the API answers");
    let status = response.status().as_u16();
    (status, response.text().await.expect("a body"))
}

/// The result of an API request.
async fn call(api: &str, path: &str, data: Value) -> Value {
    let (status, body) = ask(api, path, json!({"rid": "1", "data": data}).to_string()).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap_or(Value::Null)
}

/// Tries again until it comes true.
async fn eventually(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_true().await {
        assert!(Instant::now() < end, "not in time: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

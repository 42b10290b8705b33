//! At real Grapes.

use std::net::SocketAddr;

use meshbook::node::{PeerSource, PeerView};
use meshbook_tests::{Grape, Node, NodeBuilder, eventually};
use serde_json::{Value, json};

/// A node that knows nothing but these Grapes, and is not patient with them.
pub(super) fn node(name: &str, urls: &str) -> NodeBuilder {
    Node::named(name)
        .set("DISCOVERY_GRENACHE", "true")
        .set("GRAPE_URL", urls)
        .set("CIRCUIT_BREAKER_RESET_TIMEOUT_MS", "500")
}

pub(super) async fn has_grenache(node: &Node, expected: bool) {
    eventually(&format!("hasGrenache is {expected}"), async || {
        let status = node.control.status().await;
        assert_eq!(status["discovery"]["strategies"]["grenache"], true);
        assert_eq!(status["discovery"]["strategies"]["mdns"], false);
        match status["hasGrenache"] == expected {
            true => Ok(()),
            false => Err(status.to_string()),
        }
    })
    .await;
}

/// A port at which nobody listens.
fn nobody() -> SocketAddr {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap()
}

async fn by_grenache(node: &Node) -> Vec<PeerView> {
    let mut peers = node.control.peers().await;
    peers.retain(|peer| peer.source == PeerSource::Grenache);
    peers
}

#[tokio::test]
async fn two_nodes_that_know_only_a_grape_find_each_other() {
    let grape = Grape::start().await;
    let a = node("A", &grape.url()).start().await;
    let b = node("B", &grape.url()).start().await;
    for node in [&a, &b] {
        node.has_peers(1).await;
        has_grenache(node, true).await;
    }
    let found = grape.ask("lookup", json!("p2p_exchange")).await.unwrap();
    for node in [&a, &b] {
        let address = Value::from(node.address.to_string());
        assert!(found.as_array().unwrap().contains(&address), "{found}");
    }
    // Its own announcement is no peer of a node.
    for (node, other) in [(&a, &b), (&b, &a)] {
        assert_eq!(node.control.counter("self_connection").await, 0);
        let own = |peer: &PeerView| peer.address == Some(node.address.into());
        assert!(!node.control.peers().await.iter().any(own));
        let peers = node.control.peers().await;
        assert_eq!(peers[0].node_id.as_deref(), Some(other.id.as_str()));
    }
}

#[tokio::test]
async fn a_grape_that_comes_back_is_used_again_by_all() {
    let mut grape = Grape::start().await;
    let a = node("A", &grape.url()).start().await;
    let b = node("B", &grape.url()).start().await;
    a.has_peers(1).await;
    b.has_peers(1).await;

    grape.kill().await;
    has_grenache(&a, false).await;
    // What is connected stays so, and who comes now is alone.
    a.has_peers(1).await;
    let late = node("late", &grape.url()).start().await;
    has_grenache(&late, false).await;
    assert_eq!(late.control.connected().await, 0);

    grape.start_again().await;
    for node in [&a, &b, &late] {
        has_grenache(node, true).await;
        node.has_peers(2).await;
    }
    assert_eq!(a.logged("a source of peers fails"), 1);
    assert_eq!(a.logged("a source of peers works again"), 1);
    assert_eq!(late.logged("going on without Grenache"), 1);
}

#[tokio::test]
async fn a_dead_grape_is_no_hindrance_where_another_is_named() {
    let grape = Grape::start().await;
    let urls = format!("http://{},{}", nobody(), grape.url());
    let a = node("A", &urls).start().await;
    let b = node("B", &grape.url()).start().await;
    for node in [&a, &b] {
        has_grenache(node, true).await;
        node.has_peers(1).await;
    }
    assert_eq!(a.logged("going on without Grenache"), 0);
}

#[tokio::test]
async fn whoever_answers_at_an_announced_port_and_is_no_peer_is_left_alone() {
    let grape = Grape::start().await;
    // The original's nodes announce an HTTP server under the same name.
    let http = grape.api_port();
    let announced = grape.ask("announce", json!(["p2p_exchange", http])).await;
    assert_eq!(announced, Ok(json!(1)));
    let a = node("A", &grape.url()).set("PEER_RECONNECT_INTERVAL", "500");
    let a = a.start().await;
    let outcome = eventually("it is dialed", async || {
        let peers = by_grenache(&a).await;
        let tried = peers.iter().find(|peer| peer.failures > 0);
        tried
            .and_then(|peer| peer.last_outcome.clone())
            .ok_or_else(|| format!("{peers:?}"))
    })
    .await;
    assert_ne!(outcome, "connected");
    let b = node("B", &grape.url()).start().await;
    a.has_peers(1).await;
    b.has_peers(1).await;
    // After some tries it is forgotten, though the Grape goes on to name it.
    eventually("it is forgotten", async || {
        let peers = by_grenache(&a).await;
        match peers.iter().any(|peer| peer.failures > 0) {
            false => Ok(()),
            true => Err(format!("{peers:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn a_node_whose_sources_are_all_dead_says_so_once_and_takes_up_the_first_that_returns() {
    const ALONE: &str = "no peer answers and every source of peers fails";
    let mut grape = Grape::start().await;
    let url = grape.url();
    grape.kill().await;
    let a = node("A", &url).dialing(nobody());
    let a = a.set("PEER_RECONNECT_INTERVAL", "500").start().await;
    eventually("it says that it is alone", async || match a.logged(ALONE) {
        0 => Err(format!("{:?}", a.control.peers().await)),
        _ => Ok(()),
    })
    .await;
    // It goes on to try, and says nothing more.
    a.has_counted("connection_refused", 6).await;
    assert_eq!(a.logged(ALONE), 1);

    grape.start_again().await;
    let b = node("B", &url).start().await;
    a.has_peers(1).await;
    b.has_peers(1).await;
    assert_eq!(a.logged(ALONE), 1);
}

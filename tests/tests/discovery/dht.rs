//! In a DHT of their own, which begins at real Grapes or at a node that is one.

use std::net::SocketAddr;

use meshbook::node::PeerSource;
use meshbook::types::Side;
use meshbook_tests::{Grape, Node, NodeBuilder, eventually, free_ports};

fn node(name: &str, bootstrap: SocketAddr) -> NodeBuilder {
    Node::named(name)
        .set("DISCOVERY_DHT", "true")
        .set("DHT_BOOTSTRAP", &bootstrap.to_string())
}

/// Waits until both have each other, and know it by the DHT.
async fn found_each_other(a: &Node, b: &Node) {
    for node in [a, b] {
        node.has_peers(1).await;
        let status = node.control.status().await;
        assert_eq!(status["discovery"]["strategies"]["dht"], true, "{status}");
        assert_eq!(node.control.counter("self_connection").await, 0);
    }
    eventually("one was dialed since the DHT named it", async || {
        let mut peers = a.control.peers().await;
        peers.append(&mut b.control.peers().await);
        match peers.iter().any(|peer| peer.source == PeerSource::Dht) {
            true => Ok(()),
            false => Err(format!("{peers:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn nodes_find_each_other_in_the_dht_of_real_grapes() {
    let grape = Grape::start().await;
    let _other = Grape::joining(&grape).await;
    let a = node("A", grape.dht()).start().await;
    let b = node("B", grape.dht()).start().await;
    found_each_other(&a, &b).await;
    a.control.place(Side::Sell, "1", "100").await;
    eventually("the order is there", async || {
        match b.control.book().await.asks.len() {
            1 => Ok(()),
            count => Err(count.to_string()),
        }
    })
    .await;
}

#[tokio::test]
async fn nodes_find_each_other_at_a_node_that_is_a_grape_and_in_no_other_network() {
    let (api, dht) = free_ports();
    let grape = Node::named("grape")
        .set("EMBEDDED_GRAPE", "true")
        .set("GRAPE_API_PORT", &api.to_string())
        .set("GRAPE_DHT_PORT", &dht.to_string());
    let grape = grape.start().await;
    let at = SocketAddr::from(([127, 0, 0, 1], dht));
    let elsewhere = node("elsewhere", at).set("NETWORK", "testnet");
    let elsewhere = elsewhere.start().await;
    let a = node("A", at).start().await;
    let b = node("B", at).start().await;
    found_each_other(&a, &b).await;
    for node in [&grape, &elsewhere] {
        assert_eq!(node.control.peers().await, []);
    }
}

#[tokio::test]
async fn a_dht_that_comes_later_is_joined_then() {
    let mut grape = Grape::start().await;
    grape.kill().await;
    let a = node("A", grape.dht()).start().await;
    eventually("it says that the DHT does not answer", async || {
        match a.logged("a source of peers fails") {
            0 => Err(format!("{:?}", a.control.status().await)),
            _ => Ok(()),
        }
    })
    .await;
    grape.start_again().await;
    let b = node("B", grape.dht()).start().await;
    found_each_other(&a, &b).await;
}

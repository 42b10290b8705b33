//! Grenache's RPC, with the packages from npm on the other side, and between nodes that have nothing
//! else.

use meshbook::types::Side;
use meshbook_tests::{Agent, Grape, Node, NodeBuilder, eventually, free_ports};
use serde_json::{Value, json};

use super::grapes;

const SERVICE: &str = "p2p_exchange";

/// A peer of the original make at this Grape.
async fn original(grape: &Grape) -> Agent {
    let mut agent = Agent::start();
    agent.does("link", json!({ "grape": grape.url() })).await;
    agent
}

/// Lets it answer requests and announces it.
async fn serves(agent: &mut Agent) {
    let (port, _) = free_ports();
    agent.does("serve", json!({ "port": port })).await;
    let announced = json!({ "key": SERVICE, "port": port });
    agent.does("announce", announced).await;
}

/// A node without direct connections.
fn legacy(name: &str, grape: &Grape) -> NodeBuilder {
    grapes::node(name, &grape.url()).set("P2P_ENABLED", "false")
}

fn message(kind: &str, payload: &Value) -> Value {
    json!({
        "id": "m-1", "type": kind, "fromNode": "old-node", "payload": payload,
        "vectorClock": { "old-node": 1 }, "timestamp": 1_700_000_000_000_u64,
    })
}

fn order(id: &str, side: &str, amount: &str, price: &str) -> Value {
    let order = json!({
        "id": id, "userId": "old-user", "side": side, "amount": amount, "price": price,
        "status": "pending", "timestamp": 1_700_000_000_000_u64, "pair": "BTC/USD",
    });
    message("order", &order)
}

/// Sends a request to whoever is announced.
async fn request(agent: &mut Agent, payload: Value) -> Value {
    let request = json!({ "key": SERVICE, "payload": payload, "opts": { "timeout": 5000 } });
    agent.does("request", request).await
}

/// What nodes of ours told it, of one type.
async fn told(agent: &mut Agent, kind: &str) -> Vec<Value> {
    let received = agent.does("received", json!({})).await;
    let received = received.as_array().expect("a list").iter();
    let told = received.map(|told| &told["payload"]);
    let ours = told.filter(|told| told["type"] == kind && told["fromNode"] != "old-node");
    ours.cloned().collect()
}

async fn is_announced(grape: &Grape, node: &Node) {
    eventually("the node is announced", async || {
        let found = grape.ask("lookup", json!(SERVICE)).await?;
        let found = found.as_array().cloned().unwrap_or_default();
        match found.contains(&json!(node.address.to_string())) {
            true => Ok(()),
            false => Err(format!("{found:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn a_real_client_gets_an_order_into_a_node_and_an_answer_back() {
    let grape = Grape::start().await;
    let node = grapes::node("A", &grape.url());
    let node = node.set("P2P_LEGACY", "match").start().await;
    is_announced(&grape, &node).await;
    let mut agent = original(&grape).await;
    let offered = node.control.place(Side::Sell, "1", "100").await;

    let answer = request(&mut agent, order("o-1", "buy", "0.4", "101")).await;
    assert_eq!(answer["success"], true, "{answer}");
    assert_eq!(answer["nodeId"], node.id.as_str());
    eventually("the order is filled", async || {
        match node.control.trades(10).await.as_slice() {
            [trade] if trade.unsigned => Ok(()),
            trades => Err(format!("{trades:?}")),
        }
    })
    .await;
    let trade = &node.control.trades(10).await[0];
    assert_eq!(trade.sell_order_id, offered.order_id);
    assert_eq!((trade.amount, trade.price), (num("0.4"), num("100")));

    // Again is not twice.
    let again = request(&mut agent, order("o-1", "buy", "0.4", "101")).await;
    assert_eq!(again["success"], true, "{again}");
    // What is wrong is told, and changes nothing.
    let wrong = request(&mut agent, order("o-2", "buy", "-1", "101")).await;
    assert_eq!(wrong["success"], false, "{wrong}");
    assert!(
        wrong["message"].as_str().unwrap().contains("amount"),
        "{wrong}"
    );
    let unknown = request(&mut agent, message("dance", &json!({}))).await;
    assert!(
        unknown["message"].as_str().unwrap().contains("dance"),
        "{unknown}"
    );
    let reported = json!({
        "id": "t-1", "buyOrderId": "b", "sellOrderId": "s", "amount": "1", "price": "7",
        "timestamp": 1,
    });
    let reported = request(&mut agent, message("trade", &reported)).await;
    assert_eq!(reported["success"], true, "{reported}");
    eventually("the reported trade is shown apart", async || {
        let unsigned = node.control.unsigned().await;
        match unsigned.trades.as_slice() {
            [trade] if trade.id == "t-1" && trade.from == "old-node" => Ok(()),
            trades => Err(format!("{trades:?}")),
        }
    })
    .await;
    assert_eq!(node.control.trades(10).await.len(), 1);
}

fn num<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_node_shows_what_a_real_client_sends_and_does_not_trade_with_it_unasked() {
    let grape = Grape::start().await;
    let observing = grapes::node("A", &grape.url()).start().await;
    is_announced(&grape, &observing).await;
    let mut agent = original(&grape).await;
    observing.control.place(Side::Sell, "1", "100").await;
    let answer = request(&mut agent, order("o-1", "buy", "0.4", "101")).await;
    assert_eq!(answer["success"], true, "{answer}");
    eventually("the order is shown", async || {
        match observing.control.unsigned().await.orders.as_slice() {
            [order] if order.id == "o-1" => Ok(()),
            orders => Err(format!("{orders:?}")),
        }
    })
    .await;
    assert!(observing.control.trades(10).await.is_empty());
    drop(observing);

    let grape = Grape::start().await;
    let closed = grapes::node("B", &grape.url());
    let closed = closed.set("P2P_LEGACY", "off").start().await;
    is_announced(&grape, &closed).await;
    let mut agent = original(&grape).await;
    let refused = request(&mut agent, order("o-1", "buy", "0.4", "101")).await;
    assert_eq!(refused["success"], false, "{refused}");
    assert!(
        refused["message"].as_str().unwrap().contains("P2P_LEGACY"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_real_server_receives_the_orders_and_trades_of_a_node() {
    let grape = Grape::start().await;
    let mut early = original(&grape).await;
    serves(&mut early).await;
    let node = grapes::node("A", &grape.url());
    let node = node.set("P2P_LEGACY", "match").start().await;
    let first = node.control.place(Side::Sell, "1", "100").await;
    eventually("the order is told", async || {
        one_order(&mut early, &first.order_id).await
    })
    .await;
    let message = &told(&mut early, "order").await[0];
    assert_eq!(message["fromNode"], node.id.as_str());
    assert_eq!(message["payload"]["amount"], "1");
    assert_eq!(message["payload"]["side"], "sell");
    assert!(message["vectorClock"].is_object() && message["timestamp"].is_u64());
    let peers = node.control.peers().await;
    let dialects: Vec<_> = peers.iter().map(|peer| peer.dialect.as_deref()).collect();
    assert_eq!(dialects, [Some("grenache")], "{peers:?}");

    // One that comes later is told what is open, once.
    let mut late = original(&grape).await;
    serves(&mut late).await;
    eventually("the open order is told", async || {
        one_order(&mut late, &first.order_id).await
    })
    .await;
    // Everybody who is announced is asked, this server too.
    let bid = json!({
        "key": SERVICE, "payload": order("o-9", "buy", "0.25", "100"), "opts": { "timeout": 5000 },
    });
    early.does("map", bid).await;
    for agent in [&mut early, &mut late] {
        eventually("the trade is told", async || {
            match told(agent, "trade").await.as_slice() {
                [trade] if trade["payload"]["amount"] == "0.25" => Ok(()),
                trades => Err(format!("{trades:?}")),
            }
        })
        .await;
    }
    assert_eq!(told(&mut early, "order").await.len(), 1);
    assert_eq!(told(&mut late, "order").await.len(), 1);
    // Nothing else was ever sent to them.
    for agent in [&mut early, &mut late] {
        let received = agent.does("received", json!({})).await;
        for told in received.as_array().unwrap() {
            let kind = told["payload"]["type"].as_str().unwrap();
            assert!(["order", "trade"].contains(&kind), "{told}");
        }
    }
}

async fn one_order(agent: &mut Agent, id: &impl ToString) -> Result<(), String> {
    match told(agent, "order").await.as_slice() {
        [order] if order["payload"]["id"] == id.to_string() => Ok(()),
        orders => Err(format!("{orders:?}")),
    }
}

#[tokio::test]
async fn legacy_mode_nodes_without_direct_connections_trade_through_the_rpc_alone() {
    let grape = Grape::start().await;
    let a = legacy("A", &grape).start().await;
    let b = legacy("B", &grape).start().await;
    let c = legacy("C", &grape).start().await;
    let nodes = [&a, &b, &c];
    for node in nodes {
        node.has_peers(2).await;
    }
    // They are nodes of ours, so even here everything is signed.
    for peer in a.control.peers().await {
        assert_eq!(peer.dialect.as_deref(), Some("secured"), "{peer:?}");
    }
    super::modes::trade(&nodes, 100).await;
    super::modes::agree(&nodes, (3, 0), 3).await;
    let trades = a.control.trades(10).await;
    assert!(trades.iter().all(|trade| !trade.unsigned), "{trades:?}");
}

#[tokio::test]
async fn hybrid_nodes_reach_one_that_takes_no_direct_connections_by_the_rpc() {
    let grape = Grape::start().await;
    let a = grapes::node("A", &grape.url()).start().await;
    let b = grapes::node("B", &grape.url()).start().await;
    let mut hidden = legacy("hidden", &grape).start().await;
    let nodes = [&a, &b, &hidden];
    for node in nodes {
        node.has_peers(2).await;
    }
    super::modes::trade(&nodes, 100).await;
    super::modes::agree(&nodes, (3, 0), 3).await;

    // One that dies is missed, and found again when it is back.
    hidden.kill().await;
    for node in [&a, &b] {
        node.has_peers(1).await;
    }
    let hidden = legacy("hidden", &grape).in_folder_of(&hidden).start().await;
    let nodes = [&a, &b, &hidden];
    for node in nodes {
        node.has_peers(2).await;
    }
    super::modes::trade(&nodes, 200).await;
    super::modes::agree(&nodes, (6, 0), 6).await;
}

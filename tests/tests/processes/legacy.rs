//! Plain peers, written in Python by the seed's text and with the original's manners.

use meshbook::node::{OrderStatus, PeerStatus, PeerView};
use meshbook::types::Side;
use meshbook_tests::{Foreign, Node, Script, eventually};
use serde_json::{Value, json};

/// What the original sends as an order: its whole record.
fn order(id: &str, side: &str, amount: &str, price: &str) -> Value {
    json!({ "order": {
        "id": id, "userId": "legacy-user", "side": side, "amount": amount, "price": price,
        "status": "pending", "timestamp": 1_700_000_000_000_u64, "pair": "BTC/USD",
    }})
}

fn trade(id: &str) -> Value {
    json!({ "trade": {
        "id": id, "buyOrderId": "theirs", "sellOrderId": "also-theirs",
        "amount": "0.5", "price": "49000", "timestamp": 1_700_000_000_000_u64,
    }})
}

/// Handshake, heartbeat, an order and a trade: taken, shown as unsigned, and nothing else.
async fn is_observed(script: Script) {
    let node = Node::named("node").start().await;
    let mut peer = Foreign::dialing(script, "py-peer", node.address).await;
    let hello = peer.receives("handshake").await;
    assert_eq!(hello["nodeId"], json!(node.id));
    peer.receives("handshake_ack").await;
    node.has_peers(1).await;
    peer.send("heartbeat", json!({})).await;
    peer.receives("heartbeat_ack").await;

    // The node's own bid stands where the peer's ask would take it.
    let bid = node.control.place(Side::Buy, "1", "50000").await.order_id;
    peer.send("order", order("legacy-1", "sell", "0.5", "49000"))
        .await;
    peer.send("trade", trade("legacy-t")).await;
    let unsigned = eventually("the order and the trade are shown", async || {
        let view = node.control.unsigned().await;
        let both = view.orders.len() == 1 && view.trades.len() == 1;
        if both {
            Ok(view)
        } else {
            Err(format!("{view:?}"))
        }
    })
    .await;
    let shown = &unsigned.orders[0];
    assert_eq!((shown.id.as_str(), shown.side), ("legacy-1", Side::Sell));
    assert_eq!(shown.amount, "0.5".parse().unwrap());
    assert!(shown.from.contains("py-peer"), "{shown:?}");

    // An own order that would take it as well does not, nor does the bid that crosses it.
    node.control.place(Side::Buy, "1", "49500").await;
    let book = node.control.book().await;
    assert!(book.asks.is_empty(), "never mixed in: {book:?}");
    assert!(node.control.trades(10).await.is_empty(), "never matched");
    let own = node.control.order(bid).await.unwrap();
    assert_eq!(
        (own.status, own.filled.is_zero()),
        (OrderStatus::Pending, true)
    );

    // The session has borne all of this, and the peer got nothing that it does not know.
    peer.send("heartbeat", json!({})).await;
    peer.receives("heartbeat_ack").await;
    let foreign = |kind: &&str| kind.starts_with("x_") || ["order", "trade"].contains(kind);
    assert!(
        !peer.received().iter().any(foreign),
        "{:?}",
        peer.received()
    );
    assert_eq!(node.control.connected().await, 1);
}

#[tokio::test]
async fn a_client_by_the_seeds_text_with_flat_messages_is_observed_and_never_matched() {
    is_observed(Script::SeedFlat).await;
}

#[tokio::test]
async fn a_client_by_the_seeds_text_with_envelopes_is_observed_and_never_matched() {
    is_observed(Script::SeedEnvelope).await;
}

#[tokio::test]
async fn a_node_with_the_originals_manners_is_observed_and_never_matched() {
    is_observed(Script::Original).await;
}

#[tokio::test]
async fn an_order_that_a_plain_peer_cancels_is_shown_no_more() {
    let node = Node::named("node").start().await;
    let mut peer = Foreign::dialing(Script::Original, "py-peer", node.address).await;
    peer.receives("handshake_ack").await;
    peer.send("order", order("gone", "buy", "1", "2")).await;
    peer.send("order", order("kept", "buy", "1", "3")).await;
    peer.send("cancel_order", json!({ "orderId": "gone" }))
        .await;
    eventually("one order is left", async || {
        let view = node.control.unsigned().await;
        match view.orders.as_slice() {
            [order] if order.id == "kept" => Ok(()),
            _ => Err(format!("{view:?}")),
        }
    })
    .await;
}

/// Peer exchange in both directions: the node tells the peer of another node, and dials the
/// address that the peer tells.
async fn exchanges_peers(script: Script, kind: &str) {
    let other = Node::named("other").start().await;
    let node = Node::named("node").dialing(other.address).start().await;
    node.has_peers(1).await;
    let third = Node::named("third").start().await;

    let mut peer = Foreign::dialing(script, "py-peer", node.address).await;
    let told = peer.receives(kind).await;
    let told = told["payload"]["peers"]
        .as_array()
        .or_else(|| told["peers"].as_array());
    let told = told.expect("a list of peers");
    let address = json!({
        "nodeId": other.id, "address": "127.0.0.1", "port": other.address.port(),
    });
    assert!(told.contains(&address), "{address} in {told:?}");

    let address = json!({
        "nodeId": third.id, "address": "127.0.0.1", "port": third.address.port(),
    });
    peer.send(kind, json!({ "peers": [address] })).await;
    let dialed = eventually("the node has dialed whom it was told", async || {
        let peers = node.control.peers().await;
        let third = Some(third.id.as_str());
        let of_third = |peer: &&PeerView| peer.node_id.as_deref() == third;
        match peers.iter().find(of_third) {
            Some(peer) if peer.status == PeerStatus::Connected => Ok(peer.clone()),
            _ => Err(format!("{peers:?}")),
        }
    })
    .await;
    assert_eq!(dialed.dialect.as_deref(), Some("secured"));
}

#[tokio::test]
async fn a_client_by_the_seeds_text_exchanges_peers_flat() {
    exchanges_peers(Script::SeedFlat, "peerexchange").await;
}

#[tokio::test]
async fn a_client_by_the_seeds_text_exchanges_peers_in_envelopes() {
    exchanges_peers(Script::SeedEnvelope, "peerexchange").await;
}

#[tokio::test]
async fn a_node_with_the_originals_manners_exchanges_peers_by_its_own_name_for_it() {
    exchanges_peers(Script::Original, "peer_exchange").await;
}

#[tokio::test]
async fn a_plain_peer_is_told_why_it_is_refused_with_legacy_off() {
    for script in [Script::SeedFlat, Script::SeedEnvelope, Script::Original] {
        let node = Node::named("node").set("P2P_LEGACY", "off").start().await;
        let mut peer = Foreign::dialing(script, "py-peer", node.address).await;
        let told = peer.receives("error").await;
        let error = told
            .get("error")
            .unwrap_or_else(|| &told["payload"]["error"]);
        assert_eq!(error["code"], "AUTHENTICATION_FAILED", "{told}");
        let why = error["message"].as_str().unwrap_or_default();
        assert!(why.contains("encrypt") || why.contains("secure"), "{told}");
        node.has_counted("legacy_refused", 1).await;
        assert_eq!(node.control.connected().await, 0);
    }
}

#[tokio::test]
async fn a_plain_peer_that_waits_is_dialed_again_in_plain() {
    for script in [Script::SeedFlat, Script::Original] {
        let mut peer = Foreign::listening(script, "py-peer").await;
        let node = Node::named("node").dialing(peer.address).start().await;
        // The first dial is a secured one, which the peer cannot read and drops.
        peer.until("dropped").await;
        peer.receives("handshake").await;
        node.has_peers(1).await;
        peer.send("order", order("theirs", "buy", "1", "2")).await;
        eventually("its order is shown", async || {
            let view = node.control.unsigned().await;
            if view.orders.len() == 1 {
                Ok(())
            } else {
                Err(format!("{view:?}"))
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_plain_peer_that_waits_is_left_alone_with_legacy_off() {
    let mut peer = Foreign::listening(Script::SeedFlat, "py-peer").await;
    let node = Node::named("node").set("P2P_LEGACY", "off");
    let node = node.dialing(peer.address).start().await;
    peer.until("dropped").await;
    eventually("the dial has failed", async || {
        let peers = node.control.peers().await;
        let failed = peers.iter().any(|p| p.failures > 0);
        if failed {
            Ok(())
        } else {
            Err(format!("{peers:?}"))
        }
    })
    .await;
    assert_eq!(node.control.connected().await, 0);
    assert!(
        !peer.received().contains(&"handshake"),
        "{:?}",
        peer.received()
    );
}

/// A node that trades with plain peers.
async fn matching() -> Node {
    let node = Node::named("node").set("P2P_LEGACY", "match");
    node.start().await
}

#[tokio::test]
async fn a_node_with_the_originals_manners_trades_in_a_network_that_matches() {
    let node = matching().await;
    let other = Node::named("other").dialing(node.address).start().await;
    node.has_peers(1).await;
    let mut peer = Foreign::dialing(Script::Original, "py-peer", node.address).await;
    peer.receives("handshake_ack").await;
    node.has_peers(2).await;

    // The node's order goes to the peer, whose order takes some of it.
    let ask = node.control.place(Side::Sell, "1", "50000").await.order_id;
    let told = peer.receives("order").await;
    assert_eq!(told["order"]["id"], json!(ask.to_string()));
    peer.send("order", order("legacy-1", "buy", "0.4", "51000"))
        .await;
    let told = peer.receives("trade").await;
    assert_eq!(told["trade"]["buyOrderId"], "legacy-1");
    assert_eq!(told["trade"]["sellOrderId"], json!(ask.to_string()));
    assert_eq!(
        (&told["trade"]["amount"], &told["trade"]["price"]),
        (&json!("0.4"), &json!("50000"))
    );
    let trades = node.control.trades(10).await;
    assert_eq!((trades.len(), trades[0].unsigned), (1, true));

    // Nodes see that less is open, and nothing unsigned.
    eventually("the other node sees what is left", async || {
        let book = other.control.book().await;
        let left = book.asks.first().map(|level| level.amount);
        if left == Some(60_000_000) {
            Ok(())
        } else {
            Err(format!("{book:?}"))
        }
    })
    .await;
    assert!(other.control.trades(10).await.is_empty());

    // A resting order of the peer is marked, and an own order takes it.
    peer.send("order", order("legacy-2", "buy", "1", "40000"))
        .await;
    eventually("the book has a marked bid", async || {
        let book = node.control.book().await;
        match book.bids.as_slice() {
            [bid] if bid.unsigned == bid.amount => Ok(()),
            _ => Err(format!("{book:?}")),
        }
    })
    .await;
    assert!(other.control.book().await.bids.is_empty());
    let sold = node.control.place(Side::Sell, "0.5", "40000").await;
    assert_eq!(sold.trades.len(), 1);
    assert!(sold.trades[0].unsigned && sold.remaining_order.is_none());

    node.control.cancel(ask).await.unwrap();
    let told = peer.receives("cancel_order").await;
    assert_eq!(told["orderId"], json!(ask.to_string()));
    peer.send("orderbook_sync_request", json!({})).await;
    let told = peer.receives("orderbook_sync_response").await;
    assert_eq!(told["orders"], json!([]));
}

#[tokio::test]
async fn what_a_plain_peer_repeats_without_end_does_no_harm_in_a_network_that_matches() {
    let node = matching().await;
    let mut peer = Foreign::dialing(Script::Original, "py-peer", node.address).await;
    peer.receives("handshake_ack").await;
    node.has_peers(1).await;
    let ask = node.control.place(Side::Sell, "1", "50000").await.order_id;
    peer.receives("order").await;
    peer.send("order", order("again", "buy", "0.1", "50000"))
        .await;
    let first = peer.receives("trade").await["trade"].clone();
    for _ in 0..500 {
        peer.send("order", order("again", "buy", "0.1", "50000"))
            .await;
        // As originals do among themselves: every trade comes back, and a strange one too.
        peer.send("trade", json!({ "trade": first })).await;
        peer.send("trade", trade("legacy-t")).await;
    }
    for number in 0..500 {
        let id = format!("endless-{number}");
        peer.send("order", order(&id, "buy", "1", "100")).await;
    }
    node.has_counted("unsigned_known", 500).await;
    node.has_counted("unsigned_echo", 500).await;
    eventually(
        "the peer has as many orders as a peer may have",
        async || {
            let view = node.control.unsigned().await;
            let newest = view.orders.first().map(|order| order.id.clone());
            if newest.as_deref() == Some("endless-499") {
                assert_eq!((view.orders.len(), view.trades.len()), (200, 1));
                Ok(())
            } else {
                Err(format!("{newest:?}"))
            }
        },
    )
    .await;
    let own = node.control.order(ask).await.unwrap();
    assert_eq!(own.filled, "0.1".parse().unwrap());
    assert_eq!(node.control.trades(10).await.len(), 1);

    // The session has borne it, the peer was told of its one trade, and the node goes on.
    peer.send("heartbeat", json!({})).await;
    peer.receives("heartbeat_ack").await;
    let trades = peer
        .received()
        .iter()
        .filter(|kind| **kind == "trade")
        .count();
    assert_eq!(trades, 1);
    peer.send("order", order("last", "buy", "0.2", "50000"))
        .await;
    assert_eq!(peer.receives("trade").await["trade"]["amount"], "0.2");
}

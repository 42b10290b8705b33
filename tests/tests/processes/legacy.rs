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

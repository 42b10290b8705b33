//! Peers that break the rules: each is refused, the reason is counted, nothing changes.

use meshbook::ledger::{Fill, Payload, Place, PlaceTif, RawStatement, Statement};
use meshbook::protocol::{Message, TakeAnswer};
use meshbook::types::{Amount, Millis, Side};
use meshbook_tests::{Node, Persona, SecuredPeer, Take, eventually, now};

const HOUR: Millis = Millis::from_secs(3600);

/// A resting offer of 10 at 100.
fn offer(who: &Persona, n: u64) -> Statement {
    let ts = now().wall;
    who.sign(Payload::Place(Place {
        n,
        ts,
        pair: "BTC/USD".parse().unwrap(),
        side: Side::Sell,
        px: "100".parse().unwrap(),
        amt: "10".parse().unwrap(),
        exp: ts + HOUR,
        tif: PlaceTif::Gtc,
        u: "stranger".parse().unwrap(),
        rest: true,
        replaces: None,
    }))
}

/// The maker's answer to a take of all that it asks for.
fn fill(who: &Persona, n: u64, offer: &Statement, take: &Take, at: &str, open: &str) -> Fill {
    assert!(offer.owner() == who.id());
    Fill {
        n,
        ts: now().wall,
        take: take.req.take_id().unwrap(),
        id: offer.order_id().unwrap(),
        at: at.parse().unwrap(),
        qty: take.req.as_req().unwrap().qty,
        px: "100".parse().unwrap(),
        open: open.parse().unwrap(),
        last: false,
        freed: Vec::new(),
    }
}

fn answer(statement: &Statement) -> Message {
    Message::Answer(TakeAnswer {
        answer: statement.raw(),
    })
}

async fn asks(node: &Node) -> String {
    serde_json::to_string(&node.control.book().await.asks).unwrap()
}

async fn asks_become(node: &Node, expected: &str) {
    eventually(&format!("the asks become {expected}"), async || {
        let asks = asks(node).await;
        if asks == expected { Ok(()) } else { Err(asks) }
    })
    .await;
}

async fn meet(node: &Node, seed: u8) -> (SecuredPeer, Persona) {
    let who = Persona::new(seed);
    let peer = SecuredPeer::dial(node.address, who.clone()).await.unwrap();
    node.has_peers(1).await;
    (peer, who)
}

const WHOLE: &str = r#"[{"price":"100","amount":"10","count":1}]"#;

#[tokio::test]
async fn a_statement_that_was_changed_after_it_was_signed_is_refused() {
    let node = Node::named("node").start().await;
    let (mut peer, who) = meet(&node, 1).await;

    let honest = offer(&who, 1).raw();
    let p = honest.p.replace(r#""amt":"10""#, r#""amt":"9999""#);
    assert_ne!(p, honest.p);
    let tampered = RawStatement {
        p,
        ..honest.clone()
    };
    peer.state(&[tampered]).await;
    node.has_counted("bad_signature", 1).await;
    assert_eq!(asks(&node).await, "[]");

    // The same session and the same statement as it was signed: the change is what was refused.
    peer.state(&[honest]).await;
    asks_become(&node, WHOLE).await;
}

#[tokio::test]
async fn a_statement_under_a_key_that_did_not_sign_it_is_refused() {
    let node = Node::named("node").start().await;
    let (mut peer, who) = meet(&node, 2).await;
    let own: meshbook::types::NodeId = node.id.parse().unwrap();
    for victim in [Persona::new(3).id(), own] {
        let stolen = RawStatement {
            k: victim,
            ..offer(&who, 1).raw()
        };
        peer.state(&[stolen]).await;
    }
    node.has_counted("bad_signature", 2).await;
    assert_eq!(asks(&node).await, "[]");
    assert!(node.control.trades(10).await.is_empty());
}

#[tokio::test]
async fn a_statement_that_was_signed_for_another_network_is_refused() {
    let node = Node::named("node").start().await;
    let (mut peer, who) = meet(&node, 4).await;
    let foreign = offer(&who.of_network("testnet"), 1).raw();
    peer.state(&[foreign]).await;
    node.has_counted("bad_signature", 1).await;
    assert_eq!(asks(&node).await, "[]");
}

#[tokio::test]
async fn whoever_sends_bad_signatures_again_and_again_is_sent_away() {
    let node = Node::named("node").start().await;
    let (mut peer, who) = meet(&node, 5).await;
    let stolen = RawStatement {
        k: Persona::new(3).id(),
        ..offer(&who, 1).raw()
    };
    for _ in 0..3 {
        peer.state(std::slice::from_ref(&stolen)).await;
    }
    peer.is_closed().await;
    node.has_counted("banned", 1).await;
    node.has_peers(0).await;
}

#[tokio::test]
async fn a_replayed_fill_fills_nothing_again() {
    let node = Node::named("node").start().await;
    let (mut peer, who) = meet(&node, 6).await;
    let offer = offer(&who, 1);
    peer.state(&[offer.raw()]).await;
    asks_become(&node, WHOLE).await;

    // The first purchase, honestly filled.
    let buying = node.control.clone();
    let bought = tokio::spawn(async move { buying.place(Side::Buy, "4", "100").await });
    let take = peer.takes().await;
    assert_eq!(take.place.owner().to_string(), node.id);
    let first = who.sign(Payload::Fill(fill(&who, 2, &offer, &take, "0", "6")));
    peer.send(&answer(&first)).await;
    let bought = bought.await.unwrap();
    assert_eq!(bought.trades.len(), 1, "{bought:?}");
    asks_become(&node, r#"[{"price":"100","amount":"6","count":1}]"#).await;

    // The same fill again, without a question.
    let before = node.control.counter("answer_unasked").await;
    peer.send(&answer(&first)).await;
    node.has_counted("answer_unasked", before + 1).await;

    // The same fill as the answer to another question.
    let buying = node.control.clone();
    let again = tokio::spawn(async move { buying.place(Side::Buy, "1", "100").await });
    let second_take = peer.takes().await;
    peer.send(&answer(&first)).await;
    node.has_counted("answer_unasked", before + 2).await;
    assert_eq!(node.control.trades(10).await, bought.trades);

    // The honest answer still counts, so the question was open all the while.
    let second = who.sign(Payload::Fill(fill(&who, 3, &offer, &second_take, "4", "5")));
    peer.send(&answer(&second)).await;
    again.await.unwrap();
    let trades = eventually("the second trade is there", async || {
        let trades = node.control.trades(10).await;
        if trades.len() == 2 {
            Ok(trades)
        } else {
            Err(format!("{trades:?}"))
        }
    })
    .await;
    let total = trades.iter().fold(Amount::ZERO, |sum, trade| {
        sum.checked_add(trade.amount).unwrap()
    });
    assert_eq!(total, "5".parse().unwrap());
    asks_become(&node, r#"[{"price":"100","amount":"5","count":1}]"#).await;
}

#[tokio::test]
async fn a_fill_at_a_worse_price_than_the_order_has_is_refused() {
    let node = Node::named("node").start().await;
    let (mut peer, who) = meet(&node, 7).await;
    let offer = offer(&who, 1);
    peer.state(&[offer.raw()]).await;
    asks_become(&node, WHOLE).await;
    let buying = node.control.clone();
    let bought = tokio::spawn(async move { buying.place(Side::Buy, "4", "100").await });
    let take = peer.takes().await;
    let dear = Fill {
        px: "101".parse().unwrap(),
        ..fill(&who, 2, &offer, &take, "0", "6")
    };
    peer.send(&answer(&who.sign(Payload::Fill(dear)))).await;
    node.has_counted("trade_price", 1).await;
    assert!(node.control.trades(10).await.is_empty());

    // The honest answer still counts.
    let fair = fill(&who, 3, &offer, &take, "0", "6");
    peer.send(&answer(&who.sign(Payload::Fill(fair)))).await;
    let bought = bought.await.unwrap();
    assert_eq!(bought.trades.len(), 1, "{bought:?}");
}

#[tokio::test]
async fn a_peer_that_claims_anothers_id_gets_no_session() {
    let node = Node::named("node").start().await;
    let thief = Persona::new(8).claiming(Persona::new(9).id());
    SecuredPeer::dial(node.address, thief).await.unwrap_err();
    node.has_counted("bad_proof", 1).await;
    assert_eq!(node.control.connected().await, 0);
}

#[tokio::test]
async fn a_frame_that_is_changed_on_its_way_ends_the_session() {
    let node = Node::named("node").start().await;
    let (mut peer, _) = meet(&node, 10).await;
    peer.send_tampered_frame().await;
    peer.is_closed().await;
    node.has_counted("tampered", 1).await;
    node.has_peers(0).await;
}

#[tokio::test]
async fn nodes_of_different_networks_refuse_each_other_and_count_why() {
    let local = Node::named("local").start().await;
    let testnet = Node::named("testnet").set("NETWORK", "testnet");
    let testnet = testnet.dialing(local.address).start().await;
    local.has_counted("wrong_network", 1).await;
    assert_eq!(local.control.connected().await, 0);
    assert_eq!(testnet.control.connected().await, 0);

    // Somebody of the right network is let in all the same.
    let friend = Node::named("friend").dialing(local.address).start().await;
    friend.has_peers(1).await;
    local.has_peers(1).await;
}

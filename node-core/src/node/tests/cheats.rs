//! Owners who are proven to cheat: everywhere, for good, and for this node itself.

use super::net::{Net, amount, buy, price, sell, signed, statements};
use crate::ledger::{Identity, Ord, OrdStatus, Payload, Proof, Req, Statement};
use crate::node::{Direction, Event, Incoming, OrderError};
use crate::protocol::Message;
use crate::types::{Amount, Millis, OrderId, Side};

const CHEAT: u8 = 60;

/// Two orders of one number.
fn contradiction(net: &Net) -> [Statement; 2] {
    ["90", "91"].map(|at| net.signed_order(CHEAT, 1, Side::Buy, at))
}

#[test]
fn a_proof_that_one_node_finds_revokes_the_owner_everywhere_and_for_good() {
    let mut net = Net::durable(4);
    for other in 0..3 {
        net.cut(3, other);
    }
    let conn = net.stranger(0, CHEAT, Direction::Inbound);
    let [one, other] = contradiction(&net);
    let owner = one.owner();
    net.says(0, conn, statements(&[one]));
    assert_eq!(net.book(2).0.len(), 1);
    // Only this node sees the second one.
    net.lose = Some(Box::new(|_, text| text.contains("x_stmts")));
    net.says(0, conn, statements(&[other]));
    net.lose = None;
    for node in 0..3 {
        assert!(net.nodes[node].ledger().is_revoked(&owner), "node {node}");
        assert_eq!(net.book(node), (Vec::new(), Vec::new()));
    }
    assert!(!net.nodes[3].ledger().is_revoked(&owner));
    net.pass(3_000);
    net.connect(3, 1);
    net.run();
    net.pass(1_000);
    assert!(net.nodes[3].ledger().is_revoked(&owner), "who joins later");
    net.crash(3);
    assert!(net.nodes[3].ledger().is_revoked(&owner), "after a restart");
    // What it places from now on stands nowhere.
    let later = net.signed_order(CHEAT, 5, Side::Buy, "92");
    net.says(0, conn, statements(&[later]));
    net.pass(1_000);
    net.assert_agreement();
    assert_eq!(net.book(0), (Vec::new(), Vec::new()));
}

#[test]
fn a_revoked_owner_takes_nothing() {
    let mut net = Net::mesh(2);
    let ask = net.submit(0, sell("1", "100"));
    let conn = net.stranger(0, CHEAT, Direction::Inbound);
    let take = |net: &Net, n: u64| {
        let place = net.signed_order(CHEAT, n, Side::Buy, "100");
        let req = Req {
            n: n + 1,
            ts: net.now.wall,
            until: net.now.wall + Millis::from_secs(5),
            order: place.order_id().unwrap(),
            at: Amount::ZERO,
            qty: amount("0.5"),
            min: amount("0.5"),
            lim: price("100"),
            maker: ask,
            freed: Vec::new(),
        };
        let (route, req) = (None, signed(CHEAT, Payload::Req(req)));
        Incoming::Take { route, req, place }
    };
    let first = take(&net, 10);
    net.says(0, conn, first);
    assert_eq!(net.filled(0, ask), "0.5");
    let both = contradiction(&net);
    net.says(0, conn, statements(&both));
    net.take_heard(conn);
    let second = take(&net, 20);
    net.says(0, conn, second);
    assert_eq!(net.filled(0, ask), "0.5");
    let heard = net.take_heard(conn);
    let refused = heard.iter().any(
        |message| matches!(message, Message::Answer(answer) if answer.answer.p.contains("revoked")),
    );
    assert!(refused, "{heard:?}");
    // Its trade of before stands.
    assert_eq!(net.trades(1).len(), 1);
    net.assert_agreement();
}

#[test]
fn a_node_whose_own_key_is_revoked_says_so_and_takes_no_orders() {
    let mut net = Net::mesh(3);
    net.submit(0, sell("1", "100"));
    assert_eq!(net.book(2).1.len(), 1);
    let mut seed = [7; 32];
    seed[0] = 0;
    let key = Identity::from_seed(seed);
    assert_eq!(key.node_id(), net.nodes[0].node_id());
    let said = ["1", "2"].map(|open| {
        let ord = Ord {
            n: 5,
            ts: net.now.wall,
            id: OrderId([9; 16]),
            open: amount(open),
            status: OrdStatus::Open,
            why: "rest".parse().unwrap(),
            amt: None,
        };
        key.sign(&"local".parse().unwrap(), Payload::Ord(ord))
            .unwrap()
    });
    let proof = Proof::between(&said[0], &said[1]).unwrap();
    let conn = net.stranger(2, 50, Direction::Inbound);
    let (valid, refused) = (vec![proof], Vec::new());
    net.says(2, conn, Incoming::Proofs { valid, refused });
    let told = net.events.iter().filter(|(node, event)| {
        *node == 0 && matches!(event, Event::Error { code, .. } if code == "KEY_REVOKED")
    });
    assert_eq!(told.count(), 1);
    let error = net.nodes[0].submit(buy("1", "90"), net.now).unwrap_err();
    assert!(matches!(error, OrderError::KeyRevoked { .. }), "{error}");
    assert_eq!(error.code(), "KEY_REVOKED");
    for node in 0..3 {
        assert_eq!(net.book(node), (Vec::new(), Vec::new()));
    }
    // The others go on.
    net.submit(1, sell("1", "100"));
    net.submit(2, buy("1", "100"));
    assert_eq!(net.trades(0).len(), 1);
    net.assert_agreement();
}

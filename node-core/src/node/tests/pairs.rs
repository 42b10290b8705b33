//! Orders of another pair than the node's: kept, shown, cancellable, and never matched with it.

use super::net::{Net, buy, sell};
use crate::ledger::{Payload, Place, PlaceTif, Req};
use crate::node::{Direction, Incoming, Input, NewOrder, OrderStatus, TimeInForce};
use crate::protocol::{Dialect, LegacyOrder, LegacyPolicy, Message, PeerInfo, TakeRequest};
use crate::types::{Amount, Millis, PeerId, Side};

const AFTER_BOOT: u64 = 45_000;

/// Two nodes with stores. The first traded ETH/USD, placed an order, and starts for BTC/USD.
fn restarted(order: NewOrder) -> (Net, crate::types::OrderId) {
    let mut net = Net::durable_with(2, |node, config| {
        if node == 0 {
            config.legacy = LegacyPolicy::Match;
            config.pair = "ETH/USD".parse().unwrap();
        }
    });
    let id = net.submit(0, order);
    net.set_pair(0, "BTC/USD");
    net.crash(0);
    net.connect(0, 1);
    net.run();
    net.pass(AFTER_BOOT);
    (net, id)
}

fn plain_peer(net: &mut Net) -> crate::node::ConnId {
    let conn = crate::node::ConnId(99);
    let info = PeerInfo {
        id: PeerId::Legacy("old-node".into()),
        dialect: Dialect::Original,
        version: "1.0.0".to_owned(),
        port: 0,
        capabilities: vec!["order".to_owned()],
        clock_offset: None,
    };
    let direction = Direction::Inbound;
    let remote = "10.0.9.9:4000".parse().unwrap();
    let connected = Input::Connected {
        conn,
        info,
        direction,
        remote,
    };
    net.input(0, connected);
    conn
}

#[test]
fn unsigned_order_does_not_fill_an_order_of_another_pair() {
    let (mut net, id) = restarted(sell("1", "3000"));
    let conn = plain_peer(&mut net);
    let order = LegacyOrder {
        id: "o-1".to_owned(),
        user_id: "mallory".to_owned(),
        side: "buy".to_owned(),
        amount: "1".to_owned(),
        price: "60000".to_owned(),
        status: "pending".to_owned(),
        timestamp: Millis(5),
        pair: "BTC/USD".to_owned(),
    };
    net.says(0, conn, Incoming::Plain(Message::Order(order)));
    net.pass(5_000);
    assert_eq!(net.filled(0, id), "0");
    assert!(net.trades(0).is_empty());
    // Nor is the plain peer told of it, as it would take it for an order of its pair.
    net.says(0, conn, Incoming::Plain(Message::OrderbookSyncRequest));
    assert!(
        !net.left
            .iter()
            .any(|(_, text)| text.contains(&id.to_string()))
    );
}

#[test]
fn orders_of_two_pairs_sign_no_takes_of_each_other() {
    let (mut net, id) = restarted(buy("1", "3000"));
    let own = net.submit(0, sell("1", "100"));
    let theirs = net.submit(1, sell("1", "100"));
    let before = net.counter(0, "own_statement_refused") + net.counter(0, "take_malformed");
    net.pass(20_000);
    let after = net.counter(0, "own_statement_refused") + net.counter(0, "take_malformed");
    assert_eq!((before, after), (0, 0));
    assert_eq!(net.counter(1, "take_refused_by_us"), 0);
    assert_eq!(net.nodes[0].takes_in_flight().count(), 0);
    for (node, order) in [(0, id), (0, own), (1, theirs)] {
        assert_eq!(net.filled(node, order), "0");
    }
}

#[test]
fn order_of_another_pair_is_shown_with_it_and_can_be_cancelled() {
    let (mut net, id) = restarted(sell("1", "3000"));
    let order = net.nodes[0].order(&id).unwrap();
    assert_eq!(
        (order.pair.as_str(), order.status),
        ("ETH/USD", OrderStatus::Pending)
    );
    assert_eq!(net.nodes[0].user_orders().len(), 1);
    assert!(net.book(0).1.is_empty());
    net.nodes[0].cancel(id, net.now).unwrap();
    net.flush(0);
    net.run();
    assert_eq!(
        net.nodes[0].order(&id).unwrap().status,
        OrderStatus::Cancelled
    );
    assert!(net.nodes[1].ledger().order(&id).unwrap().open().is_zero());
}

#[test]
fn maker_refuses_a_request_of_another_pair() {
    let mut net = Net::mesh(1);
    let ask = net.submit(0, sell("1", "100"));
    let conn = net.stranger(0, 9, Direction::Inbound);
    let ts = net.now.wall;
    let place = super::net::signed(
        9,
        Payload::Place(Place {
            n: 1,
            ts,
            pair: "ETH/USD".parse().unwrap(),
            side: Side::Buy,
            px: "100".parse().unwrap(),
            amt: "1".parse().unwrap(),
            exp: ts + Millis::from_secs(60),
            tif: PlaceTif::Ioc,
            u: "eve".parse().unwrap(),
            rest: false,
            replaces: None,
        }),
    );
    let req = Payload::Req(Req {
        n: 2,
        ts,
        until: ts + Millis::from_secs(5),
        order: place.order_id().unwrap(),
        at: Amount::ZERO,
        qty: "1".parse().unwrap(),
        min: "1".parse().unwrap(),
        lim: "100".parse().unwrap(),
        maker: ask,
        freed: Vec::new(),
    });
    let take = TakeRequest {
        req: super::net::signed(9, req).raw(),
        place: place.raw(),
    };
    net.says_message(0, conn, Message::Take(take));
    let heard = net.take_heard(conn);
    let refused = |message: &Message| matches!(message, Message::Answer(answer) if answer.answer.p.contains(r#""why":"malformed""#));
    assert!(heard.iter().any(refused), "{heard:?}");
    assert_eq!(net.filled(0, ask), "0");
}

#[test]
fn unsigned_trades_of_another_pair_are_not_listed() {
    let mut net = Net::durable_with(1, |_, config| {
        config.legacy = LegacyPolicy::Match;
        config.pair = "ETH/USD".parse().unwrap();
    });
    let conn = plain_peer(&mut net);
    let id = net.submit(0, sell("1", "3000"));
    let order = LegacyOrder {
        id: "o-1".to_owned(),
        user_id: "mallory".to_owned(),
        side: "buy".to_owned(),
        amount: "0.4".to_owned(),
        price: "3000".to_owned(),
        status: "pending".to_owned(),
        timestamp: Millis(5),
        pair: "ETH/USD".to_owned(),
    };
    net.says(0, conn, Incoming::Plain(Message::Order(order)));
    assert_eq!(net.trades(0).len(), 1);
    net.set_pair(0, "BTC/USD");
    net.crash(0);
    assert!(net.trades(0).is_empty());
    assert_eq!(net.nodes[0].book_size().trades, 0);
    assert_eq!(net.filled(0, id), "0.4");
    net.set_pair(0, "ETH/USD");
    net.crash(0);
    assert_eq!(net.trades(0).len(), 1);
}

#[test]
fn fill_or_kill_counts_only_its_own_pair() {
    let (mut net, _) = restarted(sell("1", "3000"));
    let order = NewOrder {
        time_in_force: TimeInForce::Fok,
        ..buy("1", "4000")
    };
    let now = net.now_of(0);
    assert!(net.nodes[0].submit(order, now).is_err());
}

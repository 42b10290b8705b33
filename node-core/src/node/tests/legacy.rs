//! Plain peers with the policy `match`: their orders in the book, and ours told to them.

use super::net::{Net, buy, sell};
use crate::node::io::Input;
use crate::node::{
    ConnId, Direction, Incoming, NodeConfig, OrderError, OrderStatus, TimeInForce, Trade,
};
use crate::protocol::{Dialect, LegacyOrder, LegacyPolicy, LegacyTrade, Message, PeerInfo};
use crate::types::{Millis, PeerId, Side};

const OLD: ConnId = ConnId(99);
const OTHER: ConnId = ConnId(98);

fn first_matches(node: usize, config: &mut NodeConfig) {
    if node == 0 {
        config.legacy = LegacyPolicy::Match;
    }
}

/// Two nodes, the first of which matches the orders of a plain peer.
fn net() -> Net {
    let mut net = Net::with(2, first_matches);
    net.connect(0, 1);
    net.run();
    join(&mut net, OLD, "old-node");
    net
}

fn join(net: &mut Net, conn: ConnId, name: &str) {
    let info = PeerInfo {
        id: PeerId::Legacy(name.into()),
        dialect: Dialect::Original,
        version: "1.0.0".to_owned(),
        port: 0,
        capabilities: vec!["order".to_owned()],
        clock_offset: None,
    };
    let remote = format!("10.0.9.{}:4000", conn.0).parse().unwrap();
    let direction = Direction::Inbound;
    net.input(
        0,
        Input::Connected {
            conn,
            info,
            direction,
            remote,
        },
    );
}

fn says(net: &mut Net, conn: ConnId, message: Message) {
    net.says(0, conn, Incoming::Plain(message));
}

fn order(id: &str, side: &str, amount: &str, price: &str) -> LegacyOrder {
    LegacyOrder {
        id: id.to_owned(),
        user_id: "mallory".to_owned(),
        side: side.to_owned(),
        amount: amount.to_owned(),
        price: price.to_owned(),
        status: "pending".to_owned(),
        timestamp: Millis(5),
        pair: "BTC/USD".to_owned(),
    }
}

fn sends(net: &mut Net, conn: ConnId, id: &str, side: &str, amount: &str, price: &str) {
    says(net, conn, Message::Order(order(id, side, amount, price)));
}

/// What the node told plain peers, of one type.
fn told(net: &Net, kind: &str) -> Vec<serde_json::Value> {
    let left = net.left.iter();
    let read = left.map(|(_, text)| serde_json::from_str::<serde_json::Value>(text).unwrap());
    read.filter(|message| message["type"] == kind).collect()
}

fn only_trade(net: &Net) -> Trade {
    let trades = net.trades(0);
    assert_eq!(trades.len(), 1, "{trades:?}");
    trades[0].clone()
}

#[test]
fn an_unsigned_order_is_matched_once_however_often_and_from_whomever_it_comes() {
    let mut net = net();
    join(&mut net, OTHER, "another");
    let id = net.submit(0, sell("1", "100"));
    for conn in [OLD, OLD, OTHER, OLD] {
        sends(&mut net, conn, "o-1", "buy", "0.4", "101");
    }
    assert_eq!(net.filled(0, id), "0.4");
    let trade = only_trade(&net);
    assert!(trade.unsigned);
    assert_eq!(
        (trade.price, trade.taker_side),
        ("100".parse().unwrap(), Side::Buy)
    );
    assert_eq!(trade.sell_order_id, id);
    assert_eq!(net.counter(0, "unsigned_known"), 3);
    // Other nodes see that less is open, and nothing that nobody signed.
    assert!(net.trades(1).is_empty());
    assert_eq!(net.book(0), net.book(1));
    assert!(net.book(1).1[0].contains("\"0.6\""), "{:?}", net.book(1));
}

#[test]
fn small_unsigned_orders_are_served_by_a_large_own_order() {
    let mut net = net();
    let id = net.submit(0, sell("1000", "100"));
    for number in 0..3 {
        sends(&mut net, OLD, &format!("o-{number}"), "buy", "0.1", "101");
    }
    assert_eq!(net.filled(0, id), "0.3");
    // What is left is sold to signed orders as before.
    let bid = net.submit(1, buy("999.7", "100"));
    assert_eq!(net.filled(1, bid), "999.7");
    assert_eq!(net.nodes[0].order(&id).unwrap().status, OrderStatus::Filled);
}

#[test]
fn a_peer_is_told_of_own_orders_trades_and_cancels_in_its_dialect() {
    let mut net = net();
    let id = net.submit(0, sell("1", "100"));
    let order = &told(&net, "order")[0]["order"];
    assert_eq!(order["id"], id.to_string());
    assert_eq!(
        (&order["amount"], &order["side"]),
        (&"1".into(), &"sell".into())
    );
    sends(&mut net, OLD, "o-1", "buy", "0.4", "101");
    let trade = &told(&net, "trade")[0]["trade"];
    assert_eq!(trade["buyOrderId"], "o-1");
    assert_eq!(trade["sellOrderId"], id.to_string());
    assert_eq!(
        (&trade["amount"], &trade["price"]),
        (&"0.4".into(), &"100".into())
    );
    says(&mut net, OLD, Message::OrderbookSyncRequest);
    let answer = &told(&net, "orderbook_sync_response")[0]["orders"];
    assert_eq!(answer[0]["amount"], "0.6");
    net.nodes[0].cancel(id, net.now).unwrap();
    net.flush(0);
    assert_eq!(told(&net, "cancel_order")[0]["orderId"], id.to_string());
    // What comes back of it changes nothing, as often as it comes.
    for _ in 0..5 {
        let back = told(&net, "trade")[0]["trade"].clone();
        let back: LegacyTrade = serde_json::from_value(back).unwrap();
        says(&mut net, OLD, Message::Trade(back));
        sends(&mut net, OLD, &id.to_string(), "sell", "1", "100");
    }
    assert_eq!(net.counter(0, "unsigned_echo"), 10);
    assert_eq!(told(&net, "trade").len(), 1);
    assert!(net.nodes[0].unsigned().trades.is_empty());
    assert!(!net.left.iter().any(|(_, text)| text.contains("\"x_")));
}

#[test]
fn a_resting_unsigned_order_is_marked_and_fills_own_orders_only() {
    let mut net = net();
    sends(&mut net, OLD, "o-1", "sell", "1", "99");
    let foreign = net.submit(1, buy("1", "100"));
    net.pass(10_000);
    assert_eq!(net.filled(1, foreign), "0");
    assert!(net.book(1).1.is_empty(), "never told to a node");
    let level = &net.nodes[0].order_book(1, net.now).asks[0];
    assert_eq!((level.amount, level.unsigned), (100_000_000, 100_000_000));

    let post = super::net::limit(Side::Buy, "1", "99");
    let post = crate::node::NewOrder {
        time_in_force: TimeInForce::Post,
        ..post
    };
    let refused = net.nodes[0].submit(post, net.now);
    assert!(matches!(refused, Err(OrderError::WouldTake { .. })));
    let own = net.submit(0, buy("0.3", "99.5"));
    assert_eq!(net.filled(0, own), "0.3");
    assert_eq!(net.results[&own].trades.len(), 1);
    assert_eq!(only_trade(&net).price, "99".parse().unwrap());
    assert_eq!(
        net.nodes[0].unsigned().orders[0].open,
        "0.7".parse().unwrap()
    );
}

#[test]
fn a_post_only_order_makes_for_an_unsigned_one() {
    let mut net = net();
    let post = crate::node::NewOrder {
        time_in_force: TimeInForce::Post,
        ..sell("1", "100")
    };
    let id = net.submit(0, post);
    sends(&mut net, OLD, "o-1", "buy", "2", "100");
    assert_eq!(net.nodes[0].order(&id).unwrap().status, OrderStatus::Filled);
    assert_eq!(net.nodes[0].unsigned().orders[0].open, "1".parse().unwrap());
    assert!(net.book(1).1.is_empty(), "closed everywhere");
}

#[test]
fn what_went_to_an_unsigned_order_is_not_sold_to_a_signed_one() {
    let mut net = net();
    let id = net.submit(0, sell("1", "100"));
    // The request is on its way when the unsigned order comes.
    let signed = net.place(1, buy("0.8", "100"));
    sends(&mut net, OLD, "o-1", "buy", "0.7", "100");
    net.pass(10_000);
    assert_eq!(net.filled(0, id), "1");
    let filled = [
        net.filled(1, signed),
        net.nodes[0].unsigned().orders.len().to_string(),
    ];
    assert!(
        filled == ["0.3", "0"] || filled == ["0.8", "1"],
        "{filled:?}"
    );
    assert_eq!(net.nodes[0].order(&id).unwrap().status, OrderStatus::Filled);
    assert!(net.book(1).1.is_empty());
}

#[test]
fn an_order_under_the_users_own_name_is_taken_for_an_echo() {
    let mut net = net();
    let id = net.submit(0, sell("1", "100"));
    let mut echo = order("o-1", "buy", "1", "100");
    echo.user_id = "alice".to_owned();
    says(&mut net, OLD, Message::Order(echo));
    assert_eq!(net.filled(0, id), "0");
}

#[test]
fn a_peer_that_sends_without_end_has_200_orders_and_none_10_minutes_after_it_left() {
    let mut net = net();
    for i in 0..300 {
        sends(&mut net, OLD, &format!("o-{i}"), "buy", "1", "50");
    }
    let count = |net: &Net| {
        let bids = net.nodes[0].order_book(9, net.now).bids;
        let shown = bids.first().map_or(0, |level| level.count);
        assert_eq!(shown, net.nodes[0].unsigned().orders.len());
        shown
    };
    assert_eq!(count(&net), 200);
    says(
        &mut net,
        OLD,
        Message::CancelOrder {
            order_id: "o-299".to_owned(),
        },
    );
    assert_eq!(count(&net), 199);
    // Neither a cancelled order nor one that had to go comes back.
    sends(&mut net, OLD, "o-299", "buy", "1", "50");
    sends(&mut net, OLD, "o-0", "buy", "1", "50");
    assert_eq!(count(&net), 199);
    let reason = "closed_by_peer";
    net.input(0, Input::Disconnected { conn: OLD, reason });
    net.now.mono = net.now.mono + Millis::from_secs(590);
    net.pass(300);
    assert_eq!(count(&net), 199);
    net.now.mono = net.now.mono + Millis::from_secs(10);
    net.pass(300);
    assert_eq!(count(&net), 0);
}

#[test]
fn what_unsigned_orders_got_survives_a_crash_and_is_not_sold_again() {
    let mut net = Net::durable_with(1, first_matches);
    join(&mut net, OLD, "old-node");
    let id = net.submit(0, sell("1", "100"));
    sends(&mut net, OLD, "o-1", "buy", "0.4", "100");
    let trade = only_trade(&net);
    net.crash(0);
    assert_eq!(only_trade(&net), trade);
    assert_eq!(net.filled(0, id), "0.4");
    net.pass(11_000);
    join(&mut net, OLD, "old-node");
    sends(&mut net, OLD, "o-2", "buy", "1", "100");
    net.pass(1_000);
    assert_eq!(net.filled(0, id), "1");
    assert_eq!(
        net.nodes[0].unsigned().orders[0].open,
        "0.4".parse().unwrap()
    );
    assert_eq!(net.nodes[0].order(&id).unwrap().status, OrderStatus::Filled);
}

/// An original node that is told things by Grenache's RPC.
fn join_by_rpc(net: &mut Net, conn: ConnId) {
    let info = PeerInfo {
        id: PeerId::Legacy("grenache:10.0.9.9:1".into()),
        dialect: Dialect::Grenache,
        version: String::new(),
        port: 0,
        capabilities: Vec::new(),
        clock_offset: None,
    };
    net.input(
        0,
        Input::Connected {
            conn,
            info,
            direction: Direction::Outbound,
            remote: "10.0.9.9:1".parse().unwrap(),
        },
    );
}

fn tells_by_rpc(net: &mut Net, from: &str, message: Message) {
    let from = PeerId::Legacy(from.into());
    net.input(0, Input::Told { from, message });
}

#[test]
fn an_original_node_behind_the_rpc_is_told_open_orders_once_and_has_no_heartbeats() {
    let mut net = Net::with(1, first_matches);
    let id = net.submit(0, sell("1", "100"));
    join_by_rpc(&mut net, OLD);
    let orders = told(&net, "order");
    assert_eq!(orders.len(), 1, "{orders:?}");
    assert_eq!(orders[0]["payload"]["id"], id.to_string());
    // Silent for an hour, which it always is.
    net.pass(3_600_000);
    assert!(net.closed.is_empty(), "{:?}", net.closed);
    assert!(net.nodes[0].peers(net.now)[0].healthy);
    net.input(
        0,
        Input::Disconnected {
            conn: OLD,
            reason: "rpc_failed",
        },
    );
    join_by_rpc(&mut net, OTHER);
    assert_eq!(told(&net, "order").len(), 1);
    assert_eq!(net.left.len(), 1, "{:?}", net.left);
    assert_eq!(net.counter(0, "not_in_dialect"), 0);
}

#[test]
fn what_is_told_by_the_rpc_trades_once_and_goes_a_while_after_the_last_word() {
    let mut net = net();
    let id = net.submit(0, sell("1", "100"));
    for _ in 0..3 {
        let bid = order("o-1", "buy", "0.4", "101");
        tells_by_rpc(&mut net, "far", Message::Order(bid));
    }
    assert_eq!(net.filled(0, id), "0.4");
    tells_by_rpc(
        &mut net,
        "far",
        Message::Order(order("o-2", "buy", "1", "7")),
    );
    assert_eq!(net.nodes[0].unsigned().orders.len(), 1);
    net.pass(599_000);
    assert_eq!(net.nodes[0].unsigned().orders.len(), 1);
    net.pass(2_000);
    assert!(net.nodes[0].unsigned().orders.is_empty());
    // Nothing else than orders and trades is taken.
    tells_by_rpc(&mut net, "far", Message::OrderbookSyncRequest);
    assert_eq!(net.counter(0, "unexpected_message"), 1);
}

#[test]
fn an_unsigned_copy_of_another_nodes_signed_order_is_not_a_second_order() {
    let mut net = net();
    let id = net.submit(1, sell("1", "100"));
    let copy = order(&id.to_string(), "sell", "1", "100");
    tells_by_rpc(&mut net, "far", Message::Order(copy));
    assert_eq!(net.counter(0, "unsigned_echo"), 1);
    assert!(net.nodes[0].unsigned().orders.is_empty());
}

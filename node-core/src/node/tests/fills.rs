//! Filling: nothing twice, the same everywhere, in doubt as long as it takes.

use proptest::prelude::*;

use super::net::{Net, buy, sell};
use crate::node::{Incoming, Input, NewOrder, OrderStatus, TimeInForce};
use crate::types::{Millis, Side};

#[test]
fn two_buyers_at_the_same_moment_never_fill_more_than_there_is() {
    let mut net = Net::mesh(3);
    for _ in 0..50 {
        let ask = net.submit(0, sell("1.5", "50000"));
        let first = net.place(1, buy("1", "50000"));
        let second = net.place(2, buy("1", "50000"));
        net.run();
        assert_eq!(net.filled(0, ask), "1.5");
        let (a, b) = (net.filled(1, first), net.filled(2, second));
        assert!(
            (a == "1" && b == "0.5") || (a == "0.5" && b == "1"),
            "{a} {b}"
        );
        net.pass(300);
        net.assert_agreement();
        let (bids, asks) = net.book(0);
        assert_eq!(bids, [r#"{"price":"50000","amount":"0.5","count":1}"#]);
        assert!(asks.is_empty());
        let rest = if a == "1" { (2, second) } else { (1, first) };
        net.nodes[rest.0].cancel(rest.1, net.now).unwrap();
        net.flush(rest.0);
        net.run();
        assert_eq!(net.book(0), (vec![], vec![]));
    }
    assert_eq!(net.trades(0).len(), 100);
}

#[test]
fn the_taker_pays_the_makers_price_and_time_breaks_ties() {
    let mut net = Net::mesh(3);
    let dear = net.submit(0, sell("1", "101"));
    let early = net.submit(0, sell("1", "100"));
    net.pass(50);
    let late = net.submit(1, sell("1", "100"));
    let bid = net.submit(2, buy("2.5", "102"));
    let trades = net.trades(2);
    let paid = |id| {
        let of = trades.iter().filter(|trade| trade.sell_order_id == id);
        of.map(|trade| (trade.amount.to_string(), trade.price.to_string()))
            .collect::<Vec<_>>()
    };
    assert_eq!(paid(early), [("1".to_owned(), "100".to_owned())]);
    assert_eq!(paid(late), [("1".to_owned(), "100".to_owned())]);
    assert_eq!(paid(dear), [("0.5".to_owned(), "101".to_owned())]);
    assert_eq!(
        net.nodes[2].order(&bid).unwrap().status,
        OrderStatus::Filled
    );
    assert_eq!(net.results[&bid].trades.len(), 3);
    net.assert_agreement();
}

#[test]
fn the_user_hears_of_a_trade_only_after_the_maker_confirmed_it() {
    let mut net = Net::mesh(2);
    net.submit(0, sell("1", "100"));
    let bid = net.place(1, buy("1", "100"));
    // The trade comes both as the answer and by gossip: lose both.
    net.lose = Some(Box::new(|to, text| {
        to == 1 && (text.contains("x_answer") || text.contains("x_trades"))
    }));
    net.run();
    assert_eq!(net.filled(1, bid), "0");
    net.pass(300);
    assert!(net.results[&bid].trades.is_empty());
    // The piece stays held however long the answer takes: no other order can burn it.
    net.pass(20_000);
    assert_eq!(net.filled(1, bid), "0");
    assert!(net.book(1).0.is_empty());
    net.lose = None;
    net.pass(31_000);
    assert_eq!(net.filled(1, bid), "1");
    net.assert_agreement();
    assert_eq!(net.trades(0).len(), 1);
}

#[test]
fn a_lost_request_is_sent_again_and_answered_once() {
    let mut net = Net::mesh(2);
    let ask = net.submit(0, sell("1", "100"));
    net.lose = Some(Box::new(|_, text| text.contains("x_take")));
    let bid = net.submit(1, buy("1", "100"));
    net.lose = None;
    net.pass(600);
    assert_eq!(
        (net.filled(0, ask), net.filled(1, bid)),
        ("1".into(), "1".into())
    );
    assert_eq!(net.trades(1).len(), 1);
}

#[test]
fn resting_orders_that_cross_trade_at_the_older_ones_price() {
    let mut net = Net::new(2);
    let bid = net.submit(0, buy("1", "101"));
    net.pass(100);
    let ask = net.submit(1, sell("1", "99"));
    net.connect(0, 1);
    net.run();
    net.pass(100);
    let trades = net.trades(0);
    assert_eq!(trades.len(), 1);
    assert_eq!(
        (trades[0].buy_order_id, trades[0].sell_order_id),
        (bid, ask)
    );
    assert_eq!(trades[0].price.to_string(), "101");
    net.assert_agreement();
}

#[test]
fn where_the_newer_owner_does_nothing_the_older_ones_owner_takes() {
    let mut net = Net::new(2);
    let bid = net.submit(0, buy("1", "101"));
    net.pass(100);
    net.submit(1, sell("1", "99"));
    // The newer owner never learns of the bid.
    net.lose = Some(Box::new(|to, text| to == 1 && text.contains("x_stmts")));
    net.connect(0, 1);
    net.run();
    net.pass(4_000);
    assert!(net.trades(0).is_empty());
    net.pass(2_000);
    assert_eq!(net.filled(0, bid), "1");
}

#[test]
fn a_cancelled_order_can_not_be_taken() {
    let mut net = Net::mesh(2);
    let ask = net.submit(0, sell("1", "100"));
    net.nodes[0].cancel(ask, net.now).unwrap();
    // The buyer has not heard of it.
    let bid = net.place(1, buy("1", "100"));
    net.run();
    net.flush(0);
    net.run();
    assert_eq!(
        (net.filled(0, ask), net.filled(1, bid)),
        ("0".into(), "0".into())
    );
    net.pass(1_500);
    assert_eq!(net.book(0).0, net.book(1).0);
    assert_eq!(net.book(0).0.len(), 1);
    assert!(net.nodes[0].cancel(ask, net.now).is_err());
}

#[test]
fn crossing_orders_of_one_node_trade_without_any_peer() {
    let mut net = Net::new(1);
    let ask = net.submit(0, sell("1", "100"));
    let bid = net.submit(0, buy("1.5", "100"));
    assert_eq!(
        (net.filled(0, ask), net.filled(0, bid)),
        ("1".into(), "1".into())
    );
    assert_eq!(net.results[&bid].trades.len(), 1);
    assert_eq!(
        net.book(0).0,
        [r#"{"price":"100","amount":"0.5","count":1}"#]
    );
}

#[derive(Clone, Debug)]
enum Step {
    Place(usize, Side, u8, u8, TimeInForce),
    Cancel(usize, usize),
    Deliver,
    Pass(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let tif = prop_oneof![
        6 => Just(TimeInForce::Gtc),
        1 => Just(TimeInForce::Ioc),
        1 => Just(TimeInForce::Post),
        1 => Just(TimeInForce::Fok),
    ];
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    prop_oneof![
        8 => (0..4usize, side, 1..6u8, 0..4u8, tif)
            .prop_map(|(node, side, amount, price, tif)| Step::Place(node, side, amount, price, tif)),
        2 => (0..4usize, 0..64usize).prop_map(|(node, which)| Step::Cancel(node, which)),
        4 => Just(Step::Deliver),
        1 => (50..6_000u16).prop_map(Step::Pass),
    ]
}

#[test]
fn an_owner_whose_clock_went_back_sells_nothing_twice() {
    let mut net = Net::line(2);
    let sold = net.submit(0, sell("5", "100"));
    // What it signs now is dated by its last statement, too early for its own ledger.
    net.now.wall = net.now.wall - Millis::from_secs(20);
    net.submit(1, buy("3", "100"));
    net.submit(1, buy("4", "100"));
    assert!(net.counter(0, "take_refused_by_us") > 0);
    assert_eq!(net.filled(0, sold), "0");
    net.pass(45_000);
    net.assert_agreement();
    assert_eq!(net.filled(0, sold), "5");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Invariants 1, 2, 8, 9 and 10 of the consistency rules, without faults: orders are never
    /// overfilled, and at rest all nodes agree, nothing is in doubt and nothing crosses.
    #[test]
    fn any_trading_ends_in_one_book(steps in prop::collection::vec(step(), 1..40), ring in any::<bool>()) {
        let mut net = Net::new(4);
        for i in 0..3 {
            net.connect(i, i + 1);
        }
        if ring {
            net.connect(3, 0);
        }
        net.run();
        let mut placed: Vec<Vec<_>> = vec![Vec::new(); 4];
        for step in steps {
            match step {
                Step::Place(node, side, amount, price, time_in_force) => {
                    let text = (amount.to_string(), (100 + u32::from(price)).to_string());
                    let order = NewOrder { time_in_force, ..super::net::limit(side, &text.0, &text.1) };
                    if let Ok(id) = net.nodes[node].submit(order, net.now) {
                        placed[node].push(id);
                    }
                    net.flush(node);
                }
                Step::Cancel(node, which) => {
                    if let Some(id) = placed[node].get(which).copied() {
                        // Filled or cancelled already is fine.
                        let _ = net.nodes[node].cancel(id, net.now);
                        net.flush(node);
                    }
                }
                Step::Deliver => net.run(),
                Step::Pass(millis) => net.pass(u64::from(millis)),
            }
        }
        net.run();
        net.pass(45_000);
        net.assert_agreement();
        for (node, ids) in placed.iter().enumerate() {
            for id in ids {
                let order = net.nodes[node].order(id).unwrap();
                prop_assert!(order.filled <= order.amount);
                let traded = net.trades(node).iter()
                    .filter(|t| t.buy_order_id == *id || t.sell_order_id == *id)
                    .fold(0, |sum, t| sum + t.amount.units());
                prop_assert_eq!(traded, order.filled.units());
                prop_assert!(net.results.contains_key(id), "every submitter gets an answer");
            }
        }
        let best = net.nodes[0].order_book(1, net.now);
        if let (Some(bid), Some(ask)) = (best.bids.first(), best.asks.first()) {
            prop_assert!(bid.price < ask.price, "{:?} crosses {:?}", bid, ask);
        }
    }
}

#[test]
fn a_request_of_an_own_trade_that_comes_back_is_not_refused() {
    let mut net = Net::new(2);
    let (_, conn) = net.connect(1, 0);
    net.run();
    net.submit(0, sell("1", "100"));
    net.submit(0, buy("1", "100"));
    let trade = net.nodes[1].trades(1)[0].id;
    let trade = net.nodes[1].ledger().trade(&trade).unwrap().clone();
    let message = Incoming::Take {
        route: None,
        req: trade.req().clone(),
        place: trade.taker().clone(),
    };
    let bytes = 1_000;
    net.input(
        0,
        Input::Received {
            conn,
            bytes,
            message,
        },
    );
    // A refusal beside its fill would prove this node a cheat.
    assert_eq!(net.counter(0, "take_refused_by_us"), 0);
    assert_eq!(net.counter(0, "take_of_own"), 1);
}

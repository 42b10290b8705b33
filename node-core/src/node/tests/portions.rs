//! The smallest piece of an order: what takers ask for, what makers give, and what is left.

use super::net::{Net, amount, buy, sell};
use crate::node::{NewOrder, OrderError, OrderKind, OrderStatus, TimeInForce};

#[test]
fn small_order_is_taken_by_the_large_one_that_it_crosses() {
    let mut net = Net::mesh(2);
    let large = net.submit(0, sell("1000", "100"));
    net.pass(100);
    // A thousandth of the large order is 1, so this order can't ask for a piece of it.
    let small = net.submit(1, buy("0.5", "101"));
    net.pass(1_000);
    assert_eq!(
        (net.filled(1, small), net.filled(0, large)),
        ("0.5".into(), "0.5".into())
    );
    let trade = &net.trades(0)[0];
    assert_eq!(
        trade.price.to_string(),
        "101",
        "the small order's, which made"
    );
    assert_eq!(net.counter(0, "take_refused_by_us"), 0);
    net.assert_agreement();
}

#[test]
fn small_and_large_order_of_one_node_trade() {
    let mut net = Net::new(1);
    let large = net.submit(0, sell("1000", "100"));
    let small = net.submit(0, buy("0.5", "101"));
    net.pass(500);
    assert_eq!(
        (net.filled(0, small), net.filled(0, large)),
        ("0.5".into(), "0.5".into())
    );
}

#[test]
fn fill_leaves_a_smallest_piece_or_nothing() {
    let mut net = Net::mesh(2);
    let ask = net.submit(0, sell("10", "100"));
    let ioc = |amount| NewOrder {
        time_in_force: TimeInForce::Ioc,
        ..buy(amount, "100")
    };
    let bid = net.submit(1, ioc("9.995"));
    net.pass(6_000);
    // A thousandth of 10 stays, and is sold as a whole.
    assert_eq!(net.filled(1, bid), "9.99");
    net.submit(1, ioc("0.01"));
    net.pass(6_000);
    assert_eq!(
        net.nodes[0].order(&ask).unwrap().status,
        OrderStatus::Filled
    );
    net.assert_agreement();
}

#[test]
fn fill_or_kill_may_leave_a_rest_which_is_sold_whole() {
    let mut net = Net::mesh(2);
    let ask = net.submit(0, sell("10", "100"));
    let fok = NewOrder {
        time_in_force: TimeInForce::Fok,
        ..buy("9.995", "100")
    };
    net.submit(1, fok);
    assert_eq!(net.filled(0, ask), "9.995");
    // Less than the rest can't be asked for, and the rest takes it instead.
    let less = net.submit(1, buy("0.003", "100"));
    net.pass(1_000);
    assert_eq!(
        (net.filled(1, less), net.filled(0, ask)),
        ("0.003".into(), "9.998".into())
    );
    let more = net.submit(1, buy("1", "100"));
    net.pass(1_000);
    assert_eq!(
        (net.filled(1, more), net.filled(0, ask)),
        ("0.002".into(), "10".into())
    );
    assert_eq!(
        net.nodes[0].order(&ask).unwrap().status,
        OrderStatus::Filled
    );
    let trades = net.nodes[1].ledger().trades(usize::MAX);
    let last = trades.filter(|trade| trade.fill().as_fill().unwrap().last);
    assert_eq!(last.count(), 1);
    net.assert_agreement();
}

#[test]
fn fill_or_kill_for_less_than_a_smallest_piece_is_refused() {
    let mut net = Net::mesh(2);
    net.submit(0, sell("1000", "100"));
    let order = NewOrder {
        kind: OrderKind::Market,
        time_in_force: TimeInForce::Fok,
        ..buy("0.5", "1")
    };
    let now = net.now_of(1);
    let error = net.nodes[1].submit(order, now).unwrap_err();
    let nothing = OrderError::NotEnough {
        amount: amount("0.5"),
        available: amount("0"),
    };
    assert_eq!(error, nothing);
}

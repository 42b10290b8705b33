//! Placing orders: kinds, times in force, settings, and what is refused.

use super::net::{Net, amount, buy, price, sell};
use crate::node::{
    CancelError, NewOrder, OrderError, OrderKind, OrderRate, OrderStatus, TimeInForce,
};
use crate::orderbook::SelfTrade;
use crate::types::{Millis, OrderId, Side};

fn with(order: NewOrder, time_in_force: TimeInForce) -> NewOrder {
    NewOrder {
        time_in_force,
        ..order
    }
}

#[test]
fn an_immediate_order_takes_what_there_is_and_never_rests() {
    let mut net = Net::mesh(2);
    net.submit(0, sell("1", "100"));
    let bid = net.submit(1, with(buy("3", "100"), TimeInForce::Ioc));
    assert_eq!(net.filled(1, bid), "1");
    assert_eq!(
        net.nodes[1].order(&bid).unwrap().status,
        OrderStatus::Cancelled
    );
    assert!(net.results[&bid].remaining_order.is_none());
    assert_eq!(net.book(0), (vec![], vec![]));
    net.assert_agreement();
}

#[test]
fn an_order_that_takes_an_own_one_first_goes_on_to_those_of_others() {
    for time_in_force in [TimeInForce::Ioc, TimeInForce::Fok, TimeInForce::Gtc] {
        let mut net = Net::mesh(2);
        net.submit(1, sell("1", "100"));
        net.submit(0, sell("2", "101"));
        net.submit(1, sell("3", "102"));
        let bid = net.submit(1, with(buy("4", "102"), time_in_force));
        assert_eq!(net.filled(1, bid), "4", "{time_in_force:?}");
        let result = &net.results[&bid];
        assert_eq!(result.trades.len(), 3, "{time_in_force:?}");
        assert_eq!(result.remaining_order, None);
        net.assert_agreement();
    }
}

#[test]
fn a_fill_or_kill_order_is_refused_unless_the_book_can_fill_it() {
    let mut net = Net::mesh(2);
    net.submit(0, sell("1", "100"));
    net.submit(0, sell("1", "101"));
    let order = with(buy("2", "100"), TimeInForce::Fok);
    let refused = net.nodes[1].submit(order, net.now).unwrap_err();
    assert_eq!(refused.code(), "FILL_OR_KILL_NOT_ENOUGH");
    let filled = net.submit(1, with(buy("2", "101"), TimeInForce::Fok));
    assert_eq!(net.filled(1, filled), "2");
}

#[test]
fn a_post_only_order_makes_or_is_refused() {
    let mut net = Net::mesh(2);
    net.submit(0, sell("1", "100"));
    let order = with(buy("1", "100"), TimeInForce::Post);
    let refused = net.nodes[1].submit(order, net.now).unwrap_err();
    assert_eq!(
        refused,
        OrderError::WouldTake {
            price: price("100"),
            best: price("100")
        }
    );
    let made = net.submit(1, with(buy("1", "99"), TimeInForce::Post));
    assert_eq!(
        net.results[&made].remaining_order.as_ref().unwrap().id,
        made
    );
    assert_eq!(net.book(0).0.len(), 1);
}

#[test]
fn a_post_only_order_that_turns_out_to_be_the_newer_one_is_cancelled() {
    let mut net = Net::new(2);
    net.submit(0, sell("1", "100"));
    net.pass(50);
    let post = net.submit(1, with(buy("1", "100"), TimeInForce::Post));
    net.connect(0, 1);
    net.run();
    assert_eq!(
        net.nodes[1].order(&post).unwrap().status,
        OrderStatus::Cancelled
    );
    assert!(net.trades(0).is_empty());
    net.pass(6_000);
    net.assert_agreement();
}

#[test]
fn a_market_order_takes_at_any_price() {
    let mut net = Net::mesh(2);
    net.submit(0, sell("1", "100"));
    net.submit(0, sell("1", "900000"));
    let market = |side, text| NewOrder {
        kind: OrderKind::Market,
        ..super::net::limit(side, text, "1")
    };
    let bid = net.submit(1, market(Side::Buy, "1.5"));
    assert_eq!(net.filled(1, bid), "1.5");
    assert!(net.results[&bid].remaining_order.is_none());
    let nothing = net.submit(1, market(Side::Sell, "1"));
    assert_eq!(net.results[&nothing].trades, []);
    assert_eq!(
        net.nodes[1].order(&nothing).unwrap().status,
        OrderStatus::Cancelled
    );
}

#[test]
fn whether_a_user_trades_with_itself_is_a_setting() {
    for (setting, traded, resting) in [
        (SelfTrade::Allow, 1, 0),
        (SelfTrade::CancelNewest, 0, 1),
        (SelfTrade::Skip, 0, 2),
    ] {
        let mut net = Net::with(1, |_, config| config.self_trade = setting);
        net.submit(0, sell("1", "100"));
        net.submit(0, buy("1", "100"));
        assert_eq!(net.trades(0).len(), traded, "{setting:?}");
        assert_eq!(net.nodes[0].user_orders().len(), resting, "{setting:?}");
        // Another user of the same node always trades.
        let user = Some("bob".parse().unwrap());
        net.submit(0, sell("1", "99"));
        net.submit(
            0,
            NewOrder {
                user,
                ..buy("1", "99")
            },
        );
        assert!(net.trades(0).len() > traded, "{setting:?}");
    }
}

#[test]
fn a_bad_order_names_its_field_and_changes_nothing() {
    let mut net = Net::with(1, |_, config| {
        config.max_order_amount = amount("10");
        config.max_order_price = price("1000");
    });
    let bad = [
        (buy("0", "1"), "amount"),
        (buy("10.00000001", "1"), "amount"),
        (buy("1", "0"), "price"),
        (sell("1", "1000.1"), "price"),
        (
            NewOrder {
                lifetime: Some(Millis(0)),
                ..buy("1", "1")
            },
            "lifetime",
        ),
        (
            NewOrder {
                kind: OrderKind::Market,
                time_in_force: TimeInForce::Post,
                ..buy("1", "1")
            },
            "timeInForce",
        ),
    ];
    for (order, field) in bad {
        match net.nodes[0].submit(order, net.now) {
            Err(OrderError::Invalid(invalid)) => assert_eq!(invalid.field, field),
            other => panic!("{field}: {other:?}"),
        }
    }
    assert!(net.nodes[0].order_history().is_empty());
    assert_eq!(net.book(0), (vec![], vec![]));
}

#[test]
fn orders_over_the_bound_that_other_nodes_keep_are_refused() {
    let mut net = Net::new(1);
    for i in 0..200 {
        net.place(0, buy("1", &(1 + i).to_string()));
    }
    let refused = net.nodes[0].submit(buy("1", "1"), net.now).unwrap_err();
    assert_eq!(refused.code(), "TOO_MANY_ORDERS");
    assert_eq!(net.nodes[0].user_orders().len(), 200);
}

#[test]
fn the_order_rate_is_limited_where_configured() {
    let mut net = Net::with(1, |_, config| {
        config.order_rate = Some(OrderRate {
            per_second: 1,
            per_minute: 100,
        });
    });
    net.submit(0, buy("1", "1"));
    let refused = net.nodes[0].submit(buy("1", "1"), net.now).unwrap_err();
    assert_eq!(refused.code(), "RATE_LIMITED");
    net.pass(1_000);
    net.submit(0, buy("1", "1"));
}

#[test]
fn an_order_ends_everywhere_when_its_lifetime_is_over() {
    let mut net = Net::mesh(2);
    let id = net.submit(
        0,
        NewOrder {
            lifetime: Some(Millis(2_000)),
            ..buy("1", "1")
        },
    );
    assert_eq!(net.book(1).0.len(), 1);
    net.pass(3_000);
    assert_eq!(net.book(0), (vec![], vec![]));
    assert_eq!(net.book(1), (vec![], vec![]));
    assert_eq!(
        net.nodes[0].order(&id).unwrap().status,
        OrderStatus::Cancelled
    );
    assert_eq!(
        net.nodes[0].cancel(id, net.now),
        Err(CancelError::Closed(id))
    );
    let unknown = OrderId::from_u128(7);
    assert_eq!(
        net.nodes[0].cancel(unknown, net.now),
        Err(CancelError::Unknown(unknown))
    );
}

#[test]
fn a_node_that_shuts_down_takes_its_orders_out_of_every_book() {
    let mut net = Net::mesh(3);
    net.submit(0, buy("1", "1"));
    net.submit(1, buy("2", "2"));
    net.nodes[0].shutdown(net.now);
    net.flush(0);
    net.run();
    assert_eq!(net.book(1).0, [r#"{"price":"2","amount":"2","count":1}"#]);
    assert_eq!(net.book(1), net.book(2));
    assert!(net.nodes[0].submit(buy("1", "1"), net.now).is_err());
}

#[test]
fn a_node_that_comes_back_after_a_crash_closes_what_it_left_behind() {
    let mut net = Net::mesh(2);
    net.submit(0, buy("1", "1"));
    net.crash(0);
    let bid = net.submit(1, sell("1", "1"));
    net.pass(1_000);
    assert_eq!(net.filled(1, bid), "0");
    net.connect(0, 1);
    net.run();
    net.pass(31_000);
    // The request that was in doubt is refused, and its piece stands in the book.
    assert_eq!(net.book(0).0, Vec::<String>::new());
    assert_eq!(net.book(0).1.len(), 1);
    net.assert_agreement();
}

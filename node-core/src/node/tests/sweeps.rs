//! What users see of orders that take from several others: the order of trades, prices, statuses.

use super::net::{Net, buy, sell};
use crate::node::{Event, NewOrder, OrderKind, OrderStatus, TimeInForce, Trade};
use crate::types::Side;

const PRICES: [&str; 8] = ["100", "101", "102", "103", "104", "105", "106", "107"];

fn market(side: Side, amount: &str) -> NewOrder {
    NewOrder {
        side,
        kind: OrderKind::Market,
        time_in_force: TimeInForce::Ioc,
        ..buy(amount, "1")
    }
}

fn prices(trades: &[Trade]) -> Vec<String> {
    trades.iter().map(|trade| trade.price.to_string()).collect()
}

/// Newest first, as nodes list them.
fn listed(net: &Net, node: usize) -> Vec<String> {
    let mut prices = prices(&net.nodes[node].trades(usize::MAX));
    prices.reverse();
    prices
}

#[test]
fn trades_of_a_sweep_stand_in_the_order_in_which_they_happened() {
    let mut net = Net::durable(3);
    for price in PRICES {
        net.submit(0, sell("1", price));
    }
    let bid = net.submit(1, market(Side::Buy, "8"));
    net.pass(1_000);
    assert_eq!(prices(&net.results[&bid].trades), PRICES);
    for node in 0..3 {
        assert_eq!(listed(&net, node), PRICES, "node {node}");
        let told = net.events.iter().filter_map(|(of, event)| match event {
            Event::Trade { trade, .. } if *of == node => Some(trade.clone()),
            _ => None,
        });
        assert_eq!(
            prices(&told.collect::<Vec<_>>()),
            PRICES,
            "events of node {node}"
        );
    }
    for node in [0, 1] {
        net.crash(node);
        assert_eq!(listed(&net, node), PRICES, "node {node} after a start");
    }
}

#[test]
fn local_sweep_stands_in_order_in_the_store_too() {
    let mut net = Net::durable(1);
    for price in PRICES {
        net.submit(0, sell("1", price));
    }
    net.submit(0, market(Side::Buy, "8"));
    let disk = net.disk(0).unwrap();
    let stored = disk
        .iter()
        .filter(|((table, _), _)| *table == crate::node::Table::Trades);
    let stored = stored.map(|(_, value)| {
        let trade = crate::ledger::RawTrade::unpack(value).unwrap();
        let (_, from) = trade.fill.p.split_once(r#""px":""#).unwrap();
        from.split('"').next().unwrap().to_owned()
    });
    assert_eq!(stored.collect::<Vec<_>>(), PRICES);
}

#[test]
fn market_order_shows_no_price() {
    let mut net = Net::durable(1);
    net.submit(0, sell("1", "100"));
    let filled = net.submit(0, market(Side::Buy, "1"));
    let unfilled = net.submit(0, market(Side::Sell, "1"));
    for _ in 0..2 {
        for id in [filled, unfilled] {
            assert_eq!(net.nodes[0].order(&id).unwrap().price, None);
        }
        net.crash(0);
    }
}

#[test]
fn no_event_shows_a_full_order_as_partial() {
    let mut net = Net::mesh(2);
    net.submit(0, sell("1", "100"));
    net.submit(1, buy("0.5", "100"));
    net.submit(1, buy("0.5", "100"));
    net.submit(0, sell("1", "101"));
    net.submit(0, buy("1", "101"));
    let mut filled = 0;
    for (_, event) in &net.events {
        if let Event::Order { order } = event {
            let full = order.filled == order.amount;
            assert_eq!(full, order.status == OrderStatus::Filled, "{order:?}");
            filled += usize::from(full);
        }
    }
    assert_eq!(filled, 5, "each order is told to be filled once");
}

#[test]
fn order_that_is_filled_after_its_cancellation_is_filled() {
    let mut net = Net::mesh(2);
    net.submit(0, sell("1", "100"));
    let bid = net.place(1, buy("1", "100"));
    net.nodes[1].cancel(bid, net.now).unwrap();
    net.flush(1);
    net.run();
    let order = net.nodes[1].order(&bid).unwrap();
    assert_eq!(
        (order.filled, order.status),
        (order.amount, OrderStatus::Filled)
    );
}

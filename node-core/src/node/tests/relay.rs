//! Beyond direct neighbours: gossip, forwarded requests, and messages that wait for a way.

use std::cell::Cell;
use std::rc::Rc;

use super::net::{Net, buy, sell};

#[test]
fn an_order_at_one_end_of_a_line_is_filled_from_the_other() {
    let mut net = Net::line(5);
    let ask = net.submit(0, sell("1.5", "50000"));
    assert_eq!(net.book(4).1.len(), 1);
    let bid = net.submit(4, buy("1", "50000"));
    assert_eq!(net.filled(4, bid), "1");
    assert_eq!(net.filled(0, ask), "1");
    assert_eq!(net.results[&bid].trades.len(), 1);
    net.assert_agreement();
}

#[test]
fn a_statement_crosses_each_link_at_most_once_in_each_direction() {
    let mut net = Net::mesh(8);
    let before = net.delivered;
    net.submit(0, sell("1", "100"));
    let links = 8 * 7 / 2;
    assert!(
        net.delivered - before <= 2 * links,
        "{}",
        net.delivered - before
    );
    net.assert_agreement();
}

#[test]
fn a_node_that_joins_later_gets_the_book_and_the_latest_trades() {
    let mut net = Net::new(3);
    net.connect(0, 1);
    net.run();
    net.submit(0, sell("1.5", "100"));
    net.submit(1, buy("1", "100"));
    net.submit(1, buy("1", "99"));
    net.connect(1, 2);
    net.run();
    net.assert_agreement();
    assert_eq!(net.trades(2).len(), 1);
}

#[test]
fn a_request_waits_for_a_way_to_its_maker() {
    let mut net = Net::line(3);
    let ask = net.submit(0, sell("1", "100"));
    net.cut(0, 1);
    let bid = net.submit(2, buy("1", "100"));
    assert_eq!(net.filled(2, bid), "0");
    net.pass(1_000);
    net.connect(0, 1);
    net.run();
    net.pass(31_000);
    assert_eq!(
        (net.filled(0, ask), net.filled(2, bid)),
        ("1".into(), "1".into())
    );
    net.assert_agreement();
}

#[test]
fn a_request_finds_another_way_when_the_known_one_is_gone() {
    let mut net = Net::line(3);
    net.connect(0, 2);
    net.run();
    let ask = net.submit(0, sell("1", "100"));
    net.cut(0, 2);
    let bid = net.submit(2, buy("1", "100"));
    net.pass(3_000);
    assert_eq!(
        (net.filled(0, ask), net.filled(2, bid)),
        ("1".into(), "1".into())
    );
}

#[test]
fn a_request_finds_its_maker_though_the_way_that_a_relay_knows_ends_at_a_leaf() {
    // 0 - 1 - 3 - 4, and 2 beside 1.
    let mut net = Net::new(5);
    for (a, b) in [(0, 1), (1, 2), (1, 3), (3, 4)] {
        net.connect(a, b);
        net.run();
    }
    let ask = net.submit(4, sell("1", "100"));
    // Node 1 starts again and hears of the order from node 2, which had it from node 1.
    net.crash(1);
    for other in [2, 0, 3] {
        net.connect(1, other);
        net.run();
    }
    let bid = net.submit(0, buy("1", "100"));
    net.pass(15_000);
    assert_eq!(
        (net.filled(4, ask), net.filled(0, bid)),
        ("1".into(), "1".into())
    );
    net.assert_agreement();
}

#[test]
fn a_relay_learns_from_the_taker_of_the_trade_that_it_passed_on() {
    let mut net = Net::line(3);
    net.submit(0, sell("1", "100"));
    // What the maker tells of the trade by itself, before the taker can, is lost.
    let lost = Rc::new(Cell::new(0));
    let counted = Rc::clone(&lost);
    net.lose = Some(Box::new(move |to, text| {
        let lose = to == 1 && text.contains("x_trades") && counted.get() == 0;
        counted.set(counted.get() + usize::from(lose));
        lose
    }));
    let bid = net.submit(2, buy("1", "100"));
    net.pass(1_000);
    assert_eq!((net.filled(2, bid), lost.get()), ("1".into(), 1));
    assert_eq!(net.trades(1).len(), 1);
}

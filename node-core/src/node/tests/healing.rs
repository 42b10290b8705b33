//! Whatever gossip missed: found by comparing, by the keep-alives' roots, or read page by page.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use super::net::{Net, buy, sell, statements};
use crate::ledger::Retained;
use crate::node::{Direction, NewOrder};
use crate::protocol::{Dialect, Message, decode};
use crate::types::{OrderId, Price, Side};

/// Comparisons come at least so often, to a node with one peer.
const ROUND: u64 = 36_000;

fn retained(net: &Net, node: usize) -> BTreeSet<[u8; 32]> {
    let ledger = net.nodes[node].ledger();
    ledger.retained().iter_from(0).map(Retained::id).collect()
}

fn cancel(net: &mut Net, node: usize, id: OrderId) {
    let now = net.now;
    net.nodes[node].cancel(id, now).unwrap();
    net.flush(node);
    net.run();
}

/// The orders that came with a message: the side and the price.
fn orders_in(text: &str) -> Vec<(String, Price)> {
    let Ok(Message::Statements(raw)) = decode(text.as_bytes(), Dialect::Secured) else {
        return Vec::new();
    };
    let places = raw.iter().filter(|raw| raw.p.contains(r#""t":"place""#));
    places
        .map(|raw| {
            let value: serde_json::Value = serde_json::from_str(&raw.p).unwrap();
            let text = |key: &str| value[key].as_str().unwrap().to_owned();
            (text("side"), text("px").parse().unwrap())
        })
        .collect()
}

#[test]
fn a_late_joiner_reads_the_book_best_prices_first_and_ends_equal() {
    const OWNERS: u8 = 14;
    const EACH: u64 = 180;
    let mut net = Net::new(3);
    net.connect(1, 0);
    net.run();
    net.submit(0, sell("1.5", "1000"));
    net.submit(1, buy("1", "1000"));
    let closed = net.submit(0, sell("1", "5000"));
    cancel(&mut net, 0, closed);
    let conn = net.stranger(0, 50, Direction::Outbound);
    for owner in 0..OWNERS {
        let orders: Vec<_> = (1..=EACH)
            .map(|n| {
                let spread = (u64::from(owner) * EACH + n) * 7919 % 800;
                let (side, at) = match n % 2 {
                    0 => (Side::Buy, 100 + spread),
                    _ => (Side::Sell, 1_100 + spread),
                };
                net.signed_order(60 + owner, n, side, &at.to_string())
            })
            .collect();
        net.says(0, conn, statements(&orders));
    }
    net.pass(3_000);
    assert_eq!(net.book(0), net.book(1));
    let came: Rc<RefCell<Vec<(String, Price)>>> = Rc::default();
    let noted = Rc::clone(&came);
    net.lose = Some(Box::new(move |to, text| {
        if to == 2 && text.contains("x_stmts") {
            noted.borrow_mut().extend(orders_in(text));
        }
        false
    }));
    net.connect(2, 0);
    net.run();
    net.pass(5_000);
    assert_eq!(net.counter(2, "book_read"), 1);
    assert!(net.counter(2, "recon_complete") > 0);
    net.assert_agreement();
    assert_eq!(net.trades(2).len(), 1);
    assert_eq!(retained(&net, 2), retained(&net, 0));
    assert!(
        net.nodes[2]
            .ledger()
            .order(&closed)
            .unwrap()
            .closing()
            .is_some()
    );
    // What is not in the book comes last, by comparing.
    let came = came.borrow();
    let of = |side: &str| {
        let open = came.iter().filter(|(_, at)| *at != "5000".parse().unwrap());
        let its = open.filter(|(of, _)| of == side);
        its.map(|(_, at)| *at).collect::<Vec<_>>()
    };
    let (bids, asks) = (of("buy"), of("sell"));
    assert_eq!(
        bids.len() + asks.len(),
        usize::from(OWNERS) * EACH as usize + 1
    );
    assert!(bids.is_sorted_by(|a, b| a >= b));
    assert!(asks.is_sorted());
}

#[test]
fn a_node_that_missed_messages_is_healed_by_comparing_within_the_round() {
    let mut net = Net::mesh(2);
    let gone = net.submit(0, sell("1", "103"));
    net.lose = Some(Box::new(|to, _| to == 1));
    let post = |order| NewOrder {
        time_in_force: crate::node::TimeInForce::Post,
        ..order
    };
    net.submit(0, post(sell("2", "100")));
    net.submit(0, buy("1", "100"));
    cancel(&mut net, 0, gone);
    net.pass(1_000);
    // Nothing is healed by asking about the owner.
    net.lose = Some(Box::new(|_, text| text.contains("x_get")));
    assert_ne!(net.book(0), net.book(1));
    assert!(net.trades(1).is_empty());
    net.pass(ROUND + 1_000);
    assert_eq!(net.trades(1).len(), 1);
    assert_eq!(net.trades(0), net.trades(1));
    let open = |node: usize| net.nodes[node].ledger().open_orders().count();
    assert_eq!((open(0), open(1)), (1, 1));
    net.assert_agreement();
}

#[test]
fn a_lost_cancellation_that_nobody_has_is_seen_by_the_next_keep_alive() {
    let mut net = Net::mesh(3);
    let kept = net.submit(0, sell("1", "100"));
    let id = net.submit(0, sell("1", "101"));
    // The cancellation itself never comes through, and nobody compares.
    net.lose = Some(Box::new(|_, text| {
        text.contains(r#"\"status\":\"closed\""#) || text.contains("x_recon")
    }));
    cancel(&mut net, 0, id);
    assert_eq!((net.book(1).1.len(), net.book(2).1.len()), (2, 2));
    net.pass(25_000);
    net.assert_agreement();
    for node in 1..3 {
        let ledger = net.nodes[node].ledger();
        assert!(ledger.order(&id).unwrap().withdrawn());
        assert!(!ledger.order(&kept).unwrap().withdrawn());
        assert!(!ledger.lacks_listed(&net.nodes[0].node_id()));
        assert!(net.counter(node, "owner_asked") > 0);
    }
}

#[test]
fn an_order_that_only_its_owner_has_is_asked_for_after_its_keep_alive() {
    let mut net = Net::line(3);
    net.submit(0, sell("1", "100"));
    net.lose = Some(Box::new(|_, text| {
        text.contains("x_stmts") || text.contains("x_have")
    }));
    net.submit(0, sell("1", "101"));
    net.pass(300);
    net.lose = Some(Box::new(|_, text| text.contains("x_recon")));
    assert_eq!((net.book(1).1.len(), net.book(2).1.len()), (1, 1));
    net.pass(30_000);
    assert_eq!(net.book(0).1.len(), 2);
    net.assert_agreement();
}

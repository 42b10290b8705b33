//! How news spreads: whole along trees that form by themselves, announced beside them, asked for
//! where it is missed.

use std::cell::Cell;
use std::rc::Rc;

use super::net::{Net, sell, statements};
use crate::ledger::prefix_of;
use crate::node::{ConnId, Direction, Incoming};
use crate::protocol::{Message, Prefix};
use crate::types::Side;

const PATIENCE: u64 = 3_000;

fn wants(net: &mut Net, conn: ConnId) -> Vec<Prefix> {
    let heard = net.take_heard(conn);
    let wants = heard.into_iter().filter_map(|message| match message {
        Message::Want(prefixes) => Some(prefixes),
        _ => None,
    });
    wants.flatten().collect()
}

/// What a peer got whole, by the number of statements, and what was announced to it.
fn news(net: &mut Net, conn: ConnId) -> (usize, Vec<Prefix>) {
    let (mut whole, mut announced) = (0, Vec::new());
    for message in net.take_heard(conn) {
        match message {
            Message::Statements(raw) => whole += raw.len(),
            Message::Have(prefixes) => announced.extend(prefixes),
            _ => {}
        }
    }
    (whole, announced)
}

fn have(prefix: Prefix) -> Incoming {
    Incoming::Plain(Message::Have(vec![prefix]))
}

#[test]
fn what_several_announce_is_asked_for_once_and_of_the_next_if_the_first_is_silent() {
    let mut net = Net::new(1);
    let peers = [50, 51, 52].map(|seed| net.stranger(0, seed, Direction::Inbound));
    let order = net.signed_order(60, 1, Side::Sell, "100");
    let prefix = prefix_of(&order.hash().0);
    for conn in peers {
        net.says(0, conn, have(prefix));
    }
    let asked = peers.map(|conn| wants(&mut net, conn).len());
    assert_eq!(asked, [1, 0, 0]);
    net.pass(PATIENCE - 100);
    assert_eq!(peers.map(|conn| wants(&mut net, conn).len()), [0, 0, 0]);
    net.pass(300);
    let asked = peers.map(|conn| wants(&mut net, conn));
    assert_eq!(asked.iter().flatten().collect::<Vec<_>>(), [&prefix]);
    assert!(asked[0].is_empty(), "who did not answer is not asked again");
    net.says(0, peers[1], statements(&[order]));
    for conn in peers {
        net.says(0, conn, have(prefix));
    }
    net.pass(3 * PATIENCE);
    assert_eq!(peers.map(|conn| wants(&mut net, conn).len()), [0, 0, 0]);
    assert_eq!(net.book(0).1.len(), 1);
}

#[test]
fn a_neighbour_that_only_brings_known_things_is_told_to_be_lazy() {
    let mut net = Net::new(1);
    let [first, second] = [50, 51].map(|seed| net.stranger(0, seed, Direction::Inbound));
    let orders: Vec<_> = (1..=8)
        .map(|n| net.signed_order(60, n, Side::Sell, "100"))
        .collect();
    net.says(0, first, statements(&orders));
    net.take_heard(second);
    let told = |net: &mut Net, conn| {
        let heard = net.take_heard(conn);
        heard.iter().any(|message| matches!(message, Message::Lazy))
    };
    for order in &orders[..7] {
        net.says(0, second, statements(std::slice::from_ref(order)));
        assert!(!told(&mut net, second));
    }
    net.says(0, second, statements(&orders[7..8]));
    assert!(told(&mut net, second));
    assert!(!told(&mut net, first));
}

#[test]
fn who_was_told_to_be_lazy_announces_until_it_is_asked() {
    let mut net = Net::new(1);
    let [from, lazy] = [50, 51].map(|seed| net.stranger(0, seed, Direction::Inbound));
    let [one, two, three] =
        [1, 2, 3].map(|n| net.signed_order(60, n, Side::Sell, &format!("10{n}")));
    net.says(0, from, statements(&[one]));
    assert_eq!(news(&mut net, lazy).0, 1);
    net.says(0, lazy, Incoming::Plain(Message::Lazy));
    let prefix = prefix_of(&two.hash().0);
    net.says(0, from, statements(&[two]));
    assert_eq!(news(&mut net, lazy), (0, Vec::new()));
    net.pass(400);
    assert_eq!(news(&mut net, lazy), (0, vec![prefix]));
    net.says(0, lazy, Incoming::Plain(Message::Want(vec![prefix])));
    assert_eq!(news(&mut net, lazy), (1, Vec::new()));
    net.says(0, from, statements(&[three]));
    assert_eq!(news(&mut net, lazy).0, 1);
}

/// How many whole copies of an order that a node places now go over any link.
fn copies_of_one(net: &mut Net, node: usize) -> usize {
    let copies = Rc::new(Cell::new(0));
    let counted = Rc::clone(&copies);
    net.lose = Some(Box::new(move |_, text| {
        let whole = text.contains("x_stmts") && text.contains("77777");
        counted.set(counted.get() + usize::from(whole));
        false
    }));
    net.submit(node, sell("1", "77777"));
    net.pass(1_000);
    net.lose = None;
    net.assert_agreement();
    copies.get()
}

fn warm_up(net: &mut Net) {
    let count = net.nodes.len();
    for round in 0..8 {
        for node in 0..count {
            net.submit(node, sell("1", &(100 + 10 * round + node).to_string()));
            net.pass(250);
        }
    }
}

#[test]
fn after_a_while_an_order_costs_each_node_about_one_whole_copy() {
    let mut net = Net::mesh(8);
    warm_up(&mut net);
    for node in [0, 3, 7] {
        let copies = copies_of_one(&mut net, node);
        assert!((7..=8).contains(&copies), "{copies} from {node}");
    }
}

#[test]
fn an_order_that_comes_through_one_node_costs_the_others_less_than_two_whole_copies() {
    // Eight of them know each other; the last is known to the first only.
    let mut net = Net::mesh(9);
    for node in 1..8 {
        net.cut(node, 8);
    }
    warm_up(&mut net);
    for node in [8, 0, 4] {
        let copies = copies_of_one(&mut net, node);
        assert!((8..16).contains(&copies), "{copies} from {node}");
    }
}

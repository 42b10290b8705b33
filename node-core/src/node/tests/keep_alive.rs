//! Keep-alives: what is open stays shown, what is left behind does not.

use super::net::{Net, buy, sell};
use crate::ledger::Ka;

/// The newest keep-alive of `of` that `at` knows.
fn head(net: &Net, at: usize, of: usize) -> Option<Ka> {
    let ledger = net.nodes[at].market.ledger();
    let ka = ledger.head(&net.nodes[of].node_id())?;
    ka.as_ka().cloned()
}

#[test]
fn an_order_stays_shown_as_long_as_its_owner_is_there() {
    let mut net = Net::line(3);
    net.submit(0, sell("1", "100"));
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..700 {
        net.pass(1_000);
        assert_eq!(net.book(2).1.len(), 1);
        seen.extend(head(&net, 2, 0).map(|ka| ka.n));
    }
    // 700 s at 18 s to 22 s each.
    assert!((31..=38).contains(&seen.len()), "{}", seen.len());
    let ka = head(&net, 2, 0).unwrap();
    let inventory = net.nodes[2]
        .market
        .ledger()
        .inventory(&net.nodes[0].node_id(), ka.ts);
    assert_eq!((ka.cnt, ka.root), (1, inventory.root));
    assert_eq!(head(&net, 0, 2), None);
    let maker = net.nodes[0].node_id();
    for node in &net.nodes {
        assert_eq!(node.clocks(), [(maker, ka.n)].into());
    }
}

#[test]
fn the_last_keep_alive_names_nothing_and_then_there_is_silence() {
    let mut net = Net::mesh(2);
    let id = net.submit(0, sell("1", "100"));
    net.pass(30_000);
    net.nodes[0].cancel(id, net.now).unwrap();
    net.flush(0);
    net.pass(25_000);
    let last = head(&net, 1, 0).unwrap();
    assert_eq!((last.cnt, last.live), (0, true));
    net.pass(60_000);
    assert_eq!(head(&net, 1, 0), Some(last));
}

#[test]
fn what_a_dead_node_leaves_behind_is_hidden_and_shown_again_with_the_node() {
    let mut net = Net::line(3);
    net.submit(0, sell("1", "100"));
    net.submit(2, buy("1", "90"));
    net.pass(1_000);
    net.cut(0, 1);
    net.pass(100_000);
    assert_eq!((net.book(2).0.len(), net.book(2).1.len()), (1, 0));
    assert_eq!((net.book(0).0.len(), net.book(0).1.len()), (0, 1));
    // Nobody takes what is hidden: neither side sees the other.
    let bid = net.submit(2, buy("1", "100"));
    net.pass(1_000);
    assert_eq!(net.filled(2, bid), "0");
    net.connect(0, 1);
    net.run();
    net.pass(25_000);
    assert_eq!(net.filled(2, bid), "1");
    net.assert_agreement();
}

#[test]
fn a_node_that_leaves_says_so() {
    let mut net = Net::mesh(3);
    net.submit(0, sell("1", "100"));
    let now = net.now;
    net.nodes[0].shutdown(now);
    net.nodes[1].shutdown(now);
    net.flush(0);
    net.flush(1);
    net.run();
    let last = head(&net, 2, 0).unwrap();
    assert_eq!((last.cnt, last.live), (0, false));
    assert_eq!(net.book(2), (vec![], vec![]));
    // Who had nothing open has nothing to say.
    assert_eq!(head(&net, 2, 1), None);
}

//! Peers: limits, duplicates, heartbeats, peer exchange, reconnection, bad behaviour.

use super::net::{Net, buy, sell};
use crate::node::io::Input;
use crate::node::{ConnId, Event, Incoming, OrderError, PeerStatus};
use crate::protocol::{Dialect, LegacyOrder, Message, PeerInfo};
use crate::types::{Millis, PeerId};

fn disconnections(net: &Net, node: usize) -> usize {
    let gone = |(who, event): &&(usize, Event)| {
        *who == node && matches!(event, Event::PeerDisconnected { .. })
    };
    net.events.iter().filter(gone).count()
}

#[test]
fn a_silent_peer_is_given_up_after_60_seconds_and_a_lively_one_is_kept() {
    let mut net = Net::mesh(3);
    net.pass(55_000);
    net.lose = Some(Box::new(|to, _| to == 0));
    net.pass(20_000);
    assert_eq!(disconnections(&net, 0), 0);
    net.pass(45_000);
    assert_eq!(disconnections(&net, 0), 2);
    assert_eq!(net.counter(0, "heartbeat_timeout"), 2);
    let views = net.nodes[1].peers(net.now);
    let up: Vec<_> = views
        .iter()
        .filter(|p| p.status == PeerStatus::Connected)
        .collect();
    assert_eq!(up.len(), 1);
    assert!(up[0].healthy && up[0].latency.is_some());
}

#[test]
fn a_lost_peer_is_dialed_again_for_ever_with_growing_pauses() {
    let mut net = Net::mesh(2);
    net.pass(11_000);
    net.cut(0, 1);
    net.dials.clear();
    let mut at = Vec::new();
    for _ in 0..4_000 {
        net.pass(50);
        for (node, address) in std::mem::take(&mut net.dials) {
            if node == 0 {
                assert_eq!(address, Net::address(1));
                at.push(net.now.mono);
                let reason = "unreachable";
                let instead = None;
                net.input(
                    0,
                    Input::DialFailed {
                        address,
                        reason,
                        instead,
                    },
                );
            }
        }
    }
    let gaps: Vec<u64> = at.windows(2).map(|pair| pair[1].since(pair[0]).0).collect();
    assert!(at.len() > 8, "{gaps:?}");
    assert!(gaps[0] < 2_000, "{gaps:?}");
    let last = gaps.last().unwrap();
    assert!((20_000..=40_000).contains(last), "{gaps:?}");
}

#[test]
fn of_two_simultaneous_dials_both_ends_keep_the_same_one() {
    for order in [[(0, 1), (1, 0)], [(1, 0), (0, 1)]] {
        let mut net = Net::new(2);
        for (from, to) in order {
            net.connect(from, to);
        }
        net.run();
        let direction = |node: usize| net.nodes[node].peers(net.now)[0].direction;
        assert_eq!(net.nodes[0].p2p_stats(net.now).peers.connected_peers, 1);
        assert_eq!(net.nodes[1].p2p_stats(net.now).peers.connected_peers, 1);
        assert_ne!(direction(0), direction(1));
    }
}

#[test]
fn of_two_sessions_that_one_end_dialed_at_the_same_time_one_is_left() {
    let mut net = Net::new(2);
    net.connect(0, 1);
    net.connect(0, 1);
    net.run();
    for node in 0..2 {
        assert_eq!(net.nodes[node].p2p_stats(net.now).peers.connected_peers, 1);
    }
    net.submit(0, sell("1", "100"));
    net.assert_agreement();
}

#[test]
fn a_session_that_comes_long_after_the_first_replaces_it() {
    let mut net = Net::mesh(2);
    net.pass(6_000);
    net.break_silently(0, 1);
    // Neither end has noticed; what is said now is lost.
    net.submit(0, sell("1", "100"));
    assert_eq!(net.book(1).1, Vec::<String>::new());
    net.connect(1, 0);
    net.run();
    for node in 0..2 {
        assert_eq!(net.nodes[node].p2p_stats(net.now).peers.connected_peers, 1);
        assert!(net.closed.contains(&(node, "duplicate")));
    }
    assert_eq!(net.book(1).1.len(), 1);
    net.submit(1, buy("1", "100"));
    net.assert_agreement();
    assert_eq!(net.trades(0).len(), 1);
}

#[test]
fn inbound_and_outbound_limits_together_keep_max_peers() {
    let mut net = Net::with(8, |_, config| config.max_peers = 4);
    for i in 1..8 {
        net.connect(i, 0);
    }
    net.run();
    let stats = net.nodes[0].p2p_stats(net.now).peers;
    assert_eq!((stats.inbound_peers, stats.outbound_peers), (2, 0));
    assert_eq!(net.counter(0, "peer_limit"), 5);
    let mut net = Net::with(2, |_, config| config.max_peers = 1);
    net.connect(1, 0);
    net.run();
    assert_eq!(net.nodes[0].p2p_stats(net.now).peers.connected_peers, 1);
}

#[test]
fn peers_tell_each_other_about_peers_but_never_about_themselves() {
    let mut net = Net::line(3);
    net.pass(1_000);
    // The one in the middle tells the newcomer at once, and the other within a minute.
    assert_eq!(net.dials, [(2, Net::address(0))]);
    net.pass(60_000);
    assert!(net.dials.contains(&(0, Net::address(2))));
    for (node, address) in &net.dials {
        assert_ne!(*address, Net::address(*node), "node {node} dials itself");
    }
}

#[test]
fn peer_exchange_can_be_switched_off() {
    let mut net = Net::with(3, |_, config| config.peer_exchange = false);
    net.connect(0, 1);
    net.connect(1, 2);
    net.run();
    net.pass(61_000);
    assert!(net.dials.is_empty());
}

#[test]
fn a_peer_that_sends_bad_signatures_is_banned() {
    let mut net = Net::new(2);
    let (conn, _) = net.connect(0, 1);
    net.run();
    for _ in 0..3 {
        let message = Incoming::Statements {
            valid: Vec::new(),
            refused: vec!["bad_signature"],
        };
        net.input(
            0,
            Input::Received {
                conn,
                bytes: 9,
                message,
            },
        );
    }
    assert_eq!(net.counter(0, "bad_signature"), 3);
    assert!(net.closed.contains(&(0, "banned")));
    net.connect(1, 0);
    net.run();
    assert_eq!(net.nodes[0].p2p_stats(net.now).peers.connected_peers, 0);
    net.pass(3_601_000);
    net.connect(1, 0);
    net.run();
    assert_eq!(net.nodes[0].p2p_stats(net.now).peers.connected_peers, 1);
}

#[test]
fn persisted_peers_are_those_with_which_a_session_was_up() {
    let mut net = Net::line(3);
    let kept = net.nodes[0].persisted_peers(net.now);
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].address, Net::address(1));
    assert_eq!(kept[0].node_id, Some(net.nodes[1].node_id().to_string()));
    net.cut(0, 1);
    assert_eq!(net.nodes[0].persisted_peers(net.now).len(), 1);
}

#[test]
fn what_a_legacy_peer_sends_is_shown_apart_and_never_matched() {
    let mut net = Net::mesh(2);
    let conn = ConnId(99);
    let info = PeerInfo {
        id: PeerId::Legacy("old-node".into()),
        dialect: Dialect::Seed,
        version: "1.0.0".to_owned(),
        port: 0,
        capabilities: vec!["order".to_owned()],
        clock_offset: None,
    };
    let remote = "10.0.0.9:4000".parse().unwrap();
    let direction = crate::node::Direction::Inbound;
    net.input(
        0,
        Input::Connected {
            conn,
            info,
            direction,
            remote,
        },
    );
    net.submit(1, buy("1", "100"));
    let order = |side: &str, amount: &str| {
        Message::Order(LegacyOrder {
            id: "o-1".to_owned(),
            user_id: "mallory".to_owned(),
            side: side.to_owned(),
            amount: amount.to_owned(),
            price: "100".to_owned(),
            status: "pending".to_owned(),
            timestamp: Millis(5),
            pair: "BTC/USD".to_owned(),
        })
    };
    for (side, amount) in [("sell", "1"), ("sell", "a lot"), ("hold", "1")] {
        net.says(0, conn, Incoming::Plain(order(side, amount)));
    }
    let unsigned = net.nodes[0].unsigned();
    assert_eq!(unsigned.orders.len(), 1);
    assert_eq!(unsigned.orders[0].from, "old-node");
    assert!(net.trades(0).is_empty());
    assert!(net.book(0).1.is_empty() && net.book(1).1.is_empty());
    assert_eq!(net.counter(0, "unsigned_refused"), 2);
}

#[test]
fn a_clock_that_is_off_is_told_and_then_stops_the_node_from_placing() {
    let mut net = Net::mesh(4);
    net.ahead[0] = 7_000;
    net.pass(31_000);
    let told = |net: &Net| {
        let events = net.events.iter();
        let told = events.filter(|(node, event)| {
            *node == 0 && matches!(event, Event::Error { code, .. } if code == "CLOCK_OFF")
        });
        told.count()
    };
    assert_eq!(told(&net), 1);
    net.submit(0, sell("1", "100"));
    net.ahead[0] = 11_000;
    net.pass(31_000);
    let now = net.now_of(0);
    let refused = net.nodes[0].submit(sell("1", "101"), now);
    assert!(
        matches!(
            refused,
            Err(OrderError::ClockOff {
                offset: -11_200..-10_800,
                ..
            })
        ),
        "{refused:?}"
    );
    assert_eq!(told(&net), 2, "once more as it stops");
    net.ahead[0] = 0;
    net.pass(31_000);
    net.submit(0, sell("1", "101"));
    assert_eq!(told(&net), 2);
    net.assert_agreement();
}

#[test]
fn who_finds_no_place_is_told_of_other_nodes_and_dials_them() {
    let mut net = Net::with(5, |_, config| config.max_peers = 4);
    for i in 1..3 {
        net.connect(i, 0);
    }
    net.run();
    net.connect(3, 0);
    net.run();
    assert_eq!(net.counter(0, "peer_limit"), 1);
    net.pass(1_000);
    let dialed = net.dials.iter().filter(|(node, _)| *node == 3);
    let mut dialed: Vec<_> = dialed.map(|(_, address)| address.clone()).collect();
    dialed.sort();
    dialed.dedup();
    assert_eq!(dialed, [1, 2].map(Net::address));
}

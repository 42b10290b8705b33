//! False clocks: this node's own, and those of peers that say so.

use super::net::{Net, buy, sell};
use crate::node::{ClockState, ClockView, Direction, Event, Incoming, OrderError};
use crate::protocol::Message;
use crate::types::Millis;

const FALSE: i64 = -3_600_000;

fn clock(net: &Net) -> ClockView {
    net.nodes[0].clock()
}

fn told(net: &Net) -> usize {
    let told = |event: &Event| matches!(event, Event::Error { code, .. } if code == "CLOCK_OFF");
    let told = net
        .events
        .iter()
        .filter(|(node, event)| *node == 0 && told(event));
    told.count()
}

/// A peer that this node dialed, in a /24 of its own.
fn dialed(net: &mut Net, number: u8, offset: i64) {
    let remote = format!("81.2.{number}.1:3000");
    net.stranger_at(0, 100 + number, Direction::Outbound, &remote, Some(offset));
}

fn refused(net: &mut Net) -> Option<i64> {
    let now = net.now_of(0);
    match net.nodes[0].submit(sell("1", "100"), now) {
        Ok(_) => {
            net.flush(0);
            None
        }
        Err(OrderError::ClockOff { offset, limit }) => {
            assert_eq!(limit, 10_000);
            Some(offset)
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn strangers_that_dial_in_stop_neither_placing_nor_answering() {
    let mut net = Net::line(2);
    let ask = net.submit(0, sell("1", "100"));
    for seed in 0..5 {
        let conn = net.stranger(0, 60 + seed, Direction::Inbound);
        // By the handshake, had it counted, and by heartbeats.
        let at = format!("90.{seed}.0.1:3000");
        net.stranger_at(0, 80 + seed, Direction::Inbound, &at, Some(FALSE));
        net.pass(1_000);
        for message in net.take_heard(conn) {
            if let Message::Heartbeat { timestamp } = message {
                let ack = Message::HeartbeatAck {
                    timestamp: timestamp - Millis::from_secs(3_600),
                    echo: Some(timestamp),
                };
                net.says(0, conn, Incoming::Plain(ack));
            }
        }
    }
    net.pass(1_000);
    // The one peer that it dialed itself.
    assert_eq!(
        (clock(&net).votes, clock(&net).state),
        (1, ClockState::Right)
    );
    let bid = net.submit(1, buy("1", "100"));
    assert_eq!(
        (net.filled(0, ask), net.filled(1, bid)),
        ("1".into(), "1".into())
    );
    assert_eq!(refused(&mut net), None);
    assert_eq!(told(&net), 0);
}

#[test]
fn a_first_order_is_refused_where_every_dialed_peer_finds_the_clock_wrong() {
    let mut net = Net::new(1);
    assert_eq!(clock(&net).state, ClockState::Unmeasured);
    dialed(&mut net, 1, -15_000);
    assert_eq!(refused(&mut net), Some(-15_000), "before any heartbeat");
    dialed(&mut net, 2, -14_000);
    assert_eq!(refused(&mut net), Some(-14_000));
    net.pass(1_000);
    assert_eq!(told(&net), 1);
    let expected = ClockView {
        state: ClockState::Stopped,
        offset_ms: Some(-14_000),
        votes: 2,
    };
    assert_eq!(clock(&net), expected);
}

#[test]
fn one_false_clock_stops_nobody_who_dialed_a_right_one() {
    let mut net = Net::new(1);
    dialed(&mut net, 1, FALSE);
    dialed(&mut net, 2, 20);
    assert_eq!(refused(&mut net), None);
    net.pass(1_000);
    assert_eq!((told(&net), clock(&net).state), (1, ClockState::Off));
    dialed(&mut net, 3, 10);
    net.pass(1_000);
    assert_eq!(clock(&net).state, ClockState::Right, "two of three agree");
    dialed(&mut net, 4, FALSE);
    assert_eq!(refused(&mut net), None, "two of four");
    dialed(&mut net, 5, FALSE);
    assert_eq!(refused(&mut net), Some(FALSE), "three of five");
}

#[test]
fn peers_of_one_network_have_one_vote() {
    let mut net = Net::new(1);
    dialed(&mut net, 1, 0);
    for seed in 1..=4 {
        let remote = format!("81.9.9.{seed}:3000");
        net.stranger_at(0, seed, Direction::Outbound, &remote, Some(FALSE));
    }
    assert_eq!(clock(&net).votes, 2);
    assert_eq!(refused(&mut net), None);
    for seed in 11..=14 {
        let remote = format!("[2001:db8:1:{seed}::1]:3000");
        net.stranger_at(0, seed, Direction::Outbound, &remote, Some(FALSE));
    }
    assert_eq!(clock(&net).votes, 3);
    // In a private network each host has one.
    for seed in 21..=24 {
        let remote = format!("192.168.0.{seed}:3000");
        net.stranger_at(0, seed, Direction::Outbound, &remote, Some(0));
    }
    assert_eq!(clock(&net).votes, 7);
}

#[test]
fn who_may_not_place_still_answers_and_cancels() {
    let mut net = Net::line(2);
    let asks = [
        net.submit(0, sell("1", "100")),
        net.submit(0, sell("1", "101")),
    ];
    for number in 1..=5 {
        dialed(&mut net, number, FALSE);
    }
    assert_eq!(refused(&mut net), Some(FALSE));
    let bid = net.submit(1, buy("1", "100"));
    assert_eq!(
        (net.filled(0, asks[0]), net.filled(1, bid)),
        ("1".into(), "1".into())
    );
    let now = net.now_of(0);
    net.nodes[0].cancel(asks[1], now).unwrap();
    net.flush(0);
    net.run();
    assert!(net.book(1).1.is_empty());
    net.assert_agreement();
}

#[test]
fn a_fill_is_dated_within_its_request_though_the_makers_clock_is_ahead() {
    let mut net = Net::line(2);
    let ask = net.submit(0, sell("1", "100"));
    net.ahead[0] = 14_000;
    let bid = net.submit(1, buy("1", "100"));
    assert_eq!(net.filled(1, bid), "1", "it counts at once");
    let ledger = net.nodes[1].ledger();
    let trade = ledger.trades_of(ask).next().unwrap();
    assert_eq!(trade.fill().ts(), net.now.wall + Millis::from_secs(5));
    net.assert_agreement();
}

//! Addresses that sources name: dialed once, in order, and never more than there is room for.

use std::sync::Arc;

use super::net::{Net, config};
use crate::ledger::Identity;
use crate::node::{
    Direction, Incoming, Input, Node, PeerSource, PeerView, PersistedPeer, Way, Ways,
};
use crate::protocol::{Message, PeerEntry};
use crate::types::{NodeId, PeerAddress};

fn found(net: &mut Net, address: &PeerAddress, id: Option<NodeId>, source: PeerSource) {
    let address = address.clone();
    net.input(
        0,
        Input::Found {
            address,
            id,
            source,
        },
    );
}

fn fails(net: &mut Net, address: &PeerAddress) {
    net.input(
        0,
        Input::DialFailed {
            address: address.clone(),
            reason: "connection_refused",
            instead: None,
        },
    );
}

fn address(n: usize) -> PeerAddress {
    let text = format!("10.1.{}.{}:3000", n / 250, n % 250);
    text.parse().unwrap()
}

fn views(net: &Net, source: PeerSource) -> Vec<PeerView> {
    let views = net.nodes[0].peers(net.now).into_iter();
    views.filter(|view| view.source == source).collect()
}

#[test]
fn a_found_address_is_dialed_at_once_and_what_came_of_it_is_remembered() {
    let mut net = Net::new(1);
    found(&mut net, &address(1), None, PeerSource::Mdns);
    net.pass(1);
    assert_eq!(net.dials, [(0, address(1))]);
    fails(&mut net, &address(1));
    let known = &views(&net, PeerSource::Mdns)[0];
    assert_eq!(known.last_outcome.as_deref(), Some("connection_refused"));
    assert_eq!(known.failures, 1);
    assert!(known.last_tried.is_some_and(|tried| tried <= net.now.wall));
    assert!(net.nodes[0].is_alone());
}

#[test]
fn a_name_is_dialed_only_for_its_user() {
    let name: PeerAddress = "inside.example.org:3000".parse().unwrap();
    let other: PeerAddress = "other.example.org:3000".parse().unwrap();
    let mut net = Net::new(1);
    for source in [
        PeerSource::Mdns,
        PeerSource::Grenache,
        PeerSource::Dht,
        PeerSource::PeerExchange,
        PeerSource::Persisted,
    ] {
        found(&mut net, &name, None, source);
    }
    let rogue = net.stranger(0, 60, Direction::Inbound);
    for host in [
        "inside.example.org",
        "127.1",
        "2130706433",
        "localhost",
        "::1",
    ] {
        let entry = PeerEntry {
            node_id: None,
            address: host.to_owned(),
            port: 3000,
        };
        let told = Incoming::Plain(Message::PeerExchange(vec![entry]));
        net.says(0, rogue, told);
    }
    net.pass(1_000);
    assert_eq!(net.dials, []);
    assert_eq!(net.counter(0, "address_not_kept"), 5);
    assert_eq!(net.counter(0, "peer_not_believed"), 5);
    // Of what the last run kept, only what its user names again.
    let mut config = config();
    config.bootstrap_peers = vec![name.clone()];
    let identity = Arc::new(Identity::from_seed([5; 32]));
    let mut node = Node::new(config, identity, [5; 32], net.now);
    let kept = [&name, &other, &address(1)].map(|address| PersistedPeer {
        node_id: None,
        address: address.clone(),
        last_seen: net.now.wall,
        anchor: false,
    });
    node.start(kept.to_vec(), None, net.now);
    let known = node
        .peers(net.now)
        .into_iter()
        .filter_map(|peer| peer.address);
    let mut known: Vec<PeerAddress> = known.collect();
    known.sort();
    assert_eq!(known, [address(1), name]);
}

#[test]
fn whoever_names_an_address_again_and_again_does_not_decide_how_often_it_is_dialed() {
    let mut net = Net::new(1);
    for _ in 0..100 {
        found(&mut net, &address(1), None, PeerSource::Mdns);
        net.pass(50);
        if net.dials.len() > net.nodes[0].peers(net.now)[0].failures as usize {
            fails(&mut net, &address(1));
        }
    }
    // Pauses of 0.5, 1 and 2 s in 5 s.
    assert!((3..=5).contains(&net.dials.len()), "{:?}", net.dials);
}

#[test]
fn a_long_pause_ends_when_the_address_is_found_again_or_a_round_begins() {
    let mut net = Net::with(1, |_, config| config.bootstrap_peers = vec![address(1)]);
    net.pass(1);
    for _ in 0..8 {
        fails(&mut net, &address(1));
        net.pass(40_000);
    }
    fails(&mut net, &address(1));
    net.dials.clear();
    net.pass(10_000);
    assert!(net.dials.is_empty(), "the pause is about 30 s");
    found(&mut net, &address(1), None, PeerSource::Grenache);
    net.pass(1);
    assert_eq!(net.dials.len(), 1);
    fails(&mut net, &address(1));
    net.pass(10_000);
    assert_eq!(net.dials.len(), 1);
    let now = net.now;
    net.nodes[0].discover(now);
    net.pass(1);
    assert_eq!(net.dials.len(), 2);
}

#[test]
fn one_node_is_dialed_at_one_of_its_addresses_at_a_time_and_not_once_it_is_connected() {
    let mut net = Net::new(2);
    let id = Some(net.nodes[1].node_id());
    for n in 1..=3 {
        found(&mut net, &address(n), id, PeerSource::Mdns);
    }
    net.pass(1);
    assert_eq!(net.dials.len(), 1);
    let tried = net.dials[0].1.clone();
    fails(&mut net, &tried);
    net.pass(1);
    assert_eq!(net.dials.len(), 2);
    let tried = net.dials[1].1.clone();
    net.connect(1, 0);
    net.run();
    fails(&mut net, &tried);
    net.pass(60_000);
    assert_eq!(net.dials.len(), 2);
}

#[test]
fn a_claim_that_turns_out_to_be_wrong_does_not_keep_anybody_out() {
    let mut net = Net::new(3);
    // It is node 2 that lives there.
    let wrong = Some(net.nodes[1].node_id());
    found(&mut net, &Net::address(2), wrong, PeerSource::Mdns);
    net.pass(1);
    assert_eq!(net.dials, [(0, Net::address(2))]);
    net.connect(0, 2);
    net.connect(1, 0);
    net.run();
    assert_eq!(net.nodes[0].p2p_stats(net.now).peers.connected_peers, 2);
    let view = &views(&net, PeerSource::Mdns)[0];
    assert_eq!(view.node_id, Some(net.nodes[2].node_id().to_string()));
    assert_eq!(view.last_outcome.as_deref(), Some("connected"));
}

#[test]
fn the_own_id_is_not_learned() {
    let mut net = Net::new(1);
    let own = Some(net.nodes[0].node_id());
    found(&mut net, &address(1), own, PeerSource::Mdns);
    net.pass(1_000);
    assert!(net.dials.is_empty() && net.nodes[0].peers(net.now).is_empty());
}

#[test]
fn a_source_that_names_without_end_takes_no_more_than_its_own_room() {
    let mut net = Net::with(1, |_, config| config.bootstrap_peers = vec![address(9_000)]);
    found(&mut net, &address(9_001), None, PeerSource::Grenache);
    for n in 0..3_000 {
        found(&mut net, &address(n), None, PeerSource::Mdns);
    }
    assert_eq!(views(&net, PeerSource::Mdns).len(), 200);
    assert_eq!(views(&net, PeerSource::Grenache).len(), 1);
    assert_eq!(views(&net, PeerSource::Bootstrap).len(), 1);
    // A better source may name an address of a worse one, and gives it a place of its own.
    found(&mut net, &address(9_001), None, PeerSource::Mdns);
    assert_eq!(views(&net, PeerSource::Grenache).len(), 1);
    found(&mut net, &address(2_999), None, PeerSource::Grenache);
    assert_eq!(views(&net, PeerSource::Mdns).len(), 200);
}

#[test]
fn candidates_of_better_sources_are_tried_first_and_few_at_a_time() {
    let mut net = Net::new(1);
    net.nodes[0].take_outputs(net.now, &mut Vec::new());
    let sources = [
        PeerSource::PeerExchange,
        PeerSource::Grenache,
        PeerSource::Mdns,
    ];
    for (index, source) in sources.into_iter().enumerate() {
        for n in 0..6 {
            let address = address(100 * index + n);
            // All at one moment, as the driver hands them in.
            let input = Input::Found {
                address,
                id: None,
                source,
            };
            let now = net.now;
            net.nodes[0].handle(input, now);
        }
    }
    net.pass(1);
    let dialed: Vec<&PeerAddress> = net.dials.iter().map(|(_, address)| address).collect();
    assert_eq!(dialed.len(), 8);
    for n in 0..6 {
        assert!(dialed.contains(&&address(200 + n)), "{dialed:?}");
    }
    let second = (0..6).filter(|n| dialed.contains(&&address(100 + n)));
    assert_eq!(second.count(), 2, "{dialed:?}");
}

fn answers_http(net: &mut Net, address: &PeerAddress) {
    net.input(
        0,
        Input::DialFailed {
            address: address.clone(),
            reason: "speaks_http",
            instead: Some(Way::Rpc),
        },
    );
    net.pass(1);
}

#[test]
fn an_address_that_speaks_http_is_dialed_by_the_rpc_and_directly_again_after_that_failed() {
    let mut net = Net::with(1, |_, config| config.ways.rpc = true);
    found(&mut net, &address(1), None, PeerSource::Grenache);
    net.pass(1);
    answers_http(&mut net, &address(1));
    assert_eq!(net.ways, [Way::Secured, Way::Rpc]);
    assert_eq!(views(&net, PeerSource::Grenache)[0].failures, 0);
    fails(&mut net, &address(1));
    net.pass(2_000);
    assert_eq!(net.ways, [Way::Secured, Way::Rpc, Way::Secured]);
}

#[test]
fn an_address_that_speaks_http_is_a_failure_where_the_rpc_is_off() {
    let mut net = Net::new(1);
    found(&mut net, &address(1), None, PeerSource::Grenache);
    net.pass(1);
    answers_http(&mut net, &address(1));
    assert_eq!(net.ways, [Way::Secured]);
    assert_eq!(views(&net, PeerSource::Grenache)[0].failures, 1);
}

#[test]
fn without_direct_connections_all_dials_go_by_the_rpc_and_without_both_none() {
    for rpc in [true, false] {
        let ways = Ways { direct: false, rpc };
        let mut net = Net::with(1, |_, config| config.ways = ways);
        found(&mut net, &address(1), None, PeerSource::Grenache);
        net.pass(1);
        let expected: &[Way] = if rpc { &[Way::Rpc] } else { &[] };
        assert_eq!(net.ways, expected);
    }
}

#[test]
fn names_that_take_long_to_resolve_hold_up_no_numeric_address() {
    let mut net = Net::new(1);
    let name = |n: usize| format!("peer{n}.example.org:3000").parse().unwrap();
    // Names are the better source here, and none of their dials comes to an end.
    for n in 0..12 {
        found(&mut net, &name(n), None, PeerSource::Bootstrap);
    }
    net.pass(1);
    let names = net.dials.len();
    assert!((1..8).contains(&names), "{:?}", net.dials);
    for n in 0..12 {
        found(&mut net, &address(n), None, PeerSource::Mdns);
    }
    net.pass(1);
    assert_eq!(net.dials.len() - names, 8, "{:?}", net.dials);
    let dialed: Vec<PeerAddress> = net.dials[names..]
        .iter()
        .map(|(_, at)| at.clone())
        .collect();
    for address in &dialed {
        fails(&mut net, address);
    }
    net.pass(1);
    let tried = |n: usize| net.dials.contains(&(0, address(n)));
    assert!((0..12).all(tried), "{:?}", net.dials);
}

//! What nodes do together.

use std::net::SocketAddrV4;
use std::time::Duration;

use super::network::{Network, address};
use crate::dht::MAX_INFO_HASH;
use crate::dht::decode::decode;
use crate::dht::id::{InfoHash, NodeId};
use crate::dht::io::{Outcome, Request};
use crate::dht::item::{Item, sign};
use crate::dht::message::{Answer, Ask, Body, Message};
use crate::dht::operations::{HOLDERS_LIFE, MAX_OPERATIONS};
use crate::dht::queries::QUERY_TIME;
use crate::error::OperationError;

fn service(name: &[u8]) -> InfoHash {
    InfoHash::new(name).unwrap()
}

fn announce(network: &mut Network, number: u8, name: &[u8], port: u16) -> usize {
    let request = Request::Announce {
        service: service(name),
        port,
        address: *address(number).ip(),
    };
    match network.request(number, request) {
        Outcome::Announced(count) => count,
        other => panic!("{other:?}"),
    }
}

fn lookup(network: &mut Network, number: u8, name: &[u8]) -> Vec<SocketAddrV4> {
    let service = service(name);
    match network.request(number, Request::Lookup { service }) {
        Outcome::Peers(mut peers) => {
            peers.sort_unstable();
            peers
        }
        other => panic!("{other:?}"),
    }
}

fn at(number: u8, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(*address(number).ip(), port)
}

#[test]
fn a_service_of_any_name_is_found_by_every_node() {
    let mut network = Network::of(30);
    for length in [1, 3, 12, 19, 20, 21, 200, MAX_INFO_HASH] {
        let name = vec![b'a'; length];
        let port = u16::try_from(length).unwrap();
        assert_eq!(announce(&mut network, 7, &name, port), 20);
        for number in [1, 7, 8, 30] {
            assert_eq!(
                lookup(&mut network, number, &name),
                [at(7, port)],
                "{length}"
            );
        }
    }
    assert_eq!(lookup(&mut network, 3, b"nobody's"), []);
}

#[test]
fn a_node_alone_finds_what_was_announced_at_it() {
    let mut network = Network::of(1);
    assert_eq!(announce(&mut network, 1, b"x", 5), 1);
    assert_eq!(announce(&mut network, 1, b"x", 0), 1);
    assert_eq!(lookup(&mut network, 1, b"x"), [at(1, 5), at(1, 20001)]);
}

#[test]
fn an_announcement_ends_everywhere() {
    let mut network = Network::of(5);
    announce(&mut network, 2, b"x", 5);
    network.run(Duration::from_secs(100));
    assert_eq!(lookup(&mut network, 3, b"x"), [at(2, 5)]);
    network.run(Duration::from_secs(21));
    assert_eq!(lookup(&mut network, 4, b"x"), []);
    assert_eq!(
        lookup(&mut network, 3, b"x"),
        [at(2, 5)],
        "found a while ago"
    );
    network.run(Duration::from_secs(60));
    assert_eq!(lookup(&mut network, 3, b"x"), []);
}

#[test]
fn announcing_again_costs_no_search() {
    let mut network = Network::of(5);
    announce(&mut network, 2, b"x", 5);
    network.run(Duration::from_secs(1));
    let before = network.sent;
    assert_eq!(announce(&mut network, 2, b"x", 5), 4);
    assert_eq!(network.sent - before, 2 * 4);
}

#[test]
fn a_new_node_hears_of_what_is_announced_again() {
    let mut network = Network::of(3);
    announce(&mut network, 2, b"x", 5);
    network.start(9, 9);
    network.run(HOLDERS_LIFE);
    assert_eq!(announce(&mut network, 2, b"x", 5), 3);
}

#[test]
fn a_node_that_is_gone_delays_one_look_up() {
    let mut network = Network::of(6);
    announce(&mut network, 2, b"x", 5);
    network.nodes.remove(&address(1));
    network.nodes.remove(&address(3));
    let start = network.now;
    assert_eq!(lookup(&mut network, 4, b"x"), [at(2, 5)]);
    assert!(network.now - start < QUERY_TIME + Duration::from_secs(1));
    // The others have not noticed, and still name them.
    let start = network.now;
    assert_eq!(lookup(&mut network, 4, b"x"), [at(2, 5)]);
    assert!(network.now - start < Duration::from_millis(200));
    assert!(announce(&mut network, 4, b"x", 6) >= 3);
}

#[test]
fn a_node_that_comes_back_is_used_again() {
    let mut network = Network::of(4);
    network.nodes.remove(&address(1));
    network.run(Duration::from_secs(120));
    assert_eq!(network.node(2).node_count(), 2);
    network.start(1, 77);
    network.run(Duration::from_secs(20));
    assert_eq!(network.node(2).node_count(), 3);
    announce(&mut network, 1, b"x", 5);
    assert_eq!(lookup(&mut network, 2, b"x"), [at(1, 5)]);
}

#[test]
fn a_node_that_starts_before_its_bootstrap_node_joins_soon_after_it() {
    let mut network = Network::of(0);
    network.start(2, 2);
    network.run(Duration::from_secs(60));
    network.start(1, 1);
    network.run(Duration::from_secs(5));
    assert_eq!(network.node(2).node_count(), 1);
    assert_eq!(network.node(1).node_count(), 1);
}

#[test]
fn a_network_that_loses_much_still_finds() {
    let mut network = Network::of(10);
    network.loss = 20;
    announce(&mut network, 2, b"x", 5);
    assert_eq!(lookup(&mut network, 9, b"x"), [at(2, 5)]);
}

#[test]
fn values_are_found_under_what_they_are_kept_under() {
    let mut network = Network::of(8);
    let plain = Item::text("a text").unwrap();
    let signed = [sign("one", b"s", 1), sign("two", b"s", 2)];
    let put = |network: &mut Network, number, item: &Item, replaces| {
        let item = item.clone();
        network.request(number, Request::Put { item, replaces })
    };
    let get = |network: &mut Network, number, target, salt: &[u8]| {
        let (salt, kept) = (salt.to_vec(), false);
        let request = Request::Get { target, salt, kept };
        match network.request(number, request) {
            Outcome::Value(found) => found.map(|found| found.item),
            other => panic!("{other:?}"),
        }
    };
    let target = plain.target();
    assert_eq!(put(&mut network, 1, &plain, None), Outcome::Stored(target));
    assert_eq!(get(&mut network, 5, target, b""), Some(plain));
    assert_eq!(get(&mut network, 5, [1; 20], b""), None);

    let target = signed[0].target();
    put(&mut network, 1, &signed[0], None);
    assert_eq!(
        get(&mut network, 5, target, b"s").as_ref(),
        Some(&signed[0])
    );
    let stored = put(&mut network, 2, &signed[1], Some(1));
    assert_eq!(stored, Outcome::Stored(target));
    assert_eq!(
        get(&mut network, 5, target, b"s").as_ref(),
        Some(&signed[1])
    );
    // A node that comes later has not heard of the second.
    network.start(9, 9);
    network.run(Duration::from_secs(3));
    let late = put(&mut network, 9, &signed[0], None);
    assert!(
        matches!(
            late,
            Outcome::Failed(OperationError::Refused { code: 302, .. })
        ),
        "{late:?}"
    );
}

#[test]
fn look_ups_of_one_service_at_a_time_are_one() {
    let mut network = Network::of(3);
    let now = network.now;
    let mut ask = |name: &[u8]| {
        let service = service(name);
        network.node(1).request(Request::Lookup { service }, now)
    };
    let first = ask(b"x").unwrap();
    assert_eq!(ask(b"x"), Ok(first));
    assert_ne!(ask(b"y"), Ok(first));
    let more = (0..MAX_OPERATIONS).map(|number| ask(&number.to_be_bytes()));
    assert_eq!(more.last(), Some(Err(OperationError::Busy)));
}

fn stranger(number: u8) -> SocketAddrV4 {
    SocketAddrV4::new([192, 0, 2, number].into(), 6881)
}

fn query(id: Option<NodeId>, ask: Ask) -> Vec<u8> {
    let body = Body::Query { id, ask };
    let transaction = b"ab".to_vec();
    Message { transaction, body }.encode()
}

fn answers(datagrams: &[Vec<u8>]) -> Vec<Body> {
    let messages = datagrams.iter().map(|datagram| decode(datagram).unwrap());
    let bodies = messages.map(|message| message.body);
    bodies
        .filter(|body| !matches!(body, Body::Query { .. }))
        .collect()
}

#[test]
fn nobody_announces_for_another() {
    let mut network = Network::of(2);
    let asked = Ask::GetPeers {
        info_hash: service(b"x"),
    };
    let told = network.inject(1, stranger(1), &query(None, asked));
    let [
        Body::Answer(Answer {
            token: Some(token), ..
        }),
    ] = &answers(&told)[..]
    else {
        panic!("{told:?}");
    };
    let announced = Ask::AnnouncePeer {
        info_hash: service(b"x"),
        port: None,
        token: token.clone(),
    };
    let told = network.inject(1, stranger(2), &query(None, announced.clone()));
    assert!(matches!(
        &answers(&told)[..],
        [Body::Error { code: 203, .. }]
    ));
    assert_eq!(lookup(&mut network, 2, b"x"), []);
    network.inject(1, stranger(1), &query(None, announced));
    assert_eq!(lookup(&mut network, 2, b"x"), [stranger(1)]);
}

#[test]
fn what_is_on_the_own_machine_is_told_there_only() {
    let mut network = Network::of(1);
    let request = Request::Announce {
        service: service(b"x"),
        port: 5,
        address: [127, 0, 0, 1].into(),
    };
    network.request(1, request);
    let told = |network: &mut Network, listener| {
        let asked = Ask::GetPeers {
            info_hash: service(b"x"),
        };
        let told = network.inject(1, listener, &query(None, asked));
        match &answers(&told)[..] {
            [Body::Answer(answer)] => answer.values.len(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(told(&mut network, stranger(1)), 0);
    assert_eq!(told(&mut network, "127.0.0.1:9".parse().unwrap()), 1);
    assert_eq!(lookup(&mut network, 1, b"x").len(), 1);
}

#[test]
fn strangers_who_do_not_answer_are_not_known() {
    let mut network = Network::of(3);
    for number in 0..=255 {
        let id = Some(NodeId([number; 20]));
        network.inject(1, stranger(number), &query(id, Ask::Ping));
    }
    network.run(Duration::from_secs(5));
    assert_eq!(network.node(1).node_count(), 2);
    announce(&mut network, 1, b"x", 5);
    assert_eq!(lookup(&mut network, 2, b"x"), [at(1, 5)]);
}

#[test]
fn a_flood_of_garbage_and_of_queries_leaves_a_node_working() {
    let mut network = Network::of(3);
    for number in 0..50_000_u32 {
        let bytes = number.to_be_bytes();
        network.inject(1, stranger(bytes[3]), &bytes);
        let target = bytes.to_vec();
        network.inject(1, stranger(9), &query(None, Ask::FindNode { target }));
        let answer = Body::Answer(Answer::of(NodeId([1; 20])));
        let transaction = bytes[2..].to_vec();
        let forged = Message {
            transaction,
            body: answer,
        }
        .encode();
        network.inject(1, stranger(8), &forged);
    }
    let told = network.inject(1, stranger(9), &query(None, Ask::Ping));
    assert!(answers(&told).is_empty(), "it has asked enough");
    announce(&mut network, 1, b"x", 5);
    assert_eq!(lookup(&mut network, 2, b"x"), [at(1, 5)]);
    assert_eq!(lookup(&mut network, 1, b"x"), [at(1, 5)]);
}

/// The bytes that one query makes a node send to an address, for a node that knows much.
fn sent_for(network: &mut Network, from: SocketAddrV4, ask: Ask) -> (usize, usize) {
    let query = query(Some(NodeId([7; 20])), ask);
    let told = network.inject(1, from, &query);
    (query.len(), told.iter().map(Vec::len).sum())
}

#[test]
fn forged_address_is_sent_little_more_than_its_query() {
    let mut network = Network::of(30);
    for port in 1..=100 {
        announce(&mut network, 1, b"p2p_exchange", port);
    }
    let value = Item::text(&"v".repeat(900)).unwrap();
    let target = value.target().to_vec();
    let replaces = None;
    network.request(
        1,
        Request::Put {
            item: value,
            replaces,
        },
    );
    let asks = [
        Ask::Ping,
        Ask::FindNode {
            target: vec![9; 20],
        },
        Ask::GetPeers {
            info_hash: service(b"p2p_exchange"),
        },
        Ask::Get { target },
    ];
    for (number, ask) in (1..).zip(asks) {
        let (query, answer) = sent_for(&mut network, stranger(number), ask.clone());
        // Once with the question for a proof, and then without.
        assert!(
            answer > 0 && answer <= 3 * query,
            "{ask:?}: {answer} for {query}"
        );
        let (query, answer) = sent_for(&mut network, stranger(number), ask.clone());
        assert!(
            answer > 0 && answer <= 2 * query,
            "{ask:?}: {answer} for {query}"
        );
    }
    // 1,000 forged queries in a second are answered in a small part.
    let ask = Ask::FindNode {
        target: vec![9; 20],
    };
    let (mut asked, mut sent) = (0, 0);
    for _ in 0..1000 {
        let (query, answer) = sent_for(&mut network, stranger(99), ask.clone());
        asked += query;
        sent += answer;
    }
    println!("{sent} bytes were sent for {asked} of a forged address");
    assert!(20 * sent < asked, "{sent} for {asked}");
}

#[test]
fn address_that_answers_or_shows_its_token_is_told_all() {
    let mut network = Network::of(30);
    let find = Ask::FindNode {
        target: vec![9; 20],
    };
    let nodes = |told: &[Vec<u8>]| match &answers(told)[..] {
        [Body::Answer(answer)] => answer.nodes.len(),
        other => panic!("{other:?}"),
    };
    let id = NodeId([7; 20]);
    let told = network.inject(1, stranger(1), &query(Some(id), find.clone()));
    let few = nodes(&told);
    assert!((1..10).contains(&few), "{few}");
    let asked = told.iter().map(|datagram| decode(datagram).unwrap());
    let mut asked = asked.filter(|message| matches!(message.body, Body::Query { .. }));
    let transaction = asked.next().expect("it is asked for a proof").transaction;
    let answer = |transaction: &[u8]| {
        let transaction = transaction.to_vec();
        let body = Body::Answer(Answer::of(id));
        Message { transaction, body }.encode()
    };
    network.inject(1, stranger(1), &answer(&transaction));
    let told = network.inject(1, stranger(1), &query(Some(id), find.clone()));
    let all = nodes(&told);
    assert!(all > 2 * few, "{all} and {few}");

    // Who guesses is not believed once it guesses right.
    let told = network.inject(1, stranger(2), &query(Some(id), find.clone()));
    let asked = told.iter().map(|datagram| decode(datagram).unwrap());
    let mut asked = asked.filter(|message| matches!(message.body, Body::Query { .. }));
    let transaction = asked.next().expect("it is asked for a proof").transaction;
    let wrong = [transaction[0], transaction[1] ^ 1];
    network.inject(1, stranger(2), &answer(&wrong));
    network.inject(1, stranger(2), &answer(&transaction));
    let told = network.inject(1, stranger(2), &query(Some(id), find.clone()));
    assert_eq!(nodes(&told), few);

    let get = Ask::GetPeers {
        info_hash: service(b"x"),
    };
    let told = network.inject(1, stranger(3), &query(None, get));
    let [
        Body::Answer(Answer {
            token: Some(token), ..
        }),
    ] = &answers(&told)[..]
    else {
        panic!("{told:?}");
    };
    let announced = Ask::AnnouncePeer {
        info_hash: service(b"x"),
        port: None,
        token: token.clone(),
    };
    network.inject(1, stranger(3), &query(None, announced));
    let told = network.inject(1, stranger(3), &query(None, find));
    assert_eq!(nodes(&told), 20);
}

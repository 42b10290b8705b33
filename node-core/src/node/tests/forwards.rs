//! Addressed messages among nodes that swallow, forge, repeat and flood them.

use super::net::{Net, amount, buy, price, sell, signed, statements};
use crate::ledger::{Identity, Inventory, Ka, Payload, Rej, Req, Statement};
use crate::node::{Carried, ConnId, Direction, Incoming, Relayed, verify_message};
use crate::protocol::{Message, TakeRequest};
use crate::types::{Amount, Millis, NodeId, OrderId, PeerAddress, Side, TakeId};

const ROGUE: u8 = 61;
const MAKER: u8 = 70;
const TAKER: u8 = 80;

fn node(seed: u8) -> NodeId {
    Identity::from_seed([seed; 32]).node_id()
}

/// A taker's request for a piece of an order, and its own order.
fn take(net: &Net, n: u64, maker: OrderId) -> (Statement, Statement) {
    let place = net.signed_order(TAKER, n, Side::Buy, "100");
    let req = Req {
        n: n + 1,
        ts: net.now.wall,
        until: net.now.wall + Millis::from_secs(5),
        order: place.order_id().unwrap(),
        at: Amount::ZERO,
        qty: amount("0.5"),
        min: amount("0.5"),
        lim: price("100"),
        maker,
        freed: Vec::new(),
    };
    (signed(TAKER, Payload::Req(req)), place)
}

fn rejection(seed: u8, take: TakeId) -> Statement {
    let (why, open) = ("gone".parse().unwrap(), None);
    let ts = Millis(1);
    signed(
        seed,
        Payload::Rej(Rej {
            ts,
            take,
            why,
            open,
        }),
    )
}

fn forward(to: NodeId, id: u128, hops: u8, body: Carried) -> Incoming {
    Incoming::Forward(Relayed { to, id, hops, body })
}

/// The forwarded messages that a stranger got.
fn forwards(net: &mut Net, conn: ConnId) -> usize {
    let heard = net.take_heard(conn).into_iter();
    heard.filter(|m| matches!(m, Message::Forward(_))).count()
}

/// A node with so many silent neighbours, a rogue among them, and an order of somebody further off.
fn crowd(neighbours: u8) -> (Net, Vec<ConnId>, ConnId, OrderId) {
    let mut net = Net::new(1);
    let others = (100..100 + neighbours).map(|seed| net.stranger(0, seed, Direction::Inbound));
    let others: Vec<ConnId> = others.collect();
    let rogue = net.stranger(0, ROGUE, Direction::Inbound);
    let order = net.signed_order(MAKER, 1, Side::Sell, "100");
    let id = order.order_id().unwrap();
    net.says(0, others[0], statements(&[order]));
    (net, others, rogue, id)
}

#[test]
fn a_message_to_an_unknown_node_ends_at_the_first_relay() {
    let (mut net, others, rogue, _) = crowd(8);
    for id in 0..100 {
        let body = Carried::Answer(rejection(MAKER, TakeId([1; 32])));
        net.says(0, rogue, forward(NodeId([9; 32]), id, 16, body));
    }
    let passed: usize = others.iter().map(|conn| forwards(&mut net, *conn)).sum();
    assert_eq!(passed, 0);
    assert_eq!(net.counter(0, "forward_without_way"), 100);
    assert_eq!(net.counter(0, "forwarded"), 0);
}

#[test]
fn a_message_without_a_way_goes_to_three_neighbours_and_four_hops() {
    let (mut net, others, rogue, _) = crowd(8);
    // Its maker is live here; the way to it is cut.
    net.input(
        0,
        crate::node::Input::Disconnected {
            conn: others[0],
            reason: "test",
        },
    );
    let body = || Carried::Answer(rejection(ROGUE, TakeId([1; 32])));
    net.says(0, rogue, forward(node(MAKER), 1, 200, body()));
    let mut hops = Vec::new();
    for conn in &others {
        for message in net.take_heard(*conn) {
            if let Message::Forward(forward) = message {
                hops.push(forward.hops);
            }
        }
    }
    assert_eq!(hops, [4, 4, 4]);
    for id in 2..1_000 {
        net.says(0, rogue, forward(node(MAKER), id, 200, body()));
    }
    let passed: usize = others.iter().map(|conn| forwards(&mut net, *conn)).sum();
    assert_eq!(passed, 3 * 49, "50 at once, one of them before");
    net.pass(1_000);
    for id in 1_000..1_100 {
        net.says(0, rogue, forward(node(MAKER), id, 200, body()));
    }
    let passed: usize = others.iter().map(|conn| forwards(&mut net, *conn)).sum();
    assert_eq!(passed, 3 * 5, "five a second");
}

#[test]
fn a_take_for_another_nodes_order_is_not_passed_on() {
    let (mut net, others, rogue, order) = crowd(3);
    let (req, place) = take(&net, 1, order);
    let body = Carried::Take { req, place };
    net.says(0, rogue, forward(node(100), 1, 16, body));
    assert_eq!(forwards(&mut net, others[0]), 0);
    assert_eq!(net.counter(0, "forward_misdirected"), 1);
}

#[test]
fn a_take_that_comes_again_goes_through_other_neighbours_too() {
    let (mut net, others, rogue, order) = crowd(8);
    let (req, place) = take(&net, 1, order);
    let body = || Carried::Take {
        req: req.clone(),
        place: place.clone(),
    };
    let count =
        |net: &mut Net| -> Vec<usize> { others.iter().map(|conn| forwards(net, *conn)).collect() };
    net.says(0, rogue, forward(node(MAKER), 1, 16, body()));
    assert_eq!(count(&mut net), [1, 0, 0, 0, 0, 0, 0, 0], "the known way");
    net.says(0, rogue, forward(node(MAKER), 2, 16, body()));
    let again = count(&mut net);
    assert_eq!((again[0], again.iter().sum()), (1, 4));
    // The same sending once more is nothing new.
    net.says(0, rogue, forward(node(MAKER), 2, 16, body()));
    assert_eq!(count(&mut net).iter().sum::<usize>(), 0);
}

#[test]
fn an_answer_goes_back_where_its_take_came_from_whoever_repeats_the_take() {
    let (mut net, others, rogue, order) = crowd(4);
    let (req, place) = take(&net, 1, order);
    let take_id = TakeId::from(req.hash());
    let body = || Carried::Take {
        req: req.clone(),
        place: place.clone(),
    };
    net.says(0, others[1], forward(node(MAKER), 1, 16, body()));
    for id in 10..20 {
        net.says(0, rogue, forward(node(MAKER), id, 16, body()));
    }
    net.take_heard(others[1]);
    let answer = Carried::Answer(rejection(MAKER, take_id));
    net.says(0, others[0], forward(node(TAKER), 99, 16, answer));
    assert_eq!(forwards(&mut net, others[1]), 1);
}

#[test]
fn a_statement_repeated_by_another_neighbour_changes_no_way() {
    let (mut net, others, rogue, order) = crowd(3);
    let known = net.nodes[0].ledger().order(&order).unwrap().statement();
    let known = known.clone();
    net.says(0, rogue, statements(&[known]));
    let (req, place) = take(&net, 1, order);
    net.says(
        0,
        others[1],
        forward(node(MAKER), 1, 16, Carried::Take { req, place }),
    );
    assert_eq!(forwards(&mut net, others[0]), 1);
    assert_eq!(forwards(&mut net, rogue), 0);
}

#[test]
fn a_message_that_was_passed_on_with_no_hops_left_still_goes_on() {
    let (mut net, others, rogue, order) = crowd(3);
    let (req, place) = take(&net, 1, order);
    let body = || Carried::Take {
        req: req.clone(),
        place: place.clone(),
    };
    net.says(0, rogue, forward(node(MAKER), 1, 0, body()));
    assert_eq!(forwards(&mut net, others[0]), 0);
    net.says(0, others[1], forward(node(MAKER), 1, 9, body()));
    assert_eq!(forwards(&mut net, others[0]), 1);
}

#[test]
fn a_neighbour_that_used_up_its_share_stops_no_others_copy() {
    let (mut net, others, rogue, _) = crowd(8);
    let body = || Carried::Answer(rejection(ROGUE, TakeId([1; 32])));
    net.input(
        0,
        crate::node::Input::Disconnected {
            conn: others[0],
            reason: "test",
        },
    );
    for id in 0..100 {
        net.says(0, rogue, forward(node(MAKER), id, 4, body()));
    }
    for conn in &others {
        net.take_heard(*conn);
    }
    net.says(0, rogue, forward(node(MAKER), 1_000, 4, body()));
    net.says(0, others[1], forward(node(MAKER), 1_000, 4, body()));
    let passed: usize = others.iter().map(|conn| forwards(&mut net, *conn)).sum();
    assert!(passed >= 2, "{passed}");
}

#[test]
fn what_a_relay_gets_is_verified_whoever_it_is_for() {
    let net = Net::new(1);
    let verifier = crate::ledger::Verifier::new("local".parse().unwrap());
    let me = net.nodes[0].node_id();
    let (req, place) = take(&net, 1, OrderId([3; 16]));
    let raw = TakeRequest {
        req: req.raw(),
        place: place.raw(),
    };
    let relayed = |take: TakeRequest| {
        let message = Message::Forward(crate::protocol::Forward {
            to: node(MAKER),
            id: "00112233445566778899aabbccddeeff".to_owned(),
            hops: 3,
            body: crate::protocol::ForwardBody::Take(take),
        });
        verify_message(message, me, &verifier)
    };
    let whole = relayed(raw.clone());
    assert!(matches!(whole, Incoming::Forward(_)), "{whole:?}");
    let mut forged = raw.clone();
    forged.req.k = node(ROGUE);
    let reason = |incoming: Incoming| match incoming {
        Incoming::Invalid { reason } => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(relayed(forged)), "bad_signature");
    let (_, another) = take(&net, 7, OrderId([3; 16]));
    let mut mixed = raw.clone();
    mixed.place = another.raw();
    assert_eq!(reason(relayed(mixed)), "take_malformed");
    let mut swapped = raw;
    std::mem::swap(&mut swapped.req, &mut swapped.place);
    assert_eq!(reason(relayed(swapped)), "take_malformed");
}

#[test]
fn an_attacker_on_the_known_way_can_not_swallow_every_sending() {
    // Node 0 makes and node 1 takes; between them the rogue, which is always first with news, and
    // node 2, which is honest.
    let mut net = Net::new(3);
    net.connect(0, 2);
    net.connect(2, 1);
    net.run();
    let at_taker = net.stranger(1, ROGUE, Direction::Inbound);
    let at_relay = net.stranger(2, ROGUE + 1, Direction::Inbound);
    // The honest ways carry no news of the order before the rogue does.
    net.lose = Some(Box::new(|_, text| {
        text.contains("x_stmts") || text.contains("x_have")
    }));
    let ask = net.submit(0, sell("1", "100"));
    let order = net.nodes[0]
        .ledger()
        .order(&ask)
        .unwrap()
        .statement()
        .clone();
    net.says(1, at_taker, statements(std::slice::from_ref(&order)));
    net.says(2, at_relay, statements(&[order]));
    net.lose = None;
    let bid = net.submit(1, buy("1", "100"));
    assert_eq!(net.filled(1, bid), "0", "the rogue got it");
    assert_eq!(forwards(&mut net, at_taker), 1);
    net.pass(4_000);
    assert_eq!(
        (net.filled(0, ask), net.filled(1, bid)),
        ("1".into(), "1".into())
    );
}

#[test]
fn a_maker_that_does_not_answer_is_dialed_where_it_is_known_to_be() {
    let mut net = Net::new(2);
    let way = net.stranger(0, ROGUE, Direction::Inbound);
    let order = net.signed_order(MAKER, 1, Side::Sell, "100");
    let listed = vec![(order.order_id().unwrap(), 1)];
    let ka = Ka {
        n: 2,
        ts: net.now.wall,
        live: true,
        cnt: 1,
        root: Inventory::new(listed).root,
        addrs: vec!["10.0.7.7:3000".parse().unwrap()],
    };
    let ka = signed(MAKER, Payload::Ka(ka));
    net.says(0, way, statements(&[order, ka]));
    net.dials.clear();
    net.submit(0, buy("1", "100"));
    net.pass(1_700);
    let at = |address: &PeerAddress| address.to_string() == "10.0.7.7:3000";
    let dialed = net
        .dials
        .iter()
        .any(|(by, address)| *by == 0 && at(address));
    assert!(dialed, "{:?}", net.dials);
}

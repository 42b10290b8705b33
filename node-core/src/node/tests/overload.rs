//! Peers that use more than their share: they are slowed down, sent away or displaced, and nobody else
//! notices.

use std::collections::BTreeSet;

use super::net::{Net, buy, sell, signed, statements};
use crate::ledger::limits::OWNERS;
use crate::ledger::{Identity, Inventory, Ka, Payload, Place, PlaceTif, Statement};
use crate::node::io::Input;
use crate::node::{BanTarget, ConnId, Direction, Incoming, NodeConfig, PeerStatus};
use crate::protocol::{Message, PeerEntry, Recon};
use crate::types::{Millis, Side};

fn small(change: impl Fn(&mut NodeConfig)) -> Net {
    Net::with(1, |_, config| {
        config.limits.peer_repeats = 10;
        change(config);
    })
}

fn heartbeat(net: &Net) -> Incoming {
    let timestamp = net.now.wall;
    Incoming::Plain(Message::Heartbeat { timestamp })
}

fn connected(net: &Net) -> usize {
    net.nodes[0].p2p_stats(net.now).peers.connected_peers
}

fn held_back(net: &Net, conn: ConnId) -> bool {
    let until = net.paused.get(&(0, conn));
    until.is_some_and(|until| *until > net.now.mono)
}

#[test]
fn who_chatters_is_held_back_and_banned_in_the_end_and_others_are_not() {
    let mut net = small(|_| {});
    let honest = net.stranger(0, 60, Direction::Inbound);
    let rogue = net.stranger(0, 61, Direction::Inbound);
    let mut seconds = 0;
    while net.closed.is_empty() {
        for _ in 0..50 {
            let message = heartbeat(&net);
            net.says(0, rogue, message);
        }
        assert!(!held_back(&net, honest));
        assert!(seconds < 3 || held_back(&net, rogue));
        let message = heartbeat(&net);
        net.says(0, honest, message);
        net.pass(1_000);
        seconds += 1;
        assert!(seconds < 200, "it is never sent away");
    }
    assert_eq!(net.closed, [(0, "banned")]);
    assert_eq!(connected(&net), 1);
    assert!(seconds >= 50, "after {seconds} s already");
}

#[test]
fn who_repeats_what_is_known_is_held_back_and_never_blamed() {
    let mut net = small(|_| {});
    let relay = net.stranger(0, 60, Direction::Inbound);
    let order = net.signed_order(70, 1, Side::Buy, "100");
    for _ in 0..300 {
        net.says(0, relay, statements(std::slice::from_ref(&order)));
    }
    assert!(held_back(&net, relay));
    let score = net.nodes[0].peers(net.now)[0].score;
    assert_eq!(score, 0);
}

#[test]
fn a_relay_is_blamed_for_what_it_should_have_verified() {
    let mut net = Net::new(1);
    let relay = net.stranger(0, 60, Direction::Inbound);
    for _ in 0..3 {
        let reason = "bad_signature";
        net.says(0, relay, Incoming::Invalid { reason });
    }
    assert_eq!(net.closed, [(0, "banned")]);
}

#[test]
fn stored_orders_are_bounded_and_who_brings_most_displaces_its_own() {
    let mut net = small(|config| config.limits.stored_orders = 50);
    let own = net.submit(0, sell("1", "500"));
    let honest = net.stranger(0, 60, Direction::Inbound);
    let rogue = net.stranger(0, 61, Direction::Inbound);
    // One of its own, and one of somebody behind it.
    let kept = [
        net.signed_order(60, 1, Side::Buy, "10"),
        net.signed_order(90, 1, Side::Buy, "11"),
    ];
    net.says(0, honest, statements(&kept));
    for owner in 100..200 {
        let orders: Vec<_> = (1..=3)
            .map(|n| net.signed_order(owner, n, Side::Buy, "1"))
            .collect();
        net.says(0, rogue, statements(&orders));
        assert!(net.nodes[0].ledger().open_len() <= 51);
        // Not faster than orders of unknown owners are taken.
        net.pass(40);
    }
    assert!(net.nodes[0].ledger().open_len() > 40);
    let ledger = net.nodes[0].ledger();
    for order in &kept {
        assert!(!ledger.visible_open(&order.order_id().unwrap()).is_zero());
    }
    assert!(!ledger.visible_open(&own).is_zero());
    // The book shows what the ledger has.
    let levels = net.nodes[0].order_book(10, net.now);
    let shown: usize = levels.bids.iter().map(|level| level.count).sum();
    assert_eq!(shown + 1, net.nodes[0].ledger().open_len());
    let refused = net.counter(0, "orders_over_bound") + net.counter(0, "unknown_owners_too_fast");
    assert!(refused > 200);
    // Who brought little finds room for more, and who is known for what it places next.
    let more = [
        net.signed_order(91, 1, Side::Buy, "12"),
        net.signed_order(100, 4, Side::Buy, "13"),
    ];
    net.says(0, honest, statements(&more[..1]));
    net.says(0, rogue, statements(&more[1..]));
    let ledger = net.nodes[0].ledger();
    for order in kept.iter().chain(&more) {
        assert!(!ledger.visible_open(&order.order_id().unwrap()).is_zero());
    }
    assert!(ledger.open_len() <= 51);
}

#[test]
fn orders_of_unknown_owners_come_so_fast_and_no_faster_unless_they_are_asked_for() {
    let mut net = Net::new(1);
    let rogue = net.stranger(0, 61, Direction::Inbound);
    for owner in 100..112 {
        let orders: Vec<_> = (1..=200)
            .map(|n| net.signed_order(owner, n, Side::Buy, "1"))
            .collect();
        net.says(0, rogue, statements(&orders));
    }
    // Five of each, and some beyond that.
    assert_eq!(net.nodes[0].ledger().open_len(), 160);
    assert_eq!(net.counter(0, "young_owners_too_fast"), 2_240);
    // Its own orders are nobody's to hold back.
    let own = net.signed_order(61, 1, Side::Buy, "1");
    net.says(0, rogue, statements(&[own]));
    assert_eq!(net.nodes[0].ledger().open_len(), 161);
}

#[test]
fn under_many_keys_nobody_brings_more_unknown_owners_than_all_may_together() {
    let mut net = Net::new(1);
    for key in 0..10 {
        let rogue = net.stranger(0, 30 + key, Direction::Inbound);
        for owner in 0..20 {
            let owner = 50 + 20 * key + owner;
            let orders: Vec<_> = (1..=12)
                .map(|n| net.signed_order(owner, n, Side::Buy, "1"))
                .collect();
            net.says(0, rogue, statements(&orders));
        }
    }
    // Of 1,000 first ones and 1,400 others.
    let open = net.nodes[0].ledger().open_len();
    assert_eq!(open, 600 + 400);
    // Whoever this node chose to dial brings more.
    let chosen = net.stranger(0, 29, Direction::Outbound);
    let orders: Vec<_> = (1..=200)
        .map(|n| net.signed_order(251, n, Side::Buy, "1"))
        .collect();
    net.says(0, chosen, statements(&orders));
    assert_eq!(net.nodes[0].ledger().open_len(), open + 200);
}

#[test]
fn one_answer_is_worked_out_for_a_peer_at_a_time() {
    let mut net = Net::new(1);
    let peer = net.stranger(0, 61, Direction::Inbound);
    net.take_heard(peer);
    let question = |sid| {
        // That nothing is to be compared.
        let (count, data) = (0, vec![0x61]);
        Input::Received {
            conn: peer,
            bytes: 100,
            message: Incoming::Plain(Message::Recon(Recon { sid, count, data })),
        }
    };
    for sid in 1..=3 {
        net.nodes[0].handle(question(sid), net.now);
    }
    net.flush(0);
    net.input(0, question(4));
    let heard = net.take_heard(peer).into_iter();
    let answered: Vec<u64> = heard
        .filter_map(|message| match message {
            Message::ReconAnswer(answer) => Some(answer.sid),
            _ => None,
        })
        .collect();
    assert_eq!(answered, [1, 4]);
    assert_eq!(net.counter(0, "recon_impatient"), 2);
}

#[test]
fn what_nobody_asked_for_of_an_owner_who_is_gone_is_no_news() {
    let mut net = Net::new(1);
    let old = net.signed_order(100, 1, Side::Buy, "1");
    net.pass(80_000);
    let peer = net.stranger(0, 61, Direction::Inbound);
    net.says(0, peer, statements(std::slice::from_ref(&old)));
    assert_eq!(net.nodes[0].ledger().stats().orders, 0);
    assert_eq!(net.counter(0, "old_news"), 1);
    // With a sign of life of its owner it is.
    let fresh = net.signed_order(100, 2, Side::Buy, "1");
    net.says(0, peer, statements(&[fresh, old]));
    assert_eq!(net.nodes[0].ledger().open_len(), 2);
}

#[test]
fn false_addresses_by_the_thousand_make_few_dials() {
    let mut net = Net::new(1);
    let rogue = net.stranger(0, 61, Direction::Inbound);
    net.pass(1_000);
    net.dials.clear();
    for minute in 0..10u32 {
        for second in 0..60 {
            let entries = (0..20)
                .map(|n| PeerEntry {
                    node_id: None,
                    address: format!("10.{minute}.{second}.{n}"),
                    port: 3000,
                })
                .collect();
            net.says(0, rogue, Incoming::Plain(Message::PeerExchange(entries)));
            net.pass(1_000);
            for (_, address) in net.dials.clone().iter().rev().take(8) {
                let (address, reason) = (address.clone(), "unreachable");
                net.input(
                    0,
                    Input::DialFailed {
                        address,
                        reason,
                        instead: None,
                    },
                );
            }
        }
    }
    let dials = net.dials.len();
    assert!(dials <= 60 + 4 * 600, "{dials} dials");
    let known = net.nodes[0].peers(net.now);
    assert!(known.len() < 30, "{} addresses are known", known.len());
}

#[test]
fn a_ban_ends_the_session_and_lasts_as_long_as_was_said() {
    let mut net = Net::mesh(2);
    let other = BanTarget::Node(net.nodes[1].node_id());
    let now = net.now;
    net.nodes[0].ban(other, Millis::from_secs(60), now).unwrap();
    net.flush(0);
    net.run();
    assert_eq!(connected(&net), 0);
    net.connect(1, 0);
    net.run();
    assert_eq!(connected(&net), 0);
    assert_eq!(net.nodes[0].bans(net.now).len(), 1);
    net.pass(61_000);
    assert!(net.nodes[0].bans(net.now).is_empty());
    net.connect(1, 0);
    net.run();
    assert_eq!(connected(&net), 1);
    let now = net.now;
    let own = BanTarget::Node(net.nodes[0].node_id());
    assert_eq!(
        net.nodes[0].ban(own, Millis(1), now).unwrap_err().field,
        "peer"
    );
    let error = net.nodes[0].ban(other, Millis(0), now).unwrap_err();
    assert_eq!(error.field, "duration");
}

#[test]
fn the_peers_that_were_dialed_first_are_the_first_after_a_restart() {
    let mut net = Net::with(6, |_, config| config.peer_exchange = false);
    for other in 1..6 {
        net.connect(0, other);
        net.run();
        net.pass(5_000);
    }
    let kept = net.nodes[0].persisted_peers(net.now);
    let anchors = kept.iter().filter(|peer| peer.anchor);
    let anchors: BTreeSet<_> = anchors.map(|peer| peer.address.clone()).collect();
    assert_eq!(anchors, BTreeSet::from([Net::address(1), Net::address(2)]));
    assert!(kept[0].anchor && kept[1].anchor);
    let up = net.nodes[0].peers(net.now);
    assert!(up.iter().all(|peer| peer.status == PeerStatus::Connected));
}

/// A key for each number.
fn key(number: u32) -> Identity {
    let mut seed = [0xee; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    Identity::from_seed(seed)
}

/// An order of the key with this number.
fn order_of(net: &Net, number: u32, price: &str) -> Statement {
    let place = Place {
        n: 1,
        ts: net.now.wall,
        pair: "BTC/USD".parse().unwrap(),
        side: Side::Buy,
        px: price.parse().unwrap(),
        amt: "1".parse().unwrap(),
        exp: net.now.wall + Millis::from_secs(3_600),
        tif: PlaceTif::Gtc,
        u: "alice".parse().unwrap(),
        rest: true,
        replaces: None,
    };
    let network = "local".parse().unwrap();
    key(number).sign(&network, Payload::Place(place)).unwrap()
}

/// A keep-alive of the key with this number that claims so many orders.
fn keep_alive_of(net: &Net, number: u32, count: usize) -> Statement {
    let entries = (0..count).map(|id| (crate::types::OrderId([id as u8; 16]), 1));
    let ka = Ka {
        n: 2,
        ts: net.now.wall,
        live: true,
        cnt: count as u64,
        root: Inventory::new(entries.collect()).root,
        addrs: Vec::new(),
    };
    let network = "local".parse().unwrap();
    key(number).sign(&network, Payload::Ka(ka)).unwrap()
}

#[test]
fn free_keys_that_send_keep_alives_displace_nothing() {
    let mut net = Net::new(2);
    net.connect(0, 1);
    net.run();
    let relay = net.stranger(0, 60, Direction::Inbound);
    let honest: Vec<_> = (1..=20).map(|n| order_of(&net, n, "10")).collect();
    net.says(0, relay, statements(&honest));
    let rogue = net.stranger(0, 61, Direction::Inbound);
    let delivered = net.delivered;
    for number in 1_000..12_000 {
        let count = number as usize % 2;
        let ka = keep_alive_of(&net, number, count);
        net.says(0, rogue, statements(&[ka]));
    }
    // Not one of them is stored, nor passed on.
    for node in &net.nodes {
        assert_eq!(node.ledger().stats().owners, 20);
        assert_eq!(node.ledger().stats().heads, 0);
        assert_eq!(node.ledger().open_len(), 20);
    }
    assert!(net.delivered - delivered < 3 * 64, "they are asked about");
    assert!(net.nodes[0].owners_to_check() <= 1_024);
    // An honest newcomer's order comes at once, whatever brings it.
    net.says(0, relay, statements(&[order_of(&net, 30, "11")]));
    assert_eq!(net.nodes[1].ledger().open_len(), 21);
}

#[test]
fn waiting_keep_alive_counts_once_its_owners_order_is_here() {
    let mut net = Net::new(1);
    let relay = net.stranger(0, 60, Direction::Inbound);
    let order = order_of(&net, 1, "10");
    let id = order.order_id().unwrap();
    net.pass(50_000);
    let ka = keep_alive_of(&net, 1, 1);
    net.says(0, relay, statements(std::slice::from_ref(&ka)));
    assert_eq!(net.counter(0, "keep_alive_waits"), 1);
    assert_eq!(net.nodes[0].ledger().head(&ka.owner()), None);
    net.says(0, relay, statements(&[order]));
    assert_eq!(net.nodes[0].ledger().head(&ka.owner()), Some(&ka));
    net.pass(50_000);
    // By its order alone the owner would be silent by now.
    assert!(!net.nodes[0].ledger().visible_open(&id).is_zero());
}

#[test]
fn unknown_owners_come_so_fast_and_no_faster_by_one_peer() {
    let mut net = Net::new(1);
    let rogue = net.stranger(0, 61, Direction::Inbound);
    let orders: Vec<_> = (0..1_000).map(|n| order_of(&net, n, "10")).collect();
    net.says(0, rogue, statements(&orders));
    assert_eq!(net.nodes[0].ledger().stats().owners, 100);
    assert_eq!(net.counter(0, "unknown_owners_too_fast"), 900);
    net.pass(1_000);
    net.says(0, rogue, statements(&orders));
    assert_eq!(net.nodes[0].ledger().stats().owners, 120);
}

#[test]
fn inbound_strangers_together_leave_each_peer_its_guaranteed_share() {
    let mut net = Net::new(1);
    let relay = net.stranger(0, 60, Direction::Inbound);
    net.pass(2_000);
    let mut number = 0;
    for seed in 70..90 {
        let rogue = net.stranger(0, seed, Direction::Inbound);
        let orders = (0..100).map(|_| {
            number += 1;
            order_of(&net, number, "1")
        });
        let orders: Vec<_> = orders.collect();
        net.says(0, rogue, statements(&orders));
    }
    let known = net.nodes[0].ledger().stats().owners;
    assert!((400..=440).contains(&known), "{known} owners are known");
    let honest: Vec<_> = (50_000..50_003).map(|n| order_of(&net, n, "10")).collect();
    net.says(0, relay, statements(&honest));
    assert_eq!(net.nodes[0].ledger().stats().owners, known + 3);
}

#[test]
fn full_table_of_owners_keeps_who_has_orders_and_refuses_the_fullest_share() {
    let mut net = small(|_| {});
    let honest = net.stranger(0, 60, Direction::Outbound);
    let kept: Vec<_> = (1..=10).map(|n| order_of(&net, n, "10")).collect();
    net.says(0, honest, statements(&kept));
    let rogue = net.stranger(0, 61, Direction::Outbound);
    let mut number = 1_000;
    while net.nodes[0].ledger().stats().owners < OWNERS {
        let orders = (0..200).map(|_| {
            number += 1;
            order_of(&net, number, "1")
        });
        let orders: Vec<_> = orders.collect();
        net.says(0, rogue, statements(&orders));
        net.pass(1_000);
        assert!(number < 3 * OWNERS as u32);
    }
    let late: Vec<_> = (100..110).map(|n| order_of(&net, n, "11")).collect();
    net.says(0, rogue, statements(&[order_of(&net, 900_000, "1")]));
    assert_eq!(net.counter(0, "owners_over_bound"), 0);
    assert!(net.counter(0, "too_many_owners") > 0);
    net.says(0, honest, statements(&late));
    let ledger = net.nodes[0].ledger();
    assert_eq!(ledger.stats().owners, OWNERS);
    for order in kept.iter().chain(&late) {
        assert!(ledger.order(&order.order_id().unwrap()).is_some());
    }
}

#[test]
fn made_up_owners_delay_no_question_about_others() {
    let mut net = Net::new(1);
    let relay = net.stranger(0, 60, Direction::Inbound);
    let rogue = net.stranger(0, 61, Direction::Inbound);
    for number in 1_000..1_600 {
        let ka = keep_alive_of(&net, number, 1);
        net.says(0, rogue, statements(&[ka]));
    }
    let honest = keep_alive_of(&net, 1, 1);
    net.says(0, relay, statements(std::slice::from_ref(&honest)));
    net.take_heard(relay);
    net.pass(3_000);
    let asked = net
        .take_heard(relay)
        .into_iter()
        .any(|message| matches!(message, Message::Get(get) if get.owner == honest.owner()));
    assert!(asked, "the peer that brought it is not asked in its turn");
}

/// A request for a piece of an order that never was.
fn take_of_nothing(net: &Net, seed: u8, n: u64) -> Incoming {
    let place = net.signed_order(seed, 2 * n, Side::Buy, "10");
    let req = crate::ledger::Req {
        n: 2 * n + 1,
        ts: net.now.wall,
        until: net.now.wall + Millis::from_secs(5),
        order: place.order_id().unwrap(),
        at: crate::types::Amount::ZERO,
        qty: "1".parse().unwrap(),
        min: "1".parse().unwrap(),
        lim: "10".parse().unwrap(),
        maker: crate::types::OrderId([n as u8; 16]),
        freed: Vec::new(),
    };
    let req = signed(seed, Payload::Req(req));
    Incoming::Take {
        route: None,
        req,
        place,
    }
}

#[test]
fn requests_for_unknown_orders_are_refused_and_not_remembered() {
    let mut net = Net::new(1);
    let taker = net.stranger(0, 61, Direction::Inbound);
    net.take_heard(taker);
    for n in 1..=50 {
        let take = take_of_nothing(&net, 61, n);
        net.says(0, taker, take);
    }
    let heard = net.take_heard(taker);
    let answers = heard.iter().filter(|m| matches!(m, Message::Answer(_)));
    assert_eq!(answers.count(), 50);
    assert_eq!(net.nodes[0].answers.len(), 0);
}

#[test]
fn who_makes_many_requests_for_unknown_orders_is_read_later() {
    let mut net = Net::new(1);
    let taker = net.stranger(0, 61, Direction::Inbound);
    for n in 1..=100 {
        let take = take_of_nothing(&net, 61, n);
        net.says(0, taker, take);
    }
    assert!(net.paused.is_empty(), "as many as come by mistake");
    let take = take_of_nothing(&net, 61, 101);
    net.says(0, taker, take);
    assert!(net.paused.contains_key(&(0, taker)));
}

#[test]
fn trades_of_owners_that_were_unknown_a_moment_ago_come_so_fast_and_no_faster() {
    let mut net = Net::new(3);
    net.connect(0, 1);
    net.submit(0, sell("200", "10"));
    for _ in 0..200 {
        net.submit(1, buy("1", "10"));
    }
    let trades: Vec<_> = net.nodes[0].ledger().trades(250).cloned().collect();
    assert_eq!(trades.len(), 200);
    let relay = net.stranger(2, 60, Direction::Inbound);
    let says = |net: &mut Net, conn, count| {
        for trade in trades.iter().take(count) {
            let (valid, refused) = (vec![trade.clone()], Vec::new());
            net.says(2, conn, Incoming::Trades { valid, refused });
        }
        net.nodes[2].ledger().trades(250).count()
    };
    assert_eq!(says(&mut net, relay, 150), 100, "the burst");
    assert_eq!(net.counter(2, "young_trades_too_fast"), 50);
    // Known trades cost nothing: the burst is left for the others.
    let other = net.stranger(2, 61, Direction::Inbound);
    assert_eq!(says(&mut net, other, 150), 150);
    assert_eq!(net.counter(2, "young_trades_too_fast"), 50);
    // A node that they have sessions with knows more of them than their keys.
    net.connect(0, 2);
    net.connect(1, 2);
    net.run();
    assert_eq!(says(&mut net, relay, 200), 200);
    assert_eq!(net.counter(2, "young_trades_too_fast"), 50);
}

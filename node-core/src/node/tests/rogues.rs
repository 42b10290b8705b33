//! Peers that answer falsely or ask too much: it costs them their score, and changes nothing.

use super::net::{Net, sell, signed, statements};
use crate::ledger::prefix_of;
use crate::ledger::{Inventory, Ka, Payload};
use crate::node::{ConnId, Direction, Incoming};
use crate::protocol::{BookPart, BookRequest, GetOwner, Message, OwnerState, Prefix, Recon};
use crate::types::{OrderId, Side};

const ROGUE: u8 = 50;
const FALSE_SYNC: i32 = -5;

fn score(net: &Net) -> i32 {
    let views = net.nodes[0].peers(net.now);
    views.iter().map(|peer| peer.score).min().unwrap()
}

fn digest(net: &Net) -> [u8; 32] {
    net.nodes[0].ledger().digest()
}

fn question(net: &mut Net, conn: ConnId) -> Option<Recon> {
    let heard = net.take_heard(conn);
    heard.into_iter().find_map(|message| match message {
        Message::Recon(recon) => Some(recon),
        _ => None,
    })
}

/// A node with an order, which dialed a rogue and asks it to compare.
fn asked() -> (Net, ConnId, Recon) {
    let mut net = Net::new(1);
    net.submit(0, sell("1", "100"));
    let conn = net.stranger(0, ROGUE, Direction::Outbound);
    let question = question(&mut net, conn).unwrap();
    (net, conn, question)
}

#[test]
fn false_answers_of_a_comparison_cost_the_peer_its_score() {
    // Who has as much declines to compare; what is no message; what ends within a fingerprint.
    for data in [vec![], vec![1, 2, 3], vec![0x61, 0, 0, 1, 0xab]] {
        let (mut net, conn, question) = asked();
        let (before, score_before) = (digest(&net), score(&net));
        let answer = Recon { data, ..question };
        net.says(
            0,
            conn,
            Incoming::Plain(Message::ReconAnswer(answer.clone())),
        );
        assert_eq!(score(&net), score_before + FALSE_SYNC, "{answer:?}");
        assert_eq!(digest(&net), before);
        // It is over: the same once more is no answer to anything.
        net.says(0, conn, Incoming::Plain(Message::ReconAnswer(answer)));
        assert_eq!(net.counter(0, "recon_unasked"), 1);
    }
}

#[test]
fn a_question_that_is_no_message_costs_the_peer_its_score_and_gets_no_answer() {
    let (mut net, conn, _) = asked();
    let score_before = score(&net);
    let data = vec![9; 100];
    let (sid, count) = (1, 1);
    net.says(
        0,
        conn,
        Incoming::Plain(Message::Recon(Recon { sid, count, data })),
    );
    assert_eq!(score(&net), score_before + FALSE_SYNC);
    let heard = net.take_heard(conn);
    assert!(heard.is_empty(), "{heard:?}");
}

#[test]
fn a_comparison_that_never_ends_is_ended() {
    let (mut net, conn, question) = asked();
    let (before, score_before) = (digest(&net), score(&net));
    // Everything up to the end of time has another fingerprint, again and again.
    let mut data = vec![0x61, 0, 0, 1];
    data.extend([0xab; 16]);
    let mut rounds = 0;
    let mut next = Some(question);
    while let Some(question) = next {
        assert!(rounds < 10_000, "it goes on for ever");
        rounds += 1;
        let data = data.clone();
        let answer = Recon { data, ..question };
        net.says(0, conn, Incoming::Plain(Message::ReconAnswer(answer)));
        next = self::question(&mut net, conn);
    }
    assert!(rounds > 10, "{rounds}");
    assert_eq!(score(&net), score_before + FALSE_SYNC);
    assert_eq!(digest(&net), before);
}

#[test]
fn a_list_that_has_not_the_root_that_its_owner_signed_changes_nothing() {
    let mut net = Net::new(1);
    let conn = net.stranger(0, ROGUE, Direction::Inbound);
    let order = net.signed_order(60, 1, Side::Sell, "100");
    let owner = order.owner();
    let listed = Inventory::new(vec![(OrderId([9; 16]), 2)]);
    let ka = Ka {
        n: 3,
        ts: net.now.wall,
        live: true,
        cnt: 1,
        root: listed.root,
        addrs: Vec::new(),
    };
    let ka = signed(60, Payload::Ka(ka));
    let state = |list: Vec<(OrderId, u64)>| {
        let (ka, list) = (Some(ka.hash()), Some(list));
        Incoming::Plain(Message::State(OwnerState { owner, ka, list }))
    };
    net.says(0, conn, state(Vec::new()));
    assert_eq!(net.counter(0, "state_unasked"), 1);
    net.says(0, conn, statements(&[order, ka.clone()]));
    net.pass(800);
    let heard = net.take_heard(conn);
    let gets = heard
        .iter()
        .filter(|it| matches!(it, Message::Get(get) if get.owner == owner));
    assert_eq!(gets.count(), 1);
    let (before, score_before) = (digest(&net), score(&net));
    net.says(0, conn, state(Vec::new()));
    assert_eq!(net.counter(0, "false_inventory"), 1);
    assert_eq!(score(&net), score_before + FALSE_SYNC);
    assert_eq!(digest(&net), before);
    assert_eq!(net.book(0).1.len(), 1);
    // The true one withdraws the order.
    net.says(0, conn, state(listed.entries));
    assert_eq!(score(&net), score_before + FALSE_SYNC);
    assert_eq!(net.book(0).1, Vec::<String>::new());
}

/// How many messages with statements a peer heard.
fn whole(heard: &[Message]) -> usize {
    let whole = heard
        .iter()
        .filter(|it| matches!(it, Message::Statements(_)));
    whole.count()
}

fn own_prefix(net: &Net, id: OrderId) -> Prefix {
    let order = net.nodes[0].ledger().order(&id).unwrap();
    prefix_of(&order.statement().hash().0)
}

#[test]
fn a_peer_that_asks_too_often_is_not_answered() {
    let mut net = Net::new(1);
    let id = net.submit(0, sell("1", "100"));
    let conn = net.stranger(0, ROGUE, Direction::Inbound);
    let want = Incoming::Plain(Message::Want(vec![own_prefix(&net, id)]));
    let score_before = score(&net);
    net.take_heard(conn);
    for _ in 0..410 {
        net.says(0, conn, want.clone());
    }
    assert_eq!(whole(&net.take_heard(conn)), 400);
    assert_eq!(net.counter(0, "sync_rate"), 10);
    // Once a second.
    assert_eq!(score(&net), score_before - 1);
    net.pass(100);
    net.says(0, conn, want);
    assert_eq!(whole(&net.take_heard(conn)), 1);
}

#[test]
fn nothing_is_told_while_the_store_fails() {
    let mut net = Net::durable(1);
    let id = net.submit(0, sell("1", "100"));
    let conn = net.stranger(0, ROGUE, Direction::Inbound);
    net.break_disk(0);
    net.place(0, sell("1", "101"));
    net.take_heard(conn);
    let (pair, owner) = ("BTC/USD".parse().unwrap(), net.nodes[0].node_id());
    let part = BookPart::Side {
        side: Side::Sell,
        after: None,
    };
    let data = vec![0x61];
    let (sid, count, have) = (1, 0, Vec::new());
    let want = Message::Want(vec![own_prefix(&net, id)]);
    let asks = [
        Message::Recon(Recon { sid, count, data }),
        want.clone(),
        Message::Book(BookRequest { pair, part }),
        Message::Get(GetOwner { owner, have }),
    ];
    for ask in asks {
        net.says(0, conn, Incoming::Plain(ask));
    }
    // Nor does who comes now hear anything.
    let newcomer = net.stranger(0, ROGUE + 1, Direction::Outbound);
    net.pass(5_000);
    assert_eq!(net.counter(0, "store_failing"), 4);
    for conn in [conn, newcomer] {
        let told =
            |it: &Message| !matches!(it, Message::Heartbeat { .. } | Message::PeerExchange(_));
        let heard: Vec<_> = net.take_heard(conn).into_iter().filter(told).collect();
        assert!(heard.is_empty(), "{heard:?}");
    }
    net.mend_disk(0);
    net.says(0, conn, Incoming::Plain(want));
    net.pass(1_000);
    assert!(whole(&net.take_heard(conn)) > 0);
    assert!(
        question(&mut net, newcomer).is_some(),
        "it compares with all"
    );
}

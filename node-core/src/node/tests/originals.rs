//! Networks of original nodes and of nodes that trade with them.
//!
//! [`Original`] does what the JavaScript node does: it matches its own order first and then sends it with
//! its full amount, as `filled`, `partial` or `pending`; applies an order that it hears as a taker, once
//! for its id; learns nothing from a `trade`, which it passes on once; and can't cancel an order that is
//! filled in part.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::net::{Net, limit};
use crate::node::io::Input;
use crate::node::rng::Rng;
use crate::node::{ConnId, Direction, Incoming, NodeConfig, OrderStatus};
use crate::protocol::{Dialect, LegacyOrder, LegacyPolicy, LegacyTrade, Message, PeerInfo};
use crate::types::{Amount, Millis, OrderId, PeerId, Price, Side};

/// An order in an original node's book.
#[derive(Clone, Debug)]
struct Resting {
    id: String,
    side: Side,
    price: Price,
    open: Amount,
    is_touched: bool,
}

#[derive(Debug, Default)]
struct Original {
    /// In the order of arrival.
    book: Vec<Resting>,
    seen: BTreeSet<String>,
    placed: usize,
    traded: usize,
}

impl Original {
    /// Applies an order as a taker. Returns the makers with the amounts, and the rest.
    fn apply(&mut self, order: &LegacyOrder) -> (Vec<(String, Amount)>, Amount) {
        let mut left: Amount = order.amount.parse().unwrap();
        let price: Price = order.price.parse().unwrap();
        let side: Side = order.side.parse().unwrap();
        let mut fills = Vec::new();
        while !left.is_zero() {
            let makers = self.book.iter_mut().filter(|maker| maker.side != side);
            let better = |maker: &&mut Resting| match side {
                Side::Buy => maker.price,
                Side::Sell => Price::MAX.checked_sub(maker.price).unwrap(),
            };
            let crosses = |maker: &&mut Resting| match side {
                Side::Buy => maker.price <= price,
                Side::Sell => maker.price >= price,
            };
            let Some(maker) = makers.filter(crosses).min_by_key(better) else {
                break;
            };
            let amount = left.min(maker.open);
            left = left.saturating_sub(amount);
            maker.open = maker.open.saturating_sub(amount);
            maker.is_touched = true;
            fills.push((maker.id.clone(), amount));
            self.book.retain(|maker| !maker.open.is_zero());
        }
        (fills, left)
    }

    fn rest(&mut self, order: &LegacyOrder, open: Amount, is_touched: bool) {
        if !open.is_zero() {
            self.book.push(Resting {
                id: order.id.clone(),
                side: order.side.parse().unwrap(),
                price: order.price.parse().unwrap(),
                open,
                is_touched,
            });
        }
    }

    /// Takes in a message. Returns what it sends to all its peers.
    fn hears(&mut self, message: Message) -> Vec<Message> {
        match message {
            Message::Order(order) if self.seen.insert(order.id.clone()) => {
                let (fills, left) = self.apply(&order);
                self.rest(&order, left, !fills.is_empty());
                Vec::new()
            }
            Message::CancelOrder { order_id } => {
                let is_open = |maker: &Resting| maker.id != order_id || maker.is_touched;
                self.book.retain(is_open);
                Vec::new()
            }
            Message::Trade(trade) if self.seen.insert(trade.id.clone()) => {
                vec![Message::Trade(trade)]
            }
            _ => Vec::new(),
        }
    }
}

/// A network of `nodes` and originals, all connected to all.
struct Mixed {
    net: Net,
    originals: Vec<Original>,
    orders: Vec<(usize, OrderId)>,
    rng: Rng,
}

fn user(number: usize) -> String {
    format!("user-{number}")
}

/// The connection of a node to an original.
fn conn(original: usize, node: usize) -> ConnId {
    ConnId(1_000 + 10 * original as u64 + node as u64)
}

impl Mixed {
    fn new(nodes: usize, originals: usize, seed: u8) -> Self {
        let matches = |node: usize, config: &mut NodeConfig| {
            config.legacy = LegacyPolicy::Match;
            config.user_id = user(node).parse().unwrap();
        };
        let mut net = Net::durable_with(nodes, matches);
        for original in 0..originals {
            for node in 0..nodes {
                join(&mut net, original, node);
            }
        }
        let mut mixed = Self {
            net,
            originals: (0..originals).map(|_| Original::default()).collect(),
            orders: Vec::new(),
            rng: Rng::new([seed; 32]),
        };
        mixed.deliver();
        mixed
    }

    fn pick(&mut self, below: usize) -> usize {
        self.rng.next() as usize % below
    }

    /// Delivers until nothing is under way. Returns the number of messages.
    fn deliver(&mut self) -> usize {
        let mut queue: VecDeque<(usize, Message)> = VecDeque::new();
        let mut count = 0;
        loop {
            for (conn, text) in std::mem::take(&mut self.net.left) {
                let original = (conn.0 as usize - 1_000) / 10;
                let node = conn.0 as usize % 10;
                let message = crate::protocol::decode(text.as_bytes(), Dialect::Original).unwrap();
                let timestamp = self.net.now.wall;
                let answer = match message {
                    Message::Heartbeat { .. } => Message::HeartbeatAck {
                        timestamp,
                        echo: None,
                    },
                    Message::OrderbookSyncRequest => {
                        Message::OrderbookSyncResponse(self.resting_at(original))
                    }
                    _ => {
                        queue.push_back((original, message));
                        continue;
                    }
                };
                self.net.says(node, conn, Incoming::Plain(answer));
            }
            let Some((original, message)) = queue.pop_front() else {
                return count;
            };
            count += 1;
            assert!(count < 100_000, "messages circle");
            for message in self.originals[original].hears(message) {
                self.broadcast(original, &message, &mut queue);
            }
        }
    }

    /// What an original answers to a node that asks for its book.
    fn resting_at(&self, original: usize) -> Vec<LegacyOrder> {
        let book = self.originals[original].book.iter();
        let shown = book.map(|resting| LegacyOrder {
            id: resting.id.clone(),
            user_id: user(100 + original),
            side: resting.side.to_string(),
            amount: resting.open.to_string(),
            price: resting.price.to_string(),
            status: "pending".to_owned(),
            timestamp: self.net.now.wall,
            pair: "BTC/USD".to_owned(),
        });
        shown.collect()
    }

    /// An original sends a message to all its peers.
    fn broadcast(
        &mut self,
        original: usize,
        message: &Message,
        queue: &mut VecDeque<(usize, Message)>,
    ) {
        for other in 0..self.originals.len() {
            if other != original {
                queue.push_back((other, message.clone()));
            }
        }
        for node in 0..self.net.nodes.len() {
            let conn = conn(original, node);
            self.net.says(node, conn, Incoming::Plain(message.clone()));
        }
    }

    /// An original places an order.
    fn place_at_original(&mut self, original: usize, side: Side, amount: &str, price: &str) {
        let state = &mut self.originals[original];
        state.placed += 1;
        let mut order = LegacyOrder {
            id: format!("o{original}-{}", state.placed),
            user_id: user(100 + original),
            side: side.to_string(),
            amount: amount.to_owned(),
            price: price.to_owned(),
            status: String::new(),
            timestamp: self.net.now.wall,
            pair: "BTC/USD".to_owned(),
        };
        state.seen.insert(order.id.clone());
        let (fills, left) = state.apply(&order);
        state.rest(&order, left, !fills.is_empty());
        let status = match (fills.is_empty(), left.is_zero()) {
            (true, _) => "pending",
            (false, false) => "partial",
            (false, true) => "filled",
        };
        order.status = status.to_owned();
        let mut messages = vec![Message::Order(order.clone())];
        for (maker, amount) in fills {
            state.traded += 1;
            let id = format!("t{original}-{}", state.traded);
            state.seen.insert(id.clone());
            messages.push(Message::Trade(LegacyTrade {
                id,
                buy_order_id: order.id.clone(),
                sell_order_id: maker,
                amount: amount.to_string(),
                price: price.to_owned(),
                timestamp: self.net.now.wall,
            }));
        }
        let mut queue = VecDeque::new();
        for message in messages {
            self.broadcast(original, &message, &mut queue);
        }
        while let Some((other, message)) = queue.pop_front() {
            for message in self.originals[other].hears(message) {
                self.broadcast(other, &message, &mut queue);
            }
        }
        self.deliver();
    }

    fn place_at_node(&mut self, node: usize, side: Side, amount: &str, price: &str) -> OrderId {
        let id = self.net.submit(node, limit(side, amount, price));
        self.orders.push((node, id));
        self.deliver();
        id
    }

    fn pass(&mut self, millis: u64) {
        for _ in 0..millis.div_ceil(50) {
            self.net.pass(50);
            self.deliver();
        }
    }

    /// The open amounts of an original's book, by the id of the order whose part is open.
    fn book_of_original(&self, original: usize) -> BTreeMap<String, Amount> {
        let mut book = BTreeMap::new();
        for resting in &self.originals[original].book {
            let id = resting.id.split(':').next().unwrap().to_owned();
            let open: &mut Amount = book.entry(id).or_default();
            *open = open.checked_add(resting.open).unwrap();
        }
        book
    }

    /// The open amounts by the nodes' view: their own open orders, and what they know of originals'.
    fn book_of_node(&self, node: usize) -> BTreeMap<String, Amount> {
        let mut book = BTreeMap::new();
        for (owner, id) in &self.orders {
            let order = self.net.nodes[*owner].order(id).unwrap();
            let is_open = matches!(order.status, OrderStatus::Pending | OrderStatus::Partial);
            if is_open {
                let left = order.amount.checked_sub(order.filled).unwrap();
                book.insert(id.to_string(), left);
            }
        }
        for order in self.net.nodes[node].unsigned().orders {
            book.insert(order.id, order.open);
        }
        book
    }

    /// Lets time pass until all agree, at most two seconds.
    fn settle(&mut self, when: &str) {
        self.pass(400);
        for _ in 0..16 {
            if self.difference().is_none() {
                return;
            }
            self.pass(100);
        }
        self.assert_agreement(when);
    }

    /// Whether an original still holds an order that its node has closed, as it cancels no order that
    /// is filled in part, and others are in front of it.
    fn is_stuck(&self, original: usize, id: &str) -> bool {
        let book = &self.originals[original].book;
        let Some(stuck) = book.iter().find(|resting| resting.id.starts_with(id)) else {
            return false;
        };
        let is_better = |other: &Resting| match stuck.side {
            Side::Buy => other.price >= stuck.price,
            Side::Sell => other.price <= stuck.price,
        };
        let same_side = book.iter().filter(|other| other.side == stuck.side);
        let mut before = same_side.filter(|other| other.id != stuck.id);
        stuck.is_touched && !id.starts_with('o') && before.any(is_better)
    }

    /// How somebody's view of the open orders differs from the first node's.
    fn difference(&self) -> Option<String> {
        let expected = self.book_of_node(0);
        let differs = |who: String, book: BTreeMap<String, Amount>| {
            (book != expected).then(|| format!("{who} holds {book:?}, node 0 {expected:?}"))
        };
        let nodes = (1..self.net.nodes.len())
            .find_map(|node| differs(format!("node {node}"), self.book_of_node(node)));
        nodes.or_else(|| {
            (0..self.originals.len()).find_map(|original| {
                let mut book = self.book_of_original(original);
                book.retain(|id, _| expected.contains_key(id) || !self.is_stuck(original, id));
                differs(format!("original {original}"), book)
            })
        })
    }

    fn assert_agreement(&self, when: &str) {
        assert_eq!(self.difference(), None, "{when}");
    }
}

fn join(net: &mut Net, original: usize, node: usize) {
    let info = PeerInfo {
        id: PeerId::Legacy(format!("original-{original}").into()),
        dialect: Dialect::Original,
        version: "1.0.0".to_owned(),
        port: 0,
        capabilities: vec!["order".to_owned()],
        clock_offset: None,
    };
    let conn = conn(original, node);
    let remote = format!("10.0.9.{original}:4000").parse().unwrap();
    let direction = Direction::Inbound;
    net.input(
        node,
        Input::Connected {
            conn,
            info,
            direction,
            remote,
        },
    );
}

#[test]
fn originals_take_reduces_the_order_that_it_filled() {
    let mut mixed = Mixed::new(1, 1, 1);
    let id = mixed.place_at_node(0, Side::Sell, "1", "100");
    mixed.place_at_original(0, Side::Buy, "0.4", "100");
    assert_eq!(mixed.net.filled(0, id), "0.4");
    let trades = mixed.net.trades(0);
    assert_eq!(trades.len(), 1);
    assert_eq!(trades[0].price, "100".parse().unwrap());
    mixed.assert_agreement("after the take");
    mixed.place_at_original(0, Side::Buy, "0.9", "100");
    assert_eq!(mixed.net.filled(0, id), "1");
    mixed.assert_agreement("after a sweep");
}

#[test]
fn taken_order_of_an_original_is_not_sold_again() {
    let mut mixed = Mixed::new(1, 2, 2);
    mixed.place_at_original(0, Side::Sell, "1", "100");
    let id = mixed.place_at_node(0, Side::Buy, "0.4", "101");
    assert_eq!(mixed.net.filled(0, id), "0.4");
    assert_eq!(mixed.net.trades(0)[0].price, "100".parse().unwrap());
    mixed.assert_agreement("after the take");
    mixed.place_at_original(1, Side::Buy, "1", "100");
    mixed.assert_agreement("after the rest was taken");
    assert_eq!(
        mixed
            .book_of_original(0)
            .values()
            .next()
            .unwrap()
            .to_string(),
        "0.4"
    );
}

#[test]
fn sweep_with_a_rest_counts_once() {
    let mut mixed = Mixed::new(1, 1, 3);
    mixed.place_at_original(0, Side::Sell, "1", "100");
    let id = mixed.place_at_node(0, Side::Buy, "1.4", "100");
    mixed.pass(300);
    assert_eq!(mixed.net.filled(0, id), "1");
    mixed.assert_agreement("after the sweep");
    mixed.place_at_original(0, Side::Sell, "1.4", "100");
    assert_eq!(mixed.net.filled(0, id), "1.4");
    mixed.assert_agreement("after the rest was filled");
}

#[test]
fn trades_between_nodes_are_seen_by_originals() {
    let mut mixed = Mixed::new(2, 1, 4);
    let id = mixed.place_at_node(0, Side::Sell, "1", "100");
    let other = mixed.place_at_node(1, Side::Buy, "0.3", "100");
    mixed.pass(300);
    assert_eq!(
        [mixed.net.filled(0, id), mixed.net.filled(1, other)],
        ["0.3", "0.3"]
    );
    mixed.assert_agreement("after a trade of two nodes");
}

#[test]
fn original_that_lost_its_book_hears_open_orders_again() {
    let mut mixed = Mixed::new(1, 1, 7);
    let id = mixed.place_at_node(0, Side::Sell, "1", "100");
    mixed.place_at_original(0, Side::Buy, "0.4", "100");
    let (conn, reason) = (conn(0, 0), "closed_by_peer");
    mixed.net.input(0, Input::Disconnected { conn, reason });
    mixed.originals[0] = Original {
        placed: 1,
        traded: 1,
        ..Original::default()
    };
    join(&mut mixed.net, 0, 0);
    mixed.deliver();
    mixed.assert_agreement("after it came back");
    mixed.place_at_original(0, Side::Buy, "0.6", "100");
    assert_eq!(mixed.net.filled(0, id), "1");
    mixed.assert_agreement("after it took the rest");
}

#[test]
fn restarted_node_learns_the_book_and_takes_in_fills_once_it_may() {
    let mut mixed = Mixed::new(1, 1, 8);
    let id = mixed.place_at_node(0, Side::Sell, "1", "100");
    mixed.place_at_original(0, Side::Buy, "0.5", "90");
    mixed.net.crash(0);
    join(&mut mixed.net, 0, 0);
    mixed.deliver();
    mixed.place_at_original(0, Side::Buy, "0.4", "100");
    assert_eq!(
        mixed.net.filled(0, id),
        "0",
        "it may be a copy of an old store"
    );
    mixed.pass(11_000);
    assert_eq!(mixed.net.filled(0, id), "0.4");
    mixed.assert_agreement("after the start");
}

#[test]
fn cancelled_order_leaves_all_books() {
    let mut mixed = Mixed::new(2, 1, 5);
    mixed.place_at_node(0, Side::Sell, "1", "100");
    let id = mixed.place_at_node(0, Side::Sell, "1", "101");
    mixed.net.nodes[0].cancel(id, mixed.net.now).unwrap();
    mixed.net.flush(0);
    mixed.deliver();
    mixed.assert_agreement("after a cancellation");
}

/// In every other run nobody cancels: an original may still fill an order that it can't cancel.
fn trade_at_random(nodes: usize, originals: usize, seed: u8) {
    let cancels = seed % 2 == 1;
    let mut mixed = Mixed::new(nodes, originals, seed);
    for step in 0..80 {
        let side = [Side::Buy, Side::Sell][mixed.pick(2)];
        let amount = format!("{}.{}", mixed.pick(2), 1 + mixed.pick(9));
        let price = (98 + mixed.pick(5)).to_string();
        let who = mixed.pick(nodes + originals);
        let what = match who.checked_sub(nodes) {
            Some(original) => {
                mixed.place_at_original(original, side, &amount, &price);
                format!("original {original} {side}s {amount} at {price}")
            }
            None if cancels && mixed.pick(5) == 0 && !mixed.orders.is_empty() => {
                let number = mixed.pick(mixed.orders.len());
                let (node, id) = mixed.orders[number];
                let _ = mixed.net.nodes[node].cancel(id, mixed.net.now);
                mixed.net.flush(node);
                mixed.net.run();
                mixed.deliver();
                format!("node {node} cancels {id}")
            }
            None => {
                let id = mixed.place_at_node(who, side, &amount, &price);
                format!("node {who} {side}s {amount} at {price}: {id}")
            }
        };
        mixed.settle(&format!("seed {seed}, step {step}: {what}"));
    }
    for node in 0..nodes {
        let missed = mixed.net.counter(node, "unsigned_fill_missed");
        assert!(missed == 0 || cancels, "seed {seed}: {missed} fills missed");
    }
    assert_eq!(mixed.deliver(), 0);
    mixed.pass(2_000);
    let trades: usize = (0..nodes).map(|node| mixed.net.trades(node).len()).sum();
    assert!(trades > 0, "nothing was traded");
}

#[test]
fn two_nodes_and_two_originals_agree() {
    (0..40).for_each(|seed| trade_at_random(2, 2, seed));
}

#[test]
fn one_node_and_three_originals_agree() {
    (0..40).for_each(|seed| trade_at_random(1, 3, seed));
}

#[test]
fn three_nodes_and_one_original_agree() {
    (0..40).for_each(|seed| trade_at_random(3, 1, seed));
}

#[test]
fn order_with_more_than_8_decimals_is_shown_and_not_matched() {
    let mut mixed = Mixed::new(1, 1, 6);
    let sell = |mixed: &mut Mixed, amount: &str| {
        let order = LegacyOrder {
            id: format!("o-{amount}"),
            user_id: user(100),
            side: "sell".to_owned(),
            amount: amount.to_owned(),
            price: "100".to_owned(),
            status: "pending".to_owned(),
            timestamp: Millis(5),
            pair: "BTC/USD".to_owned(),
        };
        let message = Incoming::Plain(Message::Order(order));
        mixed.net.says(0, conn(0, 0), message);
    };
    sell(&mut mixed, "0.123456789");
    sell(&mut mixed, "1e-7");
    let shown = mixed.net.nodes[0].unsigned().orders;
    assert_eq!(
        shown.iter().map(|order| order.exact).collect::<Vec<_>>(),
        [true, false]
    );
    assert_eq!(
        mixed.net.nodes[0].order_book(1, mixed.net.now).asks[0].count,
        2
    );
    // The exact one stands behind the other, which the announced order fills first elsewhere.
    let id = mixed.net.submit(0, limit(Side::Buy, "1", "100"));
    mixed.net.pass(400);
    assert_eq!(mixed.net.filled(0, id), "0.0000001");
    assert!(mixed.net.nodes[0].unsigned().orders.is_empty());
}

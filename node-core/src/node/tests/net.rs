//! A network of nodes in one thread: messages are delivered in order, time moves when told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use crate::ledger::{Identity, Payload, Place, PlaceTif, Statement, Verifier};
use crate::node::{
    ConnId, Direction, Entry, Event, Incoming, Input, Limits, NewOrder, Node, NodeBounds,
    NodeConfig, OrderKind, OrderResult, Output, Table, TimeInForce, Trade, Way, Ways,
    verify_message,
};
use crate::orderbook::SelfTrade;
use crate::protocol::{Dialect, LegacyPolicy, Message, PeerInfo, SessionConfig, decode};
use crate::types::{Amount, Millis, Now, OrderId, PeerAddress, PeerId, Price, Side};

/// Settings for tests; `change` adjusts them.
pub(in crate::node) fn config() -> NodeConfig {
    NodeConfig {
        network: "local".parse().unwrap(),
        pair: "BTC/USD".parse().unwrap(),
        user_id: "alice".parse().unwrap(),
        max_peers: 50,
        reconnect_interval: Millis::from_secs(30),
        bootstrap_peers: Vec::new(),
        ways: Ways::DIRECT,
        peer_exchange: true,
        legacy: LegacyPolicy::Observe,
        self_trade: SelfTrade::Allow,
        max_order_amount: amount("1000000"),
        max_order_price: price("1000000"),
        order_rate: None,
        limits: Limits::DEFAULT,
        bounds: NodeBounds::DEFAULT,
    }
}

pub(super) fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

pub(super) fn price(text: &str) -> Price {
    text.parse().unwrap()
}

pub(super) fn limit(side: Side, amount_text: &str, price_text: &str) -> NewOrder {
    NewOrder {
        side,
        amount: amount(amount_text),
        kind: OrderKind::Limit(price(price_text)),
        time_in_force: TimeInForce::Gtc,
        user: None,
        lifetime: None,
    }
}

pub(super) fn buy(amount: &str, price: &str) -> NewOrder {
    limit(Side::Buy, amount, price)
}

pub(super) fn sell(amount: &str, price: &str) -> NewOrder {
    limit(Side::Sell, amount, price)
}

/// What the key of this seed signs.
pub(super) fn signed(seed: u8, payload: Payload) -> Statement {
    let network = "local".parse().unwrap();
    let identity = Identity::from_seed([seed; 32]);
    identity.sign(&network, payload).unwrap()
}

/// Statements as they come from a peer that checked them.
pub(super) fn statements(valid: &[Statement]) -> Incoming {
    Incoming::Statements {
        valid: valid.to_vec(),
        refused: Vec::new(),
    }
}

struct Wire {
    to: usize,
    conn: ConnId,
    /// Nothing where the other end has closed the connection.
    message: Option<Bytes>,
}

type Disk = BTreeMap<(Table, Bytes), Bytes>;

/// Whether to lose a message to a node.
type Lose = Box<dyn FnMut(usize, &str) -> bool>;

pub(super) struct Net {
    pub(super) nodes: Vec<Node>,
    configs: Vec<NodeConfig>,
    /// How much each node's clock is ahead, in milliseconds.
    pub(super) ahead: Vec<u64>,
    /// What each node has written down, if it writes anything.
    disks: Vec<Option<Disk>>,
    /// Nodes whose disk takes nothing, and what waits for it.
    pub(super) failing: BTreeMap<usize, Vec<Output>>,
    verifiers: Vec<Verifier>,
    /// Each end of a link, and the other end.
    links: BTreeMap<(usize, ConnId), (usize, ConnId)>,
    wires: VecDeque<Wire>,
    /// Connections whose other end the test plays itself, and what came there.
    strangers: BTreeSet<ConnId>,
    heard: Vec<(ConnId, Message)>,
    pub(super) now: Now,
    pub(super) results: BTreeMap<OrderId, OrderResult>,
    pub(super) events: Vec<(usize, Event)>,
    pub(super) dials: Vec<(usize, PeerAddress)>,
    /// Until when nothing is to be read of a connection; here it is read all the same.
    pub(super) paused: BTreeMap<(usize, ConnId), Millis>,
    /// How the same were dialed.
    pub(super) ways: Vec<Way>,
    pub(super) closed: Vec<(usize, &'static str)>,
    pub(super) delivered: usize,
    /// What was sent on connections that lead out of the network, as text.
    pub(super) left: Vec<(ConnId, String)>,
    /// Messages for which this says true are lost.
    pub(super) lose: Option<Lose>,
    next_conn: u64,
}

impl Net {
    pub(super) fn new(count: usize) -> Self {
        Self::with(count, |_, _| {})
    }

    pub(super) fn with(count: usize, change: impl Fn(usize, &mut NodeConfig)) -> Self {
        let now = Now {
            mono: Millis(1_000),
            wall: Millis(1_795_000_000_000),
        };
        let configs = (0..count).map(|i| {
            let mut config = config();
            change(i, &mut config);
            config
        });
        let configs: Vec<NodeConfig> = configs.collect();
        let nodes = configs.iter().enumerate().map(|(i, config)| {
            let mut seed = [7; 32];
            seed[0] = i as u8;
            let mut node = Node::new(
                config.clone(),
                Arc::new(Identity::from_seed(seed)),
                seed,
                now,
            );
            node.start(Vec::new(), None, now);
            node
        });
        Self {
            nodes: nodes.collect(),
            configs,
            ahead: vec![0; count],
            disks: vec![None; count],
            failing: BTreeMap::new(),
            verifiers: (0..count)
                .map(|_| Verifier::new("local".parse().unwrap()))
                .collect(),
            links: BTreeMap::new(),
            wires: VecDeque::new(),
            strangers: BTreeSet::new(),
            heard: Vec::new(),
            now,
            results: BTreeMap::new(),
            events: Vec::new(),
            dials: Vec::new(),
            paused: BTreeMap::new(),
            ways: Vec::new(),
            closed: Vec::new(),
            delivered: 0,
            left: Vec::new(),
            lose: None,
            next_conn: 0,
        }
    }

    /// Nodes that write down what must survive; everybody connected to everybody.
    pub(super) fn durable(count: usize) -> Self {
        Self::durable_with(count, |_, _| {})
    }

    pub(super) fn durable_with(count: usize, change: impl Fn(usize, &mut NodeConfig)) -> Self {
        let mut net = Self::with(count, change);
        for i in 0..count {
            net.disks[i] = Some(Disk::new());
            net.start_from_disk(i);
        }
        net.connect_all();
        net
    }

    /// Nodes in a row, each connected only to the next.
    pub(super) fn line(count: usize) -> Self {
        let mut net = Self::new(count);
        for i in 1..count {
            net.connect(i - 1, i);
        }
        net.run();
        net
    }

    /// Everybody connected to everybody.
    pub(super) fn mesh(count: usize) -> Self {
        let mut net = Self::new(count);
        net.connect_all();
        net
    }

    fn connect_all(&mut self) {
        for a in 0..self.nodes.len() {
            for b in a + 1..self.nodes.len() {
                self.connect(a, b);
            }
        }
        self.run();
    }

    /// What time it is for a node.
    pub(super) fn now_of(&self, node: usize) -> Now {
        Now {
            wall: self.now.wall + Millis(self.ahead[node]),
            ..self.now
        }
    }

    pub(super) fn address(i: usize) -> PeerAddress {
        format!("10.0.0.{}:3000", i + 1).parse().unwrap()
    }

    fn info(&self, i: usize) -> PeerInfo {
        PeerInfo {
            id: PeerId::Node(self.nodes[i].node_id()),
            dialect: Dialect::Secured,
            version: "1.0.0".to_owned(),
            port: 3000,
            capabilities: SessionConfig::capabilities_of(self.configs[i].legacy),
            clock_offset: None,
        }
    }

    /// `a` dials `b`.
    pub(super) fn connect(&mut self, a: usize, b: usize) -> (ConnId, ConnId) {
        let ends = [ConnId(self.next_conn), ConnId(self.next_conn + 1)];
        self.next_conn += 2;
        self.links.insert((a, ends[0]), (b, ends[1]));
        self.links.insert((b, ends[1]), (a, ends[0]));
        for (me, other, conn, direction) in [
            (a, b, ends[0], Direction::Outbound),
            (b, a, ends[1], Direction::Inbound),
        ] {
            if !self.links.contains_key(&(me, conn)) {
                // The other end has closed it already.
                continue;
            }
            let info = self.info(other);
            let remote = match direction {
                Direction::Outbound => Self::address(other),
                Direction::Inbound => format!("10.0.0.{}:55555", other + 1).parse().unwrap(),
            };
            self.input(
                me,
                Input::Connected {
                    conn,
                    info,
                    direction,
                    remote,
                },
            );
        }
        (ends[0], ends[1])
    }

    /// A peer of a node that the test plays itself, with the key of this seed.
    pub(super) fn stranger(&mut self, node: usize, seed: u8, direction: Direction) -> ConnId {
        let remote = format!("10.0.1.{seed}:3000");
        self.stranger_at(node, seed, direction, &remote, None)
    }

    /// Such a peer at an address, whose clock the handshake showed to be so much ahead.
    pub(super) fn stranger_at(
        &mut self,
        node: usize,
        seed: u8,
        direction: Direction,
        remote: &str,
        clock_offset: Option<i64>,
    ) -> ConnId {
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        self.strangers.insert(conn);
        let info = PeerInfo {
            id: PeerId::Node(Identity::from_seed([seed; 32]).node_id()),
            clock_offset,
            ..self.info(node)
        };
        let remote = remote.parse().unwrap();
        self.input(
            node,
            Input::Connected {
                conn,
                info,
                direction,
                remote,
            },
        );
        conn
    }

    /// Such a peer says something, and all is delivered that follows.
    pub(super) fn says(&mut self, node: usize, conn: ConnId, message: Incoming) {
        let bytes = 100;
        self.input(
            node,
            Input::Received {
                conn,
                bytes,
                message,
            },
        );
        self.run();
    }

    /// Such a peer sends a message as it goes over the wire.
    pub(super) fn says_message(&mut self, node: usize, conn: ConnId, message: Message) {
        let me = self.nodes[node].node_id();
        let message = verify_message(message, me, &self.verifiers[node]);
        self.says(node, conn, message);
    }

    /// What such a peer heard since the last call.
    pub(super) fn take_heard(&mut self, conn: ConnId) -> Vec<Message> {
        let heard = std::mem::take(&mut self.heard);
        let (its, others): (Vec<_>, Vec<_>) = heard.into_iter().partition(|(of, _)| *of == conn);
        self.heard = others;
        its.into_iter().map(|(_, message)| message).collect()
    }

    /// An order that the key of this seed signs now, good for an hour.
    pub(super) fn signed_order(&self, seed: u8, n: u64, side: Side, at: &str) -> Statement {
        let place = Place {
            n,
            ts: self.now.wall,
            pair: "BTC/USD".parse().unwrap(),
            side,
            px: price(at),
            amt: amount("1"),
            exp: self.now.wall + Millis::from_secs(3_600),
            tif: PlaceTif::Gtc,
            u: "alice".parse().unwrap(),
            rest: true,
            replaces: None,
        };
        signed(seed, Payload::Place(place))
    }

    /// Every link between `a` and `b` stops to carry anything, and neither end notices.
    pub(super) fn break_silently(&mut self, a: usize, b: usize) {
        self.links
            .retain(|(from, _), (to, _)| (*from, *to) != (a, b) && (*from, *to) != (b, a));
        let links = &self.links;
        self.wires
            .retain(|wire| links.contains_key(&(wire.to, wire.conn)));
    }

    /// Every link between `a` and `b` breaks; what is on its way is lost.
    pub(super) fn cut(&mut self, a: usize, b: usize) {
        let broken: Vec<_> = self
            .links
            .iter()
            .filter(|((from, _), (to, _))| (*from, *to) == (a, b) || (*from, *to) == (b, a))
            .map(|(end, _)| *end)
            .collect();
        for (node, conn) in broken {
            self.disconnect(node, conn, "test");
        }
    }

    /// A node dies without a word and starts anew with its key and what it has written down.
    pub(super) fn crash(&mut self, node: usize) {
        for other in 0..self.nodes.len() {
            self.cut(node, other);
        }
        self.now.wall = self.now.wall + Millis(1);
        self.start_from_disk(node);
    }

    /// The pair for which a node starts the next time.
    pub(super) fn set_pair(&mut self, node: usize, pair: &str) {
        self.configs[node].pair = pair.parse().unwrap();
    }

    fn start_from_disk(&mut self, node: usize) {
        let mut seed = [7; 32];
        seed[0] = node as u8;
        let identity = Arc::new(Identity::from_seed(seed));
        let mut fresh = Node::new(self.configs[node].clone(), identity, seed, self.now);
        if let Some(disk) = &self.disks[node] {
            let entries = disk.iter().map(|((table, key), value)| Entry {
                table: *table,
                key: key.clone(),
                value: value.clone(),
            });
            fresh.restore(entries, self.now).unwrap();
        }
        fresh.start(Vec::new(), None, self.now);
        self.nodes[node] = fresh;
    }

    /// A copy of what a node has written down.
    pub(super) fn disk(&self, node: usize) -> Option<Disk> {
        self.disks[node].clone()
    }

    pub(super) fn set_disk(&mut self, node: usize, disk: Option<Disk>) {
        self.disks[node] = disk;
    }

    /// From now on nothing that a node writes reaches its disk.
    pub(super) fn break_disk(&mut self, node: usize) {
        self.failing.insert(node, Vec::new());
    }

    /// The disk works again, and takes what waited.
    pub(super) fn mend_disk(&mut self, node: usize) {
        let kept = self.failing.remove(&node).unwrap();
        self.carry_out(node, kept);
        self.input(node, Input::StoreWorks);
    }

    fn disconnect(&mut self, node: usize, conn: ConnId, reason: &'static str) {
        if self.links.remove(&(node, conn)).is_some() {
            self.wires
                .retain(|wire| (wire.to, wire.conn) != (node, conn));
            self.input(node, Input::Disconnected { conn, reason });
        }
    }

    pub(super) fn input(&mut self, node: usize, input: Input) {
        let now = self.now_of(node);
        self.nodes[node].handle(input, now);
        self.flush(node);
    }

    pub(super) fn flush(&mut self, node: usize) {
        let mut outputs = Vec::new();
        let now = self.now_of(node);
        self.nodes[node].take_outputs(now, &mut outputs);
        let writes = |output: &Output| matches!(output, Output::Persist(_));
        if let Some(kept) = self.failing.get_mut(&node)
            && outputs.iter().any(writes)
        {
            assert!(kept.is_empty(), "a node that can't write goes on writing");
            *kept = outputs;
            let reason = "no space".to_owned();
            self.nodes[node].handle(Input::StoreFailed { reason }, self.now);
            return;
        }
        self.carry_out(node, outputs);
    }

    /// One batch: what is to be written first, then the rest.
    fn carry_out(&mut self, node: usize, outputs: Vec<Output>) {
        let mut committed = false;
        for output in &outputs {
            let Output::Persist(write) = output else {
                continue;
            };
            committed = true;
            let disk = self.disks[node].as_mut().expect("a node without a store");
            let key = (write.table, write.key.clone());
            match &write.value {
                Some(value) => disk.insert(key, value.clone()),
                None => disk.remove(&key),
            };
        }
        if committed {
            self.nodes[node].handle(Input::Committed, self.now);
        }
        let mut computed = Vec::new();
        for output in outputs {
            match output {
                Output::Send { conn, message, .. } => {
                    if let Some((to, conn)) = self.links.get(&(node, conn)).copied() {
                        let message = Some(message);
                        self.wires.push_back(Wire { to, conn, message });
                    } else if self.strangers.contains(&conn) {
                        let message = decode(&message, Dialect::Secured).unwrap();
                        self.heard.push((conn, message));
                    } else {
                        let text = String::from_utf8(message.to_vec()).unwrap();
                        self.left.push((conn, text));
                    }
                }
                Output::Close { conn, reason, .. } => {
                    self.closed.push((node, reason));
                    if let Some((to, other)) = self.links.get(&(node, conn)).copied() {
                        let message = None;
                        self.wires.push_back(Wire {
                            to,
                            conn: other,
                            message,
                        });
                        self.disconnect(node, conn, reason);
                    }
                }
                Output::Settled { order, result } => {
                    self.results.insert(order, result);
                }
                Output::Event(event) => self.events.push((node, event)),
                Output::Dial { address, way, .. } => {
                    self.dials.push((node, address));
                    self.ways.push(way);
                }
                Output::SavePeers | Output::SaveBans | Output::Persist(_) => {}
                Output::Compute(computation) => computed.push(computation.run()),
                Output::Pause { conn, until } => {
                    self.paused.insert((node, conn), until);
                }
            }
        }
        for computed in computed {
            self.input(node, Input::Computed(computed));
        }
    }

    /// Delivers until nothing is on its way. Panics if that never ends.
    pub(super) fn run(&mut self) {
        let limit = self.delivered + 1_000_000;
        while let Some(Wire { to, conn, message }) = self.wires.pop_front() {
            let Some(message) = message else {
                self.disconnect(to, conn, "closed_by_peer");
                continue;
            };
            let text = std::str::from_utf8(&message).unwrap();
            if self.lose.as_mut().is_some_and(|lose| lose(to, text)) {
                continue;
            }
            self.delivered += 1;
            assert!(self.delivered < limit, "messages circle");
            let bytes = message.len();
            let message = decode(&message, Dialect::Secured).unwrap();
            let me = self.nodes[to].node_id();
            let message = verify_message(message, me, &self.verifiers[to]);
            self.input(
                to,
                Input::Received {
                    conn,
                    bytes,
                    message,
                },
            );
        }
    }

    /// Lets time pass in small steps, delivering all the while.
    pub(super) fn pass(&mut self, millis: u64) {
        for _ in 0..millis.div_ceil(50) {
            self.now.mono = self.now.mono + Millis(50);
            self.now.wall = self.now.wall + Millis(50);
            for i in 0..self.nodes.len() {
                if self.nodes[i]
                    .next_wakeup()
                    .is_some_and(|due| due <= self.now.mono)
                {
                    let now = self.now_of(i);
                    self.nodes[i].tick(now);
                    self.flush(i);
                }
            }
            self.run();
        }
    }

    /// Places an order without delivering anything.
    pub(super) fn place(&mut self, node: usize, order: NewOrder) -> OrderId {
        let now = self.now_of(node);
        let id = self.nodes[node].submit(order, now).unwrap();
        self.flush(node);
        id
    }

    /// Places an order and delivers until it is quiet.
    pub(super) fn submit(&mut self, node: usize, order: NewOrder) -> OrderId {
        let id = self.place(node, order);
        self.run();
        id
    }

    pub(super) fn trades(&self, node: usize) -> Vec<Trade> {
        let mut trades = self.nodes[node].trades(usize::MAX);
        trades.sort_by_key(|trade| trade.id);
        trades
    }

    /// The open amounts of a node's book: bids and asks as (price, amount, count) texts.
    pub(super) fn book(&self, node: usize) -> (Vec<String>, Vec<String>) {
        let snapshot = self.nodes[node].order_book(usize::MAX, self.now);
        let show = |levels: Vec<crate::node::Level>| {
            let show = |level: &crate::node::Level| serde_json::to_string(level).unwrap();
            levels.iter().map(show).collect()
        };
        (show(snapshot.bids), show(snapshot.asks))
    }

    pub(super) fn counter(&self, node: usize, label: &str) -> u64 {
        self.nodes[node].counters().get(label).copied().unwrap_or(0)
    }

    /// All nodes show the same trades and the same book.
    pub(super) fn assert_agreement(&self) {
        for node in 1..self.nodes.len() {
            assert_eq!(self.trades(0), self.trades(node), "trades of node {node}");
            assert_eq!(self.book(0), self.book(node), "book of node {node}");
        }
    }

    /// What is filled of an own order, by its owner's view.
    pub(super) fn filled(&self, node: usize, id: OrderId) -> String {
        self.nodes[node].order(&id).unwrap().filled.to_string()
    }
}

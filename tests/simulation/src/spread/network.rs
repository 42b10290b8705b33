//! The network that news spreads in: nodes, their connections and time.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use meshbook::ledger::{Identity, Payload, Statement, Verifier};
use meshbook::node::{
    Class, ConnId, Direction, Incoming, Input, Limits, NewOrder, Node, NodeBounds, NodeConfig,
    OrderKind, Output, PeerStatus, PeerView, TimeInForce, Ways, verify_message,
};
use meshbook::orderbook::SelfTrade;
use meshbook::protocol::{
    Dialect, LegacyPolicy, Message, PeerInfo, Prefix, SessionConfig, decode, encode,
};
use meshbook::types::{
    Amount, Millis, NodeId, OrderId, PeerAddress, PeerId, Price, Side, StatementHash,
};

use super::Plan;
use super::tally::{Kind, Tally};
use crate::clock::Clock;
use crate::network::{Cargo, End, Network, Packet, Quality, Sent};
use crate::queue::Queue;
use crate::random::Random;
use crate::wires::{PORT, address};
use crate::world::network_id;

/// Nodes start within this time (ms).
const STARTS: u64 = 5_000;
/// The first order, after sessions are up.
const FIRST_ORDER: u64 = 30_000;
/// From one order to the next.
const GAP: u64 = 50;
/// From an order to its cancellation.
const CANCEL_AFTER: u64 = 3_000;
/// What is still said is counted for so long after the last order.
const AFTER: u64 = 3_000;
/// For how long after the last order something may be missing.
const PATIENCE: u64 = 240_000;
/// Something that did not arrive.
const NOWHERE: u8 = u8::MAX;
/// Units of 10^-8 in one.
const ONE: u128 = 100_000_000;

#[derive(Debug)]
enum Happening {
    Start(usize),
    Run(usize),
    Arrival { end: End, cargo: Cargo },
    Ready(End),
    Dialed { from: usize, address: PeerAddress },
    Place { owner: usize, cancel: bool },
    Cancel { owner: usize, order: OrderId },
}

#[derive(Debug)]
struct Party {
    node: Node,
    id: NodeId,
    clock: Clock,
    started: bool,
    inbox: Vec<Input>,
    run_at: Option<u64>,
}

/// One statement on its way.
#[derive(Debug)]
struct Item {
    said_at: u64,
    /// How far from its owner each node was when it came.
    hops: Vec<u8>,
}

/// A network while news spreads in it.
#[derive(Debug)]
pub(super) struct Spreading {
    plan: Plan,
    now: u64,
    queue: Queue<Happening>,
    parties: Vec<Party>,
    by_address: HashMap<PeerAddress, usize>,
    network: Network,
    verifier: Verifier,
    luck: Random,
    market: Random,
    items: Vec<Item>,
    by_hash: HashMap<StatementHash, usize>,
    by_prefix: HashMap<Prefix, usize>,
    /// Deliveries of orders that are still to come.
    missing: usize,
    to_place: usize,
    tally: Tally,
}

impl Spreading {
    pub(super) fn new(plan: Plan) -> Self {
        let mut it = Self {
            plan,
            now: 0,
            queue: Queue::new(),
            parties: Vec::new(),
            by_address: (0..plan.nodes).map(|at| (address(at), at)).collect(),
            network: Network::default(),
            verifier: Verifier::new(network_id()),
            luck: Random::stream(plan.seed, "links"),
            market: Random::stream(plan.seed, "load"),
            items: Vec::new(),
            by_hash: HashMap::new(),
            by_prefix: HashMap::new(),
            missing: 0,
            to_place: plan.orders,
            tally: Tally::default(),
        };
        it.found();
        it.plan_orders();
        it
    }

    fn found(&mut self) {
        let Plan {
            nodes, connections, ..
        } = self.plan;
        let mut random = Random::stream(self.plan.seed, "topology");
        for index in 0..nodes {
            let others: Vec<usize> = match self.plan.mesh {
                true => (0..nodes).filter(|other| *other != index).collect(),
                false => (0..connections.div_ceil(2))
                    .map(|_| random.index(nodes))
                    .collect(),
            };
            let bootstrap = others.into_iter().filter(|other| *other != index);
            let config = NodeConfig {
                network: network_id(),
                pair: "BTC/USD".parse().expect("a pair"),
                user_id: "alice".parse().expect("a user"),
                max_peers: connections,
                reconnect_interval: Millis::from_secs(30),
                bootstrap_peers: bootstrap.map(address).collect(),
                ways: Ways::DIRECT,
                peer_exchange: true,
                legacy: LegacyPolicy::Observe,
                self_trade: SelfTrade::Allow,
                max_order_amount: Amount::MAX,
                max_order_price: Price::MAX,
                order_rate: None,
                limits: Limits::DEFAULT,
                bounds: NodeBounds::DEFAULT,
            };
            let identity = Arc::new(Identity::from_seed(random.bytes()));
            let started = random.below(STARTS);
            let clock = Clock {
                ahead: 0,
                drift: 0,
                started,
            };
            let id = identity.node_id();
            self.parties.push(Party {
                node: Node::new(config, identity, random.bytes(), clock.now(started)),
                id,
                clock,
                started: false,
                inbox: Vec::new(),
                run_at: None,
            });
            self.queue.add(started, Happening::Start(index));
        }
    }

    fn plan_orders(&mut self) {
        let Plan { nodes, orders, .. } = self.plan;
        let owners: Vec<usize> = (0..self.plan.owners.min(nodes))
            .map(|_| self.market.index(nodes))
            .collect();
        for number in 0..orders {
            let owner = self.market.pick(&owners);
            let cancel = number % 8 == 0;
            let at = FIRST_ORDER + number as u64 * GAP;
            self.queue.add(at, Happening::Place { owner, cancel });
        }
    }

    pub(super) fn run(mut self) -> Result<Tally, String> {
        let last = FIRST_ORDER + self.plan.orders as u64 * GAP + CANCEL_AFTER;
        let mut counts = false;
        while let Some((at, what)) = self.queue.pop() {
            self.now = at;
            if !counts && at >= FIRST_ORDER {
                counts = true;
                self.tally.background.clear();
            }
            if at > last + AFTER && self.missing == 0 {
                break;
            }
            if at > last + PATIENCE {
                return Err(format!("{} deliveries are missing", self.missing));
            }
            self.happen(what);
        }
        self.compare_books()?;
        let now = self.now;
        let count = |party: &Party| {
            let peers = party.node.peers(party.clock.now(now));
            let up = |peer: &&PeerView| peer.status == PeerStatus::Connected;
            peers.iter().filter(up).count()
        };
        let counts: Vec<usize> = self.parties.iter().map(count).collect();
        let average = counts.iter().sum::<usize>() as f64 / counts.len().max(1) as f64;
        let (least, most) = (counts.iter().min(), counts.iter().max());
        self.tally.connections = (
            least.copied().unwrap_or_default(),
            average,
            most.copied().unwrap_or_default(),
        );
        self.tally.time = now - FIRST_ORDER;
        Ok(self.tally)
    }

    /// All must show the same orders: those that were placed, but for those that were cancelled.
    fn compare_books(&self) -> Result<(), String> {
        let cancelled = self.plan.orders.div_ceil(8);
        let expected = self.plan.orders - cancelled;
        let said = self.tally.cold.said + self.tally.between.said + self.tally.warm.said;
        if self.to_place > 0 || said != self.plan.orders + cancelled {
            return Err(format!("only {said} orders and cancellations were told"));
        }
        let mut first: Option<BTreeMap<OrderId, Amount>> = None;
        for (index, party) in self.parties.iter().enumerate() {
            let shown: BTreeMap<OrderId, Amount> = party.node.shown_orders().collect();
            if shown.len() != expected {
                let shown = shown.len();
                return Err(format!("node {index} shows {shown} orders of {expected}"));
            }
            if *first.get_or_insert_with(|| shown.clone()) != shown {
                return Err(format!("the book of node {index} differs"));
            }
        }
        Ok(())
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Start(party) => {
                let it = &mut self.parties[party];
                it.started = true;
                it.node.start(Vec::new(), None, it.clock.now(self.now));
                self.poke(party, self.now);
            }
            Happening::Run(party) => self.run_party(party),
            Happening::Arrival { end, cargo } => self.arrival(end, cargo),
            Happening::Ready(end) => self.ready(end),
            Happening::Dialed { from, address } => self.dialed(from, address),
            Happening::Place { owner, cancel } => self.place(owner, cancel),
            Happening::Cancel { owner, order } => {
                let it = &mut self.parties[owner];
                // That it was cancelled is seen when all books are compared.
                let _ = it.node.cancel(order, it.clock.now(self.now));
                self.poke(owner, self.now);
            }
        }
    }

    /// Bids stay below 100 and asks above, so that nothing trades.
    fn place(&mut self, owner: usize, cancel: bool) {
        let random = &mut self.market;
        let side = random.pick(&[Side::Buy, Side::Sell]);
        let limit = match side {
            Side::Buy => random.between(90, 99),
            Side::Sell => random.between(101, 110),
        };
        let price = Price::from_units(u128::from(limit) * ONE).unwrap_or(Price::MAX);
        let order = NewOrder {
            side,
            amount: Amount::from_units(ONE).unwrap_or(Amount::MAX),
            kind: OrderKind::Limit(price),
            time_in_force: TimeInForce::Gtc,
            user: None,
            lifetime: None,
        };
        let it = &mut self.parties[owner];
        if let Ok(order) = it.node.submit(order, it.clock.now(self.now)) {
            self.to_place -= 1;
            if cancel {
                let at = self.now + CANCEL_AFTER;
                self.queue.add(at, Happening::Cancel { owner, order });
            }
        }
        self.poke(owner, self.now);
    }

    fn poke(&mut self, party: usize, at: u64) {
        let it = &mut self.parties[party];
        if it.started && it.run_at.is_none_or(|run_at| at < run_at) {
            it.run_at = Some(at);
            self.queue.add(at, Happening::Run(party));
        }
    }

    /// One batch of a node: everything that is at hand, then what is due.
    fn run_party(&mut self, party: usize) {
        let it = &mut self.parties[party];
        if it.run_at != Some(self.now) {
            return;
        }
        it.run_at = None;
        let now = it.clock.now(self.now);
        for input in std::mem::take(&mut it.inbox) {
            it.node.handle(input, now);
        }
        if it.node.next_wakeup().is_some_and(|due| due <= now.mono) {
            it.node.tick(now);
        }
        let mut outputs = Vec::new();
        it.node.take_outputs(now, &mut outputs);
        let due = it
            .node
            .next_wakeup()
            .map(|due| it.clock.when(due, self.now));
        let mut packets = HashMap::new();
        for output in outputs {
            match output {
                Output::Send {
                    conn,
                    class,
                    message,
                } => {
                    let place = (message.as_ptr(), message.len());
                    let packet = packets.entry(place).or_insert_with(|| {
                        let incoming = OnceCell::new();
                        let bytes = message;
                        Rc::new(Packet { bytes, incoming })
                    });
                    let packet = Rc::clone(packet);
                    self.send(party, conn, class, &packet);
                }
                Output::Close { conn, error, .. } => {
                    let error = error.map(|(code, message)| Message::Error { code, message });
                    self.close(party, conn, error.as_ref());
                }
                Output::Dial { address, .. } => {
                    let at = self.now + self.luck.between(5, 160);
                    let from = party;
                    self.queue.add(at, Happening::Dialed { from, address });
                }
                Output::Compute(computation) => {
                    let computed = Input::Computed(computation.run());
                    self.parties[party].inbox.push(computed);
                    self.poke(party, self.now);
                }
                // Nothing is kept here, nobody trades, and who sends much is none that must be held back.
                Output::Pause { .. }
                | Output::Persist(_)
                | Output::SavePeers
                | Output::SaveBans
                | Output::Event(_)
                | Output::Settled { .. } => {}
            }
        }
        if let Some(due) = due {
            self.poke(party, due);
        }
    }

    fn send(&mut self, from: usize, conn: ConnId, class: Class, packet: &Rc<Packet>) {
        let fresh = packet.incoming.get().is_none();
        if fresh && let Incoming::Statements { valid, .. } = self.read(packet) {
            let own_id = self.parties[from].id;
            for statement in valid.iter().filter(|it| it.owner() == own_id) {
                self.said(from, statement);
            }
        }
        let end = End::of(conn);
        let bytes = packet.bytes.len() as u64;
        let sent = self
            .network
            .send(end, class, bytes, &mut self.luck, self.now);
        if let Sent::Arrives(times) = sent {
            for at in times {
                let (end, cargo) = (end.other(), Cargo::Message(Rc::clone(packet)));
                self.queue.add(at, Happening::Arrival { end, cargo });
            }
        }
    }

    /// An owner tells an order or a cancellation for the first time.
    fn said(&mut self, owner: usize, statement: &Statement) {
        let hash = statement.hash();
        let of_order = matches!(statement.payload(), Payload::Place(_) | Payload::Ord(_));
        if !of_order || self.by_hash.contains_key(&hash) {
            return;
        }
        let mut prefix = Prefix::default();
        prefix.copy_from_slice(&hash.0[..8]);
        self.by_prefix.insert(prefix, self.items.len());
        self.by_hash.insert(hash, self.items.len());
        let mut hops = vec![NOWHERE; self.plan.nodes];
        hops[owner] = 0;
        let said_at = self.now;
        self.items.push(Item { said_at, hops });
        self.missing += self.plan.nodes - 1;
        self.kind(Some(said_at)).said += 1;
    }

    fn kind(&mut self, said_at: Option<u64>) -> &mut Kind {
        let all = self.plan.orders as u64 * GAP;
        match said_at.map(|at| at - FIRST_ORDER) {
            None => &mut self.tally.others,
            Some(at) if at < all / 4 => &mut self.tally.cold,
            Some(at) if at < all / 2 => &mut self.tally.between,
            Some(_) => &mut self.tally.warm,
        }
    }

    fn read(&self, packet: &Packet) -> Incoming {
        let incoming = packet.incoming.get_or_init(|| {
            let message = decode(&packet.bytes, Dialect::Secured).expect("what a node sends");
            verify_message(message, NodeId([0; 32]), &self.verifier)
        });
        incoming.clone()
    }

    fn arrival(&mut self, end: End, cargo: Cargo) {
        if !self.network.arrives(end, &cargo) {
            return;
        }
        let (party, conn) = (self.network.party(end), end.conn());
        let input = match cargo {
            Cargo::End => {
                self.network.shut(end);
                let reason = "closed_by_peer";
                Input::Disconnected { conn, reason }
            }
            Cargo::Message(packet) => {
                let message = self.read(&packet);
                let bytes = packet.bytes.len();
                let from = self.network.party(end.other());
                self.count(from, party, bytes, &message);
                Input::Received {
                    conn,
                    bytes,
                    message,
                }
            }
        };
        self.parties[party].inbox.push(input);
        self.poke(party, self.now);
    }

    fn count(&mut self, from: usize, to: usize, bytes: usize, message: &Incoming) {
        self.tally.messages += 1;
        let said_at = |it: &Self, item: Option<&usize>| item.map(|item| it.items[*item].said_at);
        match message {
            Incoming::Statements { valid, .. } => {
                for statement in valid {
                    let item = self.by_hash.get(&statement.hash()).copied();
                    let said_at = said_at(self, item.as_ref());
                    self.kind(said_at).whole.add(valid.len(), bytes);
                    if let Some(item) = item {
                        self.came(from, to, item);
                    }
                }
            }
            Incoming::Plain(Message::Have(prefixes)) => {
                for prefix in prefixes {
                    let said_at = said_at(self, self.by_prefix.get(prefix));
                    self.kind(said_at).announced.add(prefixes.len(), bytes);
                }
            }
            Incoming::Plain(Message::Want(prefixes)) => {
                for prefix in prefixes {
                    let said_at = said_at(self, self.by_prefix.get(prefix));
                    self.kind(said_at).wanted.add(prefixes.len(), bytes);
                }
            }
            message => {
                let kind = match message {
                    Incoming::Plain(message) => message.kind(),
                    _ => "other",
                };
                let sum = self.tally.background.entry(kind.to_owned()).or_default();
                sum.0 += 1;
                sum.1 += bytes as u64;
            }
        }
    }

    fn came(&mut self, from: usize, to: usize, item: usize) {
        let Item { said_at, hops } = &mut self.items[item];
        if hops[to] == NOWHERE {
            hops[to] = hops[from].saturating_add(1);
            let (hops, said_at) = (hops[to], *said_at);
            let latency = u32::try_from(self.now - said_at).unwrap_or(u32::MAX);
            self.missing -= 1;
            let kind = self.kind(Some(said_at));
            kind.hops.push(hops);
            kind.latencies.push(latency);
        }
    }

    fn close(&mut self, party: usize, conn: ConnId, error: Option<&Message>) {
        let end = End::of(conn);
        if let Some(error) = error {
            let it = &self.parties[party];
            let (from, wall) = (it.id.to_string(), it.clock.now(self.now).wall);
            if let Ok(bytes) = encode(error, Dialect::Secured, &from, wall) {
                let incoming = OnceCell::new();
                let packet = Rc::new(Packet { bytes, incoming });
                self.send(party, conn, Class::Control, &packet);
            }
        }
        let at = self.network.last_arrival(end, self.now);
        if self.network.shut(end) {
            let (end, cargo) = (end.other(), Cargo::End);
            self.queue.add(at, Happening::Arrival { end, cargo });
            let reason = "closed";
            let gone = Input::Disconnected { conn, reason };
            self.parties[party].inbox.push(gone);
            self.poke(party, self.now);
        }
    }

    fn dialed(&mut self, from: usize, address: PeerAddress) {
        let to = self.by_address.get(&address).copied();
        match to.filter(|to| *to != from && self.parties[*to].started) {
            Some(to) => {
                let quality = Quality {
                    latency: self.luck.between(5, 70),
                    jitter: 10,
                    rate: None,
                    hostile: 0,
                };
                let ready = [(); 2].map(|()| self.now + self.luck.between(1, quality.latency));
                let link = self.network.connect([from, to], quality, ready);
                for (side, at) in ready.into_iter().enumerate() {
                    self.queue.add(at, Happening::Ready(End { link, side }));
                }
            }
            None => {
                let failed = Input::DialFailed {
                    address,
                    reason: "dial_refused",
                    instead: None,
                };
                self.parties[from].inbox.push(failed);
                self.poke(from, self.now);
            }
        }
    }

    fn ready(&mut self, end: End) {
        if !self.network.open(end) {
            return;
        }
        let (party, other) = (self.network.party(end), self.network.party(end.other()));
        let (direction, remote) = match end.side {
            0 => (Direction::Outbound, address(other)),
            _ => (
                Direction::Inbound,
                address(other).at_port(55_555).expect("an address"),
            ),
        };
        let connected = Input::Connected {
            conn: end.conn(),
            info: PeerInfo {
                id: PeerId::Node(self.parties[other].id),
                dialect: Dialect::Secured,
                version: "1.0.0".to_owned(),
                port: PORT,
                capabilities: SessionConfig::default_capabilities(),
                clock_offset: None,
            },
            direction,
            remote,
        };
        self.parties[party].inbox.push(connected);
        self.poke(party, self.now);
    }
}

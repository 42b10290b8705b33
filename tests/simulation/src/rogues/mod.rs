//! Owners that break the rules. They hold a key, have sessions like everybody, and sign and send
//! what they like; what they can't do is sign for others.

mod answers;
mod keys;
mod noise;
mod relaying;
mod takes;
mod tricks;

use std::collections::VecDeque;
use std::sync::Arc;

use meshbook::ledger::{Identity, Payload, Place, PlaceTif, Statement};
use meshbook::node::{Class, ConnId, Incoming};
use meshbook::protocol::{Dialect, Message, encode};
use meshbook::types::{Millis, NodeId, OrderId, Price};

use crate::clock::truth;
use crate::network::{Cargo, End, Packet, Sent};
use crate::random::Random;
use crate::scenario::Fault;
use crate::world::{Happening, World, network_id};

/// What a rogue remembers of what it heard.
const HEARD: usize = 64;
/// How often a rogue does something (ms), about.
const EVERY: u64 = 2_000;
/// The most rogues in a run.
pub(crate) const MOST_ROGUES: usize = 6;
/// For how long rogues that go on act beside users after the last other fault (ms), at least.
pub(crate) const UNREST: u64 = 25_000;
/// Rogues' clocks are wrong by so much at most (ms).
const MOST_AHEAD: u64 = 600_000;

/// What a rogue does at its time.
#[derive(Debug)]
pub(crate) enum Move {
    /// It connects to a host, if it isn't.
    Dial { host: usize },
    /// It does something that its chance decides.
    Trick,
    /// It sends what it has held back.
    Late { conn: ConnId, message: Box<Message> },
    /// It leaves for good.
    Leave,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Rogue {
    pub(crate) id: NodeId,
    identity: Arc<Identity>,
    n: u64,
    /// Resting orders of others that it has heard of.
    heard: VecDeque<Statement>,
    /// Its own orders that it published.
    orders: Vec<Statement>,
    /// Keep-alives and trades of others that it has heard.
    old: VecDeque<Message>,
    /// What it does with all that it should relay, if it does not decide each time.
    relaying: Option<u64>,
    /// How far its clock is ahead (ms).
    ahead: i64,
    random: Random,
    stays: bool,
}

impl Rogue {
    fn new(seed: u64, index: usize) -> Self {
        let mut random = Random::stream(seed, &format!("rogue {index}"));
        let identity = Arc::new(Identity::from_seed(random.bytes()));
        Self {
            id: identity.node_id(),
            identity,
            n: 1,
            heard: VecDeque::new(),
            orders: Vec::new(),
            old: VecDeque::new(),
            relaying: random.percent(60).then_some(0),
            ahead: 0,
            stays: random.percent(50),
            random,
        }
    }

    /// The id of an order that was never there.
    fn no_order(&mut self) -> OrderId {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.random.next().to_be_bytes());
        OrderId(id)
    }

    /// What its clock shows.
    fn clock(&self, at: u64) -> Millis {
        Millis(truth(at).0.saturating_add_signed(self.ahead))
    }

    /// Keeps a message of others, to send it again.
    fn remember(&mut self, message: Message) {
        self.old.push_back(message);
        if self.old.len() > HEARD / 4 {
            self.old.pop_front();
        }
    }

    fn next(&mut self) -> u64 {
        self.n += 1;
        self.n
    }

    /// Signs what holds by itself; what does not, nobody would take.
    fn sign(&self, payload: Payload) -> Option<Statement> {
        self.identity.sign(&network_id(), payload).ok()
    }

    fn place(&mut self, n: u64, ts: Millis, rest: bool) -> Option<Statement> {
        let (side, px, amt) = crate::load::terms(&mut self.random);
        let lifetime = Millis::from_secs(self.random.between(10, 3_600));
        self.sign(Payload::Place(Place {
            n,
            ts,
            pair: "BTC/USD".parse().ok()?,
            side,
            px,
            amt,
            exp: ts + lifetime,
            tif: PlaceTif::Gtc,
            u: "mallory".parse().ok()?,
            rest,
            replaces: None,
        }))
    }
}

impl World {
    /// Decides how many rogues there are, and when they act.
    pub(crate) fn plan_rogues(&mut self) {
        if self.scenario.of_rogues().is_empty() {
            return;
        }
        let (seed, hosts) = (self.scenario.seed, self.hosts.len());
        let mut random = Random::stream(seed, "rogues");
        let count = match random.percent(60) {
            true => random.between(1, 2) as usize,
            false => random.between(3, MOST_ROGUES as u64) as usize,
        };
        let size = random.pick(&[11_000, 60_000, MOST_AHEAD]) as i64;
        let size = if random.percent(50) { size } else { -size };
        let lies = self.scenario.has(Fault::FalseClocks);
        for index in 0..count {
            let mut rogue = Rogue::new(seed, index);
            // Most agree on their lie.
            let agrees = rogue.random.percent(80);
            rogue.ahead = match (lies, agrees) {
                (false, _) => 0,
                (true, true) => size,
                (true, false) => -size,
            };
            let random = &mut rogue.random;
            for _ in 0..random.between(1, 4) {
                let host = random.index(hosts);
                let at = 600 + random.below(1_000);
                let what = Move::Dial { host };
                self.queue.add(at, Happening::Rogue { rogue: index, what });
            }
            let mut at = 1_000;
            while at < self.scenario.trouble_time {
                at += 1 + random.below(2 * EVERY);
                let what = Move::Trick;
                self.queue.add(at, Happening::Rogue { rogue: index, what });
            }
            self.rogues.push(rogue);
        }
    }

    pub(crate) fn rogue(&mut self, rogue: usize, what: Move) {
        match what {
            Move::Dial { host } => self.rogue_dials(rogue, host),
            Move::Trick => {
                self.trick(rogue);
                if self.healed_at.is_some() && self.scenario.never_rests() {
                    let at = self.now + 1 + self.rogues[rogue].random.below(4 * EVERY);
                    let what = Move::Trick;
                    self.queue.add(at, Happening::Rogue { rogue, what });
                }
            }
            Move::Late { conn, message } => self.rogue_says(rogue, conn, &message),
            Move::Leave => self.leave_all(self.hosts.len() + rogue, false),
        }
    }

    fn rogue_dials(&mut self, rogue: usize, host: usize) {
        let party = self.hosts.len() + rogue;
        let up = self.hosts[host].node.is_some();
        let acts = self.healed_at.is_none() || self.scenario.never_rests();
        if acts && up && self.network.reach(party, host) {
            self.connect(party, host);
        }
    }

    /// After the last fault a rogue is gone, or stays and says nothing more, or goes on.
    pub(crate) fn calm_rogues(&mut self) {
        for rogue in 0..self.rogues.len() {
            if self.scenario.never_rests() {
                let what = Move::Trick;
                self.queue.add(self.now, Happening::Rogue { rogue, what });
            } else if !self.rogues[rogue].stays {
                let what = Move::Leave;
                self.queue.add(self.now, Happening::Rogue { rogue, what });
            }
        }
    }

    /// A rogue lost a session; it comes back, as long as it is let.
    pub(crate) fn rogue_left(&mut self, rogue: usize, host: usize) {
        let at = self.now + self.rogues[rogue].random.between(500, 10_000);
        let what = Move::Dial { host };
        self.queue.add(at, Happening::Rogue { rogue, what });
    }

    /// A rogue hears a message.
    pub(crate) fn rogue_hears(&mut self, rogue: usize, conn: ConnId, message: Incoming) {
        match message {
            Incoming::Statements { valid, .. } => {
                let remembers = self.scenario.has(Fault::Replays);
                let it = &mut self.rogues[rogue];
                for statement in valid {
                    if remembers && statement.as_ka().is_some() {
                        it.remember(Message::Statements(vec![statement.raw()]));
                    }
                    let rests = statement.as_place().is_some_and(|place| place.rest);
                    if rests && statement.owner() != it.id {
                        it.heard.push_back(statement);
                    }
                }
                while it.heard.len() > HEARD {
                    it.heard.pop_front();
                }
            }
            Incoming::Trades { valid, .. } if self.scenario.has(Fault::Replays) => {
                let it = &mut self.rogues[rogue];
                for trade in valid {
                    it.remember(Message::Trades(vec![trade.raw()]));
                }
            }
            Incoming::Forward(forward) if self.scenario.has(Fault::Forwards) => {
                self.rogue_relays(rogue, conn, forward);
            }
            Incoming::Plain(Message::Heartbeat { timestamp }) => {
                let answer = Message::HeartbeatAck {
                    timestamp: self.rogues[rogue].clock(self.now),
                    echo: Some(timestamp),
                };
                self.rogue_says(rogue, conn, &answer);
            }
            Incoming::Take { req, place, .. } => self.rogue_is_asked(rogue, conn, &req, &place),
            Incoming::Plain(message) => self.rogue_is_synced(rogue, conn, &message),
            _ => {}
        }
    }

    /// A rogue sends one message.
    fn rogue_says(&mut self, rogue: usize, conn: ConnId, message: &Message) {
        let from = self.rogues[rogue].id.to_string();
        let wall = self.rogues[rogue].clock(self.now);
        let Ok(bytes) = encode(message, Dialect::Secured, &from, wall) else {
            return;
        };
        self.rogue_sends(conn, bytes);
    }

    fn rogue_sends(&mut self, conn: ConnId, bytes: bytes::Bytes) {
        let end = End::of(conn);
        let packet = std::rc::Rc::new(Packet {
            incoming: std::cell::OnceCell::new(),
            bytes,
        });
        if let Some(message) = self.read(&packet) {
            self.judge.said_by_rogue(&message);
        }
        let (class, size) = (Class::Control, packet.bytes.len() as u64);
        let sent = self
            .network
            .send(end, class, size, &mut self.luck, self.now);
        if let Sent::Arrives(times) = sent {
            for at in times {
                let cargo = Cargo::Message(std::rc::Rc::clone(&packet));
                let end = end.other();
                self.queue.add(at, Happening::Arrival { end, cargo });
            }
        }
    }

    /// A rogue says the same to all its peers.
    fn rogue_tells(&mut self, rogue: usize, message: &Message) {
        for conn in self.rogue_conns(rogue) {
            self.rogue_says(rogue, conn, message);
        }
    }

    fn rogue_conns(&self, rogue: usize) -> Vec<ConnId> {
        let ends = self.network.ends_of(self.hosts.len() + rogue);
        ends.into_iter().map(End::conn).collect()
    }

    /// The session with the owner of an order, or any.
    fn rogue_way_to(&self, rogue: usize, owner: NodeId) -> Option<ConnId> {
        let conns = self.rogue_conns(rogue);
        let is_owner = |conn: &&ConnId| {
            let party = self.network.party(End::of(**conn).other());
            self.hosts.get(party).is_some_and(|host| host.id == owner)
        };
        conns
            .iter()
            .find(is_owner)
            .or_else(|| conns.first())
            .copied()
    }
}

fn order_id(place: &Statement) -> OrderId {
    place.hash().into()
}

/// A price that takes whatever the other side has.
fn any_price(of: &Place) -> Price {
    match of.side {
        meshbook::types::Side::Buy => Price::from_units(1).unwrap_or(Price::MAX),
        meshbook::types::Side::Sell => Price::MAX,
    }
}

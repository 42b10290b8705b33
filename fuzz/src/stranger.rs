//! A small node with orders of its own and of others, and strangers who talk to it.

use std::sync::Arc;

use meshbook::ledger::{Payload, Place, PlaceTif, Statement, Verifier};
use meshbook::node::{
    ConnId, Direction, Incoming, Input, Limits, NewOrder, Node, NodeBounds, NodeConfig, OrderError,
    OrderKind, Output, PeerStatus, TimeInForce, Ways, verify_message,
};
use meshbook::orderbook::SelfTrade;
use meshbook::protocol::{DEFAULT_MESSAGE_LIMIT, Dialect, LegacyPolicy, Message, PeerInfo, decode};
use meshbook::types::{Millis, Now, PeerId, Side};

use crate::handshake::{NOW, identity, network};

/// A peer with a proved key that dialed the node, one that the node dialed, and one of each plain
/// dialect.
pub(crate) const PEERS: [(ConnId, Dialect, Direction); 4] = [
    (ConnId(1), Dialect::Secured, Direction::Inbound),
    (ConnId(2), Dialect::Secured, Direction::Outbound),
    (ConnId(3), Dialect::Seed, Direction::Inbound),
    (ConnId(4), Dialect::Original, Direction::Inbound),
];

/// The most that one message may make the node say at once. It has next to nothing to tell.
const MOST_SAID: usize = 256 * 1024;

/// Plain peers that are here or were told of, and the orders of each that are kept.
const MOST_UNSIGNED: usize = 3 * 200;

pub(crate) struct Strange {
    node: Node,
    verifier: Verifier,
    now: Now,
    legacy: LegacyPolicy,
    gone: Vec<ConnId>,
}

impl Strange {
    /// The node, and what it has said to those who are there now.
    pub(crate) fn new(legacy: LegacyPolicy) -> (Self, Vec<(ConnId, Message)>) {
        let mut node = Node::new(config(legacy), Arc::new(identity(1)), [1; 32], NOW);
        node.start(Vec::new(), None, NOW);
        let mut strange = Self {
            node,
            verifier: Verifier::new(network()),
            now: NOW,
            legacy,
            gone: Vec::new(),
        };
        for order in [order(Side::Sell, "101"), order(Side::Buy, "99")] {
            strange.node.submit(order, NOW).expect("an own order");
        }
        for (conn, dialect, direction) in PEERS {
            strange.connect(conn, dialect, direction);
        }
        let valid = vec![
            place(60, 1, Side::Sell, "102"),
            place(61, 1, Side::Buy, "98"),
        ];
        let refused = Vec::new();
        strange.receive(ConnId(1), 500, Incoming::Statements { valid, refused });
        let heard = strange.carry_out();
        (strange, heard)
    }

    fn connect(&mut self, conn: ConnId, dialect: Dialect, direction: Direction) {
        let seed = 50 + u8::try_from(conn.0).unwrap_or_default();
        let id = match dialect.is_secured() {
            true => PeerId::Node(identity(seed).node_id()),
            false => PeerId::Legacy(format!("plain-{seed}").into()),
        };
        let names = ["order", "trade", "peerexchange", "x1"];
        let info = PeerInfo {
            id,
            dialect,
            version: "1.0.0".to_owned(),
            port: 3000,
            capabilities: names.map(str::to_owned).to_vec(),
            clock_offset: None,
        };
        let remote = format!("10.0.{seed}.1:3000").parse().expect("an address");
        self.handle(Input::Connected {
            conn,
            info,
            direction,
            remote,
        });
    }

    /// A peer says something; what the node says to all because of it. Nothing but what somebody
    /// signed changes the node's ledger.
    pub(crate) fn says(&mut self, conn: ConnId, message: Message, bytes: usize) -> Heard {
        if self.gone.contains(&conn) {
            return Vec::new();
        }
        let before = self.node.ledger().digest();
        let unsigned = matches!(
            message,
            Message::Order(_) | Message::Trade(_) | Message::OrderbookSyncResponse(_)
        );
        let incoming = verify_message(message, self.node.node_id(), &self.verifier);
        let may_change = match &incoming {
            Incoming::Statements { valid, .. } => !valid.is_empty(),
            Incoming::Trades { valid, .. } => !valid.is_empty(),
            Incoming::Proofs { valid, .. } => !valid.is_empty(),
            // The last is a list that its owner signed for.
            Incoming::Take { .. }
            | Incoming::Answer { .. }
            | Incoming::Plain(Message::State(_)) => true,
            Incoming::Plain(_) => unsigned && self.legacy == LegacyPolicy::Match,
            Incoming::Forward(_) | Incoming::Invalid { .. } => false,
        };
        self.receive(conn, bytes, incoming);
        let heard = self.carry_out();
        if !may_change {
            assert_eq!(self.node.ledger().digest(), before, "nobody signed that");
        }
        heard
    }

    /// Somebody without a session tells something by Grenache's RPC.
    pub(crate) fn told(&mut self, from: PeerId, message: Message) {
        self.handle(Input::Told { from, message });
        self.carry_out();
    }

    /// Time passes, and the node does what is due.
    pub(crate) fn pass(&mut self, millis: u64) {
        self.now.mono = self.now.mono + Millis(millis);
        self.now.wall = self.now.wall + Millis(millis);
        self.node.tick(self.now);
        self.carry_out();
    }

    /// Whatever was said, the node goes on for its user.
    pub(crate) fn goes_on(mut self) {
        self.pass(300);
        let before = self.node.user_orders().len();
        match self.node.submit(order(Side::Sell, "150"), self.now) {
            Ok(id) => assert!(self.node.order(&id).is_some()),
            // Its peers may lie about the time, all of them.
            Err(OrderError::ClockOff { .. }) => assert_eq!(self.node.user_orders().len(), before),
            Err(error) => panic!("{error}"),
        }
        self.carry_out();
        let unsigned = self.node.unsigned();
        assert!(unsigned.orders.len() <= MOST_UNSIGNED);
        let mut peers = self.node.peers(self.now);
        peers.retain(|peer| peer.status == PeerStatus::Connected);
        assert_eq!(peers.len(), PEERS.len() - self.gone.len());
    }

    fn receive(&mut self, conn: ConnId, bytes: usize, message: Incoming) {
        self.handle(Input::Received {
            conn,
            bytes,
            message,
        });
    }

    fn handle(&mut self, input: Input) {
        self.node.handle(input, self.now);
    }

    /// Does what the node wants done, and gives what it says, all of which can be read.
    fn carry_out(&mut self) -> Heard {
        let (mut heard, mut said) = (Vec::new(), 0);
        loop {
            let mut outputs = Vec::new();
            self.node.take_outputs(self.now, &mut outputs);
            if outputs.is_empty() {
                assert!(said <= MOST_SAID, "it says {said} bytes at once");
                return heard;
            }
            for output in outputs {
                match output {
                    Output::Send { conn, message, .. } => {
                        assert!(!self.gone.contains(&conn), "said to nobody");
                        assert!(message.len() <= DEFAULT_MESSAGE_LIMIT);
                        said += message.len();
                        let dialect = dialect_of(conn);
                        let message = decode(&message, dialect).expect("what a node says");
                        heard.push((conn, message));
                    }
                    Output::Dial { address, .. } => {
                        let (reason, instead) = ("refused", None);
                        self.handle(Input::DialFailed {
                            address,
                            reason,
                            instead,
                        });
                    }
                    Output::Close { conn, reason, .. } => {
                        self.gone.push(conn);
                        self.handle(Input::Disconnected { conn, reason });
                    }
                    Output::Compute(computation) => {
                        self.handle(Input::Computed(computation.run()));
                    }
                    Output::Pause { until, .. } => {
                        assert!(until <= self.now.mono + Millis::from_secs(60));
                    }
                    Output::Persist(_)
                    | Output::SavePeers
                    | Output::SaveBans
                    | Output::Event(_)
                    | Output::Settled { .. } => {}
                }
            }
        }
    }
}

/// Messages, and to whom.
pub(crate) type Heard = Vec<(ConnId, Message)>;

pub(crate) fn dialect_of(conn: ConnId) -> Dialect {
    let peer = PEERS.iter().find(|(id, ..)| *id == conn);
    peer.map_or(Dialect::Secured, |(_, dialect, _)| *dialect)
}

fn config(legacy: LegacyPolicy) -> NodeConfig {
    NodeConfig {
        network: network(),
        pair: "BTC/USD".parse().expect("a pair"),
        user_id: "alice".parse().expect("a user"),
        max_peers: 50,
        reconnect_interval: Millis::from_secs(30),
        bootstrap_peers: Vec::new(),
        ways: Ways::DIRECT,
        peer_exchange: true,
        legacy,
        self_trade: SelfTrade::Allow,
        max_order_amount: "1000000".parse().expect("an amount"),
        max_order_price: "1000000".parse().expect("a price"),
        order_rate: None,
        limits: Limits::DEFAULT,
        bounds: NodeBounds::DEFAULT,
    }
}

fn order(side: Side, price: &str) -> NewOrder {
    NewOrder {
        side,
        amount: "1".parse().expect("an amount"),
        kind: OrderKind::Limit(price.parse().expect("a price")),
        time_in_force: TimeInForce::Gtc,
        user: None,
        lifetime: None,
    }
}

/// An order that the key of this seed signs now, good for an hour.
pub(crate) fn place(seed: u8, n: u64, side: Side, price: &str) -> Statement {
    let place = Place {
        n,
        ts: NOW.wall,
        pair: "BTC/USD".parse().expect("a pair"),
        side,
        px: price.parse().expect("a price"),
        amt: "1".parse().expect("an amount"),
        exp: NOW.wall + Millis::from_secs(3_600),
        tif: PlaceTif::Gtc,
        u: "bob".parse().expect("a user"),
        rest: true,
        replaces: None,
    };
    signed(seed, Payload::Place(place))
}

/// What the key of this seed signs.
pub(crate) fn signed(seed: u8, payload: Payload) -> Statement {
    let signed = identity(seed).sign(&network(), payload);
    signed.expect("a payload that may be signed")
}

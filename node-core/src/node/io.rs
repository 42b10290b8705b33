//! What goes into the node and what comes out of it: the whole border between the core, which
//! decides, and its driver, which moves bytes and time.

use bytes::Bytes;
use serde::Serialize;
use thiserror::Error;

use super::durable::Write;
use super::relay::Relayed;
use super::sync::{Computation, Computed};
use super::view::{Direction, Order, OrderResult, PeerSource, Trade};
use crate::ledger::{Proof, ProofKind, Statement, TradeRecord};
use crate::protocol::{ErrorCode, Message, PeerInfo};
use crate::types::{
    Amount, InvalidValue, Millis, NodeId, OrderId, PeerAddress, PeerId, Price, Side, UserId,
};

/// A connection, numbered by the driver; never used twice in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// How an address is dialed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// Directly, for a secured session.
    Secured,
    /// Directly and plainly: a legacy peer is there.
    Plain,
    /// By Grenache's RPC, which is all that is there. A node of ours has a secured session in it
    /// all the same.
    Rpc,
}

/// What happened outside.
#[derive(Debug)]
pub enum Input {
    /// A session is ready for messages.
    Connected {
        /// Its number from now on.
        conn: ConnId,
        /// Who is there.
        info: PeerInfo,
        /// Who opened it.
        direction: Direction,
        /// What was dialed; for an inbound connection the address that it came from.
        remote: PeerAddress,
    },
    /// A dial that [`Output::Dial`] asked for came to nothing.
    DialFailed {
        /// What was dialed.
        address: PeerAddress,
        /// Why, as the stable label that is counted.
        reason: &'static str,
        /// The peer is there, and is reached in this way: dial it so.
        instead: Option<Way>,
    },
    /// A source of addresses names one where a peer may be. It may be named again at any time.
    Found {
        /// Where.
        address: PeerAddress,
        /// Who is said to be there. Nothing proves it before a session does.
        id: Option<NodeId>,
        /// Who named it.
        source: PeerSource,
    },
    /// Somebody connected and was refused before a session was ready.
    Refused {
        /// Why, as the stable label that is counted.
        reason: &'static str,
    },
    /// An order or a trade that somebody without a session told by Grenache's RPC. Nobody signed
    /// it.
    Told {
        /// Who, by its own word.
        from: PeerId,
        /// What it says.
        message: Message,
    },
    /// A message of a ready session, its signatures checked.
    Received {
        /// Where it came from.
        conn: ConnId,
        /// The size of its payload.
        bytes: usize,
        /// What it says.
        message: Incoming,
    },
    /// The connection's outgoing queue was full, and so many bulk messages were dropped.
    Dropped {
        /// Whose queue.
        conn: ConnId,
        /// How many messages.
        messages: u64,
    },
    /// The connection is gone. Nothing more comes from it or goes to it.
    Disconnected {
        /// Which one.
        conn: ConnId,
        /// Why, as the stable label that is counted.
        reason: &'static str,
    },
    /// What [`Output::Compute`] asked for is worked out.
    Computed(Computed),
    /// Everything is written that the last batch of outputs had to persist. To be handed in after
    /// each batch with such outputs, before the next is taken.
    Committed,
    /// What was to be persisted could not be written. Until [`Self::StoreWorks`] the node takes
    /// no orders and answers no requests, and asks for nothing to be persisted.
    StoreFailed {
        /// Why, for people.
        reason: String,
    },
    /// The store works again, and everything that was to be persisted is written; stands for
    /// [`Self::Committed`] as well.
    StoreWorks,
}

/// A message whose statements were verified outside the state machine, on the connection's task.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "a message is moved a few times at most, and a box for each would cost more"
)]
pub enum Incoming {
    /// Carries nothing signed.
    Plain(Message),
    /// Statements that hold, and how many did not, by reason.
    Statements {
        /// In the order of the message.
        valid: Vec<Statement>,
        /// Labels of those that did not hold.
        refused: Vec<&'static str>,
    },
    /// Trade records that hold, and how many did not, by reason.
    Trades {
        /// In the order of the message.
        valid: Vec<TradeRecord>,
        /// Labels of those that did not hold.
        refused: Vec<&'static str>,
    },
    /// Proofs that hold, and how many did not, by reason.
    Proofs {
        /// In the order of the message.
        valid: Vec<Proof>,
        /// Labels of those that did not hold.
        refused: Vec<&'static str>,
    },
    /// A `req` with its taker's `place`.
    Take {
        /// How it came, if not from its sender's own connection.
        route: Option<Route>,
        /// The `req`.
        req: Statement,
        /// The taker's order.
        place: Statement,
    },
    /// A `fill` or a `rej`.
    Answer {
        /// How it came, if not from its sender's own connection.
        route: Option<Route>,
        /// The statement.
        answer: Statement,
    },
    /// A forwarded message for another node, to be passed on.
    Forward(Relayed),
    /// The whole message did not hold. Relays verify what they pass on, so whoever sent it is to
    /// blame, whether it comes from there or only through there.
    Invalid {
        /// The label that is counted.
        reason: &'static str,
    },
}

/// One sending of a forwarded message that is for this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The number that its sender drew.
    pub id: u128,
    /// The beginning of the hash of what is signed; together they are taken once.
    pub mark: [u8; 16],
    /// How many more nodes could have passed it on.
    pub hops: u8,
}

/// What the driver must do, in this order.
#[derive(Debug)]
pub enum Output {
    /// Connect to this address; answered by `Connected` or `DialFailed`.
    Dial {
        /// Where.
        address: PeerAddress,
        /// Who must be there, if known.
        expect: Option<NodeId>,
        /// How.
        way: Way,
    },
    /// Queue one message. Never waits.
    Send {
        /// On which connection.
        conn: ConnId,
        /// How much it matters.
        class: Class,
        /// The encoded message.
        message: Bytes,
    },
    /// Read nothing more of this connection before then: its peer has used more than its share. What
    /// it sends meanwhile stays with it.
    Pause {
        /// Which connection.
        conn: ConnId,
        /// On the monotonic clock; never more than some seconds ahead.
        until: Millis,
    },
    /// Send what is queued, then the error if there is one, and close. `Disconnected` follows.
    Close {
        /// Which connection.
        conn: ConnId,
        /// What to tell the peer.
        error: Option<(ErrorCode, String)>,
        /// The label that is counted, and comes back in `Disconnected`.
        reason: &'static str,
    },
    /// Write this down. All writes of one batch of outputs are committed together, and before
    /// any other output of the batch is carried out, wherever in the batch they are.
    Persist(Write),
    /// Work this out with [`Computation::run`], beside the node or at once, and hand the result in as
    /// [`Input::Computed`]. For each connection there are two at a time at most.
    Compute(Computation),
    /// The known peers changed: write them down when convenient.
    SavePeers,
    /// The bans changed: write them down.
    SaveBans,
    /// Tell whoever listens.
    Event(Event),
    /// The order that `submit` started is filled, closed or published: answer its submitter.
    Settled {
        /// Which order.
        order: OrderId,
        /// What became of it.
        result: OrderResult,
    },
}

/// How much a message matters when a peer doesn't drain its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Handshakes, heartbeats, takes and answers: served first, never dropped silently.
    Control,
    /// Statements and trades: dropped and counted when the queue is full; healed later.
    Bulk,
}

/// What users can follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
#[non_exhaustive]
pub enum Event {
    /// A trade is confirmed, anybody's.
    #[serde(rename = "trade")]
    Trade {
        /// The trade.
        trade: Trade,
        /// Whether an order of this node is a side of it.
        own: bool,
    },
    /// An own order changed.
    #[serde(rename = "order")]
    Order {
        /// As it is now.
        order: Order,
    },
    /// The book changed; sent at most once for each batch of changes.
    #[serde(rename = "book")]
    Book {
        /// The best bid.
        bid: Option<Price>,
        /// The best ask.
        ask: Option<Price>,
    },
    /// A session with a peer is up.
    #[serde(rename = "peer:connected")]
    PeerConnected {
        /// Who.
        peer: PeerId,
        /// Where.
        address: PeerAddress,
    },
    /// A session with a peer ended.
    #[serde(rename = "peer:disconnected")]
    PeerDisconnected {
        /// Who.
        peer: PeerId,
        /// Why.
        reason: String,
    },
    /// The listener fell behind, and so many events are lost to it.
    #[serde(rename = "lagged")]
    Lagged {
        /// How many.
        missed: u64,
    },
    /// Something went wrong that a user should know.
    #[serde(rename = "error")]
    Error {
        /// A stable label.
        code: String,
        /// For people.
        message: String,
    },
}

/// What kind of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderKind {
    /// At this price or better.
    Limit(Price),
    /// At any price that the node's limits allow; never rests.
    Market,
}

/// How long an order stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeInForce {
    /// Until it is filled, cancelled or expired.
    #[default]
    Gtc,
    /// What can't be filled at once is cancelled.
    Ioc,
    /// Filled completely at once, or not at all. Over several makers this is a best effort:
    /// nothing is asked for unless the book shows enough, but a maker may refuse its part.
    Fok,
    /// Refused if it would take: it only makes.
    Post,
}

/// An order as its user gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// Bid or ask.
    pub side: Side,
    /// More than zero and at most the node's largest.
    pub amount: Amount,
    /// Limit or market.
    pub kind: OrderKind,
    /// How long it stands.
    pub time_in_force: TimeInForce,
    /// The user; the node's own where absent.
    pub user: Option<UserId>,
    /// How long it lives at most; 30 days where absent, and never more.
    pub lifetime: Option<Millis>,
}

/// Why an order was not taken. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OrderError {
    /// A field is not allowed.
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
    /// The node is not running.
    #[error("Exchange client not initialized")]
    NotInitialized,
    /// The node is on its way down.
    #[error("the node is shutting down")]
    ShuttingDown,
    /// A post-only order that would take.
    #[error("a post-only order at {price} would take: the best opposite price is {best}")]
    WouldTake {
        /// The order's limit.
        price: Price,
        /// What stands against it.
        best: Price,
    },
    /// A fill-or-kill order that the book can't fill.
    #[error("fill-or-kill for {amount}: the book has {available} at this limit or better")]
    NotEnough {
        /// What was asked.
        amount: Amount,
        /// What there is, in whole units of the amount.
        available: Amount,
    },
    /// Every node keeps at most so many open orders of one owner, so more would vanish there.
    #[error("{open} orders are open, and other nodes keep at most {limit} of one node")]
    TooManyOrders {
        /// Now open.
        open: usize,
        /// The bound.
        limit: usize,
    },
    /// The configured rate is exceeded.
    #[error("more than {limit} orders in {window}")]
    RateLimited {
        /// How many are allowed.
        limit: u32,
        /// In which time.
        window: Millis,
    },
    /// The node's store can't be written, so nothing that must survive can be promised.
    #[error("the node's store can't be written: {reason}")]
    Storage {
        /// What the store says.
        reason: String,
    },
    /// It is proven that this node's key signed what contradicts itself: nobody trades with it.
    #[error(
        "this node's key is revoked: it signed what contradicts itself ({kind}); move the data \
         directory away to start as a new node"
    )]
    KeyRevoked {
        /// What it did.
        kind: ProofKind,
    },
    /// This node's clock differs from its peers' by more than the protocol allows.
    #[error(
        "this node's clock is {offset} ms off its peers' clocks; at most {limit} ms are allowed"
    )]
    ClockOff {
        /// The median of the peers' clocks minus this clock, in milliseconds.
        offset: i64,
        /// The most that is allowed.
        limit: u64,
    },
}

impl OrderError {
    /// A stable code for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INVALID_ORDER",
            Self::NotInitialized => "NOT_INITIALIZED",
            Self::ShuttingDown => "SHUTTING_DOWN",
            Self::WouldTake { .. } => "POST_ONLY_WOULD_TAKE",
            Self::NotEnough { .. } => "FILL_OR_KILL_NOT_ENOUGH",
            Self::TooManyOrders { .. } => "TOO_MANY_ORDERS",
            Self::RateLimited { .. } => "RATE_LIMITED",
            Self::Storage { .. } => "STORAGE_FAILED",
            Self::KeyRevoked { .. } => "KEY_REVOKED",
            Self::ClockOff { .. } => "CLOCK_OFF",
        }
    }
}

/// Why an order was not cancelled. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CancelError {
    /// No order of this node has the id.
    #[error("orderId {0} is not allowed: no order of this node has this id")]
    Unknown(OrderId),
    /// The order is filled or cancelled already.
    #[error("order {0} is closed already")]
    Closed(OrderId),
    /// The node is not running.
    #[error("Exchange client not initialized")]
    NotInitialized,
    /// The node's store can't be written, so a cancellation might not survive.
    #[error("the node's store can't be written: {reason}")]
    Storage {
        /// What the store says.
        reason: String,
    },
}

impl CancelError {
    /// A stable code for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "UNKNOWN_ORDER",
            Self::Closed(_) => "ORDER_CLOSED",
            Self::NotInitialized => "NOT_INITIALIZED",
            Self::Storage { .. } => "STORAGE_FAILED",
        }
    }
}

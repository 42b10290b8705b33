//! The messages that nodes exchange, as typed values.

use serde::{Deserialize, Serialize};

use super::ErrorCode;
use super::legacy_order::{LegacyOrder, LegacyTrade};
use super::sync::{BookPage, BookRequest, GetOwner, OwnerState, Prefix, Recon};
use crate::ledger::{RawProof, RawStatement, RawTrade};
use crate::types::{Millis, NodeId};

/// The protocol version that a handshake names. Peers with another major version are refused;
/// the original node insists on exactly this text.
pub const PROTOCOL_VERSION: &str = "1.0.0";

/// The capability of nodes that speak the signed, single-writer protocol; only ever named
/// inside a secured session.
pub const CAPABILITY_X1: &str = "x1";

/// The capability of nodes that trade with plain peers (`P2P_LEGACY=match`): they announce their orders
/// to each other as they do to plain peers. Only ever named inside a secured session.
pub const CAPABILITY_PLAIN: &str = "plain";

/// Peers read from one `peerexchange`; what comes after them is ignored.
pub const MAX_PEERS: usize = 100;

/// Statements in one `x_stmts`; more of them make the message invalid.
pub const MAX_STATEMENTS: usize = 4096;

/// Trades in one `x_trades`; more of them make the message invalid.
pub const MAX_TRADES: usize = 1024;

/// Proofs in one `x_proofs`, each of up to 35 KB; more of them make the message invalid.
pub const MAX_PROOFS: usize = 24;

/// Orders read from one `orderbook_sync_response`; what comes after them is ignored.
pub const MAX_SYNC_ORDERS: usize = 1000;

/// Capabilities read from one handshake; what comes after them is ignored.
pub const MAX_CAPABILITIES: usize = 32;

/// The longest name, in characters: a plain peer's `nodeId`, a host, a capability.
pub const MAX_NAME: usize = 128;

/// The longest text for people, in characters: the message of an `error`, the reason of a
/// `disconnect`. What is longer is cut when it is read.
pub const MAX_TEXT: usize = 512;

/// How a peer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// The seed's dialect and the `x_*` messages, inside a Noise session.
    Secured,
    /// The seed's dialect in plain: capabilities are an array.
    Seed,
    /// The original node's dialect in plain: capabilities are an object.
    Original,
    /// What an original node is told by Grenache's RPC, one request a message: orders and trades,
    /// and nothing else.
    Grenache,
}

impl Dialect {
    /// Whether the session is encrypted and the peer's key proved.
    #[must_use]
    pub const fn is_secured(self) -> bool {
        matches!(self, Self::Secured)
    }

    /// Whether the peer says more than that it got something: heartbeats, say, and lists of peers.
    #[must_use]
    pub const fn talks_back(self) -> bool {
        !matches!(self, Self::Grenache)
    }
}

/// One message, of any dialect. What it means for a book or a ledger is not checked here.
#[derive(Clone, Debug)]
pub enum Message {
    /// The first message of either side.
    Handshake(Handshake),
    /// The answer to a handshake: sent, and never waited for.
    HandshakeAck {
        /// The sender's wall clock.
        timestamp: Millis,
    },
    /// "I am alive."
    Heartbeat {
        /// The sender's wall clock.
        timestamp: Millis,
    },
    /// The answer to a heartbeat.
    HeartbeatAck {
        /// The sender's wall clock.
        timestamp: Millis,
        /// The heartbeat's own timestamp, sent back by nodes of ours: with both, a node
        /// measures the round trip and the difference of the clocks.
        echo: Option<Millis>,
    },
    /// Peers that the sender knows; at most [`MAX_PEERS`].
    PeerExchange(Vec<PeerEntry>),
    /// A wish for a [`Self::PeerExchange`].
    PeerExchangeRequest,
    /// The sender is about to close the connection.
    Disconnect {
        /// Why, in words; at most [`MAX_TEXT`] characters.
        reason: String,
    },
    /// The sender refuses something, and usually closes the connection after it.
    Error {
        /// What kind of refusal.
        code: ErrorCode,
        /// Why, in words; at most [`MAX_TEXT`] characters.
        message: String,
    },
    /// An unsigned order.
    Order(LegacyOrder),
    /// An unsigned trade.
    Trade(LegacyTrade),
    /// An unsigned order is cancelled.
    CancelOrder {
        /// The order's id, as its node gave it.
        order_id: String,
    },
    /// A wish for an [`Self::OrderbookSyncResponse`].
    OrderbookSyncRequest,
    /// Unsigned open orders; at most [`MAX_SYNC_ORDERS`].
    OrderbookSyncResponse(Vec<LegacyOrder>),
    /// `x_stmts`: signed statements; at most [`MAX_STATEMENTS`].
    Statements(Vec<RawStatement>),
    /// `x_trades`: trade records; at most [`MAX_TRADES`].
    Trades(Vec<RawTrade>),
    /// `x_take`: a taker asks the receiver, who owns the maker's order, for a piece of it.
    Take(TakeRequest),
    /// `x_answer`: the maker's answer to a take.
    Answer(TakeAnswer),
    /// `x_fwd`: a take or an answer on its way through nodes between the two owners.
    Forward(Forward),
    /// `x_proofs`: proofs that owners misbehaved; at most [`MAX_PROOFS`].
    Proofs(Vec<RawProof>),
    /// `x_have`: the sender has these statements and trades, by the first bytes of their hashes;
    /// at most [`MAX_PREFIXES`](super::MAX_PREFIXES).
    Have(Vec<Prefix>),
    /// `x_want`: a wish for these statements and trades; at most
    /// [`MAX_PREFIXES`](super::MAX_PREFIXES).
    Want(Vec<Prefix>),
    /// `x_lazy`: what the receiver passes on came another way before; it may announce it from now
    /// on, until it is asked for something.
    Lazy,
    /// `x_recon`: the next message of the node that started a reconciliation.
    Recon(Recon),
    /// `x_recon_answer`: the other node's answer to it.
    ReconAnswer(Recon),
    /// `x_book`: a wish for a page of the book.
    Book(BookRequest),
    /// `x_page`: the end of a page of the book.
    Page(BookPage),
    /// `x_get`: a wish for what is known of one owner's orders.
    Get(GetOwner),
    /// `x_state`: the end of the answer to it.
    State(OwnerState),
    /// A message of a type that this dialect doesn't have: to be counted, and nothing else.
    Ignored {
        /// The type that it named, cut to [`MAX_NAME`] characters.
        kind: String,
    },
}

impl Message {
    /// The message's `type` in the secured dialect; of an ignored message the type it named.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Handshake(_) => "handshake",
            Self::HandshakeAck { .. } => "handshake_ack",
            Self::Heartbeat { .. } => "heartbeat",
            Self::HeartbeatAck { .. } => "heartbeat_ack",
            Self::PeerExchange(_) => "peerexchange",
            Self::PeerExchangeRequest => "peer_exchange_request",
            Self::Disconnect { .. } => "disconnect",
            Self::Error { .. } => "error",
            Self::Order(_) => "order",
            Self::Trade(_) => "trade",
            Self::CancelOrder { .. } => "cancel_order",
            Self::OrderbookSyncRequest => "orderbook_sync_request",
            Self::OrderbookSyncResponse(_) => "orderbook_sync_response",
            Self::Statements(_) => "x_stmts",
            Self::Trades(_) => "x_trades",
            Self::Take(_) => "x_take",
            Self::Answer(_) => "x_answer",
            Self::Forward(_) => "x_fwd",
            Self::Proofs(_) => "x_proofs",
            Self::Have(_) => "x_have",
            Self::Want(_) => "x_want",
            Self::Lazy => "x_lazy",
            Self::Recon(_) => "x_recon",
            Self::ReconAnswer(_) => "x_recon_answer",
            Self::Book(_) => "x_book",
            Self::Page(_) => "x_page",
            Self::Get(_) => "x_get",
            Self::State(_) => "x_state",
            Self::Ignored { kind } => kind,
        }
    }
}

/// A peer as peer exchange names it. Nothing in it is checked but its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerEntry {
    /// Who is said to be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_id: Option<String>,
    /// The host: a name, or an IP address without brackets.
    pub address: String,
    /// The port, never 0.
    pub port: u16,
}

/// The first message of either side. What it claims is not checked here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// Who the sender says it is; 1 to [`MAX_NAME`] characters.
    pub node_id: String,
    /// The protocol version that it speaks.
    pub version: String,
    /// The port on which it listens, 0 if on none.
    pub port: u16,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Its network, if it names one.
    pub network: Option<String>,
    /// The sender's wall clock.
    pub timestamp: Millis,
}

/// What a peer can do, in the shape in which it said so; the shape tells the dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Capabilities {
    /// The seed's shape: names.
    List(Vec<String>),
    /// The original's shape: `supports...` names, each true or false.
    Flags(Vec<(String, bool)>),
}

impl Capabilities {
    /// The shape of the original node, with what all versions of it say.
    #[must_use]
    pub fn original() -> Self {
        let names = [
            "supportsOrderMatching",
            "supportsOrderbookSync",
            "supportsPeerExchange",
        ];
        Self::Flags(names.map(|name| (name.to_owned(), true)).into())
    }

    /// Whether `name` is among them: listed, or a flag that is true.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::List(names) => names.iter().any(|n| n == name),
            Self::Flags(flags) => flags.iter().any(|(n, on)| *on && n == name),
        }
    }

    /// The names that are listed, or whose flags are true.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::List(names) => names.clone(),
            Self::Flags(flags) => {
                let on = flags.iter().filter(|(_, on)| *on);
                on.map(|(name, _)| name.clone()).collect()
            }
        }
    }
}

/// A taker's request with the order that it takes for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TakeRequest {
    /// The taker's `req`.
    pub req: RawStatement,
    /// The taker's `place`.
    pub place: RawStatement,
}

/// The maker's answer to a take.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TakeAnswer {
    /// A `fill` or a `rej`.
    pub answer: RawStatement,
}

/// A take or an answer on its way through nodes between the two owners. Relays verify it before
/// they pass it on; they can drop it, and can't alter what it carries.
#[derive(Clone, Debug)]
pub struct Forward {
    /// Who it is for.
    pub to: NodeId,
    /// The number of this sending: 16 to 32 lower-case hex digits. With what is carried, a relay
    /// knows it again by that.
    pub id: String,
    /// How many more nodes may pass it on.
    pub hops: u8,
    /// What it carries.
    pub body: ForwardBody,
}

/// What a [`Forward`] carries.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForwardBody {
    /// A take on its way to the maker.
    Take(TakeRequest),
    /// The answer on its way back.
    Answer(TakeAnswer),
}

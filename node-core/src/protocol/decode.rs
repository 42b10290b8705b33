//! From the JSON that the wire carries to typed messages.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use super::ErrorCode;
use super::legacy::PLAIN_PEERS;
use super::legacy_order::{LegacyOrder, LegacyTrade};
use super::lenient::{self, List, Name, SomeOf};
use super::message::{
    Capabilities, Dialect, Forward, ForwardBody, Handshake, MAX_CAPABILITIES, MAX_NAME, MAX_PEERS,
    MAX_PROOFS, MAX_STATEMENTS, MAX_SYNC_ORDERS, MAX_TEXT, MAX_TRADES, Message, PeerEntry,
    TakeAnswer, TakeRequest,
};
use super::sync::{AnswerBody, BookBody, GetBody, IdsBody, PageBody, QueryBody, StateBody};
use crate::ledger::limits::MAX_REQ_PAYLOAD;
use crate::ledger::{RawEvidence, RawProof, RawStatement, RawTrade};
use crate::types::{Millis, NodeId};

/// The deepest nesting of arrays and objects that is read.
pub const MAX_DEPTH: usize = 32;

/// Why bytes are not a message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Arrays and objects nested deeper than [`MAX_DEPTH`].
    #[error("the JSON is nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// Not UTF-8, not JSON, or a field of a wrong type.
    #[error("the message can't be read: {0}")]
    Malformed(String),
    /// A field that the message can't be without.
    #[error("a {kind} message without {field}")]
    Missing {
        /// The message's type.
        kind: &'static str,
        /// The field.
        field: &'static str,
    },
}

impl From<serde_json::Error> for DecodeError {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(lenient::cut(&error.to_string(), MAX_TEXT).to_owned())
    }
}

/// The message that `bytes` hold, one JSON object.
///
/// Two shapes are read alike: fields beside `type`, and the envelope
/// `{type, from, to, timestamp, payload}`. Unknown fields are skipped; an unknown type gives
/// [`Message::Ignored`], and so does an `x_*` type in a plain dialect. The memory that this
/// takes is a small multiple of the length of `bytes`.
///
/// # Errors
/// Whatever else `bytes` are.
pub fn decode(bytes: &[u8], dialect: Dialect) -> Result<Message, DecodeError> {
    if too_deep(bytes) {
        return Err(DecodeError::TooDeep);
    }
    let text = std::str::from_utf8(bytes).map_err(|e| DecodeError::Malformed(e.to_string()))?;
    if dialect.is_secured() {
        // The bulk of all bytes: read in one pass where the type comes first, as nodes write it.
        match leading_kind(text) {
            Some("x_stmts") => return statements(text),
            Some("x_trades") => return trades(text),
            Some("x_have") => {
                // An envelope, or what is wrong, takes the long way.
                if let Ok(body) = serde_json::from_str::<IdsBody>(text) {
                    return Ok(Message::Have(body.ids.0));
                }
            }
            _ => {}
        }
    }
    let head: Head<'_> = serde_json::from_str(text)?;
    let Some(kind) = &head.kind else {
        return Err(DecodeError::Malformed("no type".to_owned()));
    };
    let message = Incoming { text, head: &head };
    match kind.as_ref() {
        "handshake" => message.handshake(),
        "handshake_ack" => Ok(Message::HandshakeAck {
            timestamp: message.timestamp()?,
        }),
        "heartbeat" => Ok(Message::Heartbeat {
            timestamp: message.timestamp()?,
        }),
        "heartbeat_ack" => Ok(Message::HeartbeatAck {
            timestamp: message.timestamp()?,
            echo: message.body::<Times>()?.echo,
        }),
        "peerexchange" | "peer_exchange" => message.peer_exchange(),
        "peer_exchange_request" => Ok(Message::PeerExchangeRequest),
        "disconnect" => Ok(Message::Disconnect {
            reason: message.body::<DisconnectBody>()?.reason,
        }),
        "error" => message.error(),
        "order" if PLAIN_PEERS => message.order(),
        "trade" if PLAIN_PEERS => message.trade(),
        "cancel_order" if PLAIN_PEERS => message.cancel_order(),
        "orderbook_sync_request" if PLAIN_PEERS => Ok(Message::OrderbookSyncRequest),
        "orderbook_sync_response" if PLAIN_PEERS => Ok(Message::OrderbookSyncResponse(
            message.body::<OrdersBody>()?.orders.0,
        )),
        "x_stmts" if dialect.is_secured() => statements(text),
        "x_trades" if dialect.is_secured() => trades(text),
        "x_take" if dialect.is_secured() => {
            let take: TakeRequest = message.body()?;
            check_sizes([&take.req, &take.place])?;
            Ok(Message::Take(take))
        }
        "x_answer" if dialect.is_secured() => {
            let answer: TakeAnswer = message.body()?;
            check_sizes([&answer.answer])?;
            Ok(Message::Answer(answer))
        }
        "x_fwd" if dialect.is_secured() => message.forward(),
        _ if dialect.is_secured() => message.sync(kind),
        other => Ok(ignored(other)),
    }
}

/// A message of a type that is not known.
fn ignored(kind: &str) -> Message {
    Message::Ignored {
        kind: lenient::cut(kind, MAX_NAME).to_owned(),
    }
}

/// Whether arrays and objects are nested deeper than [`MAX_DEPTH`]. Looks at brackets outside
/// strings only; whether the JSON is right is the parser's business.
fn too_deep(bytes: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for byte in bytes {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// The type of a message that starts with it, written without escapes or spaces.
fn leading_kind(text: &str) -> Option<&str> {
    let (kind, _) = text.strip_prefix(r#"{"type":""#)?.split_once('"')?;
    Some(kind)
}

/// What a message of either shape has beside its body.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "lenient::optional_name")]
    node_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::optional_name")]
    from: Option<String>,
    #[serde(default, deserialize_with = "lenient::optional_millis")]
    timestamp: Option<Millis>,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
}

struct Incoming<'a> {
    text: &'a str,
    head: &'a Head<'a>,
}

impl<'a> Incoming<'a> {
    /// The envelope's payload, if the message has that shape.
    fn payload(&self) -> Option<&'a str> {
        let payload = self.head.payload.map(RawValue::get);
        payload.filter(|json| json.starts_with('{'))
    }

    /// The fields of the message itself, wherever its shape has them.
    fn body<T: Deserialize<'a>>(&self) -> Result<T, DecodeError> {
        Ok(serde_json::from_str(self.payload().unwrap_or(self.text))?)
    }

    fn timestamp(&self) -> Result<Millis, DecodeError> {
        let own = self.body::<Times>()?.timestamp;
        Ok(own.or(self.head.timestamp).unwrap_or_default())
    }

    fn handshake(&self) -> Result<Message, DecodeError> {
        let body: HandshakeBody = self.body()?;
        let head = self.head;
        let claimed = body.node_id.or_else(|| head.node_id.clone());
        let Some(node_id) = claimed.or_else(|| head.from.clone()) else {
            return Err(DecodeError::Missing {
                kind: "handshake",
                field: "nodeId",
            });
        };
        Ok(Message::Handshake(Handshake {
            node_id,
            version: body.version,
            port: body.port,
            capabilities: body.capabilities,
            network: body.network,
            timestamp: self.timestamp()?,
        }))
    }

    fn peer_exchange(&self) -> Result<Message, DecodeError> {
        let SomeOf(mut peers) = self.body::<PeersBody>()?.peers;
        peers.retain(|peer| !peer.address.is_empty() && peer.port != 0);
        Ok(Message::PeerExchange(peers))
    }

    fn error(&self) -> Result<Message, DecodeError> {
        let body: ErrorBody = self.body()?;
        let inner = match body.error.as_deref().map(RawValue::get) {
            Some(json) if json.starts_with('{') => serde_json::from_str(json)?,
            // An envelope whose payload has the code and the words themselves.
            _ => self.body::<ErrorFields>()?,
        };
        Ok(Message::Error {
            code: inner.code.parse().unwrap_or(ErrorCode::UnknownError),
            message: inner.message,
        })
    }

    fn order(&self) -> Result<Message, DecodeError> {
        let named = self.body::<OrderBody>()?.order;
        let found = match (named, self.payload()) {
            (Some(order), _) => order,
            // An envelope whose payload is the order itself.
            (None, Some(payload)) => serde_json::from_str(payload)?,
            (None, None) => LegacyOrder::default(),
        };
        if found.id.is_empty() {
            return Err(DecodeError::Missing {
                kind: "order",
                field: "order.id",
            });
        }
        Ok(Message::Order(found))
    }

    fn trade(&self) -> Result<Message, DecodeError> {
        let named = self.body::<TradeBody>()?.trade;
        let found = match (named, self.payload()) {
            (Some(trade), _) => trade,
            (None, Some(payload)) => serde_json::from_str(payload)?,
            (None, None) => LegacyTrade::default(),
        };
        if found.id.is_empty() {
            return Err(DecodeError::Missing {
                kind: "trade",
                field: "trade.id",
            });
        }
        Ok(Message::Trade(found))
    }

    fn cancel_order(&self) -> Result<Message, DecodeError> {
        match self.body::<CancelBody>()?.order_id {
            Some(order_id) => Ok(Message::CancelOrder { order_id }),
            None => Err(DecodeError::Missing {
                kind: "cancel_order",
                field: "orderId",
            }),
        }
    }

    /// The messages by which nodes find out what the other has.
    fn sync(&self, kind: &str) -> Result<Message, DecodeError> {
        let malformed = |words: &str| DecodeError::Malformed(words.to_owned());
        Ok(match kind {
            "x_proofs" => self.proofs()?,
            "x_have" => Message::Have(self.body::<IdsBody>()?.ids.0),
            "x_want" => Message::Want(self.body::<IdsBody>()?.ids.0),
            "x_recon" => Message::Recon(self.body::<QueryBody>()?.into()),
            "x_recon_answer" => Message::ReconAnswer(self.body::<AnswerBody>()?.into()),
            "x_book" => Message::Book(self.body::<BookBody>()?.try_into().map_err(malformed)?),
            "x_page" => Message::Page(self.body::<PageBody>()?.try_into().map_err(malformed)?),
            "x_lazy" => Message::Lazy,
            "x_get" => Message::Get(self.body::<GetBody>()?.into()),
            "x_state" => Message::State(self.body::<StateBody>()?.into()),
            other => ignored(other),
        })
    }

    fn proofs(&self) -> Result<Message, DecodeError> {
        let List(proofs) = self.body::<ProofsBody>()?.proofs;
        for half in proofs.iter().flat_map(|proof| [&proof.a, &proof.b]) {
            match half {
                RawEvidence::Statement(statement) => check_sizes([statement])?,
                RawEvidence::Trade(trade) => check_sizes(trade.parts())?,
            }
        }
        Ok(Message::Proofs(proofs))
    }

    fn forward(&self) -> Result<Message, DecodeError> {
        let ForwardFields { to, id, hops, body } = self.body()?;
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if !(16..=32).contains(&id.len()) || !id.bytes().all(digit) {
            let text = "the id of an x_fwd is 16 to 32 lower-case hex digits";
            return Err(DecodeError::Malformed(text.to_owned()));
        }
        match &body {
            ForwardBody::Take(take) => check_sizes([&take.req, &take.place])?,
            ForwardBody::Answer(answer) => check_sizes([&answer.answer])?,
        }
        Ok(Message::Forward(Forward { to, id, hops, body }))
    }
}

fn statements(text: &str) -> Result<Message, DecodeError> {
    #[derive(Deserialize)]
    struct Inner {
        stmts: Option<List<RawStatement, MAX_STATEMENTS>>,
    }
    #[derive(Deserialize)]
    struct Body {
        stmts: Option<List<RawStatement, MAX_STATEMENTS>>,
        payload: Option<Inner>,
    }
    let body: Body = serde_json::from_str(text)?;
    let enveloped = body.payload.and_then(|inner| inner.stmts);
    let Some(List(list)) = enveloped.or(body.stmts) else {
        return Err(DecodeError::Missing {
            kind: "x_stmts",
            field: "stmts",
        });
    };
    check_sizes(&list)?;
    Ok(Message::Statements(list))
}

fn trades(text: &str) -> Result<Message, DecodeError> {
    #[derive(Deserialize)]
    struct Inner {
        trades: Option<List<RawTrade, MAX_TRADES>>,
    }
    #[derive(Deserialize)]
    struct Body {
        trades: Option<List<RawTrade, MAX_TRADES>>,
        payload: Option<Inner>,
    }
    let body: Body = serde_json::from_str(text)?;
    let enveloped = body.payload.and_then(|inner| inner.trades);
    let Some(List(list)) = enveloped.or(body.trades) else {
        return Err(DecodeError::Missing {
            kind: "x_trades",
            field: "trades",
        });
    };
    for trade in &list {
        check_sizes(trade.parts())?;
    }
    Ok(Message::Trades(list))
}

/// Refuses statements whose payload is longer than [`MAX_REQ_PAYLOAD`].
fn check_sizes<'a>(
    statements: impl IntoIterator<Item = &'a RawStatement>,
) -> Result<(), DecodeError> {
    for statement in statements {
        if statement.p.len() > MAX_REQ_PAYLOAD {
            let text = format!("a statement is longer than {MAX_REQ_PAYLOAD} bytes");
            return Err(DecodeError::Malformed(text));
        }
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Times {
    #[serde(deserialize_with = "lenient::optional_millis")]
    timestamp: Option<Millis>,
    #[serde(deserialize_with = "lenient::optional_millis")]
    echo: Option<Millis>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HandshakeBody {
    #[serde(default, deserialize_with = "lenient::optional_name")]
    node_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::name")]
    version: String,
    #[serde(default, deserialize_with = "lenient::port")]
    port: u16,
    #[serde(default)]
    capabilities: Capabilities,
    #[serde(default, deserialize_with = "lenient::optional_name")]
    network: Option<String>,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl<'de> Deserialize<'de> for Capabilities {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let json = Box::<RawValue>::deserialize(deserializer)?;
        match json.get().as_bytes().first() {
            Some(b'[') => {
                let list: SomeOf<Name, MAX_CAPABILITIES> =
                    serde_json::from_str(json.get()).map_err(D::Error::custom)?;
                Ok(Self::List(list.0.into_iter().map(|name| name.0).collect()))
            }
            Some(b'{') => {
                let flags: lenient::Flags<MAX_CAPABILITIES> =
                    serde_json::from_str(json.get()).map_err(D::Error::custom)?;
                Ok(Self::Flags(flags.0))
            }
            _ => Ok(Self::default()),
        }
    }
}

#[derive(Deserialize)]
struct ProofsBody {
    proofs: List<RawProof, MAX_PROOFS>,
}

#[derive(Deserialize)]
struct PeersBody {
    #[serde(default)]
    peers: SomeOf<PeerEntry, MAX_PEERS>,
}

impl<'de> Deserialize<'de> for PeerEntry {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Fields {
            #[serde(default, deserialize_with = "lenient::optional_name")]
            node_id: Option<String>,
            #[serde(default, deserialize_with = "lenient::name")]
            address: String,
            #[serde(default, deserialize_with = "lenient::port")]
            port: u16,
        }
        let fields = Fields::deserialize(deserializer)?;
        Ok(Self {
            node_id: fields.node_id,
            address: fields.address,
            port: fields.port,
        })
    }
}

#[derive(Deserialize)]
struct DisconnectBody {
    #[serde(default, deserialize_with = "lenient::text")]
    reason: String,
}

#[derive(Deserialize)]
struct ErrorBody {
    #[serde(default)]
    error: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct ErrorFields {
    #[serde(default, deserialize_with = "lenient::text")]
    code: String,
    #[serde(default, deserialize_with = "lenient::text")]
    message: String,
}

#[derive(Deserialize)]
struct OrderBody {
    order: Option<LegacyOrder>,
}

#[derive(Deserialize)]
struct TradeBody {
    trade: Option<LegacyTrade>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CancelBody {
    #[serde(default, deserialize_with = "lenient::optional_name")]
    order_id: Option<String>,
}

#[derive(Deserialize)]
struct OrdersBody {
    #[serde(default)]
    orders: SomeOf<LegacyOrder, MAX_SYNC_ORDERS>,
}

#[derive(Deserialize)]
struct ForwardFields {
    to: NodeId,
    id: String,
    hops: u8,
    body: ForwardBody,
}

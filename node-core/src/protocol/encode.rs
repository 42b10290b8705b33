//! From typed messages to the JSON that the wire carries.

use bytes::Bytes;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use thiserror::Error;

use super::legacy::PLAIN_PEERS;
use super::message::{
    Capabilities, Dialect, Forward, Handshake, MAX_PROOFS, MAX_STATEMENTS, MAX_TRADES, Message,
};
use super::sync::{Base64, Prefixes};
use crate::types::Millis;

/// The most bytes that one `x_stmts` or `x_trades` should have, so that no single message holds
/// up what is queued behind it.
pub const MAX_BATCH_BYTES: usize = 256 * 1024;

/// Why a message has no bytes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The dialect has no such message: sending it would cost the connection.
    #[error("a {kind} message can't be said to a peer of this dialect")]
    NotInDialect {
        /// The message's type.
        kind: String,
    },
    /// The JSON could not be written.
    #[error("the message can't be written as JSON: {0}")]
    Json(String),
}

/// The JSON text of `message` in `dialect`.
///
/// Every message carries `nodeId`, which is `from`, and a `timestamp` of at least 1, because the
/// original node drops a connection over a message without them: the message's own time where it
/// has one, `now_wall` (since the Unix epoch) where not. A handshake carries its own `node_id`.
///
/// # Errors
/// [`EncodeError::NotInDialect`] for an `x_*` message in a plain dialect, and for
/// [`Message::Ignored`] in any.
pub fn encode(
    message: &Message,
    dialect: Dialect,
    from: &str,
    now_wall: Millis,
) -> Result<Bytes, EncodeError> {
    if PLAIN_PEERS && dialect == Dialect::Grenache {
        return super::grenache::write(message, from, now_wall);
    }
    let kind = match (message, dialect) {
        (Message::PeerExchange(_), Dialect::Original) => "peer_exchange",
        _ => message.kind(),
    };
    let outgoing = Outgoing {
        kind,
        from,
        timestamp: now_wall,
        message,
    };
    let said = match message {
        Message::Ignored { .. } => false,
        Message::Statements(_)
        | Message::Trades(_)
        | Message::Proofs(_)
        | Message::Take(_)
        | Message::Answer(_)
        | Message::Forward(_)
        | Message::Have(_)
        | Message::Want(_)
        | Message::Lazy
        | Message::Recon(_)
        | Message::ReconAnswer(_)
        | Message::Book(_)
        | Message::Page(_)
        | Message::Get(_)
        | Message::State(_) => dialect.is_secured(),
        _ => true,
    };
    if !said {
        let kind = kind.to_owned();
        return Err(EncodeError::NotInDialect { kind });
    }
    match serde_json::to_vec(&outgoing) {
        Ok(json) => Ok(json.into()),
        Err(error) => Err(EncodeError::Json(error.to_string())),
    }
}

/// `x_stmts` messages for statements whose JSON texts (`{"p":..,"k":..,"s":..}`) are at hand, in
/// their order: as few messages as keep each at `limit` bytes and [`MAX_STATEMENTS`]. A text
/// that is longer than `limit` alone gets a message of its own. The texts are copied as they are.
#[must_use]
pub fn encode_statements<T: AsRef<str>>(
    texts: &[T],
    from: &str,
    now_wall: Millis,
    limit: usize,
) -> Vec<Bytes> {
    batches(
        "x_stmts",
        "stmts",
        texts,
        MAX_STATEMENTS,
        from,
        now_wall,
        limit,
    )
}

/// `x_trades` messages for trade records whose JSON texts are at hand; otherwise as
/// [`encode_statements`], with [`MAX_TRADES`].
#[must_use]
pub fn encode_trades<T: AsRef<str>>(
    texts: &[T],
    from: &str,
    now_wall: Millis,
    limit: usize,
) -> Vec<Bytes> {
    batches(
        "x_trades", "trades", texts, MAX_TRADES, from, now_wall, limit,
    )
}

/// `x_proofs` messages for proofs whose JSON texts are at hand; otherwise as
/// [`encode_statements`], with [`MAX_PROOFS`].
#[must_use]
pub fn encode_proofs<T: AsRef<str>>(
    texts: &[T],
    from: &str,
    now_wall: Millis,
    limit: usize,
) -> Vec<Bytes> {
    batches(
        "x_proofs", "proofs", texts, MAX_PROOFS, from, now_wall, limit,
    )
}

fn batches<T: AsRef<str>>(
    kind: &str,
    field: &str,
    mut texts: &[T],
    most: usize,
    from: &str,
    now_wall: Millis,
    limit: usize,
) -> Vec<Bytes> {
    let from = serde_json::to_string(from).unwrap_or_default();
    let timestamp = now_wall.0.max(1);
    let head = format!(r#"{{"type":"{kind}","nodeId":{from},"timestamp":{timestamp},"{field}":["#);
    let mut messages = Vec::new();
    while !texts.is_empty() {
        let mut size = head.len() + 2;
        let fits = |text: &&T| {
            size += text.as_ref().len() + 1;
            size <= limit
        };
        let count = texts.iter().take(most).take_while(fits).count().max(1);
        let (batch, rest) = texts.split_at(count);
        texts = rest;
        let bytes = batch
            .iter()
            .map(|text| text.as_ref().len() + 1)
            .sum::<usize>();
        let mut json = String::with_capacity(head.len() + 2 + bytes);
        json.push_str(&head);
        for (i, text) in batch.iter().enumerate() {
            if i > 0 {
                json.push(',');
            }
            json.push_str(text.as_ref());
        }
        json.push_str("]}");
        messages.push(json.into());
    }
    messages
}

/// A message with what every message carries.
struct Outgoing<'a> {
    kind: &'a str,
    from: &'a str,
    timestamp: Millis,
    message: &'a Message,
}

impl Serialize for Outgoing<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.kind)?;
        let (from, timestamp) = match self.message {
            Message::Handshake(handshake) => (handshake.node_id.as_str(), handshake.timestamp),
            Message::HandshakeAck { timestamp }
            | Message::Heartbeat { timestamp }
            | Message::HeartbeatAck { timestamp, .. } => (self.from, *timestamp),
            _ => (self.from, self.timestamp),
        };
        map.serialize_entry("nodeId", from)?;
        self.write_body(&mut map)?;
        map.serialize_entry("timestamp", &timestamp.0.max(1))?;
        map.end()
    }
}

impl Outgoing<'_> {
    fn write_body<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match self.message {
            Message::Handshake(handshake) => write_handshake(handshake, map),
            Message::HeartbeatAck {
                echo: Some(echo), ..
            } => map.serialize_entry("echo", echo),
            Message::HandshakeAck { .. }
            | Message::Heartbeat { .. }
            | Message::HeartbeatAck { .. }
            | Message::PeerExchangeRequest
            | Message::OrderbookSyncRequest
            | Message::Lazy
            | Message::Ignored { .. } => Ok(()),
            Message::PeerExchange(peers) => map.serialize_entry("peers", peers),
            Message::Disconnect { reason } => map.serialize_entry("reason", reason),
            Message::Error { code, message } => {
                #[derive(Serialize)]
                struct Body<'a> {
                    code: &'a super::ErrorCode,
                    message: &'a str,
                }
                map.serialize_entry("error", &Body { code, message })
            }
            Message::Order(_)
            | Message::Trade(_)
            | Message::CancelOrder { .. }
            | Message::OrderbookSyncResponse(_)
                if !PLAIN_PEERS =>
            {
                Ok(())
            }
            Message::Order(order) => map.serialize_entry("order", order),
            Message::Trade(trade) => map.serialize_entry("trade", trade),
            Message::CancelOrder { order_id } => map.serialize_entry("orderId", order_id),
            Message::OrderbookSyncResponse(orders) => map.serialize_entry("orders", orders),
            Message::Statements(statements) => map.serialize_entry("stmts", statements),
            Message::Trades(trades) => map.serialize_entry("trades", trades),
            Message::Proofs(proofs) => map.serialize_entry("proofs", proofs),
            Message::Take(take) => {
                map.serialize_entry("req", &take.req)?;
                map.serialize_entry("place", &take.place)
            }
            Message::Answer(answer) => map.serialize_entry("answer", &answer.answer),
            Message::Forward(forward) => write_forward(forward, map),
            Message::Have(ids) | Message::Want(ids) => {
                map.serialize_entry("ids", &Prefixes(ids.as_slice()))
            }
            Message::Recon(recon) => {
                map.serialize_entry("sid", &recon.sid)?;
                map.serialize_entry("count", &recon.count)?;
                map.serialize_entry("q", &Base64(recon.data.as_slice()))
            }
            Message::ReconAnswer(recon) => {
                map.serialize_entry("sid", &recon.sid)?;
                map.serialize_entry("count", &recon.count)?;
                map.serialize_entry("a", &Base64(recon.data.as_slice()))
            }
            Message::Book(request) => {
                map.serialize_entry("pair", &request.pair)?;
                map.serialize_entry("part", request.part.name())?;
                map.serialize_entry("after", &request.part.place())
            }
            Message::Page(page) => {
                map.serialize_entry("part", page.part.name())?;
                let next = page.part.place().filter(|_| !page.last);
                map.serialize_entry("next", &next)
            }
            Message::Get(get) => {
                map.serialize_entry("owner", &get.owner)?;
                map.serialize_entry("have", &get.have)
            }
            Message::State(state) => {
                map.serialize_entry("owner", &state.owner)?;
                map.serialize_entry("ka", &state.ka)?;
                map.serialize_entry("list", &state.list)
            }
        }
    }
}

fn write_handshake<M: SerializeMap>(handshake: &Handshake, map: &mut M) -> Result<(), M::Error> {
    map.serialize_entry("version", &handshake.version)?;
    map.serialize_entry("port", &handshake.port)?;
    map.serialize_entry("capabilities", &handshake.capabilities)?;
    match &handshake.network {
        Some(network) => map.serialize_entry("network", network),
        None => Ok(()),
    }
}

fn write_forward<M: SerializeMap>(forward: &Forward, map: &mut M) -> Result<(), M::Error> {
    map.serialize_entry("to", &forward.to)?;
    map.serialize_entry("id", &forward.id)?;
    map.serialize_entry("hops", &forward.hops)?;
    map.serialize_entry("body", &forward.body)
}

impl Serialize for Capabilities {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::List(names) => names.serialize(serializer),
            Self::Flags(flags) => serializer.collect_map(flags.iter().map(|(name, on)| (name, on))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &Bytes) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn every_message_names_its_sender_and_a_time_that_is_not_zero() {
        let bytes = encode(
            &Message::PeerExchangeRequest,
            Dialect::Original,
            "node",
            Millis::ZERO,
        )
        .unwrap();
        let json = r#"{"type":"peer_exchange_request","nodeId":"node","timestamp":1}"#;
        assert_eq!(text(&bytes), json);
    }

    #[test]
    fn peer_exchange_has_the_name_that_the_peer_speaks() {
        let message = Message::PeerExchange(Vec::new());
        for (dialect, name) in [
            (Dialect::Secured, "peerexchange"),
            (Dialect::Seed, "peerexchange"),
            (Dialect::Original, "peer_exchange"),
        ] {
            let bytes = encode(&message, dialect, "n", Millis(1)).unwrap();
            let start = format!(r#"{{"type":"{name}","#);
            assert!(text(&bytes).starts_with(&start));
        }
    }

    #[test]
    fn signed_messages_are_never_said_in_plain() {
        for dialect in [Dialect::Seed, Dialect::Original] {
            let error = encode(&Message::Statements(vec![]), dialect, "n", Millis(1));
            assert!(matches!(error, Err(EncodeError::NotInDialect { .. })));
        }
    }

    #[test]
    fn a_batch_keeps_to_its_limit_and_loses_nothing() {
        let texts: Vec<String> = (0..100).map(|i| format!("{{\"p\":{i}}}")).collect();
        for limit in [0, 100, 200, 500, 10_000] {
            let messages = encode_statements(&texts, "n", Millis(7), limit);
            let mut all = Vec::new();
            for message in &messages {
                let json: serde_json::Value = serde_json::from_slice(message).unwrap();
                let list = json["stmts"].as_array().unwrap();
                assert!(message.len() <= limit || list.len() == 1, "{limit}");
                all.extend(list.iter().map(|item| item["p"].as_u64().unwrap()));
            }
            assert_eq!(all, (0..100).collect::<Vec<_>>());
        }
        assert!(encode_trades::<&str>(&[], "n", Millis(7), 100).is_empty());
    }
}

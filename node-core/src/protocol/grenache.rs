//! What original nodes tell each other by Grenache's RPC: one request for each order and each trade.
//!
//! A request's payload is `{ id, type, fromNode, payload, vectorClock, timestamp }`, its answer
//! `{ success, nodeId, message }`. The RPC around both is the transport's.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;

use super::encode::EncodeError;
use super::legacy_order::{LegacyOrder, LegacyTrade};
use super::lenient;
use super::message::Message;
use crate::types::{Millis, PeerId};

/// A request of an original node. Nothing in it is signed, and its values are unchecked.
#[derive(Clone, Debug)]
pub struct RpcRequest {
    /// Who sends it, by its own word.
    pub from: PeerId,
    /// An order or a trade.
    pub message: Message,
}

/// Why a request is none of an original node's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RpcError {
    /// Its JSON is another.
    #[error("the request can't be read: {0}")]
    Malformed(String),
    /// It names nobody.
    #[error("fromNode is missing: the sender's name, 1 to 128 characters")]
    NoSender,
    /// There is no such request.
    #[error("type {0:?} is not known: order or trade")]
    UnknownType(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Incoming<'a> {
    #[serde(rename = "type", default, deserialize_with = "lenient::name")]
    kind: String,
    #[serde(default, deserialize_with = "lenient::name")]
    from_node: String,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

/// Reads the payload of a request.
///
/// # Errors
/// [`RpcError`]; what it says may be told to the sender.
pub fn read_rpc(json: &str) -> Result<RpcRequest, RpcError> {
    let malformed = |error: serde_json::Error| RpcError::Malformed(error.to_string());
    let request: Incoming<'_> = serde_json::from_str(json).map_err(malformed)?;
    let payload = request.payload.unwrap_or(RawValue::NULL).get();
    let message = match request.kind.as_str() {
        "order" => Message::Order(serde_json::from_str(payload).map_err(malformed)?),
        "trade" => Message::Trade(serde_json::from_str(payload).map_err(malformed)?),
        _ => return Err(RpcError::UnknownType(request.kind)),
    };
    if request.from_node.is_empty() {
        return Err(RpcError::NoSender);
    }
    let from = PeerId::Legacy(request.from_node.into());
    Ok(RpcRequest { from, message })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    success: bool,
    node_id: &'a str,
    message: &'a str,
}

/// The answer to a request: that it was taken, or why not.
#[must_use]
pub fn rpc_answer(node_id: &str, taken: Result<(), &str>) -> Box<RawValue> {
    let answer = Answer {
        success: taken.is_ok(),
        node_id,
        message: taken.err().unwrap_or("taken"),
    };
    // Three plain values always are JSON.
    serde_json::value::to_raw_value(&answer).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// Whether an answer says that the request was taken. One that says nothing of it is no refusal.
#[must_use]
pub fn was_taken(answer: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Success {
        success: bool,
    }
    serde_json::from_str(answer.get()).map_or(true, |answer: Success| answer.success)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outgoing<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    from_node: &'a str,
    payload: Payload<'a>,
    vector_clock: std::collections::BTreeMap<&'a str, Millis>,
    timestamp: Millis,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Payload<'a> {
    Order(&'a LegacyOrder),
    Trade(&'a LegacyTrade),
}

/// Writes a message as the payload of a request. The vector clock has this node alone, at its wall
/// clock: it grows, and that is all that an original node looks at.
pub(super) fn write(message: &Message, from: &str, now_wall: Millis) -> Result<Bytes, EncodeError> {
    let (id, payload) = match message {
        Message::Order(order) => (&order.id, Payload::Order(order)),
        Message::Trade(trade) => (&trade.id, Payload::Trade(trade)),
        _ => {
            let kind = message.kind().to_owned();
            return Err(EncodeError::NotInDialect { kind });
        }
    };
    let timestamp = Millis(now_wall.0.max(1));
    let json = serde_json::to_vec(&Outgoing {
        id,
        kind: message.kind(),
        from_node: from,
        payload,
        vector_clock: [(from, timestamp)].into(),
        timestamp,
    });
    json.map(Bytes::from)
        .map_err(|error| EncodeError::Json(error.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::protocol::{Dialect, encode};

    #[test]
    fn an_order_goes_out_as_an_original_node_reads_it_and_is_read_like_one() {
        let order = LegacyOrder {
            id: "o-1".to_owned(),
            user_id: "alice".to_owned(),
            side: "buy".to_owned(),
            amount: "1.5".to_owned(),
            price: "50000".to_owned(),
            status: "pending".to_owned(),
            timestamp: Millis(7),
            pair: "BTC/USD".to_owned(),
        };
        let message = Message::Order(order.clone());
        let bytes = encode(&message, Dialect::Grenache, "me", Millis(9)).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(
            json,
            json!({
                "id": "o-1", "type": "order", "fromNode": "me", "timestamp": 9,
                "vectorClock": { "me": 9 },
                "payload": {
                    "id": "o-1", "userId": "alice", "side": "buy", "amount": "1.5",
                    "price": "50000", "status": "pending", "timestamp": 7, "pair": "BTC/USD",
                },
            })
        );
        let read = read_rpc(std::str::from_utf8(&bytes).unwrap()).unwrap();
        assert_eq!(read.from, PeerId::Legacy("me".into()));
        assert!(matches!(read.message, Message::Order(read) if read == order));
    }

    #[test]
    fn nothing_but_orders_and_trades_can_be_said() {
        let heartbeat = Message::Heartbeat {
            timestamp: Millis(1),
        };
        assert!(encode(&heartbeat, Dialect::Grenache, "me", Millis(9)).is_err());
    }

    #[test]
    fn a_request_that_is_none_is_told_why() {
        let why = |json: &str| read_rpc(json).unwrap_err().to_string();
        assert!(why("[]").contains("can't be read"));
        assert!(why("{\"type\":\"dance\"}").contains("\"dance\""));
        assert!(why("{\"type\":\"order\",\"payload\":{}}").contains("fromNode"));
        assert!(why("{\"type\":\"order\",\"fromNode\":\"x\"}").contains("can't be read"));
    }

    #[test]
    fn only_a_clear_no_is_a_refusal() {
        let taken = |answer: Result<(), &str>| was_taken(&rpc_answer("me", answer));
        assert!(taken(Ok(())));
        assert!(!taken(Err("no")));
        for unclear in ["null", "{}", "true", "\"ok\""] {
            assert!(was_taken(
                &RawValue::from_string(unclear.to_owned()).unwrap()
            ));
        }
    }

    proptest! {
        #[test]
        fn no_text_does_harm(text in ".*", kind in "order|trade") {
            let _ = read_rpc(&text);
            let _ = read_rpc(&format!("{{\"type\":\"{kind}\",\"payload\":{text}}}"));
        }
    }
}

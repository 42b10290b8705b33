//! What requests and answers of the control address look like, for both of its ends.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use meshbook::node::{BanTarget, ClockView, NewOrder, OrderText, P2pStats};
use meshbook::types::{InvalidValue, Millis, OrderId, Pair, Side, UserId};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// The most levels of a side of the book in one answer.
pub(crate) const DEPTHS: RangeInclusive<usize> = 1..=1000;
/// The most trades in one answer.
pub(crate) const LIMITS: RangeInclusive<usize> = 1..=100_000;

/// The body of `POST /v1/orders`, as its sender wrote it: decimals as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlaceOrder {
    pub(crate) side: Side,
    pub(crate) amount: String,
    /// Absent for a market order, and for no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) price: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: OrderKindName,
    /// `gtc` where absent, or `ioc` for a market order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time_in_force: Option<String>,
    /// The node's user where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_id: Option<String>,
}

/// The body of `POST /v1/bans`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PlaceBan {
    pub(crate) peer: BanTarget,
    /// In milliseconds.
    pub(crate) duration: Millis,
}

impl PlaceBan {
    /// Reads a body.
    ///
    /// # Errors
    /// The first field that is missing, unknown, or not allowed.
    pub(crate) fn from_json(body: &[u8]) -> Result<Self, InvalidValue> {
        let mut fields = object(body)?;
        let peer = fields.remove("peer").unwrap_or_default();
        let duration = fields.remove("duration").unwrap_or_default();
        let known = "no such field; there are peer, duration";
        nothing_else(&fields, known)?;
        let milliseconds = duration.as_u64().ok_or_else(|| {
            let allowed = "a whole number of milliseconds";
            InvalidValue::new("duration", duration.to_string(), allowed)
        })?;
        Ok(Self {
            peer: peer.as_str().unwrap_or_default().parse()?,
            duration: Millis(milliseconds),
        })
    }
}

/// A body that is a JSON object, each of whose keys is there once: parsers differ about which value
/// counts where a key is there twice.
fn object(body: &[u8]) -> Result<Map<String, Value>, InvalidValue> {
    let Members(members) = serde_json::from_slice(body)
        .map_err(|error| InvalidValue::new("body", "", format!("a JSON object ({error})")))?;
    let mut fields = Map::new();
    for (name, value) in members {
        if fields.contains_key(&name) {
            let allowed = "this key once";
            return Err(InvalidValue::new(name, value.to_string(), allowed));
        }
        fields.insert(name, value);
    }
    Ok(fields)
}

/// The members of a JSON object as they stand there.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// Refuses what is left of a body after all known fields were taken out.
fn nothing_else(fields: &Map<String, Value>, allowed: &str) -> Result<(), InvalidValue> {
    match fields.iter().next() {
        Some((name, value)) => Err(InvalidValue::new(name, value.to_string(), allowed)),
        None => Ok(()),
    }
}

/// The answer to `DELETE /v1/bans/PEER`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unbanned {
    pub(crate) success: bool,
    pub(crate) peer: BanTarget,
}

/// The kind of an order by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OrderKindName {
    /// At this price or better.
    #[default]
    Limit,
    /// At any price, at once; what can't be filled is cancelled.
    Market,
}

impl FromStr for OrderKindName {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "limit" => Ok(Self::Limit),
            "market" => Ok(Self::Market),
            _ => Err(InvalidValue::new("type", text, "limit or market")),
        }
    }
}

impl PlaceOrder {
    /// The order that the texts mean.
    ///
    /// # Errors
    /// The first field that is not allowed.
    pub(crate) fn read(&self) -> Result<NewOrder, InvalidValue> {
        let side = self.side.to_string();
        let kind = match self.kind {
            OrderKindName::Limit => "limit",
            OrderKindName::Market => "market",
        };
        OrderText {
            side: &side,
            amount: &self.amount,
            price: self.price.as_deref(),
            kind: Some(kind),
            time_in_force: self.time_in_force.as_deref(),
            user_id: self.user_id.as_deref(),
            lifetime: None,
        }
        .read()
    }

    /// Reads a request's body.
    ///
    /// # Errors
    /// The first field that is missing, unknown, or of the wrong type.
    pub(crate) fn from_json(body: &[u8]) -> Result<Self, InvalidValue> {
        let mut fields = object(body)?;
        let mut take = |name: &str, allowed: &str| match fields.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(InvalidValue::new(name, other.to_string(), allowed)),
        };
        let decimal = "a decimal in a JSON string, like \"1.5\": \
                       a JSON number may be rounded on its way";
        let side = take("side", "buy or sell")?;
        let amount = take("amount", decimal)?;
        let price = take("price", decimal)?;
        let kind = take("type", "limit or market")?;
        let time_in_force = take("timeInForce", "gtc, ioc, fok or post")?;
        let user_id = take("userId", "a string")?;
        let known = "no such field; there are side, amount, price, type, timeInForce, userId";
        nothing_else(&fields, known)?;
        let kind = kind.map(|text| text.parse()).transpose()?;
        Ok(Self {
            side: side.unwrap_or_default().parse()?,
            amount: amount.unwrap_or_default(),
            price,
            kind: kind.unwrap_or_default(),
            time_in_force,
            user_id,
        })
    }
}

/// A count in decimal digits, in `range`.
///
/// # Errors
/// Where it is anything else; `name` is the field.
pub(crate) fn count(
    name: &str,
    text: &str,
    range: &RangeInclusive<usize>,
) -> Result<usize, InvalidValue> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let value = text.parse().ok().filter(|n| digits && range.contains(n));
    value.ok_or_else(|| {
        let allowed = format!("a whole number from {} to {}", range.start(), range.end());
        InvalidValue::new(name, text, allowed)
    })
}

/// The answer to `GET /v1/status`: the figures of `getP2PStats()`, and whose they are.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatusView {
    /// Its key, once it has started.
    pub(crate) node_id: Option<String>,
    pub(crate) user_id: UserId,
    pub(crate) pair: Pair,
    pub(crate) network: String,
    /// Where peers reach it, while it listens.
    pub(crate) p2p_address: Option<String>,
    /// Of the command that runs it.
    pub(crate) version: String,
    /// Since its start.
    pub(crate) uptime_seconds: u64,
    /// Its clock, against those of the peers that it dialed.
    pub(crate) clock: ClockView,
    #[serde(flatten)]
    pub(crate) stats: P2pStats,
}

/// The answer to `DELETE /v1/orders/{id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cancelled {
    pub(crate) success: bool,
    pub(crate) order_id: OrderId,
}

#[cfg(test)]
mod tests {
    use meshbook::node::{OrderKind, TimeInForce};

    use super::*;

    fn read(json: &str) -> Result<NewOrder, InvalidValue> {
        PlaceOrder::from_json(json.as_bytes())?.read()
    }

    #[test]
    fn an_order_is_read_with_its_defaults() {
        let order = read(r#"{"side":"buy","amount":"1.50","price":"10"}"#).unwrap();
        assert_eq!(order.kind, OrderKind::Limit("10".parse().unwrap()));
        assert_eq!(order.time_in_force, TimeInForce::Gtc);
        assert_eq!(
            (order.amount.to_string(), order.user),
            ("1.5".to_owned(), None)
        );
        let order = read(r#"{"side":"sell","amount":"1","type":"market","userId":"bob"}"#).unwrap();
        assert_eq!(
            (order.kind, order.time_in_force),
            (OrderKind::Market, TimeInForce::Ioc)
        );
        let post = r#"{"side":"buy","amount":"1","price":"1","timeInForce":"post"}"#;
        assert_eq!(read(post).unwrap().time_in_force, TimeInForce::Post);
    }

    #[test]
    fn a_bad_order_is_refused_by_the_field_that_is_bad() {
        let cases = [
            ("[]", "body"),
            ("{", "body"),
            ("{}", "side"),
            (r#"{"side":"up","amount":"1","price":"1"}"#, "side"),
            (r#"{"side":"buy","price":"1"}"#, "amount"),
            (r#"{"side":"buy","amount":1,"price":"1"}"#, "amount"),
            (r#"{"side":"buy","amount":"0","price":"1"}"#, "amount"),
            (r#"{"side":"buy","amount":"1e3","price":"1"}"#, "amount"),
            (r#"{"side":"buy","amount":"1"}"#, "price"),
            (r#"{"side":"buy","amount":"1","price":1.5}"#, "price"),
            (r#"{"side":"buy","amount":"1","price":"-1"}"#, "price"),
            (
                r#"{"side":"buy","amount":"1","price":"1","type":"market"}"#,
                "price",
            ),
            (
                r#"{"side":"buy","amount":"1","price":"1","type":"stop"}"#,
                "type",
            ),
            (
                r#"{"side":"buy","amount":"1","price":"1","timeInForce":"day"}"#,
                "timeInForce",
            ),
            (
                r#"{"side":"buy","amount":"1","type":"market","timeInForce":"gtc"}"#,
                "timeInForce",
            ),
            (
                r#"{"side":"buy","amount":"1","price":"1","userId":"a b"}"#,
                "userId",
            ),
            (
                r#"{"side":"buy","amount":"1","price":"1","pirce":"1"}"#,
                "pirce",
            ),
        ];
        for (json, field) in cases {
            let error = read(json).unwrap_err();
            assert_eq!(error.field, field, "{json}: {error}");
        }
        let number = read(r#"{"side":"buy","amount":1.5,"price":"1"}"#).unwrap_err();
        assert!(
            number.to_string().contains("JSON number may be rounded"),
            "{number}"
        );
    }

    #[test]
    fn key_that_is_there_twice_is_refused_by_its_name() {
        let good = r#""side":"buy","amount":"1","price":"1""#;
        for (twice, field) in [
            (r#""amount":"2""#, "amount"),
            (r#""amount":"1""#, "amount"),
            (r#""amo\u0075nt":"2""#, "amount"),
            (r#""price":null"#, "price"),
        ] {
            let error = read(&format!("{{{good},{twice}}}")).unwrap_err();
            assert_eq!(error.field, field, "{error}");
            assert!(error.allowed.contains("once"), "{error}");
        }
        let ban = br#"{"peer":"10.0.0.1","duration":1,"duration":2}"#;
        assert_eq!(PlaceBan::from_json(ban).unwrap_err().field, "duration");
    }

    #[test]
    fn what_the_command_sends_the_node_reads() {
        let sent = PlaceOrder {
            side: Side::Sell,
            amount: "2".to_owned(),
            price: Some("3".to_owned()),
            kind: OrderKindName::Limit,
            time_in_force: Some("fok".to_owned()),
            user_id: Some("alice".to_owned()),
        };
        let bytes = serde_json::to_vec(&sent).unwrap();
        assert_eq!(PlaceOrder::from_json(&bytes), Ok(sent));
    }

    #[test]
    fn a_count_is_a_whole_number_in_its_range() {
        assert_eq!(count("depth", "1000", &DEPTHS), Ok(1000));
        for bad in ["0", "1001", "-1", "+1", "1.5", "ten", ""] {
            assert_eq!(
                count("depth", bad, &DEPTHS).unwrap_err().field,
                "depth",
                "{bad}"
            );
        }
    }
}

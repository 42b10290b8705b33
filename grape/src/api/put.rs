//! Values and their names, from the JSON of API requests.

use bt_bencode::value::Number;
use serde_json::Value;

use super::Text;
use super::bytes::{Encoding, bytes, hex_prefix};
use crate::dht::{Item, MAX_SALT, MAX_VALUE, Mutable, Value as Bencode};

/// What `/put` is given: the item, and the sequence number that it is to replace.
pub(super) fn item(data: &Value) -> Result<(Item, Option<i64>), Text> {
    let value = match data {
        Value::String(_) => Some(data),
        other => other.get("v"),
    };
    let value = value.filter(|value| !value.is_null());
    let value = value.ok_or("opts.v not given")?;
    let length = match value {
        Value::String(text) => text.encode_utf16().count(),
        Value::Array(list) => list.len(),
        _ => 0,
    };
    let too_long = "v must be less than 1000 bytes in put()";
    if length >= MAX_VALUE {
        return Err(too_long.to_owned());
    }
    let value = bencode(value).ok_or("ERR_GRAPE_GENERIC")?;
    let (mutable, replaces) = match data.get("k") {
        Some(key) if is_truthy(key) => {
            let (mutable, replaces) = mutable(data, key)?;
            (Some(mutable), replaces)
        }
        _ => (None, None),
    };
    let item = Item::new(value, mutable).ok_or(too_long)?;
    Ok((item, replaces))
}

/// What `/get` is given.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) hash: Vec<u8>,
    pub(super) salt: Vec<u8>,
    /// Whether a value that the Grape itself keeps is good enough.
    pub(super) kept: bool,
}

impl Wanted {
    pub(super) fn read(data: &Value) -> Result<Self, Text> {
        let generic = || "ERR_GRAPE_GENERIC".to_owned();
        if let Value::String(_) = data {
            return Ok(Self {
                hash: bytes(data, Encoding::Hex).unwrap_or_default(),
                salt: Vec::new(),
                kept: true,
            });
        }
        let hash = data.get("hash").and_then(Value::as_str);
        let salt = match data.get("salt") {
            Some(salt) if is_truthy(salt) => bytes(salt, Encoding::Text).ok_or_else(generic)?,
            _ => Vec::new(),
        };
        Ok(Self {
            hash: hex_prefix(hash.ok_or_else(generic)?),
            salt,
            kept: data.get("cache") != Some(&Value::Bool(false)),
        })
    }
}

fn mutable(data: &Value, key: &Value) -> Result<(Mutable, Option<i64>), Text> {
    let replaces = match data.get("cas") {
        None => None,
        Some(cas) => Some(
            cas.as_i64()
                .ok_or("opts.cas must be an integer if provided")?,
        ),
    };
    let key = bytes(key, Encoding::Hex).and_then(|key| key.try_into().ok());
    let key = key.ok_or("opts.k ed25519 public key must be 32 bytes")?;
    let signature = data.get("sig").and_then(|sig| bytes(sig, Encoding::Hex));
    let signature = signature
        .ok_or("opts.sign function or options.sig signature is required for mutable put")?;
    let salt = match data.get("salt") {
        Some(salt) if is_truthy(salt) => bytes(salt, Encoding::Text).ok_or("ERR_GRAPE_GENERIC")?,
        _ => Vec::new(),
    };
    if salt.len() > MAX_SALT {
        return Err("opts.salt is > 64 bytes long".to_owned());
    }
    let sequence = data.get("seq");
    let sequence = sequence.ok_or("opts.seq not provided for a mutable update")?;
    let sequence = sequence.as_i64().ok_or("opts.seq not an integer")?;
    // One of another length can't be what the key made.
    let signature = signature.try_into().map_err(|_| "ERR_GRAPE_SIGNATURE")?;
    let mutable = Mutable {
        key,
        signature,
        sequence,
        salt,
    };
    Ok((mutable, replaces))
}

/// JSON as a Grape writes it in bencode; what has no form there is left out.
fn bencode(value: &Value) -> Option<Bencode> {
    match value {
        Value::Null => None,
        Value::Bool(is_true) => Some(Bencode::Int(Number::from(i64::from(*is_true)))),
        Value::Number(number) => Some(Bencode::Int(match number.as_i64() {
            Some(number) => Number::from(number),
            None => Number::from(number.as_u64()?),
        })),
        Value::String(text) => Some(Bencode::ByteStr(text.as_str().into())),
        Value::Array(list) => Some(Bencode::List(list.iter().filter_map(bencode).collect())),
        Value::Object(object) => {
            let entries = object.iter();
            let entries = entries.filter_map(|(k, v)| Some((k.as_str().into(), bencode(v)?)));
            Some(Bencode::Dict(entries.collect()))
        }
    }
}

/// Whether JavaScript takes a value for true.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Bool(true) | Value::Array(_) | Value::Object(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Wanted, item};

    #[test]
    fn what_is_no_item_is_told_as_a_grape_tells_it() {
        let key = "00".repeat(32);
        let signature = "00".repeat(64);
        for (data, error) in [
            (json!({}), "opts.v not given"),
            (json!(5), "opts.v not given"),
            (
                json!({"v": "x".repeat(1000)}),
                "v must be less than 1000 bytes in put()",
            ),
            (
                json!({"v": "ü".repeat(999)}),
                "v must be less than 1000 bytes in put()",
            ),
            (
                json!({"v": "x", "k": "00"}),
                "opts.k ed25519 public key must be 32 bytes",
            ),
            (
                json!({"v": "x", "k": key, "cas": "1"}),
                "opts.cas must be an integer if provided",
            ),
            (
                json!({"v": "x", "k": key}),
                "opts.sign function or options.sig signature is required for mutable put",
            ),
            (
                json!({"v": "x", "k": key, "sig": signature, "salt": "x".repeat(65)}),
                "opts.salt is > 64 bytes long",
            ),
            (
                json!({"v": "x", "k": key, "sig": signature}),
                "opts.seq not provided for a mutable update",
            ),
            (
                json!({"v": "x", "k": key, "sig": signature, "seq": "1"}),
                "opts.seq not an integer",
            ),
        ] {
            assert_eq!(item(&data).map(|_| ()), Err(error.to_owned()), "{data}");
        }
    }

    #[test]
    fn values_of_every_kind_are_items() {
        let text = |data| item(&data).map(|(item, _)| item.to_text());
        assert_eq!(text(json!("a")), Ok("a".to_owned()));
        assert_eq!(text(json!({"v": "ä"})), Ok("ä".to_owned()));
        assert_eq!(text(json!({"v": -5})), Ok("-5".to_owned()));
        assert_eq!(text(json!({"v": ["a", 1, null]})), Ok("a,1".to_owned()));
        assert_eq!(
            text(json!({"v": {"b": true}})),
            Ok("[object Object]".to_owned())
        );
    }

    #[test]
    fn a_value_is_wanted_by_its_hash_and_salt() {
        let wanted = Wanted::read(&json!({"hash": "0aff", "salt": "s", "cache": false}));
        let (hash, salt, kept) = (vec![10, 255], b"s".to_vec(), false);
        assert_eq!(wanted, Ok(Wanted { hash, salt, kept }));
        assert_eq!(Wanted::read(&json!("0aff")).unwrap().hash, [10, 255]);
        assert!(Wanted::read(&json!({"v": 1})).is_err());
    }
}

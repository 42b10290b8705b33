//! Answers of the API, with the keys in the order in which Grapes write them.

use std::net::SocketAddrV4;

use serde_json::{Value, json};

use crate::dht::{Found, Mutable, to_text};

/// What `/lookup` answers.
pub(super) fn peers(peers: &[SocketAddrV4]) -> String {
    let peers = peers.iter().map(SocketAddrV4::to_string);
    Value::from_iter(peers).to_string()
}

/// What `/get` answers.
pub(super) fn found(found: &Found, salt: &[u8]) -> String {
    let id = ("id", json!(hex::encode(found.by.0)));
    let value = ("v", json!(to_text(found.value())));
    let signed = found.item.mutable().map(|mutable| {
        let Mutable {
            key,
            signature,
            sequence,
            ..
        } = mutable;
        let key = ("k", json!(hex::encode(key)));
        let signature = ("sig", json!(hex::encode(signature)));
        (key, ("seq", json!(sequence)), signature)
    });
    let Some(token) = &found.token else {
        let mut entries = vec![id, ("token", Value::Null), value];
        if let Some((key, sequence, signature)) = signed {
            entries.extend([signature, key, sequence]);
        }
        return object(&entries);
    };
    // From another node, so as they came in: in the order of bencode, and then what was asked for.
    let mut entries = vec![id];
    if let Some((key, sequence, signature)) = signed {
        entries.extend([key, sequence, signature]);
    }
    entries.extend([("token", json!(hex::encode(token))), value]);
    if !salt.is_empty() {
        entries.push(("salt", json!(String::from_utf8_lossy(salt))));
    }
    object(&entries)
}

fn object(entries: &[(&str, Value)]) -> String {
    let entries = entries.iter();
    let entries = entries.map(|(key, value)| format!("{}:{value}", json!(key)));
    let entries: Vec<String> = entries.collect();
    format!("{{{}}}", entries.join(","))
}

//! Reading KRPC messages from strangers.

use super::bencode::{self, Value, get, get_bytes, get_integer};
use super::contact::{read_address, read_contacts};
use super::id::{InfoHash, MAX_INFO_HASH, NodeId};
use super::item::{Item, Mutable};
use super::message::{Answer, Ask, Body, MAX_DATAGRAM, Message};
use super::peers::MAX_PEERS_TOLD;

/// The longest transaction id that is answered. BEP 5 suggests 2 bytes.
const MAX_TRANSACTION: usize = 16;
/// The longest token that is kept for a node.
const MAX_TOKEN: usize = 128;
/// The most nodes that are read of one answer; Grapes tell 20.
const MAX_NODES: usize = 32;
/// The longest text of an error that is kept.
const MAX_ERROR: usize = 256;

/// What is no message.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Malformed {
    /// Nothing that asks for an answer.
    Garbage,
    /// A query that can't be answered, and why, as KRPC says it.
    Query {
        transaction: Vec<u8>,
        code: i64,
        text: &'static str,
    },
}

/// KRPC's code for a query that breaks the protocol.
const PROTOCOL_ERROR: i64 = 203;
/// KRPC's code for a query of an unknown kind.
const UNKNOWN_METHOD: i64 = 204;
/// BEP 44's code for a value that is too large.
const TOO_LARGE: i64 = 205;

/// Reads a datagram.
pub(super) fn decode(datagram: &[u8]) -> Result<Message, Malformed> {
    if datagram.len() > MAX_DATAGRAM {
        return Err(Malformed::Garbage);
    }
    let message = bencode::decode(datagram).ok_or(Malformed::Garbage)?;
    read(&message).ok_or(Malformed::Garbage)?
}

/// `None` for what is no message at all.
fn read(message: &Value) -> Option<Result<Message, Malformed>> {
    let transaction = get_bytes(message, "t")?;
    if !(1..=MAX_TRANSACTION).contains(&transaction.len()) {
        return None;
    }
    let transaction = transaction.to_vec();
    let body = match get_bytes(message, "y")? {
        b"q" => match query(message)? {
            Ok(query) => query,
            Err((code, text)) => {
                return Some(Err(Malformed::Query {
                    transaction,
                    code,
                    text,
                }));
            }
        },
        b"r" => Body::Answer(answer(get(message, "r")?)?),
        b"e" => error(get(message, "e")?),
        _ => return None,
    };
    Some(Ok(Message { transaction, body }))
}

fn query(message: &Value) -> Option<Result<Body, (i64, &'static str)>> {
    let name = get_bytes(message, "q")?;
    let arguments = get(message, "a")?;
    let read_only = get_integer(message, "ro").is_some_and(|read_only| read_only != 0);
    let id = get_bytes(arguments, "id").and_then(NodeId::from_slice);
    let id = id.filter(|_| !read_only);
    Some(ask(name, arguments).map(|ask| Body::Query { id, ask }))
}

fn ask(name: &[u8], arguments: &Value) -> Result<Ask, (i64, &'static str)> {
    let refused = |text| (PROTOCOL_ERROR, text);
    let target = || {
        let target = get_bytes(arguments, "target");
        target.filter(|target| target.len() <= MAX_INFO_HASH)
    };
    let info_hash = || get_bytes(arguments, "info_hash").and_then(InfoHash::new);
    match name {
        b"ping" => Ok(Ask::Ping),
        b"find_node" => match target() {
            Some(target) => Ok(Ask::FindNode {
                target: target.to_vec(),
            }),
            None => Err(refused("`find_node` missing required `a.target` field")),
        },
        b"get_peers" => match info_hash() {
            Some(info_hash) => Ok(Ask::GetPeers { info_hash }),
            None => Err(refused("`get_peers` missing required `a.info_hash` field")),
        },
        b"announce_peer" => announce(arguments, info_hash())
            .ok_or_else(|| refused("`announce_peer` needs info_hash, port and token")),
        b"get" => match target() {
            Some(target) => Ok(Ask::Get {
                target: target.to_vec(),
            }),
            None => Err(refused("`get` missing required `a.target` field")),
        },
        b"put" => put(arguments),
        _ => Err((UNKNOWN_METHOD, "Method Unknown")),
    }
}

fn announce(arguments: &Value, info_hash: Option<InfoHash>) -> Option<Ask> {
    let implied = get_integer(arguments, "implied_port").is_some_and(|implied| implied != 0);
    let port = match implied {
        true => None,
        false => {
            let port = u16::try_from(get_integer(arguments, "port")?).ok()?;
            Some(port).filter(|port| *port > 0).map(Some)?
        }
    };
    Some(Ask::AnnouncePeer {
        info_hash: info_hash?,
        port,
        token: get_bytes(arguments, "token")?.to_vec(),
    })
}

fn put(arguments: &Value) -> Result<Ask, (i64, &'static str)> {
    let refused = |text| (PROTOCOL_ERROR, text);
    let Some(token) = get_bytes(arguments, "token") else {
        return Err(refused("`put` missing required `a.token` field"));
    };
    let (value, mutable) = parts(arguments).ok_or_else(|| refused("`put` is no item"))?;
    let item = Item::new(value, mutable).ok_or((TOO_LARGE, "data payload too large"))?;
    Ok(Ask::Put {
        item,
        replaces: get_integer(arguments, "cas"),
        token: token.to_vec(),
    })
}

fn answer(results: &Value) -> Option<Answer> {
    let id = NodeId::from_slice(get_bytes(results, "id")?)?;
    let token = get_bytes(results, "token").filter(|token| token.len() <= MAX_TOKEN);
    let nodes = get_bytes(results, "nodes").unwrap_or_default();
    let values = match get(results, "values") {
        Some(Value::List(values)) => values.as_slice(),
        _ => &[],
    };
    let values = values
        .iter()
        .filter_map(|value| read_address(value.as_byte_str()?));
    // The salt is not told: who asked knows it.
    let item = parts(results).and_then(|(value, mutable)| Item::new(value, mutable));
    Some(Answer {
        id,
        token: token.map(<[u8]>::to_vec),
        nodes: read_contacts(nodes, MAX_NODES),
        values: values.take(MAX_PEERS_TOLD).collect(),
        item,
    })
}

/// A value and what makes it mutable. Half a signature is nothing.
fn parts(dict: &Value) -> Option<(Value, Option<Mutable>)> {
    let value = get(dict, "v")?.clone();
    let (key, signature) = (get_bytes(dict, "k"), get_bytes(dict, "sig"));
    if key.is_none() && signature.is_none() {
        return Some((value, None));
    }
    let mutable = Mutable {
        key: key?.try_into().ok()?,
        signature: signature?.try_into().ok()?,
        sequence: get_integer(dict, "seq")?,
        salt: get_bytes(dict, "salt").unwrap_or_default().to_vec(),
    };
    Some((value, Some(mutable)))
}

fn error(error: &Value) -> Body {
    let parts = match error {
        Value::List(parts) => parts.as_slice(),
        _ => &[],
    };
    let code = match parts.first() {
        Some(Value::Int(code)) => code.to_string().parse().unwrap_or_default(),
        _ => 0,
    };
    let text = parts.get(1).map(bencode::to_text).unwrap_or_default();
    let text = text.chars().take(MAX_ERROR).collect();
    Body::Error { code, text }
}

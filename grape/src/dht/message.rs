//! KRPC messages and how they are written.

use std::net::SocketAddrV4;

use super::bencode::{Value, bytes, dict, encode, insert, integer};
use super::contact::{Contact, write_address, write_contacts};
use super::id::{InfoHash, NodeId};
use super::item::{Item, Mutable};

/// The largest datagram that is read. Grapes tell every peer that they know in one answer; this is
/// 2000 of them.
pub(crate) const MAX_DATAGRAM: usize = 16 * 1024;

/// A message between nodes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    /// Ties an answer to its question: 2 bytes from Grapes, 4 from others.
    pub(super) transaction: Vec<u8>,
    pub(super) body: Body,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Body {
    Query {
        /// Who asks. `None` for who wants no answers later: they are read-only, or not known by
        /// any id.
        id: Option<NodeId>,
        ask: Ask,
    },
    Answer(Answer),
    Error {
        code: i64,
        text: String,
    },
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ask {
    Ping,
    FindNode {
        target: Vec<u8>,
    },
    GetPeers {
        info_hash: InfoHash,
    },
    AnnouncePeer {
        info_hash: InfoHash,
        /// `None`: the port that the query came from.
        port: Option<u16>,
        token: Vec<u8>,
    },
    Get {
        target: Vec<u8>,
    },
    Put {
        item: Item,
        /// The sequence number that it is meant to replace.
        replaces: Option<i64>,
        token: Vec<u8>,
    },
}

/// An answer to any question: what it does not tell is empty.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) id: NodeId,
    pub(super) token: Option<Vec<u8>>,
    pub(super) nodes: Vec<Contact>,
    pub(super) values: Vec<SocketAddrV4>,
    pub(super) item: Option<Item>,
}

impl Answer {
    /// An answer that tells only who answers.
    pub(super) fn of(id: NodeId) -> Self {
        Self {
            id,
            token: None,
            nodes: Vec::new(),
            values: Vec::new(),
            item: None,
        }
    }
}

/// The bytes of a contact and of a peer in an answer.
const CONTACT_BYTES: usize = 26;
const PEER_BYTES: usize = 8;

impl Answer {
    /// Leaves out what does not fit `room` bytes by itself.
    fn truncate(&mut self, room: usize) {
        self.nodes.truncate(room / CONTACT_BYTES);
        self.values.truncate(room / PEER_BYTES);
    }

    /// Leaves out what is the least loss; false where nothing is left but who answers. One contact
    /// is kept longest, to go on by.
    fn leave_out_one(&mut self) -> bool {
        if self.item.take().is_some() {
            return true;
        }
        if self.nodes.len() > 1 || self.values.is_empty() {
            return self.nodes.pop().is_some();
        }
        self.values.pop().is_some()
    }
}

impl Message {
    /// The datagram, cut to `most` bytes by leaving out some of what an answer tells; `None` where
    /// that is not enough.
    pub(super) fn encode_within(mut self, most: usize) -> Option<Vec<u8>> {
        if let Body::Answer(answer) = &mut self.body {
            answer.truncate(most);
        }
        loop {
            let datagram = self.encode();
            if datagram.len() <= most {
                return Some(datagram);
            }
            let Body::Answer(answer) = &mut self.body else {
                return None;
            };
            if !answer.leave_out_one() {
                return None;
            }
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let transaction = bytes(&self.transaction);
        encode(&match &self.body {
            Body::Query { id, ask } => dict([
                ("a", arguments(*id, ask)),
                ("q", bytes(ask.name().as_bytes())),
                ("t", transaction),
                ("y", bytes(b"q")),
            ]),
            Body::Answer(answer) => dict([
                ("r", results(answer)),
                ("t", transaction),
                ("y", bytes(b"r")),
            ]),
            Body::Error { code, text } => dict([
                (
                    "e",
                    Value::List(vec![integer(*code), bytes(text.as_bytes())]),
                ),
                ("t", transaction),
                ("y", bytes(b"e")),
            ]),
        })
    }
}

impl Ask {
    fn name(&self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::FindNode { .. } => "find_node",
            Self::GetPeers { .. } => "get_peers",
            Self::AnnouncePeer { .. } => "announce_peer",
            Self::Get { .. } => "get",
            Self::Put { .. } => "put",
        }
    }
}

fn arguments(id: Option<NodeId>, ask: &Ask) -> Value {
    let mut arguments = match ask {
        Ask::Ping => dict([]),
        Ask::FindNode { target } | Ask::Get { target } => dict([("target", bytes(target))]),
        Ask::GetPeers { info_hash } => dict([("info_hash", bytes(info_hash.as_bytes()))]),
        Ask::AnnouncePeer {
            info_hash,
            port,
            token,
        } => dict([
            ("implied_port", integer(i64::from(port.is_none()))),
            ("info_hash", bytes(info_hash.as_bytes())),
            ("port", integer(port.unwrap_or_default().into())),
            ("token", bytes(token)),
        ]),
        Ask::Put {
            item,
            replaces,
            token,
        } => {
            let mut arguments = dict([("token", bytes(token))]);
            write_item(&mut arguments, item);
            let salt = item.mutable().map_or(&[][..], |mutable| &mutable.salt);
            if !salt.is_empty() {
                insert(&mut arguments, "salt", bytes(salt));
            }
            if let Some(sequence) = replaces {
                insert(&mut arguments, "cas", integer(*sequence));
            }
            arguments
        }
    };
    if let Some(id) = id {
        insert(&mut arguments, "id", bytes(&id.0));
    }
    arguments
}

fn results(answer: &Answer) -> Value {
    let mut results = dict([("id", bytes(&answer.id.0))]);
    if let Some(token) = &answer.token {
        insert(&mut results, "token", bytes(token));
    }
    if !answer.nodes.is_empty() {
        insert(&mut results, "nodes", bytes(&write_contacts(&answer.nodes)));
    }
    if !answer.values.is_empty() {
        let values = answer.values.iter();
        let values = values.map(|address| bytes(&write_address(*address)));
        insert(&mut results, "values", Value::List(values.collect()));
    }
    if let Some(item) = &answer.item {
        write_item(&mut results, item);
    }
    results
}

fn write_item(dict: &mut Value, item: &Item) {
    insert(dict, "v", item.value.clone());
    if let Some(Mutable {
        key,
        signature,
        sequence,
        salt: _,
    }) = item.mutable()
    {
        insert(dict, "k", bytes(key));
        insert(dict, "sig", bytes(signature));
        insert(dict, "seq", integer(*sequence));
    }
}

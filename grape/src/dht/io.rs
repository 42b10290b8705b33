//! The border of the node: what it is asked, what comes of it, and what its driver must do.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::bencode::Value;
use super::id::{InfoHash, NodeId};
use super::item::Item;
use crate::error::OperationError;

/// What a node starts with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DhtConfig {
    /// Where its secrets, its id and its choices come from; never the same twice.
    pub(crate) seed: [u8; 32],
    /// The UDP port that it is reached on, which an announcement of port 0 means.
    pub(crate) port: u16,
}

/// Names what was asked of a node, until it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OperationId(pub(super) u64);

/// What can be asked of a node.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    /// Find the peers of a service.
    Lookup { service: InfoHash },
    /// Say that a service is at this port, as seen from here at this address.
    Announce {
        service: InfoHash,
        port: u16,
        address: Ipv4Addr,
    },
    /// Find a value.
    Get {
        target: [u8; 20],
        /// What its owner put beside the key.
        salt: Vec<u8>,
        /// Whether a value that this node keeps is good enough.
        kept: bool,
    },
    /// Have a value kept.
    Put { item: Item, replaces: Option<i64> },
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// The peers of a service, at most [`MAX_PEERS_TOLD`](super::MAX_PEERS_TOLD), in no order.
    Peers(Vec<SocketAddrV4>),
    /// By how many nodes an announcement was taken; by this one at least.
    Announced(usize),
    /// The value, if there is one.
    Value(Option<Found>),
    /// Under what a value is kept now.
    Stored([u8; 20]),
    /// Nothing.
    Failed(OperationError),
}

/// A value and who had it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) item: Item,
    pub(crate) by: NodeId,
    /// `None` where this node had it.
    pub(crate) token: Option<Vec<u8>>,
}

impl Found {
    pub(crate) fn value(&self) -> &Value {
        &self.item.value
    }
}

/// What the driver must do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Output {
    Send {
        to: SocketAddrV4,
        datagram: Vec<u8>,
    },
    /// What was asked is done.
    Done(OperationId, Outcome),
}

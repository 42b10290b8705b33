//! How many sessions there may be, and who counts as one party.

use std::net::IpAddr;

use sha2::{Digest, Sha256};

use super::exchange::{Scope, scope};
use super::manager::PeerManager;
use super::session::PeerSession;
use crate::ledger::TradeShare;
#[cfg(all(target_arch = "wasm32", not(test)))]
use crate::node::io::ConnId;
use crate::node::view::Direction;
use crate::types::{NodeId, PeerAddress, host, subnet};

/// How many sessions there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    pub(super) all: usize,
    /// So many are left for peers that this node chose itself, so that strangers who dial in
    /// can't take every place.
    pub(super) outbound: usize,
    pub(super) inbound: usize,
    /// With so many none is looked for, so that who comes new finds room.
    pub(super) enough: usize,
}

impl Places {
    pub(super) fn of(all: usize) -> Self {
        let outbound = all.div_ceil(2);
        // With a single place, whoever comes first has it.
        let inbound = (all - all / 2).max(all - outbound);
        Self {
            all,
            outbound,
            inbound,
            enough: all - all / 10,
        }
    }
}

/// Who counts as one party when places are given out: a /24 or /48 where addresses are public, each
/// host by itself in a private network, and all of this machine together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Party {
    Network(IpAddr),
    /// A name that was not resolved here.
    Name(String),
}

pub(super) fn party(address: &PeerAddress) -> Party {
    let Some(ip) = address.ip() else {
        return Party::Name(address.host().to_owned());
    };
    Party::Network(match scope(address) {
        Some(Scope::Public) => subnet(ip),
        Some(Scope::PrivateNetwork) | None => host(ip),
        Some(Scope::ThisMachine) => host(std::net::Ipv4Addr::LOCALHOST.into()),
    })
}

/// Who counts as one when room for what others bring is shared out. Keys cost nothing and networks do,
/// so that is the party, but for this machine itself, whose processes have one address together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Share {
    /// All sessions from one network.
    Party(Party),
    /// One peer on this machine.
    Peer(NodeId),
}

impl Share {
    /// In whose share the ledger and the disk keep the trades that came this way, equal at all times.
    pub(in crate::node) fn of_trades(&self) -> TradeShare {
        let hash = Sha256::new();
        let hash = match self {
            Self::Party(Party::Network(address)) => hash.chain_update(format!("network {address}")),
            Self::Party(Party::Name(name)) => hash.chain_update(format!("name {name}")),
            Self::Peer(node) => hash.chain_update(b"peer ").chain_update(node.0),
        };
        let mut share = [0; 8];
        share.copy_from_slice(&hash.finalize()[..8]);
        // Not one of those that have a meaning.
        TradeShare(u64::from_le_bytes(share) | 1 << 63)
    }
}

impl PeerSession {
    /// Who has to answer for what this session brings; none if its key was not proved.
    pub(crate) fn share(&self) -> Option<Share> {
        let node = self.id.node()?;
        Some(match scope(&self.remote) {
            Some(Scope::ThisMachine) => Share::Peer(node),
            _ => Share::Party(party(&self.remote)),
        })
    }
}

impl PeerManager {
    pub(super) fn is_full(&self, direction: Direction) -> bool {
        let used = self.count(direction);
        let limit = match direction {
            Direction::Inbound => self.places.inbound,
            Direction::Outbound => self.places.outbound,
        };
        used >= limit || self.sessions.len() >= self.places.all
    }

    pub(super) fn count(&self, direction: Direction) -> usize {
        let of = |session: &&PeerSession| session.direction == direction;
        self.sessions.values().filter(of).count()
    }

    /// Nobody dials a page.
    #[cfg(all(target_arch = "wasm32", not(test)))]
    #[allow(clippy::unused_self, reason = "as natively")]
    pub(super) const fn crowded(&self, _: &PeerAddress) -> Option<&'static str> {
        None
    }

    /// Nobody dials a page.
    #[cfg(all(target_arch = "wasm32", not(test)))]
    #[allow(clippy::unused_self, reason = "as natively")]
    pub(super) const fn who_makes_room(&self, _: &PeerAddress) -> Option<ConnId> {
        None
    }
}

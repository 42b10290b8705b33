//! What a source of addresses is.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::BoxFuture;
use thiserror::Error;

use crate::node::PeerSource;
use crate::types::{NetworkId, NodeId, PeerAddress};

/// An address where a peer may be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// Where.
    pub address: PeerAddress,
    /// Who is said to be there, if the source says so. Only a session proves it.
    pub id: Option<NodeId>,
}

/// What others are told of this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Who it is.
    pub node_id: NodeId,
    /// Which network it belongs to.
    pub network: NetworkId,
    /// Where it listens; an unspecified address stands for all of the machine's.
    pub listen: SocketAddr,
}

impl Announcement {
    /// Whether only this machine reaches the node.
    #[must_use]
    pub const fn is_local(&self) -> bool {
        self.listen.ip().is_loopback()
    }

    /// Whether this node itself listens at `address`, as far as the address alone tells.
    #[must_use]
    pub fn is_own(&self, address: &PeerAddress) -> bool {
        let own = self.listen.ip().to_canonical();
        address.port() == self.listen.port()
            && address
                .ip()
                .is_some_and(|ip| ip == own || own.is_unspecified() && ip.is_loopback())
    }
}

/// A source of addresses where peers may be: a stream of what it knows, which may fail and be
/// taken up again.
///
/// Whoever implements this promises:
/// - **Bounds.** It names a limited number of addresses at a time, and takes a limited amount of
///   what others send it.
/// - **No policy.** It tries no address itself and remembers no failures of addresses.
/// - **No tasks.** It works only while it is polled, and what it has opened ends when it is
///   dropped; [`end`](Discovery::end) says goodbye before.
pub trait Discovery: fmt::Debug + Send {
    /// What its candidates are called.
    fn source(&self) -> PeerSource;

    /// Opens the source and tells others there of this node, as far as they could reach it. Called
    /// at first and after each failure.
    ///
    /// # Errors
    /// The source doesn't work now.
    fn announce<'a>(
        &'a mut self,
        own: &'a Announcement,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>>;

    /// Waits for news and gives all candidates that the source knows now. An empty list only says
    /// that the source works.
    ///
    /// Cancel safe: dropped early, no news are lost.
    ///
    /// # Errors
    /// The source has failed: it is to be opened again by [`announce`](Discovery::announce).
    fn next(&mut self) -> BoxFuture<'_, Result<Vec<Candidate>, DiscoveryError>>;

    /// Makes [`next`](Discovery::next) look again now.
    fn look_again(&mut self);

    /// Takes back what was announced, as far as the source allows.
    fn end(&mut self) -> BoxFuture<'_, ()>;
}

/// Why a source doesn't work.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// Multicast DNS can't be used.
    #[error("multicast DNS: {reason}")]
    Mdns {
        /// What the system says.
        reason: String,
        /// That may change soon.
        retry_in: Option<Duration>,
    },
    /// None of the Grapes answers as it should.
    #[error("no Grape answers: {reason}")]
    NoGrape {
        /// What came of the last try.
        reason: String,
        /// None of them will be asked before.
        retry_in: Option<Duration>,
    },
    /// No node of the DHT answers as it should.
    #[error("the DHT: {reason}")]
    Dht {
        /// What came of the last try.
        reason: String,
    },
}

impl DiscoveryError {
    /// When it is worth trying again, where the source itself knows.
    #[must_use]
    pub const fn retry_in(&self) -> Option<Duration> {
        match self {
            Self::Mdns { retry_in, .. } | Self::NoGrape { retry_in, .. } => *retry_in,
            Self::Dht { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_knows_its_own_address_on_this_machine() {
        let at = |listen: &str| Announcement {
            node_id: NodeId([7; 32]),
            network: "local".parse().unwrap(),
            listen: listen.parse().unwrap(),
        };
        let is_own = |listen, address: &str| at(listen).is_own(&address.parse().unwrap());
        assert!(is_own("0.0.0.0:3000", "127.0.0.1:3000"));
        assert!(is_own("[::]:3000", "[::1]:3000"));
        assert!(is_own("10.0.0.1:3000", "10.0.0.1:3000"));
        assert!(!is_own("0.0.0.0:3000", "127.0.0.1:3001"));
        assert!(!is_own("0.0.0.0:3000", "10.0.0.1:3000"));
        assert!(!is_own("10.0.0.1:3000", "127.0.0.1:3000"));
    }
}

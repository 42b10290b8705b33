//! Attacks on a node, as anybody can make them who reaches its ports: `cargo xtask soak` makes
//! them at full strength, the tests for a moment each.
//!
//! Nothing in here takes more of a node than its ports: no key, no token, no file of it.

mod addresses;
mod chance;
mod connects;
mod drips;
mod flood;
mod identities;
mod lies;
mod lines;
mod origins;
mod oversize;
mod pace;
mod replay;
mod session;
mod signatures;
mod slow;
mod stranger;
mod strength;
mod tally;

use std::fmt;
use std::net::SocketAddr;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;

use stranger::Stranger;

pub use strength::Strength;
pub use tally::Deeds;

/// What is attacked.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Where peers connect.
    pub peers: SocketAddr,
    /// The control address, without its token.
    pub control: SocketAddr,
}

/// One way to attack a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attack {
    /// Connections that say nothing, as many as there can be, all closed and made again.
    Connects,
    /// Connections that drip a handshake byte by byte.
    Drips,
    /// Frames that claim to be huge, and JSON that is deep, long or monstrous.
    Oversize,
    /// Valid sessions that send as many small frames as they can.
    Flood,
    /// Statements whose signatures don't hold, under ever new keys.
    Signatures,
    /// Statements that were valid once, again and again.
    Replay,
    /// False answers and senseless wishes of reconciliation.
    Lies,
    /// Peer exchange that names addresses where nobody is.
    Addresses,
    /// Requests of foreign web pages.
    Origins,
    /// Sessions that ask for everything and read nothing.
    Slow,
    /// Owners that nobody has heard of, with as many orders as each may have.
    Identities,
}

impl Attack {
    /// All of them. What leaves most behind comes last.
    pub const ALL: [Self; 11] = [
        Self::Connects,
        Self::Drips,
        Self::Oversize,
        Self::Flood,
        Self::Signatures,
        Self::Replay,
        Self::Lies,
        Self::Addresses,
        Self::Origins,
        Self::Slow,
        Self::Identities,
    ];

    /// Its name in options and figures.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connects => "connects",
            Self::Drips => "drips",
            Self::Oversize => "oversize",
            Self::Flood => "flood",
            Self::Signatures => "signatures",
            Self::Replay => "replay",
            Self::Lies => "lies",
            Self::Addresses => "addresses",
            Self::Origins => "origins",
            Self::Slow => "slow",
            Self::Identities => "identities",
        }
    }

    /// The attack of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Does what takes time and can be done before, like signing.
    #[must_use]
    pub fn prepare(self, target: Target, strength: Strength) -> Prepared {
        let stranger = Stranger::new(target, strength);
        Prepared {
            attack: self.attack(stranger.clone()),
            stranger,
        }
    }

    /// Goes on for as long as it is let.
    fn attack(self, stranger: Stranger) -> BoxFuture<'static, ()> {
        match self {
            Self::Connects => connects::attack(stranger).boxed(),
            Self::Drips => drips::attack(stranger).boxed(),
            Self::Oversize => oversize::attack(stranger).boxed(),
            Self::Flood => flood::attack(stranger).boxed(),
            Self::Signatures => {
                let forged = signatures::forge();
                signatures::attack(stranger, forged).boxed()
            }
            Self::Replay => {
                let old = replay::remember(stranger.strength());
                replay::attack(stranger, old).boxed()
            }
            Self::Lies => lies::attack(stranger).boxed(),
            Self::Addresses => addresses::attack(stranger).boxed(),
            Self::Origins => origins::attack(stranger).boxed(),
            Self::Slow => {
                let owners = identities::owners(slow::OWNERS, slow::ORDERS);
                slow::attack(stranger, owners).boxed()
            }
            Self::Identities => {
                let strength = stranger.strength();
                let owners = identities::owners(strength.identities, strength.orders);
                identities::attack(stranger, owners).boxed()
            }
        }
    }
}

/// An attack that can begin.
pub struct Prepared {
    stranger: Stranger,
    attack: BoxFuture<'static, ()>,
}

impl Prepared {
    /// Begins.
    #[must_use]
    pub fn begin(self) -> UnderWay {
        UnderWay {
            stranger: self.stranger,
            task: tokio::spawn(self.attack),
        }
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("stranger", &self.stranger)
            .finish_non_exhaustive()
    }
}

/// An attack that goes on until this is dropped.
#[derive(Debug)]
pub struct UnderWay {
    stranger: Stranger,
    task: JoinHandle<()>,
}

impl UnderWay {
    /// What it did so far.
    #[must_use]
    pub fn deeds(&self) -> Deeds {
        self.stranger.deeds()
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

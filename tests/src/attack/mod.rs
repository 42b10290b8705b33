//! Attacks on a node, as anybody can make them who reaches its ports: `cargo xtask soak` makes
//! them at full strength, the tests for a moment each.
//!
//! Nothing in here takes more of a node than its ports: no key, no token, no file of it.

mod addresses;
mod chance;
mod clocks;
mod connects;
mod drips;
mod dust;
mod flood;
mod forwards;
mod health;
mod identities;
mod keep_alives;
mod lies;
mod lines;
mod logs;
mod origins;
mod oversize;
mod pace;
mod paths;
mod replay;
mod requests;
mod session;
mod signatures;
mod slow;
mod stranger;
mod strength;
mod tally;
mod wash;

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
    /// Where `/metrics` and `/healthz` are, if anywhere.
    pub metrics: Option<SocketAddr>,
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
    /// Addressed messages for owners that nobody has heard of.
    Forwards,
    /// Addressed messages in honest owners' names, so that theirs come to the attacker.
    Paths,
    /// Sessions with a false clock.
    Clocks,
    /// Connections that never read the page of metrics, and silent ones to the control address.
    Health,
    /// Sessions that come and go, at a node whose log nobody reads.
    Logs,
    /// Requests for orders that never were, each of which has to be answered.
    Requests,
    /// Owners that nobody has heard of, with as many orders as each may have.
    Identities,
    /// Owners without orders, made up by a keep-alive each.
    KeepAlives,
    /// Owners made up by a trade with each other.
    Washers,
    /// Honest orders, taken in the smallest pieces.
    Dust,
    /// Trades of an attacker with itself, as many as it can sign.
    Wash,
}

impl Attack {
    /// All of them. What leaves most behind comes last.
    pub const ALL: [Self; 21] = [
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
        Self::Forwards,
        Self::Paths,
        Self::Clocks,
        Self::Health,
        Self::Logs,
        Self::Requests,
        Self::Identities,
        Self::KeepAlives,
        Self::Washers,
        Self::Dust,
        Self::Wash,
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
            Self::Forwards => "forwards",
            Self::Paths => "paths",
            Self::Clocks => "clocks",
            Self::Health => "health",
            Self::Logs => "logs",
            Self::Requests => "requests",
            Self::Identities => "identities",
            Self::KeepAlives => "keepalives",
            Self::Washers => "washers",
            Self::Dust => "dust",
            Self::Wash => "wash",
        }
    }

    /// Whether it is an attack on nodes whose log nobody reads.
    #[must_use]
    pub const fn is_on_an_unread_log(self) -> bool {
        matches!(self, Self::Logs)
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
            Self::Forwards => forwards::attack(stranger).boxed(),
            Self::Paths => paths::attack(stranger).boxed(),
            Self::Clocks => clocks::attack(stranger).boxed(),
            Self::Health => health::attack(stranger).boxed(),
            Self::Logs => logs::attack(stranger).boxed(),
            Self::Requests => requests::attack(stranger).boxed(),
            Self::KeepAlives => {
                let owners = keep_alives::owners(&stranger);
                keep_alives::attack(stranger, owners).boxed()
            }
            Self::Washers => wash::fresh_owners(stranger).boxed(),
            Self::Dust => dust::attack(stranger).boxed(),
            Self::Wash => wash::same_owners(stranger).boxed(),
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

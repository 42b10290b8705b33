//! What can go wrong with a Grape.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use thiserror::Error;

/// Which of a Grape's ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The DHT's.
    Udp,
    /// The HTTP API's, or the RPC server's.
    Tcp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        })
    }
}

/// Why a Grape or an RPC server did not start. Nothing is left open then.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GrapeError {
    /// Somebody has the port already.
    #[error("{protocol} port {} on {} is in use", address.port(), address.ip())]
    PortInUse {
        /// The kind of port.
        protocol: Protocol,
        /// Where.
        address: SocketAddr,
    },
    /// The system refuses to listen.
    #[error("cannot listen on {protocol} {address}: {source}")]
    Listen {
        /// The kind of port.
        protocol: Protocol,
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The host has no IPv4 address.
    #[error("host {host:?} is not allowed: an IPv4 address or a name that has one")]
    Host {
        /// As it was configured.
        host: String,
    },
    /// Too many nodes to join by.
    #[error("{count} bootstrap nodes are not allowed: at most {most}")]
    TooManyBootstrapNodes {
        /// How many were given.
        count: usize,
        /// How many may be.
        most: usize,
    },
    /// The system has no random numbers to give.
    #[error("no random numbers from the system: {0}")]
    Entropy(getrandom::Error),
}

impl GrapeError {
    /// The error for a port that was not opened.
    pub(crate) fn listen(protocol: Protocol, address: SocketAddr, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::AddrInUse {
            return Self::PortInUse { protocol, address };
        }
        Self::Listen {
            protocol,
            address,
            source,
        }
    }
}

/// Why a Grape did not do what it was asked for. The text is what its HTTP API answers; where the
/// npm package has a text for it, that one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OperationError {
    /// The Grape is doing as much as it can.
    #[error("ERR_GRAPE_BUSY")]
    Busy,
    /// The Grape was shut down.
    #[error("dht is destroyed")]
    ShutDown,
    /// A signature that its key did not make.
    #[error("ERR_GRAPE_SIGNATURE")]
    Signature,
    /// A value that is too long to be kept.
    #[error("v must be less than 1000 bytes in put()")]
    TooLong,
    /// A kept value is newer, or is not the one that was to be replaced.
    #[error("{code} {text}")]
    Refused {
        /// The code, by BEP 44.
        code: i64,
        /// The reason.
        text: String,
    },
}

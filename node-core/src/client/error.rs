//! Why a client did not start, or did not ban anybody.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

use crate::runtime::EntropyError;
use crate::storage::StorageError;
use crate::types::InvalidValue;

/// Why [`ExchangeClient::initialize`](super::ExchangeClient::initialize) failed. Nothing is left
/// running or locked then, and it may be tried again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// Somebody listens there already.
    #[error("address {address} is in use")]
    AddressInUse {
        /// Where.
        address: SocketAddr,
    },
    /// The host to listen on means nothing here.
    #[error("host {host:?} is not allowed: an IP address or a host name of this machine")]
    Host {
        /// As it was configured.
        host: String,
    },
    /// The system refuses to listen.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The data directory can't be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The journal has something that this version can't read.
    #[error("the journal in {} can't be read by this version: {source}", path.display())]
    Restore {
        /// The data directory.
        path: PathBuf,
        /// What it is.
        source: InvalidValue,
    },
    /// No key can be made.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The client was shut down; a new one may be started.
    #[error("the client was shut down")]
    ShutDown,
}

impl StartError {
    /// A stable code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AddressInUse { .. } => "EADDRINUSE",
            Self::Host { .. } => "INVALID_HOST",
            Self::Listen { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => "EACCES",
                io::ErrorKind::AddrNotAvailable => "EADDRNOTAVAIL",
                _ => "LISTEN_FAILED",
            },
            Self::Storage(error) => error.code(),
            Self::Restore { .. } => "JOURNAL_UNREADABLE",
            Self::Entropy(_) => "NO_ENTROPY",
            Self::ShutDown => "SHUTTING_DOWN",
        }
    }
}

/// Why a ban was not changed, or not written down.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BanError {
    /// The node does not run.
    #[error("the node does not run")]
    NotRunning,
    /// The peer or the time is not allowed.
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
    /// It holds, and could not be written.
    #[error("{0}; it holds until the next start all the same")]
    Storage(#[from] StorageError),
}

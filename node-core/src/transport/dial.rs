//! Opening a socket to a host by name.

use std::io;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::connection::TransportError;
use crate::node::scope;
use crate::types::PeerAddress;

/// How many addresses of one name are tried.
pub const MAX_ATTEMPTS: usize = 4;
/// How long each of them may take.
pub const ATTEMPT_TIME: Duration = Duration::from_secs(3);

/// Connects to the first address of `address` that answers, without Nagle's delay.
pub(super) async fn connect(address: &PeerAddress) -> Result<TcpStream, TransportError> {
    let unresolved = || TransportError::Unresolved {
        host: address.host().to_owned(),
    };
    let addresses = lookup_host((address.host(), address.port()))
        .await
        .map_err(|_| unresolved())?;
    let mut error = unresolved();
    // Only its user gives a node names, so they may lead into private networks; but never to
    // everybody or nobody.
    let somebody = addresses.filter(|candidate| scope(&PeerAddress::from(*candidate)).is_some());
    for candidate in somebody.take(MAX_ATTEMPTS) {
        match timeout(ATTEMPT_TIME, TcpStream::connect(candidate)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(refused)) => error = refused.into(),
            Err(_) => error = io::Error::from(io::ErrorKind::TimedOut).into(),
        }
    }
    Err(error)
}

//! Opening a socket to a peer.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::connection::TransportError;
use super::resolve::resolve;
use crate::types::PeerAddress;

/// How long each address of a name may take.
pub const ATTEMPT_TIME: Duration = Duration::from_secs(3);

/// Connects to the first address of `address` that answers, without Nagle's delay.
pub(super) async fn connect(address: &PeerAddress) -> Result<TcpStream, TransportError> {
    let mut error = TransportError::Unresolved {
        host: address.host().to_owned(),
    };
    for candidate in resolve(address).await? {
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

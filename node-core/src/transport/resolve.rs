//! Turning the host of a peer into addresses of sockets.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::connection::TransportError;
use crate::node::scope;
use crate::types::PeerAddress;

/// Names of hosts that are looked up at the same time, in all. Each holds a thread until the system
/// gives up, which may be long after the dial that asked.
pub const MAX_LOOKUPS: usize = 8;
/// How long a dial waits for a name. Systems ask their second server after 5 s.
pub const LOOKUP_TIME: Duration = Duration::from_secs(6);
/// How many addresses of one name are tried.
pub const MAX_ATTEMPTS: usize = 4;

static LOOKUPS: Lookups = Lookups::new(MAX_LOOKUPS, LOOKUP_TIME);

/// The addresses to try for a peer, at most [`MAX_ATTEMPTS`]. A numeric address is there at once;
/// a name waits for its place among the lookups and for its answer.
///
/// # Errors
/// [`TransportError::Unresolved`], also where the answer takes longer than [`LOOKUP_TIME`].
pub(super) async fn resolve(address: &PeerAddress) -> Result<Vec<SocketAddr>, TransportError> {
    let (host, port) = (address.host(), address.port());
    let found = match (address.ip(), address.zone()) {
        (Some(ip), None) => Ok(vec![SocketAddr::new(ip, port)]),
        // The system knows the numbers of its interfaces, and asks no server for them.
        (Some(_), Some(_)) => lookup_host((host, port)).await.map(Iterator::collect),
        (None, _) => {
            let host = host.to_owned();
            LOOKUPS.run(move || system_lookup(&host, port)).await
        }
    };
    found.map_err(|_| TransportError::Unresolved {
        host: host.to_owned(),
    })
}

fn system_lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let found = (host, port).to_socket_addrs()?;
    // Only its user gives a node names, so they may lead into private networks; but never to
    // everybody or nobody.
    let of_a_host = |found: &SocketAddr| scope(&PeerAddress::from(*found)).is_some();
    Ok(found.filter(of_a_host).take(MAX_ATTEMPTS).collect())
}

/// Lookups that block a thread each, a bounded number at a time.
struct Lookups {
    places: Semaphore,
    time: Duration,
}

impl Lookups {
    const fn new(places: usize, time: Duration) -> Self {
        Self {
            places: Semaphore::const_new(places),
            time,
        }
    }

    /// Waits for a place and for the lookup. Given up, the lookup keeps its place until it ends.
    async fn run<T: Send + 'static>(
        &'static self,
        lookup: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let looked_up = async {
            let place = self.places.acquire().await.map_err(io::Error::other)?;
            let (found, answer) = oneshot::channel();
            // A thread of its own: a runtime that ends waits for its blocking tasks.
            let thread = thread::Builder::new().name("lookup".to_owned());
            thread.spawn(move || {
                // The dial may have been given up.
                let _ = found.send(lookup());
                drop(place);
            })?;
            answer.await.map_err(io::Error::other)?
        };
        let looked_up = timeout(self.time, looked_up).await;
        looked_up.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Condvar, Mutex};

    use super::*;

    /// Lookups that are answered once it opens.
    #[derive(Default)]
    struct Server {
        open: Mutex<bool>,
        changed: Condvar,
    }

    impl Server {
        fn answer(&self) -> io::Result<()> {
            let open = self.open.lock().unwrap();
            drop(self.changed.wait_while(open, |open| !*open).unwrap());
            Ok(())
        }

        fn open(&self) {
            *self.open.lock().unwrap() = true;
            self.changed.notify_all();
        }
    }

    #[tokio::test]
    async fn silent_names_hold_up_no_numeric_address_and_no_more_threads_than_allowed() {
        static SLOW: Lookups = Lookups::new(2, Duration::from_millis(50));
        let server = Arc::new(Server::default());
        let names = (0..12).map(|_| {
            let server = Arc::clone(&server);
            SLOW.run(move || server.answer())
        });
        for ended in futures_util::future::join_all(names).await {
            assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        }
        // The two that were begun keep their places, and the ten others were never begun.
        assert_eq!(SLOW.places.available_permits(), 0);
        for numeric in ["127.0.0.1:3000", "[::1]:3000"] {
            let found = resolve(&numeric.parse().unwrap()).await.unwrap();
            assert_eq!(found, [numeric.parse().unwrap()]);
        }
        server.open();
        while SLOW.places.available_permits() < 2 {
            tokio::task::yield_now().await;
        }
        SLOW.run(|| Ok(())).await.unwrap();
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn zone_is_the_interface_of_that_name_or_number() {
        let mut found = Vec::new();
        for zone in ["lo", "1"] {
            let address = format!("[fe80::1%{zone}]:3000").parse().unwrap();
            found.extend(resolve(&address).await.unwrap());
        }
        assert_eq!(found.len(), 2, "{found:?}");
        for address in found {
            assert_eq!(PeerAddress::from(address).to_string(), "[fe80::1%1]:3000");
        }
        let nowhere = "[fe80::1%no-such-link]:3000".parse().unwrap();
        let error = resolve(&nowhere).await.unwrap_err();
        assert!(error.to_string().contains("no-such-link"), "{error}");
    }
}

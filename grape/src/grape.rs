//! A Grape: a node of the DHT and its HTTP API.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use tokio::net::{TcpListener, UdpSocket, lookup_host};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::info;

use crate::api::Api;
use crate::config::GrapeConfig;
use crate::dht::{Dht, DhtConfig, Found, InfoHash, Item, MAX_BOOTSTRAP, Outcome, Request};
use crate::error::{GrapeError, OperationError, Protocol};
use crate::http::Server;
use crate::udp::{Command, MAX_COMMANDS, drive, v4};

/// A running Grape. [`shutdown`](Self::shutdown) ends it; dropped, it ends as soon as its tasks
/// run next.
#[derive(Debug)]
pub struct Grape {
    addresses: GrapeAddresses,
    dht: DhtHandle,
    own: Ipv4Addr,
    server: Server,
    driver: JoinHandle<()>,
    stop: DropGuard,
}

/// Where a Grape is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrapeAddresses {
    /// Its DHT, by UDP.
    pub dht: SocketAddr,
    /// Its HTTP API, by TCP.
    pub api: SocketAddr,
}

impl Grape {
    /// Opens both ports and begins to join the DHT, which may take as long as its other nodes
    /// do. Must be called in a tokio runtime with time and I/O.
    ///
    /// # Errors
    /// Where a port can't be opened, it says which; nothing is left open then.
    pub async fn start(config: GrapeConfig) -> Result<Self, GrapeError> {
        let GrapeConfig {
            host,
            dht_port,
            api_port,
            bootstrap,
        } = config;
        if bootstrap.len() > MAX_BOOTSTRAP {
            return Err(GrapeError::TooManyBootstrapNodes {
                count: bootstrap.len(),
                most: MAX_BOOTSTRAP,
            });
        }
        let ip = resolve(&host).await?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(GrapeError::Entropy)?;
        let (listener, api) = open_tcp(SocketAddr::from((ip, api_port))).await?;
        let udp = SocketAddr::from((ip, dht_port));
        let refused = |error| GrapeError::listen(Protocol::Udp, udp, error);
        let socket = UdpSocket::bind(udp).await.map_err(refused)?;
        let dht = socket.local_addr().map_err(refused)?;

        let stop = CancellationToken::new();
        let (sender, commands) = mpsc::channel(MAX_COMMANDS);
        let started = Instant::now();
        let config = DhtConfig {
            seed,
            port: dht.port(),
        };
        let node = Dht::new(config, started.elapsed());
        let running = drive(node, socket, started, bootstrap, commands, stop.clone());
        let driver = tokio::spawn(running);
        let handle = DhtHandle(sender);
        let server = Server::start(listener, api, Arc::new(Api::new(handle.clone())));
        info!(%dht, %api, "a Grape runs");
        Ok(Self {
            addresses: GrapeAddresses { dht, api },
            dht: handle,
            own: own_address(ip),
            server,
            driver,
            stop: stop.drop_guard(),
        })
    }

    /// Where it is reached, with the ports that were free where 0 was configured.
    #[must_use]
    pub fn addresses(&self) -> GrapeAddresses {
        self.addresses
    }

    /// How many other nodes of the DHT it knows at the moment. Cancel safe.
    ///
    /// # Errors
    /// [`OperationError::ShutDown`].
    pub async fn node_count(&self) -> Result<usize, OperationError> {
        self.dht.ask(Command::NodeCount).await
    }

    /// Says that a service is at this port of this machine, for
    /// [`ANNOUNCEMENT_LIFE`](crate::ANNOUNCEMENT_LIFE); 0 means the DHT's port. Returns by how
    /// many nodes it was taken, 1 where there is only this one. Other nodes take the address that
    /// they see. If this is cancelled, the announcement is made all the same.
    ///
    /// # Errors
    /// [`OperationError::ShutDown`] or [`OperationError::Busy`].
    pub async fn announce(&self, service: &InfoHash, port: u16) -> Result<usize, OperationError> {
        self.dht.announce(service.clone(), port, self.own).await
    }

    /// The peers of a service, at most [`MAX_PEERS_TOLD`](crate::MAX_PEERS_TOLD), in no order.
    /// Cancel safe.
    ///
    /// # Errors
    /// [`OperationError::ShutDown`] or [`OperationError::Busy`].
    pub async fn lookup(&self, service: &InfoHash) -> Result<Vec<SocketAddrV4>, OperationError> {
        self.dht.lookup(service.clone()).await
    }

    /// Has a value kept by the DHT and returns what it is found under. If this is cancelled, the
    /// value is kept all the same.
    ///
    /// # Errors
    /// [`OperationError`], also where a newer value is kept already.
    pub async fn put(&self, item: Item) -> Result<[u8; 20], OperationError> {
        self.dht.put(item, None).await
    }

    /// A value that the DHT keeps. Cancel safe.
    ///
    /// # Errors
    /// [`OperationError::ShutDown`] or [`OperationError::Busy`].
    pub async fn get(&self, target: [u8; 20]) -> Result<Option<Item>, OperationError> {
        let found = self.dht.get(target, Vec::new(), true).await?;
        Ok(found.map(|found| found.item))
    }

    /// Closes both ports and ends all tasks. What is asked for at the moment fails. Takes at most
    /// about a second, for HTTP requests that are under way.
    pub async fn shutdown(self) {
        let Self {
            server,
            driver,
            stop,
            ..
        } = self;
        drop(stop);
        server.stop().await;
        // Fails only if the task panicked or the runtime is going down: ended either way.
        let _ = driver.await;
    }
}

/// Asks the driver. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct DhtHandle(mpsc::Sender<Command>);

impl DhtHandle {
    pub(crate) async fn announce(
        &self,
        service: InfoHash,
        port: u16,
        address: Ipv4Addr,
    ) -> Result<usize, OperationError> {
        let request = Request::Announce {
            service,
            port,
            address,
        };
        match self.request(request).await? {
            Outcome::Announced(count) => Ok(count),
            _ => Err(OperationError::ShutDown),
        }
    }

    pub(crate) async fn lookup(
        &self,
        service: InfoHash,
    ) -> Result<Vec<SocketAddrV4>, OperationError> {
        match self.request(Request::Lookup { service }).await? {
            Outcome::Peers(peers) => Ok(peers),
            _ => Err(OperationError::ShutDown),
        }
    }

    pub(crate) async fn put(
        &self,
        item: Item,
        replaces: Option<i64>,
    ) -> Result<[u8; 20], OperationError> {
        match self.request(Request::Put { item, replaces }).await? {
            Outcome::Stored(target) => Ok(target),
            _ => Err(OperationError::ShutDown),
        }
    }

    pub(crate) async fn get(
        &self,
        target: [u8; 20],
        salt: Vec<u8>,
        kept: bool,
    ) -> Result<Option<Found>, OperationError> {
        match self.request(Request::Get { target, salt, kept }).await? {
            Outcome::Value(found) => Ok(found),
            _ => Err(OperationError::ShutDown),
        }
    }

    async fn request(&self, request: Request) -> Result<Outcome, OperationError> {
        let outcome = self.ask(|reply| Command::Request(request, reply)).await?;
        match outcome {
            Outcome::Failed(why) => Err(why),
            outcome => Ok(outcome),
        }
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, OperationError> {
        let (reply, answer) = oneshot::channel();
        let gone = OperationError::ShutDown;
        if self.0.send(command(reply)).await.is_err() {
            return Err(gone);
        }
        answer.await.map_err(|_| gone)
    }
}

/// Opens a TCP port.
pub(crate) async fn open_tcp(address: SocketAddr) -> Result<(TcpListener, SocketAddr), GrapeError> {
    let refused = |error| GrapeError::listen(Protocol::Tcp, address, error);
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let local = listener.local_addr().map_err(refused)?;
    Ok((listener, local))
}

async fn resolve(host: &str) -> Result<Ipv4Addr, GrapeError> {
    let found = lookup_host((host, 0)).await.ok();
    let address = found.and_then(|mut found| found.find_map(v4));
    address.map(|address| *address.ip()).ok_or_else(|| {
        let host = host.to_owned();
        GrapeError::Host { host }
    })
}

/// What this machine's own services are at, for those on it.
fn own_address(listening: Ipv4Addr) -> Ipv4Addr {
    match listening.is_unspecified() {
        true => Ipv4Addr::LOCALHOST,
        false => listening,
    }
}

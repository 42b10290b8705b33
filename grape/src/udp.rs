//! Drives a node of the DHT: its socket, its clock, and those who wait for it.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::time::Duration;

use tokio::net::{UdpSocket, lookup_host};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::config::BootstrapNode;
use crate::dht::{Dht, MAX_DATAGRAM, OperationId, Outcome, Output, Request};
use crate::error::OperationError;

/// The most requests that wait to be started.
pub(crate) const MAX_COMMANDS: usize = 256;
/// The most that wait for one look-up.
const MAX_WAITING: usize = 1024;
/// How often the names of the nodes to join by are looked up.
const RESOLVE_EVERY: Duration = Duration::from_secs(60);
/// The pause after the socket failed.
const PAUSE: Duration = Duration::from_millis(50);

/// What the driver is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Do this and tell what came of it.
    Request(Request, oneshot::Sender<Outcome>),
    /// Tell how many nodes are known.
    NodeCount(oneshot::Sender<usize>),
}

/// Runs a node until it is told to stop or nobody can tell it anything any more.
pub(crate) async fn drive(
    dht: Dht,
    socket: UdpSocket,
    started: Instant,
    bootstrap: Vec<BootstrapNode>,
    mut commands: mpsc::Receiver<Command>,
    stop: CancellationToken,
) {
    let (resolved, mut addresses) = mpsc::channel(1);
    let mut resolver = JoinSet::new();
    if !bootstrap.is_empty() {
        resolver.spawn(resolve_again_and_again(bootstrap, resolved));
    }
    let mut driver = Driver {
        dht,
        socket,
        started,
        waiting: HashMap::new(),
    };
    // One byte more than is read tells that there was more.
    let mut buffer = vec![0; MAX_DATAGRAM + 1];
    let run = async {
        // The first datagrams would be lost otherwise.
        if let Err(error) = driver.socket.writable().await {
            warn!(%error, "cannot send to the DHT");
        }
        loop {
            let wakeup = driver.started + driver.dht.next_wakeup();
            tokio::select! {
                received = driver.socket.recv_from(&mut buffer) => {
                    driver.received(received, &buffer).await;
                }
                command = commands.recv() => match command {
                    Some(command) => driver.command(command),
                    None => return,
                },
                Some(addresses) = addresses.recv() => {
                    driver.dht.set_bootstrap(addresses, driver.now());
                }
                () = sleep_until(wakeup) => driver.dht.tick(driver.now()),
            }
            driver.carry_out();
        }
    };
    stop.run_until_cancelled(run).await;
}

struct Driver {
    dht: Dht,
    socket: UdpSocket,
    started: Instant,
    waiting: HashMap<OperationId, Vec<oneshot::Sender<Outcome>>>,
}

impl Driver {
    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    async fn received(&mut self, received: io::Result<(usize, SocketAddr)>, buffer: &[u8]) {
        match received {
            Ok((length, SocketAddr::V4(from))) => {
                let now = self.now();
                let datagram = buffer.get(..length).unwrap_or_default();
                self.dht.handle(datagram, from, now);
                // A flood does not keep the clock from what is due.
                self.dht.tick(now);
            }
            Ok((_, SocketAddr::V6(_))) => {}
            Err(error) => {
                // Some systems report here that an earlier datagram found nobody.
                debug!(%error, "cannot receive from the DHT");
                sleep(PAUSE).await;
            }
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::NodeCount(reply) => {
                // Who asked may have gone.
                let _ = reply.send(self.dht.node_count());
            }
            Command::Request(request, reply) => match self.dht.request(request, self.now()) {
                Ok(operation) => {
                    let waiting = self.waiting.entry(operation).or_default();
                    match waiting.len() < MAX_WAITING {
                        true => waiting.push(reply),
                        false => fail(reply, OperationError::Busy),
                    }
                }
                Err(why) => fail(reply, why),
            },
        }
    }

    fn carry_out(&mut self) {
        for output in self.dht.take_outputs() {
            match output {
                Output::Send { to, datagram } => {
                    // A datagram may be lost here as well as anywhere; questions are repeated.
                    if let Err(error) = self.socket.try_send_to(&datagram, to.into()) {
                        debug!(%error, %to, "cannot send to the DHT");
                    }
                }
                Output::Done(operation, outcome) => {
                    for reply in self.waiting.remove(&operation).unwrap_or_default() {
                        let _ = reply.send(outcome.clone());
                    }
                }
            }
        }
    }
}

fn fail(reply: oneshot::Sender<Outcome>, why: OperationError) {
    // Who asked may have gone.
    let _ = reply.send(Outcome::Failed(why));
}

async fn resolve_again_and_again(
    nodes: Vec<BootstrapNode>,
    resolved: mpsc::Sender<Vec<SocketAddrV4>>,
) {
    let mut last = Vec::new();
    loop {
        let mut addresses = Vec::new();
        for node in &nodes {
            match lookup_host((node.host(), node.port())).await {
                Ok(found) => addresses.extend(found.filter_map(v4).next()),
                Err(error) => warn!(%error, %node, "cannot find a bootstrap node of the DHT"),
            }
        }
        if addresses != last {
            last.clone_from(&addresses);
            if resolved.send(addresses).await.is_err() {
                return;
            }
        }
        sleep(RESOLVE_EVERY).await;
    }
}

/// The address, if it is one of the DHT's.
pub(crate) fn v4(address: SocketAddr) -> Option<SocketAddrV4> {
    match address {
        SocketAddr::V4(address) => Some(address),
        SocketAddr::V6(_) => None,
    }
}

//! Honest nodes around one node, through which everything passes that they want of each other:
//! what they lose or wait for shows how well that node does.

mod figures;
mod newcomers;
mod orders;
mod probes;
mod record;
mod seen;
mod standing;
mod trades;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use meshbook::client::{Config, ExchangeClient};
use meshbook::node::{NewOrder, OrderKind, TimeInForce};
use meshbook::types::{Amount, Price, Side};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::{DiskUse, eventually};
use record::Record;

pub use figures::{Latency, PhaseFigures};
pub use newcomers::{Newcomers, Welcome};
pub use probes::{ProbeFigures, Probes};

/// How often it is looked whether something has happened.
const INTERVAL: Duration = Duration::from_millis(20);

/// Of three nodes or more the last one is behind the one before it, so that there is a way of
/// several nodes through the one in question.
const ONE_BEHIND_ANOTHER: usize = 3;

/// Nodes in this process, each with a session to the node in question and to nobody else, but for
/// the last one, whose only session is to the one before it.
#[derive(Debug)]
pub struct Honest {
    clients: Vec<ExchangeClient>,
    // Gone with the last of them.
    folders: Vec<TempDir>,
}

impl Honest {
    /// Starts so many and waits until each has its session.
    ///
    /// # Panics
    /// Where one doesn't start, or has none in time.
    pub async fn around(node: SocketAddr, count: usize) -> Self {
        let (mut clients, mut folders) = (Vec::<ExchangeClient>::new(), Vec::new());
        for number in 1..=count {
            let before = clients.last().and_then(ExchangeClient::p2p_address);
            let dials = match before {
                Some(before) if number == count && count >= ONE_BEHIND_ANOTHER => before,
                _ => node,
            };
            let (client, folder) = started(dials).await;
            clients.push(client);
            folders.push(folder);
        }
        let honest = Self { clients, folders };
        honest.are_connected().await;
        honest
    }

    /// Waits until each has its session.
    pub async fn are_connected(&self) {
        eventually("all honest nodes have a session", async || {
            match self.connected() {
                count if count == self.clients.len() => Ok(()),
                count => Err(format!("{count}")),
            }
        })
        .await;
    }

    /// How many have their session.
    #[must_use]
    pub fn connected(&self) -> usize {
        let connected = |client: &&ExchangeClient| client.p2p_stats().peers.connected_peers > 0;
        self.clients.iter().filter(connected).count()
    }

    /// Watches how much each has on disk.
    #[must_use]
    pub fn disk_use(&self) -> DiskUse {
        let folders = self.folders.iter();
        DiskUse::of(folders.map(|it| it.path().to_owned()).collect(), None)
    }

    /// Sets them to trade: so many orders a second in all, and trades one after the other.
    #[must_use]
    pub fn trade(&self, orders_a_second: u32) -> Load {
        let record = Arc::new(Record::new(self.clients.len()));
        let mut tasks = JoinSet::new();
        for (peer, client) in self.clients.iter().enumerate() {
            tasks.spawn(seen::watch(client.clone(), peer, Arc::clone(&record)));
        }
        let mut work = JoinSet::new();
        let clients = self.clients.clone();
        work.spawn(orders::place(clients, Arc::clone(&record), orders_a_second));
        work.spawn(trades::trade(self.clients.clone(), Arc::clone(&record)));
        work.spawn(standing::watch(self.clients.clone(), Arc::clone(&record)));
        Load {
            record,
            work,
            _watching: tasks,
        }
    }

    /// Says goodbye.
    pub async fn shut_down(self) {
        for client in &self.clients {
            client.shutdown().await;
        }
    }
}

/// Trading that is under way, in phases that are told apart.
#[derive(Debug)]
pub struct Load {
    record: Arc<Record>,
    work: JoinSet<()>,
    _watching: JoinSet<()>,
}

impl Load {
    /// Begins the next phase: what is placed from now on counts for it. The first is number 0.
    pub fn next_phase(&self) -> usize {
        self.record.next_phase()
    }

    /// The figures of a phase. Orders that are still on their way count for nothing.
    #[must_use]
    pub fn figures(&self, phase: usize) -> PhaseFigures {
        self.record.figures(phase)
    }

    /// Ends the trading, and waits until all that was placed has arrived everywhere, or could
    /// have. What has not arrived then is lost.
    ///
    /// # Panics
    /// Where the trading has ended by a panic.
    pub async fn stop(&mut self) {
        self.record.stop();
        let ended = async {
            while let Some(ended) = self.work.join_next().await {
                ended.expect("the trading goes on to its end");
            }
        };
        // Nodes that are behind with their work don't even take what is placed.
        let _ = timeout(ENDS_WITHIN, ended).await;
        let complete = async {
            while !self.record.is_complete() {
                sleep(INTERVAL).await;
            }
        };
        let _ = timeout(ARRIVES_WITHIN, complete).await;
    }
}

/// What is under way when the trading ends has so long to be placed.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

/// And then so long to arrive.
const ARRIVES_WITHIN: Duration = Duration::from_secs(30);

async fn started(node: SocketAddr) -> (ExchangeClient, TempDir) {
    let folder = TempDir::with_prefix("meshbook-honest-").expect("a folder");
    let settings = [
        ("P2P_HOST", "127.0.0.1"),
        ("P2P_PORT", "0"),
        ("DISCOVERY_MDNS", "false"),
        ("DISCOVERY_GRENACHE", "false"),
        ("DISCOVERY_PEER_EXCHANGE", "false"),
        ("USE_WELL_KNOWN_NODES", "false"),
        // What is measured is the way through the node in question, and not the disk of these.
        ("JOURNAL_SYNC", "off"),
        ("PEER_RECONNECT_INTERVAL", "1000"),
        ("BOOTSTRAP_PEERS", &node.to_string()),
    ];
    let mut builder = Config::builder().data_dir(folder.path().to_owned());
    for (name, text) in settings {
        builder = builder.set(name, text).expect("a setting");
    }
    let client = ExchangeClient::new(builder.build().expect("settings")).expect("a client");
    client.initialize().await.expect("a node");
    (client, folder)
}

/// An order of 1.
fn order(side: Side, price: Price, time_in_force: TimeInForce) -> NewOrder {
    NewOrder {
        side,
        amount: Amount::from_units(ONE).unwrap_or_default(),
        kind: OrderKind::Limit(price),
        time_in_force,
        user: None,
        lifetime: None,
    }
}

const ONE: u128 = 100_000_000;

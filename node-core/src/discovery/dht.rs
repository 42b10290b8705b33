//! The BitTorrent DHT as a source of peers, or a private one.
//!
//! With this a node needs neither Grapes nor a node that it knows: it is a node of the DHT itself
//! (crate `mainline`), announces its port there under the SHA-1 of its network's name, and looks
//! the others up. That is public: whoever asks learns the address, and anybody may announce there.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use mainline::Id;
use mainline::async_dht::AsyncDht;
use mainline::errors::PutQueryError;
use sha1::{Digest, Sha1};
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use super::pace::Pace;
use super::source::{Announcement, Candidate, Discovery, DiscoveryError};
use crate::node::{PeerSource, may_pass};
use crate::types::{NetworkId, PeerAddress};

/// The node is announced, and others are looked up, so often; nodes of the DHT keep an announcement
/// for half an hour or longer.
pub const DHT_ROUND_EVERY: Duration = Duration::from_secs(300);
/// The pause after the first round; it doubles up to [`DHT_ROUND_EVERY`].
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// A round takes no longer.
const ROUND_TIME: Duration = Duration::from_secs(30);
/// So many addresses of one round are taken.
pub const MAX_DHT_PEERS: usize = 200;
/// Where the address that names the others is not known, they must be reachable from everywhere.
const ANYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1));

/// Announces the node's port to a DHT and looks others up there. IPv4 only, as the DHT is.
#[derive(Debug)]
pub struct Dht {
    /// Nodes of the DHT to begin with; none stands for those of BitTorrent.
    bootstrap: Vec<PeerAddress>,
    /// Addresses that are reached from where these are, are believed.
    near: PeerAddress,
    own: Option<Announcement>,
    node: Option<AsyncDht>,
    pace: Pace,
}

impl Dht {
    /// A DHT that is not asked yet.
    #[must_use]
    pub fn new(bootstrap: Vec<PeerAddress>) -> Self {
        let near = bootstrap.iter().find(|address| address.ip().is_some());
        let anywhere = || PeerAddress::from(SocketAddr::new(ANYWHERE, 1));
        Self {
            near: near.cloned().unwrap_or_else(anywhere),
            bootstrap,
            own: None,
            node: None,
            pace: Pace::new(FIRST_PAUSE, DHT_ROUND_EVERY),
        }
    }

    /// Whether the DHT is on this machine alone, as one for tests is.
    fn is_local(&self) -> bool {
        self.near.ip().is_some_and(|ip| ip.is_loopback())
    }

    /// Becomes a node of the DHT. The library has a thread for it, which ends with the last handle.
    async fn join(&mut self) -> Result<AsyncDht, DiscoveryError> {
        if let Some(node) = &self.node {
            return Ok(node.clone());
        }
        let bootstrap: Vec<String> = self.bootstrap.iter().map(ToString::to_string).collect();
        let local = self.is_local();
        // It resolves names and waits for its thread.
        let joining = tokio::task::spawn_blocking(move || {
            let mut builder = mainline::Dht::builder();
            builder.port(0);
            if local {
                builder.bind_address(Ipv4Addr::LOCALHOST);
            }
            if !bootstrap.is_empty() {
                builder.bootstrap(&bootstrap);
            }
            builder.build()
        });
        let node = joining.await.map_err(|error| failed(&error))?;
        let node = node.map_err(|error| failed(&error))?.as_async();
        self.node = Some(node.clone());
        Ok(node)
    }

    async fn round(&mut self) -> Result<Vec<Candidate>, DiscoveryError> {
        let Some(own) = self.own.clone() else {
            return Ok(Vec::new());
        };
        let node = self.join().await?;
        let key = key(&own.network);
        let end = Instant::now() + ROUND_TIME;
        // What only this machine reaches is named to nobody else.
        if !own.is_local() || self.is_local() {
            let announced = timeout_at(end, node.announce_peer(key, Some(own.listen.port())));
            let announced = announced.await.map_err(|error| failed(&error))?;
            announced.map_err(|error| match error {
                PutQueryError::NoClosestNodes => failed(&"no node of it answers"),
                error => failed(&error),
            })?;
        }
        let mut found = node.get_peers(key);
        let mut candidates: Vec<Candidate> = Vec::new();
        while let Ok(Some(peers)) = timeout_at(end, found.next()).await {
            for peer in peers {
                let Some(address) = PeerAddress::of_peer(SocketAddr::V4(peer)) else {
                    continue;
                };
                let known = candidates.iter().any(|other| other.address == address);
                if !known && candidates.len() < MAX_DHT_PEERS && may_pass(&address, &self.near) {
                    candidates.push(Candidate { address, id: None });
                }
            }
        }
        debug!(found = candidates.len(), "looked up in the DHT");
        Ok(candidates)
    }
}

/// What the nodes of one network are announced under.
fn key(network: &NetworkId) -> Id {
    Id::from(<[u8; 20]>::from(Sha1::digest(network.to_string())))
}

fn failed(reason: &impl ToString) -> DiscoveryError {
    DiscoveryError::Dht {
        reason: reason.to_string(),
    }
}

impl Discovery for Dht {
    fn source(&self) -> PeerSource {
        PeerSource::Dht
    }

    fn announce<'a>(
        &'a mut self,
        own: &'a Announcement,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        self.own = Some(own.clone());
        self.look_again();
        Box::pin(async { self.join().await.map(drop) })
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Vec<Candidate>, DiscoveryError>> {
        Box::pin(async {
            self.pace.due().await;
            let found = self.round().await;
            if found.is_err() {
                // Names may stand for other addresses by now.
                self.node = None;
            }
            let found = found?;
            self.pace.worked();
            Ok(found)
        })
    }

    fn look_again(&mut self) {
        self.pace.again();
    }

    fn end(&mut self) -> BoxFuture<'_, ()> {
        // The DHT forgets by itself; there is nothing to take back an announcement by.
        self.node = None;
        Box::pin(std::future::ready(()))
    }
}

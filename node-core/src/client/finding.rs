//! How a client finds peers: which sources it has, and what it does with what they name.

use futures_util::future::BoxFuture;

use super::config::Config;
use super::lanes::Envelope;
use super::shared::Shared;
use crate::discovery::{
    Candidate, Dht, Discovery, Grenache, GrenacheOptions, Listed, Mdns, Seeker,
};
use crate::node::{Input, PeerSource, PersistedPeer};
use crate::types::NodeId;

/// The sources that are switched on, by their priority. Without direct connections that is
/// Grenache alone.
pub(super) fn sources(config: &Config, known: &[PersistedPeer]) -> Vec<Box<dyn Discovery>> {
    let mut sources: Vec<Box<dyn Discovery>> = Vec::new();
    if config.p2p_enabled {
        sources.push(Box::new(persisted(known)));
        sources.push(Box::new(bootstrap(config)));
        if config.discovery_mdns {
            sources.push(Box::new(Mdns::new()));
        }
    }
    if config.discovery_grenache {
        sources.push(Box::new(Grenache::new(GrenacheOptions {
            urls: config.grape_urls.clone(),
            failure_threshold: config.circuit_breaker_failure_threshold,
            reset_timeout: config.circuit_breaker_reset_timeout,
        })));
    }
    if config.p2p_enabled && config.discovery_dht {
        sources.push(Box::new(Dht::new(config.dht_bootstrap.clone())));
    }
    sources
}

fn persisted(known: &[PersistedPeer]) -> Listed {
    let peers = known.iter().map(|peer| Candidate {
        address: peer.address.clone(),
        id: peer
            .node_id
            .as_ref()
            .and_then(|id| id.parse::<NodeId>().ok()),
    });
    Listed::new(PeerSource::Persisted, peers.collect())
}

fn bootstrap(config: &Config) -> Listed {
    let peers = config.initial_peers().into_iter();
    let peers = peers.map(|address| Candidate { address, id: None });
    Listed::new(PeerSource::Bootstrap, peers.collect())
}

impl Seeker for Shared {
    fn found(&self, source: PeerSource, candidates: Vec<Candidate>) -> BoxFuture<'_, ()> {
        let found = candidates.into_iter().map(|candidate| Input::Found {
            address: candidate.address,
            id: candidate.id,
            source,
        });
        let inputs = found.collect();
        Box::pin(self.tell(Envelope {
            inputs,
            _shares: Vec::new(),
        }))
    }

    fn is_alone(&self) -> bool {
        self.node().is_alone()
    }
}

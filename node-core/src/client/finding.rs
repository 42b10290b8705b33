//! How a client finds peers: which sources it has, and what it does with what they name.

use futures_util::future::BoxFuture;

use super::config::Config;
use super::shared::{Envelope, Shared};
use crate::discovery::{
    Candidate, Dht, Discovery, Grenache, GrenacheOptions, Listed, Mdns, Seeker,
};
use crate::node::{Input, PeerSource, PersistedPeer};
use crate::types::NodeId;

/// The sources that are switched on, by their priority.
pub(super) fn sources(config: &Config, known: &[PersistedPeer]) -> Vec<Box<dyn Discovery>> {
    let persisted = known.iter().map(|peer| Candidate {
        address: peer.address.clone(),
        id: peer
            .node_id
            .as_ref()
            .and_then(|id| id.parse::<NodeId>().ok()),
    });
    let bootstrap = config.initial_peers().into_iter();
    let bootstrap = bootstrap.map(|address| Candidate { address, id: None });
    let mut sources: Vec<Box<dyn Discovery>> = vec![
        Box::new(Listed::new(PeerSource::Persisted, persisted.collect())),
        Box::new(Listed::new(PeerSource::Bootstrap, bootstrap.collect())),
    ];
    if config.discovery_mdns {
        sources.push(Box::new(Mdns::new()));
    }
    if config.discovery_grenache {
        sources.push(Box::new(Grenache::new(GrenacheOptions {
            urls: config.grape_urls.clone(),
            failure_threshold: config.circuit_breaker_failure_threshold,
            reset_timeout: config.circuit_breaker_reset_timeout,
        })));
    }
    if config.discovery_dht {
        sources.push(Box::new(Dht::new(config.dht_bootstrap.clone())));
    }
    sources
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
            _share: None,
        }))
    }

    fn is_alone(&self) -> bool {
        self.node().is_alone()
    }
}

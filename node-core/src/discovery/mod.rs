//! Finding peers: sources of addresses, and what runs them.
//!
//! A [`Discovery`] is one source: the peers of the last run and the configured ones ([`Listed`]),
//! the local network ([`Mdns`]), Grapes ([`Grenache`]), a DHT ([`Dht`]). [`PeerDiscovery`] runs
//! them side by side, each failing and coming back on its own. What they name goes to the node,
//! which decides whom to dial and remembers what came of it; lists that peers send are the node's
//! own business.

mod dht;
mod grenache;
mod listed;
mod mdns;
mod pace;
mod peer_discovery;
mod source;
mod worker;

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing {
    pub use super::grenache::fuzzing::read_looked_up;
    pub use super::mdns::fuzzing::{read_txt, write_txt};
}

pub use dht::{DHT_ROUND_EVERY, Dht, MAX_DHT_PEERS};
pub use grenache::{
    ANNOUNCE_EVERY, CircuitBreaker, GRENACHE_SERVICE, Grenache, GrenacheOptions, MAX_ANSWER,
    MAX_LOOKED_UP,
};
pub use listed::Listed;
pub use mdns::{MAX_INSTANCE_ADDRESSES, MAX_INSTANCES, MESHBOOK_SERVICE, Mdns, ORIGINAL_SERVICE};
pub use peer_discovery::{ALONE_AFTER, Health, PeerDiscovery, Rounds, Seeker};
pub use source::{Announcement, Candidate, Discovery, DiscoveryError};
pub use worker::{END_TIME, LONGEST_PAUSE, TELL_AGAIN};

//! The DHT as strangers reach it: for the fuzz targets.

use std::net::SocketAddrV4;
use std::time::Duration;

use super::decode::decode;
use super::{Dht, DhtConfig, Output};

/// What a datagram says, and what its text says once it is written again; nothing for what is no
/// message.
#[must_use]
pub fn reread(datagram: &[u8]) -> Option<(String, String)> {
    let message = decode(datagram).ok()?;
    let again = decode(&message.encode());
    Some((format!("{:?}", Ok::<_, ()>(&message)), format!("{again:?}")))
}

/// A node of the DHT.
#[derive(Debug)]
pub struct Node(Dht);

impl Node {
    /// One that knows nobody.
    #[must_use]
    pub fn new(seed: [u8; 32], port: u16) -> Self {
        Self(Dht::new(DhtConfig { seed, port }, Duration::ZERO))
    }

    /// What it sends because of a datagram.
    pub fn handle(
        &mut self,
        datagram: &[u8],
        from: SocketAddrV4,
        now: Duration,
    ) -> Vec<(SocketAddrV4, Vec<u8>)> {
        self.0.handle(datagram, from, now);
        let sent = self.0.take_outputs().into_iter();
        let sent = sent.filter_map(|output| match output {
            Output::Send { to, datagram } => Some((to, datagram)),
            Output::Done(..) => None,
        });
        sent.collect()
    }

    /// How many others it knows.
    #[must_use]
    pub fn known(&self) -> usize {
        self.0.node_count()
    }
}

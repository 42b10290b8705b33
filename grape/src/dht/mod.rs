//! The DHT without its socket: datagrams and time in, datagrams and results out.
//!
//! KRPC as BEP 5 has it and values as BEP 44 has them, in the dialect of `bittorrent-dht`, which
//! the npm package's Grapes are made of: an info hash is the raw name of a service, of any length.

mod bencode;
mod contact;
mod decode;
#[cfg(test)]
mod decode_tests;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod id;
mod io;
mod item;
mod limiter;
mod lru;
mod maintain;
mod message;
mod node;
mod operations;
mod peers;
mod proofs;
mod queries;
mod requests;
mod respond;
mod search;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod tokens;

pub(crate) use bencode::{Value, to_text};
pub use id::{InfoHash, MAX_INFO_HASH};
pub(crate) use io::{DhtConfig, Found, OperationId, Outcome, Output, Request};
pub use item::Item;
pub(crate) use item::{MAX_SALT, MAX_VALUE, Mutable};
pub(crate) use maintain::MAX_BOOTSTRAP;
pub(crate) use message::MAX_DATAGRAM;
pub(crate) use node::Dht;
pub use peers::ANNOUNCEMENT_LIFE;
pub use peers::MAX_PEERS_TOLD;

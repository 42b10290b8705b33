//! A Grenache Grape to embed, and the peer RPC of `grenache-nodejs-http`.
//!
//! A [`Grape`] is a node of the Kademlia DHT that the npm package `grenache-grape` forms, with that
//! package's HTTP API beside it, so that Grenache clients find each other through it. [`RpcServer`]
//! and [`RpcClient`] speak what `PeerRPCServer` and `PeerRPCClient` speak.
//!
//! Nothing here knows what the services are for.

mod api;
mod config;
mod dht;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod grape;
mod http;
mod rpc;
mod udp;

pub use config::{BootstrapNode, GrapeConfig, InvalidBootstrapNode};
pub use dht::{ANNOUNCEMENT_LIFE, InfoHash, Item, MAX_INFO_HASH, MAX_PEERS_TOLD};
pub use error::{GrapeError, OperationError, Protocol};
pub use grape::{Grape, GrapeAddresses};
pub use rpc::{
    RpcAnswer, RpcClient, RpcClientConfig, RpcDesk, RpcError, RpcLimits, RpcRequest, RpcServer,
};

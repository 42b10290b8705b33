//! Grenache's HTTP peer RPC, as `grenache-nodejs-http` speaks it.
//!
//! A request is a POST of `[rid, key, payload]`, an answer is `[rid, error or null, result]`, both
//! compressed where the header `grc-compress` says `gzip`.

mod client;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod gzip;
mod server;
mod wire;

pub use client::{RpcClient, RpcClientConfig, RpcError};
pub use server::{RpcAnswer, RpcDesk, RpcLimits, RpcRequest, RpcServer};

/// The header that tells whether bodies are compressed.
const COMPRESS_HEADER: &str = "grc-compress";

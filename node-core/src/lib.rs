//! A peer-to-peer exchange node as a library.
//!
//! One deterministic core, thin drivers around it: see `ARCHITECTURE.md` at the root of the
//! repository for the layers, and each module's own page for its part.

pub mod collections;
pub mod types;

#[cfg(feature = "mutations")]
pub mod mutations;
#[cfg(not(feature = "mutations"))]
#[expect(unreachable_pub, reason = "it is public with the feature")]
mod mutations;

pub mod ledger;
pub mod orderbook;
pub mod protocol;

pub mod node;

#[cfg(not(target_arch = "wasm32"))]
pub mod client;
#[cfg(not(target_arch = "wasm32"))]
pub mod discovery;
pub mod runtime;
#[cfg(not(target_arch = "wasm32"))]
pub mod storage;
#[cfg(not(target_arch = "wasm32"))]
pub mod transport;

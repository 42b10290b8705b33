//! Time and entropy, which the core takes as arguments and never fetches.

#[cfg(not(target_arch = "wasm32"))]
mod native;

#[cfg(not(target_arch = "wasm32"))]
pub use native::{Clock, EntropyError, entropy};

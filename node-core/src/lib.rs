//! A peer-to-peer exchange node as a library.
//!
//! One deterministic core, thin drivers around it: see `ARCHITECTURE.md` at the root of the
//! repository for the layers, and each module's own page for its part.

// Gives `#[test]` its meaning in a browser, for all tests of this crate.
#[cfg(all(test, target_arch = "wasm32"))]
#[macro_use]
extern crate meshbook_in_browser;
#[cfg(all(test, target_arch = "wasm32"))]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

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

#[cfg(all(feature = "fuzzing", not(target_arch = "wasm32")))]
#[doc(hidden)]
pub mod fuzzing;

#[cfg(not(target_arch = "wasm32"))]
pub mod client;
#[cfg(not(target_arch = "wasm32"))]
pub mod discovery;
pub mod runtime;
#[cfg(not(target_arch = "wasm32"))]
pub mod storage;
#[cfg(not(target_arch = "wasm32"))]
pub mod transport;

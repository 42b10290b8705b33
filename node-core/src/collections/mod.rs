//! Ordered maps and sets: natively those of the standard library, in a browser smaller ones.
//!
//! Each kind of the standard library's `BTreeMap` becomes 6 kB of WebAssembly, and a node has some
//! forty kinds. Those in `two_level.rs` have the same interface, as far as it is used, and need
//! about a fifth of that.

#[cfg(test)]
mod tests;
#[cfg(any(test, target_arch = "wasm32"))]
#[cfg_attr(
    not(target_arch = "wasm32"),
    allow(
        dead_code,
        unreachable_pub,
        unused_imports,
        reason = "tested everywhere, used in a browser"
    )
)]
mod two_level;

#[cfg(target_arch = "wasm32")]
pub use two_level::{BTreeMap, BTreeSet, Entry, Iter, IterMut, Keys, OccupiedEntry, VacantEntry};

#[cfg(not(target_arch = "wasm32"))]
pub use std::collections::{BTreeMap, BTreeSet};

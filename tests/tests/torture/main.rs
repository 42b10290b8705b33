//! Nodes as separate processes that work under load while they are killed and
//! while the network between them is cut: whatever a node has
//! confirmed to a user must still be true at the end, on every node.

// Every function here is a part of a test; clippy sees that only of those that are marked.
#![allow(clippy::unwrap_used)]

mod audit;
mod cluster;
#[cfg(target_os = "linux")]
mod cut;
mod kill;
mod load;
mod records;
mod seed;

//! Nodes as separate processes on real sockets, with each other, with peers of other makes, and
//! with peers that break the rules.

// Every function here is a part of a test; clippy sees that only of those that are marked.
#![allow(clippy::unwrap_used)]

mod attacked;
mod ending;
mod hostile;
mod legacy;
mod line;
mod race;

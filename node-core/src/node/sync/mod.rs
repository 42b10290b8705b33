//! What another node has and this one hasn't, or the other way round.
//!
//! Gossip loses nothing as long as connections hold and queues have room. Everything else is
//! healed here: two nodes that meet compare all that they retain, and so does every node with one
//! of its peers now and then. Who comes with next to nothing reads the book page by page first. And
//! an owner's keep-alive tells by its root when something of that owner is missing.

mod computation;
mod items;
mod owners;
mod pages;
mod recon;
mod state;

pub use computation::{Computation, Computed};
pub(super) use state::{Cost, Sync};

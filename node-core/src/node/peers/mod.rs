//! Peers: who is connected, who is known, whom to dial, and whom to tell about whom.

mod bans;
mod clock;
mod dialing;
mod exchange;
#[cfg(any(test, not(target_arch = "wasm32")))]
mod inbound;
mod known;
mod manager;
mod places;
pub(crate) mod policy;
mod score;
mod session;
#[cfg(test)]
mod siege_tests;
mod table;
mod tolls;
mod views;

pub use bans::{Ban, BanTarget};
pub(crate) use clock::ClockVotes;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use exchange::may_pass;
pub(crate) use exchange::{Scope, scope};
pub use known::PersistedPeer;
pub(crate) use manager::{Admission, PeerManager};
pub(crate) use places::Share;
pub(crate) use session::PeerSession;
pub(crate) use tolls::Toll;

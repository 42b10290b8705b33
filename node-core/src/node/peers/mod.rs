//! Peers: who is connected, who is known, whom to dial, and whom to tell about whom.

mod dialing;
mod exchange;
mod known;
mod manager;
pub(crate) mod policy;
mod session;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use exchange::{Scope, may_pass, scope};
pub use known::PersistedPeer;
pub(crate) use manager::{Admission, PeerManager};
pub(crate) use session::PeerSession;

//! Shared helpers of the tests that span crates: nodes as separate processes, foreign peers, and
//! peers that break the rules.
//!
//! Everything here panics where something goes wrong, with what the test needs to know. What a
//! test starts ends with the test, also when it fails.

pub mod attack;
mod binary;
mod control;
mod disk;
mod events;
mod eventually;
mod grape;
pub mod honest;
#[cfg(target_os = "linux")]
pub mod lab;
mod node;
mod npm;
mod python;
mod secured;
mod vitals;

pub use control::{Control, Failed, Refused};
pub use disk::DiskUse;
pub use events::Events;
pub use eventually::{PATIENCE, eventually, eventually_within};
pub use grape::{Grape, free_ports};
pub use node::{Node, NodeBuilder, Starting};
pub use npm::Agent;
pub use python::{Foreign, Script};
pub use secured::{Persona, SecuredPeer, Take, Teller, now};
pub use vitals::Vitals;

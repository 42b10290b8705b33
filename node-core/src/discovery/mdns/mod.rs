//! Multicast DNS: nodes of the local network, without any configuration.

mod present;
mod services;
mod source;
mod txt;

pub use present::{MAX_INSTANCE_ADDRESSES, MAX_INSTANCES};
pub use services::{MESHBOOK_SERVICE, ORIGINAL_SERVICE};
pub use source::Mdns;
#[cfg(feature = "fuzzing")]
pub(super) use txt::fuzzing;

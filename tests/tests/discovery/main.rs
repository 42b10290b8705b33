//! Nodes that find each other: by what they remember, by what others tell, on the local network,
//! at real Grapes, and in a DHT.

// Every function here is a part of a test; clippy sees that only of those that are marked.
#![allow(clippy::unwrap_used)]

#[cfg(target_os = "linux")]
mod avahi;
mod dht;
mod grapes;
#[cfg(target_os = "linux")]
mod lan;
#[cfg(target_os = "linux")]
mod link;
mod modes;
mod rpc;
mod told;

//! The tests, under the name by which `cargo xtask test` leaves out what needs npm.

mod api;
mod dht;
mod rpc;

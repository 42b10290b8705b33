//! The node in small networks: real codecs and signatures, a virtual clock, no sockets.

mod cheats;
mod clocks;
mod fills;
mod forwards;
mod found;
mod healing;
mod keep_alive;
mod legacy;
mod net;
mod orders;
mod originals;
mod overload;
mod pairs;
mod peers;
mod portions;
mod relay;
mod restarts;
mod rogues;
mod spreading;
mod sweeps;

pub(in crate::node) use net::config;

//! The node in small networks: real codecs and signatures, a virtual clock, no sockets.

mod fills;
mod net;
mod orders;
mod peers;
mod relay;

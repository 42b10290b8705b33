//! Connections that carry whole frames: the seam between the node and whatever moves its bytes.
//!
//! [`Transport`] is the trait; [`TcpTransport`] and [`WebSocketTransport`] are sockets,
//! [`MemoryTransport`] is a network inside one process. Both socket transports listen with the
//! same listener: one port serves length-prefixed frames, WebSocket upgrades and plain HTTP, and
//! in that Grenache's RPC, which carries connections where nothing else gets through.
//! What a frame means is the `protocol` module's; who may stay is the node's.

#[cfg(test)]
mod conformance;
mod connection;
mod dial;
mod framed;
mod http;
mod listener;
#[cfg(test)]
mod listener_tests;
mod memory;
mod replay;
mod resolve;
pub(crate) mod rpc;
mod slots;
mod sniff;
mod tcp;
mod websocket;

pub use connection::{
    Arrival, Connection, FrameSink, FrameSource, ListenOptions, Listener, Transport,
    TransportError, drain,
};
pub use dial::ATTEMPT_TIME;
pub use framed::{FIRST_LIMIT, MAX_FRAME, SEND_BUFFER};
pub use http::{HttpHandler, MAX_HTTP_CONNECTIONS};
pub use memory::{MEMORY_FRAMES, MemoryTransport};
pub use replay::HttpStream;
pub use resolve::{LOOKUP_TIME, MAX_ATTEMPTS, MAX_LOOKUPS};
pub use rpc::{HOLD_TIME, MAX_TUNNELS, TUNNEL_BATCH, TUNNEL_SILENCE};
pub use slots::{HandshakeLimits, HandshakeSlot, HandshakeSlots};
pub use sniff::SNIFF_TIME;
pub use tcp::TcpTransport;
pub use websocket::WebSocketTransport;

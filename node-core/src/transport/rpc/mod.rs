//! Connections inside Grenache's RPC, for peers that answer nothing else.
//!
//! A tunnel carries frames in requests of the dialer: it pushes its own frames, one request at a
//! time, and always has a second request waiting that brings the other side's. So only the
//! listening side must be reachable. What the frames say is encrypted and proved as on any other
//! connection; the RPC around them is trusted with nothing, and a request that fails ends the
//! tunnel.
//!
//! An original node lets a request that it can't read wait for ever, and so is told apart: nothing
//! that it could take for an order or a trade is sent to find out.

mod dial;
mod listener;
mod tunnels;
mod wire;

use std::time::Duration;

pub(crate) use dial::{Reached, reach};
pub(crate) use listener::{RpcHandler, RpcListener};

/// The service by which all nodes are found and asked, ours and original ones.
pub(crate) const SERVICE: &str = "p2p_exchange";

/// The most tunnels into one node. Each takes two of the connections that plain HTTP may have.
pub const MAX_TUNNELS: usize = 24;
/// How long a request that brings frames is held while there are none. Less than a Grenache client
/// waits for an answer.
pub const HOLD_TIME: Duration = Duration::from_secs(4);
/// A tunnel is given up when nothing was asked of it for so long.
pub const TUNNEL_SILENCE: Duration = Duration::from_secs(15);
/// Bytes of frames in one request or answer, about: the frame that exceeds it is the last one. That
/// is also more than the longest frame of a secured session; a tunnel carries no others.
pub const TUNNEL_BATCH: usize = 128 * 1024;

/// The longest body of a request or an answer: a batch and one more frame, in base64.
const MAX_BODY: usize = 512 * 1024;

/// What our own nodes answer to `GET /rpc`.
const HELLO: &str = "meshbook rpc 1\n";

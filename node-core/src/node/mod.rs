//! The sans-IO node: peers, routing, matching and gossip as one state machine.
//!
//! A driver feeds [`Input`]s and the time, and carries out [`Output`]s in their order. There is no
//! clock, no socket and no task in here, so the same code runs natively, in a browser and in a
//! simulator.

mod admission;
mod answers;
mod apply;
mod banning;
mod bounds;
mod clock;
mod config;
mod connections;
mod core;
mod counters;
mod deliver;
mod durable;
mod found;
mod gossip;
mod held;
mod incoming;
mod inspect;
mod io;
mod keep_alive;
mod legacy;
mod limits;
mod maker;
mod market;
mod news;
mod order_text;
mod own;
mod peers;
mod persist;
mod portion;
mod rate;
mod reads;
mod receive;
mod recent;
mod relay;
mod restore;
mod rng;
mod router;
mod sequence;
mod stored;
mod submit;
mod sync;
mod taker;
mod takes;
#[cfg(test)]
mod tests;
mod view;
mod wanted;

pub use self::core::Node;

pub use bounds::NodeBounds;
pub use clock::{ClockState, ClockView};
pub use config::{NodeConfig, OrderRate, Ways};
pub use durable::{Entry, Table, Write, share_of};
pub use incoming::{verify_message, verify_messages};
pub use inspect::TakeInFlight;
pub use io::{
    CancelError, Class, ConnId, Event, Incoming, Input, NewOrder, OrderError, OrderKind, Output,
    Route, TimeInForce, Way,
};
pub use limits::Limits;
pub use order_text::OrderText;
pub use peers::{Ban, BanTarget, PersistedPeer};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use peers::{Scope, may_pass, scope};
pub use relay::{Carried, Relayed};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use stored::{raw_trade, read_network};
pub use sync::{Computation, Computed};
pub use view::{
    BookSize, BookSnapshot, DirectConnectionStats, Direction, DiscoveryStats, DiscoveryStrategies,
    Distribution, Level, Order, OrderResult, OrderStatus, P2pStats, PeerCapabilities, PeerSource,
    PeerStats, PeerStatus, PeerView, RouterStats, Trade, TrafficStats, UnsignedOrder,
    UnsignedTrade, UnsignedView,
};

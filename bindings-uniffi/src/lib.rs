//! A Meshbook node for other languages: one library, from which `uniffi` writes the code for
//! Python and for Swift. Users see neither: each language has a thin package over it that speaks as
//! its users do.
//!
//! What holds for everything here:
//! - amounts and prices cross the border as decimal strings, times as milliseconds since 1970;
//! - whatever fails is a [`MeshbookError`] with a stable code; nothing panics on what comes in;
//! - a future may be dropped at any time; what was begun by then is said where it matters;
//! - a node has threads of its own, which are gone once it is closed;
//! - nothing works in a process that was forked after a node was made: its threads are not there.

mod cancellation;
mod data;
mod error;
mod events;
mod logs;
mod node;
mod options;
mod order_book;
mod process;
mod stats;
mod threads;

pub use cancellation::Cancellation;
pub use data::{
    BookSnapshot, Distribution, HistoryPage, HistoryQuery, Level, NewOrder, Order, OrderKind,
    OrderResult, OrderStatus, OwnSide, PastTrade, Side, TimeInForce, Trade,
};
pub use error::MeshbookError;
pub use events::{EVENT_BATCH, Event, Events};
pub use logs::{LOG_BATCH, LOG_RECORDS, LogField, LogLevel, LogRecord, Logs};
pub use node::Node;
pub use options::{NodeOptions, Setting, Storage, variables};
pub use order_book::{
    BookMetrics, BookOrder, BookResult, CLOSED_KEPT, MAX_OPEN_ORDERS, OrderBook, TRADES_KEPT,
};
pub use stats::{
    DirectConnectionStats, Direction, DiscoveryStats, DiscoveryStrategies, P2pStats, Peer,
    PeerSource, PeerStats, PeerStatus, RouterStats, TrafficStats,
};
pub use threads::{BLOCKING_THREADS, WORKERS, wait_for_ends};

uniffi::setup_scaffolding!("meshbook");

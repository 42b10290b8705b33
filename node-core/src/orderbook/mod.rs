//! The order book and matching engine (pure).
//!
//! [`OrderBook`] keeps the open orders of one pair in price-time priority and matches incoming
//! ones against them. It works on whole numbers only, has no clock and no randomness, and its
//! state after a series of commands is the same everywhere: [`BookSnapshot::encode`] gives equal
//! bytes, and so does a book that was fed with the [`Event`]s of another.
//!
//! Beside the commands that match ([`submit`](OrderBook::submit), `cancel`, `reduce`, `replace`)
//! it has primitives without matching ([`rest`](OrderBook::rest), `set_open`, `remove`) and
//! [`crossing`](OrderBook::crossing), for use as the live view of a market that lives elsewhere.
//!
//! What it costs: an order takes 64 bytes and 16 to 32 more in a hash index; a level takes 64
//! bytes and some 30 more in a sorted array. Nothing depends on the granularity of prices or on
//! how far they lie apart. Ids and prices are chosen by others, so the index is seeded. Two things
//! cost more the more of them there are, and are the caller's to bound: orders that come late into
//! a level (as many steps as orders stand between it and the nearer end), and orders of the
//! taker's own that [`SelfTrade::Skip`] passes over.

mod book;
mod error;
mod event;
mod hash_index;
mod ladder;
mod matching;
mod order;
mod replay;
mod snapshot;
mod store;
mod view;

#[cfg(test)]
mod model;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use book::{BookConfig, Counters, MAX_ORDERS, OrderBook};
pub use error::{RefusedError, ReplayError};
pub use event::{CancelReason, Event, EventSink, Trade};
pub use order::{
    Depth, Level, NewOrder, OrderRef, OrderType, OwnerId, Priority, RestingOrder, SelfTrade,
    Submitted, TimeInForce, TotalAmount,
};
pub use snapshot::BookSnapshot;
pub use view::Orders;

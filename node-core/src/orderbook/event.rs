//! What the book tells of each change.

use crate::types::{Amount, OrderId, Price, Side};

use super::{NewOrder, OwnerId, RefusedError, RestingOrder};

/// A trade between a resting order and an incoming one, at the resting order's price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trade {
    /// Counts the book's trades, from 1.
    pub number: u64,
    /// The resting order.
    pub maker: OrderId,
    /// The incoming order.
    pub taker: OrderId,
    /// Owner of the resting order.
    pub maker_owner: OwnerId,
    /// Owner of the incoming order.
    pub taker_owner: OwnerId,
    /// Side of the incoming order.
    pub taker_side: Side,
    /// The maker's price.
    pub price: Price,
    /// How much was traded; more than zero.
    pub amount: Amount,
    /// What is left open of the maker; at zero it is done and no longer in the book.
    pub maker_remaining: Amount,
    /// What is left of the taker, not yet in the book.
    pub taker_remaining: Amount,
}

impl Trade {
    /// Whether the maker is filled whole, and so no longer in the book.
    #[must_use]
    pub const fn maker_done(&self) -> bool {
        self.maker_remaining.is_zero()
    }
}

/// Why an order, or the remainder of an incoming one, was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CancelReason {
    /// It stood in the book and was cancelled by its id.
    Requested,
    /// It stood in the book, and all orders (of its owner) were cancelled.
    KillSwitch,
    /// Remainder of an incoming immediate-or-cancel order.
    Unfilled,
    /// Remainder of an incoming order that met its owner's own order.
    SelfTrade,
}

impl CancelReason {
    /// Whether the order stood in the book, rather than being an incoming one.
    #[must_use]
    pub const fn was_resting(self) -> bool {
        matches!(self, Self::Requested | Self::KillSwitch)
    }
}

/// A change of the book, or a refusal. The events of a book, applied to an empty book in their
/// order by [`OrderBook::apply`](super::OrderBook::apply), give the same book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// An incoming order passed all checks; its trades follow, then its rest.
    Accepted(NewOrder),
    /// An order (its remainder) now stands in the book.
    Rested(RestingOrder),
    /// Two orders traded.
    Trade(Trade),
    /// An order was reduced and kept its priority.
    Reduced {
        /// The order.
        id: OrderId,
        /// What is left open; at zero it is no longer in the book.
        open: Amount,
    },
    /// An order's open amount was set from outside and it kept its priority.
    OpenSet {
        /// The order.
        id: OrderId,
        /// What is open now; at zero it is no longer in the book.
        open: Amount,
    },
    /// An order left the book for its replacement, whose events follow.
    Replaced {
        /// The order that left.
        id: OrderId,
        /// What was open of it.
        open: Amount,
        /// The order that replaces it; may have the same id.
        by: OrderId,
    },
    /// An order, or the remainder of an incoming one, was cancelled.
    Cancelled {
        /// The order.
        id: OrderId,
        /// How much of it was cancelled.
        amount: Amount,
        /// Why.
        reason: CancelReason,
    },
    /// An order was taken out from outside.
    Removed(RestingOrder),
    /// A command was refused and changed nothing.
    Refused(RefusedError),
}

/// Receives the events of a book while it changes. Dispatched statically: what a sink ignores
/// costs nothing. A sink must not expect to see the book: it is called in mid-change.
pub trait EventSink {
    /// Takes the next event.
    fn event(&mut self, event: &Event);
}

/// Ignores all events.
impl EventSink for () {
    #[inline]
    fn event(&mut self, _: &Event) {}
}

/// Keeps all events.
impl EventSink for Vec<Event> {
    #[inline]
    fn event(&mut self, event: &Event) {
        self.push(*event);
    }
}

impl<S: EventSink> EventSink for &mut S {
    #[inline]
    fn event(&mut self, event: &Event) {
        (**self).event(event);
    }
}

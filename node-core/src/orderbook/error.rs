//! Why the book refuses a command.

use thiserror::Error;

use crate::types::{Amount, OrderId, Price};

/// A refused command. The book is exactly as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum RefusedError {
    /// An order with this id is in the book.
    #[error("order {id} is already in the book")]
    DuplicateId {
        /// The id.
        id: OrderId,
    },
    /// No order with this id is in the book.
    #[error("no order {id} is in the book")]
    UnknownOrder {
        /// The id.
        id: OrderId,
    },
    /// An order needs an amount greater than zero.
    #[error("amount of order {id} must be greater than 0")]
    ZeroAmount {
        /// The order.
        id: OrderId,
    },
    /// An order needs a price greater than zero.
    #[error("price of order {id} must be greater than 0")]
    ZeroPrice {
        /// The order.
        id: OrderId,
    },
    /// Market orders are `Ioc` or `Fok`; post-only orders are `Gtc`.
    #[error("order {id}: a market order must be IOC or FOK, a post-only order GTC")]
    TimeInForce {
        /// The order.
        id: OrderId,
    },
    /// A post-only order would have traded at once.
    #[error("post-only order {id} would trade with a resting order at {price}")]
    WouldCross {
        /// The order.
        id: OrderId,
        /// The best price that it would have traded at.
        price: Price,
    },
    /// A fill-or-kill order could not be filled whole.
    #[error("fill-or-kill order {id} could not be filled whole within its limit")]
    CannotFill {
        /// The order.
        id: OrderId,
    },
    /// A reduction takes more than zero and at most what is open.
    #[error("order {id} cannot be reduced by {by}: {open} is open")]
    BadReduce {
        /// The order.
        id: OrderId,
        /// The reduction asked for.
        by: Amount,
        /// The order's open amount.
        open: Amount,
    },
    /// A replacement keeps the owner and the side of the order that it replaces.
    #[error("the replacement of order {id} must keep its owner and side")]
    BadReplace {
        /// The order that was to be replaced.
        id: OrderId,
    },
    /// The book is full.
    #[error("the book holds its most orders, {max_orders}; order {id} has no place")]
    CapacityReached {
        /// The order.
        id: OrderId,
        /// The book's bound.
        max_orders: u32,
    },
}

/// An event that does not fit the book it is applied to. The book is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The change itself is refused.
    #[error(transparent)]
    Refused(#[from] RefusedError),
    /// The event tells of an order that stands differently in this book.
    #[error("the event does not fit order {id} as it stands in this book")]
    Mismatch {
        /// The order.
        id: OrderId,
    },
}

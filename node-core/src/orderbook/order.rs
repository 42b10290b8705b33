//! Orders as they come in and as they stand in the book.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::types::{Amount, Millis, OrderId, Price, SCALE, Side};

/// An opaque handle of an order's owner, given by the caller. The book only compares it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerId(pub u32);

/// How an order meets the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderType {
    /// Trades at this price or a better one.
    Limit(Price),
    /// Rests at this price, and is refused where it would trade at once.
    PostOnly(Price),
    /// Trades at any price; never rests, so its time in force is `Ioc` or `Fok`.
    Market,
}

/// How long an order may wait for its fill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TimeInForce {
    /// Good till cancelled: what isn't filled at once rests.
    #[default]
    Gtc,
    /// Immediate or cancel: what isn't filled at once is cancelled.
    Ioc,
    /// Fill or kill: filled whole at once, or refused.
    Fok,
}

/// What happens where an incoming order meets a resting order of its own owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SelfTrade {
    /// They trade.
    #[default]
    Allow,
    /// The remainder of the incoming order is cancelled; a `Fok` order is refused if it would
    /// not be full by then.
    CancelNewest,
    /// The incoming order passes over its owner's orders. What then rests may stand against
    /// them in a crossed book. They do not count as crossing for a post-only order either.
    Skip,
}

/// An order for [`OrderBook::submit`](super::OrderBook::submit).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NewOrder {
    /// Its identity; no order in the book may have it.
    pub id: OrderId,
    /// Whose it is.
    pub owner: OwnerId,
    /// Which side it is on.
    pub side: Side,
    /// How much it wants to trade; more than zero.
    pub amount: Amount,
    /// Its place in time: the first half of its [`Priority`].
    pub time: Millis,
    /// How it meets the other side, and at which price.
    pub order_type: OrderType,
    /// How long it may wait.
    pub time_in_force: TimeInForce,
    /// What happens where it meets an order of the same owner.
    pub self_trade: SelfTrade,
}

impl NewOrder {
    /// Its limit; `None` for a market order.
    #[must_use]
    pub const fn price(&self) -> Option<Price> {
        match self.order_type {
            OrderType::Limit(price) | OrderType::PostOnly(price) => Some(price),
            OrderType::Market => None,
        }
    }
}

/// An order that stands in a book, or is to stand there without being matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RestingOrder {
    /// Its identity.
    pub id: OrderId,
    /// Whose it is.
    pub owner: OwnerId,
    /// Which side it is on.
    pub side: Side,
    /// Its limit.
    pub price: Price,
    /// How much of it is open; more than zero.
    pub amount: Amount,
    /// Its place in time: the first half of its [`Priority`].
    pub time: Millis,
}

impl RestingOrder {
    /// Its place within its price level.
    #[must_use]
    pub const fn priority(&self) -> Priority {
        Priority {
            time: self.time,
            id: self.id,
        }
    }
}

/// The order of the orders within a price level: earlier time first, then the smaller id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority {
    /// The time that the caller gave the order.
    pub time: Millis,
    /// The order's identity, which decides between equal times.
    pub id: OrderId,
}

/// A view of an order in the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OrderRef {
    /// Its identity.
    pub id: OrderId,
    /// Whose it is.
    pub owner: OwnerId,
    /// Which side it is on.
    pub side: Side,
    /// Its limit.
    pub price: Price,
    /// How much of it is open.
    pub open: Amount,
    /// Its place in time.
    pub time: Millis,
}

impl From<OrderRef> for RestingOrder {
    fn from(order: OrderRef) -> Self {
        Self {
            id: order.id,
            owner: order.owner,
            side: order.side,
            price: order.price,
            amount: order.open,
            time: order.time,
        }
    }
}

/// What [`OrderBook::submit`](super::OrderBook::submit) did with an order. The three amounts
/// add up to the order's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Submitted {
    /// How much of it was traded at once.
    pub filled: Amount,
    /// How much of it rests in the book now.
    pub open: Amount,
    /// How much of it was cancelled: by its time in force or by its self-trade setting.
    pub cancelled: Amount,
    /// The number of trades.
    pub trades: u32,
}

/// The sum of the open amounts of many orders, in units of 10^-8. Larger than any single
/// [`Amount`] may be; exact, since 2^30 orders of 10^23 units are far below 2^128.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TotalAmount(pub(super) u128);

impl TotalAmount {
    /// The value in units of 10^-8.
    #[must_use]
    pub const fn units(self) -> u128 {
        self.0
    }

    /// The value as an [`Amount`], if it is not too large for one.
    #[must_use]
    pub const fn to_amount(self) -> Option<Amount> {
        Amount::from_units(self.0)
    }
}

impl From<Amount> for TotalAmount {
    fn from(amount: Amount) -> Self {
        Self(amount.units())
    }
}

impl fmt::Display for TotalAmount {
    /// The canonical decimal string, as of an [`Amount`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = 10u128.pow(SCALE);
        let (whole, fraction) = (self.0 / one, self.0 % one);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{fraction:08}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

impl Serialize for TotalAmount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One price level of a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Level {
    /// The price of its orders.
    pub price: Price,
    /// The sum of their open amounts.
    pub amount: TotalAmount,
    /// How many orders stand there; at least one.
    pub count: u32,
}

/// The best levels of both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Depth {
    /// Levels of buy orders, the highest price first.
    pub bids: Vec<Level>,
    /// Levels of sell orders, the lowest price first.
    pub asks: Vec<Level>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_shown_as_an_exact_decimal() {
        for text in ["0", "1.5", "0.00000001", "999999999999999.99999999"] {
            let amount: Amount = text.parse().unwrap();
            assert_eq!(TotalAmount::from(amount).to_string(), text);
        }
        let twice = TotalAmount(2 * Amount::MAX.units());
        assert_eq!(twice.to_string(), "1999999999999999.99999998");
        assert_eq!(twice.to_amount(), None);
    }
}

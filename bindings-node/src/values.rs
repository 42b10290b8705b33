//! What a node shows, in the shapes of JavaScript: numbers for times and counts, text for all that
//! is money, so that nothing is rounded.

use meshbook::node;
use meshbook::types::{Millis, Price};
use napi_derive::napi;

/// A time or a count. Exact up to 2^53: the year 287396, or eight million gigabytes.
#[expect(clippy::cast_precision_loss, reason = "nothing here comes near 2^53")]
pub(crate) const fn number(value: u64) -> f64 {
    value as f64
}

/// A count.
pub(crate) const fn count(value: usize) -> f64 {
    number(value as u64)
}

const fn millis(time: Millis) -> f64 {
    number(time.0)
}

/// An order of this node.
#[napi(object)]
#[derive(Debug)]
pub struct Order {
    /// 32 hex digits.
    pub id: String,
    /// Whose it is.
    pub user_id: String,
    /// `buy` or `sell`.
    pub side: String,
    /// The whole amount.
    pub amount: String,
    /// The part of it that is filled.
    pub filled: String,
    /// The limit; absent for a market order.
    pub price: Option<String>,
    /// `pending`, `partial`, `filled` or `cancelled`.
    pub status: String,
    /// When it was placed.
    pub timestamp: f64,
    /// What it trades.
    pub pair: String,
}

impl From<node::Order> for Order {
    fn from(order: node::Order) -> Self {
        Self {
            id: order.id.to_string(),
            user_id: order.user_id.to_string(),
            side: order.side.to_string(),
            amount: order.amount.to_string(),
            filled: order.filled.to_string(),
            price: order.price.map(|price| price.to_string()),
            status: status(order.status).to_owned(),
            timestamp: millis(order.timestamp),
            pair: order.pair.to_string(),
        }
    }
}

/// The name of a status.
pub(crate) const fn status(status: node::OrderStatus) -> &'static str {
    match status {
        node::OrderStatus::Pending => "pending",
        node::OrderStatus::Partial => "partial",
        node::OrderStatus::Filled => "filled",
        node::OrderStatus::Cancelled => "cancelled",
    }
}

/// A trade, anybody's.
#[napi(object)]
#[derive(Debug)]
pub struct Trade {
    /// 64 hex digits.
    pub id: String,
    /// The bid.
    pub buy_order_id: String,
    /// The ask.
    pub sell_order_id: String,
    /// What changed hands.
    pub amount: String,
    /// The maker's price.
    pub price: String,
    /// When it was filled.
    pub timestamp: f64,
    /// The side of the order that took.
    pub taker_side: String,
    /// Whether one of the orders was signed by nobody.
    pub unsigned: bool,
}

impl From<node::Trade> for Trade {
    fn from(trade: node::Trade) -> Self {
        Self {
            id: trade.id.to_string(),
            buy_order_id: trade.buy_order_id.to_string(),
            sell_order_id: trade.sell_order_id.to_string(),
            amount: trade.amount.to_string(),
            price: trade.price.to_string(),
            timestamp: millis(trade.timestamp),
            taker_side: trade.taker_side.to_string(),
            unsigned: trade.unsigned,
        }
    }
}

/// One price of a book.
#[napi(object)]
#[derive(Debug)]
pub struct Level {
    /// The price.
    pub price: String,
    /// What is open there.
    pub amount: String,
    /// How many orders stand there.
    pub count: f64,
    /// The part of `amount` that nobody signed, if there is any.
    pub unsigned: Option<String>,
}

/// The best levels of a book.
#[napi(object)]
#[derive(Debug)]
pub struct BookView {
    /// What is traded.
    pub pair: String,
    /// When it was looked at.
    pub timestamp: f64,
    /// The highest price first.
    pub bids: Vec<Level>,
    /// The lowest price first.
    pub asks: Vec<Level>,
}

/// A sum of amounts as a decimal, which may be longer than one amount can be.
pub(crate) fn total(units: u128) -> String {
    let one = 10u128.pow(meshbook::types::SCALE);
    let (whole, fraction) = (units / one, units % one);
    if fraction == 0 {
        return whole.to_string();
    }
    let digits = format!("{fraction:08}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

impl From<node::Level> for Level {
    fn from(level: node::Level) -> Self {
        Self {
            price: level.price.to_string(),
            amount: total(level.amount),
            count: count(level.count),
            unsigned: (level.unsigned != 0).then(|| total(level.unsigned)),
        }
    }
}

impl From<node::BookSnapshot> for BookView {
    fn from(book: node::BookSnapshot) -> Self {
        Self {
            pair: book.pair.to_string(),
            timestamp: millis(book.timestamp),
            bids: book.bids.into_iter().map(Level::from).collect(),
            asks: book.asks.into_iter().map(Level::from).collect(),
        }
    }
}

/// The best prices of a book.
#[napi(object)]
#[derive(Debug)]
pub struct Best {
    /// The highest bid.
    pub bid: Option<String>,
    /// The lowest ask.
    pub ask: Option<String>,
    /// What lies between them, unless they cross.
    pub spread: Option<String>,
}

impl Best {
    pub(crate) fn new(bid: Option<Price>, ask: Option<Price>) -> Self {
        let text = |price: Option<Price>| price.map(|price| price.to_string());
        let spread = ask.zip(bid).and_then(|(ask, bid)| ask.checked_sub(bid));
        Self {
            bid: text(bid),
            ask: text(ask),
            spread: text(spread),
        }
    }
}

/// To whom an order went at once.
#[napi(object)]
#[derive(Debug)]
pub struct Distribution {
    /// Whether it went to anybody, or had no need to.
    pub success: bool,
    /// Ids of peers.
    pub distributed_to: Vec<String>,
    /// Ids of peers whose queue was full.
    pub failed_to: Vec<String>,
}

/// What became of a new order.
#[napi(object)]
#[derive(Debug)]
pub struct Placed {
    /// 32 hex digits.
    pub order_id: String,
    /// Its trades so far.
    pub trades: Vec<Trade>,
    /// The order, if a part of it is open.
    pub remaining_order: Option<Order>,
    /// To whom it went.
    pub distribution: Distribution,
}

impl From<node::OrderResult> for Placed {
    fn from(result: node::OrderResult) -> Self {
        let node::Distribution {
            success,
            distributed_to,
            failed_to,
        } = result.distribution;
        Self {
            order_id: result.order_id.to_string(),
            trades: result.trades.into_iter().map(Trade::from).collect(),
            remaining_order: result.remaining_order.map(Order::from),
            distribution: Distribution {
                success,
                distributed_to,
                failed_to,
            },
        }
    }
}

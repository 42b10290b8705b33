//! Orders, trades and the book as plain data.

use meshbook::client;
use meshbook::node;
use meshbook::types::{self, InvalidValue, Millis, SCALE};

use crate::error::MeshbookError;

/// Bid or ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Side {
    /// A bid.
    Buy,
    /// An ask.
    Sell,
}

/// How far an order has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum OrderStatus {
    /// Open, nothing filled yet.
    Pending,
    /// Open, partly filled.
    Partial,
    /// Filled completely.
    Filled,
    /// Closed before it was filled completely.
    Cancelled,
}

/// At which price an order trades.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum OrderKind {
    /// At this one or better.
    Limit {
        /// A decimal string.
        price: String,
    },
    /// At any that the node's limits allow; never rests.
    Market,
}

/// How long an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum TimeInForce {
    /// Until it is filled, cancelled or expired.
    Gtc,
    /// What can't be filled at once is cancelled.
    Ioc,
    /// Filled completely at once, or not at all.
    Fok,
    /// Refused if it would take: it only makes.
    Post,
}

/// An order as its user gives it.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct NewOrder {
    /// Bid or ask.
    pub side: Side,
    /// A decimal string, more than 0 and at most `MAX_ORDER_AMOUNT`.
    pub amount: String,
    /// Limit or market.
    pub kind: OrderKind,
    /// How long it stands.
    pub time_in_force: TimeInForce,
    /// The user; the node's own where absent.
    pub user_id: Option<String>,
    /// How long it lives at most (ms); 30 days where absent, and never more.
    pub lifetime: Option<u64>,
}

/// An order as its user sees it.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Order {
    /// 32 hex digits; the same on all nodes.
    pub id: String,
    /// The label of the user who placed it.
    pub user_id: String,
    /// Bid or ask.
    pub side: Side,
    /// The whole amount, filled or not.
    pub amount: String,
    /// The part of `amount` that is filled.
    pub filled: String,
    /// The limit; absent for a market order, which has none.
    pub price: Option<String>,
    /// How far it has come.
    pub status: OrderStatus,
    /// When it was placed (ms since 1970).
    pub timestamp: u64,
    /// What it trades.
    pub pair: String,
}

/// A trade. Both owners and everybody else see the same.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Trade {
    /// 64 hex digits; the same on all nodes.
    pub id: String,
    /// The bid.
    pub buy_order_id: String,
    /// The ask.
    pub sell_order_id: String,
    /// What changed hands.
    pub amount: String,
    /// The maker's price.
    pub price: String,
    /// When the maker filled it (ms since 1970).
    pub timestamp: u64,
    /// The side of the order that took.
    pub taker_side: Side,
    /// Traded with an order that nobody signed (`P2P_LEGACY=match`): only this node knows of it.
    pub unsigned: bool,
}

/// One price of the book.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Level {
    /// The price.
    pub price: String,
    /// What is open at this price, over all orders.
    pub amount: String,
    /// How many orders stand at this price.
    pub count: u64,
    /// The part of `amount` that nobody signed (`P2P_LEGACY=match`).
    pub unsigned: String,
}

/// The best levels of the book at one moment.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct BookSnapshot {
    /// What is traded.
    pub pair: String,
    /// When it was taken (ms since 1970).
    pub timestamp: u64,
    /// Highest price first.
    pub bids: Vec<Level>,
    /// Lowest price first.
    pub asks: Vec<Level>,
}

/// To whom an order went at once. More peers get it from those.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Distribution {
    /// Whether it went to at least one peer, or had no need to.
    pub success: bool,
    /// Ids of the peers that it was sent to.
    pub distributed_to: Vec<String>,
    /// Ids of connected peers whose queue was full.
    pub failed_to: Vec<String>,
}

/// What became of a new order by the time that it was filled, closed or published.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct OrderResult {
    /// The order's id.
    pub order_id: String,
    /// Its confirmed trades so far, oldest first.
    pub trades: Vec<Trade>,
    /// The order, if a part of it is still open; its `amount` is the whole amount.
    pub remaining_order: Option<Order>,
    /// To whom it went.
    pub distribution: Distribution,
}

/// Which trades of the journal to read, from which end, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct HistoryQuery {
    /// From this time on (ms since 1970).
    pub since: u64,
    /// Before this time (ms since 1970).
    pub until: Option<u64>,
    /// Only trades of this node's own orders.
    pub own: bool,
    /// From the present back instead of from the past on.
    pub newest_first: bool,
    /// What the page before gave as `next`; absent for the first one.
    pub at: Option<String>,
    /// So many trades are looked at, 1 to 1000.
    pub limit: u32,
}

/// Some trades of the journal.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct HistoryPage {
    /// In the order in which they were asked for. There may be none, and more on the next page.
    pub trades: Vec<PastTrade>,
    /// Where to read on, if there may be more.
    pub next: Option<String>,
}

/// A trade, and what only its journal knows of it.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct PastTrade {
    /// The trade.
    pub trade: Trade,
    /// What was traded.
    pub pair: String,
    /// The side of this node's own order in it, if one was.
    pub own_side: Option<OwnSide>,
}

/// Which side of a trade was this node's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum OwnSide {
    /// It bought.
    Buy,
    /// It sold.
    Sell,
    /// Two users of this node traded.
    Both,
}

impl From<types::Side> for Side {
    fn from(side: types::Side) -> Self {
        match side {
            types::Side::Buy => Self::Buy,
            types::Side::Sell => Self::Sell,
        }
    }
}

impl From<Side> for types::Side {
    fn from(side: Side) -> Self {
        match side {
            Side::Buy => Self::Buy,
            Side::Sell => Self::Sell,
        }
    }
}

impl From<node::OrderStatus> for OrderStatus {
    fn from(status: node::OrderStatus) -> Self {
        match status {
            node::OrderStatus::Pending => Self::Pending,
            node::OrderStatus::Partial => Self::Partial,
            node::OrderStatus::Filled => Self::Filled,
            node::OrderStatus::Cancelled => Self::Cancelled,
        }
    }
}

impl From<TimeInForce> for node::TimeInForce {
    fn from(time_in_force: TimeInForce) -> Self {
        match time_in_force {
            TimeInForce::Gtc => Self::Gtc,
            TimeInForce::Ioc => Self::Ioc,
            TimeInForce::Fok => Self::Fok,
            TimeInForce::Post => Self::Post,
        }
    }
}

impl TryFrom<NewOrder> for node::NewOrder {
    type Error = InvalidValue;

    fn try_from(order: NewOrder) -> Result<Self, InvalidValue> {
        let kind = match order.kind {
            OrderKind::Limit { price } => node::OrderKind::Limit(price.parse()?),
            OrderKind::Market => node::OrderKind::Market,
        };
        Ok(Self {
            side: order.side.into(),
            amount: order.amount.parse()?,
            kind,
            time_in_force: order.time_in_force.into(),
            user: order.user_id.map(|user| user.parse()).transpose()?,
            lifetime: order.lifetime.map(Millis),
        })
    }
}

impl From<node::Order> for Order {
    fn from(order: node::Order) -> Self {
        Self {
            id: order.id.to_string(),
            user_id: order.user_id.into(),
            side: order.side.into(),
            amount: order.amount.to_string(),
            filled: order.filled.to_string(),
            price: order.price.map(|price| price.to_string()),
            status: order.status.into(),
            timestamp: order.timestamp.0,
            pair: order.pair.into(),
        }
    }
}

impl From<node::Trade> for Trade {
    fn from(trade: node::Trade) -> Self {
        Self {
            id: trade.id.to_string(),
            buy_order_id: trade.buy_order_id.to_string(),
            sell_order_id: trade.sell_order_id.to_string(),
            amount: trade.amount.to_string(),
            price: trade.price.to_string(),
            timestamp: trade.timestamp.0,
            taker_side: trade.taker_side.into(),
            unsigned: trade.unsigned,
        }
    }
}

impl From<node::Level> for Level {
    fn from(level: node::Level) -> Self {
        Self {
            price: level.price.to_string(),
            amount: decimal(level.amount),
            count: level.count as u64,
            unsigned: decimal(level.unsigned),
        }
    }
}

impl From<node::BookSnapshot> for BookSnapshot {
    fn from(book: node::BookSnapshot) -> Self {
        Self {
            pair: book.pair.into(),
            timestamp: book.timestamp.0,
            bids: all(book.bids),
            asks: all(book.asks),
        }
    }
}

impl From<node::Distribution> for Distribution {
    fn from(distribution: node::Distribution) -> Self {
        Self {
            success: distribution.success,
            distributed_to: distribution.distributed_to,
            failed_to: distribution.failed_to,
        }
    }
}

impl From<node::OrderResult> for OrderResult {
    fn from(result: node::OrderResult) -> Self {
        Self {
            order_id: result.order_id.to_string(),
            trades: all(result.trades),
            remaining_order: result.remaining_order.map(Into::into),
            distribution: result.distribution.into(),
        }
    }
}

impl TryFrom<HistoryQuery> for client::HistoryQuery {
    type Error = MeshbookError;

    fn try_from(query: HistoryQuery) -> Result<Self, MeshbookError> {
        let at = query.at.map(|at| at.parse()).transpose();
        Ok(Self {
            since: Millis(query.since),
            until: query.until.map(Millis),
            own: query.own,
            direction: match query.newest_first {
                true => client::Reading::NewestFirst,
                false => client::Reading::OldestFirst,
            },
            at: at.map_err(|error| MeshbookError::argument(&error))?,
            limit: query.limit as usize,
        })
    }
}

impl From<client::HistoryPage> for HistoryPage {
    fn from(page: client::HistoryPage) -> Self {
        Self {
            trades: all(page.trades),
            next: page.next.map(|next| next.to_string()),
        }
    }
}

impl From<client::PastTrade> for PastTrade {
    fn from(past: client::PastTrade) -> Self {
        let own_side = past.own_side.map(|side| match side {
            client::OwnSide::Buy => OwnSide::Buy,
            client::OwnSide::Sell => OwnSide::Sell,
            client::OwnSide::Both => OwnSide::Both,
        });
        Self {
            trade: past.trade.into(),
            pair: past.pair.into(),
            own_side,
        }
    }
}

/// Each of them as it is shown here.
pub(crate) fn all<T, U: From<T>>(items: Vec<T>) -> Vec<U> {
    items.into_iter().map(U::from).collect()
}

/// A sum of amounts, which may be larger than an `Amount`, as an exact decimal.
fn decimal(units: u128) -> String {
    let one = 10u128.pow(SCALE);
    let (whole, fraction) = (units / one, units % one);
    let text = format!("{whole}.{fraction:08}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_shown_exactly_and_without_idle_zeros() {
        let texts = [0, 1, 150_000_000, 10_000_000_000, 10u128.pow(30) + 5].map(decimal);
        let expected = [
            "0",
            "0.00000001",
            "1.5",
            "100",
            "10000000000000000000000.00000005",
        ];
        assert_eq!(texts, expected);
    }
}

//! An order book that works on its own: the matching engine with users, ids and a memory.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use meshbook::client::Config;
use meshbook::orderbook::{
    self, BookConfig, Event, NewOrder, OrderType, OwnerId, SelfTrade, TimeInForce,
};
use meshbook::types::{Amount, InvalidValue, Millis, OrderId, Pair, Price, TradeId, UserId};

use crate::data::{BookSnapshot, Level, Order, OrderStatus, Side, Trade};
use crate::error::MeshbookError;

/// The most open orders of one book.
pub const MAX_OPEN_ORDERS: u32 = 1_000_000;

/// How many closed orders stay readable; the oldest are forgotten first.
pub const CLOSED_KEPT: usize = 10_000;

/// How many trades stay readable; the oldest are forgotten first.
pub const TRADES_KEPT: usize = 10_000;

/// A limit order as its user gives it.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct BookOrder {
    /// 3 to 50 characters of `A-Z a-z 0-9 . _ -`.
    pub user_id: String,
    /// Bid or ask.
    pub side: Side,
    /// A decimal string, more than 0 and at most the book's largest.
    pub amount: String,
    /// A decimal string, more than 0 and at most the book's highest.
    pub price: String,
    /// What it trades; must be the book's, which it is where absent.
    pub pair: Option<String>,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct BookResult {
    /// Its id.
    pub order_id: String,
    /// Its trades, in the order in which they happened.
    pub trades: Vec<Trade>,
    /// The order, if a part of it is still open.
    pub remaining_order: Option<Order>,
}

/// What a book has done so far.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct BookMetrics {
    /// Orders that were ever taken.
    pub total_orders: u64,
    /// Trades that ever happened.
    pub total_trades: u64,
    /// How long taking an order took (nanoseconds).
    pub average_latency: u64,
    /// The longest (nanoseconds).
    pub max_latency: u64,
    /// The shortest (nanoseconds).
    pub min_latency: u64,
    /// Open orders.
    pub order_count: u64,
    /// Trades that are remembered.
    pub trade_count: u64,
    /// Prices with bids.
    pub buy_levels: u64,
    /// Prices with asks.
    pub sell_levels: u64,
}

/// An order book with price-time priority; a trade has the resting order's price. It is apart from
/// every node. Each call is one step: calls from several threads come one after the other.
#[derive(Debug, uniffi::Object)]
pub struct OrderBook {
    pair: Pair,
    max_amount: Amount,
    max_price: Price,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    engine: orderbook::OrderBook<Vec<Event>>,
    /// Open orders by their number, which follows their time.
    open: BTreeMap<u64, Known>,
    numbers: HashMap<OrderId, u64>,
    closed: VecDeque<Known>,
    trades: VecDeque<Trade>,
    next: u64,
    /// Makes ids: unguessable, so that those of two books don't meet.
    salt: u128,
    latency: Latency,
}

#[derive(Clone, Debug)]
struct Known {
    id: OrderId,
    user: UserId,
    side: Side,
    amount: Amount,
    filled: Amount,
    price: Price,
    status: OrderStatus,
    time: Millis,
}

#[derive(Debug, Default)]
struct Latency {
    total: Duration,
    max: Duration,
    min: Option<Duration>,
}

#[uniffi::export]
impl OrderBook {
    /// An empty book. The largest amount and the highest price of an order are decimal strings,
    /// and 1000000 where absent.
    ///
    /// # Errors
    /// For a pair or a limit that is not allowed, and where the system has no entropy.
    #[uniffi::constructor(default(pair = "BTC/USD", max_amount = None, max_price = None))]
    pub fn new(
        pair: String,
        max_amount: Option<String>,
        max_price: Option<String>,
    ) -> Result<Self, MeshbookError> {
        let mut config = Config::builder();
        for (name, field, value) in [
            ("EXCHANGE_PAIR", "pair", Some(pair)),
            ("MAX_ORDER_AMOUNT", "max_amount", max_amount),
            ("MAX_ORDER_PRICE", "max_price", max_price),
        ] {
            if let Some(value) = value {
                let set = config.set(name, &value);
                config = set.map_err(|error| MeshbookError::option(&error.for_field(field)))?;
            }
        }
        let config = config.build();
        let config = config.map_err(|error| MeshbookError::option(&error))?;
        let (seed, salt) = (entropy()?, entropy()?);
        let engine = BookConfig {
            seed,
            max_orders: MAX_OPEN_ORDERS,
            reserve: 0,
        };
        let state = State {
            engine: orderbook::OrderBook::with_sink(engine, Vec::new()),
            open: BTreeMap::new(),
            numbers: HashMap::new(),
            closed: VecDeque::new(),
            trades: VecDeque::new(),
            next: 0,
            salt,
            latency: Latency::default(),
        };
        Ok(Self {
            pair: config.pair,
            max_amount: config.max_order_amount,
            max_price: config.max_order_price,
            state: Mutex::new(state),
        })
    }

    /// Takes an order in: it trades with the other side, and what is left of it rests.
    ///
    /// # Errors
    /// `InvalidValue` for a field that is not allowed, `Refused` in a full book. Nothing has
    /// changed then.
    pub fn add_order(&self, order: BookOrder) -> Result<BookResult, MeshbookError> {
        let checked = self.check(order);
        let order = checked.map_err(|error| MeshbookError::order(&error))?;
        self.state().add(order, &self.pair)
    }

    /// Cancels an open order. False if it is closed already, or not in this book.
    ///
    /// # Errors
    /// For an id that is none.
    pub fn cancel_order(&self, order_id: &str) -> Result<bool, MeshbookError> {
        let id = order_of(order_id)?;
        let mut state = self.state();
        let cancelled = state.engine.cancel(id).is_ok();
        state.engine.sink_mut().clear();
        if cancelled {
            state.close(id, OrderStatus::Cancelled);
        }
        Ok(cancelled)
    }

    /// An order, open or remembered.
    ///
    /// # Errors
    /// For an id that is none.
    pub fn order(&self, order_id: &str) -> Result<Option<Order>, MeshbookError> {
        let id = order_of(order_id)?;
        let state = self.state();
        let open = state.numbers.get(&id).and_then(|n| state.open.get(n));
        let closed = || state.closed.iter().rev().find(|order| order.id == id);
        let order = open.or_else(closed);
        Ok(order.map(|order| order.shown(&self.pair)))
    }

    /// The best `depth` levels of each side.
    pub fn book(&self, depth: u32) -> BookSnapshot {
        let depth = self.state().engine.depth(depth as usize);
        let levels = |levels: Vec<orderbook::Level>| {
            let show = |level: orderbook::Level| Level {
                price: level.price.to_string(),
                amount: level.amount.to_string(),
                count: level.count.into(),
                unsigned: "0".to_owned(),
            };
            levels.into_iter().map(show).collect()
        };
        BookSnapshot {
            pair: self.pair.to_string(),
            timestamp: now().0,
            bids: levels(depth.bids),
            asks: levels(depth.asks),
        }
    }

    /// The latest `limit` trades, newest first.
    pub fn trades(&self, limit: u32) -> Vec<Trade> {
        let state = self.state();
        let newest = state.trades.iter().rev();
        newest.take(limit as usize).cloned().collect()
    }

    /// A user's open orders, newest first. Looks at every open order.
    ///
    /// # Errors
    /// For a user that is not allowed.
    pub fn user_orders(&self, user_id: &str) -> Result<Vec<Order>, MeshbookError> {
        let user: UserId = user_id
            .parse()
            .map_err(|error| MeshbookError::argument(&error))?;
        let state = self.state();
        let own = state.open.values().rev().filter(|order| order.user == user);
        Ok(own.map(|order| order.shown(&self.pair)).collect())
    }

    /// The highest bid, if there is one.
    pub fn best_bid(&self) -> Option<String> {
        self.state().engine.best().0.map(|price| price.to_string())
    }

    /// The lowest ask, if there is one.
    pub fn best_ask(&self) -> Option<String> {
        self.state().engine.best().1.map(|price| price.to_string())
    }

    /// The lowest ask less the highest bid, if there are both.
    pub fn spread(&self) -> Option<String> {
        self.state().engine.spread().map(|price| price.to_string())
    }

    /// What the book has done so far.
    pub fn metrics(&self) -> BookMetrics {
        let state = self.state();
        let counters = state.engine.counters();
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let orders = u32::try_from(counters.accepted).unwrap_or(u32::MAX);
        BookMetrics {
            total_orders: counters.accepted,
            total_trades: counters.trades,
            average_latency: nanos(state.latency.total.checked_div(orders).unwrap_or_default()),
            max_latency: nanos(state.latency.max),
            min_latency: nanos(state.latency.min.unwrap_or_default()),
            order_count: state.open.len() as u64,
            trade_count: state.trades.len() as u64,
            buy_levels: state.engine.level_count(Side::Buy.into()) as u64,
            sell_levels: state.engine.level_count(Side::Sell.into()) as u64,
        }
    }

    /// What it trades.
    pub fn pair(&self) -> String {
        self.pair.to_string()
    }
}

impl OrderBook {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self, order: BookOrder) -> Result<Known, InvalidValue> {
        let user = order.user_id.parse()?;
        if let Some(pair) = order.pair.filter(|pair| *pair != self.pair.as_str()) {
            let allowed = format!("{}, the pair of this book", self.pair);
            return Err(InvalidValue::new("pair", pair, allowed));
        }
        let amount: Amount = order.amount.parse()?;
        if amount.is_zero() || amount > self.max_amount {
            return Err(out_of("amount", &order.amount, self.max_amount));
        }
        let price: Price = order.price.parse()?;
        if price.is_zero() || price > self.max_price {
            return Err(out_of("price", &order.price, self.max_price));
        }
        Ok(Known {
            id: OrderId::from_u128(0),
            user,
            side: order.side,
            amount,
            filled: Amount::ZERO,
            price,
            status: OrderStatus::Pending,
            time: now(),
        })
    }
}

impl State {
    fn add(&mut self, mut order: Known, pair: &Pair) -> Result<BookResult, MeshbookError> {
        let start = Instant::now();
        let number = self.next;
        // An injection of the numbers: no id comes twice.
        order.id = OrderId::from_u128(self.salt.wrapping_add(u128::from(number)));
        let submitted = self.engine.submit(NewOrder {
            id: order.id,
            owner: OwnerId::default(),
            side: order.side.into(),
            amount: order.amount,
            // Its number and not its time: clocks may be set back.
            time: Millis(number),
            order_type: OrderType::Limit(order.price),
            time_in_force: TimeInForce::Gtc,
            self_trade: SelfTrade::Allow,
        });
        let events = std::mem::take(self.engine.sink_mut());
        submitted?;
        self.next += 1;
        self.latency.add(start.elapsed());

        let id = order.id;
        let time = order.time;
        self.numbers.insert(id, number);
        self.open.insert(number, order);
        let mut trades = Vec::new();
        for event in events {
            let Event::Trade(trade) = event else {
                continue;
            };
            self.fill(trade.maker, trade.amount);
            self.fill(id, trade.amount);
            let shown = self.shown(&trade, time);
            trades.push(shown.clone());
            if self.trades.len() == TRADES_KEPT {
                self.trades.pop_front();
            }
            self.trades.push_back(shown);
        }
        let remaining = self.open.get(&number);
        Ok(BookResult {
            order_id: id.to_string(),
            trades,
            remaining_order: remaining.map(|order| order.shown(pair)),
        })
    }

    fn fill(&mut self, id: OrderId, amount: Amount) {
        let number = self.numbers.get(&id);
        let Some(order) = number.and_then(|number| self.open.get_mut(number)) else {
            return;
        };
        order.filled = order.filled.checked_add(amount).unwrap_or(order.amount);
        order.status = OrderStatus::Partial;
        if order.filled >= order.amount {
            self.close(id, OrderStatus::Filled);
        }
    }

    fn close(&mut self, id: OrderId, status: OrderStatus) {
        let number = self.numbers.remove(&id);
        let Some(mut order) = number.and_then(|number| self.open.remove(&number)) else {
            return;
        };
        order.status = status;
        if self.closed.len() == CLOSED_KEPT {
            self.closed.pop_front();
        }
        self.closed.push_back(order);
    }

    fn shown(&self, trade: &orderbook::Trade, time: Millis) -> Trade {
        let taker_side = Side::from(trade.taker_side);
        let (buy, sell) = match taker_side {
            Side::Buy => (trade.taker, trade.maker),
            Side::Sell => (trade.maker, trade.taker),
        };
        let mut id = [0; 32];
        id[..16].copy_from_slice(&self.salt.to_be_bytes());
        id[24..].copy_from_slice(&trade.number.to_be_bytes());
        Trade {
            id: TradeId(id).to_string(),
            buy_order_id: buy.to_string(),
            sell_order_id: sell.to_string(),
            amount: trade.amount.to_string(),
            price: trade.price.to_string(),
            timestamp: time.0,
            taker_side,
            unsigned: false,
        }
    }
}

impl Known {
    fn shown(&self, pair: &Pair) -> Order {
        Order {
            id: self.id.to_string(),
            user_id: self.user.to_string(),
            side: self.side,
            amount: self.amount.to_string(),
            filled: self.filled.to_string(),
            price: Some(self.price.to_string()),
            status: self.status,
            timestamp: self.time.0,
            pair: pair.to_string(),
        }
    }
}

impl Latency {
    fn add(&mut self, time: Duration) {
        self.total = self.total.saturating_add(time);
        self.max = self.max.max(time);
        self.min = Some(self.min.map_or(time, |min| min.min(time)));
    }
}

fn out_of(field: &str, value: &str, most: impl std::fmt::Display) -> InvalidValue {
    let allowed = format!("a decimal string greater than 0 and at most {most}");
    InvalidValue::new(field, value, allowed)
}

fn entropy() -> Result<u128, MeshbookError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| MeshbookError::system("NO_ENTROPY", &error))?;
    Ok(u128::from_be_bytes(bytes))
}

fn order_of(id: &str) -> Result<OrderId, MeshbookError> {
    let id = id.parse();
    id.map_err(|error| MeshbookError::argument(&error))
}

fn now() -> Millis {
    // Before 1970 the clock is wrong anyway.
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Millis(since.map_or(0, |since| since.as_millis() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(user: &str, side: Side, amount: &str, price: &str) -> BookOrder {
        BookOrder {
            user_id: user.to_owned(),
            side,
            amount: amount.to_owned(),
            price: price.to_owned(),
            pair: None,
        }
    }

    fn book() -> OrderBook {
        OrderBook::new("BTC/USD".to_owned(), None, None).unwrap()
    }

    #[test]
    fn an_order_trades_at_the_resting_price_and_what_is_left_of_it_rests() {
        let book = book();
        let maker = book
            .add_order(order("ann", Side::Sell, "1", "100"))
            .unwrap();
        let taker = book
            .add_order(order("bob", Side::Buy, "1.5", "101"))
            .unwrap();
        let [trade] = taker.trades.as_slice() else {
            panic!("{taker:?}")
        };
        assert_eq!((&*trade.amount, &*trade.price), ("1", "100"));
        assert_eq!(trade.sell_order_id, maker.order_id);
        let rest = taker.remaining_order.unwrap();
        assert_eq!((&*rest.filled, rest.status), ("1", OrderStatus::Partial));
        let filled = book.order(&maker.order_id).unwrap().unwrap();
        assert_eq!(filled.status, OrderStatus::Filled);
        let shown = book.book(10);
        assert_eq!((&*shown.bids[0].amount, shown.asks.len()), ("0.5", 0));
        let metrics = book.metrics();
        assert_eq!((metrics.total_orders, metrics.order_count), (2, 1));
    }

    #[test]
    fn a_cancelled_order_stays_readable_and_is_cancelled_once() {
        let book = book();
        let id = book
            .add_order(order("ann", Side::Buy, "1", "1"))
            .unwrap()
            .order_id;
        assert_eq!(book.user_orders("ann").unwrap().len(), 1);
        assert!(book.cancel_order(&id).unwrap());
        assert!(!book.cancel_order(&id).unwrap());
        let order = book.order(&id).unwrap().unwrap();
        assert_eq!(order.status, OrderStatus::Cancelled);
        assert_eq!(book.best_bid(), None);
        assert!(book.cancel_order("nonsense").is_err());
    }

    #[test]
    fn an_order_that_is_not_allowed_names_its_field_and_changes_nothing() {
        let book = book();
        let mut elsewhere = order("ann", Side::Buy, "1", "1");
        elsewhere.pair = Some("ETH/USD".to_owned());
        for (wrong, name) in [
            (order("al", Side::Buy, "1", "1"), "userId"),
            (order("ann", Side::Buy, "0", "1"), "amount"),
            (order("ann", Side::Buy, "1000001", "1"), "amount"),
            (order("ann", Side::Buy, "1e3", "1"), "amount"),
            (order("ann", Side::Buy, "1", "-1"), "price"),
            (elsewhere, "pair"),
        ] {
            let error = book.add_order(wrong).unwrap_err();
            let MeshbookError::InvalidValue { field, code, .. } = error else {
                panic!("{error:?}")
            };
            assert_eq!((&*field, &*code), (name, "INVALID_ORDER"));
        }
        assert_eq!(book.metrics().total_orders, 0);
    }

    #[test]
    fn what_is_closed_is_remembered_up_to_a_bound() {
        let book = book();
        let id = |result: Result<BookResult, _>| result.unwrap().order_id;
        let first = id(book.add_order(order("ann", Side::Buy, "1", "1")));
        book.cancel_order(&first).unwrap();
        for _ in 0..CLOSED_KEPT {
            let next = id(book.add_order(order("ann", Side::Buy, "1", "1")));
            book.cancel_order(&next).unwrap();
        }
        assert_eq!(book.order(&first).unwrap(), None);
        assert_eq!(book.state().closed.len(), CLOSED_KEPT);
    }
}

//! A book as JavaScript holds it. What is called for every order takes and gives as little as can
//! be: three texts in, a number out; trades by six numbers each.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use meshbook::client::Config;
use meshbook::node::OrderStatus;
use meshbook::orderbook;
use meshbook::types::{InvalidValue, Millis, Pair, SCALE, Side};
use napi::bindgen_prelude::Either;
use napi::{Error, Result};
use napi_derive::napi;

use crate::book::{Book, Fill, Record};
use crate::client::{BookSize, limit};
use crate::failure::Failure;
use crate::fault;
use crate::options;
use crate::values::{Best, BookView, Level, Order, Trade, count, number, status, total};

/// Numbers of one trade in what [`NativeBook::fills`] gives.
const PER_FILL: usize = 6;

/// A book that stands alone.
#[napi]
#[derive(Debug)]
pub struct NativeBook {
    book: Book,
    pair: Pair,
    /// The first half of the ids of orders, and that of the ids of trades, both random.
    orders: u64,
    trades: u64,
}

/// How long orders took, in microseconds.
#[napi(object)]
#[derive(Debug)]
pub struct LatencyView {
    /// On the average.
    pub average: f64,
    /// The longest.
    pub most: f64,
    /// The shortest.
    pub least: f64,
}

/// An empty book.
#[napi(catch_unwind)]
pub fn create_book(
    pair: String,
    env: HashMap<String, String>,
) -> Result<Either<NativeBook, Failure>> {
    let read = || Ok::<_, InvalidValue>((pair.parse()?, options::limits(&env)?));
    let (pair, config): (Pair, Config) = match read() {
        Ok(read) => read,
        Err(error) => return Ok(Either::B(error.into())),
    };
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| Error::from_reason(error.to_string()))?;
    let word = |at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&seed[at..at + 8]);
        u64::from_ne_bytes(bytes)
    };
    let hash = u128::from(word(0)) << 64 | u128::from(word(8));
    Ok(Either::A(NativeBook {
        book: Book::new(hash, config.max_order_amount, config.max_order_price),
        pair,
        orders: word(16),
        trades: word(24),
    }))
}

#[napi]
impl NativeBook {
    /// Takes an order in. Gives its number, negative if it traded; 0 if it is not allowed.
    #[napi(catch_unwind)]
    pub fn add(
        &mut self,
        user_id: String,
        is_buy: bool,
        amount: String,
        price: String,
        now: f64,
    ) -> f64 {
        fault::point("addOrder");
        let start = Instant::now();
        let side = if is_buy { Side::Buy } else { Side::Sell };
        let time = Millis(limit(now) as u64);
        let Ok(record) = self.book.add(&user_id, side, &amount, &price, time) else {
            return 0.0;
        };
        let order = number(record.number);
        let traded = !self.book.last_fills().is_empty();
        self.book.latency.note(start.elapsed());
        if traded { -order } else { order }
    }

    /// What the newest order did: its filled amount (whole part and units of 10^-8) and 1 if it is
    /// open; then of each trade its number, the maker's number, amount and price (each as whole
    /// part and units).
    #[napi(catch_unwind)]
    pub fn fills(&self) -> Vec<f64> {
        let newest = self.book.orders();
        let (filled, is_open) = match self.book.get(newest) {
            Some(record) => (record.filled.units(), record.status != OrderStatus::Filled),
            None => (0, false),
        };
        let (whole, units) = split(filled);
        let head = [whole, units, f64::from(u8::from(is_open))];
        let fills = self.book.last_fills().iter().flat_map(numbers);
        head.into_iter().chain(fills).collect()
    }

    /// What the ids of orders begin with; their numbers follow, as 16 hex digits.
    #[napi(catch_unwind)]
    pub fn order_prefix(&self) -> String {
        format!("{:016x}", self.orders)
    }

    /// What the ids of trades begin with; their numbers follow likewise.
    #[napi(catch_unwind)]
    pub fn trade_prefix(&self) -> String {
        format!("{:016x}", self.trades)
    }

    /// Cancels an order; false if there is none with this id that is open.
    #[napi(catch_unwind)]
    pub fn cancel(&mut self, id: String) -> bool {
        self.number_of(&id)
            .is_some_and(|number| self.book.cancel(number))
    }

    /// An order, open or remembered.
    #[napi(catch_unwind)]
    pub fn order(&self, id: String) -> Option<Order> {
        let record = self.book.get(self.number_of(&id)?)?;
        Some(self.show(record))
    }

    /// A user's open orders, newest first.
    #[napi(catch_unwind)]
    pub fn user_orders(&self, user_id: String) -> Vec<Order> {
        let orders = self.book.open_of(&user_id).into_iter();
        orders.map(|record| self.show(record)).collect()
    }

    /// The latest trades, newest first.
    #[napi(catch_unwind)]
    pub fn trades(&self, most: f64) -> Vec<Trade> {
        let fills = self.book.fills(limit(most));
        fills.map(|fill| self.show_fill(fill)).collect()
    }

    /// The best levels.
    #[napi(catch_unwind)]
    pub fn order_book(&self, depth: f64, now: f64) -> BookView {
        let depth = self.book.engine().depth(limit(depth));
        let level = |level: orderbook::Level| Level {
            price: level.price.to_string(),
            amount: total(level.amount.units()),
            count: f64::from(level.count),
            unsigned: None,
        };
        BookView {
            pair: self.pair.to_string(),
            timestamp: now,
            bids: depth.bids.into_iter().map(level).collect(),
            asks: depth.asks.into_iter().map(level).collect(),
        }
    }

    /// The best prices.
    #[napi(catch_unwind)]
    pub fn best(&self) -> Best {
        let (bid, ask) = self.book.engine().best();
        Best::new(bid, ask)
    }

    /// How much is in it now. `trades` counts all that ever were.
    #[napi(catch_unwind)]
    pub fn size(&self) -> BookSize {
        let engine = self.book.engine();
        BookSize {
            orders: count(engine.len()),
            bid_levels: count(engine.level_count(Side::Buy)),
            ask_levels: count(engine.level_count(Side::Sell)),
            trades: number(self.book.trades()),
        }
    }

    /// How many orders it ever took.
    #[napi(getter, catch_unwind)]
    pub fn taken(&self) -> f64 {
        number(self.book.orders())
    }

    /// How long orders took.
    #[napi(catch_unwind)]
    pub fn latency(&self) -> LatencyView {
        let latency = self.book.latency;
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        LatencyView {
            average: micros(latency.total) / number(latency.count.max(1)),
            most: micros(latency.most),
            least: micros(latency.least),
        }
    }

    /// What is traded.
    #[napi(getter, catch_unwind)]
    pub fn pair(&self) -> String {
        self.pair.to_string()
    }
}

impl NativeBook {
    /// The number in an id of this book.
    fn number_of(&self, id: &str) -> Option<u64> {
        let digits = |text: &str| {
            let lower = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            let hex = text.len() == 16 && text.bytes().all(lower);
            hex.then(|| u64::from_str_radix(text, 16).ok()).flatten()
        };
        let (prefix, number) = id.split_at_checked(16)?;
        (digits(prefix)? == self.orders).then(|| digits(number))?
    }

    fn order_id(&self, number: u64) -> String {
        format!("{:016x}{number:016x}", self.orders)
    }

    fn show(&self, record: &Record) -> Order {
        Order {
            id: self.order_id(record.number),
            user_id: record.user.to_string(),
            side: record.side.to_string(),
            amount: record.amount.to_string(),
            filled: record.filled.to_string(),
            price: record.price.to_string(),
            status: status(record.status).to_owned(),
            timestamp: number(record.time.0),
            pair: self.pair.to_string(),
        }
    }

    fn show_fill(&self, fill: &Fill) -> Trade {
        let (buy, sell) = match fill.taker_side {
            Side::Buy => (fill.taker, fill.maker),
            Side::Sell => (fill.maker, fill.taker),
        };
        Trade {
            id: format!("{:016x}{:016x}", self.trades, fill.number),
            buy_order_id: self.order_id(buy),
            sell_order_id: self.order_id(sell),
            amount: fill.amount.to_string(),
            price: fill.price.to_string(),
            timestamp: number(fill.time.0),
            taker_side: fill.taker_side.to_string(),
            unsigned: false,
        }
    }
}

/// A trade in numbers that are exact.
#[expect(clippy::cast_possible_truncation, reason = "it was made of a u64")]
fn numbers(trade: &orderbook::Trade) -> [f64; PER_FILL] {
    let (amount, amount_units) = split(trade.amount.units());
    let (price, price_units) = split(trade.price.units());
    let maker = number(trade.maker.to_u128() as u64);
    [
        number(trade.number),
        maker,
        amount,
        amount_units,
        price,
        price_units,
    ]
}

/// The whole part and the rest in units of 10^-8: 15 digits and 8, so both are exact as numbers of
/// JavaScript.
#[expect(clippy::cast_precision_loss, reason = "both are below 2^53")]
const fn split(units: u128) -> (f64, f64) {
    let one = 10u128.pow(SCALE);
    ((units / one) as f64, (units % one) as f64)
}

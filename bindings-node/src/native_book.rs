//! A book as JavaScript holds it. An order is one call, and takes and gives as little as can be:
//! two texts in and one out.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use meshbook::client::Config;
use meshbook::node::OrderStatus;
use meshbook::orderbook::{self, Trade};
use meshbook::types::{InvalidValue, Millis, Pair, Side, UserId};
use napi::bindgen_prelude::Either;
use napi::{Error, Result};
use napi_derive::napi;

use crate::book::{Book, Fill, Record};
use crate::client::{BookSize, limit};
use crate::failure::Failure;
use crate::fault;
use crate::options;
use crate::values::{
    Best, BookView, Level, Order, Trade as TradeView, count, number, status, total,
};

/// About so long is one trade in what [`NativeBook::add`] gives.
const FILL_TEXT: usize = 64;

/// A book that stands alone.
#[napi]
#[derive(Debug)]
pub struct NativeBook {
    book: Book,
    pair: Pair,
    /// The first half of the ids of orders, and that of the ids of trades, both random.
    orders: u64,
    trades: u64,
    /// Users by the numbers that JavaScript knows; it says when to forget them.
    users: Vec<UserId>,
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
        users: Vec::new(),
    }))
}

#[napi]
impl NativeBook {
    /// Takes a user's name in and gives the number by which `add` knows it; -1 if it is not allowed.
    #[napi(catch_unwind)]
    pub fn user(&mut self, user_id: String) -> i32 {
        let Ok(user) = user_id.parse() else {
            return -1;
        };
        self.users.push(user);
        i32::try_from(self.users.len() - 1).unwrap_or(-1)
    }

    /// Forgets all users' numbers; their orders stay.
    #[napi(catch_unwind)]
    pub fn forget_users(&mut self) {
        self.users.clear();
    }

    /// Takes an order in: twice the user's number, and one more if it buys; amount and price as one
    /// text with a space between them; the time. Gives `!`, the field and the reason, separated by a
    /// space, if it is not allowed; else the second half of its id, and, if it traded, separated by
    /// commas: what is filled of it, `1` if it is open or `0`, and of each trade the second half of
    /// its id, that of the maker's, the amount and the price.
    #[napi(catch_unwind)]
    pub fn add(&mut self, user_and_side: u32, terms: String, now: f64) -> String {
        fault::point("addOrder");
        let start = Instant::now();
        let side = match user_and_side & 1 {
            1 => Side::Buy,
            _ => Side::Sell,
        };
        let time = Millis(limit(now) as u64);
        // A space within one of the two is in what is read then, and allowed in neither.
        let (amount, price) = terms.split_once(' ').unwrap_or((terms.as_str(), ""));
        let user = (user_and_side >> 1) as usize;
        let Some(user) = self.users.get(user) else {
            return "!userId no user has this number".to_owned();
        };
        let record = match self.book.add(user, side, amount, price, time) {
            Ok(record) => record,
            Err(error) => return format!("!{} {error}", error.field),
        };
        let mut did = format!("{:016x}", record.number);
        let is_open = record.status != OrderStatus::Filled;
        let filled = record.filled;
        let fills = self.book.last_fills();
        if !fills.is_empty() {
            did.reserve(FILL_TEXT * (fills.len() + 1));
            // Writing to a text can't fail.
            let _ = write!(did, ",{filled},{}", u8::from(is_open));
            for trade in fills {
                let Trade {
                    number,
                    maker,
                    amount,
                    price,
                    ..
                } = trade;
                let _ = write!(
                    did,
                    ",{number:016x},{:016x},{amount},{price}",
                    maker.to_u128()
                );
            }
        }
        self.book.latency.note(start.elapsed());
        did
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
    pub fn trades(&self, most: f64) -> Vec<TradeView> {
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
            price: Some(record.price.to_string()),
            status: status(record.status).to_owned(),
            timestamp: number(record.time.0),
            pair: self.pair.to_string(),
        }
    }

    fn show_fill(&self, fill: &Fill) -> TradeView {
        let (buy, sell) = match fill.taker_side {
            Side::Buy => (fill.taker, fill.maker),
            Side::Sell => (fill.maker, fill.taker),
        };
        TradeView {
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

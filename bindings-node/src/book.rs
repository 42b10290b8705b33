//! A book that stands alone: the engine, and what its users may still ask for of orders that left
//! it.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use meshbook::node::OrderStatus;
use meshbook::orderbook::{
    self, BookConfig, Event, EventSink, NewOrder, OrderBook, OrderType, OwnerId, SelfTrade,
    TimeInForce,
};
use meshbook::types::{Amount, InvalidValue, Millis, OrderId, Price, Side, UserId};

/// Closed orders that stay readable; the oldest go first.
pub(crate) const CLOSED: usize = 10_000;
/// Trades that stay readable; the oldest go first.
pub(crate) const TRADES: usize = 10_000;

const POSITIVE: &str =
    "a decimal string greater than 0: at most 15 digits before the point and 8 after it, no sign";

/// One order, open or remembered. Its number is its place in the series of all orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) number: u64,
    pub(crate) user: UserId,
    pub(crate) side: Side,
    pub(crate) amount: Amount,
    pub(crate) filled: Amount,
    pub(crate) price: Price,
    pub(crate) status: OrderStatus,
    pub(crate) time: Millis,
}

/// One trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fill {
    /// Counts the book's trades, from 1.
    pub(crate) number: u64,
    pub(crate) maker: u64,
    pub(crate) taker: u64,
    pub(crate) taker_side: Side,
    pub(crate) amount: Amount,
    pub(crate) price: Price,
    pub(crate) time: Millis,
}

/// How long orders took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Latency {
    pub(crate) count: u64,
    pub(crate) total: Duration,
    pub(crate) least: Duration,
    pub(crate) most: Duration,
}

impl Latency {
    pub(crate) fn note(&mut self, took: Duration) {
        self.least = if self.count == 0 {
            took
        } else {
            self.least.min(took)
        };
        self.most = self.most.max(took);
        self.total += took;
        self.count += 1;
    }
}

/// Keeps the trades of the present order.
#[derive(Debug, Default)]
struct Trades(Vec<orderbook::Trade>);

impl EventSink for Trades {
    #[inline]
    fn event(&mut self, event: &Event) {
        if let Event::Trade(trade) = event {
            self.0.push(*trade);
        }
    }
}

/// A book and its memory.
#[derive(Debug)]
pub(crate) struct Book {
    engine: OrderBook<Trades>,
    max_amount: Amount,
    max_price: Price,
    /// Open orders, and those that are remembered, by their numbers.
    records: HashMap<u64, Record>,
    /// The numbers of closed orders, the oldest first.
    closed: VecDeque<u64>,
    /// The oldest first.
    fills: VecDeque<Fill>,
    orders: u64,
    pub(crate) latency: Latency,
}

impl Book {
    /// An empty book, with what one order may be at most.
    pub(crate) fn new(seed: u128, max_amount: Amount, max_price: Price) -> Self {
        Self {
            engine: OrderBook::with_sink(BookConfig::with_seed(seed), Trades::default()),
            max_amount,
            max_price,
            records: HashMap::new(),
            closed: VecDeque::new(),
            fills: VecDeque::new(),
            orders: 0,
            latency: Latency::default(),
        }
    }

    /// Takes a limit order in and gives its number and its record. The trades that it made are
    /// those that [`last_fills`](Self::last_fills) gives.
    ///
    /// # Errors
    /// The first value that is not allowed; nothing has changed then.
    pub(crate) fn add(
        &mut self,
        user: &UserId,
        side: Side,
        amount: &str,
        price: &str,
        time: Millis,
    ) -> Result<&Record, InvalidValue> {
        let size = positive("amount", amount, Amount::ZERO)?;
        let limit = positive("price", price, Price::ZERO)?;
        if size > self.max_amount {
            let allowed = format!("at most {}", self.max_amount);
            return Err(InvalidValue::new("amount", amount, allowed));
        }
        if limit > self.max_price {
            let allowed = format!("at most {}", self.max_price);
            return Err(InvalidValue::new("price", price, allowed));
        }
        let number = self.orders + 1;
        self.engine.sink_mut().0.clear();
        let submitted = self.engine.submit(NewOrder {
            id: id_of(number),
            owner: OwnerId::default(),
            side,
            amount: size,
            time,
            order_type: OrderType::Limit(limit),
            time_in_force: TimeInForce::Gtc,
            self_trade: SelfTrade::Allow,
        });
        // Only a full book can still refuse it.
        let submitted = submitted
            .map_err(|error| InvalidValue::new("order", number.to_string(), error.to_string()))?;
        self.orders = number;
        self.note_fills(time);
        let status = match (submitted.open.is_zero(), submitted.filled.is_zero()) {
            (true, _) => OrderStatus::Filled,
            (false, true) => OrderStatus::Pending,
            (false, false) => OrderStatus::Partial,
        };
        if status == OrderStatus::Filled {
            self.remember_closed(number);
        }
        let record = Record {
            number,
            user: user.clone(),
            side,
            amount: size,
            filled: submitted.filled,
            price: limit,
            status,
            time,
        };
        let entry = self.records.entry(number);
        Ok(entry.insert_entry(record).into_mut())
    }

    /// Takes note of the trades of the newest order.
    fn note_fills(&mut self, time: Millis) {
        let trades = std::mem::take(&mut self.engine.sink_mut().0);
        for trade in &trades {
            let maker = number_of(trade.maker);
            let done = trade.maker_done();
            if let Some(record) = self.records.get_mut(&maker) {
                record.filled = record.amount.saturating_sub(trade.maker_remaining);
                record.status = match done {
                    true => OrderStatus::Filled,
                    false => OrderStatus::Partial,
                };
            }
            if done {
                self.remember_closed(maker);
            }
            if self.fills.len() == TRADES {
                self.fills.pop_front();
            }
            self.fills.push_back(Fill {
                number: trade.number,
                maker,
                taker: number_of(trade.taker),
                taker_side: trade.taker_side,
                amount: trade.amount,
                price: trade.price,
                time,
            });
        }
        // Given back, with its memory, to be read until the next order.
        self.engine.sink_mut().0 = trades;
    }

    fn remember_closed(&mut self, number: u64) {
        if self.closed.len() == CLOSED
            && let Some(oldest) = self.closed.pop_front()
        {
            self.records.remove(&oldest);
        }
        self.closed.push_back(number);
    }

    /// The trades of the newest order, the first one first.
    pub(crate) fn last_fills(&self) -> &[orderbook::Trade] {
        &self.engine.sink().0
    }

    /// Cancels an order; false if none with this number is open.
    pub(crate) fn cancel(&mut self, number: u64) -> bool {
        if self.engine.cancel(id_of(number)).is_err() {
            return false;
        }
        if let Some(record) = self.records.get_mut(&number) {
            record.status = OrderStatus::Cancelled;
        }
        self.remember_closed(number);
        true
    }

    /// An order, open or remembered.
    pub(crate) fn get(&self, number: u64) -> Option<&Record> {
        self.records.get(&number)
    }

    /// A user's open orders, newest first. Looks at all orders.
    pub(crate) fn open_of(&self, user: &str) -> Vec<&Record> {
        let open = |record: &&Record| {
            matches!(record.status, OrderStatus::Pending | OrderStatus::Partial)
                && record.user.as_str() == user
        };
        let mut orders: Vec<&Record> = self.records.values().filter(open).collect();
        orders.sort_unstable_by_key(|record| std::cmp::Reverse(record.number));
        orders
    }

    /// The latest trades, newest first.
    pub(crate) fn fills(&self, most: usize) -> impl Iterator<Item = &Fill> {
        self.fills.iter().rev().take(most)
    }

    /// All orders that were ever taken in.
    pub(crate) const fn orders(&self) -> u64 {
        self.orders
    }

    /// All trades that ever were.
    pub(crate) fn trades(&self) -> u64 {
        self.engine.counters().trades
    }

    /// The engine, to look at.
    pub(crate) const fn engine(&self) -> &OrderBook<impl EventSink + use<>> {
        &self.engine
    }
}

const fn id_of(number: u64) -> OrderId {
    OrderId::from_u128(number as u128)
}

/// The number of an order of this book, whose ids are all made of one.
#[expect(clippy::cast_possible_truncation, reason = "it was made of a u64")]
const fn number_of(id: OrderId) -> u64 {
    id.to_u128() as u64
}

fn positive<T>(field: &str, text: &str, zero: T) -> Result<T, InvalidValue>
where
    T: std::str::FromStr + PartialEq,
{
    let value = text.parse().ok().filter(|value| *value != zero);
    value.ok_or_else(|| InvalidValue::new(field, text, POSITIVE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> Book {
        Book::new(7, "1000".parse().unwrap(), "100000".parse().unwrap())
    }

    fn add(book: &mut Book, side: Side, amount: &str, price: &str) -> Record {
        let time = Millis(book.orders() + 1);
        book.add(&"bob".parse().unwrap(), side, amount, price, time)
            .unwrap()
            .clone()
    }

    #[test]
    fn a_partly_filled_order_rests_with_what_is_left_and_can_be_cancelled() {
        let mut book = book();
        let ask = add(&mut book, Side::Sell, "1", "100").number;
        let bid = add(&mut book, Side::Buy, "1.5", "101");
        assert_eq!(
            (bid.status, bid.filled.to_string()),
            (OrderStatus::Partial, "1".to_owned())
        );
        let fill = book.last_fills()[0];
        assert_eq!(
            (fill.price.to_string(), fill.amount.to_string()),
            ("100".into(), "1".into())
        );
        assert_eq!(book.get(ask).unwrap().status, OrderStatus::Filled);
        let level = book.engine().depth(1).bids[0];
        assert_eq!(level.amount.to_string(), "0.5");
        assert!(book.cancel(bid.number) && !book.cancel(bid.number));
        assert_eq!(book.get(bid.number).unwrap().status, OrderStatus::Cancelled);
        assert!(book.engine().is_empty());
    }

    #[test]
    fn the_older_of_two_orders_of_one_price_is_filled_first() {
        let mut book = book();
        let first = add(&mut book, Side::Sell, "1", "100").number;
        let second = add(&mut book, Side::Sell, "1", "100").number;
        let better = add(&mut book, Side::Sell, "1", "99").number;
        add(&mut book, Side::Buy, "2.5", "100");
        let makers: Vec<u64> = book.fills(9).map(|fill| fill.maker).collect();
        assert_eq!(makers, [second, first, better]);
    }

    #[test]
    fn what_is_not_allowed_changes_nothing() {
        let mut book = book();
        let user = "bob".parse().unwrap();
        for (amount, price, field) in [
            ("0", "1", "amount"),
            ("1e3", "1", "amount"),
            ("1000.00000001", "1", "amount"),
            ("1", "-1", "price"),
            ("1", "100000.5", "price"),
        ] {
            let refused = book.add(&user, Side::Buy, amount, price, Millis(1));
            assert_eq!(refused.unwrap_err().field, field);
        }
        assert_eq!((book.orders(), book.engine().len()), (0, 0));
    }

    #[test]
    fn closed_orders_and_trades_are_remembered_up_to_a_bound() {
        let mut book = book();
        let open = add(&mut book, Side::Buy, "1", "1").number;
        for _ in 0..CLOSED {
            add(&mut book, Side::Sell, "1", "100");
            add(&mut book, Side::Buy, "1", "100");
        }
        assert_eq!(book.records.len(), CLOSED + 1);
        assert_eq!(book.fills(usize::MAX).count(), TRADES);
        assert!(book.get(open).is_some() && book.get(open + 1).is_none());
        assert_eq!(book.trades(), CLOSED as u64);
        assert_eq!(book.open_of("bob").len(), 1);
    }
}

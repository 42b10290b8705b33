//! The order book as plain peers hold it.
//!
//! Plain peers share no state. Each applies every announced order to a book of its own, as a taker and
//! once for each id: best price first, at one price in the order of arrival. An order never says which
//! orders it filled. So a node that trades with plain peers applies all announcements, its own among
//! them, to such a book as well, and learns from it which of its orders a plain peer's order filled.

use crate::collections::{BTreeMap, BTreeSet};
use crate::node::market::BRIDGED;
use crate::orderbook::{BookConfig, OrderBook, OrderRef, OwnerId, RestingOrder};
use crate::protocol::PLAIN_PEERS;
use crate::types::{Amount, Millis, OrderId, Price, Side};

/// A part of a resting order that an announced order filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) id: OrderId,
    pub(super) owner: OwnerId,
    pub(super) amount: Amount,
}

/// The resting orders that plain peers know, in the order in which they arrived.
#[derive(Debug)]
pub(in crate::node) struct PlainBook {
    book: OrderBook,
    /// Number of orders that ever rested. Serves as their time.
    arrivals: u64,
    /// Resting orders that were filled in part. Plain peers cancel none of them.
    touched: BTreeSet<OrderId>,
    /// Own orders of which less is left than rests here, until they are the first in line.
    pub(super) excessive: BTreeSet<OrderId>,
    /// Own orders that are to be announced, with the time (monotonic) at which they are in any case.
    pub(super) unannounced: BTreeMap<OrderId, Millis>,
    /// Own orders that may take an unsigned one as soon as it is the first in line.
    delayed: BTreeSet<OrderId>,
    /// When to look at these again (monotonic).
    pub(super) follow_at: Option<Millis>,
}

impl PlainBook {
    /// `seed` is random, so that strangers cannot choose ids whose hashes collide.
    pub(in crate::node) fn new(seed: u128) -> Self {
        Self {
            book: OrderBook::new(BookConfig::with_seed(seed)),
            arrivals: 0,
            touched: BTreeSet::new(),
            excessive: BTreeSet::new(),
            unannounced: BTreeMap::new(),
            delayed: BTreeSet::new(),
            follow_at: None,
        }
    }

    /// Applies an order as a taker, but for the makers that it `passes_over`. Returns the filled parts
    /// and the unfilled rest of `amount`.
    pub(super) fn apply(
        &mut self,
        side: Side,
        limit: Price,
        amount: Amount,
        passes_over: impl Fn(&OrderRef) -> bool,
    ) -> (Vec<Hit>, Amount) {
        let mut rest = amount;
        let mut hits = Vec::new();
        let makers = self.book.crossing(side, limit);
        for maker in makers.filter(|maker| !passes_over(maker)) {
            if rest.is_zero() {
                break;
            }
            let amount = rest.min(maker.open);
            rest = rest.saturating_sub(amount);
            hits.push(Hit {
                id: maker.id,
                owner: maker.owner,
                amount,
            });
        }
        for hit in &hits {
            self.reduce(hit.id, hit.amount);
        }
        (hits, rest)
    }

    /// Adds a resting order behind all others of its price.
    pub(super) fn rest(
        &mut self,
        id: OrderId,
        owner: OwnerId,
        side: Side,
        price: Price,
        amount: Amount,
    ) {
        self.arrivals += 1;
        let time = Millis(self.arrivals);
        // Refused only where the id rests already, or nothing is left of the order.
        let _ = self.book.rest(RestingOrder {
            id,
            owner,
            side,
            price,
            amount,
            time,
        });
    }

    /// Reduces a resting order; one of which nothing is left is removed.
    pub(super) fn reduce(&mut self, id: OrderId, by: Amount) {
        let Some(open) = self.open(id) else {
            return;
        };
        let left = open.saturating_sub(by);
        if left.is_zero() {
            self.remove(id);
        } else if left < open {
            let _ = self.book.set_open(id, left);
            self.touched.insert(id);
        }
    }

    pub(super) fn remove(&mut self, id: OrderId) {
        self.book.remove(id);
        self.touched.remove(&id);
        self.excessive.remove(&id);
    }

    /// Returns whether an order was filled in part since it rests here.
    pub(super) fn is_touched(&self, id: OrderId) -> bool {
        self.touched.contains(&id)
    }

    /// Returns whether an order with this limit would fill an order of which more rests here than is
    /// left, or may: another node announces its trades by itself.
    pub(super) fn would_fill_unsettled(&self, side: Side, limit: Price) -> bool {
        let mut makers = self.book.crossing(side, limit);
        makers.any(|maker| maker.owner == BRIDGED || self.excessive.contains(&maker.id))
    }

    /// Notes whether an own order waits for its turn to take an unsigned one.
    pub(in crate::node) fn set_delayed(&mut self, id: OrderId, is_delayed: bool) {
        if is_delayed {
            self.delayed.insert(id);
        } else if !self.delayed.is_empty() {
            self.delayed.remove(&id);
        }
    }

    /// Forgets that an own order waits to take or to be announced.
    pub(in crate::node) fn forget_waiting(&mut self, id: &OrderId) {
        if PLAIN_PEERS {
            self.delayed.remove(id);
            self.unannounced.remove(id);
        }
    }

    /// Returns whether an own order waits for its turn to take an unsigned one.
    pub(in crate::node) fn is_delayed(&self, id: &OrderId) -> bool {
        PLAIN_PEERS && self.delayed.contains(id)
    }

    /// Returns whether no own order waits for a change of this book.
    pub(super) fn is_settled(&self) -> bool {
        self.excessive.is_empty() && self.unannounced.is_empty() && self.delayed.is_empty()
    }

    /// Returns whether an order rests here.
    pub(in crate::node) fn holds(&self, id: OrderId) -> bool {
        PLAIN_PEERS && self.book.get(id).is_some()
    }

    /// Returns the open amount of a resting order.
    pub(super) fn open(&self, id: OrderId) -> Option<Amount> {
        self.book.get(id).map(|order| order.open)
    }

    /// Returns whether the next taker on the other side fills this order first.
    pub(super) fn is_first(&self, id: OrderId) -> bool {
        let order = self.book.get(id);
        order.is_some_and(|order| {
            let first = self.book.orders(order.side).next();
            first.is_some_and(|first| first.id == id)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: OwnerId = OwnerId(7);

    fn id(number: u8) -> OrderId {
        OrderId([number; 16])
    }

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    fn book(orders: &[(u8, &str, &str)]) -> PlainBook {
        let mut book = PlainBook::new(1);
        for (number, amount, price) in orders {
            let (amount, price) = (amount.parse().unwrap(), price.parse().unwrap());
            book.rest(id(*number), OWNER, Side::Sell, price, amount);
        }
        book
    }

    #[test]
    fn takers_fill_by_price_then_arrival() {
        // The later arrival has the smaller id.
        let mut book = book(&[(9, "1", "101"), (8, "1", "100"), (3, "1", "100")]);
        assert!(book.is_first(id(8)));
        let limit = "101".parse().unwrap();
        let (hits, rest) = book.apply(Side::Buy, limit, amount("2.5"), |_| false);
        let filled: Vec<_> = hits.iter().map(|hit| (hit.id, hit.amount)).collect();
        let whole = amount("1");
        assert_eq!(
            filled,
            [(id(8), whole), (id(3), whole), (id(9), amount("0.5"))]
        );
        assert!(rest.is_zero());
        assert_eq!(book.open(id(8)), None);
        assert_eq!(book.open(id(9)), Some(amount("0.5")));
    }

    #[test]
    fn passed_over_makers_stay() {
        let mut book = book(&[(1, "1", "100"), (2, "1", "100")]);
        let limit = "100".parse().unwrap();
        let first = |maker: &OrderRef| maker.id == id(1);
        let (hits, rest) = book.apply(Side::Buy, limit, amount("3"), first);
        assert_eq!(hits.len(), 1);
        assert_eq!((rest, book.open(id(1))), (amount("2"), Some(amount("1"))));
    }

    #[test]
    fn reducing_more_than_is_open_removes() {
        let mut book = book(&[(1, "1", "100")]);
        book.reduce(id(1), amount("0.4"));
        assert_eq!(book.open(id(1)), Some(amount("0.6")));
        book.reduce(id(1), amount("2"));
        assert_eq!(book.open(id(1)), None);
        book.reduce(id(1), amount("2"));
    }
}

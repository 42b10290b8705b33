//! The whole state of a book as plain data and as bytes.

use crate::types::Side;

use super::{Counters, Depth, EventSink, OrderBook, RestingOrder};

/// First bytes of an encoded snapshot: a name and the version of the format.
const MAGIC: [u8; 8] = *b"mbbook\0\x01";

/// All that a book holds. Two books that behave alike from here on have equal snapshots,
/// whatever their seeds and histories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookSnapshot {
    /// What happened so far.
    pub counters: Counters,
    /// All levels.
    pub depth: Depth,
    /// All buy orders in priority order.
    pub bids: Vec<RestingOrder>,
    /// All sell orders in priority order.
    pub asks: Vec<RestingOrder>,
}

impl BookSnapshot {
    /// The snapshot as bytes, equal for equal snapshots: all integers big-endian; the counters,
    /// then for bids and asks the number of levels, each level (price, amount, count), the number
    /// of orders, and each order (id, owner, price, amount, time).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let Counters {
            accepted,
            trades,
            cancelled,
        } = self.counters;
        for counter in [accepted, trades, cancelled] {
            bytes.extend(counter.to_be_bytes());
        }
        let sides = [
            (&self.depth.bids, &self.bids),
            (&self.depth.asks, &self.asks),
        ];
        for (levels, orders) in sides {
            bytes.extend((levels.len() as u64).to_be_bytes());
            for level in levels {
                bytes.extend(level.price.units().to_be_bytes());
                bytes.extend(level.amount.units().to_be_bytes());
                bytes.extend(level.count.to_be_bytes());
            }
            bytes.extend((orders.len() as u64).to_be_bytes());
            for order in orders {
                bytes.extend(order.id.0);
                bytes.extend(order.owner.0.to_be_bytes());
                bytes.extend(order.price.units().to_be_bytes());
                bytes.extend(order.amount.units().to_be_bytes());
                bytes.extend(order.time.0.to_be_bytes());
            }
        }
        bytes
    }
}

impl<S: EventSink> OrderBook<S> {
    /// The whole state.
    #[must_use]
    pub fn snapshot(&self) -> BookSnapshot {
        BookSnapshot {
            counters: self.counters(),
            depth: self.depth(usize::MAX),
            bids: self.orders(Side::Buy).map(Into::into).collect(),
            asks: self.orders(Side::Sell).map(Into::into).collect(),
        }
    }
}

//! Building a book from the events of another.

use crate::types::{Amount, OrderId};

use super::{Event, EventSink, OrderBook, ReplayError};

impl<S: EventSink> OrderBook<S> {
    /// Applies an event of another book. All events of a book, applied to an empty one in their
    /// order, give the same book; they are not told to this book's sink.
    ///
    /// # Errors
    /// `Refused` or `Mismatch` if the event does not fit this book, which then stays as it was.
    pub fn apply(&mut self, event: &Event) -> Result<(), ReplayError> {
        match *event {
            Event::Accepted(_) => self.store.counters.accepted += 1,
            Event::Rested(order) => self.put(&order)?,
            Event::Trade(trade) => {
                let slot = self.expect(trade.maker, |open| {
                    open.checked_sub(trade.amount) == Some(trade.maker_remaining)
                })?;
                self.store.set_open(slot, trade.maker_remaining);
                self.store.counters.trades += 1;
            }
            Event::Reduced { id, open } | Event::OpenSet { id, open } => {
                let slot = self.store.known(id)?;
                self.store.set_open(slot, open);
            }
            Event::Replaced { id, open, .. } => self.take_out(id, open)?,
            Event::Removed(order) => self.take_out(order.id, order.amount)?,
            Event::Cancelled { id, amount, reason } => {
                if reason.was_resting() {
                    self.take_out(id, amount)?;
                }
                self.store.counters.cancelled += 1;
            }
            Event::Refused(_) => {}
        }
        Ok(())
    }

    /// The place of an order whose open amount is as it should be.
    fn expect(&self, id: OrderId, fits: impl Fn(Amount) -> bool) -> Result<u32, ReplayError> {
        let slot = self.store.known(id)?;
        if fits(self.store.order(slot).open) {
            Ok(slot)
        } else {
            Err(ReplayError::Mismatch { id })
        }
    }

    fn take_out(&mut self, id: OrderId, open: Amount) -> Result<(), ReplayError> {
        let slot = self.expect(id, |is_open| is_open == open)?;
        self.store.unlink(slot);
        Ok(())
    }
}

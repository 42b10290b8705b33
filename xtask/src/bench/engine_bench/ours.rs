//! The product's engine on a workload, as a node would use it: 128-bit ids that look like
//! hashes, prices and amounts in units of 10^-8, owners, a self-trade setting, and a sink that
//! receives every event.

use meshbook::orderbook::{
    BookConfig, CancelReason, Event, EventSink, NewOrder, OrderBook, OrderType, OwnerId, SelfTrade,
    TimeInForce,
};
use meshbook::types::{Amount, Millis, OrderId, Price, Side};

use crate::tally::Tally;
use crate::workload::Op;

/// A tick is a cent, a lot is a thousandth.
const TICK: u32 = 1_000_000;
const LOT: u32 = 100_000;

/// Every order has its own owner, whose handle is the workload's id of the order.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    pub(crate) tally: Tally,
    /// Orders that came to rest: other events cost something too.
    rested: u64,
}

impl EventSink for Sink {
    #[inline(always)]
    fn event(&mut self, event: &Event) {
        match event {
            Event::Trade(trade) => {
                let ticks = trade.price.units() as u64 / u64::from(TICK);
                let lots = trade.amount.units() as u64 / u64::from(LOT);
                self.tally.fill(trade.maker_owner.0, ticks, lots);
            }
            Event::Cancelled {
                reason: CancelReason::Requested,
                ..
            } => self.tally.cancels += 1,
            Event::Rested(_) => self.rested += 1,
            _ => {}
        }
    }
}

/// The 128-bit id of a 32-bit one, like a hash of it.
#[inline(always)]
fn id_of(id: u32) -> OrderId {
    let mut z = u64::from(id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^= z >> 27;
    let low = z.wrapping_mul(0x94d0_49bb_1331_11eb);
    OrderId::from_u128(u128::from(z) << 64 | u128::from(low))
}

#[derive(Debug)]
pub(crate) struct Ours {
    book: OrderBook<Sink>,
}

impl Ours {
    pub(crate) fn new() -> Self {
        let config = BookConfig::with_seed(0x5eed_0000_1111_2222_3333_4444_5555_6666);
        Self {
            book: OrderBook::with_sink(config, Sink::default()),
        }
    }

    pub(crate) fn tally(&self) -> Tally {
        self.book.sink().tally
    }

    #[inline(always)]
    pub(crate) fn step(&mut self, op: &Op) {
        let id = id_of(op.id);
        if op.kind == 1 {
            // An order that is gone already is refused, as it should be.
            let _ = self.book.cancel(id);
            return;
        }
        let price = Price::from_units(u128::from(op.price) * u128::from(TICK));
        let amount = Amount::from_units(u128::from(op.qty) * u128::from(LOT));
        let order = NewOrder {
            id,
            owner: OwnerId(op.id),
            side: if op.side == 0 { Side::Buy } else { Side::Sell },
            amount: amount.unwrap_or_default(),
            time: Millis(u64::from(op.id)),
            order_type: OrderType::Limit(price.unwrap_or_default()),
            time_in_force: if op.ioc == 0 {
                TimeInForce::Gtc
            } else {
                TimeInForce::Ioc
            },
            self_trade: SelfTrade::CancelNewest,
        };
        if let Err(error) = self.book.submit(order) {
            panic!("a workload's order was refused: {error}");
        }
    }
}

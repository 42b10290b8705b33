//! What is checked when a trade first appears anywhere.

use std::fmt;

use meshbook::ledger::{TradeRecord, Verifier};
use meshbook::types::{NodeId, OrderId, TakeId, TradeId};

use super::{Judge, rules};
use crate::world::network_id;

/// A piece that a trade burned, in units of 10^-8.
#[derive(Clone, Copy, Debug)]
pub(super) struct Burned {
    start: u128,
    end: u128,
    pub(super) trade: TradeId,
    /// The take, its maker and its taker.
    take: (TakeId, NodeId, NodeId),
}

impl fmt::Display for Burned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end, trade) = (self.start, self.end, self.trade.short());
        write!(f, "{start}..{end} in trade {trade}")
    }
}

/// Of so many trades one is verified from its bytes by somebody who has seen nothing else; the
/// statements of all are verified anyway when they are first sent.
const VERIFIED: u8 = 4;

impl Judge {
    /// A node holds this trade, and has written it down.
    pub(crate) fn trade(&mut self, trade: &TradeRecord) {
        let (maker, taker) = (trade.maker().owner(), trade.taker().owner());
        let by = (trade.take_id(), maker, taker);
        if self.trades.insert(trade.id(), by).is_some() {
            return;
        }
        self.keep_trade(trade);
        for (rej, by) in trade.freed() {
            if let Some(answer) = rej.as_rej() {
                self.void.insert((answer.take, rej.owner(), by));
            }
        }
        for statement in [trade.maker(), trade.taker(), trade.req(), trade.fill()] {
            self.signed(statement);
        }
        if let Err(found) = proves_itself(trade) {
            self.fail(rules::TRADES, found);
        }
        let pieces = [
            (trade.maker_order(), trade.maker(), trade.maker_piece()),
            (trade.taker_order(), trade.taker(), trade.taker_piece()),
        ];
        for (order, place, piece) in pieces {
            let amount = place.as_place().map_or(0, |place| place.amt.units());
            let piece = Burned {
                start: piece.start().units(),
                end: piece.end().units(),
                trade: trade.id(),
                take: by,
            };
            self.burn(order, place.owner(), amount, piece);
        }
    }

    fn burn(&mut self, order: OrderId, owner: NodeId, amount: u128, piece: Burned) {
        let honest = self.is_honest(&owner);
        let burned = self.burned.entry(order).or_default();
        let freed = &self.freed;
        // A trade whose taker had its refusal burns nothing: its maker cheated.
        let stands = |other: &&Burned| !freed.contains(&other.take);
        let overlap = burned
            .iter()
            .filter(stands)
            // A maker that fills one take twice burns its taker's piece once, and answers for it.
            .filter(|other| other.take != piece.take || other.take.1 == owner)
            .find(|other| piece.start < other.end && other.start < piece.end)
            .filter(|_| stands(&&piece))
            .copied();
        burned.push(piece);
        if !honest {
            return;
        }
        let short = order.short();
        if piece.end > amount {
            let found = format!("order {short} of {amount} burns {piece}");
            self.fail(rules::PIECES, found);
        }
        if let Some(other) = overlap {
            let found = format!("order {short} burns {piece} and {other}");
            self.fail(rules::PIECES, found);
        }
    }
}

/// Checks a trade by itself: its words, and now and then its signatures.
fn proves_itself(trade: &TradeRecord) -> Result<(), String> {
    let id = trade.id().short();
    let (Some(maker), Some(taker)) = (trade.maker().as_place(), trade.taker().as_place()) else {
        return Err(format!("trade {id} has no orders"));
    };
    let (Some(req), Some(fill)) = (trade.req().as_req(), trade.fill().as_fill()) else {
        return Err(format!("trade {id} has no answer"));
    };
    let maker_order = OrderId::from(trade.maker().hash());
    let taker_order = OrderId::from(trade.taker().hash());
    let linked = fill.take == TakeId::from(trade.req().hash())
        && fill.id == maker_order
        && req.maker == maker_order
        && req.order == taker_order
        && trade.maker().owner() == trade.fill().owner()
        && trade.taker().owner() == trade.req().owner();
    let equal = maker.pair == taker.pair
        && maker.side != taker.side
        && fill.px == maker.px
        && trade.maker_piece().len() == fill.qty
        && trade.taker_piece().len() == fill.qty
        && fill.qty <= req.qty
        && fill.qty >= req.min;
    if !linked || !equal {
        return Err(format!("trade {id} does not fit together: {trade:?}"));
    }
    // At most a thousand fills an order and one that closes it, whoever signs them.
    let part = maker.amt.units().div_ceil(1_000);
    let closes = fill.last && fill.open.units() == 0;
    if fill.qty.units() < part && !closes {
        return Err(format!(
            "trade {id} burns less than a smallest piece: {trade:?}"
        ));
    }
    if trade.id().0[0].is_multiple_of(VERIFIED) {
        let verified = Verifier::new(network_id()).verify_trade(trade.raw());
        if verified.as_ref() != Ok(trade) {
            return Err(format!("trade {id} does not verify: {verified:?}"));
        }
    }
    Ok(())
}

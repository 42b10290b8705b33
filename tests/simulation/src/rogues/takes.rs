//! Requests and trades that rogues make up: of orders that are not there, in the smallest pieces and
//! in dust, and with themselves.

use meshbook::ledger::{
    Fill, Identity, Payload, Place, PlaceTif, RawTrade, Req, Statement, smallest_piece,
};
use meshbook::protocol::{Message, TakeRequest};
use meshbook::types::{Amount, Millis, OrderId, Price, Side, TakeId};

use super::{Rogue, any_price, order_id};
use crate::clock::truth;
use crate::load::terms;
use crate::world::{World, network_id};

/// Pieces of dust in one go.
const MOST_PIECES: u64 = 6;
/// Requests for nothing in one go.
const MOST_UNKNOWN: u64 = 6;
/// The sizes of dust, in units of 10^-8.
const DUST_UNITS: [u128; 3] = [1, 1, 1_000_000];

impl Rogue {
    /// An order that takes, under any key.
    fn taking(&self, key: &Identity, terms: &Place, ts: Millis) -> Option<Statement> {
        let place = Payload::Place(Place {
            n: 1,
            ts,
            side: terms.side.opposite(),
            px: any_price(terms),
            exp: ts + Millis::from_secs(3_600),
            tif: PlaceTif::Gtc,
            rest: false,
            replaces: None,
            ..terms.clone()
        });
        key.sign(&network_id(), place).ok()
    }

    /// The smallest piece of an order of this amount that may be filled, or a smaller one.
    fn small_piece_of(&mut self, amt: Amount) -> u128 {
        match self.random.percent(60) {
            true => smallest_piece(amt).units(),
            false => self.random.pick(&DUST_UNITS),
        }
    }

    /// An order and a request of it, under any key.
    pub(super) fn request_of(
        &mut self,
        key: &Identity,
        maker: OrderId,
        ts: Millis,
    ) -> Option<(Statement, Statement)> {
        let (side, px, amt) = terms(&mut self.random);
        let place = self.taking(key, &place_of(side, px, amt, ts)?, ts)?;
        let req = request(key, &place, maker, (0, 1), ts)?;
        Some((place, req))
    }
}

/// A request for the piece `[at, at + qty)` of the taker's own order.
fn request(
    key: &Identity,
    place: &Statement,
    maker: OrderId,
    piece: (u128, u128),
    ts: Millis,
) -> Option<Statement> {
    let (at, qty) = piece;
    let qty = Amount::from_units(qty)?;
    let req = Payload::Req(Req {
        n: 2 + u64::try_from(at).ok()?,
        ts,
        until: ts + Millis::from_secs(5),
        order: order_id(place),
        at: Amount::from_units(at)?,
        qty,
        min: qty,
        lim: place.as_place()?.px,
        maker,
        freed: Vec::new(),
    });
    key.sign(&network_id(), req).ok()
}

impl World {
    /// Asks owners for orders that they never had.
    pub(super) fn asks_for_nothing(&mut self, rogue: usize) {
        let ts = truth(self.now);
        for conn in self.rogue_conns(rogue) {
            let it = &mut self.rogues[rogue];
            let key = it.fresh_key();
            let (side, px, amt) = terms(&mut it.random);
            let Some(terms) = place_of(side, px, amt, ts) else {
                return;
            };
            let Some(place) = it.taking(&key, &terms, ts) else {
                return;
            };
            let count = it.random.between(1, MOST_UNKNOWN);
            for number in 0..count {
                let maker = self.rogues[rogue].no_order();
                let piece = (u128::from(number), 1);
                let Some(req) = request(&key, &place, maker, piece, ts) else {
                    return;
                };
                let message = Message::Take(TakeRequest {
                    req: req.raw(),
                    place: place.raw(),
                });
                self.judge.counts.one("rogues: requests for unknown orders");
                self.rogue_says(rogue, conn, &message);
            }
        }
    }

    /// Buys an order of another owner in pieces of next to nothing.
    pub(super) fn takes_dust(&mut self, rogue: usize) {
        let ts = truth(self.now);
        let it = &mut self.rogues[rogue];
        let which = it.random.index(it.heard.len());
        let Some(maker) = it.heard.get(which).cloned() else {
            return;
        };
        let Some(terms) = maker.as_place() else {
            return;
        };
        let key = it.fresh_key();
        let Some(place) = it.taking(&key, terms, ts) else {
            return;
        };
        let qty = it.small_piece_of(terms.amt);
        let pieces = it.random.between(1, MOST_PIECES);
        let Some(conn) = self.rogue_way_to(rogue, maker.owner()) else {
            return;
        };
        for number in 0..pieces {
            let piece = (u128::from(number) * qty, qty);
            let Some(req) = request(&key, &place, order_id(&maker), piece, ts) else {
                return;
            };
            let message = Message::Take(TakeRequest {
                req: req.raw(),
                place: place.raw(),
            });
            self.judge.counts.one("rogues: requests for dust");
            self.rogue_says(rogue, conn, &message);
        }
    }

    /// Shows everybody trades of one fresh key with another.
    pub(super) fn washes(&mut self, rogue: usize) {
        let ts = truth(self.now);
        let it = &mut self.rogues[rogue];
        let (seller, buyer) = (it.fresh_key(), it.fresh_key());
        let (side, px, amt) = terms(&mut it.random);
        let Some(terms) = place_of(side, px, amt, ts) else {
            return;
        };
        let Ok(maker) = seller.sign(&network_id(), Payload::Place(terms.clone())) else {
            return;
        };
        let Some(taker) = it.taking(&buyer, &terms, ts) else {
            return;
        };
        let qty = it.small_piece_of(terms.amt);
        let mut trades = Vec::new();
        for number in 0..u128::from(it.random.between(1, MOST_PIECES)) {
            let piece = (number * qty, qty);
            let Some(req) = request(&buyer, &taker, order_id(&maker), piece, ts) else {
                return;
            };
            let Some(fill) = answer(&seller, &maker, &req, piece, ts) else {
                return;
            };
            trades.push(RawTrade {
                maker: maker.raw(),
                taker: taker.raw(),
                req: req.raw(),
                fill: fill.raw(),
            });
        }
        let count = trades.len() as u64;
        self.judge.counts.more("rogues: wash trades", count);
        self.rogue_tells(rogue, &Message::Trades(trades));
    }
}

/// The terms of an order that rests.
pub(super) fn place_of(side: Side, px: Price, amt: Amount, ts: Millis) -> Option<Place> {
    Some(Place {
        n: 1,
        ts,
        pair: "BTC/USD".parse().ok()?,
        side,
        px,
        amt,
        exp: ts + Millis::from_secs(3_600),
        tif: PlaceTif::Gtc,
        u: "mallory".parse().ok()?,
        rest: true,
        replaces: None,
    })
}

/// The fill of a request.
fn answer(
    key: &Identity,
    maker: &Statement,
    req: &Statement,
    piece: (u128, u128),
    ts: Millis,
) -> Option<Statement> {
    let (at, qty) = piece;
    let terms = maker.as_place()?;
    let left = terms.amt.units().checked_sub(at + qty)?;
    let fill = Payload::Fill(Fill {
        n: 2 + u64::try_from(at).ok()?,
        ts,
        take: TakeId::from(req.hash()),
        id: order_id(maker),
        at: Amount::from_units(at)?,
        qty: Amount::from_units(qty)?,
        px: terms.px,
        open: Amount::from_units(left)?,
        last: left == 0,
        freed: Vec::new(),
    });
    key.sign(&network_id(), fill).ok()
}

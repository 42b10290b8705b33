//! Wash trades: trades of an attacker with itself, which every node takes in, passes on and keeps.
//! Either each has two owners of its own, or two owners trade as often as they can.

use bytes::Bytes;
use meshbook::ledger::{Fill, Payload, Place, PlaceTif, RawTrade, Req, Statement};
use meshbook::protocol::encode_trades;
use meshbook::types::{Amount, Millis, Price, Side};

use super::lines::at_once;
use super::pace::Pace;
use super::stranger::Stranger;
use crate::Persona;
use crate::secured::now;

const ONE: u128 = 100_000_000;

/// Where nobody else trades.
const PRICE: u128 = 500 * ONE;

/// How long the orders live by their own word.
const LIFE: Millis = Millis::from_secs(24 * 3_600);

/// How long a request may be answered.
const VALID: Millis = Millis::from_secs(5);

/// Trades in one message.
const TOGETHER: usize = 50;

/// Bytes of trades in one message; a node takes 1 MiB.
const MESSAGE: usize = 900 * 1024;

/// Trades a second of owners of their own, of all sessions together.
const FRESH_RATE: u32 = 700;

/// Trades a second of the same owners, of all sessions together.
const RATE: u32 = 2_500;

/// Sessions. One is enough while nobody minds.
const LINES: usize = 2;

/// How large an order is in comparison to the pieces that it is traded in, where each counts
/// something.
const PIECES: u128 = 1_000;

/// A maker and a taker, both the attacker's, with an order each.
#[derive(Debug)]
struct Pair {
    maker: (Persona, Statement),
    taker: (Persona, Statement),
    amount: u128,
    traded: u128,
    n: u64,
}

impl Pair {
    fn new(maker: Persona, taker: Persona, amount: u128) -> Self {
        let sells = place(&maker, Side::Sell, amount);
        let buys = place(&taker, Side::Buy, amount);
        Self {
            maker: (maker, sells),
            taker: (taker, buys),
            amount,
            traded: 0,
            n: 1,
        }
    }

    /// The next trade of so much; `None` where nothing is left. It is not checked whether it
    /// holds: that is the node's work.
    fn trade(&mut self, piece: u128) -> Option<String> {
        if self.traded + piece > self.amount {
            return None;
        }
        self.n += 1;
        let ts = now().wall;
        let (maker, sells) = &self.maker;
        let (taker, buys) = &self.taker;
        let price = price();
        let (at, qty) = (amount(self.traded), amount(piece));
        self.traded += piece;
        let req = taker.sign(Payload::Req(Req {
            n: self.n,
            ts,
            until: ts + VALID,
            order: buys.order_id()?,
            at,
            qty,
            min: qty,
            lim: price,
            maker: sells.order_id()?,
            freed: Vec::new(),
        }));
        let fill = maker.sign(Payload::Fill(Fill {
            n: self.n,
            ts,
            take: req.take_id()?,
            id: sells.order_id()?,
            at,
            qty,
            px: price,
            open: amount(self.amount - self.traded),
            last: self.traded == self.amount,
            freed: Vec::new(),
        }));
        let trade = RawTrade {
            maker: sells.raw(),
            taker: buys.raw(),
            req: req.raw(),
            fill: fill.raw(),
        };
        serde_json::to_string(&trade).ok()
    }
}

/// An order that nobody but its counterpart can take.
fn place(who: &Persona, side: Side, whole: u128) -> Statement {
    let ts = now().wall;
    who.sign(Payload::Place(Place {
        n: 1,
        ts,
        pair: "BTC/USD".parse().expect("a pair"),
        side,
        px: price(),
        amt: amount(whole),
        exp: ts + LIFE,
        tif: PlaceTif::Gtc,
        u: "stranger".parse().expect("a user"),
        rest: false,
        replaces: None,
    }))
}

fn price() -> Price {
    Price::from_units(PRICE).expect("a price")
}

fn amount(units: u128) -> Amount {
    Amount::from_units(units).expect("an amount")
}

/// Free owners by trades: two fresh keys for each.
pub(super) async fn fresh_owners(stranger: Stranger) {
    at_once(LINES, |_| {
        let keys = stranger.clone();
        let trade = move || Pair::new(keys.key(), keys.key(), ONE).trade(ONE);
        line(stranger.clone(), FRESH_RATE, trade)
    })
    .await;
}

/// The same owners again and again: in one session the smallest piece that there is, in the other
/// a thousandth of an order, and then the next order.
pub(super) async fn same_owners(stranger: Stranger) {
    at_once(LINES, |number| {
        let (whole, piece) = match number % 2 {
            0 => (ONE, 1),
            _ => (ONE, ONE / PIECES),
        };
        let keys = stranger.clone();
        let mut pair: Option<Pair> = None;
        let trade = move || loop {
            let next = || Pair::new(keys.key(), keys.key(), whole);
            let trade = pair.get_or_insert_with(next).trade(piece);
            if trade.is_some() {
                return trade;
            }
            pair = None;
        };
        line(stranger.clone(), RATE, trade)
    })
    .await;
}

async fn line(stranger: Stranger, rate: u32, mut trade: impl FnMut() -> Option<String> + Send) {
    let mut pace = Pace::of(rate / LINES as u32);
    loop {
        let mut mouth = stranger.session().await.ignoring();
        loop {
            pace.take(TOGETHER).await;
            let trades: Vec<String> = (0..TOGETHER).filter_map(|_| trade()).collect();
            if mouth.say(&messages(&trades)).await.is_err() {
                break;
            }
            stranger.tally().did("wash trades", trades.len());
        }
        stranger.tally().told("session ended");
    }
}

fn messages(trades: &[String]) -> Vec<Bytes> {
    encode_trades(trades, "stranger", now().wall, MESSAGE)
}

#[cfg(test)]
mod tests {
    use meshbook::ledger::{TradeRecord, Verifier};

    use super::*;

    #[test]
    fn a_wash_trade_is_one_that_a_node_takes_for_a_trade() {
        let verifier = Verifier::new("local".parse().unwrap());
        let mut pair = Pair::new(Persona::numbered(1), Persona::numbered(2), ONE);
        for _ in 0..3 {
            let trade: RawTrade = serde_json::from_str(&pair.trade(ONE / PIECES).unwrap()).unwrap();
            let [maker, taker, req, fill] = [trade.maker, trade.taker, trade.req, trade.fill]
                .map(|raw| verifier.verify(raw).unwrap());
            TradeRecord::new(maker, taker, req, fill).unwrap();
        }
    }
}

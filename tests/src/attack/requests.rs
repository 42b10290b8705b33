//! Free owners by requests: takes of orders that never were, each with a key's own signature, so
//! that each has to be answered. Who remembers every answer has no room for those that matter.

use meshbook::ledger::{Payload, Place, PlaceTif, Req, Statement};
use meshbook::protocol::{Message, TakeRequest};
use meshbook::types::{Amount, Millis, OrderId, Price, Side};
use rand::RngExt;

use super::chance::chance;
use super::lines::at_once;
use super::pace::Pace;
use super::session::text;
use super::stranger::Stranger;
use crate::Persona;
use crate::secured::now;

const ONE: u128 = 100_000_000;

/// Requests a second, of all sessions together.
const RATE: u32 = 6_000;

/// Requests that are handed to the system together.
const TOGETHER: usize = 25;

const VALID: Millis = Millis::from_secs(5);

pub(super) async fn attack(stranger: Stranger) {
    let sessions = stranger.strength().sessions;
    let each = RATE / u32::try_from(sessions).unwrap_or(1).max(1);
    at_once(sessions, |_| line(stranger.clone(), each)).await;
}

async fn line(stranger: Stranger, a_second: u32) {
    let mut pace = Pace::of(a_second);
    let mut random = chance();
    loop {
        let who = stranger.key();
        let mut mouth = stranger.session_of(&who).await.ignoring();
        let place = buys(&who);
        let mut n = 1;
        loop {
            pace.take(TOGETHER).await;
            let mut requests = Vec::with_capacity(TOGETHER);
            for _ in 0..TOGETHER {
                n += 1;
                let req = asks(&who, n, &place, OrderId(random.random()));
                requests.push(text(&Message::Take(TakeRequest {
                    req: req.raw(),
                    place: place.raw(),
                })));
            }
            if mouth.say(&requests).await.is_err() {
                break;
            }
        }
        stranger.tally().told("session ended");
    }
}

/// The order that it asks for.
pub(super) fn buys(who: &Persona) -> Statement {
    let ts = now().wall;
    who.sign(Payload::Place(Place {
        n: 1,
        ts,
        pair: "BTC/USD".parse().expect("a pair"),
        side: Side::Buy,
        px: Price::from_units(ONE).expect("a price"),
        amt: Amount::from_units(ONE).expect("an amount"),
        exp: ts + Millis::from_secs(3_600),
        tif: PlaceTif::Ioc,
        u: "stranger".parse().expect("a user"),
        rest: false,
        replaces: None,
    }))
}

/// A request for a piece of an order.
pub(super) fn asks(who: &Persona, n: u64, place: &Statement, maker: OrderId) -> Statement {
    let ts = now().wall;
    let piece = Amount::from_units(ONE).expect("an amount");
    who.sign(Payload::Req(Req {
        n,
        ts,
        until: ts + VALID,
        order: place.hash().into(),
        at: Amount::ZERO,
        qty: piece,
        min: piece,
        lim: Price::from_units(ONE).expect("a price"),
        maker,
        freed: Vec::new(),
    }))
}

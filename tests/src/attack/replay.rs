//! Statements that were valid once, again and again: of orders that were cancelled or have
//! expired, more than a node remembers as verified, and everything that honest nodes said.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use meshbook::ledger::{Ord, OrdStatus, OrdWhy, Payload, Place, PlaceTif};
use meshbook::protocol::Message;
use meshbook::types::{Amount, Millis, Price, Side};
use rand::RngExt;

use super::Strength;
use super::chance::chance;
use super::identities::statements;
use super::lines::at_once;
use super::pace::Pace;
use super::session::text;
use super::stranger::Stranger;
use crate::Persona;
use crate::secured::now;

/// Orders of each owner of old ones.
const ORDERS: usize = 100;

/// Old statements in one message.
const TOGETHER: usize = 200;

/// Messages of honest nodes that are kept to be said again.
const KEPT: usize = 2_000;

/// Messages a second in each session.
const RATE: u32 = 2_000;

/// Orders and their ends, all of the past, in messages.
pub(super) fn remember(strength: Strength) -> Vec<Bytes> {
    let first: u32 = chance().random();
    let mut texts = Vec::new();
    for number in 0..strength.old / 2 {
        let who = Persona::numbered(first.wrapping_add((number / ORDERS) as u32));
        texts.extend(past_order(&who, number));
    }
    texts.chunks(TOGETHER).flat_map(statements).collect()
}

/// An order, and either its cancellation or nothing, as it has expired.
fn past_order(who: &Persona, number: usize) -> Vec<String> {
    let n = 1 + 2 * (number % ORDERS) as u64;
    let hour = Millis::from_secs(3_600);
    let ts = Millis(now().wall.0.saturating_sub(2 * hour.0));
    let expired = number % 4 == 3;
    let place = who.sign(Payload::Place(Place {
        n,
        ts,
        pair: "BTC/USD".parse().expect("a pair"),
        side: Side::Buy,
        px: Price::from_units(100_000_000).expect("a price"),
        amt: Amount::from_units(100_000_000).expect("an amount"),
        exp: if expired {
            ts + hour
        } else {
            ts + Millis(24 * hour.0)
        },
        tif: PlaceTif::Gtc,
        u: "stranger".parse().expect("a user"),
        rest: true,
        replaces: None,
    }));
    let closed = place.order_id().filter(|_| !expired).map(|id| {
        who.sign(Payload::Ord(Ord {
            n: n + 1,
            ts,
            id,
            open: Amount::ZERO,
            status: OrdStatus::Closed,
            why: OrdWhy::Cancel,
            amt: None,
        }))
    });
    let said = std::iter::once(place).chain(closed);
    said.map(|statement| statement.wire()).collect()
}

type Heard = Arc<Mutex<VecDeque<Bytes>>>;

pub(super) async fn attack(stranger: Stranger, old: Vec<Bytes>) {
    let heard = Heard::default();
    let old: Arc<[Bytes]> = old.into();
    at_once(stranger.strength().sessions, |number| {
        let parrots = number % 2 == 1;
        line(
            stranger.clone(),
            Arc::clone(&old),
            Arc::clone(&heard),
            parrots,
        )
    })
    .await;
}

async fn line(stranger: Stranger, old: Arc<[Bytes]>, heard: Heard, parrots: bool) {
    let mut pace = Pace::of(RATE);
    let mut round = 0;
    loop {
        let listening = Arc::clone(&heard);
        let mut mouth = stranger.session().await.hearing(move |message| {
            if let Message::Statements(_) | Message::Trades(_) = message {
                let mut heard = listening.lock().unwrap_or_else(PoisonError::into_inner);
                heard.push_back(text(&message));
                if heard.len() > KEPT {
                    heard.pop_front();
                }
            }
        });
        loop {
            pace.take(1).await;
            round += 1;
            let said = match parrots {
                true => {
                    let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                    heard.get(round % heard.len().max(1)).cloned()
                }
                false => old.get(round % old.len().max(1)).cloned(),
            };
            if let Some(said) = said
                && mouth.say(&[said]).await.is_err()
            {
                break;
            }
        }
        stranger.tally().told("session ended");
    }
}

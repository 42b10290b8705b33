//! Owners that nobody has heard of, each with as many orders as an owner may have, all of them
//! valid, live and far from the prices at which anybody trades.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use meshbook::ledger::{Inventory, Ka, Payload, Place, PlaceTif, Statement};
use meshbook::protocol::encode_statements;
use meshbook::types::{Amount, Millis, Price, Side};
use rand::RngExt;
use tokio::time::sleep;

use super::chance::chance;
use super::lines::at_once;
use super::session::Mouth;
use super::stranger::Stranger;
use crate::Persona;
use crate::secured::now;

const ONE: u128 = 100_000_000;

/// Prices of bids, from this one down to 1. Whoever trades does so far above.
const HIGHEST_BID: u128 = 1_000;

/// Prices of asks, from this one up. Whoever trades does so below.
const LOWEST_ASK: u128 = 950_000;

/// How long the orders live by their own word.
const LIFE: Millis = Millis::from_secs(24 * 3_600);

/// Bytes of statements in one message; a node takes 1 MiB.
const MESSAGE: usize = 900 * 1024;

/// From one keep-alive of an owner to the next.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// An owner with orders that are signed and not yet said.
#[derive(Debug)]
pub(super) struct Owner {
    who: Persona,
    /// What it has to say at first, as texts.
    orders: Vec<String>,
    inventory: Inventory,
    n: u64,
}

/// So many owners with so many orders each. Signing takes a while.
pub(super) fn owners(count: usize, orders: usize) -> Vec<Owner> {
    // Other keys each time, as in a node's memory orders outlive their owners.
    let first: u32 = chance().random();
    let owner = |number: usize| {
        let who = Persona::numbered(first.wrapping_add(number as u32));
        let placed: Vec<Statement> = (0..orders)
            .map(|order| offer(&who, 1 + order as u64, number, order))
            .collect();
        let open = placed
            .iter()
            .filter_map(|place| Some((place.order_id()?, place.n()?)));
        Owner {
            inventory: Inventory::new(open.collect()),
            orders: placed.iter().map(|place| place.wire()).collect(),
            n: orders as u64,
            who,
        }
    };
    (0..count).map(owner).collect()
}

/// A resting order of 1, bid or ask, far from the market.
pub(super) fn offer(who: &Persona, n: u64, owner: usize, order: usize) -> Statement {
    let ts = now().wall;
    let level = (owner * 7 + order) as u128 % HIGHEST_BID;
    let (side, price) = match owner % 2 {
        0 => (Side::Buy, HIGHEST_BID - level),
        _ => (Side::Sell, LOWEST_ASK + level),
    };
    who.sign(Payload::Place(Place {
        n,
        ts,
        pair: "BTC/USD".parse().expect("a pair"),
        side,
        px: Price::from_units(price * ONE).expect("a price"),
        amt: Amount::from_units(ONE).expect("an amount"),
        exp: ts + LIFE,
        tif: PlaceTif::Gtc,
        u: "stranger".parse().expect("a user"),
        rest: true,
        replaces: None,
    }))
}

/// Messages that carry statements, which are given as texts.
pub(super) fn statements(texts: &[String]) -> Vec<Bytes> {
    encode_statements(texts, "stranger", now().wall, MESSAGE)
}

impl Owner {
    /// A keep-alive that lists all of its orders.
    fn alive(&mut self) -> String {
        self.n += 1;
        let ka = Payload::Ka(Ka {
            n: self.n,
            ts: now().wall,
            live: true,
            cnt: self.inventory.entries.len() as u64,
            root: self.inventory.root,
            addrs: Vec::new(),
        });
        self.who.sign(ka).wire()
    }
}

pub(super) async fn attack(stranger: Stranger, owners: Vec<Owner>) {
    let sessions = stranger.strength().sessions.max(1);
    let mut shares: Vec<Vec<Owner>> = (0..sessions).map(|_| Vec::new()).collect();
    for (number, owner) in owners.into_iter().enumerate() {
        shares[number % sessions].push(owner);
    }
    let mut shares = shares.into_iter();
    at_once(sessions, |_| {
        line(stranger.clone(), shares.next().unwrap_or_default())
    })
    .await;
}

async fn line(stranger: Stranger, mut owners: Vec<Owner>) {
    let mut told = 0;
    loop {
        // Whoever is sent away goes on under another key.
        let mut mouth = stranger.session().await.ignoring();
        let _ = tell(&mut mouth, &mut owners, &mut told).await;
        stranger.tally().told("session ended");
    }
}

/// Tells of the owners that were not told of, then that all are live, again and again.
async fn tell(mouth: &mut Mouth, owners: &mut [Owner], told: &mut usize) -> io::Result<()> {
    while let Some(owner) = owners.get_mut(*told) {
        introduce(mouth, owner).await?;
        *told += 1;
    }
    loop {
        sleep(KEEP_ALIVE).await;
        let alive: Vec<String> = owners.iter_mut().map(Owner::alive).collect();
        mouth.say(&statements(&alive)).await?;
    }
}

/// Tells of an owner and of all that it has.
pub(super) async fn introduce(mouth: &mut Mouth, owner: &mut Owner) -> io::Result<()> {
    let mut texts = owner.orders.clone();
    texts.push(owner.alive());
    mouth.say(&statements(&texts)).await
}

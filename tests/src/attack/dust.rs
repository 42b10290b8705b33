//! Dust: honest orders that are taken in the smallest pieces that their owners' nodes sell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use meshbook::ledger::{Payload, Place, PlaceTif, RawStatement, Req, Statement, Verifier};
use meshbook::protocol::{ForwardBody, GetOwner, Message, TakeAnswer, TakeRequest};
use meshbook::types::{Amount, Millis, NodeId, OrderId, Price, Side};
use rand::rngs::ChaCha8Rng;

use super::chance::chance;
use super::forwards::forward;
use super::lines::at_once;
use super::pace::Pace;
use super::paths::everybody;
use super::session::{Mouth, text};
use super::stranger::Stranger;
use crate::Persona;
use crate::secured::now;

const ONE: u128 = 100_000_000;

/// Requests a second, of all sessions together.
const RATE: u32 = 2_000;

/// Sessions. One is enough while nobody minds.
const LINES: usize = 2;

/// Requests before it is looked again whom there is to ask.
const TOGETHER: usize = 20;

/// An order that has stood for this long stands longer.
const STANDING: Millis = Millis::from_secs(5);

/// After so many refusals in a row the piece is too small, or the order over.
const REFUSALS: u32 = 20;

/// Refusals that have nothing to do with the size of a piece.
const OVER: [&str; 4] = ["unknown", "closed", "gone", "expired"];

/// The largest piece that is still dust: an order of 1 has room for a thousand.
const LARGEST: u128 = ONE / 1_000;

const VALID: Millis = Millis::from_secs(5);

/// Until there is something to take it is asked for so often.
const PAUSE: Duration = Duration::from_millis(250);

/// What the attacker's orders ask for in all: as much as nobody has.
const WHOLE: u128 = 1_000_000 * ONE;

/// What was heard.
#[derive(Debug, Default)]
struct Heard {
    owners: BTreeSet<NodeId>,
    /// Bids, with their owners and when they were placed.
    bids: BTreeMap<OrderId, (NodeId, Millis)>,
    /// Refusals since the last fill, and why the last one was.
    refused: (u32, String),
}

impl Heard {
    /// A bid that stands; each line eats up another one.
    fn standing(&self, number: usize) -> Option<(OrderId, NodeId)> {
        let wall = now().wall;
        let standing = self.bids.iter();
        let mut standing = standing.filter(|(_, (_, ts))| wall.since(*ts) >= STANDING);
        let (id, (owner, _)) = standing.clone().nth(number).or_else(|| standing.next())?;
        Some((*id, *owner))
    }

    /// Goes on with larger pieces, or without the order, where nothing is sold any more.
    fn adapt(&mut self, order: OrderId, piece: &mut u128) {
        if self.refused.0 < REFUSALS {
            return;
        }
        let (_, why) = std::mem::take(&mut self.refused);
        match OVER.contains(&why.as_str()) || *piece >= LARGEST {
            true => drop(self.bids.remove(&order)),
            false => *piece *= 10,
        }
    }
}

type Ears = Arc<Mutex<Heard>>;

pub(super) async fn attack(stranger: Stranger) {
    at_once(LINES, |number| line(stranger.clone(), number)).await;
}

async fn line(stranger: Stranger, number: usize) {
    let mut random = chance();
    loop {
        let ears = Ears::default();
        let who = stranger.key();
        let session = stranger.session_of(&who).await;
        let mut mouth = session.hearing(listener(&stranger, &ears));
        let taker = Taker {
            place: sells(&who),
            who,
            n: 1,
            taken: 0,
            piece: 1,
        };
        let _ = take(&stranger, &ears, &mut mouth, taker, number, &mut random).await;
        stranger.tally().told("session ended");
    }
}

/// The order that takes.
struct Taker {
    who: Persona,
    place: Statement,
    n: u64,
    taken: u128,
    piece: u128,
}

impl Taker {
    /// Asks for the next piece.
    fn ask(&mut self, maker: OrderId) -> TakeRequest {
        self.n += 1;
        let (ts, qty) = (now().wall, amount(self.piece));
        let req = self.who.sign(Payload::Req(Req {
            n: self.n,
            ts,
            until: ts + VALID,
            order: self.place.hash().into(),
            at: amount(self.taken),
            qty,
            min: qty,
            lim: price(),
            maker,
            freed: Vec::new(),
        }));
        self.taken += self.piece;
        TakeRequest {
            req: req.raw(),
            place: self.place.raw(),
        }
    }
}

async fn take(
    stranger: &Stranger,
    ears: &Ears,
    mouth: &mut Mouth,
    mut taker: Taker,
    number: usize,
    random: &mut ChaCha8Rng,
) -> std::io::Result<()> {
    let mut pace = Pace::of(RATE / LINES as u32);
    let mut asked = BTreeSet::new();
    mouth.say(&[everybody()]).await?;
    loop {
        let (owners, bid) = {
            let heard = lock(ears);
            let owners: Vec<NodeId> = heard.owners.difference(&asked).copied().collect();
            (owners, heard.standing(number))
        };
        for owner in owners {
            // What it has that was not news any more when this session began.
            let have = Vec::new();
            mouth
                .say(&[text(&Message::Get(GetOwner { owner, have }))])
                .await?;
            asked.insert(owner);
        }
        let Some((maker, owner)) = bid else {
            tokio::time::sleep(PAUSE).await;
            mouth.say(&[everybody()]).await?;
            continue;
        };
        for _ in 0..TOGETHER {
            pace.take(1).await;
            let take = ForwardBody::Take(taker.ask(maker));
            mouth
                .say(&[forward(owner, taker.who.id(), take, random)])
                .await?;
        }
        lock(ears).adapt(maker, &mut taker.piece);
        stranger.tally().did("pieces asked for", TOGETHER);
    }
}

/// Learns what stands, and what becomes of the requests.
fn listener(stranger: &Stranger, ears: &Ears) -> impl FnMut(Message) + Send + 'static {
    let (ears, stranger) = (Arc::clone(ears), stranger.clone());
    let verifier = Verifier::new("local".parse().expect("a name of a network"));
    move |message| match message {
        Message::Statements(statements) => {
            for raw in statements {
                hear(&ears, &verifier, raw);
            }
        }
        Message::Answer(answer) => answered(&ears, &stranger, &verifier, answer),
        Message::Forward(forward) => {
            if let ForwardBody::Answer(answer) = forward.body {
                answered(&ears, &stranger, &verifier, answer);
            }
        }
        _ => {}
    }
}

fn hear(ears: &Ears, verifier: &Verifier, raw: RawStatement) {
    let owner = raw.k;
    let mut heard = lock(ears);
    heard.owners.insert(owner);
    drop(heard);
    let Ok(statement) = verifier.verify(raw) else {
        return;
    };
    if let Some(place) = statement.as_place()
        && place.side == Side::Buy
        && place.px >= price()
        && let Some(id) = statement.order_id()
    {
        lock(ears).bids.insert(id, (owner, place.ts));
    } else if let Some(ord) = statement.as_ord()
        && ord.open.is_zero()
    {
        lock(ears).bids.remove(&ord.id);
    }
}

fn answered(ears: &Ears, stranger: &Stranger, verifier: &Verifier, answer: TakeAnswer) {
    let Ok(answer) = verifier.verify(answer.answer) else {
        return;
    };
    let mut heard = lock(ears);
    if let Some(fill) = answer.as_fill() {
        heard.refused = Default::default();
        stranger.tally().told("pieces sold");
        if fill.open.is_zero() {
            heard.bids.remove(&fill.id);
        }
    } else if let Some(rej) = answer.as_rej() {
        heard.refused = (heard.refused.0 + 1, rej.why.to_string());
        stranger.tally().told(&format!("refused: {}", rej.why));
    }
}

/// An order to sell at any price, which rests nowhere.
fn sells(who: &Persona) -> Statement {
    let ts = now().wall;
    who.sign(Payload::Place(Place {
        n: 1,
        ts,
        pair: "BTC/USD".parse().expect("a pair"),
        side: Side::Sell,
        px: price(),
        amt: amount(WHOLE),
        exp: ts + Millis::from_secs(3_600),
        tif: PlaceTif::Ioc,
        u: "stranger".parse().expect("a user"),
        rest: false,
        replaces: None,
    }))
}

/// The least that it sells at: above what other attackers bid.
fn price() -> Price {
    Price::from_units(2_000 * ONE).expect("a price")
}

fn amount(units: u128) -> Amount {
    Amount::from_units(units).expect("an amount")
}

fn lock(ears: &Ears) -> MutexGuard<'_, Heard> {
    ears.lock().unwrap_or_else(PoisonError::into_inner)
}

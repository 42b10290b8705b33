//! Forward floods: addressed messages for owners that nobody has heard of, so that there is no way
//! to bring them and every neighbour is asked.

use bytes::Bytes;
use meshbook::ledger::RawStatement;
use meshbook::protocol::{Forward, ForwardBody, Message, TakeRequest};
use meshbook::types::{NodeId, OrderId};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::chance::chance;
use super::lines::at_once;
use super::pace::Pace;
use super::requests::{asks, buys};
use super::session::text;
use super::stranger::Stranger;

/// Messages a second in a session that means to stay below every bound.
const MODEST: u32 = 15;

/// Messages a second in one that doesn't.
const RATE: u32 = 2_000;

/// So often a forward may be passed on at most.
const HOPS: u8 = 16;

/// Characters of a statement that nobody signed.
const NONSENSE: usize = 4_000;

pub(super) async fn attack(stranger: Stranger) {
    let sessions = stranger.strength().sessions;
    at_once(sessions, |number| line(stranger.clone(), number % 2 == 0)).await;
}

async fn line(stranger: Stranger, modest: bool) {
    let mut pace = Pace::of(if modest { MODEST } else { RATE });
    let mut random = chance();
    loop {
        let who = stranger.key();
        let mut mouth = stranger.session_of(&who).await.ignoring();
        let place = buys(&who);
        let mut n = 1;
        loop {
            pace.take(1).await;
            n += 1;
            let body = match modest {
                true => TakeRequest {
                    req: asks(&who, n, &place, OrderId(random.random())).raw(),
                    place: place.raw(),
                },
                false => nonsense(place.raw()),
            };
            let to = NodeId(random.random());
            let forward = forward(to, who.id(), ForwardBody::Take(body), &mut random);
            if mouth.say(&[forward]).await.is_err() {
                break;
            }
        }
        stranger.tally().told("session ended");
    }
}

/// A request whose signature is somebody else's, as long as no honest one is.
fn nonsense(place: RawStatement) -> TakeRequest {
    let p = "x".repeat(NONSENSE);
    TakeRequest {
        req: RawStatement { p, ..place.clone() },
        place,
    }
}

/// An addressed message on its way, with an id of its own. It says whom it is from, which nobody has
/// signed: nodes must not listen to that.
pub(super) fn forward(
    to: NodeId,
    from: NodeId,
    body: ForwardBody,
    random: &mut ChaCha8Rng,
) -> Bytes {
    let message = text(&Message::Forward(Forward {
        to,
        id: format!("{:032x}", random.random::<u128>()),
        hops: HOPS,
        body,
    }));
    let mut message: serde_json::Value = serde_json::from_slice(&message).expect("JSON");
    message["from"] = from.to_string().into();
    message.to_string().into()
}

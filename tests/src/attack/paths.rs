//! Path poisoning: addressed messages that say to be from honest owners, so that a relay sends what
//! is for those to the attacker, who swallows it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use meshbook::protocol::{BookPart, BookRequest, ForwardBody, Message, TakeRequest};
use meshbook::types::{NodeId, OrderId, Side};
use rand::RngExt;

use super::chance::chance;
use super::forwards::forward;
use super::lines::at_once;
use super::pace::Pace;
use super::requests::{asks, buys};
use super::session::{Mouth, Session, text};
use super::stranger::Stranger;

/// Messages a second of each pair of sessions.
const RATE: u32 = 200;

/// So many at least before it is asked again who there is.
const TOGETHER: usize = 100;

/// Until an owner was heard of there is nobody to speak for.
const PAUSE: Duration = Duration::from_millis(20);

type Owners = Arc<Mutex<BTreeSet<NodeId>>>;

pub(super) async fn attack(stranger: Stranger) {
    let pairs = (stranger.strength().sessions / 2).max(1);
    at_once(pairs, |_| line(stranger.clone())).await;
}

/// Two sessions, so that the node has to bring what one says to the other: to that there is always
/// a way.
async fn line(stranger: Stranger) {
    let mut pace = Pace::of(RATE);
    let mut random = chance();
    loop {
        let (liar, friend) = (stranger.key(), stranger.key());
        let owners = Owners::default();
        let (first, second) =
            tokio::join!(stranger.session_of(&liar), stranger.session_of(&friend));
        let mut mouth = swallow(first, liar.id(), &owners, &stranger);
        let _friend = swallow(second, friend.id(), &owners, &stranger);
        let place = buys(&liar);
        let mut n = 1;
        'session: loop {
            if mouth.say(&[everybody()]).await.is_err() {
                break;
            }
            let known: Vec<NodeId> = lock(&owners).iter().copied().collect();
            if known.is_empty() {
                tokio::time::sleep(PAUSE).await;
            }
            // It does not ask as often as it is annoying.
            for owner in known
                .iter()
                .cycle()
                .take(known.len().max(TOGETHER))
                .copied()
            {
                pace.take(1).await;
                n += 1;
                let req = asks(&liar, n, &place, OrderId(random.random()));
                let body = ForwardBody::Take(TakeRequest {
                    req: req.raw(),
                    place: place.raw(),
                });
                let poison = forward(friend.id(), owner, body, &mut random);
                if mouth.say(&[poison]).await.is_err() {
                    break 'session;
                }
            }
            if mouth.is_over() {
                break;
            }
        }
        stranger.tally().told("session ended");
    }
}

/// A wish for the best bids, each with its owner: not everything is told to everybody as it comes.
pub(super) fn everybody() -> Bytes {
    text(&Message::Book(BookRequest {
        pair: "BTC/USD".parse().expect("a pair"),
        part: BookPart::Side {
            side: Side::Buy,
            after: None,
        },
    }))
}

/// Notes whose statements are heard, and passes nothing on.
fn swallow(session: Session, own: NodeId, owners: &Owners, stranger: &Stranger) -> Mouth {
    let (owners, stranger) = (Arc::clone(owners), stranger.clone());
    session.hearing(move |message| match message {
        Message::Statements(heard) => {
            lock(&owners).extend(heard.iter().map(|raw| raw.k));
        }
        Message::Forward(forward) if forward.to != own => stranger.tally().told("swallowed"),
        _ => {}
    })
}

fn lock(owners: &Owners) -> MutexGuard<'_, BTreeSet<NodeId>> {
    owners.lock().unwrap_or_else(PoisonError::into_inner)
}

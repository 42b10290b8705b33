//! Sessions that ask for everything there is, again and again, and read nothing of it.

use std::time::Duration;

use bytes::Bytes;
use meshbook::protocol::{BookPart, BookRequest, Message, Recon};
use meshbook::types::Side;
use tokio::time::sleep;

use super::identities::{Owner, introduce};
use super::lines::at_once;
use super::pace::Pace;
use super::session::text;
use super::stranger::Stranger;

/// Whose orders there are to ask for, and how many of each.
pub(super) const OWNERS: usize = 10;
pub(super) const ORDERS: usize = 100;

/// Wishes a second in each session.
const RATE: u32 = 500;

/// As little as the system lets anybody take.
const RECEIVE_BUFFER: u32 = 2048;

/// From one try for a session to the next.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn attack(stranger: Stranger, owners: Vec<Owner>) {
    let mut mouth = stranger.session().await.ignoring();
    for mut owner in owners {
        if introduce(&mut mouth, &mut owner).await.is_err() {
            stranger.tally().told("session ended");
            break;
        }
    }
    drop(mouth);
    // As many as there are places: each has queues of its own.
    let sessions = 2 * stranger.strength().sessions;
    at_once(sessions, |_| line(stranger.clone(), everything())).await;
}

async fn line(stranger: Stranger, wishes: Vec<Bytes>) {
    let mut pace = Pace::of(RATE);
    loop {
        let Some(session) = stranger.try_session(Some(RECEIVE_BUFFER)).await else {
            sleep(PAUSE).await;
            continue;
        };
        // The other half is held, and nobody looks at it.
        let (mut mouth, _unread) = session.deaf();
        for wish in wishes.iter().cycle() {
            pace.take(1).await;
            if mouth.say(std::slice::from_ref(wish)).await.is_err() {
                break;
            }
        }
        stranger.tally().told("session ended");
    }
}

fn everything() -> Vec<Bytes> {
    let book = |part| {
        Message::Book(BookRequest {
            pair: "BTC/USD".parse().expect("a pair"),
            part,
        })
    };
    let side = |side| book(BookPart::Side { side, after: None });
    // "I have nothing": a list of no ids, from the first to the last.
    let nothing = Recon {
        sid: 1,
        count: 0,
        data: vec![0x61, 0, 0, 2, 0],
    };
    let wishes = [
        side(Side::Buy),
        side(Side::Sell),
        book(BookPart::Heads { after: None }),
        Message::PeerExchangeRequest,
        Message::Recon(nothing),
    ];
    wishes.iter().map(text).collect()
}

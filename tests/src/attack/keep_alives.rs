//! Free owners by keep-alives: owners that have no order and sign nothing but a sign of life, each
//! under a key of its own. A table of owners that takes them in is filled by a few megabytes.

use meshbook::ledger::{Inventory, Ka, Payload};

use super::identities::statements;
use super::lines::at_once;
use super::pace::Pace;
use super::session::Mouth;
use super::stranger::Stranger;
use crate::Persona;
use crate::secured::now;

/// Keep-alives in one message.
const TOGETHER: usize = 100;

/// Keep-alives a second in each session, once the first ones are out.
const RATE: u32 = 250;

pub(super) async fn attack(stranger: Stranger) {
    // As many as fill a table of 10,000 owners, by a single session.
    let mut mouth = stranger.session().await.ignoring();
    let mut left = stranger.strength().owners;
    while left > 0 {
        let count = left.min(TOGETHER);
        if tell(&mut mouth, &stranger, count).await.is_err() {
            stranger.tally().told("session ended");
            mouth = stranger.session().await.ignoring();
        }
        left -= count;
    }
    // And on, by several.
    let sessions = stranger.strength().sessions;
    at_once(sessions, |_| line(stranger.clone())).await;
}

async fn line(stranger: Stranger) {
    let mut pace = Pace::of(RATE);
    loop {
        let mut mouth = stranger.session().await.ignoring();
        loop {
            pace.take(TOGETHER).await;
            if tell(&mut mouth, &stranger, TOGETHER).await.is_err() {
                break;
            }
        }
        stranger.tally().told("session ended");
    }
}

/// Signs only now, as what is older than a minute is no news.
async fn tell(mouth: &mut Mouth, stranger: &Stranger, count: usize) -> std::io::Result<()> {
    let alive: Vec<String> = (0..count).map(|_| alive(&stranger.key())).collect();
    mouth.say(&statements(&alive)).await
}

/// A keep-alive of an owner without orders.
fn alive(who: &Persona) -> String {
    let none = Inventory::new(Vec::new());
    let ka = Payload::Ka(Ka {
        n: 1,
        ts: now().wall,
        live: true,
        cnt: 0,
        root: none.root,
        addrs: Vec::new(),
    });
    who.sign(ka).wire()
}

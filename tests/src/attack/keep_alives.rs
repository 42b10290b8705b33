//! Free owners by keep-alives: owners that have no order and sign nothing but a sign of life, each
//! under a key of its own. A table of owners that takes them in is filled by a few megabytes.

use meshbook::ledger::{Inventory, Ka, Payload};

use sha2::{Digest, Sha256};

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

/// Of so many keys one is used: the one with the lowest hash. Who makes room by the hash of a key
/// keeps these, and not those that nobody has chosen.
const TRIES: u8 = 8;

/// Keys with low hashes, as many as fill a table of 10,000 owners.
pub(super) fn owners(stranger: &Stranger) -> Vec<Persona> {
    let keys = std::iter::repeat_with(|| stranger.key());
    let low = |who: &Persona| Sha256::digest(who.id().0)[0] < u8::MAX / TRIES;
    keys.filter(low).take(stranger.strength().owners).collect()
}

pub(super) async fn attack(stranger: Stranger, owners: Vec<Persona>) {
    // All of them by a single session.
    let mut mouth = stranger.session().await.ignoring();
    for some in owners.chunks(TOGETHER) {
        while tell(&mut mouth, some).await.is_err() {
            stranger.tally().told("session ended");
            mouth = stranger.session().await.ignoring();
        }
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
            let fresh: Vec<Persona> = (0..TOGETHER).map(|_| stranger.key()).collect();
            if tell(&mut mouth, &fresh).await.is_err() {
                break;
            }
        }
        stranger.tally().told("session ended");
    }
}

/// Signs only now, as what is older than a minute is no news.
async fn tell(mouth: &mut Mouth, owners: &[Persona]) -> std::io::Result<()> {
    let alive: Vec<String> = owners.iter().map(alive).collect();
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

//! False answers and senseless wishes of reconciliation, of pages of the book and of inventories.

use bytes::Bytes;
use meshbook::protocol::{
    BookPage, BookPart, BookRequest, GetOwner, MAX_INVENTORY, MAX_PREFIXES, MAX_RECON_BYTES,
    Message, OwnerState, Recon,
};
use meshbook::types::{NodeId, OrderId, Side, StatementHash};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::chance::chance;
use super::lines::at_once;
use super::pace::Pace;
use super::session::text;
use super::stranger::Stranger;

/// Messages a second in each session.
const RATE: u32 = 1_000;

/// Lies of each kind; they differ in what is random.
const VARIANTS: usize = 8;

/// The version of the reconciliation protocol (negentropy), the first byte of each message.
const VERSION: u8 = 0x61;

/// Where a range ends that goes on to the end: a time of 0 stands for infinity, and no id.
const TO_THE_END: [u8; 2] = [0, 0];

const FINGERPRINT: u8 = 1;
const IDS: u8 = 2;

pub(super) async fn attack(stranger: Stranger) {
    let mut random = chance();
    let mut lies = Vec::new();
    for _ in 0..VARIANTS {
        lies.extend(all(&mut random).iter().map(text));
    }
    at_once(stranger.strength().sessions, |number| {
        let mut own = lies.clone();
        // Each session begins with another lie.
        own.rotate_left(number * 5 % lies.len());
        line(stranger.clone(), own)
    })
    .await;
}

async fn line(stranger: Stranger, lies: Vec<Bytes>) {
    let mut pace = Pace::of(RATE);
    let mut lies = lies.iter().cycle();
    loop {
        let mut mouth = stranger.session().await.ignoring();
        for lie in lies.by_ref() {
            pace.take(1).await;
            if mouth.say(std::slice::from_ref(lie)).await.is_err() {
                break;
            }
        }
        stranger.tally().told("session ended");
    }
}

/// One lie of each kind.
fn all(random: &mut ChaCha8Rng) -> Vec<Message> {
    let owner = NodeId(random.random());
    let inventory: Vec<(OrderId, u64)> = (0..MAX_INVENTORY as u64)
        .map(|n| (OrderId(random.random()), n + 1))
        .collect();
    let prefixes = |random: &mut ChaCha8Rng| (0..MAX_PREFIXES).map(|_| random.random()).collect();
    let recon = |random: &mut ChaCha8Rng, data| Recon {
        sid: random.random_range(1..1 << 53),
        count: random.random_range(1..1 << 30),
        data,
    };
    let page = |side| {
        Message::Book(BookRequest {
            pair: "BTC/USD".parse().expect("a pair"),
            part: BookPart::Side { side, after: None },
        })
    };
    let (fingerprint, ids, noise) = (fingerprint(random), ids(random), noise(random));
    vec![
        Message::Recon(recon(random, fingerprint.clone())),
        Message::Recon(recon(random, ids.clone())),
        Message::Recon(recon(random, noise.clone())),
        Message::ReconAnswer(recon(random, fingerprint)),
        Message::ReconAnswer(recon(random, ids)),
        Message::ReconAnswer(recon(random, noise)),
        Message::Have(prefixes(random)),
        Message::Want(prefixes(random)),
        Message::Get(GetOwner {
            owner,
            have: inventory.clone(),
        }),
        Message::State(OwnerState {
            owner,
            ka: Some(StatementHash(random.random())),
            list: Some(inventory),
        }),
        Message::Book(BookRequest {
            pair: "BTC/USD".parse().expect("a pair"),
            part: BookPart::Heads { after: Some(owner) },
        }),
        page(Side::Buy),
        page(Side::Sell),
        Message::Page(BookPage {
            part: BookPart::Heads { after: Some(owner) },
            last: false,
        }),
    ]
}

/// "All that I have sums up to this": nothing that anybody has does.
fn fingerprint(random: &mut ChaCha8Rng) -> Vec<u8> {
    let sum: [u8; 16] = random.random();
    [&[VERSION][..], &TO_THE_END, &[FINGERPRINT], &sum].concat()
}

/// "I have these": as many as a message holds, and nobody else has one of them.
fn ids(random: &mut ChaCha8Rng) -> Vec<u8> {
    let count = (MAX_RECON_BYTES - 16) / 32;
    let mut data = [&[VERSION][..], &TO_THE_END, &[IDS]].concat();
    // A number in groups of 7 bits, highest first, all but the last marked.
    data.extend([(count >> 7) as u8 | 0x80, (count & 0x7f) as u8]);
    for _ in 0..count {
        data.extend(random.random::<[u8; 32]>());
    }
    data
}

/// Bytes that mean nothing.
fn noise(random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut data = vec![0; 4096];
    random.fill(&mut data[..]);
    data[0] = VERSION;
    data
}

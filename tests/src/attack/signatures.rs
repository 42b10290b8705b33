//! Statements whose signatures don't hold, in ever new sessions under ever new keys: whoever is
//! sent away is back at once.

use bytes::Bytes;
use meshbook::ledger::RawStatement;
use meshbook::protocol::{Message, TakeRequest};

use super::identities::{offer, statements};
use super::lines::at_once;
use super::session::text;
use super::stranger::Stranger;
use crate::Persona;

/// Statements in one message: nearly as many as a message has room for.
const MANY: usize = 1_500;

/// Messages of statements, and single ones.
#[derive(Debug)]
pub(super) struct Forged {
    many: Bytes,
    one: Bytes,
    take: Bytes,
}

/// Statements with signatures that look right: each is another statement's.
pub(super) fn forge() -> Forged {
    let who = Persona::numbered(0);
    let honest = offer(&who, 1, 1, 0).raw();
    let forged = |n: usize| RawStatement {
        // Different texts, so that nobody can know one of them again.
        p: honest
            .p
            .replacen(r#""n":1,"#, &format!(r#""n":{},"#, n + 2), 1),
        ..honest.clone()
    };
    assert_ne!(forged(1).p, forged(2).p, "each is a text of its own");
    let all: Vec<String> = (0..MANY)
        .map(|n| serde_json::to_string(&forged(n)).expect("it is text"))
        .collect();
    let take = TakeRequest {
        req: forged(MANY),
        place: forged(MANY + 1),
    };
    Forged {
        many: statements(&all).remove(0),
        one: statements(&all[..1]).remove(0),
        take: text(&Message::Take(take)),
    }
}

pub(super) async fn attack(stranger: Stranger, forged: Forged) {
    let Forged { many, one, take } = forged;
    at_once(stranger.strength().sessions, |number| {
        // Some are found out late and cost the more, some cost little and come often.
        let said = match number % 3 {
            0 => many.clone(),
            1 => one.clone(),
            _ => take.clone(),
        };
        line(stranger.clone(), said)
    })
    .await;
}

async fn line(stranger: Stranger, said: Bytes) {
    loop {
        let mut mouth = stranger.session().await.ignoring();
        while mouth.say(std::slice::from_ref(&said)).await.is_ok() {}
        stranger.tally().told("session ended");
    }
}

//! Checks the signatures of messages outside the state machine, on the connection's own task.

use super::io::{Incoming, Route};
use crate::ledger::{RawStatement, Statement, Verifier};
use crate::protocol::{Forward, ForwardBody, Message, TakeAnswer, TakeRequest};
use crate::types::NodeId;

/// Verifies what `message` carries. See [`verify_messages`].
#[must_use]
pub fn verify_message(message: Message, me: NodeId, verifier: &Verifier) -> Incoming {
    match message {
        Message::Statements(raw) => split(verifier.verify_batch(raw), |valid, refused| {
            Incoming::Statements { valid, refused }
        }),
        Message::Trades(raw) => {
            let checked = raw.into_iter().map(|trade| verifier.verify_trade(trade));
            split(checked, |valid, refused| Incoming::Trades {
                valid,
                refused,
            })
        }
        Message::Proofs(raw) => {
            let checked = raw.into_iter().map(|proof| verifier.verify_proof(proof));
            split(checked, |valid, refused| Incoming::Proofs {
                valid,
                refused,
            })
        }
        Message::Take(take) => verify_take(take, None, verifier),
        Message::Answer(answer) => verify_answer(answer, None, verifier),
        Message::Forward(forward) if forward.to == me => {
            let route = Some(Route {
                from: forward.from,
                id: forward.id,
            });
            match forward.body {
                ForwardBody::Take(take) => verify_take(take, route, verifier),
                ForwardBody::Answer(answer) => verify_answer(answer, route, verifier),
            }
        }
        message @ Message::Forward(Forward { .. }) => Incoming::Forward(message),
        message => Incoming::Plain(message),
    }
}

/// Verifies the messages that are at hand together: the statements of neighbouring messages are
/// checked as one batch, which costs half of checking each alone.
#[must_use]
pub fn verify_messages(messages: Vec<Message>, me: NodeId, verifier: &Verifier) -> Vec<Incoming> {
    let mut batch: Vec<RawStatement> = Vec::new();
    // For each message of statements, how many of the batch are its own.
    let mut shares = Vec::new();
    let rest: Vec<Option<Message>> = messages
        .into_iter()
        .map(|message| match message {
            Message::Statements(raw) => {
                shares.push(raw.len());
                batch.extend(raw);
                None
            }
            message => Some(message),
        })
        .collect();
    let mut checked = verifier.verify_batch(batch).into_iter();
    let mut shares = shares.into_iter();
    rest.into_iter()
        .map(|message| match message {
            Some(message) => verify_message(message, me, verifier),
            None => {
                let own = checked.by_ref().take(shares.next().unwrap_or(0));
                split(own, |valid, refused| Incoming::Statements {
                    valid,
                    refused,
                })
            }
        })
        .collect()
}

fn split<T, E: Refusal, R>(
    checked: impl IntoIterator<Item = Result<T, E>>,
    make: impl FnOnce(Vec<T>, Vec<&'static str>) -> R,
) -> R {
    let (mut valid, mut refused) = (Vec::new(), Vec::new());
    for result in checked {
        match result {
            Ok(item) => valid.push(item),
            Err(error) => refused.push(error.label()),
        }
    }
    make(valid, refused)
}

fn verify_take(take: TakeRequest, route: Option<Route>, verifier: &Verifier) -> Incoming {
    let checked: Result<Vec<Statement>, _> = verifier
        .verify_batch(vec![take.req, take.place])
        .into_iter()
        .collect();
    let relayed = route.is_some();
    match checked.map(<[Statement; 2]>::try_from) {
        Ok(Ok([req, place])) => Incoming::Take { route, req, place },
        Ok(Err(_)) => Incoming::Invalid {
            reason: "malformed",
            relayed,
        },
        Err(error) => Incoming::Invalid {
            reason: error.label(),
            relayed,
        },
    }
}

fn verify_answer(answer: TakeAnswer, route: Option<Route>, verifier: &Verifier) -> Incoming {
    match verifier.verify(answer.answer) {
        Ok(answer) => Incoming::Answer { route, answer },
        Err(error) => Incoming::Invalid {
            reason: error.label(),
            relayed: route.is_some(),
        },
    }
}

/// An error under its stable label.
trait Refusal {
    fn label(&self) -> &'static str;
}

impl Refusal for crate::ledger::StatementError {
    fn label(&self) -> &'static str {
        self.reason()
    }
}

impl Refusal for crate::ledger::ProofError {
    fn label(&self) -> &'static str {
        self.reason()
    }
}

impl Refusal for crate::ledger::TradeError {
    fn label(&self) -> &'static str {
        self.reason()
    }
}

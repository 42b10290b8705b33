//! Checks the signatures of messages outside the state machine, on the connection's own task.

use super::io::Incoming;
use super::relay::{Carried, Relayed};
use crate::ledger::{RawStatement, Statement, Verifier};
use crate::protocol::{Forward, ForwardBody, Message, TakeAnswer, TakeRequest};
use crate::types::{NodeId, OrderId};

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
        Message::Take(take) => verified(verify_take(take, verifier)),
        Message::Answer(answer) => verified(verify_answer(answer, verifier)),
        Message::Forward(forward) => verify_forward(forward, me, verifier),
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

/// Verifies a forwarded message, whoever it is for: a relay that passed on what does not hold would
/// be blamed for it.
fn verify_forward(forward: Forward, me: NodeId, verifier: &Verifier) -> Incoming {
    let Forward { to, id, hops, body } = forward;
    let Ok(id) = u128::from_str_radix(&id, 16) else {
        return Incoming::Invalid {
            reason: "malformed",
        };
    };
    let body = match body {
        ForwardBody::Take(take) => verify_take(take, verifier),
        ForwardBody::Answer(answer) => verify_answer(answer, verifier),
    };
    match body {
        Ok(body) => {
            let relayed = Relayed { to, id, hops, body };
            match to == me {
                true => relayed.arrived(),
                false => Incoming::Forward(relayed),
            }
        }
        Err(reason) => Incoming::Invalid { reason },
    }
}

/// A message that is for the node at the other end of the connection.
fn verified(body: Result<Carried, &'static str>) -> Incoming {
    let route = None;
    match body {
        Ok(Carried::Take { req, place }) => Incoming::Take { route, req, place },
        Ok(Carried::Answer(answer)) => Incoming::Answer { route, answer },
        Err(reason) => Incoming::Invalid { reason },
    }
}

fn verify_take(take: TakeRequest, verifier: &Verifier) -> Result<Carried, &'static str> {
    let checked: Result<Vec<Statement>, _> = verifier
        .verify_batch(vec![take.req, take.place])
        .into_iter()
        .collect();
    let checked = checked.map_err(|error| error.label())?;
    let Ok([req, place]) = <[Statement; 2]>::try_from(checked) else {
        return Err("malformed");
    };
    let names_its_order = req
        .as_req()
        .is_some_and(|asked| asked.order == OrderId::from(place.hash()));
    let fits = names_its_order && place.as_place().is_some() && place.owner() == req.owner();
    match fits {
        true => Ok(Carried::Take { req, place }),
        false => Err("take_malformed"),
    }
}

fn verify_answer(answer: TakeAnswer, verifier: &Verifier) -> Result<Carried, &'static str> {
    let answer = verifier
        .verify(answer.answer)
        .map_err(|error| error.label())?;
    match answer.as_fill().is_some() || answer.as_rej().is_some() {
        true => Ok(Carried::Answer(answer)),
        false => Err("answer_malformed"),
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

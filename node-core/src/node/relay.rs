//! Addressed messages on their way through other nodes, as a relay holds them: verified.

use super::io::{Incoming, Route};
use super::router::Sighting;
use crate::ledger::Statement;
use crate::protocol::{Forward, ForwardBody, Message, TakeAnswer, TakeRequest};
use crate::types::{NodeId, TakeId};

/// A take or its answer, with the signatures checked.
#[derive(Clone, Debug)]
pub enum Carried {
    /// A `req` with its taker's `place`.
    Take {
        /// The `req`.
        req: Statement,
        /// The taker's order, which the `req` names.
        place: Statement,
    },
    /// A `fill` or a `rej`.
    Answer(Statement),
}

impl Carried {
    /// The take that it is about.
    #[must_use]
    pub fn take_id(&self) -> Option<TakeId> {
        match self {
            Self::Take { req, .. } => Some(TakeId::from(req.hash())),
            Self::Answer(answer) => {
                let fill = answer.as_fill().map(|fill| fill.take);
                fill.or_else(|| answer.as_rej().map(|rej| rej.take))
            }
        }
    }

    /// How many signatures it has, those of embedded refusals among them.
    #[must_use]
    pub fn signatures(&self) -> usize {
        match self {
            Self::Take { req, .. } => 2 + req.freed().len(),
            Self::Answer(answer) => 1 + answer.freed().len(),
        }
    }

    /// The message for a neighbour that it is addressed to.
    pub(super) fn direct(&self) -> Message {
        match self.body() {
            ForwardBody::Take(take) => Message::Take(take),
            ForwardBody::Answer(answer) => Message::Answer(answer),
        }
    }

    fn body(&self) -> ForwardBody {
        match self {
            Self::Take { req, place } => ForwardBody::Take(TakeRequest {
                req: req.raw(),
                place: place.raw(),
            }),
            Self::Answer(answer) => ForwardBody::Answer(TakeAnswer {
                answer: answer.raw(),
            }),
        }
    }

    /// A hash of what is signed.
    fn mark(&self) -> [u8; 16] {
        let signed = match self {
            Self::Take { req, .. } => req,
            Self::Answer(answer) => answer,
        };
        let mut mark = [0; 16];
        let bytes = mark.iter_mut().zip(signed.hash().0);
        bytes.for_each(|(to, from)| *to = from);
        mark
    }
}

/// A forwarded message whose statements hold.
#[derive(Clone, Debug)]
pub struct Relayed {
    /// The node that it is for, by the sender's word.
    pub to: NodeId,
    /// The number of this sending, which its sender drew.
    pub id: u128,
    /// How many more nodes may pass it on.
    pub hops: u8,
    /// What it carries.
    pub body: Carried,
}

impl Relayed {
    /// The message for the next node.
    #[must_use]
    pub fn message(&self) -> Message {
        Message::Forward(Forward {
            to: self.to,
            id: format!("{:032x}", self.id),
            hops: self.hops,
            body: self.body.body(),
        })
    }

    /// The message as the node finds it that it is for.
    #[must_use]
    pub fn arrived(self) -> Incoming {
        let (id, mark) = self.sighting();
        let route = Some(Route {
            id,
            mark,
            hops: self.hops,
        });
        match self.body {
            Carried::Take { req, place } => Incoming::Take { route, req, place },
            Carried::Answer(answer) => Incoming::Answer { route, answer },
        }
    }

    /// By what this sending is known again.
    pub(super) fn sighting(&self) -> Sighting {
        (self.id, self.body.mark())
    }
}

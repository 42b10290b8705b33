//! What is checked when a statement is first sent.

use std::collections::hash_map::Entry;

use meshbook::ledger::{Fill, OrdStatus, Payload, Proof, Statement};
use meshbook::node::Incoming;
use meshbook::types::{OrderId, Side, TakeId};

use super::{Judge, rules};
use crate::show::shorten;

impl Judge {
    /// A node sends this message.
    pub(crate) fn said(&mut self, message: &Incoming) {
        match message {
            Incoming::Statements { valid, refused } => {
                self.held(refused);
                for statement in valid {
                    self.signed(statement);
                }
            }
            Incoming::Trades { valid, refused } => {
                self.held(refused);
                for trade in valid {
                    self.keep_trade(trade);
                    for statement in [trade.maker(), trade.taker(), trade.req(), trade.fill()] {
                        self.signed(statement);
                    }
                }
            }
            Incoming::Proofs { valid, refused } => {
                self.held(refused);
                for proof in valid {
                    self.accused(proof);
                    self.keep_proof(proof);
                }
            }
            Incoming::Take { req, place, .. } => {
                self.signed(place);
                self.signed(req);
            }
            Incoming::Answer { answer, .. } => self.signed(answer),
            Incoming::Invalid { reason, .. } => self.held(&[reason]),
            Incoming::Plain(_) | Incoming::Forward(_) => {}
        }
    }

    /// A rogue sends this message: what holds in it counts as signed.
    pub(crate) fn said_by_rogue(&mut self, message: &Incoming) {
        match message {
            Incoming::Statements { valid, .. } => {
                for statement in valid {
                    self.signed(statement);
                }
            }
            Incoming::Trades { valid, .. } => {
                let refused = Vec::new();
                let valid = valid.clone();
                self.said(&Incoming::Trades { valid, refused });
            }
            Incoming::Invalid { .. } => {}
            message => self.said(message),
        }
    }

    /// Somebody says that an owner cheats, and can prove it.
    pub(super) fn accused(&mut self, proof: &Proof) {
        let owner = proof.owner();
        if self.is_honest(&owner) {
            let (owner, proof) = (owner.short(), shorten(&proof.wire()));
            self.fail(rules::REVOKED, format!("{owner} is honest: {proof}"));
        }
    }

    fn held(&mut self, refused: &[&'static str]) {
        let rule = match refused {
            [] => return,
            refused if refused.contains(&"bad_signature") => rules::SIGNED,
            _ => rules::MESSAGES,
        };
        self.fail(rule, format!("statements are refused: {refused:?}"));
    }

    /// Somebody has signed this, and it left its node.
    pub(crate) fn signed(&mut self, statement: &Statement) {
        if !self.seen.insert(statement.hash()) {
            return;
        }
        let mix = u64::from_le_bytes(statement.hash().0[..8].try_into().unwrap_or_default());
        self.fingerprint = (self.fingerprint.rotate_left(5) ^ mix).wrapping_mul(0x9e37_79b9);
        self.keep(statement);
        let honest = self.is_honest(&statement.owner());
        if honest {
            self.in_sequence(statement);
        }
        for rej in statement.freed() {
            if let Some(answer) = rej.as_rej() {
                let by = (answer.take, rej.owner(), statement.owner());
                self.freed.insert(by);
            }
        }
        match statement.payload() {
            Payload::Place(place) => {
                self.places
                    .insert(statement.hash().into(), statement.clone());
                if let Some(replaced) = place.replaces {
                    self.closed.entry(replaced).or_insert(place.n);
                }
            }
            Payload::Ord(ord) if ord.status == OrdStatus::Closed => {
                self.closed.entry(ord.id).or_insert(ord.n);
            }
            Payload::Req(_) => {
                self.counts.one("takes: asked");
                if !statement.freed().is_empty() {
                    self.counts.one("takes: asked, showing refusals");
                }
                self.requests
                    .insert(statement.hash().into(), statement.clone());
            }
            Payload::Fill(fill) if honest => self.filled(statement, fill),
            Payload::Rej(rej) if honest => {
                self.counts.one(format!("takes: refused, {}", rej.why));
                self.refusals.insert(rej.take);
                if self.fills.contains_key(&rej.take) {
                    let found = format!("take {} is refused after its fill", rej.take.short());
                    self.fail(rules::ANSWERS, found);
                }
            }
            _ => {}
        }
    }

    fn in_sequence(&mut self, statement: &Statement) {
        let Some(n) = statement.n() else {
            return;
        };
        let numbers = self.numbers.entry(statement.owner()).or_default();
        let this = (statement.hash(), statement.ts());
        let before = numbers.range(..n).next_back();
        let after = numbers.range(n + 1..).next();
        let backdated = before.is_some_and(|(_, (_, ts))| *ts > this.1)
            || after.is_some_and(|(_, (_, ts))| *ts < this.1);
        let twice = numbers.insert(n, this).is_some();
        let owner = statement.owner().short();
        if twice {
            self.fail(rules::NUMBERS, format!("{owner} uses {n} twice"));
        } else if backdated {
            self.fail(rules::NUMBERS, format!("{owner} dates {n} back"));
        }
    }

    fn filled(&mut self, statement: &Statement, fill: &Fill) {
        self.counts.one("takes: filled");
        let take: TakeId = fill.take;
        if self.refusals.contains(&take) {
            let found = format!("take {} is filled after its refusal", take.short());
            self.fail(rules::ANSWERS, found);
        }
        match self.fills.entry(take) {
            Entry::Occupied(_) => {
                let found = format!("take {} is filled twice", take.short());
                self.fail(rules::ANSWERS, found);
            }
            Entry::Vacant(vacant) => {
                vacant.insert(statement.hash());
            }
        }
        let order: OrderId = fill.id;
        let short = order.short();
        if self.closed.get(&order).is_some_and(|n| *n < fill.n) {
            let found = format!("order {short} is taken after it was closed");
            self.fail(rules::COMMIT, found);
        }
        if self.cancelled.contains(&order) {
            let found = format!("order {short} is taken after its user cancelled it");
            self.fail(rules::CANCELLED, found);
        }
        let place = self.places.get(&order).and_then(Statement::as_place);
        let request = self.requests.get(&take).and_then(Statement::as_req);
        let (Some(place), Some(request)) = (place, request) else {
            return;
        };
        let within = match place.side {
            Side::Buy => request.lim <= fill.px,
            Side::Sell => request.lim >= fill.px,
        };
        let late = fill.ts >= place.exp;
        if late || !within || fill.px != place.px {
            let found = format!("order {short} fills {fill:?} of {place:?} for {request:?}");
            self.fail(rules::COMMIT, found);
        }
    }
}

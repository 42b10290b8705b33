//! What an order's owner says about it, reduced to what counts.

use crate::types::{Amount, Millis, OrderId, StatementHash};

use super::{OrdStatus, Statement};

/// A statement's place in its owner's sequence. The hash breaks the tie between two statements
/// with one `n`, which only a cheating owner makes, so that all nodes choose the same.
pub(super) type Sequence = (u64, StatementHash);

pub(super) fn sequence(statement: &Statement) -> Sequence {
    (statement.n().unwrap_or(0), statement.hash())
}

/// What one signer says about one order. Joining is commutative, associative and idempotent:
/// each part is a minimum or a maximum, and a closing one wipes the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Claims {
    /// The first statement that closes the order: an `ord`, or the `place` that replaces it.
    closing: Option<Statement>,
    /// The newest `ord` with status open; none once the order is closed.
    newest: Option<Statement>,
    /// The `ord` with the smallest `amt`; none once the order is closed.
    smallest: Option<Statement>,
}

/// What joining a statement did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joined {
    Changed,
    Known,
    Stale,
    Reopens,
}

impl Claims {
    /// Joins an `ord`, or a `place` that replaces the order.
    pub(super) fn join(&mut self, statement: &Statement) -> Joined {
        let closes = match statement.as_ord() {
            Some(ord) => ord.status == OrdStatus::Closed,
            None => true,
        };
        match (&self.closing, closes) {
            (Some(closing), true) => {
                if sequence(closing) < sequence(statement) {
                    Joined::Stale
                } else if closing.hash() == statement.hash() {
                    Joined::Known
                } else {
                    self.closing = Some(statement.clone());
                    Joined::Changed
                }
            }
            (Some(closing), false) if sequence(closing) < sequence(statement) => Joined::Reopens,
            (Some(_), false) => Joined::Stale,
            (None, true) => {
                *self = Self {
                    closing: Some(statement.clone()),
                    ..Self::default()
                };
                Joined::Changed
            }
            (None, false) => self.join_open(statement),
        }
    }

    fn join_open(&mut self, statement: &Statement) -> Joined {
        let is_known = |known: &Option<Statement>| {
            known
                .as_ref()
                .is_some_and(|known| known.hash() == statement.hash())
        };
        if is_known(&self.newest) {
            return Joined::Known;
        }
        let rank = |statement: &Statement| {
            let amt = statement.as_ord()?.amt?;
            Some((amt, sequence(statement)))
        };
        let newer = self
            .newest
            .as_ref()
            .is_none_or(|known| sequence(known) < sequence(statement));
        let smaller = rank(statement).is_some_and(|new| {
            let known = self.smallest.as_ref().and_then(rank);
            known.is_none_or(|known| new < known)
        });
        if newer {
            self.newest = Some(statement.clone());
        }
        if smaller {
            self.smallest = Some(statement.clone());
        }
        match newer || smaller {
            true => Joined::Changed,
            false if is_known(&self.smallest) => Joined::Known,
            false => Joined::Stale,
        }
    }

    /// The statement that closed the order.
    pub(super) const fn closing(&self) -> Option<&Statement> {
        self.closing.as_ref()
    }

    /// The newest statement that says what is open.
    pub(super) const fn newest(&self) -> Option<&Statement> {
        self.newest.as_ref()
    }

    /// The smallest amount that was stated.
    pub(super) fn amt(&self) -> Option<Amount> {
        let source = self.closing.as_ref().or(self.smallest.as_ref());
        source.and_then(|statement| statement.as_ord()?.amt)
    }

    /// All that has to be passed on for another node to reach the same.
    pub(super) fn statements(&self) -> impl Iterator<Item = &Statement> {
        let smallest = self
            .smallest
            .as_ref()
            .filter(|smallest| Some(smallest.hash()) != self.newest.as_ref().map(Statement::hash));
        let open = self.newest.iter().chain(smallest);
        self.closing.iter().chain(open)
    }

    /// When the youngest of them was signed.
    pub(super) fn ts(&self) -> Millis {
        self.statements()
            .map(Statement::ts)
            .max()
            .unwrap_or_default()
    }
}

/// Whose order a statement is about, where it is not about itself.
pub(super) fn subject(statement: &Statement) -> Option<OrderId> {
    match statement.as_ord() {
        Some(ord) => Some(ord.id),
        None => statement.as_place()?.replaces,
    }
}

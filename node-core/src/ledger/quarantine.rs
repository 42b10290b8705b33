//! What is dated in the future: set aside until it is due.

use sha2::{Digest, Sha256};

use crate::collections::BTreeMap;
use crate::types::{Millis, StatementHash};

use super::limits::SKEW;
use super::{Statement, TradeRecord};

/// What came too early and is due now; to be applied like anything that just came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// The statements, by their dates.
    pub statements: Vec<Statement>,
    /// The trades, by their dates.
    pub trades: Vec<TradeRecord>,
}

impl Released {
    /// Whether nothing is due.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.statements.is_empty() && self.trades.is_empty()
    }
}

/// Something that came too early.
#[derive(Debug)]
pub(super) enum Early {
    Statement(Statement),
    Trade(TradeRecord),
}

impl Early {
    /// The date that decides, and a name.
    fn key(&self) -> (Millis, StatementHash) {
        match self {
            Self::Statement(statement) => (statement.ts(), statement.hash()),
            Self::Trade(trade) => (latest_ts(trade), trade.fill().hash()),
        }
    }
}

/// Whether a date is too far in the future for its bearer to be applied now.
pub(super) fn is_early(ts: Millis, wall: Millis) -> bool {
    ts > wall + SKEW
}

/// The latest date in a trade.
pub(super) fn latest_ts(trade: &TradeRecord) -> Millis {
    [trade.maker(), trade.taker(), trade.req(), trade.fill()]
        .into_iter()
        .map(Statement::ts)
        .max()
        .unwrap_or_default()
}

#[derive(Debug)]
pub(super) struct Quarantine {
    by_date: BTreeMap<(Millis, StatementHash), Early>,
    /// How much may be set aside.
    most: usize,
    evicted: u64,
}

impl Quarantine {
    pub(super) const fn new(most: usize) -> Self {
        Self {
            by_date: BTreeMap::new(),
            most,
            evicted: 0,
        }
    }

    /// Sets it aside; says if there was room. The furthest are the first to be dropped.
    pub(super) fn hold(&mut self, early: Early) -> bool {
        let key = early.key();
        self.by_date.entry(key).or_insert(early);
        if self.by_date.len() > self.most {
            self.by_date.pop_last();
            self.evicted += 1;
        }
        self.by_date.contains_key(&key)
    }

    /// Takes out what is due.
    pub(super) fn release(&mut self, wall: Millis) -> Released {
        let mut released = Released::default();
        while let Some(first) = self.by_date.first_entry() {
            if is_early(first.key().0, wall) {
                break;
            }
            match first.remove() {
                Early::Statement(statement) => released.statements.push(statement),
                Early::Trade(trade) => released.trades.push(trade),
            }
        }
        released
    }

    /// When the next one is due.
    pub(super) fn next_due(&self) -> Option<Millis> {
        self.by_date
            .first_key_value()
            .map(|((ts, _), _)| *ts - SKEW)
    }

    pub(super) fn len(&self) -> usize {
        self.by_date.len()
    }

    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(super) fn digest(&self, hash: &mut Sha256) {
        for (ts, of) in self.by_date.keys() {
            hash.update(ts.0.to_be_bytes());
            hash.update(of.0);
        }
    }
}

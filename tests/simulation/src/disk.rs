//! One node's disk: a map by table and key, of which the last lazy writes may be lost.

use std::collections::BTreeMap;

use bytes::Bytes;
use meshbook::node::{Entry, Table, Write};
use meshbook::types::TradeId;

type Entries = BTreeMap<(Table, Bytes), Bytes>;

/// What is written, and how much of it would survive the machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    flushed: Entries,
    /// Records that the process has written, and the machine not yet flushed.
    waiting: Vec<Record>,
    /// Batches that were committed, ever.
    pub(crate) commits: u64,
}

/// What was appended for one batch.
#[derive(Clone, Debug)]
enum Record {
    Whole(Vec<Write>),
    /// The process died in the middle of its bytes, so that nothing of it can be read.
    Torn,
}

impl Record {
    fn writes(&self) -> &[Write] {
        match self {
            Self::Whole(writes) => writes,
            Self::Torn => &[],
        }
    }
}

impl Disk {
    /// Begins to commit one batch and does not come to its end.
    pub(crate) fn tear(&mut self) {
        self.waiting.push(Record::Torn);
    }

    /// Commits one batch: all of it or nothing. It is flushed unless all of it is lazy, and what
    /// came before it with it, since a journal only grows.
    pub(crate) fn commit(&mut self, batch: Vec<Write>) {
        self.commits += 1;
        let flush = batch.iter().any(|write| !write.lazy);
        self.waiting.push(Record::Whole(batch));
        if flush {
            self.flush(usize::MAX);
        }
    }

    /// The machine dies: of what was not flushed, only the first `kept` batches are left, and a
    /// part of the next one.
    pub(crate) fn lose_power(&mut self, kept: u64) {
        let kept = kept.checked_rem(self.waiting.len() as u64 + 1);
        self.waiting.truncate(kept.unwrap_or(0) as usize);
        self.tear();
    }

    /// Everything that a new process finds.
    pub(crate) fn entries(&mut self) -> Vec<Entry> {
        self.flush(usize::MAX);
        let entry = |((table, key), value): (&(Table, Bytes), &Bytes)| Entry {
            table: *table,
            key: key.clone(),
            value: value.clone(),
        };
        self.flushed.iter().map(entry).collect()
    }

    /// Whether a trade is written down, flushed or not.
    pub(crate) fn holds_trade(&self, trade: &TradeId) -> bool {
        let written = self.waiting.iter().flat_map(Record::writes);
        let waiting = written.map(|write| (write.table, &write.key));
        let flushed = self.flushed.keys().map(|(table, key)| (*table, key));
        let mut trades = flushed
            .chain(waiting)
            .filter(|(table, _)| matches!(table, Table::Trades | Table::Others));
        trades.any(|(_, key)| key.ends_with(&trade.0))
    }

    fn flush(&mut self, batches: usize) {
        let batches = batches.min(self.waiting.len());
        for record in self.waiting.drain(..batches) {
            let Record::Whole(writes) = record else {
                // Nothing follows a torn record: who finds one discards it and goes on there.
                break;
            };
            for write in writes {
                let key = (write.table, write.key);
                match write.value {
                    Some(value) => self.flushed.insert(key, value),
                    None => self.flushed.remove(&key),
                };
            }
        }
    }
}

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
    /// Batches that the process has written, and the machine not yet flushed.
    waiting: Vec<Vec<Write>>,
    /// Batches that were committed, ever.
    pub(crate) commits: u64,
}

impl Disk {
    /// Commits one batch: all of it or nothing. It is flushed unless all of it is lazy, and what
    /// came before it with it, since a journal only grows.
    pub(crate) fn commit(&mut self, batch: Vec<Write>) {
        self.commits += 1;
        let flush = batch.iter().any(|write| !write.lazy);
        self.waiting.push(batch);
        if flush {
            self.flush(usize::MAX);
        }
    }

    /// The machine dies: of what was not flushed, only the first `kept` batches are left.
    pub(crate) fn lose_power(&mut self, kept: u64) {
        let kept = kept.checked_rem(self.waiting.len() as u64 + 1);
        self.flush(kept.unwrap_or(0) as usize);
        self.waiting.clear();
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
        let written = self.waiting.iter().flatten();
        let waiting = written.map(|write| (write.table, &write.key));
        let flushed = self.flushed.keys().map(|(table, key)| (*table, key));
        let mut trades = flushed
            .chain(waiting)
            .filter(|(table, _)| *table == Table::Trades);
        trades.any(|(_, key)| key.ends_with(&trade.0))
    }

    fn flush(&mut self, batches: usize) {
        let batches = batches.min(self.waiting.len());
        for write in self.waiting.drain(..batches).flatten() {
            let key = (write.table, write.key);
            match write.value {
                Some(value) => self.flushed.insert(key, value),
                None => self.flushed.remove(&key),
            };
        }
    }
}

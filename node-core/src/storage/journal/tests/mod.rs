//! What a journal promises, on disks that fail and with processes that are killed.

pub(super) mod disk;
mod faults;
mod files;
mod missing;
mod processes;
mod reading;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{HistoryLimits, JOURNAL_FOLDER, Journal, JournalSync};
use crate::node::{Entry, Table, Write};
use crate::storage::{DataDir, StorageError, Store};

const ALL_SYNCS: [JournalSync; 3] = [JournalSync::Always, JournalSync::Interval, JournalSync::Off];

const HISTORY: HistoryLimits = HistoryLimits::new(1, 30);

/// What goes to the logs and the tables.
const JOURNALED: [Table; 6] = [
    Table::Meta,
    Table::Orders,
    Table::Takes,
    Table::Fills,
    Table::Trades,
    Table::Proofs,
];

/// What a store holds.
type Content = BTreeMap<(Table, Bytes), Bytes>;

fn open(dir: &Path, sync: JournalSync) -> Result<Journal, StorageError> {
    Journal::open(Arc::new(DataDir::open(dir)?), sync, HISTORY)
}

fn content(journal: &mut Journal) -> Content {
    let entries = journal.entries(usize::MAX).unwrap().map(Result::unwrap);
    let pairs = entries.map(|Entry { table, key, value }| ((table, key), value));
    pairs.collect()
}

fn apply<'a>(content: &mut Content, writes: impl IntoIterator<Item = &'a Write>) {
    for write in writes {
        let place = (write.table, write.key.clone());
        match &write.value {
            Some(value) => content.insert(place, value.clone()),
            None => content.remove(&place),
        };
    }
}

/// A write that meets others on the same keys.
fn write() -> impl Strategy<Value = Write> {
    let table = proptest::sample::select(&JOURNALED);
    let value = proptest::option::weighted(0.8, vec(any::<u8>(), 0..80).prop_map(Bytes::from));
    (table, 0..6_u8, value, any::<bool>()).prop_map(|(table, key, value, lazy)| Write {
        table,
        key: vec![key; usize::from(key)].into(),
        value,
        lazy,
    })
}

/// A write of one's own number, to tell commits apart.
fn numbered(number: u32, size: usize) -> Write {
    let mut value = number.to_be_bytes().to_vec();
    value.resize(size, 7);
    Write {
        table: Table::Trades,
        key: Bytes::copy_from_slice(&number.to_be_bytes()),
        value: Some(value.into()),
        lazy: false,
    }
}

fn logs(dir: &Path) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(dir.join(JOURNAL_FOLDER)).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let mut logs: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|it| it == "log"))
        .collect();
    logs.sort();
    logs
}

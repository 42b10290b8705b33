//! Reading a journal while it is written to.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use bytes::{BufMut, Bytes, BytesMut};

use super::JOURNAL_FOLDER;
use super::mover::Shared;
use super::others::OTHERS_FOLDER;
use crate::node::{Entry, Table};
use crate::storage::StorageError;

/// Entries that [`JournalReader::entries`] reads at once.
const PAGE: usize = 256;

/// Reads a journal beside its use, which it holds up for no longer than a look at what is not in
/// the tables yet. It does not keep the journal open. Everything here blocks.
#[derive(Clone, Debug)]
pub struct JournalReader {
    shared: Weak<Shared>,
    data_dir: PathBuf,
}

/// Some entries of a table.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// In the order in which they were asked for.
    pub entries: Vec<Entry>,
    /// Where to read on, if there is more.
    pub next: Option<Bytes>,
}

impl JournalReader {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::downgrade(shared),
            data_dir: shared.data_dir().to_owned(),
        }
    }

    /// Up to `limit` entries of a table from the key `first` on, in the order of their keys. There
    /// may be none of them and a next page nevertheless, which begins at [`Page::next`].
    ///
    /// # Errors
    /// Where the tables can't be read, and [`StorageError::Closed`] once the journal is.
    pub fn page(&self, table: Table, first: &[u8], limit: usize) -> Result<Page, StorageError> {
        let limit = limit.max(1);
        let shared = self.shared()?;
        if table == Table::Others {
            let page = shared.others.page(first, limit);
            return page.map_err(|error| self.failed(error));
        }
        let (pending, range) = {
            // Under the lock, so that nothing moves from here to there unseen.
            let state = shared.lock();
            let pending = state.pending();
            let pending = pending.filter(|write| write.table == table && *write.key >= *first);
            let pending = pending.map(|write| (write.key.clone(), write.value.clone()));
            let pending: BTreeMap<_, _> = pending.collect();
            let keys = (Included(first), Unbounded);
            (pending, shared.tables.range(table, keys)?)
        };
        let mut page = BTreeMap::new();
        for entry in range.take(limit) {
            let entry = entry?;
            page.insert(entry.key, Some(entry.value));
        }
        // Beyond the last one that was read, other entries may come first.
        let last = (page.len() == limit)
            .then(|| page.last_key_value().map(|(key, _)| key.clone()))
            .flatten();
        page.extend(
            pending
                .into_iter()
                .take_while(|(key, _)| last.as_ref().is_none_or(|last| key <= last)),
        );
        let cut = page.keys().nth(limit).cloned();
        let next = cut.or_else(|| last.map(|last| after(&last)));
        if let Some(next) = &next {
            page.split_off(next);
        }
        let entries = present(table, page.into_iter());
        Ok(Page { entries, next })
    }

    /// Up to `limit` entries of a table before the key `end`, or the last ones, the highest key
    /// first. There may be none of them and a next page nevertheless, which ends at
    /// [`Page::next`].
    ///
    /// # Errors
    /// Where the tables can't be read, and [`StorageError::Closed`] once the journal is.
    pub fn page_before(
        &self,
        table: Table,
        end: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page, StorageError> {
        let limit = limit.max(1);
        let shared = self.shared()?;
        if table == Table::Others {
            let page = shared.others.page_before(end, limit);
            return page.map_err(|error| self.failed(error));
        }
        let (pending, range) = {
            // Under the lock, so that nothing moves from here to there unseen.
            let state = shared.lock();
            let before = |key: &[u8]| end.is_none_or(|end| key < end);
            let pending = state.pending();
            let pending = pending.filter(|write| write.table == table && before(&write.key));
            let pending = pending.map(|write| (write.key.clone(), write.value.clone()));
            let pending: BTreeMap<_, _> = pending.collect();
            let keys = (Unbounded, end.map_or(Unbounded, Excluded));
            (pending, shared.tables.range(table, keys)?)
        };
        let mut page = BTreeMap::new();
        for entry in range.rev().take(limit) {
            let entry = entry?;
            page.insert(entry.key, Some(entry.value));
        }
        // Below the last one that was read, other entries may come first.
        let last = (page.len() == limit)
            .then(|| page.first_key_value().map(|(key, _)| key.clone()))
            .flatten();
        page.extend(
            pending
                .into_iter()
                .rev()
                .take_while(|(key, _)| last.as_ref().is_none_or(|last| key >= last)),
        );
        let cut = (page.len() > limit)
            .then(|| page.keys().nth_back(limit - 1).cloned())
            .flatten();
        let next = cut.or(last);
        if let Some(next) = &next {
            page = page.split_off(next);
        }
        let entries = present(table, page.into_iter().rev());
        Ok(Page { entries, next })
    }

    /// The data directory that the journal is in.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The error for an entry that is not as this node writes it.
    pub(crate) fn damaged(&self, problem: String) -> StorageError {
        StorageError::DamagedJournal {
            path: self.data_dir.join(JOURNAL_FOLDER),
            problem,
        }
    }

    fn failed(&self, error: io::Error) -> StorageError {
        let folder = self.data_dir.join(JOURNAL_FOLDER).join(OTHERS_FOLDER);
        StorageError::io("read", &folder)(error)
    }

    fn shared(&self) -> Result<Arc<Shared>, StorageError> {
        self.shared.upgrade().ok_or_else(|| StorageError::Closed {
            path: self.data_dir.clone(),
        })
    }

    /// The entries of a table from the key `first` on, read little by little: what is written
    /// meanwhile may be among them.
    pub fn entries(
        &self,
        table: Table,
        first: Bytes,
    ) -> impl Iterator<Item = Result<Entry, StorageError>> + Send + use<> {
        let reader = self.clone();
        let mut next = Some(first);
        let pages = std::iter::from_fn(move || {
            let page = reader.page(table, &next.take()?, PAGE);
            Some(match page {
                Ok(page) => {
                    next = page.next;
                    page.entries.into_iter().map(Ok).collect()
                }
                Err(error) => vec![Err(error)],
            })
        });
        pages.flatten()
    }
}

/// What is there of a page that also has what was removed.
fn present(table: Table, page: impl Iterator<Item = (Bytes, Option<Bytes>)>) -> Vec<Entry> {
    let entries = page.filter_map(|(key, value)| {
        let value = value?;
        Some(Entry { table, key, value })
    });
    entries.collect()
}

/// The first key behind this one.
pub(super) fn after(key: &[u8]) -> Bytes {
    let mut next = BytesMut::with_capacity(key.len() + 1);
    next.put_slice(key);
    next.put_u8(0);
    next.freeze()
}

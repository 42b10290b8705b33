//! What a node keeps of others' trades: as history that is bounded in bytes and in days.
//!
//! Strangers decide how much of it there is, so it has files of its own, apart from what is the
//! node's: nothing of it holds up or fails a commit, and what is lost of it other nodes have.

mod index;
mod ring;
mod segment;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::log::Media;
use super::reader::{Page, after};
use crate::node::{Entry, Table, Write};
use crate::storage::StorageError;
use crate::types::Millis;
use ring::{Found, Ring};

/// The folder of others' trades in the journal's folder.
pub(super) const OTHERS_FOLDER: &str = "others";

/// How much of others' trades is kept on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// What their files take together; 0 to keep none, otherwise at least 1 MiB.
    pub bytes: u64,
    /// For so long after it came a trade is kept; 0 to keep none.
    pub age: Millis,
}

impl HistoryLimits {
    /// What is there is read and left as it is, and nothing is added.
    pub const READ_ONLY: Self = Self {
        bytes: u64::MAX,
        age: Millis(u64::MAX),
    };

    /// So many MiB for so many days.
    #[must_use]
    pub const fn new(megabytes: u32, days: u32) -> Self {
        Self {
            bytes: (megabytes as u64) << 20,
            age: Millis::from_secs(days as u64 * 24 * 3600),
        }
    }

    fn is_read_only(self) -> bool {
        self == Self::READ_ONLY
    }

    const fn keeps_nothing(self) -> bool {
        self.bytes == 0 || self.age.0 == 0
    }
}

/// Others' trades, for the journal and its readers.
pub(super) struct Others {
    ring: Mutex<Ring>,
    now: Box<dyn Fn() -> Millis + Send + Sync>,
}

impl fmt::Debug for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Others")
            .field("ring", &self.ring)
            .finish_non_exhaustive()
    }
}

impl Others {
    /// Opens those in a journal's folder. Whatever of their files is missing or damaged is left out:
    /// other nodes have it.
    pub(super) fn open(
        journal: &Path,
        media: Arc<dyn Media>,
        limits: HistoryLimits,
    ) -> Result<Self, StorageError> {
        let folder = journal.join(OTHERS_FOLDER);
        let since = || SystemTime::now().duration_since(UNIX_EPOCH);
        let now = move || Millis(since().map_or(0, |since| since.as_millis() as u64));
        Self::open_at(folder.clone(), media, limits, Box::new(now))
            .map_err(StorageError::io("read", &folder))
    }

    fn open_at(
        folder: PathBuf,
        media: Arc<dyn Media>,
        limits: HistoryLimits,
        now: Box<dyn Fn() -> Millis + Send + Sync>,
    ) -> io::Result<Self> {
        let ring = Ring::open(folder, media, limits, now())?;
        Ok(Self {
            ring: Mutex::new(ring),
            now,
        })
    }

    /// Writes down what of these writes is about others' trades.
    pub(super) fn commit<'a>(&self, writes: impl Iterator<Item = &'a Write>) {
        let now = (self.now)();
        let mut ring = self.ring();
        for write in writes.filter(|write| write.table == Table::Others) {
            match &write.value {
                Some(value) => ring.insert(&write.key, value, now),
                None => ring.release(&write.key),
            }
        }
    }

    /// Removes what is too old.
    pub(super) fn expire(&self) {
        self.ring().expire((self.now)());
    }

    /// What a node is to remember after a start: the newest `most`, in equal shares of the parties
    /// that brought them.
    pub(super) fn recall(&self, most: usize) -> impl Iterator<Item = io::Result<Entry>> + use<'_> {
        let keys = self.ring().recall(most);
        keys.into_iter().filter_map(|key| {
            let found = self.ring().find(&key);
            match found {
                Ok(place) => place.and_then(|place| read(place).transpose()),
                Err(error) => Some(Err(error)),
            }
        })
    }

    /// As [`JournalReader::page`](super::JournalReader::page).
    pub(super) fn page(&self, first: &[u8], limit: usize) -> io::Result<Page> {
        let keys = (Included(first), Unbounded);
        let found = self.ring().range(keys, false, limit, (self.now)())?;
        let next = found
            .last
            .as_ref()
            .filter(|_| found.more)
            .map(|last| after(last));
        Self::read_page(found, next)
    }

    /// As [`JournalReader::page_before`](super::JournalReader::page_before).
    pub(super) fn page_before(&self, end: Option<&[u8]>, limit: usize) -> io::Result<Page> {
        let keys = (Unbounded, end.map_or(Unbounded, Excluded));
        let found = self.ring().range(keys, true, limit, (self.now)())?;
        let next = found.last.clone().filter(|_| found.more);
        Self::read_page(found, next)
    }

    fn read_page(found: Found, next: Option<Bytes>) -> io::Result<Page> {
        let entries = found.places.into_iter();
        let entries = entries.filter_map(|place| read(place).transpose());
        Ok(Page {
            entries: entries.collect::<io::Result<_>>()?,
            next,
        })
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads one entry; `None` if it was damaged.
fn read((mut file, offset, length): (std::fs::File, u64, u64)) -> io::Result<Option<Entry>> {
    let record = segment::read_at(&mut file, offset, length)?;
    Ok(record.map(|record| Entry {
        table: Table::Others,
        key: record.key,
        value: record.value,
    }))
}

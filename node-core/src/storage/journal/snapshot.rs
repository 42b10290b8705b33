//! The journal of a node that does not run, which is only read.

use std::path::Path;
use std::sync::Arc;

use super::log::Files;
use super::manifest::Manifest;
use super::mover::Shared;
use super::others::{HistoryLimits, Others};
use super::tables::Tables;
use super::{JOURNAL_FOLDER, JournalReader, LogsLeft, TABLES_FILE, check_all_private};
use crate::storage::{DataDir, StorageError};

/// A journal as a start of its node would find it, without a change to any file: what a crash left
/// in logs is held in memory.
#[derive(Debug)]
pub struct JournalSnapshot {
    shared: Arc<Shared>,
}

impl JournalSnapshot {
    /// Whether there is a journal in a data directory, or was one.
    ///
    /// # Errors
    /// Where the directory can't be read.
    pub fn is_there(data_dir: &Path) -> Result<bool, StorageError> {
        Ok(data_dir.join(JOURNAL_FOLDER).is_dir() || Manifest::load(data_dir)?.is_some())
    }

    /// Reads the journal in a data directory.
    ///
    /// # Errors
    /// As [`Journal::open`](super::Journal::open).
    pub fn open(dir: Arc<DataDir>) -> Result<Self, StorageError> {
        let folder = dir.path().join(JOURNAL_FOLDER);
        let manifest = Manifest::load(dir.path())?;
        if let Some(manifest) = &manifest {
            manifest.check_tables(dir.path())?;
        }
        check_all_private(&folder)?;
        let tables = Tables::open_to_read(folder.join(TABLES_FILE))?;
        let left = LogsLeft::find(dir.path(), manifest.as_ref(), tables.applied()?)?;
        let writes = left.recover(dir.path())?;
        let others = Others::open(&folder, Arc::new(Files), HistoryLimits::READ_ONLY)?;
        let shared = Shared::new(tables, others, dir);
        shared.lock().hold(writes);
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Reads its entries, until it is dropped.
    #[must_use]
    pub fn reader(&self) -> JournalReader {
        JournalReader::new(&self.shared)
    }
}

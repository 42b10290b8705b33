//! Which files a journal consists of, written beside it.
//!
//! The manifest is in the data directory and not in the journal's folder, so that it outlives that.
//! It is written before the first commit to a new log, and names the logs without which the journal
//! is not whole. A data directory without it, but with a key, has had no journal yet: so a key that
//! its user brought into an empty directory is no damage.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{JOURNAL_FOLDER, TABLES_FILE, log};
use crate::storage::{StorageError, atomic, check_private};

/// The manifest's file in the data directory.
pub const MANIFEST_FILE: &str = "journal.manifest";

/// The most bytes of a manifest; two logs take some fifty.
const MAX_BYTES: u64 = 4096;

/// The files that a journal consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    /// The format of the journal: 1.
    version: u32,
    /// The numbers of the logs. One whose writes are all in the tables may be gone.
    logs: Vec<u64>,
}

impl Manifest {
    pub(super) const fn new(logs: Vec<u64>) -> Self {
        Self { version: 1, logs }
    }

    /// Reads the manifest of a data directory; `None` where no journal was begun.
    pub(super) fn load(data_dir: &Path) -> Result<Option<Self>, StorageError> {
        let path = data_dir.join(MANIFEST_FILE);
        let length = match fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StorageError::io("find", &path)(error)),
        };
        check_private(&path)?;
        if length == 0 {
            return Err(incomplete(data_dir, path, "is empty"));
        }
        let damaged = |problem| StorageError::DamagedJournal {
            path: path.clone(),
            problem,
        };
        if length > MAX_BYTES {
            return Err(damaged("it is too long".to_owned()));
        }
        let text = fs::read(&path).map_err(StorageError::io("read", &path))?;
        let manifest: Self =
            serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if manifest.version != 1 {
            let problem = format!("its version {} is not known", manifest.version);
            return Err(damaged(problem));
        }
        Ok(Some(manifest))
    }

    /// Writes the manifest, durably.
    pub(super) fn save(&self, data_dir: &Path) -> Result<(), StorageError> {
        let path = data_dir.join(MANIFEST_FILE);
        let saved = serde_json::to_vec(self).map_err(io::Error::other);
        let saved = saved.and_then(|mut text| {
            text.push(b'\n');
            atomic::replace(&path, &text)
        });
        saved.map_err(StorageError::io("write", &path))
    }

    /// The logs above the number `applied`, which must be there: their writes are in no table.
    pub(super) fn required_logs(&self, applied: u64) -> Vec<u64> {
        let logs = self.logs.iter().copied();
        logs.filter(|number| *number > applied).collect()
    }

    /// Sees that the tables are there, at least as a file that is not empty.
    pub(super) fn check_tables(&self, data_dir: &Path) -> Result<(), StorageError> {
        check_file(data_dir, &data_dir.join(JOURNAL_FOLDER).join(TABLES_FILE))
    }

    /// Sees that all logs above `applied` are there, as files that are not empty.
    pub(super) fn check_logs(&self, data_dir: &Path, applied: u64) -> Result<(), StorageError> {
        let folder = data_dir.join(JOURNAL_FOLDER);
        let mut logs = self.required_logs(applied).into_iter();
        logs.try_for_each(|number| check_file(data_dir, &folder.join(log::file_name(number))))
    }
}

/// Forgets that there was a journal: what belongs to another key says nothing about this one's.
pub(in crate::storage) fn forget(data_dir: &Path) -> Result<(), StorageError> {
    let path = data_dir.join(MANIFEST_FILE);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StorageError::io("remove", &path)(error))
        }
        _ => Ok(()),
    }
}

fn check_file(data_dir: &Path, path: &Path) -> Result<(), StorageError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.len() > 0 => Ok(()),
        Ok(_) => Err(incomplete(data_dir, path.to_owned(), "is empty")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(incomplete(data_dir, path.to_owned(), "is missing"))
        }
        Err(error) => Err(StorageError::io("find", path)(error)),
    }
}

/// The error for a file of the journal without which it is not whole.
pub(super) fn incomplete(data_dir: &Path, path: PathBuf, problem: &'static str) -> StorageError {
    StorageError::IncompleteJournal {
        path,
        problem,
        manifest: data_dir.join(MANIFEST_FILE),
    }
}

//! Why something on disk could not be used.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why something on disk could not be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StorageError {
    /// Another process uses the data directory.
    #[error("the data directory {} is in use by another process", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// Others than its owner can read or write a file that is nobody else's business.
    #[error(
        "the file {} can be read or written by others (mode {mode:o}); if nobody has used that, \
         run: chmod 600 {}{hint}", path.display(), path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its rights.
        mode: u32,
        /// Another way, where there is one.
        hint: &'static str,
    },
    /// The file with the node's key holds no key. It is left as it is: a new key would be another
    /// node, without this one's orders.
    #[error(
        "the key file {} is damaged: {problem}; restore it from a copy, or move it away to start \
         as a new node", path.display()
    )]
    DamagedKey {
        /// The file.
        path: PathBuf,
        /// What is wrong, without the content.
        problem: &'static str,
    },
    /// A file without which the journal is not whole was removed or emptied. Nothing is changed:
    /// without what is lost, this node could sign what contradicts it.
    #[error(
        "the journal file {} {problem}; restore the data directory from a copy, or move {} away \
         to start as a new node; to go on under the same key without what is lost, remove {}",
        path.display(), super::KEY_FILE, manifest.display()
    )]
    IncompleteJournal {
        /// The file.
        path: PathBuf,
        /// What is wrong, as a verb: `is missing`.
        problem: &'static str,
        /// The file that says which others there must be.
        manifest: PathBuf,
    },
    /// A file in use was removed, moved or replaced. What is written from then on would be lost.
    #[error(
        "the file {} was removed, moved or replaced while the node runs", path.display()
    )]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// The journal is not as it was written, in a place that was promised to be safe. It is left
    /// as it is: without what is lost, this node could sign what contradicts it.
    #[error(
        "the journal file {} is damaged: {problem}; restore the data directory from a copy, or \
         move the key and the journal away to start as a new node", path.display()
    )]
    DamagedJournal {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// It was read after the node had stopped.
    #[error("the journal in {} is closed", path.display())]
    Closed {
        /// The data directory.
        path: PathBuf,
    },
    /// The system says no.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl StorageError {
    /// A stable code for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "DATA_DIR_IN_USE",
            Self::Exposed { .. } => "FILE_EXPOSED",
            Self::DamagedKey { .. } => "KEY_DAMAGED",
            Self::DamagedJournal { .. } | Self::IncompleteJournal { .. } => "JOURNAL_DAMAGED",
            Self::Closed { .. } => "JOURNAL_CLOSED",
            Self::Gone { .. } | Self::Io { .. } => "STORAGE_FAILED",
        }
    }

    /// Puts what was tried on which file to an error of the system.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

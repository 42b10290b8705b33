//! What a node keeps on disk: its key, its journal, the peers that it knows and its bans.
//!
//! Everything here blocks; asynchronous callers use it through `spawn_blocking`. A small file is
//! replaced whole or not at all, and a commit to the journal counts as a whole or not at all, so a
//! process that is killed at any moment leaves the old or the new content behind.

mod atomic;
mod data_dir;
mod error;
mod file_id;
mod journal;
mod key;
mod list_file;
mod private;
mod store;

pub use data_dir::{DataDir, LOCK_FILE};
pub use error::StorageError;
pub use journal::{
    HistoryLimits, JOURNAL_FOLDER, Journal, JournalReader, JournalSnapshot, MANIFEST_FILE, Page,
    TABLES_FILE,
};
pub use key::{KEY_FILE, KeyFileMode};
#[cfg(feature = "fuzzing")]
pub(crate) use list_file::fuzzing;
pub use list_file::{ListFile, MAX_LIST_BYTES, MAX_LIST_ENTRIES};
pub use private::check_private;
pub use store::{Entries, JournalSync, Store};

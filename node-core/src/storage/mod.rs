//! What a node keeps on disk: its key, its journal and the peers that it knows.
//!
//! Everything here blocks; asynchronous callers use it through `spawn_blocking`. A small file is
//! replaced whole or not at all, and a commit to the journal counts as a whole or not at all, so a
//! process that is killed at any moment leaves the old or the new content behind.

mod atomic;
mod data_dir;
mod error;
mod journal;
mod key;
mod peers;
mod store;

pub use data_dir::{DataDir, LOCK_FILE};
pub use error::StorageError;
pub use journal::{JOURNAL_FOLDER, Journal, JournalReader, Page, TABLES_FILE};
pub use key::KEY_FILE;
pub use peers::{MAX_PEERS_BYTES, MAX_PEERS_ENTRIES, PeersFile};
pub use store::{JournalSync, Store};

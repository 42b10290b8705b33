//! What a node keeps on disk: its key and the peers that it knows.
//!
//! Everything here blocks; asynchronous callers use it through `spawn_blocking`. A file is
//! replaced whole or not at all, so a process that is killed at any moment leaves the old or the
//! new content behind.

mod atomic;
mod data_dir;
mod error;
mod key;
mod peers;

pub use data_dir::{DataDir, LOCK_FILE};
pub use error::StorageError;
pub use key::KEY_FILE;
pub use peers::{MAX_PEERS_BYTES, MAX_PEERS_ENTRIES, PeersFile};

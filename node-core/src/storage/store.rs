//! What a node needs of a store, whichever it is.

use std::fmt;

use super::StorageError;
use crate::node::{Entry, Write};

/// What is read of a store, until something can't be.
pub type Entries<'a> = Box<dyn Iterator<Item = Result<Entry, StorageError>> + 'a>;

/// Where a node's writes go. It is used by one thread at a time, and may block it.
pub trait Store: fmt::Debug + Send {
    /// Everything that is written, in the order of the tables, but of
    /// [`Table::Trades`](crate::node::Table::Trades) only the newest, up to `trades` of them, and as
    /// many of [`Table::Others`](crate::node::Table::Others) that the node is to remember. It is read
    /// little by little.
    ///
    /// # Errors
    /// Where it can't be read.
    fn entries(&mut self, trades: usize) -> Result<Entries<'_>, StorageError>;

    /// Writes all of it or nothing, in this order. What it returns for is as safe as the store
    /// makes it: a batch of nothing but lazy writes may still be lost with the machine.
    ///
    /// # Errors
    /// Nothing is written then, as far as anybody reads it in this run. The same writes may be
    /// given again; after a crash meanwhile they may be there or not.
    fn commit(&mut self, writes: &[Write]) -> Result<(), StorageError>;

    /// Whether what was committed is still to be found by a next start, as far as that shows
    /// without reading it. Called every few seconds.
    ///
    /// # Errors
    /// Where it isn't, as when its files were removed.
    fn check(&mut self) -> Result<(), StorageError> {
        Ok(())
    }
}

/// When what is committed is flushed to the disk.
///
/// Whatever it is, what was committed survives the end of the process, also by `kill -9`: this is
/// about the end of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JournalSync {
    /// Before anything else is done about it.
    #[default]
    Always,
    /// Within about a tenth of a second.
    Interval,
    /// When the operating system does it by itself, often after half a minute.
    Off,
}

//! The tables under the logs: one `redb` file, to which whole logs are moved.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use redb::backends::FileBackend;
use redb::{
    Database, Durability, ReadOnlyTable, ReadableDatabase, StorageBackend, TableDefinition,
    TableError,
};

use super::overlay::Overlay;
use crate::node::{Entry, Table, Write};
use crate::storage::StorageError;
use crate::storage::file_id::FileInPlace;

/// What is kept about the journal itself: [`APPLIED`].
const ABOUT: TableDefinition<'static, &'static str, u64> = TableDefinition::new("journal");
/// The highest number of a log whose writes are all in the tables.
const APPLIED: &str = "applied";
/// A file of at most so many bytes is read and checked as a whole when it is opened, which takes
/// about half a second. A longer one is believed.
const CHECKED: u64 = 256 << 20;
/// Memory for pages. What is read again and again is in the node's memory anyway.
const CACHE: usize = 8 << 20;

/// The tables, opened again after they failed.
#[derive(Debug)]
pub(super) struct Tables {
    path: PathBuf,
    /// Absent where there is no file, to be read.
    place: Option<FileInPlace>,
    /// Absent after a failure.
    open: Mutex<Option<Arc<Database>>>,
}

impl Tables {
    /// Opens the tables to be written, or makes them.
    pub(super) fn open(path: PathBuf) -> Result<Self, StorageError> {
        let file = open_file(&path, true).map_err(StorageError::io("open", &path))?;
        let place = FileInPlace::at(&path).map_err(StorageError::io("find", &path))?;
        let database = open_to_write(&path, file)?;
        Ok(Self {
            path,
            place: Some(place),
            open: Mutex::new(Some(Arc::new(database))),
        })
    }

    /// Opens the tables to be read only. Without a file they are empty.
    pub(super) fn open_to_read(path: PathBuf) -> Result<Self, StorageError> {
        let file = match File::open(&path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(StorageError::io("open", &path)(error)),
        };
        let place = file.is_some().then(|| FileInPlace::at(&path)).transpose();
        let place = place.map_err(StorageError::io("find", &path))?;
        let length = file.as_ref().map_or(Ok(0), |file| length_of(&path, file))?;
        let overlay = Overlay::new(file).map_err(StorageError::io("read", &path))?;
        let database = open_database(&path, overlay, length)?;
        Ok(Self {
            path,
            place,
            open: Mutex::new(Some(Arc::new(database))),
        })
    }

    /// Sees that the file is where it was.
    pub(super) fn check_file(&self) -> Result<(), StorageError> {
        self.place.as_ref().map_or(Ok(()), FileInPlace::check)
    }

    /// Takes over the writes of the logs up to this number, durably, all or nothing.
    pub(super) fn apply(&self, number: u64, writes: &[Write]) -> Result<(), StorageError> {
        let applied = apply(&*self.database()?, number, writes);
        applied.map_err(|error| {
            // It refuses everything after a failed write until it is opened again.
            *self.slot() = None;
            self.failed("write")(error)
        })
    }

    /// The highest number of a log that was taken over; 0 before the first.
    pub(super) fn applied(&self) -> Result<u64, StorageError> {
        let database = self.database()?;
        let applied = || -> Result<u64, redb::Error> {
            match database.begin_read()?.open_table(ABOUT) {
                Ok(about) => Ok(about.get(APPLIED)?.map_or(0, |number| number.value())),
                Err(TableError::TableDoesNotExist(_)) => Ok(0),
                Err(error) => Err(error.into()),
            }
        };
        applied().map_err(self.failed("read"))
    }

    /// The entries of one table with these keys, in the order of the keys, from either end.
    pub(super) fn range(
        &self,
        table: Table,
        keys: (Bound<&[u8]>, Bound<&[u8]>),
    ) -> Result<
        impl DoubleEndedIterator<Item = Result<Entry, StorageError>> + Send + use<>,
        StorageError,
    > {
        let database = self.database()?;
        let range = || -> Result<_, redb::Error> {
            let open = open_table(&database, table)?;
            Ok(open
                .map(|open| open.range_owned::<&[u8]>(keys))
                .transpose()?)
        };
        let range = range().map_err(self.failed("read"))?;
        let path = self.path.clone();
        Ok(range.into_iter().flatten().map(move |found| {
            let (key, value) = found.map_err(|error| failed(&path, "read", error.into()))?;
            Ok(Entry {
                table,
                key: Bytes::copy_from_slice(key.value()),
                value: Bytes::copy_from_slice(value.value()),
            })
        }))
    }

    fn database(&self) -> Result<Arc<Database>, StorageError> {
        let mut slot = self.slot();
        if let Some(open) = &*slot {
            return Ok(Arc::clone(open));
        }
        // Never another one in its place: that would be empty.
        self.check_file()?;
        let file = open_file(&self.path, false).map_err(StorageError::io("open", &self.path))?;
        let database = Arc::new(open_to_write(&self.path, file)?);
        *slot = Some(Arc::clone(&database));
        Ok(database)
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Arc<Database>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(redb::Error) -> StorageError {
        move |error| failed(&self.path, action, error)
    }
}

fn open_to_write(path: &Path, file: File) -> Result<Database, StorageError> {
    let length = length_of(path, &file)?;
    match FileBackend::new(file) {
        Ok(backend) => open_database(path, backend, length),
        Err(error) => Err(failed(path, "open", error.into())),
    }
}

fn length_of(path: &Path, file: &File) -> Result<u64, StorageError> {
    let metadata = file.metadata().map_err(StorageError::io("find", path))?;
    Ok(metadata.len())
}

fn open_database(
    path: &Path,
    backend: impl StorageBackend,
    length: u64,
) -> Result<Database, StorageError> {
    let opened = Database::builder()
        .set_cache_size(CACHE)
        .set_check_integrity_on_open(length <= CHECKED)
        .create_with_backend(backend);
    opened.map_err(|error| failed(path, "open", error.into()))
}

fn open_file(path: &Path, create: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(create)
        .truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn apply(database: &Database, number: u64, writes: &[Write]) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    // Costs a second flush, and saves reading a large file at a start after a crash.
    transaction.set_quick_repair(true);
    let tables = Table::ALL.into_iter();
    for table in tables.filter(|table| *table != Table::Others) {
        let mut open = transaction.open_table(definition(table))?;
        for write in writes.iter().filter(|write| write.table == table) {
            match &write.value {
                Some(value) => open.insert(&*write.key, &**value)?,
                None => open.remove(&*write.key)?,
            };
        }
    }
    transaction.open_table(ABOUT)?.insert(APPLIED, number)?;
    transaction.commit()?;
    Ok(())
}

type Opened = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// `None` before anything was written.
fn open_table(database: &Database, table: Table) -> Result<Option<Opened>, redb::Error> {
    match database.begin_read()?.open_table(definition(table)) {
        Ok(open) => Ok(Some(open)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

const fn definition(table: Table) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(table.name())
}

fn failed(path: &Path, action: &'static str, error: redb::Error) -> StorageError {
    let ours = [io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof];
    match error {
        // What the library says of a file that is none of its own.
        redb::Error::Io(source) if !ours.contains(&source.kind()) => {
            StorageError::io(action, path)(source)
        }
        redb::Error::DatabaseAlreadyOpen => StorageError::InUse {
            path: path.to_owned(),
        },
        error => StorageError::DamagedJournal {
            path: path.to_owned(),
            problem: error.to_string(),
        },
    }
}

//! The node's store on disk: logs that are appended to, and tables that whole logs are moved to.
//!
//! A commit is one record at the end of the newest log, so it costs one write and, if it must be
//! safe, one flush. A log that has grown long is sealed, and a thread moves it to the tables, a
//! `redb` file, in one transaction; then the log is removed. Until then its writes are in memory
//! too, where readers find them. So the logs may be torn at their end by a crash, but never the
//! tables, however seldom is flushed.
//!
//! **After a failed write** the log is cut back to its last whole record. **After a failed flush**
//! nothing in the log that is not yet in the tables can be believed to be on the disk, also if a
//! later flush succeeds: it is all written again, to a new log.
//!
//! **Others' trades** go neither to the logs nor to the tables, but to files of their own that are
//! bounded in bytes and days (`others`).

mod log;
mod manifest;
mod mover;
mod others;
mod overlay;
mod reader;
mod record;
mod snapshot;
mod tables;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use tracing::warn;

use super::{DataDir, Entries, JournalSync, StorageError, Store, check_private};
use crate::node::{Table, Write};
use log::{Files, Log, Media};
use manifest::{Manifest, incomplete};
use mover::Shared;
use others::{OTHERS_FOLDER, Others};
use record::{LogHeader, Recovered};
use tables::Tables;

pub use manifest::MANIFEST_FILE;
pub(super) use manifest::forget;
pub use others::HistoryLimits;
pub use reader::{JournalReader, Page};
pub use snapshot::JournalSnapshot;

/// The folder of the journal in the data directory.
pub const JOURNAL_FOLDER: &str = "journal";
/// The file of the tables in the journal's folder.
pub const TABLES_FILE: &str = "tables.redb";

/// Bytes of a log that is moved to the tables.
const SEAL: u64 = 4 << 20;
/// So many times as long a log may grow while an earlier one is being moved; then the next commit
/// waits. With what is being moved, twice as much is in memory at most.
const PATIENCE: u64 = 4;

/// A node's store on disk. It belongs to the process that holds the data directory.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    sync: JournalSync,
    media: Arc<dyn Media>,
    /// Bytes of a log that is moved to the tables.
    seal: u64,
    log: Log,
    /// The number of the next log.
    next: u64,
    /// Where a record is put together.
    record: Vec<u8>,
    shared: Arc<Shared>,
    mover: Option<JoinHandle<()>>,
}

impl Journal {
    /// Opens the journal in a data directory, or makes it, readable by its owner only. What a
    /// crash has torn off the end is left out. `history` bounds what is kept of others' trades.
    ///
    /// # Errors
    /// [`StorageError::IncompleteJournal`] where a file is missing or empty, and
    /// [`StorageError::DamagedJournal`] where something is not as it was written that was safe;
    /// nothing is changed then. [`StorageError::Io`] where the system says no.
    pub fn open(
        dir: Arc<DataDir>,
        sync: JournalSync,
        history: HistoryLimits,
    ) -> Result<Self, StorageError> {
        Self::open_with(dir, sync, history, Arc::new(Files), SEAL)
    }

    fn open_with(
        dir: Arc<DataDir>,
        sync: JournalSync,
        history: HistoryLimits,
        media: Arc<dyn Media>,
        seal: u64,
    ) -> Result<Self, StorageError> {
        let folder = dir.path().join(JOURNAL_FOLDER);
        let manifest = Manifest::load(dir.path())?;
        if let Some(manifest) = &manifest {
            manifest.check_tables(dir.path())?;
        }
        super::data_dir::create(&folder).map_err(StorageError::io("make", &folder))?;
        check_all_private(&folder)?;
        let tables = Tables::open(folder.join(TABLES_FILE))?;
        let last = take_over_logs(dir.path(), manifest.as_ref(), &tables)?;
        let header = LogHeader {
            after_flush: true,
            instead_of: 0,
        };
        let log = Log::begin(&*media, &folder, last + 1, header)?;
        Manifest::new(vec![log.number]).save(dir.path())?;
        let others = Others::open(&folder, Arc::clone(&media), history)?;
        let shared = Arc::new(Shared::new(tables, others, dir));
        let mover = mover::start(Arc::clone(&shared))
            .map_err(StorageError::io("start a thread for", &folder))?;
        Ok(Self {
            folder,
            sync,
            media,
            seal,
            log,
            next: last + 2,
            record: Vec::new(),
            shared,
            mover: Some(mover),
        })
    }

    /// Reads the journal beside its use, until it is closed.
    #[must_use]
    pub fn reader(&self) -> JournalReader {
        JournalReader::new(&self.shared)
    }

    /// Leaves the log, which broke, for a new one that says again what is in no table yet.
    fn renew(&mut self) -> Result<(), StorageError> {
        let header = LogHeader {
            instead_of: self.log.number,
            ..self.log.header
        };
        let mut log = self.begin(header)?;
        self.record.clear();
        let again = self.shared.lock().active_writes();
        encode(&again, log.flushed, &mut self.record, &log.path)?;
        let written = log.append(&self.record).and_then(|()| log.flush());
        let written = written.and_then(|()| self.record_logs(None, log.number));
        if written.is_err() {
            // It says nothing that the broken one doesn't, and counts only when it is whole.
            let _ = self.media.remove(&log.path);
        }
        written?;
        tell(&self.log.path, self.media.remove(&self.log.path));
        self.log = log;
        Ok(())
    }

    /// Hands the log to the mover and begins the next, if it may.
    fn seal(&mut self) -> Result<(), StorageError> {
        if !self
            .shared
            .may_seal(self.log.length >= PATIENCE * self.seal)?
        {
            return Ok(());
        }
        let flushed = self.sync != JournalSync::Off;
        if flushed {
            self.log.flush()?;
        }
        let next = self.begin(LogHeader {
            after_flush: flushed,
            instead_of: 0,
        })?;
        if let Err(error) = self.record_logs(Some(self.log.number), next.number) {
            // Nothing is in it yet, and its number is not used again.
            let _ = self.media.remove(&next.path);
            return Err(error);
        }
        let full = std::mem::replace(&mut self.log, next);
        self.shared.seal(full.number, full.path);
        Ok(())
    }

    /// Writes down which logs there are from now on: the one that is being moved to the tables, the
    /// one before, and the newest.
    fn record_logs(&self, before: Option<u64>, newest: u64) -> Result<(), StorageError> {
        let sealed = self.shared.lock().sealed_number();
        let logs = sealed.into_iter().chain(before).chain([newest]);
        Manifest::new(logs.collect()).save(self.shared.data_dir())
    }

    /// Writes this to the log, all of it or nothing.
    fn log_writes(&mut self, writes: &[Write]) -> Result<(), StorageError> {
        self.shared.lock().report_flush(&mut self.log);
        if self.log.broken {
            self.renew()?;
        }
        if self.log.length >= self.seal {
            self.seal()?;
        }
        self.record.clear();
        encode(writes, self.log.flushed, &mut self.record, &self.log.path)?;
        self.log.append(&self.record)?;
        let safe = writes.iter().any(|write| !write.lazy);
        if safe && self.sync == JournalSync::Always {
            self.log.flush()?;
        }
        let flush_later = self.sync != JournalSync::Off;
        self.shared.committed(writes, &self.log, flush_later);
        Ok(())
    }

    fn begin(&mut self, header: LogHeader) -> Result<Log, StorageError> {
        let number = self.next;
        self.next += 1;
        Log::begin(&*self.media, &self.folder, number, header)
    }
}

impl Store for Journal {
    fn entries(&mut self, trades: usize) -> Result<Entries<'_>, StorageError> {
        let reader = self.reader();
        let own = reader.page_before(Table::Trades, None, trades)?;
        // In the order in which they happened.
        let own = own.entries.into_iter().rev();
        let most = |table: &Table| matches!(table, Table::Trades | Table::Others);
        let tables = Table::ALL.into_iter().filter(move |table| !most(table));
        let others = self.folder.join(OTHERS_FOLDER);
        let failed = move |error| StorageError::io("read", &others)(error);
        let others = self.shared.others.recall(trades);
        Ok(Box::new(
            tables
                .flat_map(move |table| reader.entries(table, Bytes::new()))
                .chain(own.map(Ok))
                .chain(others.map(move |entry| entry.map_err(&failed))),
        ))
    }

    fn commit(&mut self, writes: &[Write]) -> Result<(), StorageError> {
        // What goes to a file that nobody finds again is not kept.
        self.log.place.check()?;
        self.shared.others.commit(writes.iter());
        let of_others = |write: &Write| write.table == Table::Others;
        if !writes.iter().any(of_others) {
            return self.log_writes(writes);
        }
        let logged: Vec<Write> = writes.iter().filter(|w| !of_others(w)).cloned().collect();
        match logged.is_empty() {
            true => Ok(()),
            false => self.log_writes(&logged),
        }
    }

    fn check(&mut self) -> Result<(), StorageError> {
        self.log.place.check()?;
        self.shared.check_files()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.close();
        if let Some(mover) = self.mover.take() {
            // It has told of its own panic.
            let _ = mover.join();
        }
        if let Err(error) = self.log.flush() {
            warn!(%error, "the end of the journal may be lost if the machine stops now");
        }
    }
}

fn encode(
    writes: &[Write],
    flushed: u64,
    into: &mut Vec<u8>,
    path: &Path,
) -> Result<(), StorageError> {
    record::encode(writes, flushed, into)
        .ok_or_else(|| StorageError::io("write", path)(io::ErrorKind::FileTooLarge.into()))
}

/// Moves what earlier runs left in logs to the tables. Gives the highest number of a log so far.
fn take_over_logs(
    data_dir: &Path,
    manifest: Option<&Manifest>,
    tables: &Tables,
) -> Result<u64, StorageError> {
    let applied = tables.applied()?;
    let left = LogsLeft::find(data_dir, manifest, applied)?;
    let last = left.all.last().map_or(applied, |last| applied.max(*last));
    let writes = left.recover(data_dir)?;
    if last > applied {
        tables.apply(last, &writes)?;
    }
    for number in left.all {
        let path = data_dir.join(JOURNAL_FOLDER).join(log::file_name(number));
        tell(&path, fs::remove_file(&path));
    }
    Ok(last)
}

/// The logs that an earlier run left, by their numbers, in their order.
struct LogsLeft {
    all: Vec<u64>,
    /// Those whose writes are in no table.
    unapplied: Vec<u64>,
    /// Those of them without which the journal is not whole.
    required: Vec<u64>,
}

impl LogsLeft {
    fn find(
        data_dir: &Path,
        manifest: Option<&Manifest>,
        applied: u64,
    ) -> Result<Self, StorageError> {
        let folder = data_dir.join(JOURNAL_FOLDER);
        if let Some(manifest) = manifest {
            manifest.check_logs(data_dir, applied)?;
        }
        let mut all = log_numbers(&folder).map_err(StorageError::io("read", &folder))?;
        all.sort_unstable();
        let unapplied = all.iter().copied().filter(|n| *n > applied).collect();
        let required = manifest.map(|manifest| manifest.required_logs(applied));
        Ok(Self {
            all,
            unapplied,
            required: required.unwrap_or_default(),
        })
    }

    /// Their writes, up to the first log that is torn.
    fn recover(&self, data_dir: &Path) -> Result<Vec<Write>, StorageError> {
        recover(data_dir, &self.unapplied, &self.required)
    }
}

fn recover(data_dir: &Path, numbers: &[u64], required: &[u64]) -> Result<Vec<Write>, StorageError> {
    let folder = data_dir.join(JOURNAL_FOLDER);
    let mut logs: Vec<(u64, Result<Recovered, StorageError>)> = Vec::new();
    for number in numbers {
        let path = folder.join(log::file_name(*number));
        let log = fs::read(&path).map_err(StorageError::io("read", &path))?;
        let found = record::recover(&Bytes::from(log)).map_err(|at| damaged(&path, at.0));
        if let Ok(found) = &found
            && found.commits > 0
        {
            // Before its first record it stands for nothing.
            let from = found.header.instead_of;
            logs.retain(|(earlier, _)| from == 0 || *earlier < from);
        }
        logs.push((*number, found));
    }
    let mut writes = Vec::new();
    let mut torn: Option<(PathBuf, usize)> = None;
    for (number, found) in logs {
        let found = found?;
        if found.torn == Some(0) {
            if required.contains(&number) {
                let path = folder.join(log::file_name(number));
                return Err(incomplete(
                    data_dir,
                    path,
                    "does not begin as it was written",
                ));
            }
            // Without the header, which is flushed first, it never came into use.
            continue;
        }
        match &torn {
            Some((path, at)) if found.header.after_flush => return Err(damaged(path, *at)),
            Some(_) => continue,
            None => writes.extend(found.writes),
        }
        if let Some(at) = found.torn {
            let path = folder.join(log::file_name(number));
            warn!(path = %path.display(), at, "left out the torn end of the journal");
            torn = Some((path, at));
        }
    }
    Ok(writes)
}

fn damaged(path: &Path, at: usize) -> StorageError {
    StorageError::DamagedJournal {
        path: path.to_owned(),
        problem: format!("from byte {at} on it is not as it was written"),
    }
}

fn log_numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        numbers.extend(entry?.file_name().to_str().and_then(log::number_of));
    }
    Ok(numbers)
}

/// Tells of a log that can't be removed. The next start finds it, and leaves out what it says.
fn tell(path: &Path, removed: io::Result<()>) {
    if let Err(error) = removed {
        warn!(path = %path.display(), %error, "cannot remove an old part of the journal");
    }
}

/// Who can write the journal can make the node sign what contradicts itself.
fn check_all_private(folder: &Path) -> Result<(), StorageError> {
    let entries = fs::read_dir(folder).map_err(StorageError::io("read", folder))?;
    for entry in entries {
        let entry = entry.map_err(StorageError::io("read", folder))?;
        check_private(&entry.path())?;
    }
    Ok(())
}

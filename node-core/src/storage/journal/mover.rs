//! The thread behind a journal: moves sealed logs to the tables, and flushes late where that is
//! enough.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tracing::warn;

use super::log::{Log, Medium};
use super::others::Others;
use super::tables::Tables;
use super::tell;
use crate::node::Write;
use crate::storage::{DataDir, StorageError};

/// What need not be flushed at once is flushed after this time.
const LATE: Duration = Duration::from_millis(100);
/// A failed move is tried again after this time.
const RETRY: Duration = Duration::from_secs(1);

/// Others' trades that are too old are looked for after this time without anything else to do.
const EXPIRES: Duration = Duration::from_secs(3600);

/// What a journal, its thread and its readers have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) tables: Tables,
    pub(super) others: Others,
    state: Mutex<State>,
    changed: Condvar,
    /// Nobody else may have the directory before everything here is closed.
    held: Arc<DataDir>,
}

/// What is in no table yet, and what there is to do.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The writes of the log that is written to.
    active: Vec<Write>,
    sealed: Option<Sealed>,
    /// Why the sealed log could not be moved at the last try.
    failed: Option<String>,
    unflushed: Option<Unflushed>,
    /// How the last late flush ended, until the journal asks.
    flushed: Option<(Unflushed, io::Result<()>)>,
    closing: bool,
}

#[derive(Debug)]
struct Sealed {
    number: u64,
    path: PathBuf,
    writes: Arc<Vec<Write>>,
}

/// Bytes of a log to be flushed.
#[derive(Debug)]
struct Unflushed {
    number: u64,
    medium: Arc<dyn Medium>,
    length: u64,
}

impl Shared {
    pub(super) fn new(tables: Tables, others: Others, held: Arc<DataDir>) -> Self {
        Self {
            tables,
            others,
            state: Mutex::default(),
            changed: Condvar::new(),
            held,
        }
    }

    /// The data directory that the journal is in.
    pub(super) fn data_dir(&self) -> &Path {
        self.held.path()
    }

    /// Sees that the tables and the data directory are where they were.
    pub(super) fn check_files(&self) -> Result<(), StorageError> {
        self.tables.check_file()?;
        self.held.check()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what was written to the log, and has it flushed later if it isn't yet.
    pub(super) fn committed(&self, writes: &[Write], log: &Log, flush_later: bool) {
        let mut state = self.lock();
        state.active.extend_from_slice(writes);
        if log.flushed == log.length {
            state.unflushed = None;
        } else if flush_later {
            let wakes = state.unflushed.is_none();
            state.unflushed = Some(Unflushed {
                number: log.number,
                medium: Arc::clone(&log.medium),
                length: log.length,
            });
            if wakes {
                self.changed.notify_all();
            }
        }
    }

    /// Whether the log may be sealed now. Waits for an earlier one to be moved if it `must`.
    ///
    /// # Errors
    /// Where it must and the earlier one can't be moved.
    pub(super) fn may_seal(&self, must: bool) -> Result<bool, StorageError> {
        let state = self.lock();
        if state.sealed.is_none() || !must {
            return Ok(state.sealed.is_none());
        }
        let moving = |state: &mut State| state.sealed.is_some() && state.failed.is_none();
        let state = self.changed.wait_while(state, moving);
        let state = state.unwrap_or_else(PoisonError::into_inner);
        match (&state.sealed, &state.failed) {
            (Some(sealed), Some(why)) => Err(StorageError::io("move to the tables", &sealed.path)(
                io::Error::other(why.clone()),
            )),
            _ => Ok(true),
        }
    }

    /// Hands over a log, flushed if it is to be. No other may be there.
    pub(super) fn seal(&self, number: u64, path: PathBuf) {
        let mut state = self.lock();
        let writes = Arc::new(std::mem::take(&mut state.active));
        state.sealed = Some(Sealed {
            number,
            path,
            writes,
        });
        state.unflushed = None;
        drop(state);
        self.changed.notify_all();
    }

    /// Ends the thread after what it is at.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.changed.notify_all();
    }

    fn run(&self) {
        let idle = |state: &mut State| {
            !state.closing && state.sealed.is_none() && state.unflushed.is_none()
        };
        let mut state = self.lock();
        loop {
            let waited = self.changed.wait_timeout_while(state, EXPIRES, idle);
            let (after, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = after;
            if state.closing {
                return;
            }
            if timeout.timed_out() {
                drop(state);
                self.others.expire();
                state = self.lock();
                continue;
            }
            if state.sealed.is_some() {
                drop(state);
                state = self.move_sealed();
            } else {
                let early = |state: &mut State| !state.closing && state.sealed.is_none();
                let waited = self.changed.wait_timeout_while(state, LATE, early);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                if let Some(unflushed) = state.unflushed.take() {
                    drop(state);
                    let result = unflushed.medium.flush();
                    state = self.lock();
                    state.flushed = Some((unflushed, result));
                }
            }
        }
    }

    fn move_sealed(&self) -> MutexGuard<'_, State> {
        let state = self.lock();
        let Some(sealed) = &state.sealed else {
            return state;
        };
        let (number, writes) = (sealed.number, Arc::clone(&sealed.writes));
        drop(state);
        let applied = self.tables.apply(number, &writes);
        let mut state = self.lock();
        match applied {
            Ok(()) => {
                state.failed = None;
                if let Some(sealed) = state.sealed.take() {
                    tell(&sealed.path, fs::remove_file(&sealed.path));
                }
                self.changed.notify_all();
                state
            }
            Err(error) => {
                warn!(%error, "the journal's log is not moved to the tables yet");
                state.failed = Some(error.to_string());
                self.changed.notify_all();
                let open = |state: &mut State| !state.closing;
                let waited = self.changed.wait_timeout_while(state, RETRY, open);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }
}

impl State {
    /// Takes writes that are in no table yet.
    pub(super) fn hold(&mut self, writes: Vec<Write>) {
        self.active.extend(writes);
    }

    /// The number of the log that is being moved to the tables, if any.
    pub(super) fn sealed_number(&self) -> Option<u64> {
        self.sealed.as_ref().map(|sealed| sealed.number)
    }

    /// The writes of the log that is written to.
    pub(super) fn active_writes(&self) -> Vec<Write> {
        self.active.clone()
    }

    /// Everything that may be in no table yet, in its order.
    pub(super) fn pending(&self) -> impl Iterator<Item = &Write> {
        let sealed = self.sealed.iter().flat_map(|sealed| sealed.writes.iter());
        sealed.chain(&self.active)
    }

    /// Tells the log how the last late flush ended.
    pub(super) fn report_flush(&mut self, log: &mut Log) {
        let Some((flush, result)) = self.flushed.take() else {
            return;
        };
        if flush.number == log.number {
            match result {
                Ok(()) => log.flushed = log.flushed.max(flush.length),
                Err(error) => {
                    warn!(path = %log.path.display(), %error, "cannot flush");
                    log.broken = true;
                }
            }
        }
    }
}

/// Starts the thread. It ends at [`Shared::close`].
pub(super) fn start(shared: Arc<Shared>) -> io::Result<JoinHandle<()>> {
    let named = thread::Builder::new().name("journal".to_owned());
    named.spawn(move || shared.run())
}

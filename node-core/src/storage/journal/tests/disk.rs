//! A disk that fails when it is told to, and that loses what was not flushed.

use std::fs::OpenOptions;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::super::log::{Files, Media, Medium};

/// The state of a disk and of all logs on it.
#[derive(Debug, Default)]
pub(in crate::storage::journal) struct Disk {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How each of the next operations ends: `Some(part)` fails after that part, in 256ths.
    plan: Vec<Option<u8>>,
    /// The process is gone: nothing happens any more.
    dead: bool,
    files: Vec<OnDisk>,
}

/// One file as the disk knows it.
#[derive(Debug)]
struct OnDisk {
    path: PathBuf,
    written: u64,
    flushed: u64,
    /// What the system gave up writing: it says yes to later flushes, and the bytes are not there.
    given_up: Vec<Range<u64>>,
}

/// The disk, as a journal gets it.
#[derive(Debug)]
pub(in crate::storage::journal) struct Failing(pub(in crate::storage::journal) Arc<Disk>);

#[derive(Debug)]
struct FailingFile {
    disk: Arc<Disk>,
    index: usize,
    file: Arc<dyn Medium>,
}

impl Disk {
    /// How the next operations end; the last one comes first.
    pub(in crate::storage::journal) fn plan(&self, plan: Vec<Option<u8>>) {
        self.state.lock().unwrap().plan = plan;
    }

    /// The process ends here, before it can tidy up.
    pub(in crate::storage::journal) fn kill(&self) {
        self.state.lock().unwrap().dead = true;
    }

    /// What the disk holds after the machine went down: of what was not flushed, `kept` 256ths.
    pub(in crate::storage::journal) fn lose_power(&self, kept: u8) {
        let state = self.state.lock().unwrap();
        assert!(state.dead, "first the process ends");
        for on_disk in &state.files {
            // Gone if it was removed.
            let Ok(file) = OpenOptions::new().write(true).open(&on_disk.path) else {
                continue;
            };
            let unsafe_bytes = on_disk.written - on_disk.flushed;
            file.set_len(on_disk.flushed + part_of(unsafe_bytes, kept))
                .unwrap();
            let length = file.metadata().unwrap().len();
            for lost in &on_disk.given_up {
                let lost = lost.start..lost.end.min(length);
                let zeros = vec![0; lost.end.saturating_sub(lost.start) as usize];
                file.write_all_at(&zeros, lost.start).unwrap();
            }
        }
    }

    fn next(&self) -> io::Result<Option<u8>> {
        let mut state = self.state.lock().unwrap();
        if state.dead {
            return Err(io::Error::other("dead"));
        }
        Ok(state.plan.pop().flatten())
    }

    fn with<T>(&self, index: usize, change: impl FnOnce(&mut OnDisk) -> T) -> T {
        change(&mut self.state.lock().unwrap().files[index])
    }
}

fn part_of(whole: u64, part: u8) -> u64 {
    whole * u64::from(part) / 256
}

fn full() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

impl Media for Failing {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn Medium>> {
        if self.0.next()?.is_some() {
            return Err(full());
        }
        let file = Files.create(path)?;
        let mut state = self.0.state.lock().unwrap();
        state.files.push(OnDisk {
            path: path.to_owned(),
            written: 0,
            flushed: 0,
            given_up: Vec::new(),
        });
        Ok(Arc::new(FailingFile {
            disk: Arc::clone(&self.0),
            index: state.files.len() - 1,
            file,
        }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if self.0.next()?.is_some() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Files.remove(path)
    }
}

impl Medium for FailingFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let fails = self.disk.next()?;
        let length = fails.map_or(bytes.len(), |part| {
            part_of(bytes.len() as u64, part) as usize
        });
        self.file.append(&bytes[..length])?;
        self.disk
            .with(self.index, |on_disk| on_disk.written += length as u64);
        if fails.is_some() { Err(full()) } else { Ok(()) }
    }

    fn flush(&self) -> io::Result<()> {
        // What comes while it is at work is not part of it.
        let written = self.disk.with(self.index, |on_disk| on_disk.written);
        let fails = self.disk.next()?;
        self.disk.with(self.index, |on_disk| {
            let written = written.min(on_disk.written);
            if fails.is_some() {
                on_disk.given_up.push(on_disk.flushed..written);
                // As the system sees it, nothing is left to be flushed.
                on_disk.flushed = on_disk.flushed.max(written);
                return Err(io::Error::other("the disk can't be written"));
            }
            on_disk.flushed = on_disk.flushed.max(written);
            Ok(())
        })
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        if self.disk.next()?.is_some() {
            return Err(full());
        }
        self.file.cut(length)?;
        self.disk.with(self.index, |on_disk| {
            on_disk.written = length;
            on_disk.flushed = on_disk.flushed.min(length);
        });
        Ok(())
    }
}

//! One log file: appended to, flushed, cut back after a failed write.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::record::{LOG_HEADER, LogHeader};
use crate::storage::StorageError;
use crate::storage::file_id::FileInPlace;

/// What a log does to its file. Tests put one there that fails.
pub(super) trait Medium: fmt::Debug + Send + Sync {
    /// Writes at the end. After an error any part of it may be there.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;
    /// Flushes everything that was written.
    fn flush(&self) -> io::Result<()>;
    /// Cuts off everything from `length` on.
    fn cut(&self, length: u64) -> io::Result<()>;
}

impl Medium for File {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        (&*self).write_all(bytes)
    }

    fn flush(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// Where logs are made.
pub(super) trait Media: fmt::Debug + Send + Sync {
    /// Makes the file of a log, which must not be there yet.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn Medium>>;
    /// Removes one that is not needed any more.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// Real files, readable by their owner only.
#[derive(Debug)]
pub(super) struct Files;

impl Media for Files {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn Medium>> {
        let mut options = OpenOptions::new();
        // Appending, so that no gap is left between a cut and the next record.
        options.append(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Arc::new(options.open(path)?))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

/// A log that is written to.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) path: PathBuf,
    pub(super) number: u64,
    pub(super) header: LogHeader,
    pub(super) medium: Arc<dyn Medium>,
    /// The file, and where it must be found by the next start.
    pub(super) place: FileInPlace,
    /// Bytes of whole commits.
    pub(super) length: u64,
    /// Bytes that are safe.
    pub(super) flushed: u64,
    /// Nothing may be appended any more.
    pub(super) broken: bool,
}

impl Log {
    /// Begins a log, whose name and header are durable then.
    pub(super) fn begin(
        media: &dyn Media,
        folder: &Path,
        number: u64,
        header: LogHeader,
    ) -> Result<Self, StorageError> {
        let path = folder.join(file_name(number));
        let begin = || {
            let medium = media.create(&path)?;
            medium.append(&header.bytes())?;
            medium.flush()?;
            File::open(folder)?.sync_all()?;
            Ok((medium, FileInPlace::at(&path)?))
        };
        let (medium, place) = begin().map_err(|error| {
            // What is left of it holds nothing, and its number is not used again.
            let _ = media.remove(&path);
            StorageError::io("make", &path)(error)
        })?;
        Ok(Self {
            path,
            number,
            header,
            medium,
            place,
            length: LOG_HEADER as u64,
            flushed: LOG_HEADER as u64,
            broken: false,
        })
    }

    /// Appends one record, whole or not at all.
    pub(super) fn append(&mut self, record: &[u8]) -> Result<(), StorageError> {
        self.medium.append(record).map_err(|error| {
            // Frees what a full disk has taken of it. A part that can't be cut off would hide
            // everything after it.
            self.broken = self.medium.cut(self.length).is_err();
            StorageError::io("write", &self.path)(error)
        })?;
        self.length += record.len() as u64;
        Ok(())
    }

    /// Flushes all of it.
    pub(super) fn flush(&mut self) -> Result<(), StorageError> {
        if self.flushed < self.length {
            self.medium.flush().map_err(|error| {
                // The system may have dropped what it could not write, and say yes next time.
                self.broken = true;
                StorageError::io("flush", &self.path)(error)
            })?;
            self.flushed = self.length;
        }
        Ok(())
    }
}

/// The name of a log. Logs are read in the order of their numbers.
pub(super) fn file_name(number: u64) -> String {
    format!("{number:020}.log")
}

/// The number in a log's name.
pub(super) fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    (digits.len() == 20).then(|| digits.parse().ok()).flatten()
}

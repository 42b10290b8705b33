//! The directory that belongs to one node, and to one process at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::StorageError;

/// The file whose lock says that a process uses the directory. It stays, empty, when the lock is
/// gone.
pub const LOCK_FILE: &str = "node.lock";

/// A node's data directory, held for this process until it is dropped. The lock goes with the
/// process, however it ends.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    lock: File,
}

impl DataDir {
    /// Takes the directory, which is made if it isn't there, readable by its owner only.
    ///
    /// # Errors
    /// [`StorageError::InUse`] while another process, or another client in this process, holds
    /// it; [`StorageError::Io`] where it can't be made or written.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        create(path).map_err(StorageError::io("create the data directory", path))?;
        let file = path.join(LOCK_FILE);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&file)
            .map_err(StorageError::io("open", &file))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                lock,
            }),
            Err(TryLockError::WouldBlock) => Err(StorageError::InUse {
                path: path.to_owned(),
            }),
            Err(TryLockError::Error(error)) => Err(StorageError::io("lock", &file)(error)),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for DataDir {
    /// Closing the file would keep the lock for as long as a process that this one is just
    /// starting has its copy.
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}

pub(super) fn create(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_belongs_to_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let held = DataDir::open(&path).unwrap();
        let error = DataDir::open(&path).unwrap_err();
        assert_eq!(error.code(), "DATA_DIR_IN_USE");
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
        drop(held);
        DataDir::open(&path).unwrap();
    }

    #[test]
    fn where_no_directory_can_be_the_error_says_which() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "").unwrap();
        let error = DataDir::open(&path).unwrap_err();
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
        assert_eq!(error.code(), "STORAGE_FAILED");
    }

    #[cfg(unix)]
    #[test]
    fn a_new_data_directory_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node");
        let _held = DataDir::open(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}

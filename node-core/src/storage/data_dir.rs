//! The directory that belongs to one node, and to one process at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::StorageError;
use super::file_id::FileInPlace;

/// The file whose lock says that a process uses the directory. It stays, empty, when the lock is
/// gone.
pub const LOCK_FILE: &str = "node.lock";

/// A node's data directory, held for this process until it is dropped. The lock goes with the
/// process, however it ends.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// Absent for a copy that can only be read and has no such file.
    lock: Option<Lock>,
}

#[derive(Debug)]
struct Lock {
    file: File,
    place: FileInPlace,
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
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let lock = options
            .open(&file)
            .map_err(StorageError::io("open", &file))?;
        keep_to_owner(&lock, &file);
        Self::locked_by(lock, path, &file)
    }

    /// Takes a directory that is only read. Where it can't be written, as a copy on a read-only
    /// file system, it is taken as far as there is a file to lock.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for a directory that can't be written.
    pub fn open_to_read(path: &Path) -> Result<Self, StorageError> {
        let read_only = [
            io::ErrorKind::PermissionDenied,
            io::ErrorKind::ReadOnlyFilesystem,
        ];
        match Self::open(path) {
            Err(StorageError::Io { source, .. }) if read_only.contains(&source.kind()) => {}
            opened => return opened,
        }
        let file = path.join(LOCK_FILE);
        match File::open(&file) {
            Ok(lock) => Self::locked_by(lock, path, &file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self {
                path: path.to_owned(),
                lock: None,
            }),
            Err(error) => Err(StorageError::io("open", &file)(error)),
        }
    }

    fn locked_by(lock: File, path: &Path, file: &Path) -> Result<Self, StorageError> {
        match lock.try_lock() {
            Ok(()) => {
                let place = FileInPlace::at(file).map_err(StorageError::io("find", file))?;
                Ok(Self {
                    path: path.to_owned(),
                    lock: Some(Lock { file: lock, place }),
                })
            }
            Err(TryLockError::WouldBlock) => Err(StorageError::InUse {
                path: path.to_owned(),
            }),
            Err(TryLockError::Error(error)) => Err(StorageError::io("lock", file)(error)),
        }
    }

    /// Sees that the directory still belongs to this process.
    pub(super) fn check(&self) -> Result<(), StorageError> {
        let lock = self.lock.as_ref();
        lock.map_or(Ok(()), |lock| lock.place.check())
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
        if let Some(lock) = &self.lock {
            let _ = lock.file.unlock();
        }
    }
}

/// Takes the lock file from other users, who could hold its lock if they may open it. An earlier
/// version made it readable by everybody.
#[cfg(unix)]
fn keep_to_owner(lock: &File, path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let exposed = |data: &fs::Metadata| data.permissions().mode() & 0o077 != 0;
    if lock.metadata().is_ok_and(|data| exposed(&data))
        && let Err(error) = lock.set_permissions(fs::Permissions::from_mode(0o600))
    {
        let path = path.display();
        tracing::warn!(%path, %error, "other users can open the lock file, and lock the node out");
    }
}

#[cfg(not(unix))]
fn keep_to_owner(_: &File, _: &Path) {}

pub(super) fn create(path: &Path) -> io::Result<()> {
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
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join(LOCK_FILE)), 0o600);
    }

    #[cfg(unix)]
    #[test]
    fn an_exposed_lock_file_becomes_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(LOCK_FILE);
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let _held = DataDir::open(dir.path()).unwrap();
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

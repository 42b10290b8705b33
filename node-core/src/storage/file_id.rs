//! Telling a file from another one that came to have its name.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

use super::StorageError;

/// A file that is in use, and where it must be found again.
#[derive(Clone, Debug)]
pub(super) struct FileInPlace {
    path: PathBuf,
    id: FileId,
}

impl FileInPlace {
    /// The file that is at this path now.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let path = path.to_owned();
        let id = FileId::of(&path.metadata()?);
        Ok(Self { path, id })
    }

    /// Whether it is still there.
    ///
    /// # Errors
    /// [`StorageError::Gone`] where it was removed, moved or replaced.
    pub(super) fn check(&self) -> Result<(), StorageError> {
        match self.path.metadata() {
            Ok(metadata) if FileId::of(&metadata) == self.id => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StorageError::io("find", &self.path)(error))
            }
            _ => Err(StorageError::Gone {
                path: self.path.clone(),
            }),
        }
    }
}

#[cfg(unix)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

#[cfg(unix)]
impl FileId {
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// Other systems keep a file that is open from being replaced.
#[cfg(not(unix))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId;

#[cfg(not(unix))]
impl FileId {
    fn of(_: &Metadata) -> Self {
        Self
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn file_is_missed_when_removed_moved_or_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (path, aside) = (dir.path().join("file"), dir.path().join("aside"));
        fs::write(&path, "1").unwrap();
        let file = FileInPlace::at(&path).unwrap();
        file.check().unwrap();
        fs::rename(&path, &aside).unwrap();
        let error = file.check().unwrap_err();
        assert_eq!(error.code(), "STORAGE_FAILED");
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
        fs::write(&path, "1").unwrap();
        assert!(file.check().is_err());
        fs::rename(&aside, &path).unwrap();
        file.check().unwrap();
    }
}

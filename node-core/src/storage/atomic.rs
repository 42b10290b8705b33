//! Replacing a file whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// From this age on, a temporary file belongs to a process that was killed while writing.
const LEFT_BEHIND: Duration = Duration::from_secs(600);

/// Writes `content` to a temporary file beside `path`, makes it durable, and renames it over
/// `path`. Whoever opens `path` at any moment, also after a crash, reads the old or the new
/// content, and only its owner may read it.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let mut name = temporary_prefix(path)?;
    // Processes, and clients of one process, may share a file: none writes into another's.
    let write_number = WRITES.fetch_add(1, Ordering::Relaxed);
    name.push(format!("{}-{write_number}", std::process::id()));
    let temporary = path.with_file_name(name);
    let result = write(&temporary, content).and_then(|()| fs::rename(&temporary, path));
    if result.is_err() {
        // The first error is the one to tell; a left file is removed by a later start.
        let _ = fs::remove_file(&temporary);
        return result;
    }
    // The rename is durable once the directory is.
    File::open(directory(path)).and_then(|dir| dir.sync_all())
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    // Not created anew where it exists: a leftover of a killed process with the same id.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Removes what killed processes left beside `path`. Troubles are ignored: nothing depends on it.
pub(super) fn clean_up(path: &Path) {
    let (Ok(prefix), Ok(entries)) = (temporary_prefix(path), fs::read_dir(directory(path))) else {
        return;
    };
    let prefix = prefix.as_encoded_bytes();
    for entry in entries.flatten() {
        let ours = entry.file_name().as_encoded_bytes().starts_with(prefix);
        let age = || {
            entry
                .metadata()
                .and_then(|data| data.modified())
                .ok()?
                .elapsed()
                .ok()
        };
        if ours && age().is_some_and(|age| age > LEFT_BEHIND) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn temporary_prefix(path: &Path) -> io::Result<OsString> {
    let mut name = path
        .file_name()
        .ok_or(io::ErrorKind::InvalidFilename)?
        .to_owned();
    name.push(".tmp-");
    Ok(name)
}

fn directory(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_holds_the_new_content_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        for content in ["first and longer", "second"] {
            replace(&path, content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn those_who_share_a_file_do_not_get_into_each_others_way() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::thread::scope(|scope| {
            for content in [b"first", b"other"] {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..200 {
                        replace(path, content).unwrap();
                    }
                });
            }
        });
        assert_eq!(fs::read(&path).unwrap().len(), 5);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_leaves_the_old_content_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("taken");
        // A directory can't be replaced by a file.
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inner"), "old").unwrap();
        replace(&path, b"new").unwrap_err();
        assert_eq!(fs::read_to_string(path.join("inner")).unwrap(), "old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_old_leftovers_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (old, young) = (dir.path().join("f.tmp-1"), dir.path().join("f.tmp-2"));
        for path in [&old, &young] {
            fs::write(path, "half").unwrap();
        }
        let long_ago = std::time::SystemTime::now() - 2 * LEFT_BEHIND;
        File::options()
            .write(true)
            .open(&old)
            .unwrap()
            .set_modified(long_ago)
            .unwrap();
        clean_up(&dir.path().join("f"));
        assert!(!old.exists() && young.exists());
    }
}

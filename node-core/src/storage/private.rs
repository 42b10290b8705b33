//! Files that nobody but their owner may read.

use std::path::Path;

use super::StorageError;

/// Refuses a file that others than its owner can read or write: whoever could may know what is in it,
/// or have changed it. A file that isn't there is nobody's.
///
/// # Errors
/// [`StorageError::Exposed`], which says what to do.
#[cfg(unix)]
pub fn check_private(path: &Path) -> Result<(), StorageError> {
    let Ok(metadata) = std::fs::metadata(path) else {
        // Whoever opens it is told why that fails.
        return Ok(());
    };
    check_mode(path, &metadata, 0, "")
}

/// Refuses a file whose rights for others than its owner go beyond `allowed`.
#[cfg(unix)]
pub(super) fn check_mode(
    path: &Path,
    metadata: &std::fs::Metadata,
    allowed: u32,
    hint: &'static str,
) -> Result<(), StorageError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 & !allowed == 0 {
        return Ok(());
    }
    Err(StorageError::Exposed {
        path: path.to_owned(),
        mode,
        hint,
    })
}

/// Other systems' rights are not looked at.
#[cfg(not(unix))]
pub(super) fn check_mode(
    _: &Path,
    _: &std::fs::Metadata,
    _: u32,
    _: &'static str,
) -> Result<(), StorageError> {
    Ok(())
}

/// Other systems' rights are not looked at.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub fn check_private(_: &Path) -> Result<(), StorageError> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_that_others_can_read_or_write_is_refused_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        check_private(&path).unwrap();
        fs::write(&path, "secret").unwrap();
        for (mode, private) in [
            (0o600, true),
            (0o400, true),
            (0o640, false),
            (0o604, false),
            (0o602, false),
            (0o777, false),
        ] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let checked = check_private(&path);
            assert_eq!(checked.is_ok(), private, "{mode:o}");
            if let Err(error) = checked {
                assert_eq!(error.code(), "FILE_EXPOSED");
                let text = error.to_string();
                assert!(text.contains(&format!("{mode:o}")) && text.contains("chmod 600"));
            }
        }
    }
}

//! The node's key on disk: 64 lower-case hex digits, the Ed25519 seed of 32 bytes, and a newline.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use tracing::info;
use zeroize::Zeroizing;

use super::private::check_mode;
use super::{DataDir, StorageError, atomic, journal};

/// The file in the data directory that holds the key, readable by its owner only.
pub const KEY_FILE: &str = "node.key";

/// A key file is never longer than this: the digits and a line end, of either kind.
const MAX_BYTES: u64 = 66;

/// Who may read the key file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyFileMode {
    /// Its owner only.
    #[default]
    Owner,
    /// Its group as well, as with secrets that Kubernetes mounts for an `fsGroup` (mode 0640 or
    /// 0440). Never others, and nobody but the owner may write it.
    Group,
}

impl KeyFileMode {
    fn check(self, path: &Path, file: &File) -> Result<(), StorageError> {
        let metadata = file.metadata().map_err(StorageError::io("read", path))?;
        match self {
            Self::Owner => {
                let hint = "; for a file that only a group reads besides, set KEY_FILE_MODE=group";
                let mode = mode_of(&metadata);
                let hint = if mode & 0o037 == 0 { hint } else { "" };
                check_mode(path, &metadata, 0, hint)
            }
            Self::Group => check_mode(path, &metadata, 0o040, ""),
        }
    }
}

#[cfg(unix)]
fn mode_of(metadata: &std::fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions())
}

#[cfg(not(unix))]
fn mode_of(_: &std::fs::Metadata) -> u32 {
    0
}

impl DataDir {
    /// The seed of the node's key. `fresh` becomes the key where there is none yet, and is
    /// durable before this returns.
    ///
    /// # Errors
    /// [`StorageError::Exposed`] for a file that others can read; [`StorageError::DamagedKey`] for a file that holds no key, which is left as it is;
    /// [`StorageError::Io`] where it can't be read or written.
    pub fn load_or_create_key(
        &self,
        fresh: &Zeroizing<[u8; 32]>,
        mode: KeyFileMode,
    ) -> Result<Zeroizing<[u8; 32]>, StorageError> {
        if let Some(seed) = self.load_key(mode)? {
            return Ok(seed);
        }
        // What was lost of another key's journal does this one no harm.
        journal::forget(self.path())?;
        create(&self.path().join(KEY_FILE), fresh)?;
        Ok(fresh.clone())
    }

    /// The seed of the node's key, if there is one yet.
    ///
    /// # Errors
    /// As [`load_or_create_key`](Self::load_or_create_key).
    pub fn load_key(&self, mode: KeyFileMode) -> Result<Option<Zeroizing<[u8; 32]>>, StorageError> {
        let path = self.path().join(KEY_FILE);
        match File::open(&path) {
            Ok(file) => load(&path, file, mode).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StorageError::io("open", &path)(error)),
        }
    }
}

fn create(path: &Path, seed: &[u8; 32]) -> Result<(), StorageError> {
    atomic::clean_up(path);
    let mut text = Zeroizing::new(vec![b'\n'; 65]);
    // Cannot fail: 32 bytes are 64 digits.
    let _ = hex::encode_to_slice(seed, &mut text[..64]);
    // Nobody else makes it meanwhile: the directory is held.
    atomic::replace(path, &text).map_err(StorageError::io("write", path))?;
    info!(path = %path.display(), "made a new node key");
    Ok(())
}

fn load(path: &Path, file: File, mode: KeyFileMode) -> Result<Zeroizing<[u8; 32]>, StorageError> {
    mode.check(path, &file)?;
    let damaged = |problem| StorageError::DamagedKey {
        path: path.to_owned(),
        problem,
    };
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_BYTES as usize + 1));
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(StorageError::io("read", path))?;
    let digits = text.trim_ascii_end();
    if digits.is_empty() {
        return Err(damaged("it is empty"));
    }
    if text.len() as u64 > MAX_BYTES || digits.len() != 64 {
        return Err(damaged("it is not 64 hex digits long"));
    }
    let mut seed = Zeroizing::new([0; 32]);
    hex::decode_to_slice(digits, &mut *seed).map_err(|_| damaged("it is not hex digits"))?;
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const OWNER: KeyFileMode = KeyFileMode::Owner;

    fn open() -> (tempfile::TempDir, DataDir) {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path()).unwrap();
        (dir, data)
    }

    fn seed(byte: u8) -> Zeroizing<[u8; 32]> {
        Zeroizing::new([byte; 32])
    }

    #[test]
    fn the_first_key_stays_the_key() {
        let (_dir, data) = open();
        assert_eq!(data.load_key(OWNER).unwrap(), None);
        assert_eq!(data.load_or_create_key(&seed(1), OWNER).unwrap(), seed(1));
        assert_eq!(data.load_or_create_key(&seed(2), OWNER).unwrap(), seed(1));
        assert_eq!(data.load_key(OWNER).unwrap(), Some(seed(1)));
        let text = fs::read_to_string(data.path().join(KEY_FILE)).unwrap();
        assert_eq!(text, format!("{}\n", "01".repeat(32)));
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_is_its_owners_alone_and_a_shared_one_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let (_dir, data) = open();
        data.load_or_create_key(&seed(1), OWNER).unwrap();
        let path = data.path().join(KEY_FILE);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = data.load_or_create_key(&seed(2), OWNER).unwrap_err();
        assert_eq!(error.code(), "FILE_EXPOSED");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(data.load_or_create_key(&seed(2), OWNER).unwrap(), seed(1));
    }

    #[cfg(unix)]
    #[test]
    fn key_file_that_a_group_reads_is_allowed_by_a_setting_only() {
        use std::os::unix::fs::PermissionsExt;
        let (_dir, data) = open();
        data.load_or_create_key(&seed(1), OWNER).unwrap();
        let path = data.path().join(KEY_FILE);
        for (mode, allowed) in [
            (0o600, true),
            (0o640, true),
            (0o440, true),
            (0o660, false),
            (0o650, false),
            (0o644, false),
            (0o604, false),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let loaded = data.load_key(KeyFileMode::Group);
            assert_eq!(loaded.is_ok(), allowed, "{mode:o}: {loaded:?}");
            let hint = match data.load_key(OWNER) {
                Ok(_) => mode == 0o600,
                Err(error) => error.to_string().contains("KEY_FILE_MODE=group") == allowed,
            };
            assert!(hint, "{mode:o}");
        }
    }

    #[test]
    fn a_damaged_key_is_an_error_and_stays_as_it_is() {
        let (_dir, data) = open();
        let path = data.path().join(KEY_FILE);
        let long = format!("{}\n\n\n\n", "01".repeat(32));
        let bad = ["", "\n", "01", &"0g".repeat(32), &"01".repeat(33), &long];
        for content in bad {
            atomic::replace(&path, content.as_bytes()).unwrap();
            let error = data.load_or_create_key(&seed(1), OWNER).unwrap_err();
            assert_eq!(error.code(), "KEY_DAMAGED", "{content:?}");
            assert!(error.to_string().contains(KEY_FILE), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        let other_line_end = format!("{}\r\n", "AB".repeat(32));
        atomic::replace(&path, other_line_end.as_bytes()).unwrap();
        assert_eq!(
            data.load_or_create_key(&seed(1), OWNER).unwrap(),
            seed(0xab)
        );
    }
}

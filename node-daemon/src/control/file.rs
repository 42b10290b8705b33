//! `control.json`: where a node listens for commands, and the token that it wants.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use meshbook::storage::check_private;
use serde::{Deserialize, Serialize};

/// The file's name in the data directory.
const NAME: &str = "control.json";

/// What the file holds. Made at each start, gone after a clean end.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ControlFile {
    /// Where to connect.
    pub(crate) address: SocketAddr,
    /// 256 bits as hex digits.
    pub(crate) token: String,
    /// The node's process.
    pub(crate) pid: u32,
}

impl std::fmt::Debug for ControlFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("ControlFile");
        shown
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl ControlFile {
    /// A fresh token for a node that listens at `address`. One that listens on all addresses is
    /// reached on the loopback.
    pub(crate) fn new(address: SocketAddr) -> io::Result<Self> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(io::Error::other)?;
        let mut address = address;
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        Ok(Self {
            address,
            token: hex::encode(secret),
            pid: std::process::id(),
        })
    }

    /// The file's place in a data directory.
    pub(crate) fn path(data_dir: &Path) -> PathBuf {
        data_dir.join(NAME)
    }

    /// What the file says; `None` where there is none.
    ///
    /// # Errors
    /// Where it can't be read, doesn't hold what it should, or others can read it.
    pub(crate) fn read(data_dir: &Path) -> io::Result<Option<Self>> {
        let path = Self::path(data_dir);
        check_private(&path).map_err(io::Error::other)?;
        match fs::read(path) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the file so that nobody ever sees half of it, and nobody but its owner reads it.
    pub(crate) fn write(&self, data_dir: &Path) -> io::Result<()> {
        let half = data_dir.join(format!("{NAME}.{}", self.pid));
        // What an earlier process with this number left behind may have other rights.
        match fs::remove_file(&half) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&half)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(&half, Self::path(data_dir))
    }

    /// Removes the file, unless it belongs to a later node by now.
    pub(crate) fn remove(&self, data_dir: &Path) -> io::Result<()> {
        if Self::read(data_dir)?.as_ref() == Some(self) {
            fs::remove_file(Self::path(data_dir))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> ControlFile {
        ControlFile::new("0.0.0.0:7000".parse().unwrap()).unwrap()
    }

    #[test]
    fn the_file_is_read_as_it_was_written_and_by_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(ControlFile::read(dir.path()).unwrap(), None);
        let file = some();
        file.write(dir.path()).unwrap();
        assert_eq!(ControlFile::read(dir.path()).unwrap(), Some(file.clone()));
        assert_eq!(file.address.to_string(), "127.0.0.1:7000");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let rights = fs::metadata(ControlFile::path(dir.path()))
                .unwrap()
                .permissions();
            assert_eq!(rights.mode() & 0o777, 0o600);
        }
        assert!(
            !format!("{file:?}").contains(&file.token),
            "no token in logs"
        );
    }

    #[test]
    fn a_node_removes_its_own_file_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let (mine, later) = (some(), some());
        assert_ne!(mine.token, later.token);
        mine.write(dir.path()).unwrap();
        later.write(dir.path()).unwrap();
        mine.remove(dir.path()).unwrap();
        assert_eq!(ControlFile::read(dir.path()).unwrap(), Some(later.clone()));
        later.remove(dir.path()).unwrap();
        assert_eq!(ControlFile::read(dir.path()).unwrap(), None);
        later.remove(dir.path()).unwrap();
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = ControlFile::path(dir.path());
        some().write(dir.path()).unwrap();
        fs::write(&path, "{").unwrap();
        assert!(ControlFile::read(dir.path()).is_err());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            some().write(dir.path()).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            let error = ControlFile::read(dir.path()).unwrap_err();
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }
}

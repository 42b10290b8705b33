//! Lists that a node keeps from one run to the next: the peers that it knows,
//! `{"version":1,"peers":[...]}`, and its bans, in which `bans` stands for `peers`.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tracing::warn;

use super::{StorageError, atomic};
use crate::types::Millis;

/// A longer file is not such a list.
pub const MAX_LIST_BYTES: u64 = 1 << 20;
/// How many entries are written and read; the ones that come first are kept.
pub const MAX_LIST_ENTRIES: usize = 1000;

const VERSION: u32 = 1;

/// The file with such a list. Losing it costs a node some searching and nothing else, so nothing
/// about it is fatal.
#[derive(Clone, Debug)]
pub struct ListFile {
    path: PathBuf,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Peers,
    Bans,
}

impl What {
    const fn key(self) -> &'static str {
        match self {
            Self::Peers => "peers",
            Self::Bans => "bans",
        }
    }
}

#[derive(Deserialize)]
struct Read1 {
    version: u32,
    #[serde(alias = "bans")]
    peers: Vec<Box<RawValue>>,
}

impl ListFile {
    /// The file of known peers at `path`; nothing is touched yet.
    pub fn peers(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            what: What::Peers,
        }
    }

    /// The file of bans at `path`; nothing is touched yet.
    pub fn bans(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            what: What::Bans,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in the file; nothing if it isn't there or can't be read. A damaged file is renamed
    /// to `<name>.damaged-<now>` so that nothing is lost; single entries that make no sense are
    /// left out. Both are warnings in the log.
    #[must_use]
    pub fn load<P: DeserializeOwned>(&self, now: Millis) -> Vec<P> {
        atomic::clean_up(&self.path);
        let path = self.path.display();
        let read = match self.read() {
            Ok(Some(text)) => parse(&text),
            Ok(None) => return Vec::new(),
            Err(error) => {
                warn!(%path, %error, "cannot read the {}", self.what.key());
                return Vec::new();
            }
        };
        match read {
            Ok((peers, 0)) => peers,
            Ok((peers, skipped)) => {
                warn!(%path, skipped, "left out {} that make no sense", self.what.key());
                peers
            }
            Err(problem) => {
                let aside = self.set_aside(now);
                let aside = aside.as_ref().map(|path| path.display().to_string());
                warn!(%path, problem, ?aside, "the {} are damaged", self.what.key());
                Vec::new()
            }
        }
    }

    /// Replaces the file. At any moment, also if the process is killed meanwhile, it holds the
    /// old or the new list.
    ///
    /// # Errors
    /// [`StorageError::Io`]; the old file is then as it was.
    pub fn save<P: Serialize>(&self, list: &[P]) -> Result<(), StorageError> {
        let failed = || StorageError::io("write the list of peers or bans to", &self.path);
        let text = write(self.what, list).map_err(failed())?;
        if let Some(parent) = self.path.parent() {
            fs::create_dir_all(parent).map_err(failed())?;
        }
        atomic::replace(&self.path, &text).map_err(failed())
    }

    fn read(&self) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut text = Vec::new();
        file.take(MAX_LIST_BYTES + 1).read_to_end(&mut text)?;
        Ok(Some(text))
    }

    fn set_aside(&self, now: Millis) -> Option<PathBuf> {
        let mut name = self.path.file_name()?.to_owned();
        name.push(format!(".damaged-{}", now.0));
        let aside = self.path.with_file_name(name);
        fs::rename(&self.path, &aside).ok()?;
        Some(aside)
    }
}

fn write<P: Serialize>(what: What, list: &[P]) -> io::Result<Vec<u8>> {
    let list = &list[..list.len().min(MAX_LIST_ENTRIES)];
    let list = serde_json::to_value(list)?;
    let written = serde_json::json!({ "version": VERSION, what.key(): list });
    let text = serde_json::to_vec_pretty(&written)?;
    if text.len() as u64 > MAX_LIST_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(text)
}

/// The peers and how many entries were left out, or why there are none.
fn parse<P: DeserializeOwned>(text: &[u8]) -> Result<(Vec<P>, usize), &'static str> {
    if text.len() as u64 > MAX_LIST_BYTES {
        return Err("it is too long");
    }
    let read: Read1 = serde_json::from_slice(text).map_err(|_| "it is no such list")?;
    if read.version != VERSION {
        return Err("it has another version");
    }
    let total = read.peers.len();
    let peers: Vec<P> = read
        .peers
        .iter()
        .filter_map(|entry| serde_json::from_str(entry.get()).ok())
        .take(MAX_LIST_ENTRIES)
        .collect();
    let skipped = total - peers.len();
    Ok((peers, skipped))
}

#[cfg(feature = "fuzzing")]
#[expect(missing_docs, reason = "each is what it calls")]
pub(crate) mod fuzzing {
    use super::{What, io, parse, write};
    use crate::node::{Ban, PersistedPeer};

    pub fn read_peers(text: &[u8]) -> Result<(Vec<PersistedPeer>, usize), &'static str> {
        parse(text)
    }

    pub fn write_peers(list: &[PersistedPeer]) -> io::Result<Vec<u8>> {
        write(What::Peers, list)
    }

    pub fn read_bans(text: &[u8]) -> Result<(Vec<Ban>, usize), &'static str> {
        parse(text)
    }

    pub fn write_bans(list: &[Ban]) -> io::Result<Vec<u8>> {
        write(What::Bans, list)
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    const NOW: Millis = Millis(17);

    fn file() -> (tempfile::TempDir, ListFile) {
        let dir = tempfile::tempdir().unwrap();
        let file = ListFile::peers(dir.path().join(".peers.json"));
        (dir, file)
    }

    fn names(dir: &tempfile::TempDir) -> Vec<String> {
        let entries = fs::read_dir(dir.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let (dir, file) = file();
        assert!(file.load::<u32>(NOW).is_empty());
        file.save(&[1, 2, 3]).unwrap();
        file.save(&[4, 5]).unwrap();
        assert_eq!(file.load::<u32>(NOW), [4, 5]);
        assert_eq!(names(&dir), [".peers.json"]);
        let nested = ListFile::peers(dir.path().join("a/b/.peers.json"));
        nested.save(&[6]).unwrap();
        assert_eq!(nested.load::<u32>(NOW), [6]);
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_costs_nothing_else() {
        let long = format!("{{\"version\":1,\"peers\":[{}", " ".repeat(1 << 20));
        let deep = "[".repeat(100_000);
        for content in [
            "",
            "{",
            "[]",
            "{\"version\":2,\"peers\":[1]}",
            "\u{0}",
            &long,
            &deep,
        ] {
            let (dir, file) = file();
            fs::write(file.path(), content).unwrap();
            assert!(file.load::<u32>(NOW).is_empty(), "{content:.40}");
            assert_eq!(names(&dir), [".peers.json.damaged-17"]);
            let kept = fs::read_to_string(dir.path().join(".peers.json.damaged-17")).unwrap();
            assert_eq!(kept, content);
            file.save(&[1]).unwrap();
            assert_eq!(file.load::<u32>(NOW), [1]);
        }
    }

    #[test]
    fn entries_that_make_no_sense_are_left_out_alone() {
        let (dir, file) = file();
        let text = r#"{"version":1,"peers":[1,"two",{"three":3},4],"more":true}"#;
        fs::write(file.path(), text).unwrap();
        assert_eq!(file.load::<u32>(NOW), [1, 4]);
        assert_eq!(names(&dir), [".peers.json"]);
    }

    #[test]
    fn a_list_is_bounded_both_ways() {
        let (_dir, file) = file();
        let many: Vec<u32> = (0..2 * MAX_LIST_ENTRIES as u32).collect();
        file.save(&many).unwrap();
        assert_eq!(file.load::<u32>(NOW), many[..MAX_LIST_ENTRIES]);
        file.save(&["x".repeat(2 << 20)]).unwrap_err();
        assert_eq!(file.load::<u32>(NOW).len(), MAX_LIST_ENTRIES);
    }

    #[test]
    fn a_process_that_is_killed_while_writing_leaves_the_old_or_the_new_peers() {
        let (_dir, file) = file();
        file.save(&[0u32; 500]).unwrap();
        for round in 0..15 {
            let mut writer = Command::new(std::env::current_exe().unwrap())
                .args([
                    "--exact",
                    "storage::list_file::tests::write_until_killed",
                    "--ignored",
                ])
                .env("MESHBOOK_TEST_PEERS", file.path())
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            let before = fs::read(file.path()).unwrap();
            while fs::read(file.path()).unwrap() == before {
                assert!(writer.try_wait().unwrap().is_none(), "the writer ended");
            }
            // Another part of a write each time.
            std::thread::sleep(std::time::Duration::from_micros(137 * round));
            writer.kill().unwrap();
            writer.wait().unwrap();
            let peers = file.load::<u32>(NOW);
            assert_eq!(peers.len(), 500, "round {round}");
            assert!(peers.iter().all(|peer| *peer == peers[0]), "round {round}");
        }
    }

    #[test]
    #[ignore = "run and killed by a_process_that_is_killed_while_writing_..."]
    fn write_until_killed() {
        let file = ListFile::peers(std::env::var("MESHBOOK_TEST_PEERS").unwrap());
        let first = file.load::<u32>(NOW)[0];
        for number in first + 1.. {
            file.save(&[number; 500]).unwrap();
        }
    }
}

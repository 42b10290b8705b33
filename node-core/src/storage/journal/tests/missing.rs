//! Files that were removed or emptied, between two runs and while a node runs.

use std::fs;
use std::path::PathBuf;

use super::super::JournalReader;
use super::super::others::OTHERS_FOLDER;
use super::*;
use crate::storage::atomic::replace;
use crate::storage::{JournalSnapshot, MANIFEST_FILE, TABLES_FILE};

/// A data directory whose journal has two logs with something in them, and tables.
fn filled() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let held = Arc::new(DataDir::open(dir.path()).unwrap());
    let media = Arc::new(super::super::log::Files);
    let mut journal = Journal::open_with(held, JournalSync::Always, HISTORY, media, 600).unwrap();
    for number in 0..40 {
        journal.commit(&[numbered(number, 100)]).unwrap();
    }
    drop(journal);
    dir
}

/// Opening the tables marks them as open, so that only the logs are compared.
fn log_bytes(dir: &Path) -> Vec<Vec<u8>> {
    if !dir.join(JOURNAL_FOLDER).exists() {
        return Vec::new();
    }
    let logs = logs(dir).into_iter();
    logs.map(|log| fs::read(log).unwrap()).collect()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files = logs(dir);
    files.push(dir.join(JOURNAL_FOLDER).join(TABLES_FILE));
    files
}

fn refused(dir: &Path, path: &Path) {
    let before = log_bytes(dir);
    let snapshot = || JournalSnapshot::open(Arc::new(DataDir::open_to_read(dir)?));
    let errors = [
        open(dir, JournalSync::Always).unwrap_err(),
        snapshot().unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.code(), "JOURNAL_DAMAGED");
        let text = error.to_string();
        for part in [path.to_str().unwrap(), MANIFEST_FILE, "node.key"] {
            assert!(text.contains(part), "{text}");
        }
    }
    assert!(before == log_bytes(dir), "a refused start removes nothing");
}

#[test]
fn missing_or_emptied_file_of_a_journal_is_damage() {
    let count = files(filled().path()).len();
    assert!(count >= 2, "{count}");
    for index in 0..count {
        let dir = filled();
        let path = files(dir.path()).remove(index);
        let whole = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        refused(dir.path(), &path);
        for part in [0, 5] {
            replace(&path, &whole[..part]).unwrap();
            let error = open(dir.path(), JournalSync::Always).unwrap_err();
            assert_eq!(error.code(), "JOURNAL_DAMAGED", "{part}: {error}");
        }
        replace(&path, &whole).unwrap();
        let mut journal = open(dir.path(), JournalSync::Always).unwrap();
        assert_eq!(content(&mut journal).len(), 40);
    }
}

#[test]
fn missing_folder_of_a_journal_is_damage_until_the_manifest_is_gone() {
    let dir = filled();
    fs::remove_dir_all(dir.path().join(JOURNAL_FOLDER)).unwrap();
    refused(dir.path(), &dir.path().join(JOURNAL_FOLDER));
    assert!(!dir.path().join(JOURNAL_FOLDER).exists());
    fs::remove_file(dir.path().join(MANIFEST_FILE)).unwrap();
    let mut journal = open(dir.path(), JournalSync::Always).unwrap();
    assert!(content(&mut journal).is_empty());
}

#[test]
fn manifest_that_says_nothing_is_damage() {
    let dir = filled();
    let path = dir.path().join(MANIFEST_FILE);
    let whole = fs::read(&path).unwrap();
    for text in ["", "{", "{}", r#"{"version":2,"logs":[]}"#] {
        replace(&path, text.as_bytes()).unwrap();
        let error = open(dir.path(), JournalSync::Always).unwrap_err();
        assert_eq!(error.code(), "JOURNAL_DAMAGED", "{text:?}: {error}");
        assert!(error.to_string().contains(MANIFEST_FILE), "{error}");
    }
    replace(&path, &whole).unwrap();
    open(dir.path(), JournalSync::Always).unwrap();
}

#[test]
fn journal_without_a_manifest_is_taken_as_it_is_found() {
    let dir = filled();
    fs::remove_file(dir.path().join(MANIFEST_FILE)).unwrap();
    let mut journal = open(dir.path(), JournalSync::Always).unwrap();
    assert_eq!(content(&mut journal).len(), 40);
    assert!(dir.path().join(MANIFEST_FILE).exists());
}

#[test]
fn journal_that_was_removed_or_moved_takes_no_more_commits() {
    let dir = filled();
    let folder = dir.path().join(JOURNAL_FOLDER);
    let aside = dir.path().join("aside");
    let mut journal = open(dir.path(), JournalSync::Off).unwrap();
    journal.check().unwrap();
    fs::rename(&folder, &aside).unwrap();
    for _ in 0..2 {
        assert_eq!(journal.check().unwrap_err().code(), "STORAGE_FAILED");
        let error = journal.commit(&[numbered(50, 9)]).unwrap_err();
        assert!(error.to_string().contains("removed"), "{error}");
    }
    fs::rename(&aside, &folder).unwrap();
    journal.check().unwrap();
    journal.commit(&[numbered(51, 9)]).unwrap();
    assert_eq!(content(&mut journal).len(), 41);
    // Other tables in the place of the old ones are not those of this node.
    let tables = folder.join(TABLES_FILE);
    let copy = fs::read(&tables).unwrap();
    replace(&tables, &copy).unwrap();
    assert!(journal.check().is_err());
}

#[test]
fn snapshot_reads_what_a_crash_left_and_changes_nothing() {
    let dir = filled();
    let before: Vec<_> = files(dir.path())
        .iter()
        .map(|f| fs::read(f).unwrap())
        .collect();
    let held = Arc::new(DataDir::open_to_read(dir.path()).unwrap());
    let snapshot = JournalSnapshot::open(held).unwrap();
    let read = snapshot.reader().entries(Table::Trades, Bytes::new());
    assert_eq!(read.map(Result::unwrap).count(), 40);
    drop(snapshot);
    let after: Vec<_> = files(dir.path())
        .iter()
        .map(|f| fs::read(f).unwrap())
        .collect();
    assert!(before == after);
}

/// A trade of others, as far as a journal looks at it.
fn of_others(number: u8) -> Write {
    Write {
        table: Table::Others,
        key: vec![number; 48].into(),
        value: Some(vec![number; 600].into()),
        lazy: true,
    }
}

/// The files of others' trades, and what is in them.
fn others_files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir(dir.join(JOURNAL_FOLDER).join(OTHERS_FOLDER)).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    let read = |path: PathBuf| (path.clone(), fs::read(path).unwrap());
    files.into_iter().map(read).collect()
}

fn count_others(reader: &JournalReader) -> usize {
    let entries = reader.entries(Table::Others, Bytes::new());
    entries.map(Result::unwrap).count()
}

#[test]
fn snapshot_reads_others_trades_and_changes_none_of_their_files() {
    let dir = filled();
    let mut journal = open(dir.path(), JournalSync::Always).unwrap();
    journal.commit(&[of_others(1), of_others(2)]).unwrap();
    drop(journal);
    let mut torn = others_files(dir.path()).pop().unwrap();
    torn.1.extend_from_slice(b"torn");
    fs::write(&torn.0, &torn.1).unwrap();
    let before = others_files(dir.path());
    let held = Arc::new(DataDir::open_to_read(dir.path()).unwrap());
    let snapshot = JournalSnapshot::open(held).unwrap();
    assert_eq!(count_others(&snapshot.reader()), 2);
    drop(snapshot);
    assert!(before == others_files(dir.path()));
}

#[test]
fn missing_or_emptied_file_of_others_trades_is_no_damage() {
    let dir = filled();
    for number in 1..=3 {
        // Each start begins a file.
        let mut journal = open(dir.path(), JournalSync::Always).unwrap();
        journal.commit(&[of_others(number)]).unwrap();
    }
    let [first, second, _] = others_files(dir.path()).try_into().unwrap();
    fs::remove_file(first.0).unwrap();
    fs::write(second.0, []).unwrap();
    let mut journal = open(dir.path(), JournalSync::Always).unwrap();
    assert_eq!(count_others(&journal.reader()), 1);
    journal.commit(&[of_others(4)]).unwrap();
    assert_eq!(count_others(&journal.reader()), 2);
    // While it runs, what is gone is not read any more, and everything else goes on.
    for (path, _) in others_files(dir.path()) {
        fs::remove_file(path).unwrap();
    }
    journal.commit(&[numbered(50, 9)]).unwrap();
    journal.check().unwrap();
    assert_eq!(count_others(&journal.reader()), 0);
    assert_eq!(content(&mut journal).len(), 41);
    drop(journal);
    let mut journal = open(dir.path(), JournalSync::Always).unwrap();
    assert_eq!(content(&mut journal).len(), 41);
}

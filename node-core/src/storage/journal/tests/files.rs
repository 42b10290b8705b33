//! What is in the folder, and what becomes of damaged files.

use std::fs;

use super::*;
use crate::storage::TABLES_FILE;
use crate::storage::atomic::replace;

#[test]
fn what_was_committed_is_there_after_a_start() {
    for sync in ALL_SYNCS {
        let dir = tempfile::tempdir().unwrap();
        let mut expected = Content::new();
        for round in 0..3 {
            let mut journal = open(dir.path(), sync).unwrap();
            assert_eq!(content(&mut journal), expected);
            let mut removed = numbered(round, 9);
            removed.value = None;
            let writes = [numbered(round, 9), numbered(round + 10, 9), removed];
            for write in &writes {
                journal.commit(std::slice::from_ref(write)).unwrap();
            }
            apply(&mut expected, &writes);
            assert_eq!(content(&mut journal), expected);
        }
        assert_eq!(expected.len(), 3);
    }
}

#[cfg(unix)]
#[test]
fn the_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), JournalSync::Always).unwrap();
    journal.commit(&[numbered(1, 10)]).unwrap();
    let folder = dir.path().join(JOURNAL_FOLDER);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    assert_eq!(files.len(), 2);
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn a_long_log_is_moved_to_the_tables_and_nothing_is_read_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), JournalSync::Off).unwrap();
    let mut expected = Content::new();
    for number in 0..200 {
        let writes: Vec<Write> = (0..16)
            .map(|n| numbered(number % 64 * 16 + n, 5000))
            .collect();
        journal.commit(&writes).unwrap();
        apply(&mut expected, &writes);
    }
    assert_eq!(content(&mut journal), expected);
    drop(journal);
    let bytes: u64 = logs(dir.path())
        .iter()
        .map(|log| fs::metadata(log).unwrap().len())
        .sum();
    assert!(bytes < 200 * 16 * 5000, "{bytes} bytes are still in logs");
    // A log that was moved and comes back says nothing new, and nothing old.
    let stale = dir
        .path()
        .join(JOURNAL_FOLDER)
        .join(super::super::log::file_name(1));
    let first = logs(dir.path()).remove(0);
    if first != stale {
        fs::copy(first, &stale).unwrap();
    }
    let mut journal = open(dir.path(), JournalSync::Off).unwrap();
    assert_eq!(content(&mut journal), expected);
    assert_eq!(logs(dir.path()).len(), 1);
}

#[test]
fn a_log_that_is_cut_anywhere_gives_its_first_commits() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), JournalSync::Always).unwrap();
    let log = logs(dir.path()).remove(0);
    let mut ends = vec![fs::metadata(&log).unwrap().len()];
    for number in 0..5 {
        journal
            .commit(&[numbered(2 * number, 20), numbered(2 * number + 1, 20)])
            .unwrap();
        ends.push(fs::metadata(&log).unwrap().len());
    }
    let whole = fs::read(&log).unwrap();
    let tables = fs::read(log.with_file_name(TABLES_FILE)).unwrap();
    drop(journal);
    for cut in (0..=whole.len()).step_by(11).chain([whole.len()]) {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(JOURNAL_FOLDER);
        fs::create_dir(&folder).unwrap();
        let write = |name: &str, bytes| replace(&folder.join(name), bytes).unwrap();
        write(TABLES_FILE, &tables);
        write(log.file_name().unwrap().to_str().unwrap(), &whole[..cut]);
        let mut journal = open(dir.path(), JournalSync::Always).unwrap();
        let commits = ends[1..].iter().filter(|end| **end <= cut as u64).count();
        assert_eq!(content(&mut journal).len(), 2 * commits, "cut at {cut}");
    }
}

#[test]
fn damage_to_what_was_safe_is_an_error_that_names_the_file_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), JournalSync::Always).unwrap();
    for number in 0..3 {
        journal.commit(&[numbered(number, 50)]).unwrap();
    }
    let log = logs(dir.path()).remove(0);
    drop(journal);
    let whole = fs::read(&log).unwrap();
    let mut damaged = whole.clone();
    damaged[60] ^= 1;
    fs::write(&log, &damaged).unwrap();
    let error = open(dir.path(), JournalSync::Always).unwrap_err();
    assert_eq!(error.code(), "JOURNAL_DAMAGED");
    assert!(error.to_string().contains(log.to_str().unwrap()), "{error}");
    assert_eq!(fs::read(&log).unwrap(), damaged);
    fs::write(&log, &whole).unwrap();
    assert_eq!(
        content(&mut open(dir.path(), JournalSync::Always).unwrap()).len(),
        3
    );
}

#[test]
fn damaged_tables_are_refused_or_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path(), JournalSync::Always).unwrap();
    for number in 0..40 {
        journal.commit(&[numbered(number, 500)]).unwrap();
    }
    drop(journal);
    let expected = content(&mut open(dir.path(), JournalSync::Always).unwrap());
    let path = dir.path().join(JOURNAL_FOLDER).join(TABLES_FILE);
    let whole = fs::read(&path).unwrap();
    let mut refused = 0;
    for place in (0..whole.len()).step_by(whole.len() / 61) {
        let mut damaged = whole.clone();
        damaged[place..]
            .iter_mut()
            .take(64)
            .for_each(|byte| *byte = !*byte);
        fs::write(&path, &damaged).unwrap();
        match open(dir.path(), JournalSync::Always) {
            Ok(mut journal) => assert_eq!(content(&mut journal), expected, "at {place}"),
            Err(error) => {
                assert!(error.to_string().contains(TABLES_FILE), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 10, "{refused}");
    fs::write(&path, b"something else").unwrap();
    let error = open(dir.path(), JournalSync::Always).unwrap_err();
    assert!(error.to_string().contains(TABLES_FILE), "{error}");
}

#[test]
fn a_journal_belongs_to_one_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), JournalSync::Always).unwrap();
    let error = open(dir.path(), JournalSync::Always).unwrap_err();
    assert_eq!(error.code(), "DATA_DIR_IN_USE");
    // A reader does not keep it.
    let reader = journal.reader();
    drop(journal);
    open(dir.path(), JournalSync::Always).unwrap();
    assert_eq!(
        reader.page(Table::Trades, &[], 1).unwrap_err().code(),
        "JOURNAL_CLOSED"
    );
}

//! Real processes: one that is killed, one that may not write more.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::*;

const DIR: &str = "MESHBOOK_TEST_JOURNAL";
const SYNC: &str = "MESHBOOK_TEST_JOURNAL_SYNC";
/// What a line of a helper begins with, among those of the test runner.
const ACKED: &str = "acked ";

fn helper(name: &str, dir: &Path) -> (Vec<String>, [(&'static str, String); 1]) {
    let program = std::env::current_exe()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let test = format!("storage::journal::tests::processes::{name}");
    let command = [&program, "--exact", &test, "--ignored", "--nocapture"].map(str::to_owned);
    (command.to_vec(), [(DIR, dir.to_str().unwrap().to_owned())])
}

fn dir() -> std::path::PathBuf {
    std::env::var_os(DIR).unwrap().into()
}

#[test]
fn what_was_committed_survives_kill_9_however_it_is_flushed() {
    for (number, sync) in ALL_SYNCS.into_iter().enumerate() {
        for round in 1..=4 {
            let dir = tempfile::tempdir().unwrap();
            let (command, env) = helper("commit_until_killed", dir.path());
            let mut writer = Command::new(&command[0])
                .args(&command[1..])
                .envs(env)
                .env(SYNC, number.to_string())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
            let acked = lines.map(Result::unwrap).filter_map(|line| acked(&line));
            let mut acked = acked.skip(37 * round);
            let last = acked.next().unwrap();
            writer.kill().unwrap();
            writer.wait().unwrap();
            // Whatever came out before it died was committed too.
            let last = acked.last().unwrap_or(last);
            let found = content(&mut open(dir.path(), sync).unwrap());
            let commits = found.len() / 3;
            assert_eq!(found.len() % 3, 0, "a commit is there in part");
            assert!(
                commits > last as usize,
                "{sync:?}: {commits} commits, {last} was acked"
            );
            let expected = (0..found.len() as u32).map(|n| numbered(n, 700));
            assert!(
                expected.eq(found.into_iter().map(|((table, key), value)| Write {
                    table,
                    key,
                    value: Some(value),
                    lazy: false,
                }))
            );
        }
    }
}

fn acked(line: &str) -> Option<u32> {
    line.rsplit_once(ACKED)?.1.parse().ok()
}

#[test]
#[ignore = "run and killed by what_was_committed_survives_..."]
fn commit_until_killed() {
    let sync: usize = std::env::var(SYNC).unwrap().parse().unwrap();
    let mut journal = open(&dir(), ALL_SYNCS[sync]).unwrap();
    for number in 0.. {
        let writes = [0, 1, 2].map(|n| numbered(3 * number + n, 700));
        journal.commit(&writes).unwrap();
        println!("{ACKED}{number}");
    }
}

/// A limit on the size of a file stands for a full disk: the system writes a part and refuses the
/// rest. Lifting it stands for somebody making room.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_refuses_commits_until_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let (command, env) = helper("fill_the_disk", dir.path());
    let limited = "trap '' XFSZ; ulimit -S -f 2000; exec \"$0\" \"$@\"";
    let ended = Command::new("sh")
        .args(["-c", limited])
        .args(command)
        .envs(env)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(
        ended.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    let last = said.lines().filter_map(acked).next_back();
    let found = content(&mut open(dir.path(), JournalSync::Always).unwrap());
    assert_eq!(found.len(), last.unwrap() as usize + 1);
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "run by a_full_disk_refuses_..., which limits its files"]
fn fill_the_disk() {
    let mut journal = open(&dir(), JournalSync::Always).unwrap();
    let mut number = 0;
    let error = loop {
        match journal.commit(&[numbered(number, 1500)]) {
            Ok(()) => number += 1,
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains(".log"), "{error}");
    assert_eq!(error.code(), "STORAGE_FAILED");
    assert!(number > 100, "{number}");
    for _ in 0..3 {
        journal.commit(&[numbered(number, 1500)]).unwrap_err();
    }
    // What fits still goes in, behind what is whole.
    journal.commit(&[numbered(number, 4)]).unwrap();
    let room = Command::new("prlimit")
        .args([
            "--fsize=unlimited:",
            "--pid",
            &std::process::id().to_string(),
        ])
        .status()
        .unwrap();
    assert!(room.success());
    for more in number + 1..number + 50 {
        journal.commit(&[numbered(more, 1500)]).unwrap();
    }
    println!("{ACKED}{}", number + 49);
}

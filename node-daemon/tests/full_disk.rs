//! A node whose journal can't be written, since its disk is full or its files may not grow.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use common::{Node, PATIENCE, QUIET, call_json, meshbook, wait};
use serde_json::Value;
use tempfile::TempDir;

/// A node that is told of files that grow too long by an error, and not by its end.
fn start(dir: Arc<TempDir>) -> Node {
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#])
        .arg(env!("CARGO_BIN_EXE_meshbook"))
        .args(QUIET)
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    Node::started(dir, command)
}

fn limit_files(node: &Node, bytes: &str) {
    let status = Command::new("prlimit")
        .args([
            format!("--pid={}", node.child.id()),
            format!("--fsize={bytes}:unlimited"),
        ])
        .status();
    assert!(status.unwrap().success());
}

/// Leaves the journal no room for a whole record.
fn limit_journal(node: &Node) {
    let files = fs::read_dir(node.data_dir().join("journal")).unwrap();
    let logs = files.map(|file| file.unwrap());
    let logs = logs.filter(|file| file.file_name().to_string_lossy().ends_with(".log"));
    let length = logs.map(|log| log.metadata().unwrap().len()).max();
    limit_files(node, &(length.unwrap() + 10).to_string());
}

fn exports(node: &Node) -> Vec<Vec<u8>> {
    let export = |what| {
        let output = node.call(&["export", what]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        output.stdout
    };
    vec![export("trades"), export("orders")]
}

/// A disk of its own, gone with this.
struct SmallDisk {
    keeper: Child,
    path: PathBuf,
    _folder: TempDir,
}

impl SmallDisk {
    /// Room for the tables and some logs. `None` where this process may not mount.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        // In a name space of its own, which ends with its last process.
        let mut keeper = Command::new("unshare")
            .args(["-m", "sh", "-c"])
            .arg(r#"mount -t tmpfs -o size=16m tmpfs "$0" && echo mounted && read end"#)
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        let stdout = keeper.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let inside = folder.path().strip_prefix("/").unwrap();
        let path = PathBuf::from(format!("/proc/{}/root", keeper.id())).join(inside);
        let disk = Self {
            keeper,
            path,
            _folder: folder,
        };
        (line == "mounted\n").then_some(disk)
    }

    fn filler(&self) -> PathBuf {
        self.path.join("filler")
    }

    fn fill(&self) {
        let mut filler = fs::File::create(self.filler()).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            while filler.write_all(&vec![1; size]).is_ok() {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

/// What a node says on stderr.
struct Log(Receiver<String>);

impl Log {
    fn of(node: &mut Node) -> Self {
        let log = BufReader::new(node.child.stderr.take().unwrap());
        let (sender, lines) = channel();
        // Ends with the node.
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self(lines)
    }

    fn waits_for(&self, text: &str) {
        while !self.0.recv_timeout(PATIENCE).unwrap().contains(text) {}
    }

    fn has(&self, text: &str) -> bool {
        self.0.try_iter().any(|line| line.contains(text))
    }
}

/// Places orders until one is not answered, since the disk is full. Gives that one.
fn order_that_waits(node: &Node, log: &Log) -> Child {
    loop {
        let mut child = meshbook(node.dir.path(), &["sell", "0.1", "400", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + PATIENCE;
        while child.try_wait().unwrap().is_none() {
            if log.has("the store can't be written") {
                return child;
            }
            assert!(Instant::now() < deadline, "neither placed nor refused");
            std::thread::sleep(Duration::from_millis(10));
        }
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "there was still room");
    }
}

/// The whole story, with a way to fill the disk and one to free it.
fn a_full_disk(dir: Arc<TempDir>, fill: impl Fn(&Node), free: impl Fn(&Node)) {
    let mut node = start(dir);
    let log = Log::of(&mut node);
    let sold = node.ask(&["sell", "5", "100", "--user", "alice"]);
    let bought = node.ask(&["buy", "1", "100", "--user", "bob"]);
    let confirmed = exports(&node);

    fill(&node);
    let waiting = order_that_waits(&node, &log);
    for args in [
        &["buy", "1", "100"][..],
        &["sell", "1", "200"],
        &["cancel", sold["orderId"].as_str().unwrap()],
    ] {
        let (exit, value) = call_json(node.dir.path(), args);
        let message = value["error"]["message"].as_str().unwrap();
        assert_eq!(
            (exit, &value["error"]["code"]),
            (1, &"STORAGE_FAILED".into()),
            "{value}"
        );
        assert!(
            message.contains("journal") && message.contains("os error"),
            "{message}"
        );
    }
    // Reads go on, and show what was confirmed.
    for args in [&["status"][..], &["peers"], &["orders"], &["unsigned"]] {
        node.ask(args);
    }
    assert_eq!(node.ask(&["book"])["asks"][0]["price"], "100");
    assert_eq!(node.ask(&["trades"])[0]["id"], bought["trades"][0]["id"]);
    assert_eq!(exports(&node)[0], confirmed[0]);

    free(&node);
    log.waits_for("the store can be written again");
    let output = waiting.wait_with_output().unwrap();
    let late: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{late}");
    node.ask(&["buy", "1", "100", "--user", "bob"]);
    let trades = String::from_utf8(exports(&node).remove(0)).unwrap();
    assert_eq!(trades.lines().count(), 1 + 2, "{trades}");

    // And once more, to its end.
    fill(&node);
    let mut lost = order_that_waits(&node, &log);
    node.signal("KILL");
    wait(&mut node.child);
    assert_eq!(wait(&mut lost), Some(1), "nobody confirmed it");
    free(&node);
    let confirmed = exports(&node);
    assert_eq!(
        String::from_utf8_lossy(&confirmed[0]),
        trades,
        "from the folder"
    );
    let again = start(Arc::clone(&node.dir));
    assert_eq!(exports(&again), confirmed, "from the node that came back");
    let orders = String::from_utf8_lossy(&confirmed[1]).into_owned();
    assert!(
        orders.contains(late["orderId"].as_str().unwrap()),
        "{orders}"
    );
    again.ask(&["sell", "1", "500"]);
}

#[test]
fn where_files_may_not_grow_new_orders_are_refused_and_nothing_confirmed_is_lost() {
    let there = Command::new("prlimit").arg("--version").output();
    if !there.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: there is no prlimit (of util-linux) to limit files with");
        return;
    }
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let free = |node: &Node| {
        // A limit goes with its process.
        if PathBuf::from(format!("/proc/{}", node.child.id())).exists() {
            limit_files(node, "unlimited");
        }
    };
    a_full_disk(dir, limit_journal, free);
}

#[test]
fn on_a_full_disk_new_orders_are_refused_and_nothing_confirmed_is_lost() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: only root may mount a small disk, where the system lets it");
        return;
    };
    let dir = tempfile::tempdir_in(&disk.path).unwrap();
    a_full_disk(Arc::new(dir), |_| disk.fill(), |_| disk.free());
}

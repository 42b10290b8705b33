//! A node whose journal can't be written: a limit on the size of its files stands for a disk
//! that is full.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use common::{Node, PATIENCE, QUIET, call_json, meshbook, wait};
use serde_json::Value;

/// A node that is told of files that grow too long by an error, and not by its end.
fn start(dir: Arc<tempfile::TempDir>) -> Node {
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
fn fill_disk(node: &Node) {
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

#[test]
fn a_full_disk_stops_new_orders_and_nothing_else_and_what_was_confirmed_stays() {
    let there = Command::new("prlimit").arg("--version").output();
    if !there.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: there is no prlimit (of util-linux) to fill a disk with");
        return;
    }
    let mut node = start(Arc::new(tempfile::tempdir().unwrap()));
    let log = BufReader::new(node.child.stderr.take().unwrap());
    let (sender, lines) = std::sync::mpsc::channel();
    // Ends with the node.
    std::thread::spawn(move || {
        for line in log.lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let says = |text: &str| {
        while !lines.recv_timeout(PATIENCE).unwrap().contains(text) {}
    };
    let sold = node.ask(&["sell", "5", "100", "--user", "alice"]);
    let bought = node.ask(&["buy", "1", "100", "--user", "bob"]);
    let confirmed = exports(&node);

    fill_disk(&node);
    // It was taken while nobody knew, so it waits for the disk: it is not refused, nor confirmed.
    let waiting = meshbook(
        node.dir.path(),
        &["buy", "2", "100", "--user", "bob", "--json"],
    )
    .stdout(Stdio::piped())
    .spawn()
    .unwrap();
    says("the store can't be written");
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
            message.contains("journal") && message.contains("large"),
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

    limit_files(&node, "unlimited");
    says("the store can be written again");
    let output = waiting.wait_with_output().unwrap();
    let late: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{late}");
    assert_eq!(late["trades"][0]["amount"], "2", "{late}");
    node.ask(&["buy", "1", "100", "--user", "bob"]);
    let confirmed = exports(&node);
    assert_eq!(
        String::from_utf8_lossy(&confirmed[0]).lines().count(),
        1 + 3
    );

    // And once more, to its end.
    fill_disk(&node);
    let mut lost = meshbook(node.dir.path(), &["buy", "0.5", "100", "--json"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    says("the store can't be written");
    node.signal("KILL");
    wait(&mut node.child);
    assert_eq!(wait(&mut lost), Some(1), "nobody confirmed it");
    assert_eq!(exports(&node), confirmed, "from the folder");
    let again = start(Arc::clone(&node.dir));
    assert_eq!(exports(&again), confirmed, "from the node that came back");
}

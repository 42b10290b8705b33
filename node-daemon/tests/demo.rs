//! The demo, as somebody tries it first.

mod common;

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use common::{call_json, meshbook, wait};

#[test]
fn three_nodes_agree_at_the_end_of_the_scene() {
    let dir = tempfile::tempdir().unwrap();
    let (exit, end) = call_json(dir.path(), &["demo", "--once"]);
    assert_eq!(exit, 0, "{end}");
    assert_eq!(end["agreed"], true);
    let nodes = end["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 3);
    for node in nodes {
        assert_eq!(node["trades"].as_array().map(Vec::len), Some(4));
        assert_eq!(node["book"]["bids"][0]["price"], "59800");
        assert_eq!(node["book"]["asks"], nodes[0]["book"]["asks"]);
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_demo_and_all_that_it_started() {
    let dir = tempfile::tempdir().unwrap();
    let temp = dir.path().join("temp");
    std::fs::create_dir(&temp).unwrap();
    let mut demo = meshbook(dir.path(), &["demo", "--seconds", "600"])
        .env("TMPDIR", &temp)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(demo.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("They are connected") {
        line.clear();
        assert!(stdout.read_line(&mut line).unwrap() > 0, "it ended early");
    }
    let pids: Vec<String> = ["alice", "bob", "carol"]
        .iter()
        .flat_map(|user| {
            let root = std::fs::read_dir(&temp).unwrap().next().unwrap().unwrap();
            let text = std::fs::read(root.path().join(user).join("control.json")).unwrap();
            let control: serde_json::Value = serde_json::from_slice(&text).unwrap();
            control["pid"].as_u64().map(|pid| pid.to_string())
        })
        .collect();
    assert_eq!(pids.len(), 3);
    let id = demo.id().to_string();
    let kill = |args: &[&str]| {
        std::process::Command::new("kill")
            .args(args)
            .output()
            .unwrap()
    };
    assert!(kill(&["-s", "INT", &id]).status.success());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(wait(&mut demo), Some(0), "{rest}");
    for pid in &pids {
        assert!(
            !kill(&["-0", pid]).status.success(),
            "node {pid} still runs"
        );
    }
    let left = std::fs::read_dir(&temp).unwrap().count();
    assert_eq!(left, 0, "the folders are gone");
}

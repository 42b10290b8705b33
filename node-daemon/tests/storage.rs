//! Data directories that are damaged, moved away, read-only, or brought by their user.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod common;

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use common::{Node, PATIENCE, QUIET, call, meshbook};
use serde_json::{Value, json};

/// A node that traded, and has stopped.
fn stopped() -> Node {
    let mut node = Node::start(&["--user", "alice"]);
    node.ask(&["sell", "2", "100"]);
    node.ask(&["buy", "1", "100", "--user", "bob"]);
    node.signal("TERM");
    assert_eq!(node.wait().0, Some(0));
    node
}

/// What a start that is refused says.
fn refusal(node: &Node) -> String {
    let output = call(node.dir.path(), QUIET);
    assert_ne!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap()
}

#[test]
fn lost_journal_is_refused_until_its_user_decides() {
    let node = stopped();
    let id = node.ready["nodeId"].clone();
    let journal = node.data_dir().join("journal");
    let aside = node.dir.path().join("aside");
    for emptied in fs::read_dir(&journal).unwrap() {
        let emptied = emptied.unwrap().path();
        let whole = fs::read(&emptied).unwrap();
        fs::write(&emptied, "").unwrap();
        let name = emptied.file_name().unwrap().to_str().unwrap();
        let said = refusal(&node);
        assert!(said.contains(name), "{said}");
        let shown = String::from_utf8(node.call(&["trades"]).stderr).unwrap();
        assert!(shown.contains(name), "{shown}");
        fs::write(&emptied, whole).unwrap();
    }
    fs::rename(&journal, &aside).unwrap();
    let said = refusal(&node);
    for part in ["is missing", "journal.manifest", "node.key"] {
        assert!(said.contains(part), "{said}");
    }
    // The same key, without what is lost.
    fs::remove_file(node.data_dir().join("journal.manifest")).unwrap();
    let mut same = node.again(&[]);
    assert_eq!(same.ready["nodeId"], id);
    assert_eq!(same.ask(&["trades"]), json!([]));
    same.signal("TERM");
    same.wait();
    // A new key, and nothing is missed.
    fs::remove_dir_all(&journal).unwrap();
    fs::rename(node.data_dir().join("node.key"), aside.join("node.key")).unwrap();
    let new = node.again(&[]);
    assert_ne!(new.ready["nodeId"], id);
}

#[test]
fn key_in_an_empty_directory_starts_its_node() {
    let node = stopped();
    let other = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let folder = other.path().join(".meshbook");
    fs::create_dir(&folder).unwrap();
    fs::copy(node.data_dir().join("node.key"), folder.join("node.key")).unwrap();
    let command = meshbook(other.path(), QUIET);
    let brought = Node::started(other, command);
    assert_eq!(brought.ready["nodeId"], node.ready["nodeId"]);
}

#[test]
fn key_file_that_a_group_reads_is_allowed_by_a_setting() {
    let node = stopped();
    let key = node.data_dir().join("node.key");
    let allowed = |mode| {
        fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        let mut command = meshbook(node.dir.path(), QUIET);
        command.env("KEY_FILE_MODE", "group");
        command
    };
    let command = allowed(0o640);
    let said = refusal(&node);
    assert!(said.contains("KEY_FILE_MODE=group"), "{said}");
    let mut started = Node::started(std::sync::Arc::clone(&node.dir), command);
    assert_eq!(started.ready["nodeId"], node.ready["nodeId"]);
    started.signal("TERM");
    started.wait();
    let mut export = meshbook(node.dir.path(), &["export", "trades"]);
    let export = export.env("KEY_FILE_MODE", "group").output().unwrap();
    assert_eq!(export.status.code(), Some(0), "{export:?}");
    let refused = allowed(0o644).output().unwrap();
    assert_ne!(refused.status.code(), Some(0));
}

#[test]
fn directory_that_is_removed_while_a_node_runs_is_a_store_failure() {
    let mut node = Node::start(&[]);
    let control = node.control();
    let log = BufReader::new(node.child.stderr.take().unwrap());
    fs::remove_dir_all(node.data_dir()).unwrap();
    // An idle node notices, in bounded time.
    let begun = Instant::now();
    let mut lines = log.lines().map_while(Result::ok);
    let noticed = lines.find(|line| line.contains("the store is not where it was"));
    assert!(noticed.is_some_and(|line| line.contains("removed")));
    assert!(begun.elapsed() < PATIENCE);
    let drain = std::thread::spawn(move || lines.count());
    let url = format!("http://{}/v1/orders", control["address"].as_str().unwrap());
    let token = control["token"].as_str().unwrap().to_owned();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let order = json!({ "side": "buy", "amount": "1", "price": "1" });
        let request = reqwest::Client::new().post(&url).bearer_auth(&token);
        let answer = request.json(&order).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 503);
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["error"]["code"], "STORAGE_FAILED", "{answer}");
    });
    node.signal("TERM");
    common::wait(&mut node.child);
    drain.join().unwrap();
}

/// The command on a data directory that nobody can write. `None` where this process may not mount.
fn on_a_read_only_mount(data_dir: &Path, args: &[&str]) -> Option<Command> {
    let script = r#"mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@""#;
    let mount = |last: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", script]).arg(data_dir);
        command.args(last);
        command
    };
    let tried = mount(&["true"]).output().ok()?;
    tried.status.success().then(|| {
        let mut command = mount(&[env!("CARGO_BIN_EXE_meshbook"), "--data-dir"]);
        command.arg(data_dir).args(args);
        command
    })
}

#[test]
fn read_only_copy_is_shown_and_exported() {
    // One that was killed leaves logs, which a start would move to the tables.
    let mut node = Node::start(&["--user", "alice"]);
    node.ask(&["sell", "2", "100"]);
    node.ask(&["buy", "1", "100", "--user", "bob"]);
    let shown = node.ask(&["trades"]);
    let exported = node.call(&["export", "trades"]).stdout;
    node.signal("KILL");
    common::wait(&mut node.child);
    let data_dir = node.data_dir();
    fs::remove_file(data_dir.join("control.json")).unwrap();
    for lock in [true, false] {
        if !lock {
            fs::remove_file(data_dir.join("node.lock")).unwrap();
        }
        let Some(mut trades) = on_a_read_only_mount(&data_dir, &["trades", "--own", "--json"])
        else {
            eprintln!("skipped: only root may mount, where the system lets it");
            return;
        };
        let trades = trades.output().unwrap();
        assert_eq!(trades.status.code(), Some(0), "{trades:?}");
        assert_eq!(
            serde_json::from_slice::<Value>(&trades.stdout).unwrap(),
            shown
        );
        let export = on_a_read_only_mount(&data_dir, &["export", "trades"]);
        let export = export.unwrap().output().unwrap();
        assert_eq!(export.status.code(), Some(0), "{export:?}");
        assert_eq!(export.stdout, exported);
    }
}

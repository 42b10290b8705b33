//! Who may have no session with a node, as its user says.
#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod common;

use std::time::Instant;

use common::{Node, PATIENCE};
use serde_json::Value;

/// Waits until the node has so many sessions.
fn has_peers(node: &Node, count: u64) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = node.ask(&["status"]);
        if status["peers"]["connectedPeers"] == count {
            return;
        }
        assert!(Instant::now() < deadline, "not {count} peers: {status}");
    }
}

fn banned(node: &Node) -> Vec<String> {
    let Value::Array(bans) = node.ask(&["peers", "bans"]) else {
        panic!("a list");
    };
    let peer = |ban: &Value| ban["peer"].as_str().unwrap().to_owned();
    bans.iter().map(peer).collect()
}

#[test]
fn a_banned_node_is_sent_away_and_stays_away_over_a_restart_until_it_is_unbanned() {
    let mut node = Node::start(&[]);
    let address = node.ready["p2pAddress"].as_str().unwrap().to_owned();
    let other = Node::start(&[
        "--bootstrap",
        &address,
        "--set",
        "peer_reconnect_interval=50",
    ]);
    let id = other.ready["nodeId"].as_str().unwrap().to_owned();
    has_peers(&node, 1);

    let ban = node.ask(&["peers", "ban", &id, "--for", "2h"]);
    assert_eq!(ban["peer"], id.as_str());
    assert_eq!(
        (&ban["length"], &ban["byUser"]),
        (&7_200_000.into(), &true.into())
    );
    has_peers(&node, 0);
    assert_eq!(banned(&node), [id.as_str()]);
    let said = node.call(&["peers", "bans"]);
    assert!(String::from_utf8(said.stdout).unwrap().contains(&id));

    // Killed at once: what was answered is on the disk.
    node.signal("KILL");
    node.wait();
    let port = address.rsplit_once(':').unwrap().1.to_owned();
    let node = node.again(&["--port", &port]);
    assert_eq!(banned(&node), [id.as_str()]);
    fails_again(&other);
    has_peers(&node, 0);

    assert_eq!(node.ask(&["peers", "unban", &id])["success"], true);
    assert_eq!(banned(&node), Vec::<String>::new());
    has_peers(&node, 1);
    let nobody = node.refused(&["peers", "unban", &id]);
    assert_eq!(nobody, (1, "NOT_BANNED".to_owned(), None));
}

/// Waits until the node's dials came to nothing twice more.
fn fails_again(node: &Node) {
    let failures = || {
        let Value::Array(peers) = node.ask(&["peers", "--known"]) else {
            panic!("a list");
        };
        let failures = peers.iter().filter_map(|peer| peer["failures"].as_u64());
        failures.max().unwrap_or(0)
    };
    let (before, deadline) = (failures(), Instant::now() + PATIENCE);
    while failures() < before + 2 {
        assert!(Instant::now() < deadline, "its dials don't fail");
    }
}

#[test]
fn everybody_at_a_banned_address_is_refused_before_a_word() {
    let node = Node::start(&[]);
    let address = node.ready["p2pAddress"].as_str().unwrap().to_owned();
    node.ask(&["peers", "ban", "127.0.0.1"]);
    let other = Node::start(&[
        "--bootstrap",
        &address,
        "--set",
        "peer_reconnect_interval=50",
    ]);
    fails_again(&other);
    assert_eq!(node.ask(&["status"])["peers"]["connectedPeers"], 0);
    node.ask(&["peers", "unban", "127.0.0.1"]);
    has_peers(&node, 1);
}

#[test]
fn what_can_not_be_banned_is_refused_by_its_field() {
    let node = Node::start(&[]);
    let own = node.ready["nodeId"].as_str().unwrap().to_owned();
    let field = |args: &[&str]| {
        let (exit, code, field) = node.refused(args);
        assert_eq!(code, "INVALID_VALUE");
        (exit, field.unwrap())
    };
    assert_eq!(field(&["peers", "ban", "alice"]), (2, "peer".to_owned()));
    assert_eq!(
        field(&["peers", "ban", "1.2.3.4:5"]),
        (2, "peer".to_owned())
    );
    assert_eq!(
        field(&["peers", "ban", "::1", "--for", "x"]),
        (2, "for".to_owned())
    );
    assert_eq!(field(&["peers", "unban", ""]), (2, "peer".to_owned()));
    assert_eq!(field(&["peers", "ban", &own]).1, "peer");
    assert_eq!(field(&["peers", "ban", "::1", "--for", "0s"]).1, "duration");
    assert_eq!(
        field(&["peers", "ban", "::1", "--for", "600w"]).1,
        "duration"
    );
    assert_eq!(banned(&node), Vec::<String>::new());
}

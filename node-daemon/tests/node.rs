//! A running node and the commands that talk to it.

mod common;

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use common::{Node, QUIET, call_json, meshbook, refused, wait};
use serde_json::Value;

#[test]
fn a_node_says_when_it_is_ready_and_what_it_is() {
    let node = Node::start(&["--user", "alice", "--pair", "ETH/USD"]);
    assert_eq!(node.ready["ready"], true);
    assert_eq!(node.ready["nodeId"].as_str().map(str::len), Some(64));
    let p2p = node.ready["p2pAddress"].as_str().unwrap();
    assert!(
        p2p.starts_with("127.0.0.1:") && !p2p.ends_with(":0"),
        "{p2p}"
    );

    let status = node.ask(&["status"]);
    assert_eq!(status["nodeId"], node.ready["nodeId"]);
    assert_eq!(status["p2pAddress"], node.ready["p2pAddress"]);
    assert_eq!(
        (&status["userId"], &status["pair"]),
        (&"alice".into(), &"ETH/USD".into())
    );
    // The shape of getP2PStats().
    assert_eq!(status["peers"]["connectedPeers"], 0);
    assert_eq!(status["directConnection"]["isRunning"], true);
    assert!(status["router"]["maxQueueSize"].is_number());
    assert!(status["discovery"]["strategies"]["peerExchange"].is_boolean());

    let text = String::from_utf8(node.call(&["status"]).stdout).unwrap();
    assert!(text.contains(status["nodeId"].as_str().unwrap()), "{text}");
}

#[test]
fn an_order_goes_from_placed_to_cancelled() {
    let node = Node::start(&["--user", "alice"]);
    let placed = node.ask(&["buy", "1.50", "60000.25"]);
    assert_eq!(
        (&placed["success"], &placed["trades"]),
        (&true.into(), &Value::Array(vec![]))
    );
    let id = placed["orderId"].as_str().unwrap();
    assert_eq!(placed["remainingOrder"]["status"], "pending");

    let orders = node.ask(&["orders"]);
    assert_eq!(orders[0]["id"], id);
    assert_eq!(
        (&orders[0]["amount"], &orders[0]["price"]),
        (&"1.5".into(), &"60000.25".into())
    );
    assert_eq!(
        (&orders[0]["side"], &orders[0]["userId"]),
        (&"buy".into(), &"alice".into())
    );
    let book = node.ask(&["book"]);
    assert_eq!(book["bids"][0]["price"], "60000.25");
    assert_eq!(
        (&book["bids"][0]["amount"], &book["bids"][0]["count"]),
        (&"1.5".into(), &1.into())
    );
    let text = String::from_utf8(node.call(&["book"]).stdout).unwrap();
    assert!(text.contains("60000.25"), "{text}");

    assert_eq!(node.ask(&["cancel", id])["orderId"], id);
    assert_eq!(node.ask(&["orders"])[0]["status"], "cancelled");
    assert_eq!(node.ask(&["book"])["bids"], Value::Array(vec![]));
    let again = node.refused(&["cancel", id]);
    assert_eq!(
        again,
        (1, "ORDER_CLOSED".to_owned(), Some("orderId".to_owned()))
    );
    let unknown = node.refused(&["cancel", "ffffffffffffffffffffffffffffffff"]);
    assert_eq!(
        unknown,
        (1, "UNKNOWN_ORDER".to_owned(), Some("orderId".to_owned()))
    );
}

#[test]
fn two_users_of_one_node_trade() {
    let node = Node::start(&[]);
    node.ask(&["sell", "2", "100", "--user", "alice"]);
    let taken = node.ask(&["buy", "0.5", "101", "--user", "bob"]);
    assert_eq!(taken["remainingOrder"], Value::Null);
    assert_eq!(
        (&taken["trades"][0]["amount"], &taken["trades"][0]["price"]),
        (&"0.5".into(), &"100".into())
    );
    let trades = node.ask(&["trades", "--limit", "1"]);
    assert_eq!(trades[0]["id"], taken["trades"][0]["id"]);
    assert_eq!(trades[0]["takerSide"], "buy");
    assert_eq!(node.ask(&["book"])["asks"][0]["amount"], "1.5");
    let text = String::from_utf8(node.call(&["trades"]).stdout).unwrap();
    assert!(text.contains("0.5"), "{text}");
}

#[test]
fn what_the_nodes_limits_refuse_changes_nothing() {
    let node = Node::start(&["--set", "max_order_amount=5", "--set", "MAX_ORDER_PRICE=10"]);
    let amount = node.refused(&["buy", "5.00000001", "1"]);
    assert_eq!(
        amount,
        (1, "INVALID_ORDER".to_owned(), Some("amount".to_owned()))
    );
    let price = node.refused(&["buy", "5", "11"]);
    assert_eq!(
        price,
        (1, "INVALID_ORDER".to_owned(), Some("price".to_owned()))
    );
    assert_eq!(node.ask(&["orders"]), Value::Array(vec![]));
}

#[test]
fn empty_lists_are_empty_in_json_and_a_sentence_for_people() {
    let node = Node::start(&[]);
    for command in ["peers", "orders", "trades"] {
        assert_eq!(node.ask(&[command]), Value::Array(vec![]), "{command}");
    }
    assert_eq!(node.ask(&["unsigned"])["orders"], Value::Array(vec![]));
    for (command, sentence) in [
        ("peers", "No peers"),
        ("orders", "No orders"),
        ("trades", "No trades"),
        ("book", "no orders"),
        ("unsigned", "Nothing unsigned"),
    ] {
        let text = String::from_utf8(node.call(&[command]).stdout).unwrap();
        assert!(text.contains(sentence), "{command}: {text}");
    }
}

#[test]
fn every_known_address_is_shown_with_what_came_of_it() {
    // Nobody listens at port 1.
    let node = Node::start(&["--bootstrap", "127.0.0.1:1"]);
    let deadline = std::time::Instant::now() + common::PATIENCE;
    let peer = loop {
        let known = node.ask(&["peers", "--known"]);
        if known[0]["failures"].as_u64() > Some(0) {
            break known[0].clone();
        }
        assert!(std::time::Instant::now() < deadline, "{known}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    assert_eq!(peer["address"], "127.0.0.1:1");
    assert_eq!(peer["source"], "bootstrap");
    assert_eq!(peer["lastOutcome"], "connection_refused");
    assert!(peer["lastTried"].as_u64().is_some(), "{peer}");
    let text = String::from_utf8(node.call(&["peers", "--known"]).stdout).unwrap();
    for word in [
        "LAST DIAL",
        "127.0.0.1:1",
        "bootstrap",
        "connection_refused",
    ] {
        assert!(text.contains(word), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn sigterm_and_sigint_end_a_node_with_code_0_and_without_control_json() {
    for signal in ["TERM", "INT"] {
        let mut node = Node::start(&[]);
        assert_eq!(node.control()["address"], node.ready["controlAddress"]);
        let started = std::time::Instant::now();
        node.signal(signal);
        let (exit, said) = node.wait();
        assert_eq!(exit, Some(0), "{said}");
        assert!(started.elapsed().as_secs() < 10);
        assert!(!node.data_dir().join("control.json").exists());
        assert_eq!(node.refused(&["status"]).1, "NODE_NOT_RUNNING");
    }
}

#[test]
fn a_node_ends_with_its_parents_pipe_if_asked_to() {
    let dir = tempfile::tempdir().unwrap();
    let args = [QUIET, &["--until-stdin-closes"]].concat();
    let mut child = meshbook(dir.path(), &args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(line.contains("ready"), "{line}");
    drop(child.stdin.take());
    assert_eq!(wait(&mut child), Some(0));
}

#[test]
fn what_a_killed_node_leaves_behind_is_understood() {
    let mut node = Node::start(&["--user", "alice"]);
    node.child.kill().unwrap();
    node.child.wait().unwrap();
    assert!(node.data_dir().join("control.json").exists());
    let (exit, code, _) = node.refused(&["orders"]);
    assert_eq!((exit, code.as_str()), (1, "NODE_NOT_RUNNING"));
    // And it does not keep the next node from starting there.
    let mut child = meshbook(node.dir.path(), QUIET)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(ready["nodeId"], node.ready["nodeId"], "the key is kept");
    assert_eq!(node.ask(&["status"])["nodeId"], ready["nodeId"]);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn two_nodes_cannot_share_a_folder() {
    let node = Node::start(&[]);
    let (exit, code, _) = node.refused(QUIET);
    assert_eq!((exit, code.as_str()), (1, "ALREADY_RUNNING"));
    assert_eq!(node.ask(&["status"])["nodeId"], node.ready["nodeId"]);
}

#[test]
fn a_port_in_use_is_an_error() {
    let node = Node::start(&[]);
    let port = |key: &str| {
        let address = node.ready[key].as_str().unwrap();
        address.rsplit_once(':').unwrap().1.to_owned()
    };
    let dir = tempfile::tempdir().unwrap();
    // A later option overrides an earlier one.
    let taken = port("p2pAddress");
    let named = refused(dir.path(), &[QUIET, &["--port", &taken]].concat());
    assert_eq!(
        named,
        (1, "EADDRINUSE".to_owned(), Some("P2P_PORT".to_owned()))
    );

    let control = node.ready["controlAddress"].as_str().unwrap();
    let args = [QUIET, &["--control", control]].concat();
    let (exit, code, field) = refused(dir.path(), &args);
    assert_eq!((exit, code.as_str()), (1, "EADDRINUSE"));
    assert_eq!(field.as_deref(), Some("CONTROL_ADDR"));

    let (host, taken) = control.rsplit_once(':').unwrap();
    let metrics = ["--metrics-host", host, "--metrics-port", taken];
    let named = refused(dir.path(), &[QUIET, &metrics].concat());
    assert_eq!(
        named,
        (1, "EADDRINUSE".to_owned(), Some("METRICS_PORT".to_owned()))
    );
    let metrics = ["--metrics-host", "192.0.2.1", "--metrics-port", "9090"];
    let named = refused(dir.path(), &[QUIET, &metrics].concat());
    assert_eq!(
        named,
        (
            1,
            "EADDRNOTAVAIL".to_owned(),
            Some("METRICS_HOST".to_owned())
        )
    );
}

#[test]
fn options_outrank_variables_which_outrank_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = "exchange_pair = 'AAA/USD'\nuser_id = 'file'\nmax_peers = 7\n\
                meshbook_data_dir = 'of-the-file'\n";
    std::fs::write(dir.path().join("node.toml"), file).unwrap();
    std::fs::write(dir.path().join(".env"), "USER_ID=dotenv\nMAX_PEERS=8\n").unwrap();
    let args = [QUIET, &["--config", "node.toml", "--pair", "CCC/USD"]].concat();
    let mut child = meshbook(dir.path(), &args)
        .env("EXCHANGE_PAIR", "BBB/USD")
        .env("USER_ID", "variable")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(line.contains("of-the-file"), "{line}");
    let (_, status) = call_json(dir.path(), &["status", "--data-dir", "of-the-file"]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(status["pair"], "CCC/USD");
    assert_eq!(status["userId"], "variable");
}

#[test]
fn a_watched_book_is_shown_at_each_change_until_the_node_ends() {
    let mut node = Node::start(&[]);
    let mut watch = meshbook(node.dir.path(), &["book", "--watch", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["bids"], Value::Array(vec![]));
    let first = node.ask(&["buy", "1", "10"]);
    assert_eq!(next()["bids"][0]["price"], "10");
    node.ask(&["buy", "1", "11"]);
    assert_eq!(next()["bids"][0]["price"], "11");
    node.ask(&["cancel", first["orderId"].as_str().unwrap()]);
    assert_eq!(next()["bids"][1], Value::Null);
    node.signal("TERM");
    assert!(lines.next().is_none());
    assert_eq!(wait(&mut watch), Some(0));
    let said = std::io::read_to_string(watch.stderr.take().unwrap()).unwrap();
    assert!(said.contains("the node has stopped"), "{said}");
    assert_eq!(node.wait().0, Some(0));
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_watch_with_code_0() {
    let node = Node::start(&[]);
    let mut watch = meshbook(node.dir.path(), &["book", "--watch"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(watch.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(line.contains("no orders"), "{line}");
    let id = watch.id().to_string();
    let kill = std::process::Command::new("kill")
        .args(["-s", "INT", &id])
        .status();
    assert!(kill.unwrap().success());
    assert_eq!(wait(&mut watch), Some(0));
}

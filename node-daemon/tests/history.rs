//! What was, from running nodes and from stopped ones: `trades --since` and `export`.
#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

use common::{Node, call, meshbook, refused, wait};
use meshbook::node::{Order, Trade};
use serde_json::{Value, json};

/// More than one page.
const MANY: usize = 1100;

fn export(node: &Node, args: &[&str]) -> String {
    let output = node.call(&[&["export"], args].concat());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), said.as_str()),
        (Some(0), ""),
        "{args:?}"
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Every export that there is.
fn exports(node: &Node) -> Vec<String> {
    let mut all = Vec::new();
    for what in ["trades", "orders"] {
        for format in ["csv", "jsonl"] {
            all.push(export(node, &[what, "--format", format]));
        }
        all.push(export(node, &[what, "--own", "--since", "1d"]));
    }
    all
}

/// Trades of the node with itself, as fast as it takes them.
fn trade(node: &Node, times: usize) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let control = node.control();
    let url = format!("http://{}/v1/orders", control["address"].as_str().unwrap());
    let token = control["token"].as_str().unwrap().to_owned();
    runtime.block_on(async {
        let client = reqwest::Client::new();
        let place = |side: &'static str, amount: String| {
            let order = json!({ "side": side, "amount": amount, "price": "100" });
            let request = client.post(&url).bearer_auth(&token).json(&order);
            async move {
                let answer: Value = request.send().await.unwrap().json().await.unwrap();
                assert_eq!(answer["success"], true, "{answer}");
            }
        };
        place("sell", times.to_string()).await;
        let buying = (0..times).map(|_| place("buy", "1".to_owned()));
        let buying = futures_util::stream::iter(buying);
        futures_util::StreamExt::for_each_concurrent(buying, 16, |bought| bought).await;
    });
}

#[test]
fn what_was_is_exported_the_same_while_a_node_runs_after_a_kill_and_after_its_end() {
    let mut node = Node::start(&["--user", "alice"]);
    node.ask(&["sell", "2.5", "100.50"]);
    for _ in 0..2 {
        node.ask(&["buy", "1.00000001", "101", "--user", "bob"]);
    }
    let resting = node.ask(&["sell", "1", "300"])["orderId"].clone();
    let gone = node.ask(&["buy", "3", "7"])["orderId"].clone();
    node.ask(&["cancel", gone.as_str().unwrap()]);
    let first = exports(&node);

    let mut trades = first[0].lines();
    let names = "time,timestamp,id,pair,takerSide,amount,price,buyOrderId,sellOrderId,ownSide";
    assert_eq!(trades.next(), Some(names));
    assert!(first[0].split("\r\n").count() == 4 && first[0].ends_with("\r\n"));
    let trade: Vec<&str> = trades.next().unwrap().split(',').collect();
    assert_eq!(trade[3..7], ["BTC/USD", "buy", "1.00000001", "100.5"]);
    assert_eq!(trade[9], "both");
    assert!(
        trade[0].ends_with('Z') && trade[0].contains('T'),
        "{trade:?}"
    );
    let shown = node.ask(&["trades"]);
    let mut lines: Vec<Value> = first[1]
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    lines.reverse();
    assert!(
        lines
            .iter()
            .all(|line| line["pair"] == "BTC/USD" && line["ownSide"] == "both")
    );
    assert_eq!(
        Value::Array(lines),
        shown,
        "newest first there, oldest first here"
    );
    let own = &first[2];
    assert_eq!(*own, first[0], "all of them are its own");
    let orders: Vec<Order> = first[4]
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(orders.len(), 5);
    assert!(
        first[3].contains(",sell,2.5,2.00000002,100.5,partial,alice\r\n"),
        "{}",
        first[3]
    );
    assert!(
        first[3].contains(",buy,3,0,7,cancelled,alice\r\n"),
        "{}",
        first[3]
    );

    node.signal("KILL");
    wait(&mut node.child);
    assert_eq!(exports(&node), first, "from the folder of a killed node");
    let shown_by_folder: Value =
        serde_json::from_slice(&node.call(&["trades", "--json"]).stdout).unwrap();
    assert_eq!(shown_by_folder, shown);

    let mut again = node.again(&["--user", "alice"]);
    assert_eq!(exports(&again), first, "from the node that came back");
    let orders = again.ask(&["orders"]);
    assert!(
        orders.to_string().contains(resting.as_str().unwrap()),
        "{orders}"
    );
    again.ask(&["cancel", resting.as_str().unwrap()]);
    let later = exports(&again);
    assert_eq!(later[..3], first[..3]);
    again.signal("TERM");
    assert_eq!(again.wait().0, Some(0));
    assert_eq!(exports(&again), later, "from the folder of a stopped node");
}

#[test]
fn a_span_of_time_has_its_start_and_not_its_end() {
    let node = Node::start(&["--user", "alice"]);
    node.ask(&["sell", "3", "100"]);
    let mut times = Vec::new();
    for _ in 0..3 {
        let bought = node.ask(&["buy", "1", "100", "--user", "bob"]);
        times.push(bought["trades"][0]["timestamp"].as_u64().unwrap());
    }
    let csv = export(&node, &["trades"]);
    let iso = csv.lines().nth(2).unwrap().split(',').next().unwrap();
    let (since, until) = (times[1], times[2]);
    let wanted = times.iter().filter(|time| (since..until).contains(time));
    let wanted = wanted.count();
    let until = until.to_string();
    for since in [iso, &since.to_string()] {
        let args = [
            "trades", "--since", since, "--until", &until, "--format", "jsonl",
        ];
        assert_eq!(export(&node, &args).lines().count(), wanted, "{args:?}");
    }
    let since = |since: &str, limit: &str| -> Vec<Trade> {
        let shown = node.ask(&["trades", "--since", since, "--limit", limit]);
        serde_json::from_value(shown).unwrap()
    };
    assert_eq!(since("1h", "10").len(), 3);
    let newest = since(iso, "1");
    assert_eq!(newest.len(), 1);
    assert_eq!(newest[0].timestamp.0, times[2]);
    assert_eq!(since("2999-01-01", "10"), []);
    assert_eq!(
        node.ask(&["trades", "--own", "--limit", "2"])
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let text = String::from_utf8(node.call(&["trades", "--since", "2999-01-01"]).stdout).unwrap();
    assert_eq!(text, "No trades yet.\n");
}

#[test]
fn a_long_history_comes_in_pages_and_a_reader_may_stop_early() {
    let mut node = Node::start(&["--journal-sync", "off"]);
    trade(&node, MANY);
    let check = |node: &Node| {
        let lines = export(node, &["trades", "--format", "jsonl"]);
        let trades: Vec<Trade> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(trades.len(), MANY);
        assert!(trades.is_sorted_by_key(|trade| trade.timestamp));
        let limit = MANY - 1;
        let shown = node.ask(&["trades", "--limit", &limit.to_string()]);
        let mut shown: Vec<Trade> = serde_json::from_value(shown).unwrap();
        shown.reverse();
        assert_eq!(shown, trades[1..]);
        assert_eq!(export(node, &["orders"]).lines().count(), 1 + 1 + MANY);

        let mut child = meshbook(node.dir.path(), &["export", "trades"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut head = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        head.read_line(&mut line).unwrap();
        assert!(line.starts_with("time,"), "{line}");
        drop(head);
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
        lines
    };
    let running = check(&node);
    node.signal("TERM");
    assert_eq!(node.wait().0, Some(0));
    assert_eq!(check(&node), running);
}

#[test]
fn a_file_is_replaced_whole_or_not_at_all() {
    let node = Node::start(&[]);
    node.ask(&["sell", "1", "100"]);
    let file = node.dir.path().join("orders.csv");
    fs::write(&file, "old").unwrap();
    let done = node.ask(&["export", "orders", "--output", "orders.csv"]);
    assert_eq!(done["exported"], 1);
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(written, export(&node, &["orders"]));
    let said = node.call(&["export", "orders", "--output", "orders.csv"]);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.starts_with("1 orders written to "), "{said}");

    let nowhere = node.refused(&["export", "orders", "--output", "nowhere/orders.csv"]);
    assert_eq!(
        nowhere,
        (1, "OUTPUT".to_owned(), Some("--output".to_owned()))
    );
    // What can't be exported leaves the old file, and nothing beside it.
    fs::write(node.data_dir().join("control.json"), "{").unwrap();
    let failed = node.refused(&["export", "orders", "--output", "orders.csv"]);
    assert_eq!((failed.0, failed.1.as_str()), (1, "CONTROL_FILE"));
    assert_eq!(fs::read_to_string(&file).unwrap(), written);
    let mut left: Vec<PathBuf> = fs::read_dir(node.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into())
        .collect();
    left.sort();
    assert_eq!(left, [PathBuf::from(".meshbook"), "orders.csv".into()]);
}

#[test]
fn a_folder_that_another_process_holds_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(".meshbook");
    fs::create_dir_all(folder.join("journal")).unwrap();
    let lock = fs::File::create(folder.join("node.lock")).unwrap();
    lock.lock().unwrap();
    let (exit, code, _) = refused(dir.path(), &["trades"]);
    assert_eq!((exit, code.as_str()), (1, "DATA_DIR_IN_USE"));
    let output = call(dir.path(), &["export", "trades"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains(".meshbook is in use by another process") && output.stdout.is_empty(),
        "{said}"
    );
}

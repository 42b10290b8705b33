//! What other users of the machine, other programs and whoever started the node may do to it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod common;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Node, PATIENCE, QUIET, meshbook};

/// A loopback address that no other test uses, so that any port of it is free.
fn own_host() -> String {
    let [.., a, b] = std::process::id().to_be_bytes();
    let c: usize = std::thread::current()
        .name()
        .map_or(0, |name| name.bytes().map(usize::from).sum());
    format!("127.{a}.{b}.{}", 2 + c % 250)
}

/// A node that serves metrics.
fn observed(args: &[&str]) -> (Node, SocketAddr) {
    let host = own_host();
    let metrics = ["--metrics-host", &host, "--metrics-port", "9090"];
    let node = Node::start(&[&metrics[..], args].concat());
    let address = node.ready["metricsAddress"].as_str().unwrap();
    let address = address.parse().unwrap();
    (node, address)
}

/// What is answered to a request, head and all.
fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Log lines that were dropped because nobody read stderr.
fn dropped(metrics: SocketAddr) -> u64 {
    let page = get(metrics, "/metrics");
    let sample = "meshbook_log_lines_dropped_total{reason=\"unread\"} ";
    let line = page.lines().find_map(|line| line.strip_prefix(sample));
    line.unwrap_or_else(|| panic!("{page}")).parse().unwrap()
}

/// Causes log lines until nothing more fits where nobody reads.
fn fill_stderr(node: &Node, metrics: SocketAddr) {
    let p2p: SocketAddr = node.ready["p2pAddress"].as_str().unwrap().parse().unwrap();
    let control = node.ready["controlAddress"].as_str().unwrap();
    let control: SocketAddr = control.parse().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while dropped(metrics) == 0 {
        assert!(Instant::now() < deadline, "stderr is never full");
        for _ in 0..100 {
            for address in [p2p, control, metrics] {
                // The node may close it at once.
                if let Ok(mut stream) = TcpStream::connect(address) {
                    let _ = stream.write_all(b"\xff\xff\xff\xffnonsense\r\n\r\n");
                }
            }
        }
    }
}

/// Two users of this node trade.
fn trades(node: &Node) {
    node.ask(&["sell", "1", "100", "--user", "alice"]);
    let taken = node.ask(&["buy", "1", "100", "--user", "bob"]);
    assert_eq!(taken["trades"].as_array().unwrap().len(), 1, "{taken}");
}

#[test]
fn a_node_trades_while_nobody_reads_its_log_and_tells_afterwards_what_it_dropped() {
    let (mut node, metrics) = observed(&["--log-level", "trace"]);
    fill_stderr(&node, metrics);
    trades(&node);
    assert!(get(metrics, "/healthz").ends_with("ok\n"));

    let mut log = BufReader::new(node.child.stderr.take().unwrap()).lines();
    let told = log.find_map(|line| {
        let line = line.unwrap();
        let told = line.contains("dropped while nobody read stderr");
        told.then_some(line)
    });
    let told = told.unwrap();
    assert!(told.contains("WARN") && told.contains("dropped="), "{told}");
}

#[test]
fn a_full_stderr_does_not_hold_up_the_end() {
    let (mut node, metrics) = observed(&["--log-level", "trace"]);
    fill_stderr(&node, metrics);
    node.signal("TERM");
    assert_eq!(common::wait(&mut node.child), Some(0));
}

#[test]
fn connections_that_never_read_or_never_send_do_not_hold_up_health() {
    let (node, metrics) = observed(&[]);
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {metrics}\r\n\r\n");
    let mut held = Vec::new();
    for number in 0..200 {
        let mut stream = TcpStream::connect(metrics).unwrap();
        // One in two says nothing, and the others ask much and read nothing.
        if number % 2 == 0 {
            let _ = stream.write_all(request.repeat(64).as_bytes());
        }
        held.push(stream);
    }
    for _ in 0..10 {
        assert!(get(metrics, "/healthz").ends_with("ok\n"));
        assert!(get(metrics, "/metrics").contains("meshbook_peers"));
    }
    // None of them lasts, however little is wanted of the node.
    for stream in &mut held {
        assert_ends(stream);
    }
    drop(node);
}

/// Waits until the other side ends a connection.
fn assert_ends(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let ended = std::io::copy(stream, &mut std::io::sink());
    let reset = |error: &std::io::Error| error.kind() == ErrorKind::ConnectionReset;
    assert!(ended.as_ref().map_or_else(reset, |_| true), "{ended:?}");
}

#[test]
fn silent_connections_do_not_lock_the_owner_out_of_the_control_address() {
    let node = Node::start(&[]);
    let control: SocketAddr = node.control()["address"].as_str().unwrap().parse().unwrap();
    let mut held: Vec<TcpStream> = (0..300)
        .map(|number| {
            let mut stream = TcpStream::connect(control).unwrap();
            if number % 3 == 0 {
                let _ = stream.write_all(b"GET /v1/status HTTP/1.1\r\nHost: ");
            }
            stream
        })
        .collect();
    trades(&node);
    assert_eq!(node.ask(&["status"])["nodeId"], node.ready["nodeId"]);
    for stream in &mut held {
        assert_ends(stream);
    }
}

#[test]
fn nothing_in_the_data_directory_is_for_others() {
    let mut node = Node::start(&[]);
    trades(&node);
    node.ask(&["peers", "ban", "10.0.0.1", "--for", "1h"]);
    let dir = node.data_dir();
    let check = || {
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&dir), 0o700);
        let entries = std::fs::read_dir(&dir).unwrap();
        let paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        assert!(paths.iter().any(|path| path.ends_with("node.lock")));
        for path in paths {
            let wanted = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode(&path), wanted, "{}", path.display());
        }
    };
    check();
    node.signal("TERM");
    assert_eq!(common::wait(&mut node.child), Some(0));
    check();
}

#[test]
fn a_node_that_is_to_outlive_its_terminal_does() {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let plain = meshbook(dir.path(), QUIET);
    let mut command = std::process::Command::new("nohup");
    command.arg(plain.get_program()).args(plain.get_args());
    command.current_dir(dir.path()).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap());
    command.stdin(std::process::Stdio::null());
    let mut node = Node::started(dir, command);
    node.signal("HUP");
    trades(&node);
    node.signal("QUIT");
    assert_eq!(common::wait(&mut node.child), Some(0));
}

/// The first lines of the log that have one of these texts each, in this order, of a node that goes on
/// running.
fn logged(node: &mut Node, texts: &[&str]) -> Vec<String> {
    let mut log = BufReader::new(node.child.stderr.as_mut().unwrap()).lines();
    let find = |text: &&str| {
        let has = |line: &String| line.contains(text);
        log.find_map(|line| Some(line.unwrap()).filter(has))
            .unwrap()
    };
    texts.iter().map(find).collect()
}

#[test]
fn variables_of_other_programs_are_told_and_do_no_harm() {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let foreign = "DATABASE_URL=postgres://x\nGREETING=it's\nno variable\nLOG_FORMAT=pretty\n\
                   MESHBOOK_EXCHANGE_PAIR=ETH/USD\n";
    std::fs::write(dir.path().join(".env"), foreign).unwrap();
    let mut command = meshbook(dir.path(), QUIET);
    command.env("LOG_LEVEL", "WARNING").env("NETWORK", "bridge");
    command
        .env("MESHBOOK_USER_ID", "alice")
        .env("USER_ID", "bob");
    command.env("METRICS_PORT", "tcp://10.0.0.1:9090");
    let mut node = Node::started(Arc::clone(&dir), command);
    let status = node.ask(&["status"]);
    assert_eq!(
        (&status["network"], &status["pair"], &status["userId"]),
        (&"local".into(), &"ETH/USD".into(), &"alice".into())
    );
    for line in logged(&mut node, &["NETWORK", "LOG_FORMAT", "METRICS_PORT"]) {
        assert!(line.contains("WARN"), "{line}");
    }

    let ours = [("MESHBOOK_NETWORK", "bridge"), ("MAX_PEERS", "many")];
    for (name, text) in ours {
        let output = meshbook(dir.path(), QUIET)
            .env(name, text)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains(name) && said.contains(text), "{said}");
    }
}

#[test]
fn what_others_chose_cannot_drive_a_terminal_in_either_format() {
    for format in ["human", "json"] {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let mut command = meshbook(dir.path(), &[QUIET, &["--log-format", format]].concat());
        command.env("NETWORK", "a\u{202e}b\x1b[2J\nc\u{2028}d\u{200b}");
        let mut node = Node::started(dir, command);
        let line = logged(&mut node, &["NETWORK"]).remove(0);
        let clean = line.chars().all(|c| !meshbook::types::is_unprintable(c));
        assert!(clean, "{line:?}");
        assert!(line.contains("202e") && line.contains("2028"), "{line}");
    }
}

#[test]
fn a_log_line_that_comes_too_fast_is_left_out_and_counted() {
    let (node, metrics) = observed(&[]);
    let p2p: SocketAddr = node.ready["p2pAddress"].as_str().unwrap().parse().unwrap();
    let sample = "meshbook_log_lines_dropped_total{reason=\"rate\"} ";
    let deadline = Instant::now() + PATIENCE;
    loop {
        // A plain peer, which is logged when it comes and when it goes.
        for number in 0..50 {
            let mut stream = TcpStream::connect(p2p).unwrap();
            let text = format!(
                r#"{{"type":"handshake","nodeId":"stranger-{number}","version":"1.0.0","timestamp":1}}"#
            );
            let mut frame = u32::try_from(text.len()).unwrap().to_be_bytes().to_vec();
            frame.extend_from_slice(text.as_bytes());
            let _ = stream.write_all(&frame);
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            // Its answer means that it was taken up.
            let _ = stream.read(&mut [0; 64]);
        }
        let page = get(metrics, "/metrics");
        let count = page.lines().find_map(|line| line.strip_prefix(sample));
        if count.is_some_and(|count| count != "0") {
            break;
        }
        assert!(Instant::now() < deadline, "{page}");
    }
    trades(&node);
}

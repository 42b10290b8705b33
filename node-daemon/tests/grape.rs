//! The Grape inside a node.
#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use common::{Node, QUIET, refused};

/// The settings that run a Grape at these ports.
fn grape(dht_port: u16, api_port: u16) -> Vec<String> {
    let settings = [
        "embedded_grape=true".to_owned(),
        format!("grape_dht_port={dht_port}"),
        format!("grape_api_port={api_port}"),
    ];
    let options = settings.into_iter();
    options.flat_map(|set| ["--set".to_owned(), set]).collect()
}

fn args(options: &[String]) -> Vec<&str> {
    options.iter().map(String::as_str).collect()
}

/// A port that nobody has, for UDP or TCP.
fn free_port() -> u16 {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = tcp.local_addr().unwrap().port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// What the API answers.
fn ask(api: SocketAddr, path: &str, data: &str) -> String {
    let mut stream = TcpStream::connect(api).unwrap();
    stream.set_read_timeout(Some(common::PATIENCE)).unwrap();
    let body = format!("{{\"rid\":\"1\",\"data\":{data}}}");
    let head = format!("POST /{path} HTTP/1.1\r\nHost: x\r\nConnection: close");
    let length = body.len();
    write!(stream, "{head}\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    body.to_owned()
}

#[cfg(unix)]
#[test]
fn a_node_serves_a_grape_while_it_runs_and_takes_it_along() {
    let (dht, api) = (free_port(), free_port());
    let mut node = Node::start(&args(&grape(dht, api)));
    let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
    assert_eq!(node.ready["grapeDhtAddress"], at(dht).to_string());
    assert_eq!(node.ready["grapeApiAddress"], at(api).to_string());
    assert_eq!(ask(at(api), "announce", "[\"p2p_exchange\",4242]"), "1");
    let found = ask(at(api), "lookup", "\"p2p_exchange\"");
    assert_eq!(found, "[\"127.0.0.1:4242\"]");

    // A second one joins by the first.
    let mut options = grape(free_port(), free_port());
    let first = format!("grape_bootstrap_nodes=localhost:{dht}");
    options.extend(["--set".to_owned(), first]);
    let other = Node::start(&args(&options));
    let second = other.ready["grapeApiAddress"].as_str().unwrap().parse();
    let second = second.unwrap();
    let deadline = Instant::now() + common::PATIENCE;
    while ask(second, "lookup", "\"p2p_exchange\"") != found {
        assert!(
            Instant::now() < deadline,
            "the Grapes do not find each other"
        );
        std::thread::sleep(Duration::from_millis(20));
    }

    node.signal("TERM");
    let (exit, said) = node.wait();
    assert_eq!(exit, Some(0), "{said}");
    TcpListener::bind(at(api)).unwrap();
    UdpSocket::bind(at(dht)).unwrap();
}

#[test]
fn a_node_without_a_grape_says_so() {
    let node = Node::start(&[]);
    assert!(node.ready["grapeApiAddress"].is_null());
    assert!(node.ready["grapeDhtAddress"].is_null());
}

#[test]
fn a_port_that_the_grape_cannot_have_ends_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (tcp_port, udp_port) = (tcp.local_addr().unwrap(), udp.local_addr().unwrap());
    for (dht, api, field) in [
        (free_port(), tcp_port.port(), "GRAPE_API_PORT"),
        (udp_port.port(), free_port(), "GRAPE_DHT_PORT"),
    ] {
        let options = grape(dht, api);
        let line: Vec<&str> = QUIET
            .iter()
            .copied()
            .filter(|arg| *arg != "--json")
            .collect();
        let why = refused(dir.path(), &[line, args(&options)].concat());
        assert_eq!(why, (1, "EADDRINUSE".to_owned(), Some(field.to_owned())));
    }
}

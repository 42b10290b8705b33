//! What strangers throw at the ports, and what is left when it is over.
#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use meshbook_grape::{
    Grape, GrapeConfig, GrapeError, InfoHash, Item, OperationError, Protocol, RpcLimits, RpcServer,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);
const HERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn config() -> GrapeConfig {
    GrapeConfig {
        dht_port: 0,
        api_port: 0,
        ..GrapeConfig::default()
    }
}

async fn works(grape: &Grape) {
    let service = InfoHash::new(b"p2p_exchange").unwrap();
    let asked = async {
        assert_eq!(grape.announce(&service, 4242).await, Ok(1));
        let found = grape.lookup(&service).await.unwrap();
        assert_eq!(found, ["127.0.0.1:4242".parse().unwrap()]);
        let target = grape.put(Item::text("kept").unwrap()).await.unwrap();
        let item = grape.get(target).await.unwrap().unwrap();
        assert_eq!(item.to_text(), "kept");
        let body = "{\"data\":\"p2p_exchange\"}";
        let head = format!(
            "POST /lookup HTTP/1.1\r\nHost: x\r\nContent-Length: {}",
            body.len()
        );
        let request = format!("{head}\r\nConnection: close\r\n\r\n{body}");
        let answer = exchange(grape.addresses().api, request.as_bytes()).await;
        assert!(answer.ends_with("[\"127.0.0.1:4242\"]"), "{answer}");
    };
    timeout(PATIENCE, asked).await.expect("it answers in time");
}

/// Sends bytes and reads to the end.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may have seen enough before all is sent.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    let _ = read.expect("it comes to an end");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn floods_of_datagrams_leave_a_grape_working() {
    let grape = Grape::start(config()).await.unwrap();
    let dht = grape.addresses().dht;
    let flood = UdpSocket::bind(HERE).await.unwrap();
    let nested = vec![b'l'; 8000];
    let huge = b"d1:t18446744073709551615:aa1:y1:qe";
    let query = b"d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe";
    for number in 0..20_000_u32 {
        let garbage = number.to_be_bytes();
        for datagram in [&garbage[..], &nested, huge, query, b""] {
            flood.send_to(datagram, dht).await.unwrap();
        }
    }
    works(&grape).await;
    assert_eq!(grape.node_count().await, Ok(0), "who asked did not answer");
    grape.shutdown().await;
}

#[tokio::test]
async fn broken_and_slow_http_leaves_a_grape_working() {
    let grape = Grape::start(config()).await.unwrap();
    let api = grape.addresses().api;
    // More than may be connected, all of which say nothing.
    let mut silent = Vec::new();
    for _ in 0..130 {
        silent.push(TcpStream::connect(api).await.unwrap());
    }
    works(&grape).await;
    drop(silent);
    let endless = [
        &b"POST /put HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n"[..],
        &[b'x'; 400_000],
    ];
    let answer = exchange(api, &endless.concat()).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 413 "),
        "{answer}"
    );
    exchange(api, b"\0\0\0\0 what is this\r\n\r\n").await;
    exchange(api, &[b'A'; 1_000_000]).await;
    works(&grape).await;
    grape.shutdown().await;
}

#[tokio::test]
async fn requests_that_nobody_takes_are_turned_away() {
    let limits = RpcLimits {
        queue: 1,
        time_limit: PATIENCE,
        ..RpcLimits::default()
    };
    let (server, mut requests) = RpcServer::start(HERE, limits).await.unwrap();
    let address = server.address();
    let body = "[\"id\",\"key\",1]";
    let head = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}",
        body.len()
    );
    let request = format!("{head}\r\nConnection: close\r\n\r\n{body}").into_bytes();
    let waiting = tokio::spawn({
        let request = request.clone();
        async move { exchange(address, &request).await }
    });
    let first = requests.recv().await.unwrap();
    // One finds room in the queue and waits, and the other is turned away.
    let mut others = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let request = request.clone();
        others.spawn(async move { exchange(address, &request).await });
    }
    let third = others.join_next().await.unwrap().unwrap();
    assert!(third.ends_with("[\"id\",\"ERR_BUSY\",null]"), "{third}");
    first.reply(Ok(serde_json::value::to_raw_value(&5).unwrap()));
    assert!(waiting.await.unwrap().ends_with("[\"id\",null,5]"));
    drop(requests);
    let second = others.join_next().await.unwrap().unwrap();
    assert!(
        second.ends_with("[\"id\",\"ERR_NOT_ANSWERED\",null]"),
        "{second}"
    );
    server.shutdown().await;
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let udp = UdpSocket::bind(HERE).await.unwrap();
    let tcp = TcpListener::bind(HERE).await.unwrap();
    let of = |dht_port, api_port| GrapeConfig {
        dht_port,
        api_port,
        ..GrapeConfig::default()
    };
    let taken = udp.local_addr().unwrap();
    let error = Grape::start(of(taken.port(), 0)).await.unwrap_err();
    let text = format!("UDP port {} on 127.0.0.1 is in use", taken.port());
    assert_eq!(error.to_string(), text);
    let taken = tcp.local_addr().unwrap();
    let error = Grape::start(of(0, taken.port())).await.unwrap_err();
    let (protocol, address) = (Protocol::Tcp, taken);
    assert!(
        matches!(error, GrapeError::PortInUse { protocol: p, address: a } if p == protocol && a == address)
    );
    let mut nowhere = of(0, 0);
    nowhere.host = "no such host".to_owned();
    let error = Grape::start(nowhere).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("\"no such host\" is not allowed"),
        "{error}"
    );
}

#[tokio::test]
async fn a_grape_that_was_shut_down_leaves_its_ports_free() {
    let mut config = config();
    for _ in 0..3 {
        let grape = Grape::start(config.clone()).await.unwrap();
        let addresses = grape.addresses();
        // A client that keeps its connection does not hold it up.
        let idle = TcpStream::connect(addresses.api).await.unwrap();
        works(&grape).await;
        grape.shutdown().await;
        drop(idle);
        config.dht_port = addresses.dht.port();
        config.api_port = addresses.api.port();
        drop(UdpSocket::bind(addresses.dht).await.unwrap());
    }
    // Also one that is only dropped ends.
    drop(Grape::start(config.clone()).await.unwrap());
    let again = async {
        loop {
            match Grape::start(config.clone()).await {
                Ok(grape) => return grape,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    let grape = timeout(PATIENCE, again).await.expect("the ports come free");
    grape.shutdown().await;
}

#[tokio::test]
async fn who_waits_when_a_grape_ends_is_told() {
    // Nobody answers there, so the look-up waits.
    let nobody = UdpSocket::bind(HERE).await.unwrap();
    let mut config = config();
    let port = nobody.local_addr().unwrap().port();
    config.bootstrap = vec![meshbook_grape::BootstrapNode::new("127.0.0.1", port)];
    let grape = Grape::start(config).await.unwrap();
    let mut buffer = [0; 2000];
    nobody.recv_from(&mut buffer).await.unwrap();
    let api = grape.addresses().api;
    let body = "{\"data\":\"x\"}";
    let head = format!(
        "POST /lookup HTTP/1.1\r\nHost: x\r\nContent-Length: {}",
        body.len()
    );
    let request = format!("{head}\r\n\r\n{body}");
    let asked = tokio::spawn(async move { exchange(api, request.as_bytes()).await });
    // The look-up asks as well.
    nobody.recv_from(&mut buffer).await.unwrap();
    grape.shutdown().await;
    let answer = asked.await.unwrap();
    let error = format!("\"{}\"", OperationError::ShutDown);
    assert!(answer.ends_with(&error), "{answer}");
}

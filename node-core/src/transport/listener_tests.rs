//! The one port, from outside: what comes in as bytes and who gets it.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;
use crate::protocol::MAX_HTTP_HEAD;
use crate::types::PeerAddress;

const PATIENCE: Duration = Duration::from_secs(20);

async fn open(http: Option<Arc<dyn HttpHandler>>) -> (Box<dyn Listener>, SocketAddr) {
    let options = ListenOptions {
        slots: HandshakeSlots::new(HandshakeLimits::DEFAULT),
        max_frame: 1 << 20,
        direct: true,
        http,
    };
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let door = TcpTransport.listen(any, options).await.unwrap();
    let address = door.local_address();
    (door, address)
}

async fn accept(door: &mut dyn Listener) -> Arrival {
    timeout(PATIENCE, door.accept()).await.unwrap()
}

async fn refusal(door: &mut dyn Listener) -> &'static str {
    match accept(door).await {
        Arrival::Refused { reason, .. } => reason,
        Arrival::Connection(connection) => panic!("{connection:?}"),
    }
}

async fn first_frame(door: &mut dyn Listener) -> Bytes {
    let Arrival::Connection(mut connection) = accept(door).await else {
        panic!("refused");
    };
    connection.source.next().await.unwrap().unwrap()
}

async fn say(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // Whether it ends with a close or a reset is not what is asked here.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn one_port_takes_frames_and_websockets_at_the_same_time() {
    let (mut door, address) = open(None).await;
    let address = PeerAddress::from(address);
    let transports: [&dyn Transport; 2] = [&TcpTransport, &WebSocketTransport];
    for (transport, word) in transports.into_iter().zip(["one", "two"]) {
        let dial = async {
            let mut end = transport.dial(&address, 1000).await.unwrap();
            end.sink.send(Bytes::from(word)).await.unwrap();
            end
        };
        let (_end, got) = tokio::join!(dial, first_frame(&mut *door));
        assert_eq!(got, word.as_bytes());
    }
}

#[tokio::test]
async fn bytes_that_dribble_in_one_by_one_reach_the_right_handler_whole() {
    async fn dribble(address: SocketAddr, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        for byte in bytes {
            stream.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        stream
    }
    let (mut door, address) = open(None).await;
    let frame = dribble(address, b"\0\0\0\x05hello");
    let (_stream, got) = tokio::join!(frame, first_frame(&mut *door));
    assert_eq!(got, b"hello".as_slice());

    // The example key and answer of RFC 6455, section 1.3.
    let upgrade = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let (mut stream, arrival) = tokio::join!(dribble(address, upgrade), accept(&mut *door));
    assert!(matches!(arrival, Arrival::Connection(_)), "{arrival:?}");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");

    let request = dribble(address, b"POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
    let mut stream = request.await;
    let mut answer = String::new();
    stream.shutdown().await.unwrap();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
}

#[tokio::test]
async fn without_a_handler_a_request_is_told_what_this_port_is() {
    let (_door, address) = open(None).await;
    let answer = say(address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(
        answer.starts_with("HTTP/1.1 426 Upgrade Required\r\n"),
        "{answer}"
    );
    assert!(answer.contains("peer protocol"), "{answer}");
}

#[tokio::test]
async fn garbage_is_turned_away_at_once() {
    let (mut door, address) = open(None).await;
    for garbage in [
        &b"{\"type\":\"handshake\"}"[..],
        b"\x16\x03\x01",
        b"GETAWAY",
        b"\xff",
    ] {
        let (answer, reason) = tokio::join!(say(address, garbage), refusal(&mut *door));
        assert_eq!((answer.as_str(), reason), ("", "not_a_peer"));
    }
    let long = [&b"GET / HTTP/1.1\r\n"[..], &[b'a'; 2 * MAX_HTTP_HEAD]].concat();
    let (answer, reason) = tokio::join!(say(address, &long), refusal(&mut *door));
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert_eq!(reason, "http_head_too_long");
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_turned_away_in_time() {
    let (mut door, address) = open(None).await;
    let began = tokio::time::Instant::now();
    let _quiet = TcpStream::connect(address).await.unwrap();
    let mut half = TcpStream::connect(address).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
    for _ in 0..2 {
        assert_eq!(refusal(&mut *door).await, "silent");
    }
    assert!(began.elapsed() < SNIFF_TIME + Duration::from_secs(1));
}

/// Says back how the request began.
#[derive(Debug)]
struct Echo;

impl HttpHandler for Echo {
    fn serve(&self, mut stream: HttpStream) -> BoxFuture<'static, ()> {
        async move {
            let mut line = [0; 18];
            stream.read_exact(&mut line).await.unwrap();
            stream.write_all(&line).await.unwrap();
        }
        .boxed()
    }
}

#[tokio::test]
async fn a_handler_gets_the_request_from_its_first_byte_on() {
    let (_door, address) = open(Some(Arc::new(Echo))).await;
    let answer = say(address, b"GET /book HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(answer, "GET /book HTTP/1.1");
    let upgrade = b"GET /feed HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    assert_eq!(say(address, upgrade).await, "GET /feed HTTP/1.1");
}

#[tokio::test]
async fn the_oldest_newcomer_makes_room_and_is_told_of() {
    let options = ListenOptions {
        slots: HandshakeSlots::new(HandshakeLimits {
            at_once: 2,
            ..HandshakeLimits::DEFAULT
        }),
        max_frame: 1 << 20,
        direct: true,
        http: None,
    };
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut door = TcpTransport.listen(any, options).await.unwrap();
    let address = door.local_address();
    let mut oldest = TcpStream::connect(address).await.unwrap();
    let _newer = TcpStream::connect(address).await.unwrap();
    // Both hold a slot and say nothing; a third one comes in all the same.
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"\0\0\0\x02ok").await.unwrap();
    assert_eq!(refusal(&mut *door).await, "too_many_handshakes");
    assert_eq!(oldest.read(&mut [0]).await.unwrap(), 0, "it was closed");
    assert_eq!(first_frame(&mut *door).await, b"ok".as_slice());
}

#[test]
fn a_listener_survives_a_lack_of_file_handles() {
    // A process of its own, since the limit holds for all of a process.
    let this = std::env::current_exe().unwrap();
    let test = "transport::listener_tests::within_few_file_handles";
    let script = format!("ulimit -n 64 && exec \"$0\" --exact {test} --ignored --nocapture");
    let output = Command::new("sh")
        .arg("-c")
        .arg(script)
        .arg(this)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(text.contains("1 passed"), "{text}");
}

#[tokio::test]
#[ignore = "run by a_listener_survives_a_lack_of_file_handles, under a limit of its own"]
async fn within_few_file_handles() {
    let (mut door, address) = open(None).await;
    let mut held = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        held.push(file);
    }
    // One handle for the dialer's socket and none for the listener's.
    held.pop();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"\0\0\0\x02ok").await.unwrap();
    assert!(
        timeout(Duration::from_millis(300), door.accept())
            .await
            .is_err()
    );
    drop(held);
    assert_eq!(first_frame(&mut *door).await, b"ok".as_slice());
}

#[tokio::test]
async fn websocket_of_a_wrong_version_or_key_is_answered_in_http() {
    let (_door, address) = open(None).await;
    let request = |version: &str, key: &str| {
        format!(
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: {version}\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        )
    };
    let good = "dGhlIHNhbXBsZSBub25jZQ==";
    for version in ["8", "x", ""] {
        let answer = say(address, request(version, good).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
        assert!(answer.contains("Sec-WebSocket-Version: 13\r\n"), "{answer}");
    }
    for key in ["x", "", "dGhlIHNhbXBsZSBub25jZQ", "AAAA"] {
        let answer = say(address, request("13", key).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains("Sec-WebSocket-Key"), "{answer}");
    }
}

//! Frames that claim to be huge, and JSON that is deep, long or monstrous: to a port, in a plain
//! session, in a secured one, and in a WebSocket.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::lines::at_once;
use super::pace::Pace;
use super::stranger::Stranger;

/// Times a second in each line.
const RATE: u32 = 100;

/// How long is waited until the node has said what it thinks of it.
const PATIENCE: Duration = Duration::from_millis(500);

/// Nested so deep.
const DEPTH: usize = 10_000;

/// A long message, just below the longest that a node takes.
const LONG: usize = 1_000_000;

const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

/// A plain peer's handshake.
const HANDSHAKE: &str = r#"{"type":"handshake","nodeId":"stranger-NUMBER","version":"1.0.0","port":1,"capabilities":["order"],"timestamp":1}"#;

pub(super) async fn attack(stranger: Stranger) {
    let texts = texts();
    at_once(stranger.strength().sessions, |number| {
        let (stranger, texts) = (stranger.clone(), texts.clone());
        async move {
            match number % 4 {
                0 => at_the_port(stranger).await,
                1 => in_plain(stranger, texts).await,
                2 => in_secret(stranger, texts).await,
                _ => in_a_web_socket(stranger).await,
            }
        }
    })
    .await;
}

/// Claims without anything behind them.
async fn at_the_port(stranger: Stranger) {
    let mut pace = Pace::of(RATE);
    let claims: [u32; 6] = [u32::MAX, 1 << 31, (1 << 24) - 1, 1 << 20, 4097, 4096];
    for claim in claims.iter().cycle() {
        pace.take(1).await;
        let bytes = [&claim.to_be_bytes()[..], &[1; 64]].concat();
        if let Some(stream) = stranger.connect().await {
            send(stream, &stranger, &bytes).await;
        }
    }
}

/// Texts in a plain session.
async fn in_plain(stranger: Stranger, texts: Vec<Bytes>) {
    let mut pace = Pace::of(RATE);
    let huge = Bytes::from_static(&[b' '; 8]);
    let claims = [frame(&texts[0], u32::MAX), frame(&huge, (1 << 24) - 1)];
    let frames: Vec<Bytes> = texts
        .iter()
        .map(|text| frame(text, text.len() as u32))
        .collect();
    for (number, said) in frames.iter().chain(&claims).cycle().enumerate() {
        pace.take(1).await;
        let hello = HANDSHAKE.replace("NUMBER", &number.to_string());
        let hello = frame(hello.as_bytes(), hello.len() as u32);
        if let Some(stream) = stranger.connect().await {
            send(stream, &stranger, &[&hello[..], said].concat()).await;
        }
    }
}

/// Texts in a secured session.
async fn in_secret(stranger: Stranger, texts: Vec<Bytes>) {
    let mut pace = Pace::of(RATE);
    for text in texts.iter().cycle() {
        pace.take(1).await;
        let mut mouth = stranger.session().await.ignoring();
        // Until it is sent away, or for so long that it would have been.
        let said = async {
            while mouth.say(std::slice::from_ref(text)).await.is_ok() {
                tokio::time::sleep(PATIENCE / 10).await;
            }
        };
        let _ = timeout(PATIENCE, said).await;
        let _ = mouth.send_raw(&u32::MAX.to_be_bytes()).await;
    }
}

/// A WebSocket's frame that claims as much as its header can say, and as much as a node's own.
async fn in_a_web_socket(stranger: Stranger) {
    let mut pace = Pace::of(RATE);
    let claims: [u64; 4] = [1 << 62, 1 << 32, 1 << 20, 65_536];
    for claim in claims.iter().cycle() {
        pace.take(1).await;
        // A binary message, masked, with a length of 64 bits.
        let header = [&[0x82, 0xff][..], &claim.to_be_bytes(), &[0; 4]].concat();
        let Some(mut stream) = stranger.connect().await else {
            continue;
        };
        if stream.write_all(UPGRADE.as_bytes()).await.is_ok() {
            let _ = timeout(PATIENCE, stream.read(&mut [0; 1024])).await;
            send(stream, &stranger, &[&header[..], &[0; 256]].concat()).await;
        }
    }
}

/// Sends it and waits until the node has hung up, or for a while.
async fn send(mut stream: TcpStream, stranger: &Stranger, bytes: &[u8]) {
    let ended = async {
        stream.write_all(bytes).await?;
        stranger.tally().sent(1, bytes.len());
        while stream.read(&mut [0; 1024]).await? > 0 {}
        io::Result::Ok(())
    };
    let told = match timeout(PATIENCE, ended).await {
        Ok(_) => "hung up",
        Err(_) => "not hung up at once",
    };
    stranger.tally().told(told);
}

fn frame(payload: &[u8], claim: u32) -> Bytes {
    [&claim.to_be_bytes()[..], payload].concat().into()
}

/// JSON that is hard on whoever reads it.
fn texts() -> Vec<Bytes> {
    let nested = |open: &str, close: &str| {
        let (open, close) = (open.repeat(DEPTH), close.repeat(DEPTH));
        format!(r#"{{"type":"heartbeat","timestamp":1,"deep":{open}1{close}}}"#)
    };
    let list = |kind: &str, field: &str, item: &str| {
        let items = vec![item; LONG / (item.len() + 1) - 64].join(",");
        format!(r#"{{"type":"{kind}","nodeId":"me","timestamp":1,"{field}":[{items}]}}"#)
    };
    let digits = "9".repeat(LONG - 100);
    let texts = [
        nested("[", "]"),
        nested(r#"{"a":"#, "}"),
        "[".repeat(LONG),
        list("x_stmts", "stmts", "[]"),
        list("x_stmts", "stmts", r#"{"p":"","k":"","s":""}"#),
        list("x_trades", "trades", "{}"),
        list(
            "peerexchange",
            "peers",
            r#"{"address":"127.78.0.1","port":9}"#,
        ),
        list("orderbook_sync_response", "orders", "0"),
        format!(r#"{{"type":"heartbeat","timestamp":{digits}}}"#),
        r#"{"type":"heartbeat","timestamp":1e999999999}"#.to_owned(),
        format!(r#"{{"type":"{digits}"}}"#),
        format!(r#"{{"type":"order","order":{{"id":"{digits}","amount":"{digits}"}}}}"#),
    ];
    texts.map(Bytes::from).into()
}

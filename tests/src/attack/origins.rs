//! Requests as a web page of somebody else makes them in the browser of the node's user, at both
//! ports: WebSockets from a foreign origin, and names that resolve to this machine as long as it
//! suits their owner (DNS rebinding).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::lines::at_once;
use super::pace::Pace;
use super::stranger::Stranger;

/// Requests a second of each line.
const RATE: u32 = 200;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";

const ORDER: &str = r#"{"side":"buy","amount":"1","price":"1"}"#;

pub(super) async fn attack(stranger: Stranger) {
    let (peers, control) = (stranger.target().peers, stranger.target().control);
    at_once(stranger.strength().sessions, |number| {
        let stranger = stranger.clone();
        match number % 2 {
            0 => line(stranger, "peers", peers),
            _ => line(stranger, "control", control),
        }
    })
    .await;
}

async fn line(stranger: Stranger, port: &'static str, address: SocketAddr) {
    let mut pace = Pace::of(RATE);
    let all = requests(address);
    for (what, request) in all.iter().cycle() {
        pace.take(1).await;
        let answer = match timeout(PATIENCE, ask(&stranger, address, request)).await {
            Ok(Ok(Some(status))) => status,
            Ok(Ok(None)) => "no answer".to_owned(),
            Ok(Err(error)) => error.kind().to_string(),
            Err(_) => "silence".to_owned(),
        };
        stranger.tally().told(&format!("{port}, {what}: {answer}"));
    }
}

/// What is asked, and how.
fn requests(address: SocketAddr) -> Vec<(&'static str, String)> {
    let foreign = "Origin: https://evil.example\r\n";
    let rebound = "Host: evil.example\r\n";
    let here = format!("Host: {address}\r\n");
    let post = |host: &str, origin: &str| {
        let length = ORDER.len();
        format!(
            "POST /v1/orders HTTP/1.1\r\n{host}{origin}Content-Type: text/plain\r\n\
             Content-Length: {length}\r\n\r\n{ORDER}"
        )
    };
    vec![
        (
            "WebSocket, foreign origin",
            format!("GET / HTTP/1.1\r\n{here}{foreign}{UPGRADE}\r\n"),
        ),
        (
            "WebSocket, foreign host",
            format!("GET / HTTP/1.1\r\n{rebound}{foreign}{UPGRADE}\r\n"),
        ),
        (
            "events, foreign origin",
            format!("GET /v1/events HTTP/1.1\r\n{here}{foreign}{UPGRADE}\r\n"),
        ),
        (
            "GET, foreign host",
            format!("GET /v1/orders HTTP/1.1\r\n{rebound}\r\n"),
        ),
        ("POST, foreign origin", post(&here, foreign)),
        ("POST, foreign host", post(rebound, foreign)),
    ]
}

/// The status of the answer; `None` where there is none.
async fn ask(
    stranger: &Stranger,
    address: SocketAddr,
    request: &str,
) -> io::Result<Option<String>> {
    let Some(mut stream) = stranger.connect_to(address, None).await else {
        return Ok(None);
    };
    stream.write_all(request.as_bytes()).await?;
    stranger.tally().sent(1, request.len());
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    let status = std::str::from_utf8(&head[9..]).unwrap_or("nothing in HTTP");
    Ok(Some(status.to_owned()))
}

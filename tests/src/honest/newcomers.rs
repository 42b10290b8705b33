//! Whether somebody new who is honest gets a session.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::Persona;
use crate::secured::{now, shake_hands};

/// From one newcomer to the next.
const PAUSE: Duration = Duration::from_secs(1);

/// A newcomer gives up after this.
const PATIENCE: Duration = Duration::from_secs(5);

/// Newcomers, one after the other, each of whom leaves again at once.
#[derive(Debug)]
pub struct Newcomers {
    stop: watch::Sender<bool>,
    coming: JoinHandle<Welcome>,
}

/// How they fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Welcome {
    /// How many came.
    pub came: u64,
    /// How many of them got a session.
    pub stayed: u64,
}

impl Newcomers {
    /// They come from now on.
    #[must_use]
    pub fn to(node: SocketAddr) -> Self {
        let stop = watch::Sender::new(false);
        let stopped = stop.subscribe();
        let coming = tokio::spawn(async move {
            let mut so_far = Welcome::default();
            while !*stopped.borrow() {
                so_far.came += 1;
                so_far.stayed += u64::from(is_let_in(node).await);
                sleep(PAUSE).await;
            }
            so_far
        });
        Self { stop, coming }
    }

    /// Nobody comes any more.
    ///
    /// # Panics
    /// Never: they don't.
    pub async fn stop(self) -> Welcome {
        self.stop.send_replace(true);
        self.coming.await.expect("they come to an end")
    }
}

async fn is_let_in(node: SocketAddr) -> bool {
    // A key that nobody has used: what is against an attacker is not against this one.
    let mut seed = [0x5e; 32];
    seed[..8].copy_from_slice(&now().wall.0.to_be_bytes());
    let who = Persona::of_seed(seed);
    let session = async {
        let mut stream = TcpStream::connect(node).await.ok()?;
        shake_hands(&mut stream, &who).await.ok()
    };
    matches!(timeout(PATIENCE, session).await, Ok(Some(_)))
}

//! Who attacks: somebody with any number of keys, and with addresses in a few networks.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use rand::RngExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use super::chance::chance;
use super::session::Session;
use super::tally::{Deeds, Tally};
use super::{Strength, Target};
use crate::Persona;

/// How long a stranger waits for a connection or a session.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pause after one didn't come about.
const PAUSE: Duration = Duration::from_millis(5);

/// Subnets (/24) that a stranger's addresses are in, and addresses in each.
const SUBNETS: u32 = 4;
const HOSTS: u32 = 250;

/// An attacker. Clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct Stranger {
    target: Target,
    strength: Strength,
    tally: Arc<Tally>,
    keys: Arc<AtomicU32>,
    sources: Arc<AtomicU32>,
}

impl Stranger {
    pub(super) fn new(target: Target, strength: Strength) -> Self {
        Self {
            target,
            strength,
            tally: Arc::default(),
            // Other keys each time, as bans last.
            keys: Arc::new(AtomicU32::new(chance().random())),
            sources: Arc::default(),
        }
    }

    pub(super) const fn target(&self) -> Target {
        self.target
    }

    pub(super) const fn strength(&self) -> Strength {
        self.strength
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(super) fn deeds(&self) -> Deeds {
        self.tally.deeds()
    }

    /// A key that it has not used before.
    pub(super) fn key(&self) -> Persona {
        Persona::numbered(self.keys.fetch_add(1, Relaxed))
    }

    /// A connection to the peers' port, from the next of its addresses.
    pub(super) async fn connect(&self) -> Option<TcpStream> {
        self.connect_to(self.target.peers, None).await
    }

    /// A connection with a receive buffer of so many bytes, as far as the system takes that.
    pub(super) async fn connect_to(
        &self,
        to: SocketAddr,
        receive_buffer: Option<u32>,
    ) -> Option<TcpStream> {
        let connect = async {
            let socket = TcpSocket::new_v4()?;
            if let Some(size) = receive_buffer {
                socket.set_recv_buffer_size(size)?;
            }
            socket.bind(self.source())?;
            socket.connect(to).await
        };
        let connected: io::Result<TcpStream> = match timeout(PATIENCE, connect).await {
            Ok(connected) => connected,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        match connected {
            Ok(stream) => {
                self.tally.connected();
                Some(stream)
            }
            Err(error) => {
                self.tally.told(&format!("no connection: {error}"));
                sleep(PAUSE).await;
                None
            }
        }
    }

    /// A session under a fresh key; tries until there is one.
    pub(super) async fn session(&self) -> Session {
        self.session_of(&self.key()).await
    }

    /// A session under this key; tries until there is one.
    pub(super) async fn session_of(&self, who: &Persona) -> Session {
        loop {
            if let Some(session) = self.open_session(who, None).await {
                return session;
            }
        }
    }

    /// A session under a fresh key, unless it is refused.
    pub(super) async fn try_session(&self, receive_buffer: Option<u32>) -> Option<Session> {
        self.open_session(&self.key(), receive_buffer).await
    }

    async fn open_session(&self, who: &Persona, receive_buffer: Option<u32>) -> Option<Session> {
        let stream = self.connect_to(self.target.peers, receive_buffer).await?;
        let opened = Session::open(stream, who, Arc::clone(&self.tally));
        let why = match timeout(PATIENCE, opened).await {
            Ok(Ok(session)) => {
                self.tally.session();
                return Some(session);
            }
            Ok(Err(error)) => error.reason(),
            Err(_) => "no answer",
        };
        self.tally.told(&format!("no session: {why}"));
        sleep(PAUSE).await;
        None
    }

    /// Every address of 127.0.0.0/8 is this machine's on Linux; elsewhere only one is.
    fn source(&self) -> SocketAddr {
        let number = self.sources.fetch_add(1, Relaxed) % (SUBNETS * HOSTS);
        let ip = if cfg!(target_os = "linux") {
            let base = u32::from(Ipv4Addr::new(127, 66, 0, 1));
            Ipv4Addr::from(base + (number % SUBNETS) * 256 + number / SUBNETS)
        } else {
            Ipv4Addr::LOCALHOST
        };
        (ip, 0).into()
    }
}

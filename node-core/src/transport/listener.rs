//! One port for everybody: frames, WebSockets and plain HTTP.

use std::fmt;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{debug, warn};

use super::connection::{Arrival, ListenOptions, Listener};
use super::http::{self, MAX_HTTP_CONNECTIONS};
use super::replay::{HttpStream, Replay};
use super::slots::HandshakeSlot;
use super::sniff::{SNIFF_TIME, Speech, sniff};
use super::{tcp, websocket};
use crate::types::PeerAddress;

/// Arrivals that wait to be accepted. Every connection among them holds a slot; refusals above
/// this are not told.
const ARRIVALS: usize = 128;
/// The pause after the system could not accept, which mostly is a lack of file handles.
const PAUSE: Duration = Duration::from_millis(100);

/// Listens on a TCP port and tells newcomers apart.
pub(super) struct SocketListener {
    local: SocketAddr,
    arrivals: mpsc::Receiver<Arrival>,
    task: JoinHandle<()>,
    // Tells the task to end, also when the listener is only dropped.
    stop: DropGuard,
}

impl SocketListener {
    pub(super) async fn bind(
        address: SocketAddr,
        options: ListenOptions,
    ) -> io::Result<Box<dyn Listener>> {
        let socket = TcpListener::bind(address).await?;
        let local = socket.local_addr()?;
        let (sender, arrivals) = mpsc::channel(ARRIVALS);
        let door = Arc::new(Door {
            options,
            http: Arc::new(Semaphore::new(MAX_HTTP_CONNECTIONS)),
            arrivals: sender,
        });
        let stop = CancellationToken::new();
        let task = tokio::spawn(accept_until(stop.clone(), socket, door));
        Ok(Box::new(Self {
            local,
            arrivals,
            task,
            stop: stop.drop_guard(),
        }))
    }
}

impl Listener for SocketListener {
    fn local_address(&self) -> SocketAddr {
        self.local
    }

    fn accept(&mut self) -> BoxFuture<'_, Arrival> {
        async {
            match self.arrivals.recv().await {
                Some(arrival) => arrival,
                // The accepting task ends only with the runtime, and this wait with it.
                None => pending().await,
            }
        }
        .boxed()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        async {
            let Self { task, stop, .. } = *self;
            drop(stop);
            // Fails only if the task panicked or the runtime is going down: ended either way.
            let _ = task.await;
        }
        .boxed()
    }
}

impl fmt::Debug for SocketListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketListener")
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}

/// What every newcomer meets.
struct Door {
    options: ListenOptions,
    http: Arc<Semaphore>,
    arrivals: mpsc::Sender<Arrival>,
}

async fn accept_until(stop: CancellationToken, socket: TcpListener, door: Arc<Door>) {
    let mut newcomers = JoinSet::new();
    stop.run_until_cancelled(accept_all(&socket, &door, &mut newcomers))
        .await;
    drop(socket);
    newcomers.shutdown().await;
}

async fn accept_all(socket: &TcpListener, door: &Arc<Door>, newcomers: &mut JoinSet<()>) {
    let mut in_trouble = false;
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            Some(_) = newcomers.join_next() => continue,
        };
        match accepted {
            Ok((stream, remote)) => {
                in_trouble = false;
                match door.options.slots.take(remote.ip()) {
                    Ok(slot) => {
                        newcomers.spawn(Arc::clone(door).let_in(stream, remote, slot));
                    }
                    Err(reason) => door.refuse(remote, reason),
                }
            }
            // That one is gone already; the next one may be there.
            Err(error) if is_about_one(&error) => {}
            Err(error) => {
                if !in_trouble {
                    warn!(%error, "cannot accept connections, and keeps trying");
                }
                in_trouble = true;
                sleep(PAUSE).await;
            }
        }
    }
}

fn is_about_one(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

impl Door {
    fn refuse(&self, remote: SocketAddr, reason: &'static str) {
        debug!(%remote, reason, "refused a connection");
        let remote = PeerAddress::from(remote);
        // A flood of refusals isn't worth more memory than this.
        let _ = self.arrivals.try_send(Arrival::Refused { remote, reason });
    }

    async fn let_in(self: Arc<Self>, stream: TcpStream, remote: SocketAddr, slot: HandshakeSlot) {
        let evicted = slot.evicted();
        let welcome = evicted.run_until_cancelled(self.welcome(stream, remote, slot));
        let welcomed = timeout(SNIFF_TIME, welcome).await;
        let welcomed = welcomed.map(|welcomed| welcomed.unwrap_or(Err("too_many_handshakes")));
        let reason = match welcomed {
            Ok(Ok(None)) => return,
            Ok(Ok(Some((stream, _permit)))) => {
                // No part of the time limit on newcomers: from here on it is the handler's.
                match &self.options.http {
                    Some(handler) => handler.serve(stream).await,
                    None => http::explain(stream).await,
                }
                return;
            }
            Ok(Err(reason)) => reason,
            Err(_) => "silent",
        };
        self.refuse(remote, reason);
    }

    /// Hands a peer on, or gives back the stream of an HTTP request.
    async fn welcome(
        &self,
        mut stream: TcpStream,
        remote: SocketAddr,
        slot: HandshakeSlot,
    ) -> Result<Option<(HttpStream, OwnedSemaphorePermit)>, &'static str> {
        let gone = |_| "gone";
        stream.set_nodelay(true).map_err(gone)?;
        let (speech, head) = sniff(&mut stream).await.map_err(gone)?;
        let address = PeerAddress::from(remote);
        let connection = match speech {
            Speech::Frames | Speech::WebSocket if !self.options.direct => {
                http::not_direct(Replay::new(head, stream)).await;
                return Err("not_direct");
            }
            Speech::Frames => tcp::connection(head, stream, address, Some(slot)),
            Speech::WebSocket => {
                let max_frame = self.options.max_frame;
                websocket::accept(head, stream, address, slot, max_frame)
                    .await
                    .map_err(|error| error.label())?
            }
            Speech::BadUpgrade(error) => {
                http::bad_upgrade(Replay::new(head, stream), error).await;
                return Err("bad_upgrade");
            }
            Speech::Http => {
                let stream = Replay::new(head, stream);
                let Ok(permit) = Arc::clone(&self.http).try_acquire_owned() else {
                    http::refuse(stream).await;
                    return Err("too_many_http_connections");
                };
                return Ok(Some((stream, permit)));
            }
            Speech::HeadTooLong => {
                http::too_long(Replay::new(head, stream)).await;
                return Err("http_head_too_long");
            }
            Speech::Unknown => return Err("not_a_peer"),
        };
        // Fails only when the listener goes, which then drops the connection.
        let _ = self.arrivals.send(Arrival::Connection(connection)).await;
        Ok(None)
    }
}

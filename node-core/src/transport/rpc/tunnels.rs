//! The listening side's tunnels.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::SinkExt;
use meshbook_grape::{RpcAnswer, RpcRequest};
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, timeout};

use super::wire::{Ask, Call, Given, next_batch, raw, unpack};
use super::{HOLD_TIME, MAX_TUNNELS, TUNNEL_SILENCE};
use crate::transport::framed::MAX_FRAME;
use crate::transport::memory::MemoryTransport;
use crate::transport::{
    Arrival, Connection, FrameSink, FrameSource, HandshakeSlot, HandshakeSlots,
};
use crate::types::PeerAddress;

/// How long frames may take to be read by the node behind a tunnel.
const PUSH_TIME: Duration = Duration::from_secs(4);

/// One tunnel. Its inner end's partner is a connection of the node.
struct Tunnel {
    incoming: Mutex<Incoming>,
    outgoing: Mutex<Box<dyn FrameSource>>,
    asked: StdMutex<Instant>,
}

struct Incoming {
    /// None once nothing more comes.
    sink: Option<Box<dyn FrameSink>>,
    /// The number of the next batch.
    next: u64,
}

/// All tunnels into one node.
pub(super) struct Tunnels {
    open: StdMutex<HashMap<String, Arc<Tunnel>>>,
    slots: Arc<HandshakeSlots>,
    arrivals: mpsc::Sender<Arrival>,
}

impl Tunnels {
    pub(super) fn new(slots: Arc<HandshakeSlots>, arrivals: mpsc::Sender<Arrival>) -> Self {
        Self {
            open: StdMutex::default(),
            slots,
            arrivals,
        }
    }

    /// Answers a request, once there is something to say. A tunnel whose dialer doesn't wait for
    /// that is at its end: what was for it is lost.
    pub(super) async fn serve(&self, call: Call, mut request: RpcRequest) {
        let (id, from) = (call.tunnel.clone(), request.from);
        tokio::select! {
            answer = self.answer(call, from) => request.reply(answer),
            () = request.abandoned() => {
                self.lock().remove(&id);
            }
        }
    }

    async fn answer(&self, call: Call, from: SocketAddr) -> RpcAnswer {
        let Call {
            tunnel: id, ask, ..
        } = call;
        let answered = match ask {
            Ask::Push {
                number,
                frames,
                last,
            } => {
                let tunnel = match number {
                    0 => self.open(&id, from).await?,
                    _ => self.find(&id)?,
                };
                tunnel.push(number, &frames, last).await
            }
            Ask::Pull => self.find(&id)?.pull().await,
        };
        match answered {
            Ok(given) => {
                if given.last {
                    self.lock().remove(&id);
                }
                Ok(raw(&given))
            }
            Err(reason) => {
                self.lock().remove(&id);
                Err(reason.to_owned())
            }
        }
    }

    fn find(&self, id: &str) -> Result<Arc<Tunnel>, String> {
        let found = self.lock().get(id).cloned();
        let tunnel = found.ok_or_else(|| "ERR_NO_TUNNEL".to_owned())?;
        *lock(&tunnel.asked) = Instant::now();
        Ok(tunnel)
    }

    /// A new tunnel, whose connection has arrived.
    async fn open(&self, id: &str, from: SocketAddr) -> Result<Arc<Tunnel>, String> {
        let remote = PeerAddress::from(from);
        let slot = match self.slots.take(from.ip()) {
            Ok(slot) => slot,
            Err(reason) => {
                let refused = Arrival::Refused { remote, reason };
                // A flood of refusals isn't worth more memory than this.
                let _ = self.arrivals.try_send(refused);
                return Err("ERR_BUSY".to_owned());
            }
        };
        let (tunnel, connection) = Tunnel::new(remote, slot);
        {
            let mut open = self.lock();
            if open.len() >= MAX_TUNNELS || open.contains_key(id) {
                return Err("ERR_BUSY".to_owned());
            }
            open.insert(id.to_owned(), Arc::clone(&tunnel));
        }
        // Fails only when the listener goes, which takes the tunnels along.
        let _ = self.arrivals.send(Arrival::Connection(connection)).await;
        Ok(tunnel)
    }

    /// Gives up the tunnels of which nothing is asked any more.
    pub(super) fn expire(&self) {
        let now = Instant::now();
        self.lock()
            .retain(|_, tunnel| now.duration_since(*lock(&tunnel.asked)) < TUNNEL_SILENCE);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Tunnel>>> {
        lock(&self.open)
    }
}

impl Tunnel {
    fn new(remote: PeerAddress, slot: HandshakeSlot) -> (Arc<Self>, Connection) {
        let (inner, mut connection) = MemoryTransport::pair(remote.clone(), remote);
        connection.slot = Some(slot);
        let Connection {
            mut source, sink, ..
        } = inner;
        source.set_limit(MAX_FRAME);
        let tunnel = Self {
            incoming: Mutex::new(Incoming {
                sink: Some(sink),
                next: 0,
            }),
            outgoing: Mutex::new(source),
            asked: StdMutex::new(Instant::now()),
        };
        (Arc::new(tunnel), connection)
    }

    async fn push(
        &self,
        number: u64,
        frames: &[String],
        last: bool,
    ) -> Result<Given, &'static str> {
        let frames = unpack(frames).ok_or("ERR_FRAMES")?;
        let mut incoming = self.incoming.lock().await;
        if number != incoming.next {
            return Err("ERR_ORDER");
        }
        incoming.next += 1;
        let Some(sink) = &mut incoming.sink else {
            return Err("ERR_CLOSED");
        };
        let taken = timeout(PUSH_TIME, async {
            for frame in frames {
                sink.feed(frame).await?;
            }
            sink.flush().await
        });
        let closed = match taken.await {
            Ok(taken) => taken.is_err(),
            Err(_) => return Err("ERR_STALLED"),
        };
        if last {
            incoming.sink = None;
        }
        Ok(Given {
            frames: Vec::new(),
            last: closed,
        })
    }

    async fn pull(&self) -> Result<Given, &'static str> {
        let mut outgoing = self.outgoing.lock().await;
        let batch = timeout(HOLD_TIME, next_batch(&mut **outgoing)).await;
        *lock(&self.asked) = Instant::now();
        let (frames, last) = batch.unwrap_or_default();
        Ok(Given { frames, last })
    }
}

/// The values here are whole between two calls, whatever panics elsewhere.
fn lock<T>(mutex: &StdMutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

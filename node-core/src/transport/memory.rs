//! A network inside one process: for simulations, tests, and several nodes in one program.

use std::collections::HashMap;
use std::fmt;
use std::future::{pending, ready as ready_now};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, Sink, Stream};
use tokio::sync::mpsc;
use tokio_util::sync::PollSender;

use super::connection::{
    Arrival, Connection, FrameSource, ListenOptions, Listener, Transport, TransportError,
};
use super::framed::{FIRST_LIMIT, MAX_FRAME};
use super::slots::HandshakeSlot;
use crate::types::PeerAddress;

/// Frames on their way in one direction of a connection.
pub const MEMORY_FRAMES: usize = 64;
/// Connections that wait to be accepted at one listener.
const BACKLOG: usize = 128;
/// The first port that is given to a listener that asks for any, and to dialers.
const FIRST_PORT: u16 = 49152;

/// A network of its own: what is dialed here is what listens here. Clones are the same network.
#[derive(Clone, Default)]
pub struct MemoryTransport(Arc<Mutex<Net>>);

#[derive(Default)]
struct Net {
    listeners: HashMap<SocketAddr, Place>,
    ports: u16,
}

#[derive(Clone)]
struct Place {
    arrivals: mpsc::Sender<Arrival>,
    options: ListenOptions,
}

impl Net {
    /// A port that nobody was given lately.
    fn port(&mut self) -> u16 {
        self.ports = self.ports.wrapping_add(1) % (u16::MAX - FIRST_PORT);
        FIRST_PORT + self.ports
    }
}

impl MemoryTransport {
    /// A network with nobody in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Two ends of one connection, each with its `remote` address.
    #[must_use]
    pub fn pair(dialed: PeerAddress, dialer: PeerAddress) -> (Connection, Connection) {
        ends(dialed, dialer, None)
    }

    fn lock(&self) -> MutexGuard<'_, Net> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, address: SocketAddr, options: ListenOptions) -> io::Result<Box<dyn Listener>> {
        let mut net = self.lock();
        let mut local = address;
        while local.port() == 0 {
            let port = net.port();
            if !net
                .listeners
                .contains_key(&SocketAddr::new(address.ip(), port))
            {
                local.set_port(port);
            }
        }
        if net.listeners.contains_key(&local) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let (sender, arrivals) = mpsc::channel(BACKLOG);
        let place = Place {
            arrivals: sender,
            options,
        };
        net.listeners.insert(local, place);
        let net = self.clone();
        Ok(Box::new(MemoryListener {
            local,
            arrivals,
            net,
        }))
    }

    /// Who listens where `address` leads: at that address, or at all addresses of that port.
    fn find(&self, address: &PeerAddress) -> Option<(Place, SocketAddr)> {
        let mut net = self.lock();
        let ip = match address.host() {
            "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            _ => address.ip()?,
        };
        let exact = SocketAddr::new(ip, address.port());
        let any = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
        let place = net
            .listeners
            .get(&exact)
            .or_else(|| net.listeners.get(&any))?;
        let place = place.clone();
        Some((
            place,
            SocketAddr::new(Ipv4Addr::LOCALHOST.into(), net.port()),
        ))
    }
}

impl Transport for MemoryTransport {
    fn listen(
        &self,
        address: SocketAddr,
        options: ListenOptions,
    ) -> BoxFuture<'_, io::Result<Box<dyn Listener>>> {
        async move { self.open(address, options) }.boxed()
    }

    fn dial(
        &self,
        address: &PeerAddress,
        _max_frame: usize,
    ) -> BoxFuture<'static, Result<Connection, TransportError>> {
        let (net, address) = (self.clone(), address.clone());
        async move {
            let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
            let (place, from) = net.find(&address).ok_or_else(refused)?;
            let remote = PeerAddress::from(from);
            let slot = match place.options.slots.take(from.ip()) {
                Ok(slot) => slot,
                Err(reason) => {
                    let _ = place.arrivals.try_send(Arrival::Refused { remote, reason });
                    return Err(TransportError::Closed);
                }
            };
            let (ours, theirs) = ends(address, remote, Some(slot));
            let arrival = Arrival::Connection(theirs);
            place.arrivals.send(arrival).await.map_err(|_| refused())?;
            Ok(ours)
        }
        .boxed()
    }
}

impl fmt::Debug for MemoryTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTransport")
            .field("listeners", &self.lock().listeners.len())
            .finish()
    }
}

struct MemoryListener {
    local: SocketAddr,
    arrivals: mpsc::Receiver<Arrival>,
    net: MemoryTransport,
}

impl Listener for MemoryListener {
    fn local_address(&self) -> SocketAddr {
        self.local
    }

    fn accept(&mut self) -> BoxFuture<'_, Arrival> {
        async {
            match self.arrivals.recv().await {
                Some(arrival) => arrival,
                None => pending().await,
            }
        }
        .boxed()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        drop(self);
        ready_now(()).boxed()
    }
}

impl Drop for MemoryListener {
    fn drop(&mut self) {
        self.net.lock().listeners.remove(&self.local);
    }
}

impl fmt::Debug for MemoryListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryListener")
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}

fn ends(
    dialed: PeerAddress,
    dialer: PeerAddress,
    slot: Option<HandshakeSlot>,
) -> (Connection, Connection) {
    let (to_listener, from_dialer) = mpsc::channel(MEMORY_FRAMES);
    let (to_dialer, from_listener) = mpsc::channel(MEMORY_FRAMES);
    let end = |frames, sender, remote, slot| Connection {
        source: Box::new(MemorySource {
            frames,
            limit: FIRST_LIMIT,
            ended: false,
        }),
        sink: Box::new(MemorySink(PollSender::new(sender))),
        remote,
        slot,
    };
    (
        end(from_listener, to_listener, dialed, None),
        end(from_dialer, to_dialer, dialer, slot),
    )
}

struct MemorySource {
    frames: mpsc::Receiver<Bytes>,
    limit: usize,
    ended: bool,
}

impl Stream for MemorySource {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let frame = ready!(this.frames.poll_recv(cx));
        Poll::Ready(match frame {
            Some(frame) if frame.len() > this.limit => {
                this.ended = true;
                Some(Err(TransportError::TooLarge {
                    length: frame.len(),
                    limit: this.limit,
                }))
            }
            frame => frame.map(Ok),
        })
    }
}

impl FrameSource for MemorySource {
    fn set_limit(&mut self, bytes: usize) {
        self.limit = bytes.min(MAX_FRAME);
    }
}

impl fmt::Debug for MemorySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySource")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

struct MemorySink(PollSender<Bytes>);

impl Sink<Bytes> for MemorySink {
    type Error = TransportError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let polled = self.get_mut().0.poll_reserve(cx);
        polled.map_err(|_| TransportError::Closed)
    }

    fn start_send(self: Pin<&mut Self>, frame: Bytes) -> Result<(), TransportError> {
        if frame.len() > MAX_FRAME {
            return Err(TransportError::TooLarge {
                length: frame.len(),
                limit: MAX_FRAME,
            });
        }
        let sent = self.get_mut().0.send_item(frame);
        sent.map_err(|_| TransportError::Closed)
    }

    /// What was sent is with the peer already.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.get_mut().0.close();
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for MemorySink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySink").finish_non_exhaustive()
    }
}

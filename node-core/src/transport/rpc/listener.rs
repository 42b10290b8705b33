//! The listening side: the RPC on the port of the peers.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use meshbook_grape::{RpcDesk, RpcLimits, RpcRequest};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::tunnels::Tunnels;
use super::wire::Call;
use super::{HELLO, MAX_BODY, TUNNEL_SILENCE};
use crate::protocol::http_head;
use crate::transport::http::{self, HttpHandler};
use crate::transport::replay::HttpStream;
use crate::transport::{Arrival, HandshakeSlots, Listener};

/// Requests that wait to be looked at.
const QUEUE: usize = 128;
/// Arrivals that wait to be accepted.
const ARRIVALS: usize = 32;

/// Answers the RPC on a port that serves other things as well.
pub(crate) struct RpcHandler {
    desk: RpcDesk,
    others: Option<Arc<dyn HttpHandler>>,
}

/// What comes in by the RPC, before there is a listener to go with it.
pub(crate) struct RpcArrivals {
    requests: mpsc::Receiver<RpcRequest>,
    slots: Arc<HandshakeSlots>,
}

impl RpcHandler {
    /// A handler for the RPC; everything else is for `others`.
    pub(crate) fn new(
        slots: Arc<HandshakeSlots>,
        others: Option<Arc<dyn HttpHandler>>,
    ) -> (Arc<Self>, RpcArrivals) {
        let (desk, requests) = RpcDesk::new(RpcLimits {
            max_body: MAX_BODY,
            queue: QUEUE,
            ..RpcLimits::default()
        });
        let handler = Arc::new(Self { desk, others });
        (handler, RpcArrivals { requests, slots })
    }
}

impl HttpHandler for RpcHandler {
    fn serve(&self, stream: HttpStream) -> BoxFuture<'static, ()> {
        let request = http_head(stream.head()).ok().flatten();
        let request = request.as_ref();
        let request = request.map(|head| (head.method.as_str(), head.target.as_str()));
        match (request, stream.peer_addr()) {
            (Some(("POST", "/")), Ok(from)) => {
                let desk = self.desk.clone();
                async move { desk.serve(stream, from).await }.boxed()
            }
            (Some(("GET", "/rpc")), _) => http::answer(stream, "200 OK", "", HELLO).boxed(),
            _ => match &self.others {
                Some(others) => others.serve(stream),
                None => http::explain(stream).boxed(),
            },
        }
    }
}

impl fmt::Debug for RpcHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcHandler")
            .field("others", &self.others)
            .finish_non_exhaustive()
    }
}

/// A listener to which tunnels arrive as well.
pub(crate) struct RpcListener {
    direct: Box<dyn Listener>,
    tunnels: mpsc::Receiver<Arrival>,
    task: JoinHandle<()>,
    // Tells the task to end, also when the listener is only dropped.
    stop: DropGuard,
}

impl RpcListener {
    /// Lets tunnels arrive beside what arrives `direct`ly. Requests that are no tunnel's go to
    /// `plain`, or are answered with an error while it is full.
    pub(crate) fn new(
        direct: Box<dyn Listener>,
        arrivals: RpcArrivals,
        plain: mpsc::Sender<RpcRequest>,
    ) -> Self {
        let (sender, tunnels) = mpsc::channel(ARRIVALS);
        let stop = CancellationToken::new();
        let served = serve(arrivals, sender, plain);
        let task = tokio::spawn({
            let stop = stop.clone();
            async move {
                stop.run_until_cancelled(served).await;
            }
        });
        Self {
            direct,
            tunnels,
            task,
            stop: stop.drop_guard(),
        }
    }
}

/// Serves requests as they come. Those that are held are bounded by the connections that there may
/// be.
async fn serve(
    arrivals: RpcArrivals,
    sender: mpsc::Sender<Arrival>,
    plain: mpsc::Sender<RpcRequest>,
) {
    let RpcArrivals {
        mut requests,
        slots,
    } = arrivals;
    let tunnels = Arc::new(Tunnels::new(slots, sender));
    let mut held = JoinSet::new();
    let mut sweep = interval_at(Instant::now() + TUNNEL_SILENCE / 3, TUNNEL_SILENCE / 3);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let request = tokio::select! {
            request = requests.recv() => request,
            Some(_) = held.join_next() => continue,
            _ = sweep.tick() => {
                tunnels.expire();
                continue;
            }
        };
        let Some(request) = request else {
            return;
        };
        match Call::read(&request.payload) {
            Some(call) => {
                let tunnels = Arc::clone(&tunnels);
                held.spawn(async move { tunnels.serve(call, request).await });
            }
            None => {
                if let Err(full) = plain.try_send(request) {
                    full.into_inner().reply(Err("ERR_BUSY".to_owned()));
                }
            }
        }
    }
}

impl Listener for RpcListener {
    fn local_address(&self) -> SocketAddr {
        self.direct.local_address()
    }

    fn accept(&mut self) -> BoxFuture<'_, Arrival> {
        async {
            tokio::select! {
                arrival = self.direct.accept() => arrival,
                Some(arrival) = self.tunnels.recv() => arrival,
            }
        }
        .boxed()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        async {
            let Self {
                direct, task, stop, ..
            } = *self;
            drop(stop);
            direct.close().await;
            // Fails only if the task panicked or the runtime is going down: ended either way.
            let _ = task.await;
        }
        .boxed()
    }
}

impl fmt::Debug for RpcListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcListener")
            .field("direct", &self.direct)
            .finish_non_exhaustive()
    }
}

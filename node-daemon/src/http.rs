//! Serving HTTP/1 to a bounded number of connections, which all end when the node stops.
//!
//! Anybody on the machine can connect, and so can other machines where the user says so. A connection
//! that has not shown that it is the owner's has a short time, and makes room for a newer one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The longest that the head of a request may take, and that a connection may have no request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The time that a request under way has when the node stops.
const GRACE: Duration = Duration::from_secs(1);
/// A connection that is younger than this makes no room, since its request may just be coming. Times the
/// number of places this bounds how fast connections are accepted: a flood must not fill the backlog.
const MIN_AGE: Duration = Duration::from_millis(50);
/// The pause between two attempts to accept a connection, where the system can't give one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the connections of one server may claim.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections without a proof that they are the owner's.
    pub(crate) strangers: usize,
    /// How long each of them may last.
    pub(crate) stranger_time: Duration,
    /// Connections with such a proof.
    pub(crate) owners: usize,
    /// Whether a connection may have more than one request.
    pub(crate) keep_alive: bool,
}

/// Whether the node is stopping: one writer, any number of waiters.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// The switch and its first waiter.
    pub(crate) fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Returns once the node stops. Cancel safe.
    pub(crate) async fn wait(&mut self) {
        // An error means that the switch is gone, and with it the node.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }

    /// Whether the node stops.
    pub(crate) fn is_set(&self) -> bool {
        *self.0.borrow()
    }
}

/// A connection, as its requests see it: it is in their extensions.
#[derive(Clone, Debug)]
pub(crate) struct Visitor(Arc<Visit>);

#[derive(Debug)]
struct Visit {
    /// Where it comes from.
    from: IpAddr,
    since: Instant,
    is_owner: AtomicBool,
    /// It must make room.
    evicted: Notify,
}

impl Visitor {
    fn new(from: IpAddr) -> Self {
        Self(Arc::new(Visit {
            from,
            since: Instant::now(),
            is_owner: AtomicBool::new(false),
            evicted: Notify::new(),
        }))
    }

    /// Says that a request over this connection has proven to be the owner's.
    pub(crate) fn recognize(&self) {
        self.0.is_owner.store(true, Ordering::Relaxed);
    }

    fn is_owner(&self) -> bool {
        self.0.is_owner.load(Ordering::Relaxed)
    }

    /// Returns once the connection has to end.
    async fn must_go(&self, limit: Duration) {
        let late = async {
            tokio::time::sleep_until(self.0.since + limit).await;
            if self.is_owner() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = late => {}
            () = self.0.evicted.notified() => {}
        }
    }
}

/// The connections of a server.
#[derive(Debug, Default)]
struct Visitors(Vec<Visitor>);

impl Visitors {
    /// Forgets those that have ended: only their own tasks hold them otherwise.
    fn sweep(&mut self) {
        self.0.retain(|visitor| Arc::strong_count(&visitor.0) > 1);
    }

    /// How long to wait until one more connection may be accepted. Makes room if it has to: the oldest
    /// stranger of the address that has most goes.
    fn make_room(&mut self, limits: &Limits, now: Instant) -> Option<Duration> {
        self.sweep();
        let strangers: Vec<&Visitor> = self.0.iter().filter(|v| !v.is_owner()).collect();
        let count = strangers.len();
        if self.0.len() - count >= limits.owners {
            return Some(ACCEPT_PAUSE);
        }
        if count < limits.strangers {
            return None;
        }
        let mut shares: HashMap<IpAddr, usize> = HashMap::new();
        for visitor in &strangers {
            *shares.entry(visitor.0.from).or_default() += 1;
        }
        // They stand in the order in which they came, and of equals the last is taken.
        let share = |visitor: &&&Visitor| shares.get(&visitor.0.from).copied();
        let victim = strangers.iter().rev().max_by_key(share)?;
        let age = now.saturating_duration_since(victim.0.since);
        if age < MIN_AGE {
            return Some(MIN_AGE - age);
        }
        victim.0.evicted.notify_one();
        let gone = (*victim).clone();
        self.0.retain(|visitor| !Arc::ptr_eq(&visitor.0, &gone.0));
        None
    }
}

/// Serves until the node stops, then lets what is under way end.
pub(crate) async fn serve(listener: TcpListener, router: Router, limits: Limits, mut stop: Stop) {
    let mut visitors = Visitors::default();
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = async {
            while let Some(pause) = visitors.make_room(&limits, Instant::now()) {
                tokio::time::sleep(pause).await;
            }
            match listener.accept().await {
                Ok(accepted) => Some(accepted),
                Err(error) => {
                    // Most likely no file descriptor is free; others will be closed in a while.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    None
                }
            }
        };
        tokio::select! {
            accepted = accepted => if let Some((stream, from)) = accepted {
                let visitor = Visitor::new(from.ip());
                visitors.0.push(visitor.clone());
                let (router, stop) = (router.clone(), stop.clone());
                connections.spawn(async move {
                    let served = connection(stream, router, Some(&visitor), limits.keep_alive, stop);
                    tokio::select! {
                        () = served => {}
                        () = visitor.must_go(limits.stranger_time) => {}
                    }
                });
            },
            () = stop.wait() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Serves one connection until it ends or the node stops. Cancel safe: the connection is then cut.
pub(crate) async fn connection<S>(
    stream: S,
    router: Router,
    visitor: Option<&Visitor>,
    keep_alive: bool,
    mut stop: Stop,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        if let Some(visitor) = visitor {
            request.extensions_mut().insert(visitor.clone());
        }
        service.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .keep_alive(keep_alive)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.wait() => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(GRACE, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an HTTP connection broke");
    }
}

/// Says that a request has proven to be the owner's, for the sake of its connection.
pub(crate) fn recognize(request: &Request) {
    if let Some(visitor) = request.extensions().get::<Visitor>() {
        visitor.recognize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        strangers: 4,
        stranger_time: Duration::from_secs(5),
        owners: 2,
        keep_alive: true,
    };

    fn visitors(from: &[u8]) -> (Visitors, Vec<Visitor>) {
        let visitor = |last: &u8| Visitor::new(IpAddr::from([127, 0, 0, *last]));
        let held: Vec<Visitor> = from.iter().map(visitor).collect();
        (Visitors(held.clone()), held)
    }

    fn left(visitors: &Visitors, held: &[Visitor]) -> Vec<bool> {
        let is_left = |v: &Visitor| visitors.0.iter().any(|other| Arc::ptr_eq(&other.0, &v.0));
        held.iter().map(is_left).collect()
    }

    #[tokio::test]
    async fn the_oldest_stranger_of_the_address_that_has_most_makes_room() {
        let (mut visitors, held) = visitors(&[1, 2, 2, 3]);
        let later = Instant::now() + MIN_AGE;
        assert_eq!(visitors.make_room(&LIMITS, later), None);
        assert_eq!(left(&visitors, &held), [true, false, true, true]);
        tokio::time::timeout(MIN_AGE, held[1].must_go(LIMITS.stranger_time))
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn the_owners_connections_are_not_evicted_and_have_a_bound_of_their_own() {
        let (mut visitors, held) = visitors(&[1, 1, 1, 1, 1]);
        held[0].recognize();
        let later = Instant::now() + MIN_AGE;
        assert_eq!(visitors.make_room(&LIMITS, later), None);
        assert_eq!(left(&visitors, &held), [true, false, true, true, true]);
        held[2].recognize();
        assert!(visitors.make_room(&LIMITS, later).is_some());
        drop(held);
        assert_eq!(visitors.make_room(&LIMITS, later), None);
        assert!(visitors.0.is_empty(), "what has ended is forgotten");
    }

    #[tokio::test]
    async fn a_connection_that_just_came_is_not_evicted() {
        let (mut visitors, held) = visitors(&[1, 1, 1, 1]);
        let pause = visitors.make_room(&LIMITS, held[0].0.since);
        assert_eq!(pause, Some(MIN_AGE));
        assert_eq!(visitors.0.len(), 4);
    }
}

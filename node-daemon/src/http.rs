//! Serving HTTP/1 to a bounded number of connections, which all end when the node stops.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// The most connections at a time; further ones wait in the listener's backlog.
const MAX_CONNECTIONS: usize = 64;
/// A client that takes longer for the head of its request is cut off.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// What a request that is under way gets when the node stops.
const GRACE: Duration = Duration::from_secs(1);

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

/// Serves until the node stops, then lets what is under way end.
pub(crate) async fn serve(listener: TcpListener, router: Router, mut stop: Stop) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = async {
            let slot = Arc::clone(&slots).acquire_owned().await.ok()?;
            match listener.accept().await {
                Ok((stream, _)) => Some((stream, slot)),
                Err(error) => {
                    // Most likely no file descriptor is free; others will be closed in a while.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    None
                }
            }
        };
        tokio::select! {
            accepted = accepted => if let Some((stream, slot)) = accepted {
                let (router, stop) = (router.clone(), stop.clone());
                connections.spawn(async move {
                    connection(stream, router, stop).await;
                    drop(slot);
                });
            },
            () = stop.wait() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Serves one connection until it ends or the node stops. Cancel safe: the connection is then cut.
pub(crate) async fn connection<S>(stream: S, router: Router, mut stop: Stop)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
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

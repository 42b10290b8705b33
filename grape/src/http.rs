//! Serving HTTP/1 to a bounded number of connections, none of which outlives the server.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{debug, warn};

/// The most connections at a time; further ones wait in the listener's backlog.
const MAX_CONNECTIONS: usize = 128;
/// How long a request may take to arrive, its head and its body each.
const ARRIVAL_TIME: Duration = Duration::from_secs(5);
/// How much of a body that is too long is read away, so that the answer arrives.
const MAX_IGNORED: usize = 256 * 1024;
/// What a request that is under way gets when the server stops.
const GRACE: Duration = Duration::from_secs(1);
/// The pause after the system could not accept, which mostly is a lack of file handles.
const PAUSE: Duration = Duration::from_millis(100);

/// An answer with its whole body.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Answers requests.
pub(crate) trait Service: Send + Sync + 'static {
    /// Answers a request of the client at `from`.
    fn answer(&self, request: Request<Incoming>, from: SocketAddr) -> BoxFuture<'_, Answer>;
}

/// A running server. It also ends when this is dropped.
pub(crate) struct Server {
    local: SocketAddr,
    task: JoinHandle<()>,
    stop: DropGuard,
}

impl Server {
    /// Serves from a listener until it is told to stop.
    pub(crate) fn start(
        listener: TcpListener,
        local: SocketAddr,
        service: Arc<dyn Service>,
    ) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve(listener, service, stop.clone()));
        Self {
            local,
            task,
            stop: stop.drop_guard(),
        }
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Ends all connections, those with a request under way after a second.
    pub(crate) async fn stop(self) {
        let Self { task, stop, .. } = self;
        drop(stop);
        // Fails only if the task panicked or the runtime is going down: ended either way.
        let _ = task.await;
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { local, .. } = self;
        f.debug_struct("Server")
            .field("local", local)
            .finish_non_exhaustive()
    }
}

/// An answer with this status and body.
pub(crate) fn answer(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer
}

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    TooLong,
    TooSlow,
    Broken,
}

impl Unread {
    /// The answer that also ends the connection, which is of no more use.
    pub(crate) fn answer(self, too_long: &'static str) -> Answer {
        let mut answer = match self {
            Self::TooLong => answer(StatusCode::PAYLOAD_TOO_LARGE, too_long),
            Self::TooSlow => answer(StatusCode::REQUEST_TIMEOUT, "request timeout"),
            Self::Broken => answer(StatusCode::BAD_REQUEST, "request aborted"),
        };
        let close = HeaderValue::from_static("close");
        answer.headers_mut().insert(CONNECTION, close);
        answer
    }
}

/// Reads a body of at most `most` bytes.
pub(crate) async fn read_body(body: Incoming, most: usize) -> Result<Bytes, Unread> {
    let read = timeout(ARRIVAL_TIME, read(body, most)).await;
    read.unwrap_or(Err(Unread::TooSlow))
}

async fn read(mut body: Incoming, most: usize) -> Result<Bytes, Unread> {
    let claimed = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(if claimed <= most { claimed } else { 0 });
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Unread::Broken)?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        length = length.saturating_add(data.len());
        if length <= most {
            bytes.extend(data);
        } else if length > most.saturating_add(MAX_IGNORED) {
            break;
        }
    }
    match length <= most {
        true => Ok(bytes.into()),
        false => Err(Unread::TooLong),
    }
}

async fn serve(listener: TcpListener, service: Arc<dyn Service>, stop: CancellationToken) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    let accept = async {
        loop {
            while connections.try_join_next().is_some() {}
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
                return;
            };
            let (stream, from) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(%error, "cannot accept a connection");
                    sleep(PAUSE).await;
                    continue;
                }
            };
            let (service, stop) = (Arc::clone(&service), stop.clone());
            connections.spawn(async move {
                connection(stream, from, service, stop).await;
                drop(slot);
            });
        }
    };
    stop.run_until_cancelled(accept).await;
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Serves one connection until it ends or is told to stop.
pub(crate) async fn connection<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    from: SocketAddr,
    service: Arc<dyn Service>,
    stop: CancellationToken,
) {
    let respond = service_fn(|request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(service.answer(request, from).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ARRIVAL_TIME)
        .serve_connection(TokioIo::new(stream), respond);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            timeout(GRACE, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        debug!(%error, %from, "an HTTP connection broke");
    }
}

//! The server of the control address: routes, checks and errors.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use meshbook::client::{BanError, ExchangeClient, History};
use meshbook::node::{BanTarget, CancelError, OrderError};
use meshbook::types::{InvalidValue, NetworkId, OrderId};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::auth::{Guard, Refusal};
use super::events;
use super::history::{self, READERS};
use super::wire::{Cancelled, DEPTHS, LIMITS, PlaceBan, PlaceOrder, StatusView, Unbanned, count};
use crate::failure::{ErrorBody, Problem};
use crate::http::{self, Limits, Stop};

/// The largest body of a request; an order takes some 200 bytes.
const MAX_BODY: usize = 16 * 1024;
/// The most event streams at a time.
const MAX_STREAMS: usize = 32;
/// Other users of the machine can connect too. The owner's requests come with the token at once.
const CONNECTIONS: Limits = Limits {
    strangers: 256,
    stranger_time: Duration::from_secs(5),
    owners: 64,
    keep_alive: true,
};
const MINUTE: Duration = Duration::from_secs(60);

/// What the routes work on.
pub(crate) struct Shared {
    pub(crate) client: Arc<ExchangeClient>,
    pub(crate) network: NetworkId,
    pub(crate) started: Instant,
    /// Requests in any minute, if limited.
    pub(crate) requests_per_minute: Option<u32>,
}

/// What every handler has at hand.
pub(super) struct Context {
    pub(super) shared: Shared,
    /// Absent where the node keeps no journal.
    pub(super) history: Option<History>,
    pub(super) readers: Arc<Semaphore>,
    guard: Guard,
    /// The present minute's start and the requests since.
    window: Mutex<(Instant, u32)>,
    pub(super) streams: Arc<Semaphore>,
    pub(super) stop: Stop,
}

/// The server, ready to run.
pub(crate) struct Server {
    listener: TcpListener,
    router: Router,
    stop: Stop,
}

impl Server {
    /// A server at `listener` for whoever holds `token`.
    ///
    /// # Errors
    /// Where the listener has no address.
    pub(crate) fn new(
        listener: TcpListener,
        token: String,
        shared: Shared,
        stop: Stop,
    ) -> std::io::Result<Self> {
        let router = router(listener.local_addr()?, token, shared, stop.clone());
        Ok(Self {
            listener,
            router,
            stop,
        })
    }

    /// Serves until the node stops.
    pub(crate) async fn run(self) {
        http::serve(self.listener, self.router, CONNECTIONS, self.stop).await;
    }
}

fn router(address: SocketAddr, token: String, shared: Shared, stop: Stop) -> Router {
    let context = Arc::new(Context {
        window: Mutex::new((shared.started, 0)),
        history: shared.client.history(),
        readers: Arc::new(Semaphore::new(READERS)),
        shared,
        guard: Guard::new(address, token),
        streams: Arc::new(Semaphore::new(MAX_STREAMS)),
        stop,
    });
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/peers", get(peers))
        .route("/v1/book", get(book))
        .route("/v1/orders", post(place).get(orders))
        .route("/v1/orders/{id}", get(order).delete(cancel))
        .route("/v1/trades", get(trades))
        .route("/v1/history/trades", get(history::trades))
        .route("/v1/history/orders", get(history::orders))
        .route("/v1/unsigned", get(unsigned))
        .route("/v1/bans", get(bans).post(ban))
        .route("/v1/bans/{peer}", delete(unban))
        .route("/v1/counters", get(counters))
        .route("/v1/events", get(events::upgrade))
        .fallback(|| async { ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", "no such address") })
        .method_not_allowed_fallback(|| async {
            let code = StatusCode::METHOD_NOT_ALLOWED;
            ApiError::new(
                code,
                "METHOD_NOT_ALLOWED",
                "this address takes other methods",
            )
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        // Outermost, so that it comes before everything that reads the request further.
        .layer(middleware::from_fn_with_state(Arc::clone(&context), admit))
        .with_state(context)
}

/// Lets a request in or refuses it, before anything else looks at it.
async fn admit(
    State(context): State<Arc<Context>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    context.guard.check(request.uri(), request.headers())?;
    http::recognize(&request);
    context.count_request()?;
    let mut response = next.run(request).await;
    // Answers show orders and the state of this moment: no cache may keep them.
    let no_store = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().extend([no_store]);
    Ok(response)
}

impl Context {
    fn count_request(&self) -> Result<(), ApiError> {
        let Some(limit) = self.shared.requests_per_minute else {
            return Ok(());
        };
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.0.elapsed() >= MINUTE {
            *window = (Instant::now(), 0);
        }
        if window.1 >= limit {
            let message = format!("more than {limit} requests in a minute");
            return Err(ApiError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "RATE_LIMITED",
                &message,
            ));
        }
        window.1 += 1;
        Ok(())
    }
}

type Ctx = State<Arc<Context>>;
type Pairs = Query<Vec<(String, String)>>;

/// Refuses a parameter that is there twice: it would not be clear which one counts.
pub(super) fn once_each(pairs: &[(String, String)]) -> Result<(), InvalidValue> {
    for (index, (key, text)) in pairs.iter().enumerate() {
        if pairs.iter().take(index).any(|(earlier, _)| earlier == key) {
            return Err(InvalidValue::new(key, text, "this parameter once"));
        }
    }
    Ok(())
}

/// The one parameter that a route knows, or its default.
fn parameter(
    pairs: &[(String, String)],
    name: &str,
    range: &std::ops::RangeInclusive<usize>,
    default: usize,
) -> Result<usize, ApiError> {
    let mut value = default;
    once_each(pairs)?;
    for (key, text) in pairs {
        if key != name {
            let allowed = format!("no such parameter; there is {name}");
            return Err(InvalidValue::new(key, text, allowed).into());
        }
        value = count(name, text, range)?;
    }
    Ok(value)
}

fn read_id(text: &str) -> Result<OrderId, ApiError> {
    Ok(text.parse()?)
}

async fn status(State(context): Ctx) -> Json<StatusView> {
    let shared = &context.shared;
    let client = &shared.client;
    Json(StatusView {
        node_id: client.node_id().map(|id| id.to_string()),
        user_id: client.user_id().clone(),
        pair: client.pair().clone(),
        network: shared.network.to_string(),
        p2p_address: client.p2p_address().map(|address| address.to_string()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_seconds: shared.started.elapsed().as_secs(),
        clock: client.clock(),
        stats: client.p2p_stats(),
    })
}

async fn peers(State(context): Ctx) -> Response {
    Json(context.shared.client.peers()).into_response()
}

async fn book(State(context): Ctx, Query(pairs): Pairs) -> Result<Response, ApiError> {
    let depth = parameter(&pairs, "depth", &DEPTHS, 10)?;
    Ok(Json(context.shared.client.order_book(depth)).into_response())
}

/// Closed ones too: nothing else shows what became of them.
async fn orders(State(context): Ctx) -> Response {
    Json(context.shared.client.order_history()).into_response()
}

async fn order(State(context): Ctx, Path(id): Path<String>) -> Result<Response, ApiError> {
    let id = read_id(&id)?;
    match context.shared.client.order(&id) {
        Some(order) => Ok(Json(order).into_response()),
        None => Err(CancelError::Unknown(id).into()),
    }
}

async fn place(
    State(context): Ctx,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let order = PlaceOrder::from_json(&whole(body)?)?.read()?;
    // On a task of its own: once taken up, the order goes its way even if nobody waits for the
    // answer any more.
    let client = Arc::clone(&context.shared.client);
    let submitted = tokio::spawn(async move { client.submit_order(order).await });
    Ok(Json(finished(submitted).await??).into_response())
}

async fn cancel(State(context): Ctx, Path(id): Path<String>) -> Result<Response, ApiError> {
    let order_id = read_id(&id)?;
    context.shared.client.cancel_order(order_id)?;
    let success = true;
    Ok(Json(Cancelled { success, order_id }).into_response())
}

async fn trades(State(context): Ctx, Query(pairs): Pairs) -> Result<Response, ApiError> {
    let limit = parameter(&pairs, "limit", &LIMITS, 50)?;
    Ok(Json(context.shared.client.trades(limit)).into_response())
}

async fn unsigned(State(context): Ctx) -> Response {
    Json(context.shared.client.unsigned()).into_response()
}

async fn bans(State(context): Ctx) -> Response {
    Json(context.shared.client.bans()).into_response()
}

async fn ban(
    State(context): Ctx,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let PlaceBan { peer, duration } = PlaceBan::from_json(&whole(body)?)?;
    // On a task of its own, so that it is written also if nobody waits for the answer any more.
    let client = Arc::clone(&context.shared.client);
    let banned = tokio::spawn(async move { client.ban(peer, duration).await });
    Ok(Json(finished(banned).await??).into_response())
}

async fn unban(State(context): Ctx, Path(peer): Path<String>) -> Result<Response, ApiError> {
    let peer: BanTarget = peer.parse::<BanTarget>()?;
    let client = Arc::clone(&context.shared.client);
    let held = tokio::spawn(async move { client.unban(peer).await });
    if !finished(held).await?? {
        let message = format!("{peer} is not banned");
        return Err(ApiError::new(StatusCode::NOT_FOUND, "NOT_BANNED", &message));
    }
    let success = true;
    Ok(Json(Unbanned { success, peer }).into_response())
}

/// A body as it came, if it isn't too long.
fn whole(body: Result<Bytes, BytesRejection>) -> Result<Bytes, ApiError> {
    body.map_err(|rejection| {
        let code = rejection.status();
        let message = format!("a body of at most {MAX_BODY} bytes is wanted: {rejection}");
        ApiError::new(code, "BAD_BODY", &message)
    })
}

/// What a task of its own came to.
async fn finished<T>(task: tokio::task::JoinHandle<T>) -> Result<T, ApiError> {
    task.await.map_err(|_| {
        let code = StatusCode::INTERNAL_SERVER_ERROR;
        ApiError::new(code, "INTERNAL", "the node failed at this request")
    })
}

async fn counters(State(context): Ctx) -> Response {
    Json(context.shared.client.counters()).into_response()
}

/// An error and its status.
pub(super) struct ApiError {
    status: StatusCode,
    problem: Problem,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &str, message: &str) -> Self {
        let problem = Problem::new(code, message);
        Self { status, problem }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let challenge: Option<(HeaderName, &str)> = (self.status == StatusCode::UNAUTHORIZED)
            .then_some((header::WWW_AUTHENTICATE, "Bearer"));
        let body = Json(ErrorBody {
            error: self.problem,
        });
        let mut response = (self.status, body).into_response();
        if let Some((name, value)) = challenge {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let (status, code, message) = match refusal {
            Refusal::Host => (
                StatusCode::FORBIDDEN,
                "FOREIGN_HOST",
                "the header Host must be the control address",
            ),
            Refusal::Origin => (
                StatusCode::FORBIDDEN,
                "FOREIGN_ORIGIN",
                "requests of other sites' pages are refused",
            ),
            Refusal::Token => (
                StatusCode::UNAUTHORIZED,
                "UNAUTHORIZED",
                "the header Authorization must be Bearer and the token of control.json",
            ),
        };
        Self::new(status, code, message)
    }
}

impl From<InvalidValue> for ApiError {
    fn from(error: InvalidValue) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            problem: error.into(),
        }
    }
}

impl From<OrderError> for ApiError {
    fn from(error: OrderError) -> Self {
        let status = match &error {
            OrderError::Invalid(_) => StatusCode::BAD_REQUEST,
            OrderError::NotInitialized | OrderError::ShuttingDown | OrderError::Storage { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            OrderError::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            // The book or the node's orders stand against it.
            _ => StatusCode::CONFLICT,
        };
        let mut problem = Problem::new(error.code(), &error);
        if let OrderError::Invalid(value) = error {
            problem.field = Some(value.field);
        }
        Self { status, problem }
    }
}

impl From<BanError> for ApiError {
    fn from(error: BanError) -> Self {
        match error {
            BanError::Invalid(value) => value.into(),
            BanError::Storage(why) => {
                let message = BanError::Storage(why).to_string();
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "STORAGE_FAILED", &message)
            }
            other => {
                let code = StatusCode::SERVICE_UNAVAILABLE;
                Self::new(code, "SHUTTING_DOWN", &other.to_string())
            }
        }
    }
}

impl From<CancelError> for ApiError {
    fn from(error: CancelError) -> Self {
        let status = match &error {
            CancelError::Unknown(_) => StatusCode::NOT_FOUND,
            CancelError::NotInitialized | CancelError::Storage { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::CONFLICT,
        };
        let mut problem = Problem::new(error.code(), &error);
        problem.field = Some("orderId".to_owned());
        Self { status, problem }
    }
}

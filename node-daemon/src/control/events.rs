//! `GET /v1/events`: the node's events as a WebSocket, one JSON object a message.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use meshbook::client::EventStream;
use meshbook::protocol::is_websocket_key;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};

use super::server::{ApiError, Context};
use crate::http::Stop;

/// What a listener sends has no meaning, so it may not be long.
const MAX_INCOMING: usize = 4096;
/// A listener that takes no event for so long is let go.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// How often an idle listener is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(30);

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Answers a WebSocket's opening handshake (RFC 6455, section 4.2).
pub(super) async fn upgrade(
    State(context): State<Arc<Context>>,
    mut request: Request,
) -> Result<Response, ApiError> {
    let headers = request.headers();
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).into_iter();
    let key = match (keys.next(), keys.next()) {
        (Some(key), None) => Some(key.clone()).filter(|key| is_websocket_key(key.as_bytes())),
        _ => None,
    };
    let wanted = has_token(headers, &header::CONNECTION, "upgrade")
        && has_token(headers, &header::UPGRADE, "websocket");
    let version = has_token(headers, &header::SEC_WEBSOCKET_VERSION, "13");
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let (true, true, Some(upgrade)) = (wanted, version, upgrade) else {
        let message = "this address speaks WebSocket, version 13";
        let error = ApiError::new(StatusCode::UPGRADE_REQUIRED, "NOT_A_WEBSOCKET", message);
        // RFC 6455, section 4.4, and RFC 9110, section 15.5.22.
        let offered = [
            (header::UPGRADE, HeaderValue::from_static("websocket")),
            (
                header::SEC_WEBSOCKET_VERSION,
                HeaderValue::from_static("13"),
            ),
        ];
        return Ok((offered, error).into_response());
    };
    let Some(key) = key else {
        let message = "the header Sec-WebSocket-Key must be there once, 16 bytes in base64";
        let code = StatusCode::BAD_REQUEST;
        return Err(ApiError::new(code, "BAD_WEBSOCKET_KEY", message));
    };
    let Ok(slot) = Arc::clone(&context.streams).try_acquire_owned() else {
        let message = "all event streams of this node are taken";
        return Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "TOO_MANY_STREAMS",
            message,
        ));
    };
    // From now on no event is missed, even before the handshake is through.
    let events = context.shared.client.events();
    let stop = context.stop.clone();
    tokio::spawn(async move {
        match upgrade.await {
            Ok(upgraded) => {
                let config = WebSocketConfig::default()
                    .max_message_size(Some(MAX_INCOMING))
                    .max_frame_size(Some(MAX_INCOMING));
                let io = TokioIo::new(upgraded);
                let socket = Socket::from_raw_socket(io, Role::Server, Some(config)).await;
                feed(socket, events, stop).await;
            }
            Err(error) => tracing::debug!(%error, "an event stream did not open"),
        }
        drop(slot);
    });
    let accept = derive_accept_key(key.as_bytes());
    let headers = [
        (header::CONNECTION, HeaderValue::from_static("upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (
            header::SEC_WEBSOCKET_ACCEPT,
            // Base64 is always a valid header value.
            HeaderValue::from_str(&accept).unwrap_or_else(|_| HeaderValue::from_static("")),
        ),
    ];
    Ok((StatusCode::SWITCHING_PROTOCOLS, headers).into_response())
}

/// Whether the comma-separated header holds this token, in any case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|v| v.to_str().ok());
    let mut tokens = values.flat_map(|value| value.split(',').map(str::trim));
    tokens.any(|t| t.eq_ignore_ascii_case(token))
}

/// Passes events on until the node stops or the listener leaves or sleeps.
async fn feed(mut socket: Socket, mut events: EventStream, mut stop: Stop) {
    let mut pings = tokio::time::interval(PING_INTERVAL);
    let reason = loop {
        let message = tokio::select! {
            event = events.next() => {
                let Some(event) = event else { break "the node stops" };
                match serde_json::to_string(&event) {
                    Ok(text) => Message::text(text),
                    Err(error) => {
                        tracing::error!(%error, "an event has no JSON");
                        continue;
                    }
                }
            }
            _ = pings.tick() => Message::Ping(Vec::new().into()),
            () = stop.wait() => break "the node stops",
            incoming = socket.next() => match incoming {
                Some(Ok(message)) if !message.is_close() => continue,
                _ => return,
            },
        };
        match timeout(SEND_TIMEOUT, socket.send(message)).await {
            Ok(Ok(())) => {}
            _ => return,
        }
    };
    let frame = CloseFrame {
        code: CloseCode::Away,
        reason: reason.into(),
    };
    // The listener may be gone already, and nothing is lost then.
    let _ = timeout(Duration::from_secs(1), socket.close(Some(frame))).await;
}

//! Plain HTTP on the peers' port.

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::replay::HttpStream;
use crate::protocol::UpgradeError;

/// Connections with plain HTTP that may be open at once; more are answered with 503.
pub const MAX_HTTP_CONNECTIONS: usize = 64;

/// How long saying no may take.
const ANSWER_TIME: Duration = Duration::from_secs(2);
/// How much of a request's body is read away so that the answer arrives.
const MAX_IGNORED: u64 = 64 * 1024;

/// Answers plain HTTP requests that come to the peers' port.
pub trait HttpHandler: fmt::Debug + Send + Sync + 'static {
    /// Serves one connection from its first byte on. The future is dropped, and the connection
    /// closed, when the listener goes; it owns its time limits.
    fn serve(&self, stream: HttpStream) -> BoxFuture<'static, ()>;
}

/// Tells a request what this port is.
pub(super) async fn explain(stream: HttpStream) {
    let body = "This port speaks the Meshbook peer protocol: as length-prefixed frames, or as \
                binary messages over a WebSocket at the path /.\n";
    answer(
        stream,
        "426 Upgrade Required",
        "Upgrade: websocket\r\n",
        body,
    )
    .await;
}

/// Tells a peer that it can't come in directly.
pub(super) async fn not_direct(stream: HttpStream) {
    let body = "This node takes no direct connections (P2P_ENABLED=false).\n";
    answer(stream, "400 Bad Request", "", body).await;
}

/// Tells a request why it can't become a WebSocket.
pub(super) async fn bad_upgrade(stream: HttpStream, error: UpgradeError) {
    let bad_request = "400 Bad Request";
    let (status, header, body) = match error {
        UpgradeError::Version => (
            "426 Upgrade Required",
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
            "The header Sec-WebSocket-Version must be 13.\n",
        ),
        UpgradeError::Key => (
            bad_request,
            "",
            "The header Sec-WebSocket-Key must be there once, 16 bytes in base64.\n",
        ),
        UpgradeError::Connection => (
            bad_request,
            "",
            "A WebSocket takes HTTP/1.1 with the header Connection: Upgrade.\n",
        ),
    };
    answer(stream, status, header, body).await;
}

/// Tells a request that there are too many.
pub(super) async fn refuse(stream: HttpStream) {
    let body = "Too many connections.\n";
    answer(
        stream,
        "503 Service Unavailable",
        "Retry-After: 5\r\n",
        body,
    )
    .await;
}

/// Tells a request that it is too long.
pub(super) async fn too_long(stream: HttpStream) {
    let body = "The head of the request is too long.\n";
    answer(stream, "431 Request Header Fields Too Large", "", body).await;
}

pub(super) async fn answer(mut stream: HttpStream, status: &str, header: &str, body: &str) {
    let text = format!(
        "HTTP/1.1 {status}\r\n{header}Connection: close\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let say = async {
        stream.write_all(text.as_bytes()).await?;
        stream.shutdown().await?;
        // Closing with unread input would reset the connection and take the answer along.
        let mut ignored = (&mut stream).take(MAX_IGNORED);
        tokio::io::copy(&mut ignored, &mut tokio::io::sink()).await
    };
    // Whether somebody heard it changes nothing here.
    let _ = timeout(ANSWER_TIME, say).await;
}

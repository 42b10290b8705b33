//! The page whose tab is a node, on the port of the peers.

use std::fmt;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Method, Response, StatusCode, Uri, header};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use meshbook::client::Config;
use meshbook::transport::{HttpHandler, HttpStream};
use tokio::time::timeout;

use crate::http::{self, Stop};

/// The path of each file and what it holds.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));
/// Where the node writes what it trades, so that the tab trades the same.
const PLACE: &str = r#"<meta name="meshbook-node" content="" />"#;
/// The longest that one connection may be open, so that slow ones leave room for others.
const LONGEST: Duration = Duration::from_secs(60);
/// A script from elsewhere has no business on a page that holds a key.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
                      style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; \
                      frame-ancestors 'none'; form-action 'none'";

/// Serves the page that is built in.
pub(crate) struct Page {
    router: Router,
    stop: Stop,
}

impl Page {
    /// A page for the pair and the network of this node.
    pub(crate) fn new(config: &Config, stop: Stop) -> Self {
        let index = index(&config.network.to_string(), &config.pair.to_string());
        let answer = move |method: Method, uri: Uri| {
            let answer = answer(&method, uri.path(), &index);
            async { answer }
        };
        Self {
            router: Router::new().fallback(answer),
            stop,
        }
    }
}

impl HttpHandler for Page {
    fn serve(&self, stream: HttpStream) -> BoxFuture<'static, ()> {
        let connection = http::connection(stream, self.router.clone(), self.stop.clone());
        timeout(LONGEST, connection).map(drop).boxed()
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").finish_non_exhaustive()
    }
}

/// The page itself, told what its node trades.
fn index(network: &str, pair: &str) -> Bytes {
    let file = FILES.iter().find(|(path, _)| *path == "/index.html");
    let text = String::from_utf8_lossy(file.map_or(&[], |(_, bytes)| bytes));
    // Neither has a letter that means something in a query or in HTML, but for the stroke.
    let said = format!("network={network}&amp;pair={}", pair.replace('/', "%2F"));
    let told = PLACE.replace(r#"content="""#, &format!(r#"content="{said}""#));
    Bytes::from(text.replace(PLACE, &told))
}

fn answer(method: &Method, path: &str, index: &Bytes) -> Response<Body> {
    if method != Method::GET && method != Method::HEAD {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "This is a page to read.\n");
    }
    if matches!(path, "/" | "/index.html") {
        return file("/index.html", index.clone(), "no-cache");
    }
    match FILES.iter().find(|(name, _)| *name == path) {
        // Their names change with what is in them.
        Some((name, bytes)) if name.starts_with("/assets/") => file(
            name,
            Bytes::from_static(bytes),
            "public, max-age=31536000, immutable",
        ),
        Some((name, bytes)) => file(name, Bytes::from_static(bytes), "no-cache"),
        None => plain(StatusCode::NOT_FOUND, "There is no such page.\n"),
    }
}

fn file(name: &str, bytes: Bytes, cached: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    for (header, value) in [
        (header::CONTENT_TYPE, kind(name)),
        (header::CACHE_CONTROL, cached),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(header, HeaderValue::from_static(value));
    }
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_told_what_its_node_trades() {
        let index = index("testnet", "ETH/USD");
        let text = String::from_utf8(index.to_vec()).unwrap();
        let told = r#"name="meshbook-node" content="network=testnet&amp;pair=ETH%2FUSD""#;
        assert!(text.contains(told), "{text}");
    }

    #[test]
    fn what_is_not_there_is_not_found_and_nothing_is_written() {
        let index = Bytes::new();
        let status = |method, path| answer(&method, path, &index).status();
        assert_eq!(status(Method::GET, "/"), StatusCode::OK);
        assert_eq!(status(Method::HEAD, "/favicon.svg"), StatusCode::OK);
        assert_eq!(status(Method::GET, "/../Cargo.toml"), StatusCode::NOT_FOUND);
        assert_eq!(status(Method::PUT, "/"), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[test]
    fn every_file_has_a_kind_that_browsers_run() {
        for (name, _) in FILES {
            assert_ne!(kind(name), "application/octet-stream", "{name}");
        }
    }
}

//! The page whose tab is a node, on the port of the peers.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use flate2::Compression;
use flate2::write::GzEncoder;
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
        let files: Arc<[File]> = FILES.iter().map(|file| File::new(file, &index)).collect();
        let answer = move |method: Method, uri: Uri, headers: HeaderMap| {
            let answer = answer(&files, &method, uri.path(), takes_gzip(&headers));
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
        let connection =
            http::connection(stream, self.router.clone(), None, true, self.stop.clone());
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

/// A file as it is sent.
struct File {
    name: &'static str,
    bytes: Bytes,
    /// The same in less, where it is less.
    packed: Option<Bytes>,
}

impl File {
    fn new((name, bytes): &(&'static str, &'static [u8]), index: &Bytes) -> Self {
        let bytes = match *name {
            "/index.html" => index.clone(),
            _ => Bytes::from_static(bytes),
        };
        let packed = gzip(&bytes).ok();
        let packed = packed.filter(|packed| packed.len() < bytes.len());
        Self {
            name,
            bytes,
            packed,
        }
    }

    fn response(&self, gzip: bool) -> Response<Body> {
        let packed = self.packed.as_ref().filter(|_| gzip);
        let mut response = Response::new(Body::from(packed.unwrap_or(&self.bytes).clone()));
        let headers = response.headers_mut();
        let cached = match self.name.starts_with("/assets/") {
            // Their names change with what is in them.
            true => "public, max-age=31536000, immutable",
            false => "no-cache",
        };
        for (header, value) in [
            (header::CONTENT_TYPE, kind(self.name)),
            (header::CACHE_CONTROL, cached),
            (header::VARY, "Accept-Encoding"),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
        ] {
            headers.insert(header, HeaderValue::from_static(value));
        }
        if packed.is_some() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

fn answer(files: &[File], method: &Method, path: &str, gzip: bool) -> Response<Body> {
    if method != Method::GET && method != Method::HEAD {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "This is a page to read.\n");
    }
    let name = if path == "/" { "/index.html" } else { path };
    match files.iter().find(|file| file.name == name) {
        Some(file) => file.response(gzip),
        None => plain(StatusCode::NOT_FOUND, "There is no such page.\n"),
    }
}

/// Whether who asks can unpack. Nobody who lists it refuses it.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let listed = headers.get(header::ACCEPT_ENCODING);
    let listed = listed.and_then(|listed| listed.to_str().ok());
    listed.is_some_and(|listed| {
        let mut names = listed.split([',', ';']).map(str::trim);
        names.any(|name| name == "gzip")
    })
}

fn gzip(bytes: &[u8]) -> io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish().map(Bytes::from)
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

    fn files() -> Vec<File> {
        let index = index("local", "BTC/USD");
        FILES.iter().map(|file| File::new(file, &index)).collect()
    }

    #[test]
    fn what_is_not_there_is_not_found_and_nothing_is_written() {
        let files = files();
        let status = |method, path| answer(&files, &method, path, false).status();
        assert_eq!(status(Method::GET, "/"), StatusCode::OK);
        assert_eq!(status(Method::HEAD, "/favicon.svg"), StatusCode::OK);
        assert_eq!(status(Method::GET, "/../Cargo.toml"), StatusCode::NOT_FOUND);
        assert_eq!(status(Method::PUT, "/"), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[test]
    fn who_can_unpack_gets_less() {
        let listed = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(text));
            takes_gzip(&headers)
        };
        assert!(listed("gzip, deflate, br") && listed("br;q=1, gzip;q=0.5"));
        assert!(!listed("br") && !takes_gzip(&HeaderMap::new()));
        let files = files();
        let encoded = |gzip| {
            let response = answer(&files, &Method::GET, "/", gzip);
            response.headers().get(header::CONTENT_ENCODING).cloned()
        };
        assert_eq!(encoded(true), Some(HeaderValue::from_static("gzip")));
        assert_eq!(encoded(false), None);
        let program = files.iter().find(|file| file.name.ends_with(".wasm"));
        let program = program.expect("the page has the node's program");
        let packed = program.packed.as_ref().expect("it packs well");
        assert!(packed.len() * 2 < program.bytes.len());
    }

    #[test]
    fn every_file_has_a_kind_that_browsers_run() {
        for (name, _) in FILES {
            assert_ne!(kind(name), "application/octet-stream", "{name}");
        }
    }
}

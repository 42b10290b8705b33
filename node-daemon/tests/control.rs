//! The control address and the pages for operators, as foreign HTTP clients see them.
#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod common;

use common::{Node, PATIENCE};
use futures_util::StreamExt;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::Value;
use tokio::time::timeout;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

const ORDER: &str = r#"{"side":"buy","amount":"1","price":"10"}"#;

/// A node, its control address and its token.
struct Target {
    node: Node,
    http: Client,
    address: String,
    token: String,
}

impl Target {
    fn start(args: &[&str]) -> Self {
        let node = Node::start(args);
        let control = node.control();
        Self {
            http: Client::builder().no_proxy().build().unwrap(),
            address: control["address"].as_str().unwrap().to_owned(),
            token: control["token"].as_str().unwrap().to_owned(),
            node,
        }
    }

    fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("http://{}/v1/{path}", self.address))
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).bearer_auth(&self.token)
    }
}

/// The status, and the code and field of the error.
async fn refusal(request: RequestBuilder) -> (u16, String, Option<String>) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    let error = &body["error"];
    let code = error["code"]
        .as_str()
        .unwrap_or_else(|| panic!("{body}"))
        .to_owned();
    (status, code, error["field"].as_str().map(str::to_owned))
}

#[tokio::test]
async fn no_order_without_the_token_and_none_from_a_web_page() {
    let target = Target::start(&[]);
    assert_eq!(target.token.len(), 64);
    let order = |request: RequestBuilder| request.body(ORDER);
    let bare = || target.bare(Method::POST, "orders");
    let with_token = || target.request(Method::POST, "orders");
    let cases = [
        (bare(), 401, "UNAUTHORIZED"),
        (bare().bearer_auth("0".repeat(64)), 401, "UNAUTHORIZED"),
        (bare().bearer_auth(""), 401, "UNAUTHORIZED"),
        (
            with_token().header("Origin", "http://evil.example"),
            403,
            "FOREIGN_ORIGIN",
        ),
        (with_token().header("Origin", "null"), 403, "FOREIGN_ORIGIN"),
        (
            with_token().header("Host", "evil.example"),
            403,
            "FOREIGN_HOST",
        ),
        (bare().header("Host", "evil.example"), 403, "FOREIGN_HOST"),
    ];
    for (request, status, code) in cases {
        let (got, named, _) = refusal(order(request)).await;
        assert_eq!((got, named.as_str()), (status, code));
    }
    for path in [
        "status", "peers", "book", "orders", "trades", "unsigned", "counters", "events", "nothing",
    ] {
        let (status, ..) = refusal(target.bare(Method::GET, path)).await;
        assert_eq!(status, 401, "{path}");
    }
    assert_eq!(target.node.ask(&["orders"]), Value::Array(vec![]));

    let own = format!("http://{}", target.address);
    let answer = order(with_token().header("Origin", own))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn a_request_that_is_wrong_names_its_field_and_changes_nothing() {
    let target = Target::start(&[]);
    let post = |body: &'static str| target.request(Method::POST, "orders").body(body);
    let get = |path: &str| target.request(Method::GET, path);
    let invalid = [
        (
            post(r#"{"side":"buy","amount":1.5,"price":"10"}"#),
            "amount",
        ),
        (post(r#"{"side":"buy","amount":"1","price":10}"#), "price"),
        (post(r#"{"side":"up","amount":"1","price":"10"}"#), "side"),
        (post("not json"), "body"),
        (get("book?depth=0"), "depth"),
        (get("book?dept=1"), "dept"),
        (get("trades?limit=100001"), "limit"),
        (get("orders/xyz"), "orderId"),
        (target.request(Method::DELETE, "orders/1"), "orderId"),
    ];
    for (request, field) in invalid {
        let shown = format!("{request:?}");
        let (status, code, named) = refusal(request).await;
        assert_eq!((status, code.as_str()), (400, "INVALID_VALUE"), "{shown}");
        assert_eq!(named.as_deref(), Some(field), "{shown}");
    }
    let id = "f".repeat(32);
    let other = [
        (get(&format!("orders/{id}")), 404, "UNKNOWN_ORDER"),
        (
            target.request(Method::DELETE, &format!("orders/{id}")),
            404,
            "UNKNOWN_ORDER",
        ),
        (get("nothing"), 404, "NOT_FOUND"),
        (
            target.request(Method::PUT, "orders"),
            405,
            "METHOD_NOT_ALLOWED",
        ),
        (get("events"), 426, "NOT_A_WEBSOCKET"),
        (
            target
                .request(Method::POST, "orders")
                .body(vec![b' '; 100_000]),
            413,
            "BAD_BODY",
        ),
    ];
    for (request, status, code) in other {
        let (got, named, _) = refusal(request).await;
        assert_eq!((got, named.as_str()), (status, code));
    }
    assert_eq!(target.node.ask(&["orders"]), Value::Array(vec![]));
}

#[tokio::test]
async fn requests_are_limited_if_so_configured() {
    let limits = [
        "--set",
        "enable_rate_limit=on",
        "--set",
        "max_requests_per_minute=3",
    ];
    let target = Target::start(&limits);
    // The node's own start asks nothing of itself.
    for _ in 0..3 {
        let answer = target.request(Method::GET, "status").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
    let (status, code, _) = refusal(target.request(Method::GET, "status")).await;
    assert_eq!((status, code.as_str()), (429, "RATE_LIMITED"));
}

#[tokio::test]
async fn events_come_over_a_websocket_with_the_token() {
    let mut target = Target::start(&[]);
    let connect = async |token: Option<&str>| {
        let stream = tokio::net::TcpStream::connect(&target.address)
            .await
            .unwrap();
        let url = format!("ws://{}/v1/events", target.address);
        let mut request = url.into_client_request().unwrap();
        if let Some(token) = token {
            let bearer = format!("Bearer {token}").parse().unwrap();
            request.headers_mut().insert("authorization", bearer);
        }
        client_async(request, stream).await
    };
    assert!(connect(None).await.is_err());
    let (mut socket, _) = connect(Some(&target.token)).await.unwrap();
    let placed = target
        .request(Method::POST, "orders")
        .body(ORDER)
        .send()
        .await
        .unwrap();
    let placed: Value = placed.json().await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let message = timeout(PATIENCE, socket.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        let Ok(text) = message.to_text() else {
            continue;
        };
        let Ok(event) = serde_json::from_str::<Value>(text) else {
            continue;
        };
        match event["type"].as_str() {
            Some("book") => assert_eq!(event["bid"], "10"),
            Some("order") => assert_eq!(event["order"]["id"], placed["orderId"]),
            _ => continue,
        }
        seen.push(event);
    }
    target.node.signal("TERM");
    let mut last = None;
    while let Some(Ok(message)) = timeout(PATIENCE, socket.next()).await.unwrap() {
        last = Some(message);
    }
    assert!(
        last.is_some_and(|message| message.is_close()),
        "the node says goodbye"
    );
    assert_eq!(target.node.wait().0, Some(0));
}

#[tokio::test]
async fn health_and_metrics_need_no_token() {
    let metrics = ["--metrics-host", "127.83.1.1", "--metrics-port", "9090"];
    let target = Target::start(&metrics);
    target.node.ask(&["sell", "1", "10"]);
    let base = target.node.ready["metricsAddress"].as_str().unwrap();
    let get = async |path: &str| {
        let answer = target
            .http
            .get(format!("http://{base}{path}"))
            .send()
            .await
            .unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    assert_eq!(get("/healthz").await, (StatusCode::OK, "ok\n".to_owned()));
    let (status, page) = get("/metrics").await;
    assert_eq!(status, StatusCode::OK);
    for line in [
        "# TYPE meshbook_peers gauge",
        "meshbook_peers{state=\"connected\"} 0",
        "meshbook_book_orders{pair=\"BTC/USD\",side=\"sell\"} 1",
        "meshbook_best_price{pair=\"BTC/USD\",side=\"sell\"} 10",
    ] {
        assert!(page.lines().any(|l| l == line), "{line} in\n{page}");
    }
    // Each family stands together under one head.
    let heads: Vec<&str> = page.lines().filter(|l| l.starts_with("# TYPE")).collect();
    let unique: std::collections::BTreeSet<&&str> = heads.iter().collect();
    assert_eq!(heads.len(), unique.len(), "{page}");
    assert_eq!(get("/v1/status").await.0, StatusCode::NOT_FOUND);

    let off = Target::start(&[&metrics[..], &["--metrics", "off"]].concat());
    assert_eq!(off.node.ready["metricsAddress"], Value::Null);
    let none = Target::start(&["--metrics-port", "0"]);
    assert_eq!(none.node.ready["metricsAddress"], Value::Null);
}

#[tokio::test]
async fn event_stream_of_a_wrong_version_or_key_is_answered_in_http() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let target = Target::start(&[]);
    let good = "dGhlIHNhbXBsZSBub25jZQ==";
    for (version, key, status) in [
        ("8", good, "426"),
        ("13", "x", "400"),
        ("13", "", "400"),
        ("13", good, "101"),
    ] {
        let mut stream = tokio::net::TcpStream::connect(&target.address)
            .await
            .unwrap();
        let request = format!(
            "GET /v1/events HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: {version}\r\n\
             Sec-WebSocket-Key: {key}\r\n\r\n",
            target.address, target.token
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        let read = stream.read_exact(&mut answer);
        timeout(PATIENCE, read).await.unwrap().unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert_eq!(answer, format!("HTTP/1.1 {status}"), "{version} {key}");
    }
}

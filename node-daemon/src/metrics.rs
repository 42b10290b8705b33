//! `/healthz` and `/metrics`, the latter in the text format of Prometheus.

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use meshbook::client::ExchangeClient;
use meshbook::node::{BookSnapshot, ClockState, ClockView, Level, P2pStats};
use tokio::net::TcpListener;

use crate::http::{self, Limits, Stop};
use crate::logging;

/// Levels of the book that are counted.
const DEPTH: usize = 1000;

/// Nobody has to prove anything here, so each connection has one request and little time.
const CONNECTIONS: Limits = Limits {
    strangers: 64,
    stranger_time: Duration::from_secs(10),
    owners: 1,
    keep_alive: false,
};
/// How long a page of metrics is given out again: making one looks through the book.
const PAGE_TIME: Duration = Duration::from_millis(250);

type LastPage = Mutex<Option<(Instant, Arc<str>)>>;

#[derive(Clone)]
struct Observed {
    client: Arc<ExchangeClient>,
    stop: Stop,
    /// The last page of metrics and when it was made.
    page: Arc<LastPage>,
}

/// Serves both pages until the node stops.
pub(crate) async fn serve(listener: TcpListener, client: Arc<ExchangeClient>, stop: Stop) {
    let observed = Observed {
        client,
        stop: stop.clone(),
        page: Arc::default(),
    };
    let router = Router::new()
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .with_state(observed);
    http::serve(listener, router, CONNECTIONS, stop).await;
}

async fn healthz(State(observed): State<Observed>) -> Response {
    let healthy = observed.client.is_initialized() && !observed.stop.is_set();
    if healthy {
        (StatusCode::OK, "ok\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not running\n").into_response()
    }
}

async fn metrics(State(observed): State<Observed>) -> Response {
    let mut last = observed.page.lock().unwrap_or_else(PoisonError::into_inner);
    let text = match &*last {
        Some((made, text)) if made.elapsed() < PAGE_TIME => text.to_string(),
        _ => {
            let text = page(&observed.client);
            *last = Some((Instant::now(), text.as_str().into()));
            text
        }
    };
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

fn page(client: &ExchangeClient) -> String {
    let mut page = Page::default();
    page.peers(&client.p2p_stats());
    page.clock(&client.clock());
    page.book(&client.order_book(DEPTH));
    for (name, value) in client.counters() {
        page.sample(
            "meshbook_events_total",
            "counter",
            "What happened since the start, by the node's own labels.",
            &[("event", name)],
            value,
        );
    }
    for (reason, count) in logging::left_out() {
        page.sample(
            "meshbook_log_lines_dropped_total",
            "counter",
            "Log lines dropped because stderr was not read, or because they came too fast.",
            &[("reason", reason)],
            count,
        );
    }
    page.text
}

/// A page in the making.
#[derive(Default)]
struct Page {
    text: String,
    /// The family of the last sample: its head is written once.
    family: &'static str,
}

impl Page {
    fn sample(
        &mut self,
        name: &'static str,
        kind: &str,
        help: &str,
        labels: &[(&str, &str)],
        value: impl std::fmt::Display,
    ) {
        let escape = |text: &str| {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"");
            text.replace('\n', "\\n")
        };
        let labels: Vec<String> = labels
            .iter()
            .map(|(key, text)| format!("{key}=\"{}\"", escape(text)))
            .collect();
        let labels = match labels.as_slice() {
            [] => String::new(),
            some => format!("{{{}}}", some.join(",")),
        };
        // Writing to a string cannot fail.
        if self.family != name {
            self.family = name;
            let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        }
        let _ = writeln!(self.text, "{name}{labels} {value}");
    }

    fn peers(&mut self, stats: &P2pStats) {
        let P2pStats {
            peers,
            router,
            direct_connection,
            ..
        } = stats;
        let states = [
            ("known", peers.total_peers),
            ("connected", peers.connected_peers),
            ("healthy", peers.healthy_peers),
            ("inbound", peers.inbound_peers),
            ("outbound", peers.outbound_peers),
        ];
        for (state, value) in states {
            let help = "Peers by state; a peer can be in several.";
            self.sample("meshbook_peers", "gauge", help, &[("state", state)], value);
        }
        let directions = [
            (
                "in",
                peers.total_messages_received,
                peers.total_bytes_received,
            ),
            ("out", peers.total_messages_sent, peers.total_bytes_sent),
        ];
        for (direction, messages, _) in directions {
            let labels = [("direction", direction)];
            let help = "Messages over all sessions since the start.";
            self.sample(
                "meshbook_messages_total",
                "counter",
                help,
                &labels,
                messages,
            );
        }
        for (direction, _, bytes) in directions {
            let labels = [("direction", direction)];
            let help = "Payload bytes over all sessions since the start.";
            self.sample("meshbook_bytes_total", "counter", help, &labels, bytes);
        }
        let gauges: [(&'static str, &str, usize); 4] = [
            (
                "meshbook_pending_handshakes",
                "Connections whose handshake is under way.",
                direct_connection.pending_handshakes,
            ),
            (
                "meshbook_queued_messages",
                "Messages that wait for their peer.",
                router.queue_size,
            ),
            (
                "meshbook_queued_messages_max",
                "How many messages may wait.",
                router.max_queue_size,
            ),
            (
                "meshbook_remembered_messages",
                "Messages remembered so that they are taken once.",
                router.deduplication_cache_size,
            ),
        ];
        for (name, help, value) in gauges {
            self.sample(name, "gauge", help, &[], value);
        }
    }

    fn clock(&mut self, clock: &ClockView) {
        let help = "Dialed peers whose clocks count against this node's.";
        self.sample("meshbook_clock_votes", "gauge", help, &[], clock.votes);
        let help = "Whether this node's clock is so wrong that it places and takes nothing.";
        let stopped = u8::from(clock.state == ClockState::Stopped);
        self.sample("meshbook_clock_stopped", "gauge", help, &[], stopped);
        // Without a vote nothing is known, and so there is no sample.
        if let Some(offset) = clock.offset_ms {
            let (sign, off) = (if offset < 0 { "-" } else { "" }, offset.unsigned_abs());
            let seconds = format!("{sign}{}.{:03}", off / 1000, off % 1000);
            let help = "The median of dialed peers' clocks minus this node's.";
            self.sample("meshbook_clock_offset_seconds", "gauge", help, &[], seconds);
        }
    }

    fn book(&mut self, book: &BookSnapshot) {
        let pair = book.pair.as_str();
        let sides = [("buy", &book.bids), ("sell", &book.asks)];
        for (side, levels) in sides {
            let labels = [("pair", pair), ("side", side)];
            let help = "Prices at which orders stand, up to 1000 a side.";
            self.sample("meshbook_book_levels", "gauge", help, &labels, levels.len());
        }
        for (side, levels) in sides {
            let labels = [("pair", pair), ("side", side)];
            let orders: usize = levels.iter().map(|level| level.count).sum();
            let help = "Orders that stand at these prices.";
            self.sample("meshbook_book_orders", "gauge", help, &labels, orders);
        }
        for (side, levels) in sides {
            // An empty side has no best price, and so no sample.
            if let Some(Level { price, .. }) = levels.first() {
                let labels = [("pair", pair), ("side", side)];
                let help = "The best price of each side.";
                self.sample("meshbook_best_price", "gauge", help, &labels, price);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_has_one_head_and_its_labels_are_escaped() {
        let mut page = Page::default();
        for label in ["a", "q\"\\\n"] {
            page.sample("x_total", "counter", "Help.", &[("l", label)], 1);
        }
        let expected = "# HELP x_total Help.\n# TYPE x_total counter\n\
                        x_total{l=\"a\"} 1\nx_total{l=\"q\\\"\\\\\\n\"} 1\n";
        assert_eq!(page.text, expected);
    }

    #[test]
    fn the_clock_is_shown_in_seconds_and_with_its_votes() {
        let shown = |state, offset_ms, votes| {
            let mut page = Page::default();
            page.clock(&ClockView {
                state,
                offset_ms,
                votes,
            });
            let lines = page.text.lines().filter(|line| !line.starts_with('#'));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(
            shown(ClockState::Stopped, Some(-14_007), 2),
            [
                "meshbook_clock_votes 2",
                "meshbook_clock_stopped 1",
                "meshbook_clock_offset_seconds -14.007"
            ]
        );
        assert_eq!(
            shown(ClockState::Unmeasured, None, 0),
            ["meshbook_clock_votes 0", "meshbook_clock_stopped 0"]
        );
    }

    #[test]
    fn the_book_shows_its_size_and_its_best_prices() {
        let level = |price: &str, count| Level {
            price: price.parse().unwrap(),
            amount: 1,
            unsigned: 0,
            count,
        };
        let mut page = Page::default();
        page.book(&BookSnapshot {
            pair: "BTC/USD".parse().unwrap(),
            timestamp: meshbook::types::Millis(0),
            bids: vec![level("9.5", 2), level("9", 3)],
            asks: Vec::new(),
        });
        for line in [
            "meshbook_book_levels{pair=\"BTC/USD\",side=\"buy\"} 2",
            "meshbook_book_orders{pair=\"BTC/USD\",side=\"buy\"} 5",
            "meshbook_book_orders{pair=\"BTC/USD\",side=\"sell\"} 0",
            "meshbook_best_price{pair=\"BTC/USD\",side=\"buy\"} 9.5",
        ] {
            assert!(
                page.text.lines().any(|l| l == line),
                "{line} in\n{}",
                page.text
            );
        }
        assert!(
            !page
                .text
                .contains("best_price{pair=\"BTC/USD\",side=\"sell\"}")
        );
    }
}

//! Each command's answer as text for people.

use std::fmt::Write;

use meshbook::client::PastTrade;
use meshbook::node::{
    Ban, BookSnapshot, ClockState, ClockView, Level, Order, OrderResult, PeerView, UnsignedView,
};
use meshbook::types::{Millis, Printable, Side};
use serde::Serialize;

use super::table::{Align, table};
use super::time::utc;
use crate::control::StatusView;

/// The name that a value has in JSON, or its text.
pub(crate) fn label(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(serde_json::Value::Null) | Err(_) => "-".to_owned(),
        Ok(other) => other.to_string(),
    }
}

fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// The start of a long id: enough to tell peers apart.
fn short(id: &str) -> String {
    let shown = Printable(id).to_string();
    match shown.char_indices().nth(16) {
        Some((cut, _)) => format!("{}...", &shown[..cut]),
        None => shown,
    }
}

/// The node and its figures.
pub(crate) fn status(view: &StatusView) -> String {
    let stats = &view.stats;
    let (peers, listener) = (&stats.peers, &stats.direct_connection);
    let on = |on: bool| if on { "on" } else { "off" };
    let strategies = &stats.discovery.strategies;
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<10} {}", Printable(&value));
    };
    line("node", or_dash(view.node_id.as_ref()));
    line("user", view.user_id.to_string());
    line("pair", format!("{} on {}", view.pair, view.network));
    line(
        "listens",
        match &view.p2p_address {
            Some(address) => format!(
                "{address}, {} handshakes under way",
                listener.pending_handshakes
            ),
            None => "no".to_owned(),
        },
    );
    line(
        "peers",
        format!(
            "{} connected ({} inbound, {} outbound), {} healthy, {} known",
            peers.connected_peers,
            peers.inbound_peers,
            peers.outbound_peers,
            peers.healthy_peers,
            peers.total_peers,
        ),
    );
    line(
        "received",
        format!(
            "{} messages, {} bytes",
            peers.total_messages_received, peers.total_bytes_received,
        ),
    );
    line(
        "sent",
        format!(
            "{} messages, {} bytes",
            peers.total_messages_sent, peers.total_bytes_sent,
        ),
    );
    line(
        "discovery",
        format!(
            "mdns {}, grenache {}, dht {}, peer exchange {}, {} bootstrap peers",
            on(strategies.mdns),
            match (strategies.grenache, stats.has_grenache) {
                (true, false) => "on (no Grape answers)",
                (grenache, _) => on(grenache),
            },
            on(strategies.dht),
            on(strategies.peer_exchange),
            stats.discovery.bootstrap_peers,
        ),
    );
    line(
        "queue",
        format!(
            "{} of {} messages",
            stats.router.queue_size, stats.router.max_queue_size
        ),
    );
    line("clock", clock(&view.clock));
    line(
        "version",
        format!("{}, up for {} s", view.version, view.uptime_seconds),
    );
    text
}

/// How far the clock is off, by whom, and what follows.
fn clock(view: &ClockView) -> String {
    let Some(offset) = view.offset_ms else {
        return "not measured: no dialed peer has told its time".to_owned();
    };
    let peers = match view.votes {
        1 => "1 dialed peer".to_owned(),
        votes => format!("{votes} dialed peers"),
    };
    let follows = match view.state {
        ClockState::Stopped => "; nothing is placed or taken until it is set",
        ClockState::Off => "; check it",
        ClockState::Right | ClockState::Unmeasured => "",
    };
    let offset = i128::from(offset);
    match offset {
        0.. => format!("{offset} ms behind {peers}{follows}"),
        _ => format!("{} ms ahead of {peers}{follows}", -offset),
    }
}

/// Connected and known peers.
pub(crate) fn peers(list: &[PeerView]) -> String {
    if list.is_empty() {
        return "No peers yet. Name one with: meshbook run --bootstrap HOST:PORT\n".to_owned();
    }
    let rows: Vec<[String; 9]> = list
        .iter()
        .map(|peer| {
            [
                peer.node_id
                    .as_deref()
                    .map_or_else(|| "-".to_owned(), short),
                or_dash(peer.address.as_ref()),
                label(&peer.status),
                label(&peer.direction),
                or_dash(peer.dialect.as_ref()),
                label(&peer.source),
                or_dash(peer.latency),
                peer.failures.to_string(),
                peer.score.to_string(),
            ]
        })
        .collect();
    let head = [
        ("NODE", Align::Left),
        ("ADDRESS", Align::Left),
        ("STATUS", Align::Left),
        ("DIRECTION", Align::Left),
        ("SPEAKS", Align::Left),
        ("SOURCE", Align::Left),
        ("LATENCY", Align::Right),
        ("FAILURES", Align::Right),
        ("SCORE", Align::Right),
    ];
    table(head, &rows)
}

/// Every known address and what is remembered of it.
pub(crate) fn known_peers(list: &[PeerView]) -> String {
    if list.is_empty() {
        return "No address of a peer is known yet.\n".to_owned();
    }
    let rows: Vec<[String; 8]> = list
        .iter()
        .map(|peer| {
            [
                or_dash(peer.address.as_ref()),
                peer.node_id
                    .as_deref()
                    .map_or_else(|| "-".to_owned(), short),
                label(&peer.source),
                label(&peer.status),
                or_dash(peer.last_outcome.as_ref()),
                or_dash(peer.last_tried.map(utc)),
                peer.failures.to_string(),
                or_dash(peer.last_seen.map(utc)),
            ]
        })
        .collect();
    let head = [
        ("ADDRESS", Align::Left),
        ("NODE", Align::Left),
        ("SOURCE", Align::Left),
        ("STATUS", Align::Left),
        ("LAST DIAL", Align::Left),
        ("DIALED (UTC)", Align::Left),
        ("FAILURES", Align::Right),
        ("SEEN (UTC)", Align::Left),
    ];
    table(head, &rows)
}

/// A ban that was just set.
pub(crate) fn banned(ban: &Ban) -> String {
    format!("{} is banned until {} UTC\n", ban.peer, utc(ban.until))
}

/// The bans that hold.
pub(crate) fn bans(list: &[Ban]) -> String {
    if list.is_empty() {
        return "Nobody is banned.\n".to_owned();
    }
    let rows: Vec<[String; 3]> = list
        .iter()
        .map(|ban| {
            let by = if ban.by_user { "user" } else { "node" };
            [ban.peer.to_string(), by.to_owned(), utc(ban.until)]
        })
        .collect();
    let head = [
        ("PEER", Align::Left),
        ("BY", Align::Left),
        ("UNTIL (UTC)", Align::Left),
    ];
    table(head, &rows)
}

/// The book with the best prices in its middle: asks above, bids below.
pub(crate) fn book(book: &BookSnapshot) -> String {
    if book.bids.is_empty() && book.asks.is_empty() {
        return format!("{}: no orders\n", book.pair);
    }
    let row = |side: &str, level: &Level| {
        let value = serde_json::to_value(level).unwrap_or_default();
        let text = |field: &str| value[field].as_str().unwrap_or("-").to_owned();
        [
            side.to_owned(),
            level.price.to_string(),
            text("amount"),
            level.count.to_string(),
            text("unsigned"),
        ]
    };
    let asks = book.asks.iter().rev().map(|level| row("ask", level));
    let bids = book.bids.iter().map(|level| row("bid", level));
    let rows: Vec<_> = asks.chain(bids).collect();
    let head = [
        (book.pair.as_str(), Align::Left),
        ("PRICE", Align::Right),
        ("AMOUNT", Align::Right),
        ("ORDERS", Align::Right),
        ("UNSIGNED", Align::Right),
    ];
    let mut levels = book.bids.iter().chain(&book.asks);
    if levels.any(|level| level.unsigned > 0) {
        return table(head, &rows);
    }
    // Nobody has to read of it where there is none.
    let [pair, price, amount, count, _] = head;
    let rows: Vec<_> = rows
        .into_iter()
        .map(|[a, b, c, d, _]| [a, b, c, d])
        .collect();
    table([pair, price, amount, count], &rows)
}

/// The node's own orders.
pub(crate) fn orders(list: &[Order]) -> String {
    if list.is_empty() {
        return "No orders. Place one with: meshbook buy AMOUNT PRICE\n".to_owned();
    }
    let rows: Vec<[String; 9]> = list
        .iter()
        .map(|order| {
            [
                order.id.to_string(),
                utc(order.timestamp),
                order.pair.to_string(),
                order.side.to_string(),
                order.amount.to_string(),
                order.filled.to_string(),
                order
                    .price
                    .map_or_else(|| "market".to_owned(), |price| price.to_string()),
                label(&order.status),
                order.user_id.to_string(),
            ]
        })
        .collect();
    let head = [
        ("ORDER", Align::Left),
        ("PLACED (UTC)", Align::Left),
        ("PAIR", Align::Left),
        ("SIDE", Align::Left),
        ("AMOUNT", Align::Right),
        ("FILLED", Align::Right),
        ("PRICE", Align::Right),
        ("STATUS", Align::Left),
        ("USER", Align::Left),
    ];
    table(head, &rows)
}

/// Trades, anybody's.
pub(crate) fn trades(list: &[PastTrade]) -> String {
    if list.is_empty() {
        return "No trades yet.\n".to_owned();
    }
    let rows: Vec<[String; 7]> = list
        .iter()
        .map(|PastTrade { trade, pair, .. }| {
            let (maker, taker) = match trade.taker_side {
                Side::Buy => (trade.sell_order_id, trade.buy_order_id),
                Side::Sell => (trade.buy_order_id, trade.sell_order_id),
            };
            [
                utc(trade.timestamp),
                pair.to_string(),
                trade.taker_side.to_string(),
                trade.amount.to_string(),
                trade.price.to_string(),
                taker.to_string(),
                match trade.unsigned {
                    true => format!("{maker} (unsigned)"),
                    false => maker.to_string(),
                },
            ]
        })
        .collect();
    let head = [
        ("TIME (UTC)", Align::Left),
        ("PAIR", Align::Left),
        ("SIDE", Align::Left),
        ("AMOUNT", Align::Right),
        ("PRICE", Align::Right),
        ("TAKER", Align::Left),
        ("MAKER", Align::Left),
    ];
    table(head, &rows)
}

/// What became of a new order.
pub(crate) fn order_result(result: &OrderResult) -> String {
    let mut text = format!("order {}\n", result.order_id);
    for trade in &result.trades {
        // Writing to a string cannot fail.
        let _ = match trade.unsigned {
            true => writeln!(text, "traded {} at {}, unsigned", trade.amount, trade.price),
            false => writeln!(text, "traded {} at {}", trade.amount, trade.price),
        };
    }
    let _ = match &result.remaining_order {
        Some(order) => writeln!(
            text,
            "open: {} {} at {}, {} of it filled",
            order.side,
            order.amount,
            order
                .price
                .map_or_else(|| "market".to_owned(), |price| price.to_string()),
            order.filled
        ),
        None => writeln!(text, "closed: nothing of it is open"),
    };
    text
}

/// What legacy peers sent.
pub(crate) fn unsigned(view: &UnsignedView) -> String {
    if view.orders.is_empty() && view.trades.is_empty() {
        return "Nothing unsigned came from legacy peers.\n".to_owned();
    }
    let mut text = "Nobody signed these: they are shown as their peers sent them.\n".to_owned();
    let when = |time: Millis| utc(time);
    let orders: Vec<[String; 7]> = view
        .orders
        .iter()
        .map(|order| {
            [
                short(&order.from),
                short(&order.id),
                when(order.timestamp),
                order.side.to_string(),
                order.amount.to_string(),
                order.price.to_string(),
                order.user_id.to_string(),
            ]
        })
        .collect();
    if !orders.is_empty() {
        let head = [
            ("PEER", Align::Left),
            ("ORDER", Align::Left),
            ("PLACED (UTC)", Align::Left),
            ("SIDE", Align::Left),
            ("AMOUNT", Align::Right),
            ("PRICE", Align::Right),
            ("USER", Align::Left),
        ];
        text += &table(head, &orders);
    }
    let trades: Vec<[String; 5]> = view
        .trades
        .iter()
        .map(|trade| {
            [
                short(&trade.from),
                short(&trade.id),
                when(trade.timestamp),
                trade.amount.to_string(),
                trade.price.to_string(),
            ]
        })
        .collect();
    if !trades.is_empty() {
        let head = [
            ("PEER", Align::Left),
            ("TRADE", Align::Left),
            ("TIME (UTC)", Align::Left),
            ("AMOUNT", Align::Right),
            ("PRICE", Align::Right),
        ];
        text += &table(head, &trades);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_prices_meet_in_the_middle_of_the_book() {
        let level = |price: &str, units| Level {
            price: price.parse().unwrap(),
            amount: units,
            unsigned: 0,
            count: 1,
        };
        let text = book(&BookSnapshot {
            pair: "BTC/USD".parse().unwrap(),
            timestamp: Millis(0),
            bids: vec![level("9", 150_000_000), level("8", 100_000_000)],
            asks: vec![level("10", 100_000_000), level("11", 100_000_000)],
        });
        let prices = |line: &str| line.split_whitespace().nth(1).map(str::to_owned);
        let prices: Vec<String> = text.lines().skip(1).filter_map(prices).collect();
        assert_eq!(prices, ["11", "10", "9", "8"]);
        assert!(text.contains("1.5"), "{text}");
    }

    #[test]
    fn market_order_has_no_price_in_the_table() {
        let order = |price: serde_json::Value| -> Order {
            serde_json::from_value(serde_json::json!({
                "id": "0".repeat(32), "userId": "alice", "side": "buy", "amount": "1",
                "filled": "1", "price": price, "status": "filled", "timestamp": 1,
                "pair": "ETH/USD",
            }))
            .unwrap()
        };
        let text = orders(&[order(serde_json::Value::Null), order("100".into())]);
        let rows: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert!(
            rows[1].contains(&"market") && rows[2].contains(&"100"),
            "{text}"
        );
        assert!(rows[1].contains(&"ETH/USD"), "{text}");
    }

    #[test]
    fn what_nobody_signed_has_a_column_where_there_is_any() {
        let show = |unsigned| {
            book(&BookSnapshot {
                pair: "BTC/USD".parse().unwrap(),
                timestamp: Millis(0),
                bids: vec![Level {
                    price: "9".parse().unwrap(),
                    amount: 150_000_000,
                    count: 2,
                    unsigned,
                }],
                asks: Vec::new(),
            })
        };
        assert!(!show(0).contains("UNSIGNED"));
        let text = show(50_000_000);
        assert!(text.contains("UNSIGNED") && text.contains("0.5"), "{text}");
    }

    #[test]
    fn a_peers_name_cannot_drive_the_terminal() {
        assert_eq!(short("\x1b[2Jevil"), "\\u{1b}[2Jevil");
        assert_eq!(short(&"ä".repeat(20)), format!("{}...", "ä".repeat(16)));
    }
}

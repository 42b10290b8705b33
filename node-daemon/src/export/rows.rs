//! Trades and orders as lines of a file.

use std::str::FromStr;

use csv::{Terminator, WriterBuilder};
use meshbook::client::PastTrade;
use meshbook::node::Order;
use meshbook::types::InvalidValue;
use serde::Serialize;

use super::guard::guarded;
use crate::failure::Failure;
use crate::output::{iso, label};

/// The columns of a trade: the names of its JSON, `time` for people, and what is not in its JSON.
const TRADE: [&str; 10] = [
    "time",
    "timestamp",
    "id",
    "pair",
    "takerSide",
    "amount",
    "price",
    "buyOrderId",
    "sellOrderId",
    "ownSide",
];

/// The columns of an order.
const ORDER: [&str; 10] = [
    "time",
    "timestamp",
    "id",
    "pair",
    "side",
    "amount",
    "filled",
    "price",
    "status",
    "userId",
];

/// What a file is to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// RFC 4180, with a line of names.
    Csv,
    /// One JSON object a line, as `--json` shows it elsewhere.
    JsonLines,
}

impl FromStr for Format {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "csv" => Ok(Self::Csv),
            "jsonl" => Ok(Self::JsonLines),
            _ => Err(InvalidValue::new("--format", text, "csv or jsonl")),
        }
    }
}

impl Format {
    /// What comes before the first trade.
    pub(super) fn trades_head(self) -> Vec<u8> {
        self.head(&TRADE)
    }

    /// What comes before the first order.
    pub(super) fn orders_head(self) -> Vec<u8> {
        self.head(&ORDER)
    }

    /// A line for each trade.
    pub(super) fn trades(self, trades: &[PastTrade]) -> Result<Vec<u8>, Failure> {
        if self == Self::JsonLines {
            return json(trades.iter());
        }
        csv(trades.iter().map(|past| {
            let trade = &past.trade;
            [
                iso(trade.timestamp),
                trade.timestamp.0.to_string(),
                guarded(trade.id.to_string()),
                past.pair.to_string(),
                trade.taker_side.to_string(),
                trade.amount.to_string(),
                trade.price.to_string(),
                guarded(trade.buy_order_id.to_string()),
                guarded(trade.sell_order_id.to_string()),
                past.own_side.map(|side| label(&side)).unwrap_or_default(),
            ]
        }))
    }

    /// A line for each order.
    pub(super) fn orders(self, orders: &[Order]) -> Result<Vec<u8>, Failure> {
        if self == Self::JsonLines {
            return json(orders.iter());
        }
        csv(orders.iter().map(|order| {
            [
                iso(order.timestamp),
                order.timestamp.0.to_string(),
                guarded(order.id.to_string()),
                order.pair.to_string(),
                order.side.to_string(),
                order.amount.to_string(),
                order.filled.to_string(),
                order
                    .price
                    .map(|price| price.to_string())
                    .unwrap_or_default(),
                label(&order.status),
                guarded(order.user_id.to_string()),
            ]
        }))
    }

    fn head(self, names: &[&str]) -> Vec<u8> {
        match self {
            Self::Csv => (names.join(",") + "\r\n").into_bytes(),
            Self::JsonLines => Vec::new(),
        }
    }
}

fn csv<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> Result<Vec<u8>, Failure> {
    let mut writer = WriterBuilder::new()
        .has_headers(false)
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    for row in rows {
        writer
            .write_record(&row)
            .map_err(|error| Failure::new("INTERNAL", error))?;
    }
    writer
        .into_inner()
        .map_err(|error| Failure::new("INTERNAL", error.error()))
}

fn json<'a, T: Serialize + 'a>(values: impl Iterator<Item = &'a T>) -> Result<Vec<u8>, Failure> {
    let mut lines = Vec::new();
    for value in values {
        serde_json::to_writer(&mut lines, value)
            .map_err(|error| Failure::new("INTERNAL", error))?;
        lines.push(b'\n');
    }
    Ok(lines)
}

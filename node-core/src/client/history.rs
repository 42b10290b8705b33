//! The trades that a node keeps, its own and others', read from its journal page by page.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::ledger::{TradeRank, TradeRecord, Verifier};
use crate::node::{Entry, Table, Trade, raw_trade};
use crate::storage::{JournalReader, Page, StorageError};
use crate::types::{InvalidValue, Millis, NetworkId, NodeId, Pair, Side};

/// The most trades that one read looks at.
pub const HISTORY_PAGE: usize = 1000;

/// The most bytes of a [`Cursor`]: a trade's key, and one more.
const CURSOR: usize = TradeRank::KEY + 1;

/// Reads the trades of a journal, anybody's. Clones share what they remember of statements that
/// many trades have in common. Everything here blocks.
#[derive(Clone, Debug)]
pub struct History {
    reader: JournalReader,
    verifier: Arc<Verifier>,
    /// Whose trades are own ones, where that is known.
    node: Option<NodeId>,
}

/// Which trades to read, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryQuery {
    /// From this time on.
    pub since: Millis,
    /// Before this time.
    pub until: Option<Millis>,
    /// Only trades of this node's own orders.
    pub own: bool,
    /// From which end.
    pub direction: Reading,
    /// Where the last page ended; absent for the first one.
    pub at: Option<Cursor>,
    /// So many trades are looked at, 1 to [`HISTORY_PAGE`]; those among them that are asked for
    /// are given.
    pub limit: usize,
}

impl Default for HistoryQuery {
    /// A page of everything, oldest first.
    fn default() -> Self {
        Self {
            since: Millis::ZERO,
            until: None,
            own: false,
            direction: Reading::OldestFirst,
            at: None,
            limit: HISTORY_PAGE,
        }
    }
}

/// From which end a history is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// From the past on.
    #[default]
    OldestFirst,
    /// From the present back.
    NewestFirst,
}

/// A place between two trades, the same from both ends. As text it is hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor(Bytes);

/// Some trades of a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryPage {
    /// In the order in which they were asked for. There may be none, and more on the next page.
    pub trades: Vec<PastTrade>,
    /// Where to read on, if there may be more.
    pub next: Option<Cursor>,
}

/// A trade, and what only its journal knows of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PastTrade {
    /// The trade.
    #[serde(flatten)]
    pub trade: Trade,
    /// What was traded.
    pub pair: Pair,
    /// The side of this node's own order in it; absent if none of the two is its own.
    pub own_side: Option<OwnSide>,
}

/// Which side of a trade was this node's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OwnSide {
    /// It bought.
    Buy,
    /// It sold.
    Sell,
    /// Two users of this node traded.
    Both,
}

impl History {
    pub(super) fn new(reader: JournalReader, network: NetworkId, node: Option<NodeId>) -> Self {
        Self {
            reader,
            verifier: Arc::new(Verifier::new(network)),
            node,
        }
    }

    /// One page of trades in the order in which they happened; see [`TradeRank`]. Trades that come
    /// meanwhile are read if they are still ahead.
    ///
    /// # Errors
    /// Where the journal can't be read, and [`StorageError::Closed`] once it is closed.
    pub fn trades(&self, query: &HistoryQuery) -> Result<HistoryPage, StorageError> {
        let limit = query.limit.clamp(1, HISTORY_PAGE);
        let first = start_of(query.since);
        let end = query.until.map(start_of);
        let at = query.at.as_ref().map(|at| &at.0);
        let page = match query.direction {
            Reading::OldestFirst => {
                let from = at.map_or(&first, |at| at.max(&first));
                let read = |table| self.reader.page(table, from, limit);
                merge(query, limit, read)?
            }
            Reading::NewestFirst => {
                let before = at.into_iter().chain(&end).min();
                let before = before.map(|end| &**end);
                let read = |table| self.reader.page_before(table, before, limit);
                merge(query, limit, read)?
            }
        };
        let early_enough = |key: &Bytes| end.as_ref().is_none_or(|end| key < end);
        // What begins at the far end, or beyond it, is not read any more.
        let more = |next: &Bytes| match query.direction {
            Reading::OldestFirst => early_enough(next),
            Reading::NewestFirst => *next > first,
        };
        let mut trades = Vec::with_capacity(page.entries.len());
        for entry in page.entries {
            if entry.key < first || !early_enough(&entry.key) {
                continue;
            }
            let trade = self.show(&self.read(&entry)?);
            if !query.own || trade.own_side.is_some() {
                trades.push(trade);
            }
        }
        Ok(HistoryPage {
            trades,
            next: page.next.filter(more).map(Cursor),
        })
    }

    /// The network whose trades it reads.
    #[must_use]
    pub fn network(&self) -> &NetworkId {
        self.verifier.network()
    }

    fn read(&self, entry: &Entry) -> Result<TradeRecord, StorageError> {
        let damaged = |problem: String| {
            let key = hex::encode(&entry.key);
            self.reader.damaged(format!("the trade {key}: {problem}"))
        };
        let raw = raw_trade(entry).map_err(|error| damaged(error.to_string()))?;
        let trade = self.verifier.recall_trade(raw);
        trade.map_err(|error| damaged(error.to_string()))
    }

    fn show(&self, trade: &TradeRecord) -> PastTrade {
        let own = |order: &crate::ledger::Statement| Some(order.owner()) == self.node;
        let taker_side = trade.taker_side();
        let side = |side| match side {
            Side::Buy => OwnSide::Buy,
            Side::Sell => OwnSide::Sell,
        };
        let own_side = match (own(trade.maker()), own(trade.taker())) {
            (true, true) => Some(OwnSide::Both),
            (false, true) => Some(side(taker_side)),
            (true, false) => Some(side(taker_side.opposite())),
            (false, false) => None,
        };
        PastTrade {
            trade: Trade {
                id: trade.id(),
                buy_order_id: trade.buy_order(),
                sell_order_id: trade.sell_order(),
                amount: trade.amount(),
                price: trade.price(),
                timestamp: trade.ts(),
                taker_side,
                unsigned: false,
            },
            pair: trade.pair().clone(),
            own_side,
        }
    }
}

/// One page of both tables of trades, or of the own ones alone.
fn merge(
    query: &HistoryQuery,
    limit: usize,
    read: impl Fn(Table) -> Result<Page, StorageError>,
) -> Result<Page, StorageError> {
    let mut page = read(Table::Trades)?;
    if query.own {
        return Ok(page);
    }
    let others = read(Table::Others)?;
    let forward = query.direction == Reading::OldestFirst;
    // Beyond the nearer end of the two, entries of the other table may come first.
    let ends = page.next.into_iter().chain(others.next);
    let end = if forward { ends.min() } else { ends.max() };
    let within = |key: &Bytes| match (&end, forward) {
        (None, _) => true,
        (Some(end), true) => key < end,
        (Some(end), false) => key >= end,
    };
    page.entries.extend(others.entries);
    page.entries.sort_by(|one, other| one.key.cmp(&other.key));
    // An own trade that was seen as one of others before the key was known.
    page.entries.dedup_by(|one, other| one.key == other.key);
    if !forward {
        page.entries.reverse();
    }
    page.entries.retain(|entry| within(&entry.key));
    let last = if forward { limit } else { limit - 1 };
    let cut = (page.entries.len() > limit).then(|| page.entries.get(last));
    page.next = cut.flatten().map(|entry| entry.key.clone()).or(end);
    page.entries.truncate(limit);
    Ok(page)
}

/// The first key that a trade of this time can have.
fn start_of(time: Millis) -> Bytes {
    Bytes::copy_from_slice(&time.0.to_be_bytes())
}

impl FromStr for Cursor {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let bytes = hex::decode(text).ok();
        let bytes = bytes.filter(|bytes| (1..=CURSOR).contains(&bytes.len()));
        let bytes = bytes.ok_or_else(|| {
            InvalidValue::new("at", text, "what an earlier page gave as next: hex digits")
        })?;
        Ok(Self(bytes.into()))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl TryFrom<String> for Cursor {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        text.parse()
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}

//! The book page by page, best prices first: for a node that has next to nothing of it, which
//! would otherwise get it in the order of hashes.
//!
//! A page is some orders with all that their owners said of them, and the trades that burned a part
//! of one. Bids, asks and the owners' keep-alives are read side by side, each page when the one
//! before has come.

use super::state::Cost;
use crate::collections::BTreeMap;
use crate::ledger::{OrderState, Retained, Statement};
use crate::node::core::Node;
use crate::node::io::ConnId;
use crate::node::market::UNSIGNED;
use crate::protocol::{BookPage, BookPart, BookPlace, BookRequest, Message};
use crate::types::{Millis, NodeId, Now, Side};

/// Bytes of statements and trades in one page, about.
const PAGE_BYTES: usize = 192 * 1024;
/// Orders that are looked at for one page.
const PAGE_ORDERS: usize = 1_024;
/// A page is waited for so long; then the nodes compare, which finds the rest.
const PATIENCE: Millis = Millis::from_secs(10);
/// What was signed so long before it came is no news to the other peers.
const OLD: Millis = Millis::from_secs(30);

/// Reading the book of one peer.
#[derive(Debug)]
pub(in crate::node) struct Reading {
    conn: ConnId,
    /// Parts of which the last page has not come.
    parts: usize,
    /// When a page came last.
    since: Millis,
}

impl Node {
    /// Reads the book of a peer, unless another's is being read.
    pub(super) fn read_book_of(&mut self, conn: ConnId, now: Now) {
        if self.sync.reading.is_some() {
            return;
        }
        self.sync.was_read.insert(conn);
        self.counters.count("book_read");
        let side = |side| BookPart::Side { side, after: None };
        let parts = [
            BookPart::Heads { after: None },
            side(Side::Buy),
            side(Side::Sell),
        ];
        self.sync.reading = Some(Reading {
            conn,
            parts: parts.len(),
            since: now.mono,
        });
        for part in parts {
            self.ask_for_page(conn, part, now);
        }
    }

    fn ask_for_page(&mut self, conn: ConnId, part: BookPart, now: Now) {
        let pair = self.config.pair.clone();
        self.send_bulk(conn, &Message::Book(BookRequest { pair, part }), now);
    }

    /// A page has come.
    pub(in crate::node) fn on_page(&mut self, conn: ConnId, page: BookPage, now: Now) {
        let reading = self.sync.reading.as_mut().filter(|it| it.conn == conn);
        let Some(reading) = reading else {
            self.counters.count("page_unasked");
            return;
        };
        reading.since = now.mono;
        if !page.last {
            self.ask_for_page(conn, page.part, now);
            return;
        }
        reading.parts = reading.parts.saturating_sub(1);
        if reading.parts == 0 {
            self.end_reading(now);
        }
    }

    /// Whether a statement or trade comes with a page that was asked for, or might.
    pub(in crate::node) fn is_being_read(
        &self,
        from: Option<ConnId>,
        ts: Millis,
        now: Now,
    ) -> bool {
        self.is_reading(from) && now.wall.since(ts) > OLD
    }

    /// Whether the book of the peer at this connection is being read.
    pub(in crate::node) fn is_reading(&self, from: Option<ConnId>) -> bool {
        let reading = self.sync.reading.as_ref();
        reading.is_some_and(|it| Some(it.conn) == from)
    }

    /// The rest is found by comparing, with everybody who is there.
    fn end_reading(&mut self, now: Now) {
        self.sync.reading = None;
        // Whoever else is there is likely to have the same, and hears of it in its turn.
        let conns = self.peers.x1().map(|peer| peer.conn);
        self.sync.was_read.extend(conns);
        self.sync_with_all(now);
    }

    pub(super) fn reading_lost(&mut self, conn: ConnId, now: Now) {
        let reading = self.sync.reading.as_ref();
        if reading.is_some_and(|it| it.conn == conn) {
            self.end_reading(now);
        }
    }

    pub(super) fn look_after_reading(&mut self, now: Now) {
        let reading = self.sync.reading.as_ref();
        if reading.is_some_and(|it| now.mono.since(it.since) >= PATIENCE) {
            self.end_reading(now);
        }
    }

    /// A peer asks for a page.
    pub(in crate::node) fn on_book(&mut self, conn: ConnId, request: &BookRequest, now: Now) {
        if !self.admits(conn, Cost::Lookup, now) {
            return;
        }
        let (items, next) = match &request.part {
            BookPart::Heads { after } => self.page_of_heads(*after),
            // Another pair is not in order here: what there is of it is found by comparing.
            BookPart::Side { side, .. } if request.pair != self.config.pair => {
                let (side, after) = (*side, None);
                (Vec::new(), Err(BookPart::Side { side, after }))
            }
            BookPart::Side { side, after } => self.page_of_side(*side, *after),
        };
        self.send_items(conn, &items, now);
        let (part, last) = match next {
            Ok(part) => (part, false),
            Err(part) => (part, true),
        };
        self.send_bulk(conn, &Message::Page(BookPage { part, last }), now);
    }

    /// Some keep-alives, and where the next page begins or, after the last one, its part.
    fn page_of_heads(&self, after: Option<NodeId>) -> (Vec<Retained>, Result<BookPart, BookPart>) {
        let mut page = Page::default();
        for head in self.market.ledger().heads_after(after) {
            if page.is_full() {
                let after = page.last_owner();
                return (page.items, Ok(BookPart::Heads { after }));
            }
            page.add([head]);
        }
        (page.items, Err(BookPart::Heads { after: None }))
    }

    /// Some orders of one side.
    fn page_of_side(
        &self,
        side: Side,
        after: Option<BookPlace>,
    ) -> (Vec<Retained>, Result<BookPart, BookPart>) {
        let ledger = self.market.ledger();
        let from = self.market.side(side, after.map(|after| after.px));
        let mut page = Page::default();
        let mut trades = BTreeMap::new();
        let mut last = after;
        for order in from {
            let place = BookPlace {
                px: order.price,
                ts: order.time,
                id: order.id,
            };
            if order.owner == UNSIGNED {
                // Only what is signed goes to other nodes.
                continue;
            }
            let before = |after: BookPlace| {
                place.px == after.px && (place.ts, place.id) <= (after.ts, after.id)
            };
            if after.is_some_and(before) {
                continue;
            }
            if page.is_full() {
                page.items.extend(trades.into_values());
                return (page.items, Ok(BookPart::Side { side, after: last }));
            }
            last = Some(place);
            page.add(
                ledger
                    .order(&order.id)
                    .into_iter()
                    .flat_map(OrderState::statements),
            );
            for trade in ledger.trades_of(order.id) {
                page.bytes += TRADE_BYTES;
                trades.insert(trade.id(), Retained::Trade(trade.clone()));
            }
        }
        page.items.extend(trades.into_values());
        (page.items, Err(BookPart::Side { side, after: None }))
    }
}

/// A trade is about so long.
const TRADE_BYTES: usize = 2_500;

#[derive(Debug, Default)]
struct Page {
    items: Vec<Retained>,
    orders: usize,
    bytes: usize,
}

impl Page {
    fn is_full(&self) -> bool {
        self.orders >= PAGE_ORDERS || self.bytes >= PAGE_BYTES
    }

    fn add<'a>(&mut self, statements: impl IntoIterator<Item = &'a Statement>) {
        self.orders += 1;
        for statement in statements {
            self.bytes += statement.wire_len();
            self.items.push(Retained::Statement(statement.clone()));
        }
    }

    fn last_owner(&self) -> Option<NodeId> {
        match self.items.last()? {
            Retained::Statement(statement) => Some(statement.owner()),
            _ => None,
        }
    }
}

//! What was placed and traded, and who saw it when.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use meshbook::node::Trade;
use meshbook::types::{OrderId, Side, TradeId};

use super::figures::PhaseFigures;

/// Everything that happened.
#[derive(Debug)]
pub(super) struct Record {
    peers: usize,
    phase: AtomicUsize,
    over: AtomicBool,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    /// By number.
    orders: Vec<Placed>,
    trades: Vec<Bought>,
    /// When each peer heard of each trade, and what.
    heard: HashMap<TradeId, Vec<Option<(Instant, Trade)>>>,
    /// Sessions that ended, by phase.
    disconnects: HashMap<usize, u64>,
    /// Codes of errors, by phase.
    codes: HashMap<usize, BTreeMap<String, u64>>,
    /// Orders that stand and peers that don't have them, by phase.
    missing: HashMap<usize, HashSet<(usize, usize)>>,
    /// Orders that stand and peers that have another amount, by phase.
    amounts: HashMap<usize, HashSet<(usize, usize)>>,
    /// Pieces that each honest order was sold in.
    pieces: HashMap<OrderId, u64>,
    /// The most of them of one order, by phase.
    most_pieces: HashMap<usize, u64>,
    /// Trades that each peer was a side of.
    own_trades: HashMap<usize, u64>,
}

/// An order that rests until all have seen it.
#[derive(Debug)]
struct Placed {
    by: usize,
    phase: usize,
    at: Instant,
    /// When each peer saw it.
    seen: Vec<Option<Instant>>,
    id: Option<OrderId>,
    /// Its own node did not take it.
    refused: bool,
}

/// A purchase.
#[derive(Clone, Copy, Debug)]
struct Bought {
    phase: usize,
    at: Instant,
    /// Absent where it did not come about.
    id: Option<TradeId>,
}

impl Record {
    pub(super) fn new(peers: usize) -> Self {
        Self {
            peers,
            phase: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            books: Mutex::default(),
        }
    }

    pub(super) fn next_phase(&self) -> usize {
        self.phase.fetch_add(1, Relaxed) + 1
    }

    pub(super) fn stop(&self) {
        self.over.store(true, Relaxed);
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    /// Notes an order that is being placed; gives its number.
    pub(super) fn placing(&self, number: usize, by: usize) {
        let order = Placed {
            by,
            phase: self.phase.load(Relaxed),
            at: Instant::now(),
            seen: vec![None; self.peers],
            id: None,
            refused: false,
        };
        let mut books = self.lock();
        assert_eq!(books.orders.len(), number, "one after the other");
        books.orders.push(order);
    }

    /// Notes whether an order was taken by its own node, or the code of the error.
    pub(super) fn placed(&self, number: usize, placed: Result<OrderId, &str>) {
        if let Some(order) = self.lock().orders.get_mut(number) {
            order.id = placed.ok();
            order.refused = placed.is_err();
        }
        if let Err(code) = placed {
            self.refused(code);
        }
    }

    /// Notes that a node refused an order of its user.
    pub(super) fn refused(&self, code: &str) {
        let phase = self.phase.load(Relaxed);
        let mut books = self.lock();
        let codes = books.codes.entry(phase).or_default();
        *codes.entry(code.to_owned()).or_default() += 1;
    }

    /// Notes that a peer's book lacks an order that stands.
    pub(super) fn missed(&self, standing: usize, peer: usize) {
        let phase = self.phase.load(Relaxed);
        let mut books = self.lock();
        books
            .missing
            .entry(phase)
            .or_default()
            .insert((standing, peer));
    }

    /// Notes that a peer's book has another amount of an order that stands than its owner.
    pub(super) fn differed(&self, standing: usize, peer: usize) {
        let phase = self.phase.load(Relaxed);
        let mut books = self.lock();
        books
            .amounts
            .entry(phase)
            .or_default()
            .insert((standing, peer));
    }

    /// Notes a trade of which an order of this peer is a side.
    pub(super) fn own_trade(&self, peer: usize, trade: &Trade) {
        let phase = self.phase.load(Relaxed);
        let mut guard = self.lock();
        let books = &mut *guard;
        *books.own_trades.entry(peer).or_default() += 1;
        let maker = match trade.taker_side {
            Side::Buy => trade.sell_order_id,
            Side::Sell => trade.buy_order_id,
        };
        let pieces = books.pieces.entry(maker).or_default();
        *pieces += 1;
        let most = books.most_pieces.entry(phase).or_default();
        *most = (*most).max(*pieces);
    }

    /// Notes orders that a peer's book shows.
    pub(super) fn saw(&self, peer: usize, numbers: &[usize], at: Instant) {
        let mut books = self.lock();
        for number in numbers {
            if let Some(order) = books.orders.get_mut(*number) {
                order.seen[peer].get_or_insert(at);
            }
        }
    }

    /// The order's id, and whether all have seen it.
    pub(super) fn state(&self, number: usize) -> (Option<OrderId>, bool) {
        let books = self.lock();
        let order = books.orders.get(number);
        let state = order.map(|order| (order.id, order.is_settled()));
        state.unwrap_or((None, false))
    }

    pub(super) fn bought(&self, at: Instant, id: Option<TradeId>) {
        let phase = self.phase.load(Relaxed);
        self.lock().trades.push(Bought { phase, at, id });
    }

    pub(super) fn heard(&self, peer: usize, trade: Trade, at: Instant) {
        let mut books = self.lock();
        let heard = books.heard.entry(trade.id);
        let heard = heard.or_insert_with(|| vec![None; self.peers]);
        heard[peer].get_or_insert((at, trade));
    }

    pub(super) fn disconnected(&self) {
        let phase = self.phase.load(Relaxed);
        *self.lock().disconnects.entry(phase).or_default() += 1;
    }

    /// Whether all have seen everything.
    pub(super) fn is_complete(&self) -> bool {
        let books = self.lock();
        let known = |trade: &Bought| trade.id.is_none_or(|id| books.known_to_all(id));
        books.orders.iter().all(Placed::is_settled) && books.trades.iter().all(known)
    }

    pub(super) fn figures(&self, phase: usize) -> PhaseFigures {
        let books = self.lock();
        let pairs = |of: &HashMap<usize, HashSet<_>>| of.get(&phase).map_or(0, HashSet::len) as u64;
        let mut figures = PhaseFigures {
            codes: books.codes.get(&phase).cloned().unwrap_or_default(),
            missing: pairs(&books.missing),
            amounts: pairs(&books.amounts),
            most_pieces: books.most_pieces.get(&phase).copied().unwrap_or(0),
            own_trades: books.own_trades.values().copied().max().unwrap_or(0),
            disconnects: books.disconnects.get(&phase).copied().unwrap_or(0),
            ..PhaseFigures::default()
        };
        for order in books.orders.iter().filter(|order| order.phase == phase) {
            figures.orders += 1;
            figures.refused += u64::from(order.refused);
            for (_, seen) in order.others() {
                match seen {
                    Some(at) => figures.order.add(at.duration_since(order.at)),
                    None => figures.lost += 1,
                }
            }
        }
        for trade in books.trades.iter().filter(|trade| trade.phase == phase) {
            let Some(id) = trade.id else {
                figures.unfilled += 1;
                continue;
            };
            figures.trades += 1;
            let heard = books.heard.get(&id).map_or(&[][..], Vec::as_slice);
            let told: Vec<_> = heard.iter().flatten().collect();
            figures.lost_trades += (self.peers - told.len()) as u64;
            for (at, trade_there) in &told {
                figures.trade.add(at.duration_since(trade.at));
                figures.different += u64::from(*trade_there != told[0].1);
            }
        }
        figures.order.sort();
        figures.trade.sort();
        figures
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn known_to_all(&self, trade: TradeId) -> bool {
        let heard = self.heard.get(&trade);
        heard.is_some_and(|heard| heard.iter().all(Option::is_some))
    }
}

impl Placed {
    /// All but its own node.
    fn others(&self) -> impl Iterator<Item = (usize, Option<Instant>)> {
        let others = self.seen.iter().copied().enumerate();
        others.filter(|(peer, _)| *peer != self.by)
    }

    /// There is nothing to be waited for.
    fn is_settled(&self) -> bool {
        self.refused || self.others().all(|(_, seen)| seen.is_some())
    }
}

//! The ledger and the book that shows it: every change of an order's state moves the book along.

use super::config::NodeConfig;
use super::view::{BookSnapshot, Level};
use crate::collections::BTreeSet;
use crate::ledger::{
    Applied, InventoryError, Ledger, OrderState, Proof, Released, Statement, TradeRank,
    TradeRecord, TradeShare,
};
use crate::orderbook::{BookConfig, OrderBook, OrderRef, Orders, OwnerId, RestingOrder};
use crate::types::{Amount, Millis, NodeId, Now, OrderId, Pair, Price, Side, StatementHash};

/// Orders of this node in the book.
pub(super) const OWN: OwnerId = OwnerId(0);
/// Orders of other nodes in the book.
pub(super) const FOREIGN: OwnerId = OwnerId(1);
/// Orders of legacy peers in the book, which nobody signed.
pub(super) const UNSIGNED: OwnerId = OwnerId(2);
/// Signed orders of other nodes, as these announced them to plain peers. Never in this book.
pub(super) const BRIDGED: OwnerId = OwnerId(3);

/// What all nodes agree on, and the view of it for one pair.
#[derive(Debug)]
pub(super) struct Market {
    pair: Pair,
    ledger: Ledger,
    book: OrderBook,
    /// Orders that came to stand in the book, or grew there, since the last look.
    arrived: BTreeSet<OrderId>,
    changed: bool,
}

impl Market {
    /// `own` is this node: its orders are kept even if it can't say for long that it is live.
    pub(super) fn new(config: &NodeConfig, own: NodeId, book_seed: u128) -> Self {
        let mut ledger = Ledger::with_bounds(config.bounds.ledger);
        ledger.keep_owner(own);
        Self {
            pair: config.pair.clone(),
            ledger,
            book: OrderBook::new(BookConfig::with_seed(book_seed)),
            arrived: BTreeSet::new(),
            changed: false,
        }
    }

    pub(super) const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The orders in the book that one of these terms could trade with, best first: none for an
    /// order of another pair than the book's. All matching goes through this.
    pub(super) fn crossing(
        &self,
        pair: &Pair,
        side: Side,
        limit: Price,
    ) -> impl Iterator<Item = OrderRef> + '_ {
        let book = (*pair == self.pair).then_some(&self.book);
        let crossing = book.map(|book| book.crossing(side, limit));
        crossing.into_iter().flatten()
    }

    /// The orders in the book that an order there could trade with, best first.
    pub(super) fn crossing_in_book(&self, order: &OrderRef) -> impl Iterator<Item = OrderRef> + '_ {
        self.crossing(&self.pair, order.side, order.price)
    }

    /// An order in the book.
    pub(super) fn shown(&self, id: OrderId) -> Option<OrderRef> {
        self.book.get(id)
    }

    /// The orders of one side, best first; from this price on if one is given.
    pub(super) fn side(&self, side: Side, from: Option<Price>) -> Orders<'_> {
        match from {
            Some(price) => self.book.orders_from(side, price),
            None => self.book.orders(side),
        }
    }

    /// How many orders there are in the book, and at how many prices on each side.
    pub(super) fn size(&self) -> (usize, [usize; 2]) {
        let levels = [Side::Buy, Side::Sell].map(|side| self.book.level_count(side));
        (self.book.len(), levels)
    }

    /// Takes a statement in; the book follows. `is_own` tells which orders are this node's.
    pub(super) fn apply(
        &mut self,
        statement: Statement,
        is_own: impl Fn(&OrderId) -> bool,
        now: Now,
    ) -> Applied {
        let applied = self.ledger.apply(statement, now.wall);
        if let Applied::New { changed } = &applied {
            self.follow(changed, is_own, now);
        }
        applied
    }

    /// Takes a trade in that came by this party; the book follows.
    pub(super) fn apply_trade(
        &mut self,
        share: TradeShare,
        trade: TradeRecord,
        is_own: impl Fn(&OrderId) -> bool,
        now: Now,
    ) -> Applied {
        let applied = self.ledger.apply_trade_by(share, trade, now.wall);
        if let Applied::New { changed } = &applied {
            self.follow(changed, is_own, now);
        }
        applied
    }

    /// Takes in a trade of an earlier run; the book follows.
    pub(super) fn restore_trade(
        &mut self,
        share: TradeShare,
        trade: TradeRecord,
        is_own: impl Fn(&OrderId) -> bool,
        now: Now,
    ) {
        if let Applied::New { changed } = self.ledger.restore_trade(share, trade, now.wall) {
            self.follow(&changed, is_own, now);
        }
    }

    /// Takes a proof in; the book follows.
    pub(super) fn apply_proof(
        &mut self,
        proof: Proof,
        is_own: impl Fn(&OrderId) -> bool,
        now: Now,
    ) -> Applied {
        let applied = self.ledger.apply_proof(proof);
        if let Applied::New { changed } = &applied {
            self.follow(changed, is_own, now);
        }
        applied
    }

    /// Takes in what an owner's newest keep-alive lists; the book follows.
    ///
    /// # Errors
    /// Nothing has changed then.
    pub(super) fn apply_inventory(
        &mut self,
        owner: NodeId,
        ka: StatementHash,
        list: Vec<(OrderId, u64)>,
        is_own: impl Fn(&OrderId) -> bool,
        now: Now,
    ) -> Result<(), InventoryError> {
        let changed = self.ledger.apply_inventory(owner, ka, list)?;
        self.follow(&changed, is_own, now);
        Ok(())
    }

    /// Trades that were forgotten for want of room since the last call.
    pub(super) fn take_forgotten_trades(&mut self) -> Vec<TradeRank> {
        self.ledger.take_forgotten_trades()
    }

    /// The owners whose proofs were forgotten for want of room since the last call.
    pub(super) fn take_displaced_proofs(&mut self) -> BTreeSet<NodeId> {
        self.ledger.take_displaced_proofs()
    }

    /// Proofs that follow from what was applied since the last call.
    pub(super) fn take_found_proofs(&mut self) -> Vec<Proof> {
        self.ledger.take_found_proofs()
    }

    /// Ends what is past its time, and hides what is of silent owners. Returns the orders that
    /// ended; the hidden ones may come back.
    pub(super) fn expire(&mut self, is_own: impl Fn(&OrderId) -> bool, now: Now) -> Vec<OrderId> {
        let mut changed = self.ledger.expire(now.wall);
        self.follow(&changed, is_own, now);
        changed.retain(|id| self.ledger.order(id).is_none_or(OrderState::expired));
        changed
    }

    /// Forgets an owner with all its orders; says how many.
    pub(super) fn forget_owner(&mut self, owner: NodeId, now: Now) -> usize {
        let forgotten = self.ledger.forget_owner(&owner);
        self.follow(&forgotten, |_| false, now);
        forgotten.len()
    }

    /// Forgets the proof against an owner; the book follows.
    pub(super) fn forget_proof(
        &mut self,
        owner: &NodeId,
        is_own: impl Fn(&OrderId) -> bool,
        now: Now,
    ) {
        let changed = self.ledger.forget_proof(owner);
        self.follow(&changed, is_own, now);
    }

    /// What came too early and is due now.
    pub(super) fn release_due(&mut self, now: Now) -> Released {
        self.ledger.release_due(now.wall)
    }

    fn follow(&mut self, changed: &[OrderId], is_own: impl Fn(&OrderId) -> bool, now: Now) {
        for id in changed {
            self.show(*id, is_own(id), now);
        }
    }

    /// Makes the book show one order as the ledger has it: what is hidden there is not here.
    fn show(&mut self, id: OrderId, own: bool, now: Now) {
        let state = self.ledger.order(&id);
        let visible = state.and_then(|state| {
            let place = state.place();
            let stands = place.pair == self.pair && place.exp > now.wall;
            let open = self.ledger.visible_open(&id);
            (stands && !open.is_zero()).then_some(RestingOrder {
                id,
                owner: if own { OWN } else { FOREIGN },
                side: place.side,
                price: place.px,
                amount: open,
                time: place.ts,
            })
        });
        let shown = self.book.get(id).map(|order| order.open);
        match (visible, shown) {
            (None, Some(_)) => {
                self.book.remove(id);
                self.changed = true;
            }
            (Some(order), None) => {
                // Refused only when the book's arenas are full: then the order stays invisible
                // here, as it would above any other bound.
                if self.book.rest(order).is_ok() {
                    self.arrived.insert(id);
                    self.changed = true;
                }
            }
            (Some(order), Some(open)) if order.amount != open => {
                if order.amount > open {
                    self.arrived.insert(id);
                }
                self.changed |= self.book.set_open(id, order.amount).is_ok();
            }
            (None, None) | (Some(_), Some(_)) => {}
        }
    }

    /// Enters an unsigned order of a legacy peer into the book; the ledger knows nothing of it.
    pub(super) fn rest_unsigned(
        &mut self,
        id: OrderId,
        side: Side,
        price: Price,
        amount: Amount,
        now: Now,
    ) {
        let order = RestingOrder {
            id,
            owner: UNSIGNED,
            side,
            price,
            amount,
            time: now.wall,
        };
        // Refused only when the book's arenas are full.
        if self.book.rest(order).is_ok() {
            self.arrived.insert(id);
            self.changed = true;
        }
    }

    /// Has an unsigned order show what is open of it.
    pub(super) fn set_unsigned(&mut self, id: OrderId, open: Amount) {
        if open.is_zero() {
            self.drop_unsigned(id);
        } else {
            self.changed |= self.book.set_open(id, open).is_ok();
        }
    }

    /// Takes an unsigned order out of the book.
    pub(super) fn drop_unsigned(&mut self, id: OrderId) {
        self.changed |= self.book.remove(id).is_some();
    }

    /// Orders that came to stand in the book, or grew there, since the last call.
    pub(super) fn take_arrived(&mut self) -> BTreeSet<OrderId> {
        std::mem::take(&mut self.arrived)
    }

    /// Whether the book changed since the last call.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    pub(super) fn best(&self) -> (Option<Price>, Option<Price>) {
        self.book.best()
    }

    pub(super) fn snapshot(&self, depth: usize, timestamp: Millis) -> BookSnapshot {
        let depth = self.book.depth(depth);
        let show = |levels: Vec<crate::orderbook::Level>| {
            let show = |level: crate::orderbook::Level| Level {
                price: level.price,
                amount: level.amount.units(),
                count: level.count as usize,
                unsigned: 0,
            };
            levels.into_iter().map(show).collect()
        };
        BookSnapshot {
            pair: self.pair.clone(),
            timestamp,
            bids: show(depth.bids),
            asks: show(depth.asks),
        }
    }
}

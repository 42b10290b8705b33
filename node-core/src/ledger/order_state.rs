//! One order as its owner's statements and the trades describe it.

use sha2::{Digest, Sha256};

use crate::types::{Amount, Millis, NodeId, OrderId};

use super::claims::{Claims, Joined, Sequence, sequence};
use super::{Piece, Pieces, Place, PlaceTif, Statement, TradeRecord};

/// Where an order is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderStatus {
    /// Known, but never published: it may be taking, and cannot be taken.
    Pending,
    /// Published; takers may ask for what is open.
    Open,
    /// Its owner closed it, left it out of its newest inventory or is revoked, or its time is over.
    Closed,
    /// All of its amount is burned.
    Filled,
}

/// A word on what is open; the one that stands last in the owner's sequence counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct OpenClaim {
    at: Sequence,
    open: Amount,
    ts: Millis,
}

/// One order: its `place`, what its owner said since, and what trades burned of it. All of it is
/// a function of the set of statements and trades that concern it.
#[derive(Clone, Debug)]
pub struct OrderState {
    id: OrderId,
    place: Statement,
    terms: Place,
    claims: Claims,
    burned: Pieces,
    fill: Option<OpenClaim>,
    /// The first fill that closed it.
    last: Option<Statement>,
    /// What forgotten trades burned, and the newest `open` among their fills.
    settled: Pieces,
    settled_fill: Option<OpenClaim>,
    settled_last: Option<Statement>,
    expired: bool,
    revoked: bool,
    /// The number of the keep-alive whose inventory leaves it out. Counts as long as nothing with
    /// a larger number is known of the order.
    withdrawn: Option<u64>,
}

impl OrderState {
    /// The order of this `place`; `None` if the statement is no `place`.
    pub(super) fn new(place: Statement, claims: Claims, expired: bool) -> Option<Self> {
        Some(Self {
            id: place.order_id()?,
            terms: place.as_place()?.clone(),
            place,
            claims,
            burned: Pieces::new(),
            fill: None,
            last: None,
            settled: Pieces::new(),
            settled_fill: None,
            settled_last: None,
            expired,
            revoked: false,
            withdrawn: None,
        })
    }

    /// The order's id.
    #[must_use]
    pub const fn id(&self) -> OrderId {
        self.id
    }

    /// Whose order it is.
    #[must_use]
    pub fn owner(&self) -> NodeId {
        self.place.owner()
    }

    /// The order as it was placed.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.terms
    }

    /// The `place` itself.
    #[must_use]
    pub const fn statement(&self) -> &Statement {
        &self.place
    }

    /// The newest `ord` of an order that is not closed.
    #[must_use]
    pub const fn newest(&self) -> Option<&Statement> {
        self.claims.newest()
    }

    /// The statement that closed it: an `ord`, or the `place` that replaced it. An order whose
    /// time is over needs none.
    #[must_use]
    pub const fn closing(&self) -> Option<&Statement> {
        self.claims.closing()
    }

    /// The first `fill` that closed it by being its [last](super::Fill::last).
    #[must_use]
    pub const fn last_fill(&self) -> Option<&Statement> {
        self.last.as_ref()
    }

    /// Whether its owner closed it, by a statement about it or by its last fill.
    #[must_use]
    pub const fn is_closed_by_owner(&self) -> bool {
        self.claims.closing().is_some() || self.last.is_some()
    }

    /// What another node needs to reach the same, but for trades: the `place` first.
    pub fn statements(&self) -> impl Iterator<Item = &Statement> {
        std::iter::once(&self.place).chain(self.claims.statements())
    }

    /// The pieces that trades burned.
    #[must_use]
    pub const fn burned(&self) -> &Pieces {
        &self.burned
    }

    /// The amount as it is now: it only shrinks, and never below the end of a burned piece.
    #[must_use]
    pub fn amt(&self) -> Amount {
        let stated = self.claims.amt().unwrap_or(self.terms.amt);
        stated.max(self.burned.end()).min(self.terms.amt)
    }

    /// What is burned; never more than [`Self::amt`], whatever the owners sign.
    #[must_use]
    pub fn filled(&self) -> Amount {
        self.burned.measure().min(self.amt())
    }

    /// What takers may ask for: 0 unless the order is [`OrderStatus::Open`].
    #[must_use]
    pub fn open(&self) -> Amount {
        if self.status() != OrderStatus::Open {
            return Amount::ZERO;
        }
        let free = self.amt().saturating_sub(self.filled());
        let claimed = self.open_claim().map_or(Amount::ZERO, |claim| claim.open);
        claimed.min(free)
    }

    /// Whether its owner published it and has not closed it. An IOC order never is.
    #[must_use]
    pub fn published(&self) -> bool {
        let closed = self.is_closed_by_owner();
        let stated = self.terms.rest || self.claims.newest().is_some();
        !closed && stated && self.terms.tif != PlaceTif::Ioc
    }

    /// Whether its owner is proven to have misbehaved.
    #[must_use]
    pub const fn revoked(&self) -> bool {
        self.revoked
    }

    /// Whether its time is over, by the clock that the ledger was shown.
    #[must_use]
    pub const fn expired(&self) -> bool {
        self.expired
    }

    /// Where it is in its life.
    #[must_use]
    pub fn status(&self) -> OrderStatus {
        if self.filled() >= self.amt() {
            OrderStatus::Filled
        } else if self.expired || self.revoked || self.is_closed_by_owner() || self.withdrawn() {
            OrderStatus::Closed
        } else if self.published() {
            OrderStatus::Open
        } else {
            OrderStatus::Pending
        }
    }

    /// Whether it may still trade: it is open, or not published yet.
    pub(super) fn is_not_over(&self) -> bool {
        matches!(self.status(), OrderStatus::Open | OrderStatus::Pending)
    }

    /// Whether it may still trade after one trade more.
    pub(super) fn is_not_over_after(&self, trade: &TradeRecord) -> bool {
        let mut after = self.clone();
        after.burn(trade);
        after.is_not_over()
    }

    fn open_claim(&self) -> Option<OpenClaim> {
        let placed = self.terms.rest.then(|| OpenClaim {
            at: sequence(&self.place),
            open: self.terms.amt,
            ts: self.terms.ts,
        });
        let newest = self.claims.newest().and_then(|newest| {
            Some(OpenClaim {
                at: sequence(newest),
                open: newest.as_ord()?.open,
                ts: newest.ts(),
            })
        });
        placed.max(newest).max(self.fill)
    }

    /// The highest `n` of its owner among all that is held of it, and the date of that statement.
    pub(super) fn newest_sign(&self) -> (u64, Millis) {
        let said = self.statements().map(|s| (sequence(s), s.ts()));
        let fill = self.fill.map(|claim| (claim.at, claim.ts));
        let newest = said.chain(fill).max();
        newest.map_or((0, Millis::ZERO), |((n, _), ts)| (n, ts))
    }

    /// Whether its owner has it in its inventory, until its time is over: published, not closed,
    /// not wholly burned, and not withdrawn.
    pub(super) fn listed(&self) -> bool {
        self.published() && self.filled() < self.amt() && !self.withdrawn()
    }

    /// Whether its owner left it out of its newest inventory without closing it, as far as anybody
    /// here has heard.
    #[must_use]
    pub fn withdrawn(&self) -> bool {
        let newest = self.newest_sign().0;
        self.withdrawn.is_some_and(|by| newest < by)
    }

    /// Follows an inventory: `left_out` is the number of the keep-alive that leaves it out.
    pub(super) const fn set_withdrawn(&mut self, left_out: Option<u64>) {
        self.withdrawn = left_out;
    }

    /// The highest `n` of its owner among all that is held of it.
    #[must_use]
    pub fn newest_number(&self) -> u64 {
        self.newest_sign().0
    }

    pub(super) fn join(&mut self, statement: &Statement) -> Joined {
        self.claims.join(statement)
    }

    /// Ends it, as its time is over.
    pub(super) const fn end(&mut self) {
        self.expired = true;
    }

    /// Closes it as its owner is revoked, or takes that back.
    pub(super) const fn set_revoked(&mut self, revoked: bool) {
        self.revoked = revoked;
    }

    /// Burns what a trade took of this order, on whichever side it was. Says if that is news.
    pub(super) fn burn(&mut self, trade: &TradeRecord) -> bool {
        let mut changed = false;
        if let Some(piece) = leg(trade, self.id) {
            changed |= !self.burned.insert(piece).is_zero();
        }
        let fill = fill_claim(trade, self.id).max(self.fill);
        changed |= fill != self.fill;
        self.fill = fill;
        let last = first_last(&self.last, trade, self.id);
        changed |= last != self.last;
        self.last = last;
        changed
    }

    /// Burns for good what a trade took that will be forgotten. Says if that is news.
    pub(super) fn settle(&mut self, trade: &TradeRecord) -> bool {
        if let Some(piece) = leg(trade, self.id) {
            self.settled.insert(piece);
        }
        self.settled_fill = fill_claim(trade, self.id).max(self.settled_fill);
        self.settled_last = first_last(&self.settled_last, trade, self.id);
        self.burn(trade)
    }

    /// Burns exactly what these trades and the forgotten ones took.
    pub(super) fn reburn<'a>(&mut self, trades: impl Iterator<Item = &'a TradeRecord>) {
        self.burned = self.settled.clone();
        self.fill = self.settled_fill;
        self.last.clone_from(&self.settled_last);
        for trade in trades {
            self.burn(trade);
        }
    }

    /// Adds all that distinguishes this state from another.
    pub(super) fn digest(&self, hash: &mut Sha256) {
        for statement in self.statements() {
            hash.update(statement.hash().0);
        }
        for piece in self.burned.iter().chain(self.settled.iter()) {
            hash.update(piece.start().units().to_be_bytes());
            hash.update(piece.end().units().to_be_bytes());
        }
        for OpenClaim {
            at: (n, of), open, ..
        } in self.fill.iter().chain(&self.settled_fill)
        {
            hash.update(n.to_be_bytes());
            hash.update(of.0);
            hash.update(open.units().to_be_bytes());
        }
        for last in self.last.iter().chain(&self.settled_last) {
            hash.update(last.hash().0);
        }
        hash.update([u8::from(self.expired)]);
    }
}

/// What a trade burns of this order.
pub(super) fn leg(trade: &TradeRecord, order: OrderId) -> Option<Piece> {
    if trade.maker_order() == order {
        Some(trade.maker_piece())
    } else if trade.taker_order() == order {
        Some(trade.taker_piece())
    } else {
        None
    }
}

/// What a trade's `fill` says is open of this order, if it is the maker's.
fn fill_claim(trade: &TradeRecord, order: OrderId) -> Option<OpenClaim> {
    let fill = trade.fill();
    let open = fill.as_fill()?.open;
    (trade.maker_order() == order).then(|| OpenClaim {
        at: sequence(fill),
        open,
        ts: fill.ts(),
    })
}

/// Of two fills that close this order the one that stands first in its owner's sequence.
fn first_last(known: &Option<Statement>, trade: &TradeRecord, order: OrderId) -> Option<Statement> {
    let fill = trade.fill();
    let closes = trade.maker_order() == order && fill.as_fill().is_some_and(|fill| fill.last);
    let fills = known.iter().chain(closes.then_some(fill));
    fills.min_by_key(|fill| sequence(fill)).cloned()
}

/// When an order ends and when it may be forgotten.
pub(super) fn deadline(order: &OrderState) -> Millis {
    if order.expired {
        order.terms.exp + super::limits::FORGET_AFTER
    } else {
        order.terms.exp
    }
}

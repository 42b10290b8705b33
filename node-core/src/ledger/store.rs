//! The replicated set, and what follows from it.

use sha2::{Digest, Sha256};

use crate::collections::BTreeSet;
use crate::types::{Amount, Millis, NodeId, OrderId, TradeId};

use super::claims::{Joined, subject};
use super::heads::{Heads, Life};
use super::limits::{FORGET_AFTER, LIVE};
use super::order_set::OrderSet;
use super::orphans::Orphans;
use super::quarantine::{Early, Quarantine, is_early, latest_ts};
use super::retained_set::RetainedSet;
use super::revoked::Revoked;
use super::trade_set::TradeSet;
use super::watch::Watch;
use super::{
    Applied, LedgerBounds, LedgerStats, OrderState, OrderStatus, Payload, Prefix, Refusal,
    Released, Retained, Statement, TradeRank, TradeRecord, TradeShare, prefix_of,
};

/// All orders and trades that a node knows, its own and those of others.
///
/// The state is a function of the *set* of statements, trades and proofs that were applied:
/// neither their order nor repetition matters, whatever their signers meant by them. That holds below
/// the bounds of [`limits`](super::limits); above one of them, what is refused or forgotten
/// depends on what came first, and synchronisation heals it as far as there is room.
///
/// It only ever sees verified statements, and knows no clock: each call is told the time.
#[derive(Debug)]
pub struct Ledger {
    pub(super) orders: OrderSet,
    pub(super) heads: Heads,
    pub(super) trades: TradeSet,
    pub(super) orphans: Orphans,
    quarantine: Quarantine,
    pub(super) revoked: Revoked,
    pub(super) watch: Watch,
    pub(super) retained: RetainedSet,
    refused: u64,
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new()
    }
}

impl Ledger {
    /// An empty ledger with the bounds that nodes run with.
    #[must_use]
    pub fn new() -> Self {
        Self::with_bounds(LedgerBounds::DEFAULT)
    }

    /// An empty ledger that stores at most so much.
    #[must_use]
    pub fn with_bounds(bounds: LedgerBounds) -> Self {
        Self {
            orders: OrderSet::new(bounds.inactive_orders),
            heads: Heads::new(bounds.owners),
            trades: TradeSet::new(bounds),
            orphans: Orphans::new(bounds),
            quarantine: Quarantine::new(bounds.early),
            revoked: Revoked::new(bounds.proofs),
            watch: Watch::new(bounds),
            retained: RetainedSet::default(),
            refused: 0,
        }
    }

    /// Applies a `place`, an `ord` or a `ka`; `wall` is the local time since the Unix epoch.
    ///
    /// A `req`, `fill` or `rej` by itself is refused. A lone `fill` could act as an `ord`, but
    /// would say that a piece is gone without saying which: with its trade it says both, and
    /// every node has to see the trade anyway.
    pub fn apply(&mut self, statement: Statement, wall: Millis) -> Applied {
        // What the node itself has signed counts whatever its clock shows since.
        if is_early(statement.ts(), wall) && !self.heads.is_kept(&statement.owner()) {
            return self.hold(Early::Statement(statement));
        }
        self.look_for_contradictions(&statement);
        let mut changed = BTreeSet::new();
        let result = match statement.payload() {
            Payload::Place(_) => {
                let replaced = self.replace(&statement, &mut changed);
                let result = self.apply_place(&statement, wall, &mut changed);
                if replaced {
                    Ok(Joined::Changed)
                } else {
                    result
                }
            }
            Payload::Ord(_) => self.claim(&statement, &mut changed),
            Payload::Ka(_) => {
                let owner = statement.owner();
                let before = self.head_of(&owner);
                let joined = self.heads.join(&statement, wall);
                let after = self.head_of(&owner);
                self.retained.replace(&before, &after);
                self.match_inventory(&owner);
                joined
            }
            Payload::Req(_) | Payload::Fill(_) | Payload::Rej(_) => Err(Refusal::NotReplicated),
        };
        if matches!(result, Ok(Joined::Changed)) {
            self.follow_inventories(&changed);
            self.refresh(statement.owner(), wall, &mut changed);
        }
        self.outcome(result, changed)
    }

    /// Applies a trade of which it is not known who brought it; see [`Self::apply_trade_by`].
    pub fn apply_trade(&mut self, trade: TradeRecord, wall: Millis) -> Applied {
        self.apply_trade_by(TradeShare::UNKNOWN, trade, wall)
    }

    /// Applies a trade: burns its piece of both orders, which become known by it if they were
    /// not. `share` is the party that brought it, and `wall` the local time since the Unix epoch.
    pub fn apply_trade_by(
        &mut self,
        share: TradeShare,
        trade: TradeRecord,
        wall: Millis,
    ) -> Applied {
        // Nothing is news that is older than any sign of life.
        let news_since = wall.since(LIVE);
        self.take_trade(share, trade, news_since, wall)
    }

    /// Applies a trade that an earlier run of this node remembered, however old it is; see
    /// [`Self::apply_trade_by`].
    pub fn restore_trade(
        &mut self,
        share: TradeShare,
        trade: TradeRecord,
        wall: Millis,
    ) -> Applied {
        self.take_trade(share, trade, Millis::ZERO, wall)
    }

    fn take_trade(
        &mut self,
        share: TradeShare,
        trade: TradeRecord,
        news_since: Millis,
        wall: Millis,
    ) -> Applied {
        if is_early(latest_ts(&trade), wall) && !self.heads.is_kept(&trade.fill().owner()) {
            return self.hold(Early::Trade(trade));
        }
        if self.trades.get(&trade.id()).is_some() {
            return Applied::Known;
        }
        self.look_for_contradicting_trades(&trade);
        let mut changed = BTreeSet::new();
        for place in [trade.maker(), trade.taker()] {
            self.learn(place, wall, &mut changed);
        }
        let legs = [trade.maker_order(), trade.taker_order()];
        if self.has_no_room_for(&trade, share, news_since) {
            // What it burned of known orders must stay burned.
            let standing = !self.trades.is_void(&trade);
            for id in legs {
                let mut settle = || {
                    self.orders
                        .update(&id, &mut self.retained, |order| order.settle(&trade))
                };
                if standing && settle() == Some(true) {
                    changed.insert(id);
                }
            }
            self.refresh_owners(wall, &mut changed);
            let news = if changed.is_empty() {
                Joined::Stale
            } else {
                Joined::Changed
            };
            return self.outcome(Ok(news), changed);
        }
        self.retained.hold(&Retained::Trade(trade.clone()));
        let orders = &self.orders;
        let is_open = |id: &OrderId| orders.get(id).is_some_and(OrderState::is_not_over);
        let leaves = self.trades.insert(&trade, share, is_open);
        if let Some(leaves) = &leaves {
            self.retained.release(&Retained::Trade(leaves.clone()));
        }
        if let Some(leaves) = leaves
            && !self.trades.is_void(&leaves)
        {
            for id in [leaves.maker_order(), leaves.taker_order()] {
                self.orders
                    .update(&id, &mut self.retained, |order| order.settle(&leaves));
            }
        }
        for id in self.trades.free(&trade) {
            let standing = self.trades.of_order(id);
            self.orders
                .update(&id, &mut self.retained, |order| order.reburn(standing));
            changed.insert(id);
        }
        for id in legs {
            if !self.trades.is_void(&trade) {
                self.orders
                    .update(&id, &mut self.retained, |order| order.burn(&trade));
            }
            changed.insert(id);
        }
        self.refresh_owners(wall, &mut changed);
        self.outcome(Ok(Joined::Changed), changed)
    }

    /// Whether a trade is not to be remembered, since there is no room for all: it was forgotten
    /// before, or is not new any more and neither this node's nor of an order that goes on. Nodes
    /// that forgot different trades would bring each other theirs for ever.
    fn has_no_room_for(&self, trade: &TradeRecord, share: TradeShare, news_since: Millis) -> bool {
        if self.has_forgotten(&prefix_of(&trade.id().0)) {
            return true;
        }
        let goes_on = |id| {
            let order = self.order(&id);
            order.is_some_and(|order| order.is_not_over_after(trade))
        };
        self.trades.is_full()
            && share != TradeShare::OWN
            && trade.ts() < news_since
            && !goes_on(trade.maker_order())
            && !goes_on(trade.taker_order())
    }

    /// Whether a trade whose id begins like this was forgotten for want of room, as far as that is
    /// remembered ([`limits::TRADES_FORGOTTEN`]). It is not taken in again.
    ///
    /// [`limits::TRADES_FORGOTTEN`]: super::limits::TRADES_FORGOTTEN
    #[must_use]
    pub fn has_forgotten(&self, prefix: &Prefix) -> bool {
        self.trades.has_forgotten(prefix)
    }

    /// The trades that were forgotten for want of room since the last call: the last
    /// [`limits::TRADES_FORGOTTEN`] of them.
    ///
    /// [`limits::TRADES_FORGOTTEN`]: super::limits::TRADES_FORGOTTEN
    pub fn take_forgotten_trades(&mut self) -> Vec<TradeRank> {
        self.trades.take_forgotten()
    }

    /// Ends all orders whose time is over at `wall`, hides those of owners that are silent, and
    /// forgets what is long over. Returns the orders that were pending or open until now and have
    /// ended, and the open ones that are hidden from now on. Costs nothing when nothing is due.
    pub fn expire(&mut self, wall: Millis) -> Vec<OrderId> {
        self.orphans.prune(wall);
        let mut less = BTreeSet::new();
        let mut ended = self.orders.expire(wall, &mut less, &mut self.retained);
        let mut hidden = BTreeSet::new();
        for owner in less {
            self.refresh(owner, wall, &mut hidden);
        }
        while let Some(owner) = self.heads.take_due(wall) {
            self.refresh(owner, wall, &mut hidden);
            if self.life(&owner, wall) == Life::Gone && !self.heads.is_kept(&owner) {
                self.drop_owner(&owner);
            }
        }
        ended.extend(hidden);
        ended
    }

    /// Takes out what was dated in the future and is due at `wall`; to be applied once more.
    pub fn release_due(&mut self, wall: Millis) -> Released {
        self.quarantine.release(wall)
    }

    /// The next time at which [`Self::expire`] or [`Self::release_due`] may have something to do.
    #[must_use]
    pub fn next_due(&self) -> Option<Millis> {
        let dues = [
            self.orders.next_due(),
            self.heads.next_due(),
            self.quarantine.next_due(),
        ];
        dues.into_iter().flatten().min()
    }

    /// An order, in whatever state.
    #[must_use]
    pub fn order(&self, id: &OrderId) -> Option<&OrderState> {
        self.orders.get(id)
    }

    /// The open orders, by their ids.
    pub fn open_orders(&self) -> impl Iterator<Item = &OrderState> {
        self.orders.open()
    }

    /// How many open orders an owner has; at most [`limits::OPEN_PER_OWNER`].
    ///
    /// [`limits::OPEN_PER_OWNER`]: super::limits::OPEN_PER_OWNER
    #[must_use]
    pub fn open_of(&self, owner: &NodeId) -> usize {
        self.orders.open_of(owner)
    }

    /// How many open orders there are.
    #[must_use]
    pub fn open_len(&self) -> usize {
        self.orders.open_len()
    }

    /// Every owner of an order, and how many open ones it has.
    pub fn owners(&self) -> impl Iterator<Item = (NodeId, usize)> {
        self.orders.open_by_owner()
    }

    /// Whether something is held of an owner: an order, a `ka` or a proof.
    #[must_use]
    pub fn knows(&self, owner: &NodeId) -> bool {
        self.heads.contains(owner) || self.revoked.contains(owner)
    }

    /// All owners of whom an order or a `ka` is held, by their ids.
    pub fn known_owners(&self) -> impl Iterator<Item = NodeId> {
        self.heads.known()
    }

    /// Whether an owner is among [`Self::known_owners`], or there is room for one more. Where there
    /// is none, whatever would make it known is refused until [`Self::forget_owner`] has made room:
    /// who has to go is not for the ledger to judge.
    #[must_use]
    pub fn has_room_for(&self, owner: &NodeId) -> bool {
        self.heads.has_room(owner)
    }

    /// Forgets an owner with all its orders, for want of room; returns them. What it signs from then
    /// on is taken in as from somebody new.
    pub fn forget_owner(&mut self, owner: &NodeId) -> Vec<OrderId> {
        self.drop_owner(owner)
    }

    /// What takers may ask of an order for now: [`OrderState::open`] if its owner is live by the
    /// clock that the ledger was last shown, else nothing.
    #[must_use]
    pub fn visible_open(&self, id: &OrderId) -> Amount {
        let order = self.orders.get(id);
        let shown = order.filter(|order| !self.heads.is_silent(&order.owner()));
        shown.map_or(Amount::ZERO, OrderState::open)
    }

    /// Whether an owner is live at `wall`: the newest statement that is held of it, by its `n`, is
    /// at most [`limits::LIVE`] old and no goodbye.
    ///
    /// [`limits::LIVE`]: super::limits::LIVE
    #[must_use]
    pub fn is_live(&self, owner: &NodeId, wall: Millis) -> bool {
        self.life(owner, wall) == Life::Live
    }

    /// The newest `ka` of an owner.
    #[must_use]
    pub fn head(&self, owner: &NodeId) -> Option<&Statement> {
        self.heads.get(owner)
    }

    /// The newest `ka` of every owner, by their owners.
    pub fn heads(&self) -> impl Iterator<Item = &Statement> {
        self.heads.iter()
    }

    /// The same, from behind `owner` on.
    pub fn heads_after(&self, owner: Option<NodeId>) -> impl Iterator<Item = &Statement> {
        self.heads.after(owner)
    }

    /// Never drops this owner's orders, however long nothing is heard of it, and takes what it
    /// signs however far it is dated in the future: for the node's own.
    pub const fn keep_owner(&mut self, owner: NodeId) {
        self.heads.keep(owner);
    }

    /// A trade, whether or not it is void.
    #[must_use]
    pub fn trade(&self, id: &TradeId) -> Option<&TradeRecord> {
        self.trades.get(id)
    }

    /// Whether a trade is void: its maker also signed a refusal of the take, and the taker
    /// showed that by embedding it in another `req`. A void trade burns nothing.
    #[must_use]
    pub fn is_void(&self, trade: &TradeRecord) -> bool {
        self.trades.is_void(trade)
    }

    /// The last trades that stand, newest first, at most `limit`.
    pub fn trades(&self, limit: usize) -> impl Iterator<Item = &TradeRecord> {
        self.trades.newest_first().take(limit)
    }

    /// The trades of one order that stand, by their ids.
    pub fn trades_of(&self, order: OrderId) -> impl Iterator<Item = &TradeRecord> {
        self.trades.of_order(order)
    }

    /// How much it holds.
    #[must_use]
    pub fn stats(&self) -> LedgerStats {
        LedgerStats {
            orders: self.orders.len(),
            open: self.orders.open_len(),
            owners: self.orders.owners(),
            heads: self.heads.len(),
            revoked: self.revoked.len(),
            trades: self.trades.len(),
            orphans: self.orphans.len(),
            quarantined: self.quarantine.len(),
            refused: self.refused,
            evicted: self.orders.evicted()
                + self.trades.evicted()
                + self.orphans.evicted()
                + self.revoked.evicted()
                + self.quarantine.evicted(),
        }
    }

    /// A hash of the whole state: equal on two nodes exactly if they hold the same.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        // Each part is hashed by itself, so that none can pass for a piece of another.
        let mut part = |add: &dyn Fn(&mut Sha256)| {
            let mut inner = Sha256::new();
            add(&mut inner);
            hash.update(inner.finalize());
        };
        part(&|inner| self.orders.digest(inner));
        part(&|inner| self.heads.digest(inner));
        part(&|inner| self.trades.digest(inner));
        part(&|inner| self.orphans.digest(inner));
        part(&|inner| self.quarantine.digest(inner));
        part(&|inner| self.revoked.digest(inner));
        hash.finalize().into()
    }

    fn apply_place(
        &mut self,
        statement: &Statement,
        wall: Millis,
        changed: &mut BTreeSet<OrderId>,
    ) -> Result<Joined, Refusal> {
        let (Some(id), Some(place)) = (statement.order_id(), statement.as_place()) else {
            return Err(Refusal::NotReplicated);
        };
        match self.orders.get(&id) {
            Some(known) if known.statement().hash() == statement.hash() => Ok(Joined::Known),
            Some(_) => Err(Refusal::IdTaken),
            None if place.exp <= wall => Err(Refusal::Expired),
            None => self.install(statement, wall, changed),
        }
    }

    /// Makes an order known by a trade, even if its time is over, if there is room for it.
    fn learn(&mut self, statement: &Statement, wall: Millis, changed: &mut BTreeSet<OrderId>) {
        self.replace(statement, changed);
        let (Some(id), Some(place)) = (statement.order_id(), statement.as_place()) else {
            return;
        };
        let forgotten = place.exp + FORGET_AFTER <= wall;
        if self.orders.get(&id).is_none()
            && !forgotten
            && self.install(statement, wall, changed).is_err()
        {
            self.refused += 1;
        }
    }

    /// Closes the order that a `place` replaces; says if that is news. The replacement is signed,
    /// so this counts even if the new order itself is over or has no room here.
    fn replace(&mut self, place: &Statement, changed: &mut BTreeSet<OrderId>) -> bool {
        if subject(place).is_none() {
            return false;
        }
        match self.claim(place, changed) {
            Ok(joined) => joined == Joined::Changed,
            Err(_) => {
                self.refused += 1;
                false
            }
        }
    }

    /// Adds a new order, with all that came before it.
    fn install(
        &mut self,
        statement: &Statement,
        wall: Millis,
        changed: &mut BTreeSet<OrderId>,
    ) -> Result<Joined, Refusal> {
        let (Some(id), Some(place)) = (statement.order_id(), statement.as_place()) else {
            return Err(Refusal::NotReplicated);
        };
        let owner = statement.owner();
        if !self.heads.has_room(&owner) {
            return Err(Refusal::TooManyOwners);
        }
        let expired = place.exp <= wall;
        let revoked = self.revoked.contains(&owner);
        let open =
            !revoked && OrderSet::would_open(statement, self.orphans.get(id, owner), expired);
        self.orders.check_room(owner, (place.ts, id), open)?;
        if open && self.is_likely_over(statement, id, wall) {
            return Err(Refusal::TooOld);
        }
        // Only now: while there is no room, what closes the order must not get lost.
        let claims = self.orphans.adopt(id, owner);
        if let Some(mut order) = OrderState::new(statement.clone(), claims, expired) {
            order.reburn(self.trades.of_order(id));
            order.set_revoked(revoked);
            self.orders.insert(order, &mut self.retained);
            changed.insert(id);
        }
        Ok(Joined::Changed)
    }

    /// Whether an order that would be open is older than all that is remembered of orders that are
    /// not, and its owner, as far as is known, does not have it any more. It was forgotten then, most
    /// likely: whoever repeated such orders could have them taken in, told to everybody and
    /// forgotten once more, without end.
    fn is_likely_over(&self, place: &Statement, id: OrderId, wall: Millis) -> bool {
        let owner = place.owner();
        if self.heads.is_kept(&owner) || !self.orders.is_before_memory((place.ts(), id)) {
            return false;
        }
        // The order itself can be the first that is heard of its owner.
        if !self.is_live(&owner, wall) && wall > place.ts() + LIVE {
            return true;
        }
        let later = self.heads.get(&owner).filter(|head| head.n() > place.n());
        let list = later.and_then(|_| self.heads.list(&owner));
        list.is_some_and(|list| list.binary_search_by_key(&id, |(id, _)| *id).is_err())
    }

    /// Joins what a statement says about an order: its own kind is `ord`, or a `place` that
    /// replaces that order.
    fn claim(
        &mut self,
        statement: &Statement,
        changed: &mut BTreeSet<OrderId>,
    ) -> Result<Joined, Refusal> {
        let Some(id) = subject(statement) else {
            return Err(Refusal::NotReplicated);
        };
        let joined = match self.orders.get(&id) {
            None => self.orphans.join(id, statement)?,
            Some(order) if order.owner() != statement.owner() => return Err(Refusal::NotOwner),
            Some(order) if self.is_over_bound(order, statement) => {
                return Err(Refusal::TooManyOpenOrders);
            }
            Some(_) => {
                let joined = self
                    .orders
                    .update(&id, &mut self.retained, |order| order.join(statement));
                let joined = joined.unwrap_or(Joined::Stale);
                if joined == Joined::Changed {
                    changed.insert(id);
                }
                joined
            }
        };
        match joined {
            Joined::Reopens => Err(Refusal::Reopens),
            joined => Ok(joined),
        }
    }

    /// Whether the statement would publish a pending order for which there is no room among its
    /// owner's open ones.
    fn is_over_bound(&self, order: &OrderState, statement: &Statement) -> bool {
        let place = (order.place().ts, order.id());
        let room = self.orders.check_room(order.owner(), place, true);
        if room.is_ok() || order.status() != OrderStatus::Pending {
            return false;
        }
        let mut after = order.clone();
        after.join(statement);
        after.status() == OrderStatus::Open
    }

    /// An owner's orders that are listed in its inventory while their time is not over.
    pub(super) fn listed_of(&self, owner: &NodeId) -> impl Iterator<Item = &OrderState> {
        self.orders.listed_of(owner)
    }

    fn life(&self, owner: &NodeId, wall: Millis) -> Life {
        self.heads.life(owner, self.orders.newest_of(owner), wall)
    }

    /// Follows a change of what is held of an owner: it may be live again, or not any more.
    fn refresh(&mut self, owner: NodeId, wall: Millis, changed: &mut BTreeSet<OrderId>) {
        let newest = self.orders.newest_of(&owner);
        if self.heads.refresh(owner, newest, wall) {
            changed.extend(self.orders.open_ids_of(&owner));
        }
    }

    /// Drops all that is held of an owner but its trades and proofs; returns its orders.
    fn drop_owner(&mut self, owner: &NodeId) -> Vec<OrderId> {
        let dropped = self.orders.forget_all_of(owner, &mut self.retained);
        let head = self.head_of(owner);
        self.retained.replace(&head, &[]);
        self.heads.forget(owner);
        dropped
    }

    /// Does so for the owners of all orders that changed.
    fn refresh_owners(&mut self, wall: Millis, changed: &mut BTreeSet<OrderId>) {
        self.follow_inventories(changed);
        let orders = changed.iter().filter_map(|id| self.orders.get(id));
        let owners: BTreeSet<_> = orders.map(OrderState::owner).collect();
        for owner in owners {
            self.refresh(owner, wall, changed);
        }
    }

    fn hold(&mut self, early: Early) -> Applied {
        if self.quarantine.hold(early) {
            Applied::Quarantined
        } else {
            self.refused += 1;
            Applied::Refused(Refusal::TooManyEarly)
        }
    }

    pub(super) fn outcome(
        &mut self,
        result: Result<Joined, Refusal>,
        changed: BTreeSet<OrderId>,
    ) -> Applied {
        match result {
            Ok(Joined::Changed) => Applied::New {
                changed: changed.into_iter().collect(),
            },
            Ok(Joined::Known) => Applied::Known,
            Ok(Joined::Stale | Joined::Reopens) => Applied::Stale,
            Err(refusal) => {
                self.refused += 1;
                Applied::Refused(refusal)
            }
        }
    }
}

//! All known orders, with the indices and bounds over them.

use sha2::Sha256;

use crate::collections::{BTreeMap, BTreeSet};
use crate::types::{Millis, NodeId, OrderId};

use super::claims::Claims;
use super::limits::{FORGET_AFTER, OPEN_PER_OWNER};
use super::order_state::deadline;
use super::retained::said_of;
use super::retained_set::RetainedSet;
use super::{OrderState, OrderStatus, PlaceTif, Refusal, Statement};

/// What one owner has here.
#[derive(Debug, Default)]
struct Holdings {
    /// All its orders, by the newest `n` that is held of each.
    by_n: BTreeSet<(u64, OrderId)>,
    /// Those that are listed in its inventory while their time is not over.
    listed: BTreeSet<OrderId>,
    open: usize,
}

/// What of an order decides where it stands in the indices.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Facts {
    n: u64,
    listed: bool,
    open: bool,
}

impl Facts {
    fn of(order: &OrderState) -> Self {
        Self {
            n: order.newest_sign().0,
            listed: order.listed(),
            open: order.status() == OrderStatus::Open,
        }
    }
}

#[derive(Debug)]
pub(super) struct OrderSet {
    orders: BTreeMap<OrderId, OrderState>,
    open: BTreeSet<OrderId>,
    /// All that are not open, oldest first.
    inactive: BTreeSet<(Millis, OrderId)>,
    /// When each order ends or, if it has ended, when it is forgotten.
    deadlines: BTreeSet<(Millis, OrderId)>,
    owners: BTreeMap<NodeId, Holdings>,
    /// How many that are not open are remembered.
    pub(super) most: usize,
    evicted: u64,
}

impl OrderSet {
    pub(super) const fn new(most: usize) -> Self {
        Self {
            orders: BTreeMap::new(),
            open: BTreeSet::new(),
            inactive: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            owners: BTreeMap::new(),
            most,
            evicted: 0,
        }
    }

    pub(super) fn get(&self, id: &OrderId) -> Option<&OrderState> {
        self.orders.get(id)
    }

    pub(super) fn len(&self) -> usize {
        self.orders.len()
    }

    pub(super) fn open_len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn owners(&self) -> usize {
        self.owners.len()
    }

    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// All orders, by their ids.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &OrderState> {
        self.orders.values()
    }

    pub(super) fn open(&self) -> impl Iterator<Item = &OrderState> {
        self.open.iter().filter_map(|id| self.orders.get(id))
    }

    pub(super) fn open_of(&self, owner: &NodeId) -> usize {
        self.owners.get(owner).map_or(0, |holdings| holdings.open)
    }

    pub(super) fn open_by_owner(&self) -> impl Iterator<Item = (NodeId, usize)> {
        let owners = self.owners.iter();
        owners.map(|(owner, holdings)| (*owner, holdings.open))
    }

    /// The highest `n` among an owner's orders, and its date.
    pub(super) fn newest_of(&self, owner: &NodeId) -> Option<(u64, Millis)> {
        let (_, id) = self.owners.get(owner)?.by_n.last()?;
        self.orders.get(id).map(OrderState::newest_sign)
    }

    /// An owner's orders that are listed in its inventory while their time is not over.
    pub(super) fn listed_of(&self, owner: &NodeId) -> impl Iterator<Item = &OrderState> {
        let holdings = self.owners.get(owner).into_iter();
        let ids = holdings.flat_map(|holdings| &holdings.listed);
        ids.filter_map(|id| self.orders.get(id))
    }

    /// How many those are.
    pub(super) fn listed_len(&self, owner: &NodeId) -> usize {
        let holdings = self.owners.get(owner);
        holdings.map_or(0, |holdings| holdings.listed.len())
    }

    /// An owner's open orders.
    pub(super) fn open_ids_of(&self, owner: &NodeId) -> impl Iterator<Item = OrderId> {
        self.listed_of(owner)
            .filter(|order| order.status() == OrderStatus::Open)
            .map(OrderState::id)
    }

    /// # Errors
    /// No more room for this owner's order, if it is going to be open or not.
    pub(super) fn check_room(
        &self,
        owner: NodeId,
        place: (Millis, OrderId),
        open: bool,
    ) -> Result<(), Refusal> {
        if open && self.open_of(&owner) >= OPEN_PER_OWNER {
            return Err(Refusal::TooManyOpenOrders);
        }
        if !open && self.is_before_memory(place) {
            return Err(Refusal::TooOld);
        }
        Ok(())
    }

    /// Whether orders as old as this were forgotten, if they were not open.
    pub(super) fn is_before_memory(&self, place: (Millis, OrderId)) -> bool {
        let oldest = self.inactive.first().filter(|_| self.is_full());
        oldest.is_some_and(|oldest| place < *oldest)
    }

    /// Whether as many orders that are not open are here as are remembered.
    fn is_full(&self) -> bool {
        self.inactive.len() >= self.most
    }

    /// Whether a `place` and what its owner said make an open order, before any trade.
    pub(super) fn would_open(
        statement: &Statement,
        claims: Option<&Claims>,
        expired: bool,
    ) -> bool {
        let closed = claims.is_some_and(|claims| claims.closing().is_some());
        let stated = claims.is_some_and(|claims| claims.newest().is_some());
        let place = statement.as_place();
        let rests = place.is_some_and(|p| p.tif != PlaceTif::Ioc && (p.rest || stated));
        rests && !expired && !closed
    }

    /// Adds an order that is not there yet.
    pub(super) fn insert(&mut self, order: OrderState, retained: &mut RetainedSet) {
        let id = order.id();
        self.deadlines.insert((deadline(&order), id));
        retained.replace(&[], &said_of(&order));
        self.orders.insert(id, order);
        self.reindex(&id, None, retained);
    }

    /// Changes an order, and keeps the indices true; `None` if it is not there.
    pub(super) fn update<T>(
        &mut self,
        id: &OrderId,
        retained: &mut RetainedSet,
        change: impl FnOnce(&mut OrderState) -> T,
    ) -> Option<T> {
        let order = self.orders.get_mut(id)?;
        let (before, said) = (Facts::of(order), said_of(order));
        let result = change(order);
        retained.replace(&said, &said_of(order));
        self.reindex(id, Some(before), retained);
        Some(result)
    }

    /// Puts an order into the indices that it belongs to now.
    fn reindex(&mut self, id: &OrderId, before: Option<Facts>, retained: &mut RetainedSet) {
        let Some(order) = self.orders.get(id) else {
            return;
        };
        let now = Facts::of(order);
        if before == Some(now) {
            return;
        }
        let age = (order.place().ts, *id);
        let holdings = self.owners.entry(order.owner()).or_default();
        if let Some(before) = before.filter(|before| before.n != now.n) {
            holdings.by_n.remove(&(before.n, *id));
        }
        holdings.by_n.insert((now.n, *id));
        if now.listed {
            holdings.listed.insert(*id);
        } else {
            holdings.listed.remove(id);
        }
        let before = before.map(|before| before.open);
        if before == Some(now.open) {
            return;
        }
        if now.open {
            holdings.open += 1;
            self.open.insert(*id);
            self.inactive.remove(&age);
        } else {
            if before == Some(true) {
                holdings.open = holdings.open.saturating_sub(1);
            }
            self.open.remove(id);
            self.inactive.insert(age);
        }
        if self.inactive.len() > self.most
            && let Some((_, oldest)) = self.inactive.first().copied()
        {
            self.forget(&oldest, retained);
            self.evicted += 1;
        }
    }

    fn forget(&mut self, id: &OrderId, retained: &mut RetainedSet) {
        let Some(order) = self.orders.remove(id) else {
            return;
        };
        retained.replace(&said_of(&order), &[]);
        self.deadlines.remove(&(deadline(&order), *id));
        self.inactive.remove(&(order.place().ts, *id));
        let was_open = self.open.remove(id);
        if let Some(holdings) = self.owners.get_mut(&order.owner()) {
            holdings.by_n.remove(&(order.newest_sign().0, *id));
            holdings.listed.remove(id);
            holdings.open = holdings.open.saturating_sub(usize::from(was_open));
            if holdings.by_n.is_empty() {
                self.owners.remove(&order.owner());
            }
        }
    }

    /// All orders of an owner.
    pub(super) fn ids_of(&self, owner: &NodeId) -> Vec<OrderId> {
        let holdings = self.owners.get(owner).into_iter();
        let by_n = holdings.flat_map(|holdings| &holdings.by_n);
        by_n.map(|(_, id)| *id).collect()
    }

    /// Drops all orders of an owner, and returns them.
    pub(super) fn forget_all_of(
        &mut self,
        owner: &NodeId,
        retained: &mut RetainedSet,
    ) -> Vec<OrderId> {
        let ids = self.ids_of(owner);
        for id in &ids {
            self.forget(id, retained);
        }
        ids
    }

    /// Ends the orders whose time is over; returns those that were pending or open. Forgets the
    /// ones that ended long ago, and adds their owners to `less`.
    pub(super) fn expire(
        &mut self,
        wall: Millis,
        less: &mut BTreeSet<NodeId>,
        retained: &mut RetainedSet,
    ) -> Vec<OrderId> {
        let mut ended = Vec::new();
        while let Some((due, id)) = self.deadlines.first().copied() {
            if due > wall {
                break;
            }
            self.deadlines.remove(&(due, id));
            let Some(order) = self.orders.get(&id) else {
                continue;
            };
            if order.expired() {
                less.insert(order.owner());
                self.forget(&id, retained);
                continue;
            }
            if matches!(order.status(), OrderStatus::Open | OrderStatus::Pending) {
                ended.push(id);
            }
            self.deadlines
                .insert((order.place().exp + FORGET_AFTER, id));
            self.update(&id, retained, OrderState::end);
        }
        ended
    }

    /// When [`Self::expire`] has something to do next.
    pub(super) fn next_due(&self) -> Option<Millis> {
        self.deadlines.first().map(|(due, _)| *due)
    }

    pub(super) fn digest(&self, hash: &mut Sha256) {
        for order in self.orders.values() {
            order.digest(hash);
        }
    }
}

//! Owners: the newest keep-alive of each, and which of them are live.

use std::ops::Bound;

use sha2::{Digest, Sha256};

use crate::collections::{BTreeMap, BTreeSet};
use crate::types::{Millis, NodeId};

use super::claims::{Joined, sequence};
use super::inventory::Entry;
use super::limits::{GONE_AFTER, LIVE, STRAY_KEPT};
use super::{Refusal, Statement};

/// How an owner is at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// Its orders are shown.
    Live,
    /// Its orders are hidden.
    Silent,
    /// It was silent for so long that its orders are dropped.
    Gone,
}

/// The statement with the highest `n` that is held of an owner.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sign {
    n: u64,
    ts: Millis,
    goodbye: bool,
}

impl Sign {
    fn life(self, wall: Millis) -> Life {
        if wall > self.ts + GONE_AFTER {
            Life::Gone
        } else if self.goodbye || wall > self.ts + LIVE {
            Life::Silent
        } else {
            Life::Live
        }
    }

    /// When to look again at an owner that nothing more is heard of. Always after `wall`.
    fn due(self, wall: Millis) -> Millis {
        const NEXT: Millis = Millis(1);
        match self.life(wall) {
            Life::Live => self.ts + LIVE + NEXT,
            Life::Silent => self.ts + GONE_AFTER + NEXT,
            Life::Gone => wall + STRAY_KEPT,
        }
    }
}

/// What is known of one owner beside its orders.
#[derive(Debug, Default)]
struct Owner {
    ka: Option<Statement>,
    /// What that keep-alive lists, by the orders' ids, once it is known.
    list: Option<Box<[Entry]>>,
    /// As of the last time that the ledger was shown.
    silent: bool,
    /// When to look again, as it stands in the list of dues.
    due: Option<Millis>,
}

/// All owners that have orders here or were heard of by a keep-alive.
#[derive(Debug)]
pub(super) struct Heads {
    owners: BTreeMap<NodeId, Owner>,
    /// When to look at each owner again. Signs of life come much more often than silence, so an
    /// owner is not moved here with each of them, only looked at too early at times.
    dues: BTreeSet<(Millis, NodeId)>,
    kept: Option<NodeId>,
    /// How many owners there may be.
    pub(super) most: usize,
}

impl Heads {
    pub(super) const fn new(most: usize) -> Self {
        Self {
            owners: BTreeMap::new(),
            dues: BTreeSet::new(),
            kept: None,
            most,
        }
    }

    /// Exempts an owner from being dropped.
    pub(super) const fn keep(&mut self, owner: NodeId) {
        self.kept = Some(owner);
    }

    /// Whether an owner is known here or finds room. Which owner makes room for another is up to the
    /// caller, who knows what each is good for.
    pub(super) fn has_room(&self, owner: &NodeId) -> bool {
        self.owners.len() < self.most || self.contains(owner) || self.is_kept(owner)
    }

    /// Whether there is a keep-alive or an order of this owner.
    pub(super) fn contains(&self, owner: &NodeId) -> bool {
        self.owners.contains_key(owner)
    }

    /// All owners, by their ids.
    pub(super) fn known(&self) -> impl Iterator<Item = NodeId> {
        self.owners.keys().copied()
    }

    fn record(&mut self, owner: NodeId) -> &mut Owner {
        self.owners.entry(owner).or_default()
    }

    /// Takes in a keep-alive. If that is news, [`Self::refresh`] must follow.
    ///
    /// # Errors
    /// One from before its owner counted as gone, or of one owner too many.
    pub(super) fn join(&mut self, ka: &Statement, wall: Millis) -> Result<Joined, Refusal> {
        let owner = ka.owner();
        if wall > ka.ts() + GONE_AFTER {
            return Err(Refusal::Expired);
        }
        if !self.has_room(&owner) {
            return Err(Refusal::TooManyOwners);
        }
        let record = self.record(owner);
        let head = &mut record.ka;
        match head {
            Some(known) if known.hash() == ka.hash() => Ok(Joined::Known),
            Some(known) if sequence(known) > sequence(ka) => Ok(Joined::Stale),
            _ => {
                *head = Some(ka.clone());
                record.list = None;
                Ok(Joined::Changed)
            }
        }
    }

    /// The newest keep-alive of an owner.
    pub(super) fn get(&self, owner: &NodeId) -> Option<&Statement> {
        self.owners.get(owner)?.ka.as_ref()
    }

    /// What the newest keep-alive of an owner lists, if that is known.
    pub(super) fn list(&self, owner: &NodeId) -> Option<&[Entry]> {
        self.owners.get(owner)?.list.as_deref()
    }

    /// Keeps what the newest keep-alive of an owner lists, by the orders' ids.
    pub(super) fn set_list(&mut self, owner: &NodeId, list: Vec<Entry>) {
        if let Some(record) = self.owners.get_mut(owner) {
            record.list = Some(list.into());
        }
    }

    /// The newest keep-alives, by their owners.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Statement> {
        self.owners.values().filter_map(|owner| owner.ka.as_ref())
    }

    /// The same, from behind an owner on.
    pub(super) fn after(&self, owner: Option<NodeId>) -> impl Iterator<Item = &Statement> {
        let from = owner.map_or(Bound::Unbounded, Bound::Excluded);
        let owners = self.owners.range((from, Bound::Unbounded));
        owners.filter_map(|(_, owner)| owner.ka.as_ref())
    }

    pub(super) fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether an owner's orders are hidden, as of the last time that the ledger was shown.
    pub(super) fn is_silent(&self, owner: &NodeId) -> bool {
        self.owners.get(owner).is_some_and(|owner| owner.silent)
    }

    /// How an owner is; `of_orders` is the newest `n` among its orders, and its date.
    pub(super) fn life(
        &self,
        owner: &NodeId,
        of_orders: Option<(u64, Millis)>,
        wall: Millis,
    ) -> Life {
        self.newest(owner, of_orders)
            .map_or(Life::Gone, |sign| sign.life(wall))
    }

    fn newest(&self, owner: &NodeId, of_orders: Option<(u64, Millis)>) -> Option<Sign> {
        let ka = self.get(owner).and_then(Statement::as_ka).map(|ka| Sign {
            n: ka.n,
            ts: ka.ts,
            goodbye: !ka.live,
        });
        let order = of_orders.map(|(n, ts)| Sign {
            n,
            ts,
            goodbye: false,
        });
        match (ka, order) {
            (Some(ka), Some(order)) if ka.n < order.n => Some(order),
            (ka, order) => ka.or(order),
        }
    }

    /// Follows a change of what is held of an owner. Says if its orders came to be hidden, or to
    /// be shown.
    pub(super) fn refresh(
        &mut self,
        owner: NodeId,
        of_orders: Option<(u64, Millis)>,
        wall: Millis,
    ) -> bool {
        let Some(sign) = self.newest(&owner, of_orders) else {
            self.forget(&owner);
            return false;
        };
        let due = sign.due(wall);
        let silent = sign.life(wall) != Life::Live;
        let record = self.record(owner);
        let turned = std::mem::replace(&mut record.silent, silent) != silent;
        if record.due.is_none_or(|known| due < known) {
            if let Some(known) = record.due.replace(due) {
                self.dues.remove(&(known, owner));
            }
            self.dues.insert((due, owner));
        }
        turned
    }

    /// Takes out an owner that is due at `wall`; [`Self::refresh`] or [`Self::forget`] must follow.
    pub(super) fn take_due(&mut self, wall: Millis) -> Option<NodeId> {
        let (due, owner) = self.dues.first().copied()?;
        if due > wall {
            return None;
        }
        self.dues.remove(&(due, owner));
        if let Some(record) = self.owners.get_mut(&owner) {
            record.due = None;
        }
        Some(owner)
    }

    /// When [`Self::take_due`] has something to give, or earlier.
    pub(super) fn next_due(&self) -> Option<Millis> {
        self.dues.first().map(|(due, _)| *due)
    }

    /// Whether this is the owner that is never dropped.
    pub(super) fn is_kept(&self, owner: &NodeId) -> bool {
        self.kept.as_ref() == Some(owner)
    }

    pub(super) fn forget(&mut self, owner: &NodeId) {
        let record = self.owners.remove(owner);
        if let Some(due) = record.and_then(|record| record.due) {
            self.dues.remove(&(due, *owner));
        }
    }

    pub(super) fn digest(&self, hash: &mut Sha256) {
        for (owner, record) in &self.owners {
            hash.update(owner.0);
            hash.update([u8::from(record.silent), u8::from(record.ka.is_some())]);
            if let Some(ka) = &record.ka {
                hash.update(ka.hash().0);
            }
        }
    }
}

//! Everything that a node retains, in the order in which nodes compare it.

use std::sync::Arc;

use negentropy::{Bound, Error, Id, Item, NegentropyStorageBase, NegentropyStorageVector};

use crate::ledger::{Ledger, Retained};
use crate::node::recent::prefix_of;
use crate::protocol::Prefix;
use crate::types::Millis;

/// Comparisons may be of what was held so long ago: putting it in order takes a moment with large
/// books, and what came since is known from gossip.
const FRESH: Millis = Millis::from_secs(2);
/// Without a comparison it is dropped after so long.
const UNUSED: Millis = Millis::from_secs(20);

/// All items of one moment.
#[derive(Debug)]
pub(super) struct Items {
    sorted: NegentropyStorageVector,
    /// The same, in the same order.
    contents: Vec<Retained>,
    /// Where each is, by the first bytes of its name.
    by_prefix: Vec<(Prefix, u32)>,
}

impl Items {
    fn of(ledger: &Ledger) -> Result<Self, Error> {
        let mut keyed: Vec<_> = ledger
            .retained()
            .map(|item| ((item.ts(), item.id()), item))
            .collect();
        keyed.sort_unstable_by_key(|(key, _)| *key);
        let mut sorted = NegentropyStorageVector::with_capacity(keyed.len());
        let mut by_prefix = Vec::with_capacity(keyed.len());
        let mut contents = Vec::with_capacity(keyed.len());
        for (place, ((ts, id), item)) in (0..).zip(keyed) {
            sorted.insert(ts.0, Id::from_byte_array(id))?;
            by_prefix.push((prefix_of(&id), place));
            contents.push(item);
        }
        sorted.seal()?;
        by_prefix.sort_unstable();
        Ok(Self {
            sorted,
            contents,
            by_prefix,
        })
    }

    pub(super) const fn len(&self) -> usize {
        self.contents.len()
    }

    pub(super) fn get(&self, prefix: &Prefix) -> Option<&Retained> {
        let found = self.by_prefix.binary_search_by_key(prefix, |(p, _)| *p);
        let (_, place) = self.by_prefix.get(found.ok()?)?;
        self.contents.get(*place as usize)
    }
}

/// Items that a comparison shares with others.
#[derive(Clone, Debug)]
pub(super) struct Shared(Arc<Items>);

impl NegentropyStorageBase for Shared {
    fn size(&self) -> Result<usize, Error> {
        self.0.sorted.size()
    }

    fn get_item(&self, i: usize) -> Result<Option<Item>, Error> {
        self.0.sorted.get_item(i)
    }

    fn iterate(
        &self,
        begin: usize,
        end: usize,
        cb: &mut dyn FnMut(Item, usize) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        self.0.sorted.iterate(begin, end, cb)
    }

    fn find_lower_bound(&self, first: usize, last: usize, value: &Bound) -> usize {
        self.0.sorted.find_lower_bound(first, last, value)
    }
}

/// The items of a moment ago, put in order when they are needed.
#[derive(Debug, Default)]
pub(super) struct Latest {
    items: Option<Arc<Items>>,
    made: Millis,
    used: Millis,
}

impl Latest {
    /// What is held, or was a moment ago.
    pub(super) fn get(&mut self, ledger: &Ledger, now: Millis) -> Option<Arc<Items>> {
        self.used = now;
        if let Some(items) = &self.items
            && now.since(self.made) < FRESH
        {
            return Some(Arc::clone(items));
        }
        let items = Items::of(ledger).ok().map(Arc::new);
        self.items.clone_from(&items);
        self.made = now;
        items
    }

    /// When [`Self::get`] looked at the ledger last (monotonic).
    pub(super) const fn made(&self) -> Millis {
        self.made
    }

    /// Gives the memory back after a while without use.
    pub(super) fn expire(&mut self, now: Millis) {
        if now.since(self.used) > UNUSED {
            self.items = None;
        }
    }
}

impl Shared {
    pub(super) fn new(items: &Arc<Items>) -> Self {
        Self(Arc::clone(items))
    }
}

//! Which trades of others there are, where each is, and which has to go.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use bytes::Bytes;

use crate::types::Millis;

/// Where a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The number of its segment.
    pub(super) segment: u64,
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// One trade.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) place: Place,
    /// When it was written here first.
    pub(super) arrival: Millis,
    share: u64,
    /// Its number in the order in which they came.
    number: u64,
    /// The node remembers it.
    needed: bool,
}

/// What one party brought, by number.
#[derive(Debug, Default)]
struct Lane {
    needed: BTreeSet<u64>,
    history: BTreeSet<u64>,
    bytes: u64,
    needed_bytes: u64,
}

/// All trades, in the order of their keys and of their arrival.
#[derive(Debug, Default)]
pub(super) struct Index {
    slots: BTreeMap<Bytes, Slot>,
    lanes: BTreeMap<u64, Lane>,
    by_number: BTreeMap<u64, Bytes>,
    next: u64,
    bytes: u64,
    needed_bytes: u64,
}

impl Index {
    /// Bytes of all records.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&Slot> {
        self.slots.get(key)
    }

    pub(super) fn range<'a>(
        &'a self,
        keys: (Bound<&'a [u8]>, Bound<&'a [u8]>),
    ) -> impl DoubleEndedIterator<Item = (&'a Bytes, &'a Slot)> {
        self.slots.range::<[u8], _>(keys)
    }

    /// Adds a trade that is not there yet.
    pub(super) fn insert(&mut self, key: Bytes, share: u64, arrival: Millis, place: Place) {
        let number = self.next;
        self.next += 1;
        let slot = Slot {
            place,
            arrival,
            share,
            number,
            needed: false,
        };
        let lane = self.lanes.entry(share).or_default();
        lane.history.insert(number);
        lane.bytes += place.length;
        self.bytes += place.length;
        self.by_number.insert(number, key.clone());
        self.slots.insert(key, slot);
    }

    pub(super) fn remove(&mut self, key: &[u8]) -> Option<Slot> {
        self.set_needed(key, false);
        let slot = self.slots.remove(key)?;
        self.by_number.remove(&slot.number);
        self.bytes -= slot.place.length;
        if let Some(lane) = self.lanes.get_mut(&slot.share) {
            lane.history.remove(&slot.number);
            lane.bytes -= slot.place.length;
            if lane.bytes == 0 {
                self.lanes.remove(&slot.share);
            }
        }
        Some(slot)
    }

    /// Notes whether the node remembers it: such a trade goes after others.
    pub(super) fn set_needed(&mut self, key: &[u8], needed: bool) {
        let Some(slot) = self.slots.get_mut(key).filter(|slot| slot.needed != needed) else {
            return;
        };
        slot.needed = needed;
        let (number, length) = (slot.number, slot.place.length);
        let Some(lane) = self.lanes.get_mut(&slot.share) else {
            return;
        };
        if needed {
            lane.history.remove(&number);
            lane.needed.insert(number);
            lane.needed_bytes += length;
            self.needed_bytes += length;
        } else {
            lane.needed.remove(&number);
            lane.history.insert(number);
            lane.needed_bytes -= length;
            self.needed_bytes -= length;
        }
    }

    /// Notes where a record is from now on.
    pub(super) fn moved(&mut self, key: &[u8], place: Place) {
        if let Some(slot) = self.slots.get_mut(key) {
            slot.place = place;
        }
    }

    /// The keys of all records in a segment.
    pub(super) fn in_segment(&self, segment: u64) -> Vec<Bytes> {
        let slots = self.slots.iter();
        let there = slots.filter(|(_, slot)| slot.place.segment == segment);
        there.map(|(key, _)| key.clone()).collect()
    }

    /// The trade that came first of all.
    pub(super) fn oldest(&self) -> Option<(&Bytes, &Slot)> {
        let (_, key) = self.by_number.first_key_value()?;
        self.slots.get_key_value(key)
    }

    /// The trade that has to go: of the party that brought most what came first of it. What the node
    /// remembers stays as long as it is at most half of `room` bytes.
    pub(super) fn victim(&self, room: u64) -> Option<Bytes> {
        let lanes = self.lanes.values();
        let number = match self.needed_bytes > room / 2 {
            true => lanes
                .max_by_key(|lane| (lane.needed_bytes, Reverse(lane.needed.first())))?
                .needed
                .first(),
            false => {
                let with_history = lanes.filter(|lane| !lane.history.is_empty());
                let fullest =
                    with_history.max_by_key(|lane| (lane.bytes, Reverse(lane.history.first())));
                fullest.and_then(|lane| lane.history.first())
            }
        };
        // Nothing but what is needed: whatever came first.
        let number = number.or_else(|| self.by_number.keys().next())?;
        self.by_number.get(number).cloned()
    }

    /// The keys of the newest `most` trades, as many of each party as fit if all have equal shares,
    /// in the order in which they came.
    pub(super) fn newest(&self, most: usize) -> Vec<Bytes> {
        let mut lanes: Vec<Vec<u64>> = self.lanes.values().map(Lane::numbers).collect();
        lanes.sort_by_key(Vec::len);
        let (mut left, mut chosen) = (most, Vec::new());
        let count = lanes.len();
        for (done, lane) in lanes.iter().enumerate() {
            let take = lane.len().min(left / (count - done));
            chosen.extend(lane.iter().rev().take(take));
            left -= take;
        }
        chosen.sort_unstable();
        let keys = chosen
            .iter()
            .filter_map(|number| self.by_number.get(number));
        keys.cloned().collect()
    }
}

impl Lane {
    fn numbers(&self) -> Vec<u64> {
        let mut numbers: Vec<u64> = self.needed.union(&self.history).copied().collect();
        numbers.sort_unstable();
        numbers
    }
}

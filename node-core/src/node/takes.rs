//! Requests in flight, as their taker keeps them, and answers given, as their maker keeps them.

use crate::collections::{BTreeMap, BTreeSet};
use crate::ledger::limits::SKEW;
use crate::ledger::{Piece, RejWhy, Statement};
use crate::types::{Amount, Millis, NodeId, Now, OrderId, TakeId};

/// Requests in flight for one order.
pub(super) const IN_FLIGHT_LIMIT: usize = 8;
/// A request unanswered for so many sendings counts as a failure of the maker's owner.
pub(super) const FAILED_AFTER: u32 = 4;
/// Makers and owners remembered as not worth asking.
pub(super) const AVOIDED_LIMIT: usize = 10_000;
/// After a refusal, its maker order is not asked again for so long. It doubles with each further
/// refusal of that order, up to [`AFTER_REFUSAL_LIMIT`], until it fills something, and with each
/// that the same owner gave of the same piece, since a piece can be refused so often only.
const AFTER_REFUSAL: Millis = Millis::from_secs(1);
/// The longest such pause.
const AFTER_REFUSAL_LIMIT: Millis = Millis::from_secs(120);
/// After two failures in a row an owner is left alone for so long; it doubles with each further.
const OWNER_PAUSE: Millis = Millis::from_secs(30);
/// The longest pause for an owner.
const OWNER_PAUSE_LIMIT: Millis = Millis::from_secs(3_600);

/// The pause after a refusal that so many others came before.
pub(super) fn doubled(before: usize) -> Millis {
    Millis(AFTER_REFUSAL.0 << before.min(16)).min(AFTER_REFUSAL_LIMIT)
}

/// A maker order that refused: how often, and until when it is not asked (monotonic).
#[derive(Clone, Copy, Debug, Default)]
struct Pause {
    refusals: usize,
    until: Millis,
}

/// A request in flight. Its piece stays held until a fill or a refusal comes, however long.
#[derive(Debug)]
pub(super) struct Take {
    /// The own order that takes.
    pub(super) order: OrderId,
    /// The order that it takes from, and that order's owner.
    pub(super) maker: OrderId,
    pub(super) owner: NodeId,
    /// That order as it was placed: nobody else here may remember it when the answer comes.
    pub(super) place: Statement,
    /// The piece of the own order that may be burned.
    pub(super) piece: Piece,
    pub(super) req: Statement,
    pub(super) attempt: u32,
    /// The same bytes go again then (monotonic).
    pub(super) resend_at: Millis,
}

impl Take {
    pub(super) fn asked(&self) -> Amount {
        self.piece.len()
    }

    /// Sets when the same bytes go again: after 0.5, 1, 2, 4 s, every 5 s for a while, since a maker
    /// that has just started answers after some 10 s, then every 30 s.
    pub(super) fn schedule(&mut self, now: Now) {
        let pause = match self.attempt {
            attempt @ 0..=3 => Millis(500 << attempt),
            4..=9 => Millis::from_secs(5),
            _ => Millis::from_secs(30),
        };
        self.attempt = self.attempt.saturating_add(1);
        self.resend_at = now.mono + pause;
    }
}

/// Failures in a row of one owner, and until when it is left alone (monotonic).
#[derive(Clone, Copy, Debug, Default)]
struct Trouble {
    failures: u32,
    until: Millis,
}

/// The requests in flight of all own orders.
#[derive(Debug)]
pub(super) struct Takes {
    takes: BTreeMap<TakeId, Take>,
    /// What is asked of each maker order in all.
    asked: BTreeMap<OrderId, Amount>,
    avoided: BTreeMap<OrderId, Pause>,
    troubles: BTreeMap<NodeId, Trouble>,
    /// What has to be written down, or removed.
    changed: BTreeSet<TakeId>,
    /// How many makers, and owners, are remembered as not worth asking.
    most_avoided: usize,
}

impl Takes {
    pub(super) const fn new(most_avoided: usize) -> Self {
        Self {
            takes: BTreeMap::new(),
            asked: BTreeMap::new(),
            avoided: BTreeMap::new(),
            troubles: BTreeMap::new(),
            changed: BTreeSet::new(),
            most_avoided,
        }
    }

    pub(super) fn insert(&mut self, id: TakeId, take: Take) {
        self.changed.insert(id);
        let asked = self.asked.entry(take.maker).or_default();
        *asked = asked.checked_add(take.asked()).unwrap_or(Amount::MAX);
        self.takes.insert(id, take);
    }

    /// Adds a request of an earlier run.
    pub(super) fn restore(&mut self, id: TakeId, take: Take) {
        self.insert(id, take);
        self.changed.remove(&id);
    }

    /// The requests that came or went since the last call.
    pub(super) fn take_changed(&mut self) -> BTreeSet<TakeId> {
        std::mem::take(&mut self.changed)
    }

    pub(super) fn get(&self, id: &TakeId) -> Option<&Take> {
        self.takes.get(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&TakeId, &Take)> {
        self.takes.iter()
    }

    pub(super) fn get_mut(&mut self, id: &TakeId) -> Option<&mut Take> {
        self.takes.get_mut(id)
    }

    pub(super) fn remove(&mut self, id: &TakeId) -> Option<Take> {
        let take = self.takes.remove(id)?;
        self.changed.insert(*id);
        if let Some(asked) = self.asked.get_mut(&take.maker) {
            *asked = asked.saturating_sub(take.asked());
            if asked.is_zero() {
                self.asked.remove(&take.maker);
            }
        }
        Some(take)
    }

    /// What is asked of `maker` by requests in flight.
    pub(super) fn asked_of(&self, maker: &OrderId) -> Amount {
        self.asked.get(maker).copied().unwrap_or_default()
    }

    /// Ids of the requests whose bytes go again now, or that wait for an answer of `owner`.
    pub(super) fn to_resend(&self, owner: Option<NodeId>, now: Now) -> Vec<TakeId> {
        let due = |take: &Take| match owner {
            Some(owner) => take.owner == owner,
            None => take.resend_at <= now.mono,
        };
        let due = self.takes.iter().filter(|(_, take)| due(take));
        due.map(|(id, _)| *id).collect()
    }

    /// Whether one of these requests is unanswered for longer than any honest answer takes.
    pub(super) fn is_in_doubt(&self, takes: &BTreeSet<TakeId>) -> bool {
        let mut takes = takes.iter().filter_map(|id| self.takes.get(id));
        takes.any(|take| take.attempt >= FAILED_AFTER)
    }

    /// Whether an own order has asked `maker` for a piece and waits for the answer.
    pub(super) fn is_asking(&self, order: &OrderId, maker: &OrderId) -> bool {
        let mut takes = self.takes.values();
        takes.any(|take| take.order == *order && take.maker == *maker)
    }

    /// Whether it is no use to ask for this order now.
    pub(super) fn is_avoided(&self, maker: &OrderId, owner: &NodeId, now: Now) -> bool {
        let owner_rests = self
            .troubles
            .get(owner)
            .is_some_and(|trouble| trouble.until > now.mono);
        owner_rests || self.is_paused(maker, now)
    }

    /// Whether this order refused a moment ago.
    pub(super) fn is_paused(&self, maker: &OrderId, now: Now) -> bool {
        let pause = self.avoided.get(maker);
        pause.is_some_and(|pause| pause.until > now.mono)
    }

    /// The maker refused, as it did so often `before`: leave this order alone for a while.
    pub(super) fn refused(&mut self, maker: OrderId, why: &RejWhy, before: usize, now: Now) {
        let least = match why {
            // Until its clock has passed the barrier, whatever the clocks' difference.
            RejWhy::Boot => SKEW + SKEW + AFTER_REFUSAL,
            _ => Millis::ZERO,
        };
        self.pause(maker, before, least, now);
    }

    /// Leaves an order alone for `least` or longer, after it refused one piece so often `before`.
    pub(super) fn pause(&mut self, maker: OrderId, before: usize, least: Millis, now: Now) {
        make_room(&mut self.avoided, &maker, self.most_avoided, |pause| {
            pause.until
        });
        let pause = self.avoided.entry(maker).or_default();
        let doubled = doubled(before.max(pause.refusals));
        pause.refusals = pause.refusals.saturating_add(1);
        pause.until = now.mono + doubled.max(least);
    }

    /// The order filled something: what it refused before says nothing any more.
    pub(super) fn resume(&mut self, maker: &OrderId) {
        self.avoided.remove(maker);
    }

    /// The owner did not answer in time.
    pub(super) fn failed(&mut self, owner: NodeId, now: Now) {
        make_room(&mut self.troubles, &owner, self.most_avoided, |trouble| {
            trouble.until
        });
        let trouble = self.troubles.entry(owner).or_default();
        trouble.failures = trouble.failures.saturating_add(1);
        if trouble.failures >= 2 {
            let doubled = OWNER_PAUSE.0 << (trouble.failures - 2).min(16);
            trouble.until = now.mono + Millis(doubled).min(OWNER_PAUSE_LIMIT);
        }
    }

    /// The owner answered.
    pub(super) fn answered(&mut self, owner: &NodeId) {
        self.troubles.remove(owner);
    }

    /// Forgets the pauses that are over for so long that a refusal would be a new one.
    pub(super) fn expire(&mut self, now: Now) {
        self.avoided
            .retain(|_, pause| pause.until + AFTER_REFUSAL_LIMIT > now.mono);
    }
}

/// Makes room for `key` among at most `most` by forgetting what is over first: keys cost nothing, and
/// a long pause takes many refusals.
fn make_room<K: Ord + Copy, V>(
    map: &mut BTreeMap<K, V>,
    key: &K,
    most: usize,
    until: impl Fn(&V) -> Millis,
) {
    if map.len() < most || map.contains_key(key) {
        return;
    }
    let first = map.iter().min_by_key(|(_, value)| until(value));
    if let Some(first) = first.map(|(key, _)| *key) {
        map.remove(&first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mono: u64) -> Now {
        Now {
            mono: Millis(mono),
            wall: Millis(mono),
        }
    }

    #[test]
    fn pause_after_refusals_doubles_until_a_fill() {
        let mut takes = Takes::new(AVOIDED_LIMIT);
        let (maker, owner) = (OrderId([1; 16]), NodeId([2; 32]));
        let (mut now, mut pauses) = (0, Vec::new());
        for _ in 0..9 {
            // Each refusal is of another piece.
            takes.refused(maker, &RejWhy::Malformed, 0, at(now));
            let from = now;
            while takes.is_avoided(&maker, &owner, at(now)) {
                now += 500;
                takes.expire(at(now));
            }
            pauses.push((now - from) / 1_000);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 120, 120]);
        takes.resume(&maker);
        takes.refused(maker, &RejWhy::Gone, 0, at(now));
        assert!(!takes.is_paused(&maker, at(now + 1_000)));
        takes.expire(at(now + 200_000));
        assert!(takes.avoided.is_empty());
    }

    #[test]
    fn long_pauses_outlast_a_flood_of_short_ones() {
        let mut takes = Takes::new(4);
        let (maker, owner) = (OrderId([0; 16]), NodeId([0; 32]));
        for _ in 0..5 {
            takes.refused(maker, &RejWhy::Malformed, 0, at(0));
            takes.failed(owner, at(0));
        }
        for key in 1..20 {
            takes.refused(OrderId([key; 16]), &RejWhy::Malformed, 0, at(1));
            takes.failed(NodeId([key; 32]), at(1));
            takes.failed(NodeId([key; 32]), at(1));
        }
        assert_eq!((takes.avoided.len(), takes.troubles.len()), (4, 4));
        let now = at(10_000);
        assert!(takes.is_paused(&maker, now));
        assert!(takes.is_avoided(&OrderId([99; 16]), &owner, now));
    }
}

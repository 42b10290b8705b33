//! The order in which owners make room.

use crate::collections::BTreeMap;
use crate::node::peers::Share;
use crate::types::{Millis, NodeId};

/// Of what use an owner is here; the least use makes room first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    /// It has no open order.
    NoOrders,
    /// It has open orders, which are hidden because nothing was heard of it lately.
    Silent,
    /// It has open orders that are shown.
    Live,
    /// This node traded with it lately.
    Partner,
}

/// An owner that may have to make room.
#[derive(Clone, Debug)]
pub(super) struct EvictionCandidate {
    pub(super) owner: NodeId,
    pub(super) rank: Use,
    pub(super) share: Option<Share>,
    /// When it became known here (monotonic).
    pub(super) since: Millis,
    /// How much room it takes: one for an owner, or the number of its open orders.
    pub(super) room: usize,
}

/// All candidates at one moment, and how much room each party's owners take together.
#[derive(Debug)]
pub(super) struct Ranking {
    /// When it was made (monotonic).
    pub(super) at: Millis,
    totals: BTreeMap<Option<Share>, usize>,
    /// By use and party, oldest first.
    candidates: BTreeMap<(Use, Option<Share>), Vec<EvictionCandidate>>,
}

impl Ranking {
    pub(super) fn new(all: impl Iterator<Item = EvictionCandidate>, at: Millis) -> Self {
        let mut totals = BTreeMap::new();
        let mut candidates: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for candidate in all {
            *totals.entry(candidate.share.clone()).or_default() += candidate.room;
            let key = (candidate.rank, candidate.share.clone());
            candidates.entry(key).or_default().push(candidate);
        }
        for alike in candidates.values_mut() {
            alike.sort_unstable_by_key(|candidate| (candidate.since, candidate.owner));
        }
        Self {
            at,
            totals,
            candidates,
        }
    }

    /// How much room a party's owners take.
    fn total(&self, share: &Option<Share>) -> usize {
        self.totals.get(share).copied().unwrap_or(0)
    }

    /// Notes that an owner that this party brought takes so much room more.
    pub(super) fn add(&mut self, share: &Option<Share>, room: usize) {
        *self.totals.entry(share.clone()).or_default() += room;
    }

    /// Takes out the candidate that makes room next.
    pub(super) fn take_next(&mut self) -> Option<EvictionCandidate> {
        let key = self.next_key()?;
        self.take(&key)
    }

    /// Takes out the candidate that makes room for a newcomer; none if every candidate is of more
    /// use, or of as much and of a party with no more than the newcomer's own.
    pub(super) fn take_for(
        &mut self,
        rank: Use,
        share: &Option<Share>,
        room: usize,
    ) -> Option<EvictionCandidate> {
        let key = self.next_key()?;
        let makes_room =
            key.0 < rank || (key.0 == rank && self.total(&key.1) > self.total(share) + room);
        makes_room.then(|| self.take(&key)).flatten()
    }

    /// The least use, and among its parties the one whose owners take most room.
    fn next_key(&self) -> Option<(Use, Option<Share>)> {
        let (least, _) = self.candidates.keys().next()?;
        let keys = self.candidates.keys();
        let keys = keys.take_while(|(rank, _)| rank == least);
        keys.max_by_key(|(_, share)| self.total(share)).cloned()
    }

    fn take(&mut self, key: &(Use, Option<Share>)) -> Option<EvictionCandidate> {
        let alike = self.candidates.get_mut(key)?;
        let youngest = alike.pop()?;
        if alike.is_empty() {
            self.candidates.remove(key);
        }
        if let Some(total) = self.totals.get_mut(&youngest.share) {
            *total = total.saturating_sub(youngest.room);
        }
        Some(youngest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(key: u8) -> Option<Share> {
        Some(Share::Peer(NodeId([key; 32])))
    }

    fn candidate(owner: u8, rank: Use, by: u8, since: u64) -> EvictionCandidate {
        EvictionCandidate {
            owner: NodeId([owner; 32]),
            rank,
            share: share(by),
            since: Millis(since),
            room: 1,
        }
    }

    fn order_of(mut ranking: Ranking) -> Vec<u8> {
        std::iter::from_fn(|| ranking.take_next())
            .map(|candidate| candidate.owner.0[0])
            .collect()
    }

    #[test]
    fn least_use_goes_first_then_fullest_share_then_youngest() {
        let all = [
            candidate(1, Use::Partner, 9, 5),
            candidate(2, Use::Live, 9, 1),
            candidate(3, Use::Live, 9, 2),
            candidate(4, Use::Live, 8, 3),
            candidate(5, Use::Silent, 8, 0),
            candidate(6, Use::NoOrders, 7, 0),
        ];
        let ranking = Ranking::new(all.into_iter(), Millis(0));
        assert_eq!(order_of(ranking), [6, 5, 3, 2, 4, 1]);
    }

    #[test]
    fn full_share_refuses_newcomers_and_small_share_finds_room() {
        let all = (0..10).map(|owner| candidate(owner, Use::Live, 9, owner.into()));
        let mut ranking = Ranking::new(all.chain([candidate(20, Use::Live, 8, 0)]), Millis(0));
        assert!(ranking.take_for(Use::Live, &share(9), 1).is_none());
        assert!(ranking.take_for(Use::NoOrders, &share(8), 1).is_none());
        let out = ranking.take_for(Use::Live, &share(8), 1).unwrap();
        assert_eq!(out.owner, NodeId([9; 32]));
    }

    #[test]
    fn shares_even_out_and_then_nothing_turns_over() {
        let all = (0..10).map(|owner| candidate(owner, Use::Live, 9, owner.into()));
        let mut ranking = Ranking::new(all, Millis(0));
        let mut came = 0;
        while ranking.take_for(Use::Live, &share(8), 1).is_some() {
            ranking.add(&share(8), 1);
            came += 1;
        }
        assert_eq!(came, 5);
    }
}

//! The answers that this node gave as a maker.

use std::collections::VecDeque;

use super::peers::Share;
use crate::collections::BTreeMap;
use crate::ledger::Statement;
use crate::ledger::limits::SKEW;
use crate::types::{Millis, Now, TakeId};

/// Answers kept: fills until newer ones need their place, refusals until their request is over.
pub(super) const MAX_ANSWERS: usize = 100_000;

/// The answers that this node gave as a maker: any answer is final for its request.
#[derive(Debug)]
pub(super) struct Answers {
    given: BTreeMap<TakeId, Statement>,
    fills: VecDeque<TakeId>,
    /// Refusals, when their request is over for good (wall clock), and who brought it.
    refusals: VecDeque<(Millis, TakeId, Option<Share>)>,
    /// How many refusals of requests of each party are kept.
    by_share: BTreeMap<Option<Share>, usize>,
    /// Fills that were signed up to then may be forgotten.
    forgotten: Millis,
    forgotten_changed: bool,
    /// How many refusals are kept.
    most_refusals: usize,
}

impl Answers {
    pub(super) const fn new(most_refusals: usize) -> Self {
        Self {
            given: BTreeMap::new(),
            fills: VecDeque::new(),
            refusals: VecDeque::new(),
            by_share: BTreeMap::new(),
            forgotten: Millis::ZERO,
            forgotten_changed: false,
            most_refusals,
        }
    }

    pub(super) fn get(&self, take: &TakeId) -> Option<&Statement> {
        self.given.get(take)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.given.len()
    }

    /// Whether one more refusal of a request that this party brought can be remembered. Without that
    /// it must not be given: a refusal that is forgotten too early could be followed by a fill.
    ///
    /// A party may have as many as there are free places. So one alone fills half of them, n leave
    /// one part in n + 1 free, and whoever comes next always finds room.
    pub(super) fn has_room(&self, share: &Option<Share>) -> bool {
        let used = self.by_share.get(share).copied().unwrap_or(0);
        used < self.most_refusals.saturating_sub(self.refusals.len())
    }

    pub(super) fn keep_fill(&mut self, take: TakeId, fill: Statement) {
        self.given.insert(take, fill);
        self.fills.push_back(take);
        if self.fills.len() > MAX_ANSWERS
            && let Some(oldest) = self.fills.pop_front()
            && let Some(fill) = self.given.remove(&oldest)
        {
            self.forget_until(fill.ts());
        }
    }

    /// Fills that were signed up to `ts` may be forgotten from now on.
    pub(super) fn forget_until(&mut self, ts: Millis) {
        if ts > self.forgotten {
            self.forgotten = ts;
            self.forgotten_changed = true;
        }
    }

    /// Whether a request of that time may have been filled, and the fill be forgotten: then it
    /// must not be refused. Its taker learns of the fill from the trade itself.
    pub(super) fn may_have_forgotten(&self, asked: Millis) -> bool {
        // The fill was signed at most so much earlier than the request, by two clocks.
        asked <= self.forgotten + SKEW
    }

    /// The time up to which fills may be forgotten, if it changed since the last call.
    pub(super) fn take_forgotten(&mut self) -> Option<Millis> {
        std::mem::take(&mut self.forgotten_changed).then_some(self.forgotten)
    }

    pub(super) fn keep_refusal(
        &mut self,
        take: TakeId,
        rej: Statement,
        over: Millis,
        share: Option<Share>,
    ) {
        self.given.insert(take, rej);
        *self.by_share.entry(share.clone()).or_default() += 1;
        self.refusals.push_back((over, take, share));
    }

    /// Forgets refusals of requests that are over for good: each would be refused as expired.
    pub(super) fn expire(&mut self, now: Now) {
        while let Some((over, take, share)) = self.refusals.front()
            && *over < now.wall
        {
            self.given.remove(take);
            if let Some(used) = self.by_share.get_mut(share) {
                *used -= 1;
                if *used == 0 {
                    self.by_share.remove(share);
                }
            }
            self.refusals.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Identity, Payload, Rej, RejWhy};
    use crate::types::NodeId;

    fn rej() -> Statement {
        let rej = Rej {
            ts: Millis(1),
            take: TakeId([1; 32]),
            why: RejWhy::Gone,
            open: None,
        };
        let network = "local".parse().unwrap();
        Identity::from_seed([1; 32])
            .sign(&network, Payload::Rej(rej))
            .unwrap()
    }

    fn share(key: u8) -> Option<Share> {
        Some(Share::Peer(NodeId([key; 32])))
    }

    #[test]
    fn one_party_never_takes_the_last_places() {
        let mut answers = Answers::new(MAX_ANSWERS);
        let rej = rej();
        let mut number = 0u64;
        let mut fill = |answers: &mut Answers, key| {
            let before = number;
            while answers.has_room(&share(key)) {
                number += 1;
                let mut take = [0; 32];
                take[..8].copy_from_slice(&number.to_be_bytes());
                answers.keep_refusal(TakeId(take), rej.clone(), Millis(number), share(key));
            }
            number - before
        };
        assert_eq!(fill(&mut answers, 1), MAX_ANSWERS as u64 / 2);
        assert_eq!(fill(&mut answers, 2), MAX_ANSWERS as u64 / 4);
        assert!(answers.has_room(&share(3)) && answers.has_room(&None));
        let over = Now {
            mono: Millis(0),
            wall: Millis(u64::MAX),
        };
        answers.expire(over);
        assert!(answers.given.is_empty() && answers.by_share.is_empty());
        assert!(answers.has_room(&share(1)));
    }
}

//! Looks for owners who contradict themselves, among all that is applied.

use std::collections::VecDeque;

use crate::collections::BTreeMap;
use crate::types::{Millis, NodeId, TakeId};

use super::statement::WeakStatement;
use super::{LedgerBounds, Proof, Statement};

/// Dead entries are swept when there are twice as many entries as after the last time, and not
/// below this.
const SWEEP_FROM: usize = 4_096;

/// A statement by its place in its owner's sequence.
#[derive(Debug)]
struct Seen {
    ts: Millis,
    statement: WeakStatement,
}

/// Every owner's sequence as far as its statements are at hand, and what was found wrong with it.
///
/// It holds on to nothing but the last [`LedgerBounds::recent_statements`]: the others are here as long
/// as something else has them (an order, a trade, a head), so it grows with what is retained, at
/// about 100 bytes a statement, and nobody has to tell it what was dropped.
#[derive(Debug)]
pub(super) struct Watch {
    owners: BTreeMap<NodeId, BTreeMap<u64, Seen>>,
    seen: usize,
    sweep_at: usize,
    recent: VecDeque<Statement>,
    /// Refusals that trades showed, by the take and who refused it.
    refusals: BTreeMap<(TakeId, NodeId), WeakStatement>,
    found: Vec<Proof>,
    bounds: LedgerBounds,
}

impl Watch {
    pub(super) const fn new(bounds: LedgerBounds) -> Self {
        Self {
            owners: BTreeMap::new(),
            seen: 0,
            sweep_at: 0,
            recent: VecDeque::new(),
            refusals: BTreeMap::new(),
            found: Vec::new(),
            bounds,
        }
    }

    /// Looks at a statement's number and date beside those of its neighbours. Kinds do not
    /// matter; what has no number is passed over.
    pub(super) fn notice(&mut self, statement: &Statement) {
        let (Some(n), ts) = (statement.n(), statement.ts()) else {
            return;
        };
        let by_n = self.owners.entry(statement.owner()).or_default();
        let mut proof = None;
        let known = by_n.get(&n).and_then(|seen| seen.statement.upgrade());
        if let Some(known) = &known {
            if known.hash() == statement.hash() {
                return;
            }
            proof = Proof::between(known, statement);
        }
        // Beyond the next neighbours nobody needs to look: what is out of order with one further
        // away is so with one of them, or they are so among themselves and that was noticed.
        while let Some((&at, seen)) = by_n.range(..n).next_back()
            && seen.ts > ts
        {
            if let Some(earlier) = seen.statement.upgrade() {
                proof = proof.or_else(|| Proof::between(&earlier, statement));
                break;
            }
            by_n.remove(&at);
            self.seen = self.seen.saturating_sub(1);
        }
        while let Some((&at, seen)) = by_n.range(n + 1..).next()
            && seen.ts < ts
        {
            if let Some(later) = seen.statement.upgrade() {
                proof = proof.or_else(|| Proof::between(statement, &later));
                break;
            }
            by_n.remove(&at);
            self.seen = self.seen.saturating_sub(1);
        }
        if known.is_none() {
            let statement = statement.downgrade();
            if by_n.insert(n, Seen { ts, statement }).is_none() {
                self.seen += 1;
            }
        }
        self.accuse(proof);
        self.remember(statement);
    }

    /// Notes a refusal that a trade's `req` shows.
    pub(super) fn notice_refusal(&mut self, rej: &Statement) {
        if let Some(take) = rej.as_rej().map(|rej| rej.take) {
            let key = (take, rej.owner());
            self.refusals.insert(key, rej.downgrade());
            self.sweep();
        }
    }

    /// A maker's refusal of a take, if any trade at hand showed it.
    pub(super) fn refusal(&self, take: TakeId, maker: NodeId) -> Option<Statement> {
        self.refusals.get(&(take, maker))?.upgrade()
    }

    /// Keeps what was found until it is asked for: one proof an owner.
    pub(super) fn accuse(&mut self, proof: Option<Proof>) {
        let Some(proof) = proof else {
            return;
        };
        if !self.has_found(&proof.owner()) && self.found.len() < self.bounds.found_proofs {
            self.found.push(proof);
        }
    }

    #[cfg(test)]
    pub(super) fn entries(&self) -> usize {
        self.owners.values().map(BTreeMap::len).sum()
    }

    pub(super) fn has_found(&self, owner: &NodeId) -> bool {
        self.found.iter().any(|known| known.owner() == *owner)
    }

    pub(super) fn take_found(&mut self) -> Vec<Proof> {
        std::mem::take(&mut self.found)
    }

    fn remember(&mut self, statement: &Statement) {
        self.recent.push_back(statement.clone());
        if self.recent.len() > self.bounds.recent_statements {
            self.recent.pop_front();
        }
        self.sweep();
    }

    /// Drops what nobody has any more, rarely enough to cost nothing on average.
    fn sweep(&mut self) {
        if self.seen + self.refusals.len() < self.sweep_at.max(SWEEP_FROM) {
            return;
        }
        self.owners.retain(|_, by_n| {
            by_n.retain(|_, seen| seen.statement.is_alive());
            !by_n.is_empty()
        });
        self.refusals.retain(|_, rej| rej.is_alive());
        self.seen = self.owners.values().map(BTreeMap::len).sum();
        self.sweep_at = 2 * (self.seen + self.refusals.len());
    }
}

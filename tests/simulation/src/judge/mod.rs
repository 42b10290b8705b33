//! The rules that must hold, checked from the statements themselves and never by a node's sums.
//!
//! What is checked when: a statement when a node first sends it, a trade when a node has first
//! written it down, a view when it changes, agreement when everything is well again.

mod agreement;
mod permuted;
mod said;
mod trades;
mod views;

pub(crate) mod rules;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use meshbook::ledger::Statement;
use meshbook::types::{Millis, NodeId, OrderId, StatementHash, TakeId, TradeId};

use self::permuted::Item;
use self::trades::Burned;
use crate::counts::Counts;
use crate::host::Host;
use crate::world::{Summary, Violation};

/// What was signed and shown so far, over all nodes.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    pub(crate) now: u64,
    pub(crate) violation: Option<Box<Violation>>,
    honest: BTreeMap<NodeId, usize>,
    /// Every statement that was sent.
    seen: HashSet<StatementHash>,
    /// All that nodes can have taken in.
    items: Vec<Item>,
    /// The trades and proofs among them.
    shown: HashSet<String>,
    /// By honest owner and number: what it signed, and when.
    numbers: HashMap<NodeId, BTreeMap<u64, (StatementHash, Millis)>>,
    places: HashMap<OrderId, Statement>,
    /// Honest owners' orders that are closed: the number that closed them.
    closed: HashMap<OrderId, u64>,
    /// Orders whose owners know that they are cancelled.
    cancelled: HashSet<OrderId>,
    requests: HashMap<TakeId, Statement>,
    /// What makers answered.
    fills: HashMap<TakeId, StatementHash>,
    refusals: HashSet<TakeId>,
    /// Takes whose refusal by this maker this taker has embedded in another request.
    freed: HashSet<(TakeId, NodeId, NodeId)>,
    /// The same of requests that came to be part of a trade: only those are known to everybody.
    void: HashSet<(TakeId, NodeId, NodeId)>,
    /// All trades, with their takes, makers and takers.
    trades: BTreeMap<TradeId, (TakeId, NodeId, NodeId)>,
    burned: HashMap<OrderId, Vec<Burned>>,
    /// What each host has told its user of own trades, as far as its disk must know it.
    told: Vec<BTreeSet<TradeId>>,
    /// Hosts that lost what was written. A request that they wait for may be long answered.
    forgetful: BTreeSet<usize>,
    fingerprint: u64,
    pub(crate) counts: Counts,
}

impl Judge {
    pub(crate) fn honest(&mut self, index: usize, host: &Host) {
        self.honest.insert(host.id, index);
        self.told.push(BTreeSet::new());
    }

    /// Notes that a rule does not hold. The first time counts.
    pub(crate) fn fail(&mut self, rule: &'static str, found: String) {
        let at = self.now;
        self.violation
            .get_or_insert_with(|| Box::new(Violation { rule, found, at }));
    }

    fn is_honest(&self, owner: &NodeId) -> bool {
        self.honest.contains_key(owner)
    }

    /// A user was told that its order is cancelled.
    pub(crate) fn cancelled(&mut self, order: OrderId) {
        self.cancelled.insert(order);
    }

    /// A user was told of a trade of its own.
    pub(crate) fn told_trade(&mut self, host: usize, trade: TradeId) {
        self.told[host].insert(trade);
    }

    /// All trades that were ever written down.
    pub(crate) fn trades(&self) -> impl Iterator<Item = TradeId> + '_ {
        self.trades.keys().copied()
    }

    /// A host died and will not find what it had written down. Nobody can be held to the trades
    /// that are `gone` with that.
    pub(crate) fn forgot(&mut self, host: usize, gone: &BTreeSet<TradeId>) {
        self.told[host].clear();
        self.forgetful.insert(host);
        for trade in gone {
            if let Some((take, ..)) = self.trades.remove(trade) {
                self.fills.remove(&take);
            }
        }
        for burned in self.burned.values_mut() {
            burned.retain(|piece| !gone.contains(&piece.trade));
        }
        // What its store does not know to be closed its user has to close once more.
        let owned = |order: &OrderId| {
            let place = self.places.get(order);
            place.is_some_and(|place| self.honest.get(&place.owner()) == Some(&host))
        };
        self.cancelled.retain(|order| !owned(order));
        self.closed.retain(|order, _| !owned(order));
    }

    /// Whether an owner's host lost what it had written down.
    fn is_forgetful(&self, owner: &NodeId) -> bool {
        let host = self.honest.get(owner);
        host.is_some_and(|host| self.forgetful.contains(host))
    }

    /// All trades that their own users were told of, but for those that are void and those that
    /// were lost with a disk.
    fn confirmed_trades(&self) -> impl Iterator<Item = TradeId> + '_ {
        let told = self.told.iter().flatten().copied();
        told.filter(|id| {
            let by = self.trades.get(id);
            by.is_some_and(|by| !self.void.contains(by))
        })
    }

    fn was_published(&self, order: &OrderId) -> bool {
        self.places.contains_key(order)
    }

    pub(crate) fn summary(&mut self, agreed_after: u64, messages: u64) -> Summary {
        let answered = |take| self.fills.contains_key(take) || self.refusals.contains(take);
        let open = self.requests.keys().filter(|take| !answered(take)).count();
        let unanswered = "takes: never answered by an honest maker";
        self.counts.more(unanswered, open as u64);
        Summary {
            trades: self.trades.len(),
            statements: self.seen.len(),
            messages,
            agreed_after,
            fingerprint: self.fingerprint ^ messages ^ self.now << 32,
            counts: std::mem::take(&mut self.counts),
        }
    }
}

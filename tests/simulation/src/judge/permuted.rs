//! One set of statements, trades and proofs makes one state, in whatever order it comes and
//! however often.

use std::collections::BTreeMap;

use meshbook::ledger::limits::OPEN_PER_OWNER;
use meshbook::ledger::{Ledger, Payload, Proof, Statement, TradeRecord};
use meshbook::types::{Millis, NodeId};

use super::{Judge, rules};
use crate::clock::truth;
use crate::random::Random;

/// Something that ledgers take in.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Statement(Statement),
    Trade(TradeRecord),
    Proof(Proof),
}

/// What is applied once more, in a hundred.
const REPEATED: u64 = 30;
/// Whatever is dated ahead is due after so long (ms).
const ALL_DUE: u64 = 3_600_000;

impl Judge {
    pub(super) fn keep(&mut self, statement: &Statement) {
        if let Payload::Place(_) | Payload::Ord(_) | Payload::Ka(_) = statement.payload() {
            self.items.push(Item::Statement(statement.clone()));
        }
    }

    pub(super) fn keep_trade(&mut self, trade: &TradeRecord) {
        if self.shown.insert(trade.id().to_string()) {
            self.items.push(Item::Trade(trade.clone()));
        }
    }

    pub(super) fn keep_proof(&mut self, proof: &Proof) {
        if self.shown.insert(proof.wire()) {
            self.items.push(Item::Proof(proof.clone()));
        }
    }

    /// Applies all that was said to two ledgers, in two orders. To be called at the end.
    pub(crate) fn permute(&mut self, random: &mut Random) {
        let items = self.below_the_bounds();
        let at = random.below(self.now + 1);
        let states = [(); 2].map(|()| {
            let mut order: Vec<&Item> = items.iter().collect();
            let again = order.clone().into_iter();
            order.extend(again.filter(|_| random.percent(REPEATED)));
            for last in (1..order.len()).rev() {
                order.swap(last, random.index(last + 1));
            }
            let mut ledger = Ledger::new();
            for item in order {
                apply(&mut ledger, item.clone(), truth(at));
            }
            let early = ledger.digest();
            let due = truth(self.now + ALL_DUE);
            let released = ledger.release_due(due);
            let statements = released.statements.into_iter().map(Item::Statement);
            for item in statements.chain(released.trades.into_iter().map(Item::Trade)) {
                apply(&mut ledger, item, due);
            }
            (early, ledger)
        });
        let [(early, mut one), (other_early, other)] = states;
        self.counts.one("judge: sets applied in two orders");
        if early != other_early || one.digest() != other.digest() {
            let found = format!("{} items make two states", items.len());
            self.fail(rules::PERMUTED, found);
        }
        // Nobody may have seen all of this, but where no disk was lost, all of it may be shown.
        if self.forgetful.is_empty() {
            for proof in one.take_found_proofs() {
                self.accused(&proof);
            }
        }
    }

    /// What was said but for owners with more orders than are kept: which ones depends on what
    /// comes first.
    fn below_the_bounds(&self) -> Vec<Item> {
        let mut orders: BTreeMap<NodeId, usize> = BTreeMap::new();
        for place in self.places.values() {
            *orders.entry(place.owner()).or_default() += 1;
        }
        let few = |owner: NodeId| orders.get(&owner).is_none_or(|n| *n <= OPEN_PER_OWNER);
        let kept = self.items.iter().filter(|item| match item {
            Item::Statement(statement) => few(statement.owner()),
            Item::Trade(trade) => few(trade.maker().owner()) && few(trade.taker().owner()),
            Item::Proof(proof) => few(proof.owner()),
        });
        kept.cloned().collect()
    }
}

fn apply(ledger: &mut Ledger, item: Item, wall: Millis) {
    match item {
        Item::Statement(statement) => ledger.apply(statement, wall),
        Item::Trade(trade) => ledger.apply_trade(trade, wall),
        Item::Proof(proof) => ledger.apply_proof(proof),
    };
}

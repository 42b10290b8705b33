//! Owners of whom something is missing, as their keep-alives tell by the root of what they list.

use super::state::Cost;
use crate::collections::BTreeMap;
use crate::ledger::{InventoryError, Retained, Statement};
use crate::node::core::Node;
use crate::node::io::ConnId;
use crate::node::peers::Share;
use crate::node::peers::policy::Merit;
use crate::protocol::{GetOwner, MAX_INVENTORY, Message, OwnerState};
use crate::types::{Bucket, Millis, NodeId, Now, OrderId, Rate};

/// What is missing right after a keep-alive may be on its way.
const FIRST: Millis = Millis(500);
/// After so long without an answer that helps, another peer is asked; the pause doubles each time.
const AGAIN: Millis = Millis::from_secs(2);
/// The longest pause: an owner with more open orders than are kept here never gets complete.
const LONGEST: Millis = Millis::from_secs(600);
/// After a further keep-alive an owner counts as asked about so often at most.
const PATIENT: u32 = 3;
/// Owners that are asked about in one turn, so that a large difference is left to comparing.
const AT_ONCE: usize = 16;

/// An owner of whom something is missing.
#[derive(Clone, Copy, Debug)]
struct Check {
    due: Millis,
    asked: u32,
}

/// Questions about owners, to all peers together: fewer than any peer takes amiss.
const ASKED: Rate = Rate {
    per_second: 20,
    at_once: 64,
};

/// The pause after so many questions about an owner.
fn pause_after(asked: u32) -> Millis {
    Millis(AGAIN.0.saturating_mul(1 << asked.min(20))).min(LONGEST)
}

/// The owners of whom something is missing, and how much this node may ask about them.
#[derive(Debug)]
pub(in crate::node) struct Checks {
    /// One entry an owner that the ledger knows, or whose keep-alive waits for its first order.
    owners: BTreeMap<NodeId, Check>,
    questions: Bucket,
}

impl Default for Checks {
    fn default() -> Self {
        Self {
            owners: BTreeMap::new(),
            questions: Bucket::full(ASKED, Millis::ZERO),
        }
    }
}

impl Node {
    /// A keep-alive came: is everything here that it lists?
    pub(in crate::node) fn check_owner(&mut self, owner: NodeId, now: Now) {
        if self.market.ledger().listed_by_head(&owner).is_some() {
            self.sync.checks.owners.remove(&owner);
            return;
        }
        let due = now.mono + FIRST;
        let check = Check { due, asked: 0 };
        let check = self.sync.checks.owners.entry(owner).or_insert(check);
        // An owner that says more is worth asking about again, though not at once.
        check.asked = check.asked.min(PATIENT);
        check.due = check.due.min(now.mono + pause_after(check.asked)).max(due);
        let due = check.due;
        self.hurry(due);
    }

    #[cfg(test)]
    pub(in crate::node) fn owners_to_check(&self) -> usize {
        self.sync.checks.owners.len()
    }

    /// Asks nothing more about an owner that is not known any more.
    pub(in crate::node) fn forget_check(&mut self, owner: &NodeId) {
        self.sync.checks.owners.remove(owner);
    }

    /// Whether something of an owner is missing, so that this node may have asked about it.
    pub(in crate::node) fn asks_about(&self, owner: &NodeId) -> bool {
        self.sync.checks.owners.contains_key(owner)
    }

    /// Asks about the owners of whom something is still missing.
    pub(super) fn check_owners(&mut self, now: Now) {
        // What is missing at first comes with the book.
        let busy = self.sync.reading.is_some() || !self.sync.comparisons.is_empty();
        if busy {
            return;
        }
        for owner in self.owners_to_ask_about(now) {
            if !self.lacks(&owner) {
                self.sync.checks.owners.remove(&owner);
                continue;
            }
            if !self.sync.checks.questions.admit(1, now.mono) {
                // They stay due.
                return;
            }
            self.ask_about(owner, now);
        }
    }

    /// Some of the owners that are due, one of each party in turn, beginning with a random one: who
    /// makes up many owners only delays questions about its own.
    fn owners_to_ask_about(&mut self, now: Now) -> Vec<NodeId> {
        let due = self.sync.checks.owners.iter();
        let due = due.filter(|(_, check)| check.due <= now.mono);
        let mut by_share: BTreeMap<Option<Share>, Vec<(u32, Millis, NodeId)>> = BTreeMap::new();
        for (owner, check) in due {
            let share = self.share_of_owner(owner);
            let line = by_share.entry(share).or_default();
            line.push((check.asked, check.due, *owner));
        }
        let mut lines: Vec<_> = by_share.into_values().collect();
        if lines.is_empty() {
            return Vec::new();
        }
        for line in &mut lines {
            // Last is asked first: the least often asked, then the longest due.
            line.sort_unstable_by(|a, b| b.cmp(a));
        }
        let first = usize::try_from(self.rng.next() % lines.len() as u64).unwrap_or(0);
        lines.rotate_left(first);
        let mut owners = Vec::new();
        while owners.len() < AT_ONCE {
            let before = owners.len();
            let round = lines.iter_mut().filter_map(Vec::pop);
            owners.extend(round.map(|(_, _, owner)| owner));
            if owners.len() == before {
                break;
            }
        }
        owners.truncate(AT_ONCE);
        owners
    }

    /// Whether something of an owner is missing here that its newest keep-alive lists.
    fn lacks(&self, owner: &NodeId) -> bool {
        let ledger = self.market.ledger();
        if ledger.is_revoked(owner) {
            return false;
        }
        match ledger.head(owner) {
            Some(_) => ledger.lacks_listed(owner),
            None => self.waiting_head(owner).is_some(),
        }
    }

    fn ask_about(&mut self, owner: NodeId, now: Now) {
        let Some(check) = self.sync.checks.owners.get_mut(&owner) else {
            return;
        };
        check.due = now.mono + pause_after(check.asked);
        let turn = check.asked as usize;
        check.asked = check.asked.saturating_add(1);
        let ledger = self.market.ledger();
        let mut have = match ledger.head(&owner).map(Statement::ts) {
            Some(at) => ledger.inventory(&owner, at).entries,
            None => Vec::new(),
        };
        have.truncate(MAX_INVENTORY);
        // The owner itself every other time, as others may never answer; else whoever brought its
        // word, then the others in turn.
        let direct = self.peers.get_node(owner).map(|peer| peer.conn);
        let told = self.waiting_head(&owner).map(|head| head.conn);
        let told = told.filter(|conn| self.peers.get(*conn).is_some());
        let mut conns: Vec<ConnId> = Vec::new();
        let others = self.peers.x1().map(|peer| peer.conn);
        let likely = told.into_iter().chain(self.router.path(owner));
        for conn in likely.chain(others) {
            if !conns.contains(&conn) && Some(conn) != direct {
                conns.push(conn);
            }
        }
        let other = match direct {
            Some(_) => turn / 2,
            None => turn,
        };
        let other = other.checked_rem(conns.len()).map(|turn| conns[turn]);
        let asked = direct
            .filter(|_| turn.is_multiple_of(2))
            .or(other)
            .or(direct);
        let Some(conn) = asked else {
            return;
        };
        self.counters.count("owner_asked");
        self.send_bulk(conn, &Message::Get(GetOwner { owner, have }), now);
    }

    /// A peer asks for what it lacks of an owner.
    pub(in crate::node) fn on_get(&mut self, conn: ConnId, get: &GetOwner, now: Now) {
        if !self.admits(conn, Cost::Lookup, now) {
            return;
        }
        let owner = get.owner;
        let have: BTreeMap<OrderId, u64> = get.have.iter().copied().collect();
        let ledger = self.market.ledger();
        let Some(head) = ledger.head(&owner).cloned() else {
            return;
        };
        let list = ledger.listed_by_head(&owner).map(<[_]>::to_vec);
        let listed: Vec<OrderId> = match &list {
            Some(list) => list.iter().map(|(id, _)| *id).collect(),
            None => ledger
                .inventory(&owner, head.ts())
                .entries
                .iter()
                .map(|(id, _)| *id)
                .collect(),
        };
        // What it has and is not listed, it has to be told the end of.
        let asked = have.keys().filter(|id| !listed.contains(id));
        let orders = listed.iter().chain(asked);
        let mut items = vec![Retained::Statement(head.clone())];
        for order in orders.filter_map(|id| ledger.order(id)) {
            let lacks = have
                .get(&order.id())
                .is_none_or(|n| *n < order.newest_number());
            if order.owner() == owner && lacks {
                let said = order.statements().cloned();
                items.extend(said.map(Retained::Statement));
                let trades = ledger.trades_of(order.id()).cloned();
                items.extend(trades.map(Retained::Trade));
            }
        }
        self.send_items(conn, &items, now);
        let ka = Some(head.hash());
        let list = list.filter(|list| list.len() <= MAX_INVENTORY);
        let state = OwnerState { owner, ka, list };
        self.send_bulk(conn, &Message::State(state), now);
    }

    /// The end of the answer to what was asked about an owner.
    pub(in crate::node) fn on_state(&mut self, conn: ConnId, state: OwnerState, now: Now) {
        let owner = state.owner;
        if !self.sync.checks.owners.contains_key(&owner) {
            self.counters.count("state_unasked");
            return;
        }
        let (Some(ka), Some(list)) = (state.ka, state.list) else {
            return;
        };
        let own = &self.own;
        let applied = self
            .market
            .apply_inventory(owner, ka, list, |id| own.contains(id), now);
        match applied {
            Ok(()) if !self.market.ledger().lacks_listed(&owner) => {
                self.sync.checks.owners.remove(&owner);
            }
            Ok(()) | Err(InventoryError::OtherHead) => {}
            Err(_) => {
                self.counters.count("false_inventory");
                self.blame(conn, Merit::FalseSync, now);
            }
        }
    }
}

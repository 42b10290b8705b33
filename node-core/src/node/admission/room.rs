//! Room for the owners and orders of others, and which of them make room where there is too little.

use super::origins::OwnerOrigins;
use super::ranking::{EvictionCandidate, Ranking, Use};
use super::waiting_heads::WaitingHeads;
use crate::ledger::limits::OWNERS;
use crate::mutations::Mutation;
use crate::node::core::Node;
use crate::node::peers::Share;
use crate::types::{Millis, NodeId, Now};

/// How old a ranking may be that decides who makes room: making one takes milliseconds where there
/// are many owners, and a flood asks for room with every message.
const MAX_RANKING_AGE: Millis = Millis(200);

/// Origins noted beyond those of owners that the ledger knows, as of owners whose first statement
/// is set aside because it is dated in the future.
const MAX_ORIGINS: usize = 2 * OWNERS;

/// Where the owners come from that are known here, and what waits to be admitted.
#[derive(Debug, Default)]
pub(in crate::node) struct Admission {
    pub(super) origins: OwnerOrigins,
    pub(super) waiting_heads: WaitingHeads,
    by_owners: Option<Ranking>,
    by_orders: Option<Ranking>,
    by_proofs: Option<Ranking>,
}

/// What is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Owners,
    Orders,
    Proofs,
}

impl Admission {
    fn ranking(&mut self, of: Bound) -> &mut Option<Ranking> {
        match of {
            Bound::Owners => &mut self.by_owners,
            Bound::Orders => &mut self.by_orders,
            Bound::Proofs => &mut self.by_proofs,
        }
    }
}

impl Node {
    /// Finds room for an owner that is not known here, or for the first order of one; says whether
    /// there is any. `rank` is of what use it is going to be, `share` the party that brings it.
    pub(super) fn find_room(
        &mut self,
        of: Bound,
        owner: &NodeId,
        rank: Use,
        share: &Option<Share>,
        now: Now,
    ) -> bool {
        while !self.has_room(of, owner) {
            let ranking = self.fresh_ranking(of, now);
            let Some(candidate) = ranking.take_for(rank, share, 1) else {
                return false;
            };
            self.evict(of, &candidate.owner, now);
        }
        if let Some(ranking) = self.admission.ranking(of) {
            ranking.add(share, 1);
        }
        true
    }

    /// Where there are more open orders of others than there may be: owners make room.
    pub(in crate::node) fn keep_within_room(&mut self, now: Now) {
        while self.others_open() > self.most_stored() {
            let Some(candidate) = self.fresh_ranking(Bound::Orders, now).take_next() else {
                return;
            };
            self.evict(Bound::Orders, &candidate.owner, now);
        }
    }

    fn has_room(&self, of: Bound, owner: &NodeId) -> bool {
        let ledger = self.market.ledger();
        match of {
            Bound::Owners => ledger.has_room_for(owner),
            Bound::Orders => self.others_open() < self.most_stored(),
            Bound::Proofs => ledger.has_room_for_proof(),
        }
    }

    fn evict(&mut self, of: Bound, owner: &NodeId, now: Now) {
        if of == Bound::Proofs {
            let own = &self.own;
            self.market.forget_proof(owner, |id| own.contains(id), now);
            self.counters.count("proofs_over_bound");
            return;
        }
        self.admission.origins.forget(owner);
        self.forget_check(owner);
        let forgotten = self.market.forget_owner(*owner, now);
        self.counters.count("owners_over_bound");
        self.counters.add("orders_over_bound", forgotten as u64);
    }

    fn fresh_ranking(&mut self, of: Bound, now: Now) -> &mut Ranking {
        let kept = self.admission.ranking(of).take();
        let kept = kept.filter(|kept| now.mono.since(kept.at) < MAX_RANKING_AGE);
        let ranking = kept.unwrap_or_else(|| self.rank(of, now));
        self.admission.ranking(of).insert(ranking)
    }

    fn rank(&self, of: Bound, now: Now) -> Ranking {
        let ledger = self.market.ledger();
        let candidate = |owner: NodeId| {
            let room = match of {
                Bound::Owners | Bound::Proofs => 1,
                Bound::Orders => ledger.open_of(&owner),
            };
            let exempt = owner == self.node_id() || room == 0 || self.has_session(&owner);
            let origin = self.admission.origins.get(&owner);
            (!exempt).then(|| EvictionCandidate {
                rank: self.use_of(&owner, now),
                share: origin.and_then(|origin| origin.share.clone()),
                since: origin.map_or(Millis::ZERO, |origin| origin.since),
                room,
                owner,
            })
        };
        match of {
            Bound::Owners | Bound::Orders => {
                Ranking::new(ledger.known_owners().filter_map(candidate), now.mono)
            }
            Bound::Proofs => {
                let revoked = ledger.proofs().map(crate::ledger::Proof::owner);
                Ranking::new(revoked.filter_map(candidate), now.mono)
            }
        }
    }

    /// Of what use a known owner is here.
    fn use_of(&self, owner: &NodeId, now: Now) -> Use {
        let ledger = self.market.ledger();
        match ledger.open_of(owner) {
            _ if Mutation::OwnersAreAlike.is_on() => Use::NoOrders,
            _ if self.admission.origins.is_partner(owner) => Use::Partner,
            0 => Use::NoOrders,
            _ if ledger.is_live(owner, now.wall) => Use::Live,
            _ => Use::Silent,
        }
    }

    /// Notes by which party an owner became known.
    pub(super) fn note_origin(&mut self, owner: NodeId, share: Option<Share>, now: Now) {
        let admission = &mut self.admission;
        if admission.origins.len() >= MAX_ORIGINS {
            let ledger = self.market.ledger();
            admission.origins.retain(|owner| ledger.knows(owner));
        }
        admission.origins.note(owner, share, now.mono);
    }

    pub(super) fn has_session(&self, owner: &NodeId) -> bool {
        self.peers.get_node(*owner).is_some()
    }

    fn most_stored(&self) -> usize {
        self.config.limits.stored_orders as usize
    }

    fn others_open(&self) -> usize {
        let ledger = self.market.ledger();
        ledger
            .open_len()
            .saturating_sub(ledger.open_of(&self.node_id()))
    }
}

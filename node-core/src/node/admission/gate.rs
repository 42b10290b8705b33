//! The gate: what may make an owner known here, or bring orders of one that was unknown a moment ago.

use super::ranking::Use;
use super::room::Bound;
use super::waiting_heads::WaitingHead;
use crate::ledger::{Payload, Place, PlaceTif, Proof, Statement, TradeRecord};
use crate::node::core::Node;
use crate::node::io::ConnId;
use crate::node::peers::{Share, Toll};
use crate::node::wanted::Found;
use crate::types::{Millis, NodeId, Now};

/// An owner is new for so long after it became known.
const NEW_OWNER_AGE: Millis = Millis::from_secs(30);

/// The first so many open orders of a new owner have an allowance of their own.
const FIRST_ORDERS: usize = 5;

/// What becomes of a statement that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::node) enum Entrance {
    /// It may be applied.
    Open,
    /// It is kept until its owner is known.
    Waits,
    /// It is neither stored nor passed on. Counted under this label.
    Closed(&'static str),
}

/// Whether this node asked for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::node) enum Sought {
    /// It did not, or because it was announced as news.
    No,
    /// It compared with the peer and found it to be missing.
    Compared,
    /// It reads the peer's book, or asked for all of one owner.
    Read,
}

/// The session that brought something, and the party behind it.
struct Bringer {
    conn: ConnId,
    node: NodeId,
    share: Share,
}

impl Node {
    /// What becomes of another owner's statement.
    pub(in crate::node) fn admit_statement(
        &mut self,
        statement: &Statement,
        from: Option<ConnId>,
        sought: Sought,
        now: Now,
    ) -> Entrance {
        // What was set aside comes back without a session: it was admitted when it came.
        let Some(bringer) = self.bringer(from) else {
            return Entrance::Open;
        };
        let owner = statement.owner();
        let share = Some(bringer.share.clone());
        if !self.market.ledger().knows(&owner) {
            if let Payload::Ka(ka) = statement.payload()
                && sought == Sought::No
            {
                if ka.cnt == 0 || !ka.live {
                    return Entrance::Closed("keep_alive_of_unknown");
                }
                self.keep_waiting(statement, &bringer, now);
                return Entrance::Waits;
            }
            let sought = self.sought_or_asked(sought, &owner);
            if !self.may_bring_owner(&bringer, &owner, sought, now) {
                return Entrance::Closed("unknown_owners_too_fast");
            }
            let rank = self.rank_of_newcomer(&owner, statement.as_place());
            // Only these make the owner known; what is about an unknown order waits elsewhere.
            let makes_known = matches!(statement.payload(), Payload::Place(_) | Payload::Ka(_));
            if makes_known && !self.find_room(Bound::Owners, &owner, rank, &share, now) {
                return Entrance::Closed("too_many_owners");
            }
        }
        if let Some(place) = statement.as_place()
            && let Some(closed) = self.turn_away_order(statement, place, &bringer, sought, now)
        {
            return Entrance::Closed(closed);
        }
        self.note_origin(owner, share, now);
        Entrance::Open
    }

    /// Why an order of another owner is refused, if it is: its owner is new and its orders come too
    /// fast, or there is no room for the first order of an owner.
    fn turn_away_order(
        &mut self,
        statement: &Statement,
        place: &Place,
        bringer: &Bringer,
        sought: Sought,
        now: Now,
    ) -> Option<&'static str> {
        let owner = statement.owner();
        let ledger = self.market.ledger();
        let known = statement.order_id().and_then(|id| ledger.order(&id));
        if owner == bringer.node || known.is_some() {
            return None;
        }
        let open = ledger.open_of(&owner);
        let toll = match open {
            0..FIRST_ORDERS => Toll::BringFirst,
            _ => Toll::BringYoung,
        };
        let is_young = self.is_young(&owner, now);
        if is_young && sought == Sought::No && !self.peers.may(bringer.conn, toll, now) {
            return Some("young_owners_too_fast");
        }
        let rank = self.rank_of_newcomer(&owner, Some(place));
        let share = Some(bringer.share.clone());
        let finds_room = open > 0 || self.find_room(Bound::Orders, &owner, rank, &share, now);
        (!finds_room).then_some("orders_over_bound")
    }

    /// Whether a trade may be applied: its owners are known, or may become so. A trade with this
    /// node always may.
    pub(in crate::node) fn admit_trade(
        &mut self,
        trade: &TradeRecord,
        from: Option<ConnId>,
        sought: Sought,
        now: Now,
    ) -> Entrance {
        let me = self.node_id();
        let owners = [trade.maker().owner(), trade.taker().owner()];
        if owners.contains(&me) {
            if let Some(owner) = self.partner_in(trade) {
                self.note_partner(owner);
                let share = self.bringer(from).map(|bringer| bringer.share);
                self.find_room(Bound::Owners, &owner, Use::Partner, &share, now);
                self.note_origin(owner, share, now);
            }
            return Entrance::Open;
        }
        // What is known already is for the ledger to say, and costs no toll.
        if self.market.ledger().trade(&trade.id()).is_some() {
            return Entrance::Open;
        }
        let Some(bringer) = self.bringer(from) else {
            return Entrance::Open;
        };
        let share = Some(bringer.share.clone());
        let mut unknown = owners.to_vec();
        unknown.dedup();
        unknown.retain(|owner| !self.market.ledger().knows(owner));
        let asked = |sought, owner| self.sought_or_asked(sought, owner);
        let sought = owners.iter().fold(sought, asked);
        for owner in &unknown {
            if !self.may_bring_owner(&bringer, owner, sought, now) {
                return Entrance::Closed("unknown_owners_too_fast");
            }
        }
        let young = |owner: &NodeId| self.is_young(owner, now) && !self.has_session(owner);
        if sought == Sought::No
            && owners.iter().any(young)
            && !self.peers.may(bringer.conn, Toll::BringYoungTrade, now)
        {
            return Entrance::Closed("young_trades_too_fast");
        }
        // Without room for its owners a trade counts all the same: it has room of its own, and what it
        // burned of an order that is known must stay burned.
        for owner in &unknown {
            if self.find_room(Bound::Owners, owner, Use::NoOrders, &share, now) {
                self.note_origin(*owner, share.clone(), now);
            }
        }
        Entrance::Open
    }

    /// Whether an owner is unknown here, or was a moment ago.
    fn is_young(&self, owner: &NodeId, now: Now) -> bool {
        let origin = self.admission.origins.get(owner);
        origin.is_none_or(|origin| now.mono.since(origin.since) < NEW_OWNER_AGE)
    }

    /// Whom this node traded with, if it is a trade of its own with another owner.
    pub(in crate::node) fn partner_in(&self, trade: &TradeRecord) -> Option<NodeId> {
        let me = self.node_id();
        match [trade.maker().owner(), trade.taker().owner()] {
            [owner, partner] | [partner, owner] if owner == me && partner != me => Some(partner),
            _ => None,
        }
    }

    /// Notes that this node traded with an owner.
    pub(in crate::node) fn note_partner(&mut self, owner: NodeId) {
        self.admission.origins.note_partner(owner);
    }

    /// Whether a proof may be applied: its owner is known, or may become so, and there is room.
    pub(in crate::node) fn admit_proof(
        &mut self,
        proof: &Proof,
        from: Option<ConnId>,
        sought: Sought,
        now: Now,
    ) -> Entrance {
        let owner = proof.owner();
        let ledger = self.market.ledger();
        if ledger.is_revoked(&owner) {
            return Entrance::Open;
        }
        let known = ledger.knows(&owner);
        let bringer = self.bringer(from);
        if let Some(bringer) = &bringer
            && !known
            && !self.may_bring_owner(bringer, &owner, sought, now)
        {
            return Entrance::Closed("unknown_owners_too_fast");
        }
        // A proof against an owner with orders here is of use now.
        let rank = match known {
            true => Use::Live,
            false => Use::NoOrders,
        };
        let origin = self.admission.origins.get(&owner);
        let share = match origin {
            Some(origin) => origin.share.clone(),
            None => bringer.map(|bringer| bringer.share),
        };
        if !self.find_room(Bound::Proofs, &owner, rank, &share, now) {
            return Entrance::Closed("too_many_proofs");
        }
        self.note_origin(owner, share, now);
        Entrance::Open
    }

    /// What this node asked about an owner is sought as well: it asks about few.
    fn sought_or_asked(&self, sought: Sought, owner: &NodeId) -> Sought {
        match self.asks_about(owner) {
            true => Sought::Read,
            false => sought,
        }
    }

    /// Charges a session for an owner that is unknown here; says whether it may bring one more.
    fn may_bring_owner(
        &mut self,
        bringer: &Bringer,
        owner: &NodeId,
        sought: Sought,
        now: Now,
    ) -> bool {
        let toll = match sought {
            _ if *owner == bringer.node || self.has_session(owner) => return true,
            Sought::Read => return true,
            Sought::Compared => Toll::BringComparedOwner,
            Sought::No => Toll::BringOwner,
        };
        self.peers.may(bringer.conn, toll, now)
    }

    /// Of what use an owner that is not known yet is going to be here.
    fn rank_of_newcomer(&self, owner: &NodeId, place: Option<&Place>) -> Use {
        match place {
            _ if self.has_session(owner) => Use::Partner,
            _ if self.admission.origins.is_partner(owner) => Use::Partner,
            // One that does not rest by itself is published by an `ord`, as a rule in the same message.
            Some(place) if place.tif != PlaceTif::Ioc => Use::Live,
            Some(_) | None => Use::NoOrders,
        }
    }

    /// Whether this node asked for what came from this connection; `found` is how it came to be
    /// asked for.
    pub(in crate::node) fn sought(&self, from: Option<ConnId>, found: Option<Found>) -> Sought {
        match found {
            _ if self.is_reading(from) => Sought::Read,
            Some(Found::Compared) => Sought::Compared,
            Some(Found::Announced) | None => Sought::No,
        }
    }

    fn bringer(&self, from: Option<ConnId>) -> Option<Bringer> {
        let session = self.peers.get(from?)?;
        Some(Bringer {
            conn: session.conn,
            node: session.id.node()?,
            share: session.share()?,
        })
    }

    /// Keeps a keep-alive until its owner is known, and looks whether its orders are missing.
    fn keep_waiting(&mut self, ka: &Statement, bringer: &Bringer, now: Now) {
        let heads = &mut self.admission.waiting_heads;
        if let Some(kept) = heads.keep(ka, bringer.conn, bringer.share.clone(), now.mono) {
            self.counters.count("keep_alive_waits");
            self.check_owner(ka.owner(), now);
            if let Some(dropped) = kept.dropped {
                self.forget_check(&dropped);
            }
        }
    }

    /// Takes in the keep-alive that waited for an owner to become known.
    pub(in crate::node) fn admit_waiting_head(&mut self, owner: &NodeId, now: Now) {
        if let Some(head) = self.admission.waiting_heads.take(owner) {
            self.on_statement(head.ka, Some(head.conn), now);
        }
    }

    /// The keep-alive of an owner that is not known yet.
    pub(in crate::node) fn waiting_head(&self, owner: &NodeId) -> Option<&WaitingHead> {
        self.admission.waiting_heads.get(owner)
    }

    /// The party that an owner was brought by, as far as that is noted.
    pub(in crate::node) fn share_of_owner(&self, owner: &NodeId) -> Option<Share> {
        let admission = &self.admission;
        let origin = admission.origins.get(owner);
        let waiting = || admission.waiting_heads.get(owner).map(WaitingHead::share);
        origin
            .and_then(|origin| origin.share.clone())
            .or_else(waiting)
    }
}

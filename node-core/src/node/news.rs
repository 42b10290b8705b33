//! News from peers and for them: what is announced, asked for, passed on and known already; and the
//! proofs that follow from it.

use super::admission::Entrance;
use super::core::Node;
use super::gossip::Reach;
use super::io::{Class, ConnId, Event};
use super::sync::Cost;
use super::wanted::Found;
use crate::ledger::limits::LIVE;
use crate::ledger::prefix_of;
use crate::ledger::{Applied, Proof, Retained, Statement};
use crate::protocol::{Message, Prefix};
use crate::types::{Millis, NodeId, Now};

/// How many things are sent for one wish; a node that keeps to the rules asks for no more.
const SENT_AT_ONCE: usize = 1_024;

/// Whether what was signed then is no sign of life of its owner any more.
pub(super) fn is_old(ts: Millis, now: Now) -> bool {
    now.wall.since(ts) > LIVE
}

impl Node {
    /// Tells the peers what this node has signed.
    pub(super) fn tell_own(&mut self, statement: Statement) {
        self.gossip
            .tell(Retained::Statement(statement), None, Reach::Own);
    }

    /// Tells the peers what changed this node's store. `found` is how it came to be asked for.
    pub(super) fn tell_news(
        &mut self,
        what: Retained,
        from: Option<ConnId>,
        found: Option<Found>,
        now: Now,
    ) {
        if self.is_being_read(from, what.ts(), now) {
            return;
        }
        if let Some(conn) = from {
            self.peers.brought_news(conn);
        }
        let reach = match found {
            Some(Found::Compared) => Reach::Announced,
            // Nobody waits for it, and whoever dug it up may have much more of it.
            _ if is_old(what.ts(), now) => Reach::Announced,
            Some(Found::Announced) | None => Reach::Passed,
        };
        self.gossip.tell(what, from, reach);
    }

    /// Something came that is known. Its owners tell it themselves; who passes on others' word in
    /// vain, again and again, is told to be lazy.
    pub(super) fn known_already(
        &mut self,
        id: &[u8; 32],
        owners: &[NodeId],
        from: Option<ConnId>,
        found: Option<Found>,
        now: Now,
    ) {
        let Some(conn) = from else {
            return;
        };
        self.peers.in_vain(conn, 1, now);
        let teller = self.peers.get(conn).and_then(|peer| peer.id.node());
        let asked = found.is_some() || owners.iter().any(|owner| self.asks_about(owner));
        let asked_or_own = asked || teller.is_some_and(|id| owners.contains(&id));
        if asked_or_own {
            self.gossip.note(id, conn);
        } else if self.gossip.came_again(id, conn) {
            self.counters.count("tells_lazy");
            self.send(conn, Class::Control, &Message::Lazy, now);
        }
    }

    /// Whether something is here, came lately, or was forgotten for want of room.
    pub(super) fn has(&self, prefix: &Prefix) -> bool {
        self.gossip.recent().contains(prefix) || self.retains(prefix)
    }

    fn retains(&self, prefix: &Prefix) -> bool {
        let ledger = self.market.ledger();
        // What was forgotten would be asked for again and again.
        ledger.find_retained(prefix).is_some() || ledger.has_forgotten(prefix)
    }

    /// A peer has these things.
    pub(super) fn on_have(&mut self, conn: ConnId, prefixes: Vec<Prefix>) {
        for prefix in self.gossip.announced(prefixes, conn) {
            if !self.retains(&prefix) {
                self.wanted.offer(conn, prefix, Found::Announced);
            }
        }
    }

    /// A peer wants these things.
    pub(super) fn on_want(&mut self, conn: ConnId, prefixes: &[Prefix], now: Now) {
        if !self.admits(conn, Cost::Lookup, now) {
            return;
        }
        // Each takes a search, whether or not it is found.
        self.peers.chatted(conn, prefixes.len() / 16, now);
        let mut items = Vec::new();
        for prefix in prefixes.iter().take(SENT_AT_ONCE) {
            if let Some(item) = self.gossip.recent().get(prefix) {
                items.push(item.clone());
                self.gossip.was_asked(conn);
            } else if let Some(item) = self.market.ledger().find_retained(prefix) {
                items.push(item.clone());
            }
        }
        for item in &items {
            self.gossip.note(&item.id(), conn);
        }
        self.send_items(conn, &items, now);
    }

    /// A proof that came or was found here. Its owner is revoked from now on.
    pub(super) fn on_proof(&mut self, proof: Proof, from: Option<ConnId>, now: Now) {
        let owner = proof.owner();
        let found = self.wanted.arrived(&prefix_of(&proof.hash()));
        let sought = self.sought(from, found);
        if let Entrance::Closed(why) = self.admit_proof(&proof, from, sought, now) {
            return self.counters.count(why);
        }
        let own = &self.own;
        let applied = self
            .market
            .apply_proof(proof.clone(), |id| own.contains(id), now);
        match applied {
            Applied::New { .. } => {}
            Applied::Refused(refusal) => return self.counters.count(refusal.reason()),
            _ => return,
        }
        self.counters.count("owner_revoked");
        tracing::warn!(owner = %owner, kind = %proof.kind(), "an owner is proven to cheat");
        if owner == self.node_id() {
            self.event(Event::Error {
                code: "KEY_REVOKED".to_owned(),
                message: format!(
                    "other nodes hold a proof ({}) that this node's key has signed what \
                     contradicts itself, as after two nodes ran with one key; nobody trades \
                     with it any more",
                    proof.kind()
                ),
            });
        }
        self.remember_proof(&proof);
        self.gossip
            .tell(Retained::Proof(proof), from, Reach::Everybody);
    }

    /// Takes up the proofs that follow from what was applied.
    pub(super) fn take_proofs(&mut self, now: Now) {
        for proof in self.market.take_found_proofs() {
            self.on_proof(proof, None, now);
        }
    }
}

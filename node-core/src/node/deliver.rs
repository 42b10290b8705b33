//! How addressed messages travel: the steps of the message router.

use super::core::Node;
use super::io::{Class, ConnId};
use super::peers::Toll;
use super::router::{FLOOD_HOPS, MAX_HOPS};
use crate::protocol::{Forward, ForwardBody, Message};
use crate::types::{NodeId, Now};

impl Node {
    /// Passes a message for somebody else on: directly, along the known way, or to everybody.
    pub(super) fn pass_on(&mut self, from: ConnId, mut forward: Forward, now: Now) {
        if !self.router.first_sight(&forward.id) {
            self.peers.in_vain(from, 1, now);
            return;
        }
        self.router.learn_path(forward.from, from);
        let Some(hops) = forward.hops.min(MAX_HOPS).checked_sub(1) else {
            self.counters.count("forward_too_far");
            return;
        };
        forward.hops = hops;
        self.counters.count("forwarded");
        let direct = self.peers.get_node(forward.to).map(|peer| peer.conn);
        let known = || {
            let via = match forward.body {
                ForwardBody::Take(_) => self.router.path_of_request(forward.to, now),
                ForwardBody::Answer(_) => self.router.path(forward.to),
            };
            via.filter(|via| *via != from)
        };
        match direct.or_else(known) {
            Some(via) => self.send(via, Class::Control, &Message::Forward(forward), now),
            // Whoever could make every neighbour send to all of theirs at will would need no other
            // weapon.
            None if !self.peers.may(from, Toll::Flood, now) => {
                self.counters.count("forward_rate");
                self.peers.in_vain(from, 1, now);
            }
            None => {
                forward.hops = hops.min(FLOOD_HOPS);
                self.flood(forward, Some(from), now);
            }
        }
    }

    /// Asks every neighbour but one to pass a message on.
    fn flood(&mut self, forward: Forward, from: Option<ConnId>, now: Now) {
        let conns = self.peers.x1().map(|peer| peer.conn);
        let others: Vec<ConnId> = conns.filter(|conn| Some(*conn) != from).collect();
        let message = Message::Forward(forward);
        for conn in others {
            self.send(conn, Class::Control, &message, now);
        }
    }

    /// Brings a message to one node: directly, along the known way, or later when there is one.
    /// With `everywhere`, all neighbours are asked to pass it on.
    pub(super) fn deliver(&mut self, to: NodeId, body: ForwardBody, everywhere: bool, now: Now) {
        if self.store_failure.is_some() {
            // It may not be written down. Requests go again, and answers with them.
            self.counters.count("store_failing");
            return;
        }
        if let Some(peer) = self.peers.get_node(to).filter(|peer| peer.speaks_x1()) {
            let conn = peer.conn;
            let message = match body {
                ForwardBody::Take(take) => Message::Take(take),
                ForwardBody::Answer(answer) => Message::Answer(answer),
            };
            self.send(conn, Class::Control, &message, now);
            return;
        }
        let path = self.router.path(to);
        let alone = self.peers.x1().next().is_none();
        if alone || (path.is_none() && !everywhere) {
            if self.router.wait(to, body, now).is_err() {
                self.counters.count("router_queue_full");
            }
            return;
        }
        let forward = Forward {
            to,
            from: self.identity.node_id(),
            id: format!("{:032x}", self.rng.wide()),
            hops: MAX_HOPS,
            body,
        };
        self.router.first_sight(&forward.id);
        match path {
            Some(via) if !everywhere => {
                self.send(via, Class::Control, &Message::Forward(forward), now);
            }
            _ => self.flood(forward, None, now),
        }
    }

    /// Sends what waited for a way to `node`.
    pub(super) fn deliver_waiting(&mut self, node: NodeId, now: Now) {
        if self.store_failure.is_some() {
            return;
        }
        for body in self.router.take_waiting(node, now) {
            self.deliver(node, body, false, now);
        }
    }
}

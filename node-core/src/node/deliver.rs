//! How addressed messages travel: the steps of the message router.

use super::core::Node;
use super::io::{Class, ConnId};
use super::peers::Toll;
use super::relay::{Carried, Relayed};
use crate::ledger::Statement;
use crate::protocol::Message;
use crate::types::{NodeId, Now, TakeId};

/// A forwarded message is passed on so often at most.
const MAX_HOPS: u8 = 16;
/// Where it goes on without a known way, it goes only so much further.
const FLOOD_HOPS: u8 = 4;
/// Neighbours that a relay passes a message to where it knows no way, or where the way that it
/// knows brought no answer. Drawn anew each time.
const FLOOD_WIDTH: usize = 3;
/// Neighbours that a sender of its own message passes it to.
const OWN_FLOOD_WIDTH: usize = 8;

/// The neighbours besides the known way that a message of this node goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detour {
    /// None: it is sent for the first time.
    None,
    /// One, drawn at random.
    One,
    /// Several, drawn at random; and its recipient is dialed, where it has an address.
    Several,
}

impl Detour {
    /// For the sending of this number, from 1.
    pub(super) const fn of_sending(number: u32) -> Self {
        match number {
            0 | 1 => Self::None,
            2 => Self::One,
            _ => Self::Several,
        }
    }

    const fn width(self) -> usize {
        match self {
            Self::None => 0,
            Self::One => 1,
            Self::Several => OWN_FLOOD_WIDTH,
        }
    }
}

impl Node {
    /// Passes a message for another node on: directly, along the ways that are known, or to a few
    /// neighbours. Its statements hold.
    pub(super) fn pass_on(&mut self, from: ConnId, mut relayed: Relayed, now: Now) {
        if !self.peers.may(from, Toll::Forward, now) {
            self.counters.count("forward_rate");
            self.peers.in_vain(from, 1, now);
            return;
        }
        let sighting = relayed.sighting();
        if !self.router.first_sight(sighting, relayed.hops) {
            self.peers.in_vain(from, 1, now);
            return;
        }
        let Some(hops) = relayed.hops.min(MAX_HOPS).checked_sub(1) else {
            self.counters.count("forward_too_far");
            return;
        };
        relayed.hops = hops;
        let to = relayed.to;
        let (ways, detour) = match &relayed.body {
            Carried::Take { req, .. } => {
                let maker = req.as_req().map(|asked| asked.maker);
                let order = maker.and_then(|id| self.market.ledger().order(&id));
                if order.is_some_and(|order| order.owner() != to) {
                    self.counters.count("forward_misdirected");
                    self.peers.in_vain(from, 1, now);
                    return;
                }
                let take = TakeId::from(req.hash());
                let sent_before = self.router.note_take(take, from) > 0;
                let way = self.router.path(to).filter(|way| *way != from);
                (Vec::from_iter(way), sent_before || way.is_none())
            }
            Carried::Answer(_) => {
                let ways = self.ways_for_answer(to, &relayed.body, Some(from));
                let none = ways.is_empty();
                (ways, none)
            }
        };
        if let Some(peer) = self.peers.get_node(to).filter(|peer| peer.speaks_x1()) {
            let conn = peer.conn;
            self.counters.count("forwarded");
            self.send(conn, Class::Control, &relayed.message(), now);
            return;
        }
        let detour = detour && self.may_flood(from, to, now);
        if ways.is_empty() && !detour {
            self.counters.count("forward_without_way");
            self.peers.in_vain(from, 1, now);
            // Another neighbour may bring it that may have it passed on.
            self.router.forget_sight(&sighting);
            return;
        }
        self.counters.count("forwarded");
        let message = relayed.message();
        for way in &ways {
            self.send(*way, Class::Control, &message, now);
        }
        if detour {
            relayed.hops = hops.min(FLOOD_HOPS);
            let message = relayed.message();
            for conn in self.draw_neighbours(FLOOD_WIDTH, &ways, Some(from)) {
                self.send(conn, Class::Control, &message, now);
            }
        }
    }

    /// Whether a neighbour may have a message passed to others without a known way: only to an owner
    /// that is live here or has orders here, so that messages to made-up nodes end at once.
    fn may_flood(&mut self, from: ConnId, to: NodeId, now: Now) -> bool {
        let ledger = self.market.ledger();
        let known = ledger.is_live(&to, now.wall) || ledger.open_of(&to) > 0;
        known && self.peers.may(from, Toll::Flood, now)
    }

    /// The neighbours through which an answer goes: those that brought the take, else the way to
    /// its taker.
    fn ways_for_answer(&self, to: NodeId, body: &Carried, from: Option<ConnId>) -> Vec<ConnId> {
        let back = body.take_id().map(|take| self.router.ways_back(&take));
        let back = back.unwrap_or_default().iter().copied();
        let back: Vec<ConnId> = back.filter(|way| Some(*way) != from).collect();
        if !back.is_empty() {
            return back;
        }
        let path = self.router.path(to).filter(|way| Some(*way) != from);
        Vec::from_iter(path)
    }

    /// Some neighbours at random, but none of `ways`, nor `from`.
    fn draw_neighbours(
        &mut self,
        width: usize,
        ways: &[ConnId],
        from: Option<ConnId>,
    ) -> Vec<ConnId> {
        let conns = self.peers.x1().map(|peer| peer.conn);
        let mut others: Vec<ConnId> = conns
            .filter(|conn| Some(*conn) != from && !ways.contains(conn))
            .collect();
        let mut drawn = Vec::new();
        while drawn.len() < width && !others.is_empty() {
            let place = self.rng.next() % others.len() as u64;
            drawn.push(others.swap_remove(place as usize));
        }
        drawn
    }

    /// Brings a message of this node to another one: directly, or along the known way and the
    /// detour, or later when there is a way.
    pub(super) fn deliver(&mut self, to: NodeId, body: Carried, detour: Detour, now: Now) {
        if self.store_failure.is_some() {
            // It may not be written down. Requests go again, and answers with them.
            self.counters.count("store_failing");
            return;
        }
        if let Some(peer) = self.peers.get_node(to).filter(|peer| peer.speaks_x1()) {
            let conn = peer.conn;
            self.send(conn, Class::Control, &body.direct(), now);
            return;
        }
        if detour == Detour::Several {
            self.seek(to, now);
        }
        let mut ways = match &body {
            Carried::Take { .. } => Vec::from_iter(self.router.path(to)),
            Carried::Answer(_) => self.ways_for_answer(to, &body, None),
        };
        let others = self.draw_neighbours(detour.width(), &ways, None);
        ways.extend(others);
        if ways.is_empty() {
            if self.router.wait(to, body, now).is_err() {
                self.counters.count("router_queue_full");
            }
            return;
        }
        let relayed = Relayed {
            to,
            id: self.rng.wide(),
            hops: MAX_HOPS,
            body,
        };
        // It may come back.
        self.router.first_sight(relayed.sighting(), u8::MAX);
        let message: Message = relayed.message();
        for way in ways {
            self.send(way, Class::Control, &message, now);
        }
    }

    /// Dials a node that doesn't answer, where addresses of it are known.
    fn seek(&mut self, node: NodeId, now: Now) {
        let head = self.market.ledger().head(&node).and_then(Statement::as_ka);
        let stated = head.map(|ka| ka.addrs.clone()).unwrap_or_default();
        if let Some(way) = self.router.path(node) {
            self.peers.learn_stated(way, node, &stated, now);
        }
        if self.peers.seek(node, now) {
            self.hurry(now.mono);
        }
    }

    /// Sends what waited for a way to `node`.
    pub(super) fn deliver_waiting(&mut self, node: NodeId, now: Now) {
        if self.store_failure.is_some() {
            return;
        }
        for body in self.router.take_waiting(node, now) {
            self.deliver(node, body, Detour::None, now);
        }
    }
}

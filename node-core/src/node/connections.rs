//! Sessions coming and going, heartbeats, peer exchange, dials.

use super::core::Node;
use super::gossip::{encode_items, queue_bulk};
use super::io::{Class, ConnId, Event, Output};
use super::peers::Admission;
use super::peers::policy::Merit;
use super::view::Direction;
use crate::ledger::Retained;
use crate::protocol::{Dialect, ErrorCode, Message, PeerEntry, PeerInfo, encode};
use crate::types::{Now, PeerAddress};

impl Node {
    pub(super) fn on_connected(
        &mut self,
        conn: ConnId,
        info: PeerInfo,
        direction: Direction,
        remote: PeerAddress,
        now: Now,
    ) {
        let id = info.id.clone();
        match self
            .peers
            .add_peer(conn, info, direction, remote.clone(), now)
        {
            Admission::Admitted => {}
            Admission::Replaces(old) => {
                self.router.forget_conn(old);
                self.lose_link(old, now);
                self.close(old, None, "duplicate");
            }
            Admission::Full { dialect, others } => {
                self.send_away(conn, dialect, others, "peer_limit", now);
                return;
            }
            Admission::InPlaceOf {
                out,
                dialect,
                others,
            } => {
                self.send_away(out, dialect, others, "made_room", now);
                self.on_disconnected(out, "made_room", now);
            }
            Admission::Refused { error, reason } => {
                self.counters.count(reason);
                self.close(conn, error, reason);
                return;
            }
        }
        self.unsigned.peer_came(&id.to_string());
        self.event(Event::PeerConnected {
            peer: id.clone(),
            address: remote,
        });
        if self.config.peer_exchange {
            self.tell_peers(conn, now);
        }
        self.hurry(now.mono);
        self.look_after_boot(now);
        self.meet_plain_peer(conn, now);
        if self.peers.get(conn).is_some_and(|peer| peer.speaks_x1()) {
            self.gossip.add_link(conn);
            self.sync_with(conn, direction == Direction::Outbound, now);
            if let Some(node) = id.node() {
                self.deliver_waiting(node, now);
                self.resend_takes_of(node, now);
            }
        }
    }

    pub(super) fn on_disconnected(&mut self, conn: ConnId, reason: &'static str, now: Now) {
        self.router.forget_conn(conn);
        self.lose_link(conn, now);
        let Some(session) = self.peers.remove_peer(conn, &mut self.rng, now) else {
            return;
        };
        self.counters.count(reason);
        self.unsigned.peer_left(&session.id.to_string(), now);
        self.event(Event::PeerDisconnected {
            peer: session.id,
            reason: reason.to_owned(),
        });
    }

    /// Ends a session for which there is no place, here or any more. Who knew only nodes that are
    /// full would stay alone, so it is told of others first.
    fn send_away(
        &mut self,
        conn: ConnId,
        dialect: Dialect,
        others: Vec<PeerEntry>,
        reason: &'static str,
        now: Now,
    ) {
        self.counters.count(reason);
        if self.config.peer_exchange && !others.is_empty() {
            let message = Message::PeerExchange(others);
            self.send_in(dialect, conn, Class::Control, &message, now);
        }
        let message = "no place is free for another peer".to_owned();
        self.close(conn, Some((ErrorCode::PeerLimitReached, message)), reason);
    }

    /// Nothing is told to this connection any more, nor asked.
    fn lose_link(&mut self, conn: ConnId, now: Now) {
        self.gossip.remove_link(conn);
        self.sync_lost(conn, now);
    }

    /// Heartbeats, silent peers, peer exchange and dials, as far as they are due.
    pub(super) fn look_after_peers(&mut self, now: Now) {
        for conn in self.peers.dead(now) {
            let message = "nothing was heard for 60 s".to_owned();
            let error = Some((ErrorCode::HeartbeatTimeout, message));
            self.close(conn, error, "heartbeat_timeout");
            self.on_disconnected(conn, "heartbeat_timeout", now);
        }
        for conn in self.peers.take_heartbeats_due(now) {
            let timestamp = now.wall;
            self.send(conn, Class::Control, &Message::Heartbeat { timestamp }, now);
        }
        if self.config.peer_exchange && self.peers.take_exchange_due(now) {
            let conns: Vec<ConnId> = self.peers.all().map(|peer| peer.conn).collect();
            for conn in conns {
                self.tell_peers(conn, now);
            }
        }
        for dial in self.peers.take_dials(now) {
            self.outputs.push(Output::Dial {
                address: dial.address,
                expect: dial.expect,
                way: dial.way,
            });
        }
    }

    pub(super) fn tell_peers(&mut self, conn: ConnId, now: Now) {
        if !self
            .peers
            .get(conn)
            .is_some_and(|peer| peer.dialect.talks_back())
        {
            return;
        }
        let list = self.peers.exchange_list(conn);
        if !list.is_empty() {
            self.send(conn, Class::Control, &Message::PeerExchange(list), now);
        }
    }

    /// Lowers a peer's score; at the end of its credit it is sent away for a while.
    pub(super) fn blame(&mut self, conn: ConnId, merit: Merit, now: Now) {
        if self.peers.credit(conn, merit, now) {
            let message = "too many messages that break the rules".to_owned();
            let error = Some((ErrorCode::InvalidMessage, message));
            self.close(conn, error, "banned");
            self.on_disconnected(conn, "banned", now);
        }
    }

    /// Tells every peer that this node leaves.
    pub(super) fn part_from_peers(&mut self, now: Now) {
        let conns: Vec<ConnId> = self.peers.all().map(|peer| peer.conn).collect();
        let reason = "shutdown".to_owned();
        for conn in conns {
            let goodbye = Message::Disconnect {
                reason: reason.clone(),
            };
            self.send(conn, Class::Control, &goodbye, now);
            self.close(conn, None, "shutdown");
        }
    }

    pub(super) fn close(
        &mut self,
        conn: ConnId,
        error: Option<(ErrorCode, String)>,
        reason: &'static str,
    ) {
        self.outputs.push(Output::Close {
            conn,
            error,
            reason,
        });
    }

    /// Sends a message that may be dropped if the peer's queue is full.
    pub(super) fn send_bulk(&mut self, conn: ConnId, message: &Message, now: Now) {
        self.send(conn, Class::Bulk, message, now);
    }

    /// Sends what a peer lacks.
    pub(super) fn send_items(&mut self, conn: ConnId, items: &[Retained], now: Now) {
        let items: Vec<&Retained> = items.iter().collect();
        let from = self.identity.node_id().to_string();
        for message in encode_items(&items, &from, now.wall) {
            queue_bulk(conn, message, &mut self.peers, &mut self.outputs);
        }
    }

    /// Sends a message in the peer's own dialect. What the dialect can't say stays unsaid.
    pub(super) fn send(&mut self, conn: ConnId, class: Class, message: &Message, now: Now) {
        let Some(dialect) = self.peers.get(conn).map(|peer| peer.dialect) else {
            return;
        };
        self.send_in(dialect, conn, class, message, now);
    }

    /// The same, also to somebody who is not a peer.
    fn send_in(
        &mut self,
        dialect: Dialect,
        conn: ConnId,
        class: Class,
        message: &Message,
        now: Now,
    ) {
        let from = self.identity.node_id().to_string();
        let Ok(message) = encode(message, dialect, &from, now.wall) else {
            self.counters.count("not_in_dialect");
            return;
        };
        self.peers.sent(conn, message.len());
        self.outputs.push(Output::Send {
            conn,
            class,
            message,
        });
    }
}

//! Sessions coming and going, heartbeats, peer exchange, dials.

use std::collections::BTreeMap;

use super::core::Node;
use super::io::{Class, ConnId, Event, Output};
use super::peers::Admission;
use super::peers::policy::Merit;
use super::view::Direction;
use crate::ledger::{OrderState, Statement};
use crate::protocol::{
    ErrorCode, MAX_BATCH_BYTES, Message, PeerInfo, encode, encode_statements, encode_trades,
};
use crate::types::{Millis, Now, PeerAddress, PeerId, TradeId};

/// A new peer is told the trades of so long, and at most so many of them: enough to bridge a
/// short loss of connection.
const RECENT_TRADES: Millis = Millis::from_secs(600);
const RECENT_TRADES_LIMIT: usize = 1_000;

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
                self.close(old, None, "duplicate");
            }
            Admission::Refused { error, reason } => {
                self.counters.count(reason);
                self.close(conn, error, reason);
                return;
            }
        }
        if let PeerId::Legacy(name) = &id {
            self.unsigned.peer_came(name);
        }
        self.event(Event::PeerConnected {
            peer: id.clone(),
            address: remote,
        });
        if self.config.peer_exchange {
            self.tell_peers(conn, now);
        }
        self.hurry(now.mono);
        self.look_after_boot(now);
        if self.peers.get(conn).is_some_and(|peer| peer.speaks_x1()) {
            self.tell_book(conn, now);
            if let Some(node) = id.node() {
                self.deliver_waiting(node, now);
                self.resend_takes_of(node, now);
            }
        }
    }

    pub(super) fn on_disconnected(&mut self, conn: ConnId, reason: &'static str, now: Now) {
        self.router.forget_conn(conn);
        let Some(session) = self.peers.remove_peer(conn, &mut self.rng, now) else {
            return;
        };
        self.counters.count(reason);
        if let PeerId::Legacy(name) = &session.id {
            self.unsigned.peer_left(name, now);
        }
        self.event(Event::PeerDisconnected {
            peer: session.id,
            reason: reason.to_owned(),
        });
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
                plain: dial.plain,
            });
        }
    }

    pub(super) fn tell_peers(&mut self, conn: ConnId, now: Now) {
        let list = self.peers.exchange_list(conn);
        if !list.is_empty() {
            self.send(conn, Class::Control, &Message::PeerExchange(list), now);
        }
    }

    /// Tells a new peer which owners are live, every open order that this node knows, the trades
    /// that filled a part of one, and the latest trades.
    fn tell_book(&mut self, conn: ConnId, now: Now) {
        let from = self.identity.node_id().to_string();
        let ledger = self.market.ledger();
        let open = || ledger.open_orders();
        let texts: Vec<&str> = ledger
            .heads()
            .chain(open().flat_map(OrderState::statements))
            .map(Statement::wire)
            .collect();
        let mut messages = encode_statements(&texts, &from, now.wall, MAX_BATCH_BYTES);
        let recent = ledger
            .trades(RECENT_TRADES_LIMIT)
            .take_while(|trade| now.wall.since(trade.ts()) < RECENT_TRADES);
        let filling = open().flat_map(|order| ledger.trades_of(order.id()));
        let trades: BTreeMap<TradeId, String> = recent
            .chain(filling)
            .map(|trade| (trade.id(), trade.wire()))
            .collect();
        let texts: Vec<&String> = trades.values().collect();
        messages.extend(encode_trades(&texts, &from, now.wall, MAX_BATCH_BYTES));
        for message in messages {
            self.peers.sent(conn, message.len());
            self.outputs.push(Output::Send {
                conn,
                class: Class::Bulk,
                message,
            });
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

    /// Sends a message in the peer's own dialect. What the dialect can't say stays unsaid.
    pub(super) fn send(&mut self, conn: ConnId, class: Class, message: &Message, now: Now) {
        let Some(peer) = self.peers.get(conn) else {
            return;
        };
        let from = self.identity.node_id().to_string();
        let Ok(message) = encode(message, peer.dialect, &from, now.wall) else {
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

//! Messages of ready sessions: who says what, and what follows from it.

use super::core::Node;
use super::io::{Class, ConnId, Incoming, Output, Route};
use super::peers::policy::Merit;
use super::peers::{PeerSession, Toll};
use crate::ledger::Statement;
use crate::protocol::{Dialect, ErrorCode, Message, PLAIN_PEERS};
use crate::types::{Now, PeerId, TakeId};

impl Node {
    pub(super) fn on_message(&mut self, conn: ConnId, bytes: usize, message: Incoming, now: Now) {
        let Some(peer) = self.peers.get(conn) else {
            return;
        };
        let (id, signed) = (peer.id.clone(), peer.speaks_x1());
        self.peers.heard(conn, bytes, signatures(&message), now);
        match message {
            Incoming::Plain(message) => {
                self.peers.chatted(conn, cost(&message), now);
                self.on_plain(conn, &id, message, now);
            }
            _ if !signed => {
                self.peers.chatted(conn, 1, now);
                self.counters.count("unexpected_message");
            }
            Incoming::Statements { valid, refused } => {
                for statement in valid {
                    self.on_statement(statement, Some(conn), now);
                }
                self.refused(conn, &refused, now);
            }
            Incoming::Trades { valid, refused } => {
                for trade in valid {
                    self.on_trade(&trade, Some(conn), now);
                }
                self.refused(conn, &refused, now);
            }
            Incoming::Proofs { valid, refused } => {
                for proof in valid {
                    self.on_proof(proof, Some(conn), now);
                }
                self.refused(conn, &refused, now);
            }
            Incoming::Take { route, req, place } => {
                if self.is_first(route) {
                    if route.is_some() {
                        self.router.note_take(TakeId::from(req.hash()), conn);
                    }
                    let share = self.peers.get(conn).and_then(PeerSession::share);
                    let doomed = self.on_take(req, place, share, now);
                    // By whoever made it. One that passed it on can't know.
                    if doomed && route.is_none() {
                        self.peers.asked_in_vain(conn, now);
                    }
                }
            }
            Incoming::Answer { route, answer } => {
                if self.is_first(route) {
                    self.learn_from_answer(&answer, conn);
                    // Who only passed it on keeps nothing of it, and is told of the trade.
                    let from = route.is_none().then_some(conn);
                    self.on_answer(answer, from, now);
                }
            }
            Incoming::Forward(relayed) => self.pass_on(conn, relayed, now),
            Incoming::Invalid { reason } => self.refused(conn, &[reason], now),
        }
    }

    /// Counts what did not hold, and blames the peer, who should have checked it.
    fn refused(&mut self, conn: ConnId, reasons: &[&'static str], now: Now) {
        for reason in reasons {
            self.counters.count(reason);
            let merit = match *reason {
                "bad_signature" => Merit::BadSignature,
                _ => Merit::Malformed,
            };
            self.blame(conn, merit, now);
        }
    }

    fn on_plain(&mut self, conn: ConnId, from: &PeerId, message: Message, now: Now) {
        match message {
            Message::Heartbeat { timestamp } => {
                self.peers.heartbeat_came(conn, now);
                let answer = Message::HeartbeatAck {
                    timestamp: now.wall,
                    echo: Some(timestamp),
                };
                self.send(conn, Class::Control, &answer, now);
            }
            Message::HeartbeatAck { timestamp, echo } => {
                self.peers.heartbeat_answered(conn, timestamp, echo, now);
            }
            Message::PeerExchange(entries) => {
                if self.config.peer_exchange {
                    let refused = self.peers.learn_exchange(conn, &entries, now);
                    self.counters.add("peer_not_believed", refused as u64);
                    self.hurry(now.mono);
                }
            }
            Message::PeerExchangeRequest => {
                if self.peers.may(conn, Toll::AskForPeers, now) {
                    self.tell_peers(conn, now);
                }
            }
            Message::Disconnect { .. } => self.close(conn, None, "peer_left"),
            Message::Error { code, message } => {
                tracing::debug!(peer = %from, ?code, message, "the peer reports an error");
                self.counters.count("peer_reported_error");
            }
            Message::Order(_)
            | Message::Trade(_)
            | Message::CancelOrder { .. }
            | Message::OrderbookSyncRequest
            | Message::OrderbookSyncResponse(_)
                if PLAIN_PEERS =>
            {
                self.on_trading(conn, from, message, now);
            }
            Message::Ignored { .. } => self.counters.count("unknown_message_type"),
            // A session is ready after the first handshake, and acks are never waited for.
            Message::HandshakeAck { .. } => {}
            message => self.on_sync(conn, message, now),
        }
    }

    /// What nodes that take part in the signed protocol say to find out what the other has.
    fn on_sync(&mut self, conn: ConnId, message: Message, now: Now) {
        let signed = self.peers.get(conn).is_some_and(PeerSession::speaks_x1);
        match message {
            _ if !signed => self.counters.count("unexpected_message"),
            Message::Have(prefixes) => self.on_have(conn, prefixes),
            Message::Want(prefixes) => self.on_want(conn, &prefixes, now),
            Message::Lazy => {
                self.counters.count("told_lazy");
                self.gossip.was_told_lazy(conn);
            }
            Message::Recon(recon) => self.on_recon(conn, recon, now),
            Message::ReconAnswer(recon) => self.on_recon_answer(conn, recon, now),
            Message::Book(request) => self.on_book(conn, &request, now),
            Message::Page(page) => self.on_page(conn, page, now),
            Message::Get(get) => self.on_get(conn, &get, now),
            Message::State(state) => self.on_state(conn, state, now),
            _ => self.counters.count("unexpected_message"),
        }
    }

    /// After something unsigned came in: counts it, or tells the peer why it was refused.
    pub(super) fn on_unsigned(&mut self, conn: Option<ConnId>, kept: Result<(), String>, now: Now) {
        match kept {
            Ok(()) => self.counters.count("unsigned_kept"),
            Err(message) => {
                self.counters.count("unsigned_refused");
                let Some(conn) = conn else {
                    return;
                };
                // An original node drops a connection on nothing less than this.
                let plain = |peer: &PeerSession| peer.dialect != Dialect::Original;
                if self.peers.get(conn).is_some_and(plain) {
                    let code = ErrorCode::InvalidOrder;
                    let error = Message::Error { code, message };
                    self.send(conn, Class::Control, &error, now);
                }
                self.blame(conn, Merit::Malformed, now);
            }
        }
    }

    /// Holds back whoever used more than its share in this batch.
    pub(super) fn hold_back(&mut self, now: Now) {
        for (conn, verdict) in self.peers.take_verdicts(now) {
            self.counters.count("held_back");
            let until = verdict.until;
            self.outputs.push(Output::Pause { conn, until });
            if verdict.blame {
                self.blame(conn, Merit::RateExcess, now);
            }
        }
    }

    /// The way by which the answer to a take of this node came leads to its maker.
    fn learn_from_answer(&mut self, answer: &Statement, conn: ConnId) {
        let maker = answer.owner();
        let fill = answer.as_fill().map(|fill| fill.take);
        let take = fill.or_else(|| answer.as_rej().map(|rej| rej.take));
        let take = take.and_then(|take| self.takes.get(&take));
        if take.is_some_and(|take| take.owner == maker) {
            self.router.learn_path(maker, conn, answer.ts());
        }
    }

    /// Whether a forwarded message is seen for the first time; others always are.
    fn is_first(&mut self, route: Option<Route>) -> bool {
        route.is_none_or(|Route { id, mark, hops }| self.router.first_sight((id, mark), hops))
    }
}

/// How many signatures were looked at for a message.
fn signatures(message: &Incoming) -> usize {
    match message {
        Incoming::Statements { valid, refused } => valid.len() + refused.len(),
        Incoming::Trades { valid, refused } => 4 * (valid.len() + refused.len()),
        Incoming::Proofs { valid, refused } => 2 * (valid.len() + refused.len()),
        Incoming::Take { req, .. } => 2 + req.freed().len(),
        Incoming::Answer { answer, .. } => 1 + answer.freed().len(),
        Incoming::Forward(relayed) => relayed.body.signatures(),
        Incoming::Invalid { .. } => 2,
        Incoming::Plain(_) => 0,
    }
}

/// What a message that carries nothing signed uses of what a peer may chatter: about as much as the
/// work that it makes. What is unsigned is bounded where it is kept.
fn cost(message: &Message) -> usize {
    match message {
        Message::PeerExchange(entries) => 1 + entries.len(),
        Message::PeerExchangeRequest => 20,
        Message::Have(prefixes) => 1 + prefixes.len() / 16,
        Message::OrderbookSyncRequest => 100,
        Message::OrderbookSyncResponse(orders) => 1 + orders.len(),
        _ => 1,
    }
}

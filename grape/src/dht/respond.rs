//! Answering other nodes.

use std::net::SocketAddrV4;
use std::time::Duration;

use rand_chacha::rand_core::Rng as _;

use super::contact::Contact;
use super::id::{InfoHash, NodeId};
use super::item::Item;
use super::message::{Answer, Ask, Body};
use super::node::Dht;
use super::peers::MAX_PEERS_TOLD;
use super::table::K;
use crate::error::OperationError;

/// KRPC's code for a query that breaks the protocol.
const PROTOCOL_ERROR: i64 = 203;
/// KRPC's code for what a node can't do.
const SERVER_ERROR: i64 = 202;
/// BEP 44's code for a signature that its key did not make.
const BAD_SIGNATURE: i64 = 206;

/// Where a query came from, and the most bytes that may be sent there for it, if that is bounded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) address: SocketAddrV4,
    pub(super) most: Option<usize>,
}

impl Dht {
    /// Answers a query.
    pub(super) fn respond(
        &mut self,
        transaction: Vec<u8>,
        id: Option<NodeId>,
        ask: Ask,
        asker: Asker,
        now: Duration,
    ) {
        let from = asker.address;
        let body = match ask {
            Ask::Ping => Body::Answer(Answer::of(self.id)),
            Ask::FindNode { target } => Body::Answer(self.nodes_near(&target, from)),
            Ask::GetPeers { info_hash } => Body::Answer(self.peers_of(&info_hash, from, now)),
            Ask::AnnouncePeer {
                info_hash,
                port,
                token,
            } => {
                let peer = SocketAddrV4::new(*from.ip(), port.unwrap_or_else(|| from.port()));
                self.take_announcement(&info_hash, peer, &token, from, now)
            }
            Ask::Get { target } => Body::Answer(self.value_at(&target, from)),
            Ask::Put {
                item,
                replaces,
                token,
            } => self.take_value(item, replaces, &token, from, now),
        };
        self.reply(transaction, asker, body);
        let Some(id) = id else {
            return;
        };
        let contact = Contact { id, address: from };
        let is_known = self.table.asked(contact, now);
        if asker.most.is_some() {
            self.prove(from, now);
        } else if !is_known && self.table.has_room(&id) {
            self.check(contact, now);
        }
    }

    /// Any peers of a service, in no order.
    pub(super) fn some(&mut self, mut peers: Vec<SocketAddrV4>) -> Vec<SocketAddrV4> {
        peers.sort_unstable();
        peers.dedup();
        // The first of them in random order, by Fisher and Yates.
        for index in 0..peers.len().min(MAX_PEERS_TOLD) {
            let left = (peers.len() - index) as u64;
            let step = self.rng.next_u64() % left;
            let chosen = index + usize::try_from(step).unwrap_or_default();
            peers.swap(index, chosen);
        }
        peers.truncate(MAX_PEERS_TOLD);
        peers
    }

    fn nodes_near(&self, target: &[u8], from: SocketAddrV4) -> Answer {
        let mut answer = Answer::of(self.id);
        let closest = self.table.closest(target, K).into_iter();
        let told = closest.filter(|contact| may_hear(from, contact.address));
        answer.nodes = told.filter(|contact| contact.address != from).collect();
        answer
    }

    fn peers_of(&mut self, service: &InfoHash, from: SocketAddrV4, now: Duration) -> Answer {
        let mut answer = self.nodes_near(service.as_bytes(), from);
        answer.token = Some(self.tokens.token(*from.ip()).to_vec());
        let mut peers = self.announced.get(service, now);
        peers.retain(|peer| may_hear(from, *peer));
        answer.values = self.some(peers);
        answer
    }

    fn take_announcement(
        &mut self,
        service: &InfoHash,
        peer: SocketAddrV4,
        token: &[u8],
        from: SocketAddrV4,
        now: Duration,
    ) -> Body {
        if !self.tokens.is_valid(*from.ip(), token) {
            return error(PROTOCOL_ERROR, "cannot `announce_peer` with bad token");
        }
        self.proofs.proved(*from.ip(), now);
        match self.announced.add(service, peer, *from.ip(), now) {
            true => Body::Answer(Answer::of(self.id)),
            false => error(SERVER_ERROR, "too many announcements"),
        }
    }

    fn value_at(&mut self, target: &[u8], from: SocketAddrV4) -> Answer {
        let token = self.tokens.token(*from.ip()).to_vec();
        let mut answer = match self.store.get(target) {
            Some(item) => {
                let mut answer = Answer::of(self.id);
                answer.item = Some(item.clone());
                answer
            }
            None => self.nodes_near(target, from),
        };
        answer.token = Some(token);
        answer
    }

    fn take_value(
        &mut self,
        item: Item,
        replaces: Option<i64>,
        token: &[u8],
        from: SocketAddrV4,
        now: Duration,
    ) -> Body {
        if !self.tokens.is_valid(*from.ip(), token) {
            return error(PROTOCOL_ERROR, "cannot `put` with bad token");
        }
        self.proofs.proved(*from.ip(), now);
        match self.store.put(item, replaces) {
            Ok(()) => Body::Answer(Answer::of(self.id)),
            Err(OperationError::Refused { code, text }) => Body::Error { code, text },
            Err(_) => error(BAD_SIGNATURE, "invalid signature"),
        }
    }
}

/// Whether an address means anything to whom it is told: what is on this machine's own loopback
/// does only here.
fn may_hear(listener: SocketAddrV4, address: SocketAddrV4) -> bool {
    listener.ip().is_loopback() || !address.ip().is_loopback()
}

fn error(code: i64, text: &str) -> Body {
    let text = text.to_owned();
    Body::Error { code, text }
}

//! The node as its driver sees it.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};

use super::contact::{Contact, is_place};
use super::decode::{Malformed, decode};
use super::id::NodeId;
use super::io::{DhtConfig, OperationId, Output};
use super::limiter::Limiter;
use super::lru::Lru;
use super::maintain::{Bootstrap, Schedule};
use super::message::{Answer, Ask, Body, Message};
use super::operations::{Holders, MAX_HOLDERS, Operation};
use super::peers::{ANNOUNCEMENT_LIFE, FOUND_LIFE, Peers};
use super::proofs::{MAX_FACTOR, Proofs, Standing};
use super::queries::{Purpose, Queries, Query};
use super::respond::Asker;
use super::store::Store;
use super::table::{Heard, Table};
use super::tokens::Tokens;
use crate::error::OperationError;

/// A node that was not heard for this long is asked whether it is there.
pub(super) const SILENCE: Duration = Duration::from_secs(60);

/// How long a node that did not answer is not asked again because others name it: they may notice
/// late that it is gone.
const LOST: Duration = Duration::from_secs(60);
/// The most addresses that are kept in mind so.
const MAX_LOST: usize = 1024;

/// A node of the DHT. Times are counted from any one moment on.
#[derive(Debug)]
pub(crate) struct Dht {
    pub(super) id: NodeId,
    pub(super) port: u16,
    pub(super) rng: ChaCha8Rng,
    pub(super) table: Table,
    pub(super) announced: Peers,
    pub(super) found: Peers,
    pub(super) store: Store,
    pub(super) tokens: Tokens,
    pub(super) limiter: Limiter,
    pub(super) proofs: Proofs,
    pub(super) queries: Queries,
    pub(super) operations: BTreeMap<OperationId, Operation>,
    pub(super) operation_count: u64,
    pub(super) holders: Lru<Vec<u8>, Holders>,
    pub(super) bootstrap: Vec<Bootstrap>,
    lost: Lru<SocketAddrV4, Duration>,
    pub(super) schedule: Schedule,
    pub(super) outputs: Vec<Output>,
}

impl Dht {
    pub(crate) fn new(config: DhtConfig, now: Duration) -> Self {
        let mut rng = ChaCha8Rng::from_seed(config.seed);
        let id = NodeId(random(&mut rng));
        let secrets = [random(&mut rng), random(&mut rng)];
        Self {
            id,
            port: config.port,
            rng,
            table: Table::new(id),
            announced: Peers::new(ANNOUNCEMENT_LIFE),
            found: Peers::new(FOUND_LIFE),
            store: Store::new(),
            tokens: Tokens::new(secrets, now),
            limiter: Limiter::new(),
            proofs: Proofs::new(),
            queries: Queries::default(),
            operations: BTreeMap::new(),
            operation_count: 0,
            holders: Lru::new(MAX_HOLDERS),
            bootstrap: Vec::new(),
            lost: Lru::new(MAX_LOST),
            schedule: Schedule::new(now),
            outputs: Vec::new(),
        }
    }

    /// How many other nodes it knows.
    pub(crate) fn node_count(&self) -> usize {
        self.table.len()
    }

    /// Takes what is to be done, in order. To be called after everything else.
    pub(crate) fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// Takes a datagram that came in.
    pub(crate) fn handle(&mut self, datagram: &[u8], from: SocketAddrV4, now: Duration) {
        if !is_place(from) {
            return;
        }
        match decode(datagram) {
            Ok(Message { transaction, body }) => match body {
                Body::Query { id, ask } => {
                    if let Some(asker) = self.admit(datagram, from, now) {
                        self.respond(transaction, id, ask, asker, now);
                    }
                }
                Body::Answer(answer) => self.answered(&transaction, from, answer, now),
                Body::Error { code, text } => {
                    let refused = OperationError::Refused { code, text };
                    self.refused(&transaction, from, refused, now);
                }
            },
            Err(Malformed::Query {
                transaction,
                code,
                text,
            }) => {
                if let Some(asker) = self.admit(datagram, from, now) {
                    let text = text.to_owned();
                    self.reply(transaction, asker, Body::Error { code, text });
                }
            }
            Err(Malformed::Garbage) => {}
        }
    }

    /// Where an answer to this query goes, if it is answered.
    fn admit(&mut self, query: &[u8], from: SocketAddrV4, now: Duration) -> Option<Asker> {
        let standing = self.proofs.standing(*from.ip(), now);
        let bounded = standing == Standing::Unproven;
        let admitted = self.limiter.allows(*from.ip(), standing, now);
        admitted.then_some(Asker {
            address: from,
            most: bounded.then_some(query.len() * MAX_FACTOR),
        })
    }

    /// Sees whether an address receives what is sent to it, and knows the node there if it does.
    pub(super) fn prove(&mut self, address: SocketAddrV4, now: Duration) {
        if self.queries.may_prove(address) && self.proofs.may_ask(*address.ip(), now) {
            self.ask(address, None, Ask::Ping, Purpose::Prove, now);
        }
    }

    /// Sees whether a node is there, and knows it if it is.
    pub(super) fn check(&mut self, contact: Contact, now: Duration) {
        let Contact { id, address } = contact;
        if self.queries.may_check(address) {
            self.ask(address, Some(id), Ask::Ping, Purpose::Check, now);
        }
    }

    /// Puts a question to a node. Whether there was room for one more.
    pub(super) fn ask(
        &mut self,
        to: SocketAddrV4,
        id: Option<NodeId>,
        ask: Ask,
        purpose: Purpose,
        now: Duration,
    ) -> bool {
        let [high, low, ..] = self.rng.next_u64().to_be_bytes();
        let start = u16::from_be_bytes([high, low]);
        let Some(transaction) = self.queries.free(start) else {
            return false;
        };
        let own = Some(self.id);
        let message = Message {
            transaction: transaction.to_be_bytes().to_vec(),
            body: Body::Query { id: own, ask },
        };
        let datagram = message.encode();
        let query = Query {
            to,
            id,
            purpose,
            sent: now,
            datagram: datagram.clone(),
            is_repeated: false,
        };
        self.queries.insert(transaction, query);
        self.outputs.push(Output::Send { to, datagram });
        true
    }

    pub(super) fn reply(&mut self, transaction: Vec<u8>, asker: Asker, body: Body) {
        let message = Message { transaction, body };
        let datagram = message.encode_within(asker.most.unwrap_or(usize::MAX));
        let to = asker.address;
        self.outputs
            .extend(datagram.map(|datagram| Output::Send { to, datagram }));
    }

    /// Whether a node did not answer lately.
    pub(super) fn is_lost(&mut self, address: SocketAddrV4, now: Duration) -> bool {
        let since = self.lost.get(&address).map(|since| *since);
        since.is_some_and(|since| now.saturating_sub(since) < LOST)
    }

    /// Takes what was not answered as what it means: its node is not there.
    pub(super) fn unanswered(&mut self, query: &Query, now: Duration) {
        if let Some(id) = &query.id {
            self.table.remove(id);
        }
        self.bootstrap_failed(query.to);
        self.lost.insert(query.to, now);
        self.failed(query, None, now);
    }

    fn answered(&mut self, transaction: &[u8], from: SocketAddrV4, answer: Answer, now: Duration) {
        let Some(query) = self.queries.take(transaction, from) else {
            self.queries.drop_proof(from);
            return;
        };
        self.proofs.proved(*from.ip(), now);
        let contact = Contact {
            id: answer.id,
            address: from,
        };
        self.bootstrap_answered(from);
        self.lost.remove(&from);
        if let Some(expected) = query.id.filter(|id| *id != answer.id) {
            self.table.remove(&expected);
        }
        match self.table.answered(contact, now) {
            Heard::New => tracing::debug!(node = %from, "a node of the DHT is there"),
            Heard::Full(oldest) => self.check_silent(oldest, now),
            Heard::Known | Heard::Own => {}
        }
        match query.purpose {
            Purpose::Search(operation) => self.search_answered(operation, from, answer, now),
            Purpose::Deliver(operation) => self.delivered(operation, Ok(()), now),
            Purpose::Check | Purpose::Prove => {}
        }
    }

    fn refused(
        &mut self,
        transaction: &[u8],
        from: SocketAddrV4,
        why: OperationError,
        now: Duration,
    ) {
        // Whoever says no is there.
        if let Some(query) = self.queries.take(transaction, from) {
            self.proofs.proved(*from.ip(), now);
            self.bootstrap_answered(from);
            self.failed(&query, Some(why), now);
        }
    }

    fn failed(&mut self, query: &Query, why: Option<OperationError>, now: Duration) {
        match query.purpose {
            Purpose::Search(operation) => self.search_failed(operation, query.to, now),
            Purpose::Deliver(operation) => self.delivered(operation, Err(why), now),
            Purpose::Check | Purpose::Prove => {}
        }
    }

    fn check_silent(&mut self, oldest: Contact, now: Duration) {
        let silent = self
            .table
            .silent_since(now.saturating_sub(SILENCE), usize::MAX);
        if silent.contains(&oldest) {
            self.check(oldest, now);
        }
    }
}

/// As many random bytes as an id has.
pub(super) fn random(rng: &mut ChaCha8Rng) -> [u8; 20] {
    let mut bytes = [0; 20];
    rng.fill_bytes(&mut bytes);
    bytes
}

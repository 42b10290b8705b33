//! What is asked of a node, from its search to its outcome.

use std::net::SocketAddrV4;
use std::time::Duration;

use super::contact::may_tell;
use super::id::InfoHash;
use super::io::{Found, OperationId, Outcome, Output};
use super::item::Item;
use super::message::{Answer, Ask};
use super::node::Dht;
use super::queries::Purpose;
use super::search::{Holder, Search};
use crate::error::OperationError;

/// The most requests under way.
pub(super) const MAX_OPERATIONS: usize = 256;
/// The most targets of which the nearest nodes are kept in mind. As with Grapes.
pub(super) const MAX_HOLDERS: usize = 5000;
/// How long they are: an announcement each second needs one search in this time. A node that
/// joins is told after it at the latest.
pub(super) const HOLDERS_LIFE: Duration = Duration::from_secs(60);

/// The nodes nearest to a target.
#[derive(Debug)]
pub(super) struct Holders {
    pub(super) nodes: Vec<Holder>,
    pub(super) since: Duration,
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) goal: Goal,
    pub(super) stage: Stage,
}

#[derive(Debug)]
pub(super) enum Goal {
    /// To know and be known by the nodes near this one.
    Join,
    Lookup {
        service: InfoHash,
    },
    Announce {
        service: InfoHash,
        port: u16,
    },
    Get {
        salt: Vec<u8>,
        best: Option<Found>,
    },
    Put {
        item: Item,
        replaces: Option<i64>,
    },
}

#[derive(Debug)]
pub(super) enum Stage {
    Searching(Search),
    Delivering {
        target: Vec<u8>,
        waiting_for: usize,
        kept_by: usize,
        refused: Option<OperationError>,
    },
}

impl Dht {
    pub(super) fn search_answered(
        &mut self,
        operation: OperationId,
        from: SocketAddrV4,
        mut answer: Answer,
        now: Duration,
    ) {
        if answer.id == self.id {
            // Somebody named this node's own address.
            self.search_failed(operation, from, now);
            return;
        }
        let Some(mut running) = self.operations.remove(&operation) else {
            return;
        };
        let own = self.id;
        answer
            .nodes
            .retain(|contact| contact.id != own && !self.is_lost(contact.address, now));
        let Stage::Searching(search) = &mut running.stage else {
            // A search is over only when everybody has answered.
            self.operations.insert(operation, running);
            return;
        };
        search.answered(from, &answer);
        match &mut running.goal {
            Goal::Lookup { service } => {
                let told = answer.values.into_iter();
                for peer in told.filter(|peer| may_tell(*from.ip(), *peer)) {
                    self.found.add(service, peer, *from.ip(), now);
                }
            }
            Goal::Get { salt, best } => {
                let target = search.target().to_vec();
                let found = found(answer, salt).filter(|found| {
                    found.item.target() == target.as_slice() && found.item.is_genuine()
                });
                if let Some(found) = found {
                    let sequence =
                        |found: &Found| found.item.mutable().map(|mutable| mutable.sequence);
                    let is_final = found.item.mutable().is_none();
                    if best.as_ref().is_none_or(|b| sequence(&found) > sequence(b)) {
                        *best = Some(found);
                    }
                    if is_final {
                        self.done(operation, Outcome::Value(best.take()));
                        return;
                    }
                }
            }
            Goal::Join | Goal::Announce { .. } | Goal::Put { .. } => {}
        }
        self.advance(operation, running, now);
    }

    pub(super) fn search_failed(
        &mut self,
        operation: OperationId,
        from: SocketAddrV4,
        now: Duration,
    ) {
        let Some(mut running) = self.operations.remove(&operation) else {
            return;
        };
        if let Stage::Searching(search) = &mut running.stage {
            search.failed(from);
        }
        self.advance(operation, running, now);
    }

    /// Notes that a node took what was delivered, or did not.
    pub(super) fn delivered(
        &mut self,
        operation: OperationId,
        result: Result<(), Option<OperationError>>,
        now: Duration,
    ) {
        let Some(mut running) = self.operations.remove(&operation) else {
            return;
        };
        if let Stage::Delivering {
            target,
            waiting_for,
            kept_by,
            refused,
        } = &mut running.stage
        {
            *waiting_for = waiting_for.saturating_sub(1);
            match result {
                Ok(()) => *kept_by += 1,
                Err(why) => {
                    *refused = why.or_else(|| refused.take());
                    // Somebody left or changed its secrets: who is nearest is searched anew.
                    self.holders.remove(target);
                }
            }
        }
        self.advance(operation, running, now);
    }

    fn done(&mut self, operation: OperationId, outcome: Outcome) {
        self.outputs.push(Output::Done(operation, outcome));
    }

    /// Asks on, and ends the operation where nobody is left to ask.
    pub(super) fn advance(
        &mut self,
        operation: OperationId,
        mut running: Operation,
        now: Duration,
    ) {
        match &mut running.stage {
            Stage::Searching(search) => {
                while let Some((to, id)) = search.next() {
                    let ask = question(&running.goal, search.target());
                    let purpose = Purpose::Search(operation);
                    if !self.ask(to, id, ask, purpose, now) {
                        search.failed(to);
                    }
                }
                if search.is_over() {
                    self.searched(operation, running, now);
                    return;
                }
            }
            Stage::Delivering { waiting_for: 0, .. } => {
                self.finished(operation, running);
                return;
            }
            Stage::Delivering { .. } => {}
        }
        self.operations.insert(operation, running);
    }

    fn searched(&mut self, operation: OperationId, running: Operation, now: Duration) {
        let Stage::Searching(search) = running.stage else {
            return;
        };
        match running.goal {
            Goal::Join => {}
            Goal::Lookup { service } => {
                let mut peers = self.announced.get(&service, now);
                peers.extend(self.found.get(&service, now));
                let peers = self.some(peers);
                self.done(operation, Outcome::Peers(peers));
            }
            Goal::Get { best, .. } => self.done(operation, Outcome::Value(best)),
            goal @ (Goal::Announce { .. } | Goal::Put { .. }) => {
                let nodes = search.holders();
                let target = search.target().to_vec();
                // To have found nobody is not worth keeping in mind.
                if !nodes.is_empty() {
                    let holders = Holders {
                        nodes: nodes.clone(),
                        since: now,
                    };
                    self.holders.insert(target.clone(), holders);
                }
                self.deliver(operation, goal, target, nodes, now);
            }
        }
    }

    pub(super) fn deliver(
        &mut self,
        operation: OperationId,
        goal: Goal,
        target: Vec<u8>,
        nodes: Vec<Holder>,
        now: Duration,
    ) {
        let mut waiting_for = 0;
        for Holder { contact, token } in nodes {
            let ask = match &goal {
                Goal::Announce { service, port } => Ask::AnnouncePeer {
                    info_hash: service.clone(),
                    port: Some(*port),
                    token,
                },
                Goal::Put { item, replaces } => Ask::Put {
                    item: item.clone(),
                    replaces: *replaces,
                    token,
                },
                Goal::Join | Goal::Lookup { .. } | Goal::Get { .. } => return,
            };
            let purpose = Purpose::Deliver(operation);
            let id = Some(contact.id);
            waiting_for += usize::from(self.ask(contact.address, id, ask, purpose, now));
        }
        let stage = Stage::Delivering {
            target,
            waiting_for,
            kept_by: 0,
            refused: None,
        };
        self.advance(operation, Operation { goal, stage }, now);
    }

    fn finished(&mut self, operation: OperationId, running: Operation) {
        let Stage::Delivering {
            kept_by, refused, ..
        } = running.stage
        else {
            return;
        };
        let outcome = match (running.goal, refused) {
            // A newer value is elsewhere, though this node had not heard of it.
            (Goal::Put { .. }, Some(why @ OperationError::Refused { code: 300..400, .. }))
                if kept_by == 0 =>
            {
                Outcome::Failed(why)
            }
            (Goal::Put { item, .. }, _) => Outcome::Stored(item.target()),
            // This node keeps it in any case.
            _ => Outcome::Announced(kept_by.max(1)),
        };
        self.done(operation, outcome);
    }
}

fn question(goal: &Goal, target: &[u8]) -> Ask {
    match goal {
        Goal::Join => Ask::FindNode {
            target: target.to_vec(),
        },
        Goal::Lookup { service } | Goal::Announce { service, .. } => Ask::GetPeers {
            info_hash: service.clone(),
        },
        Goal::Get { .. } | Goal::Put { .. } => Ask::Get {
            target: target.to_vec(),
        },
    }
}

/// The value in an answer, with the salt that whoever asks knows.
fn found(answer: Answer, salt: &[u8]) -> Option<Found> {
    let mut item = answer.item?;
    if let Some(mutable) = &mut item.mutable {
        mutable.salt = salt.to_vec();
    }
    let (by, token) = (answer.id, answer.token);
    Some(Found { item, by, token })
}

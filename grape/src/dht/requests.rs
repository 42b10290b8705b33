//! Taking in what is asked of a node.

use std::net::SocketAddrV4;
use std::time::Duration;

use super::id::InfoHash;
use super::io::{Found, OperationId, Outcome, Output, Request};
use super::node::Dht;
use super::operations::{Goal, HOLDERS_LIFE, MAX_OPERATIONS, Operation, Stage};
use super::search::Search;
use super::table::K;
use crate::error::OperationError;

impl Dht {
    /// Starts what is asked. Its [`Outcome`] comes under this name, which look-ups of one service
    /// share.
    pub(crate) fn request(
        &mut self,
        request: Request,
        now: Duration,
    ) -> Result<OperationId, OperationError> {
        if let Request::Lookup { service } = &request
            && let Some(same) = self.same_lookup(service)
        {
            return Ok(same);
        }
        if self.operations.len() >= MAX_OPERATIONS {
            return Err(OperationError::Busy);
        }
        match request {
            Request::Lookup { service } => {
                let target = service.as_bytes().to_vec();
                Ok(self.search(Goal::Lookup { service }, &target, Vec::new(), now))
            }
            Request::Announce {
                service,
                port,
                address,
            } => {
                let peer = SocketAddrV4::new(address, if port == 0 { self.port } else { port });
                if !self.announced.add(&service, peer, address, now) {
                    return Err(OperationError::Busy);
                }
                let target = service.as_bytes().to_vec();
                let port = peer.port();
                Ok(self.deliver_or_search(Goal::Announce { service, port }, target, now))
            }
            Request::Get { target, salt, kept } => {
                let best = self.store.get(&target).cloned().map(|item| Found {
                    item,
                    by: self.id,
                    token: None,
                });
                if kept && best.is_some() {
                    let operation = self.next_operation();
                    let outcome = Outcome::Value(best);
                    self.outputs.push(Output::Done(operation, outcome));
                    return Ok(operation);
                }
                let goal = Goal::Get { salt, best };
                Ok(self.search(goal, &target, Vec::new(), now))
            }
            Request::Put { item, replaces } => {
                self.store.put(item.clone(), replaces)?;
                let target = item.target().to_vec();
                Ok(self.deliver_or_search(Goal::Put { item, replaces }, target, now))
            }
        }
    }

    /// Searches for nodes near this one, by these addresses besides the nodes that are known.
    pub(super) fn join(&mut self, by: Vec<SocketAddrV4>, now: Duration) {
        let mut goals = self.operations.values().map(|operation| &operation.goal);
        if !goals.any(|goal| matches!(goal, Goal::Join)) {
            let target = self.id.0;
            self.search(Goal::Join, &target, by, now);
        }
    }

    fn same_lookup(&self, service: &InfoHash) -> Option<OperationId> {
        let mut operations = self.operations.iter();
        let same = operations.find(
            |(_, running)| matches!(&running.goal, Goal::Lookup { service: s } if s == service),
        );
        same.map(|(operation, _)| *operation)
    }

    fn next_operation(&mut self) -> OperationId {
        self.operation_count += 1;
        OperationId(self.operation_count)
    }

    fn search(
        &mut self,
        goal: Goal,
        target: &[u8],
        mut seeds: Vec<SocketAddrV4>,
        now: Duration,
    ) -> OperationId {
        let known = self.table.closest(target, K);
        let there = self.bootstrap.iter().filter(|b| !b.is_lost);
        seeds.extend(there.map(|bootstrap| bootstrap.address));
        seeds.retain(|seed| known.iter().all(|contact| contact.address != *seed));
        let search = Search::new(target, &known, seeds);
        let operation = self.next_operation();
        let stage = Stage::Searching(search);
        self.advance(operation, Operation { goal, stage }, now);
        operation
    }

    fn deliver_or_search(&mut self, goal: Goal, target: Vec<u8>, now: Duration) -> OperationId {
        let fresh = self.holders.get(&target);
        let fresh = fresh.filter(|holders| now.saturating_sub(holders.since) < HOLDERS_LIFE);
        let Some(nodes) = fresh.map(|holders| holders.nodes.clone()) else {
            return self.search(goal, &target, Vec::new(), now);
        };
        let operation = self.next_operation();
        self.deliver(operation, goal, target, nodes, now);
        operation
    }
}

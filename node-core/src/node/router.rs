//! The message router: how a message reaches one node.
//!
//! Directly where there is a session; else along the reverse path, through the neighbour that
//! first brought news of that node; else it waits, within a bound and a time limit, for a way to
//! appear; else its sender is told that there is none. Forwarded messages are taken once. A way
//! that leads nowhere shows in requests along it that nobody answers: then all are asked.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use super::io::ConnId;
use crate::collections::BTreeMap;
use crate::protocol::ForwardBody;
use crate::types::{Millis, NodeId, Now};

/// Messages that may wait for a way.
pub(super) const QUEUE_LIMIT: usize = 256;
/// How long a message waits.
const QUEUE_TIME: Millis = Millis::from_secs(60);
/// Forwarded messages remembered, so that each is taken once.
const SEEN_LIMIT: usize = 100_000;
/// Nodes to which a way is remembered.
const PATHS_LIMIT: usize = 10_000;
/// A request passed on along a known way has an answer within this time, or others are asked as
/// well: once, and again after as long.
const ANSWER_TIME: Millis = Millis::from_secs(4);
/// A forwarded message is passed on so often at most.
pub(super) const MAX_HOPS: u8 = 16;
/// Where no way is known and all neighbours are asked, it goes only so much further.
pub(super) const FLOOD_HOPS: u8 = 6;

/// The way to a node: through the neighbour that first brought the newest news of it.
#[derive(Clone, Copy, Debug)]
struct Path {
    via: ConnId,
    /// Since when a request that went this way has no answer.
    asked: Option<Millis>,
}

/// A message for one node that waits for a way.
#[derive(Debug)]
struct Waiting {
    to: NodeId,
    body: ForwardBody,
    until: Millis,
}

/// The seed's `MessageRouter`.
#[derive(Debug, Default)]
pub(super) struct MessageRouter {
    paths: BTreeMap<NodeId, Path>,
    path_order: VecDeque<NodeId>,
    waiting: VecDeque<Waiting>,
    seen: HashSet<Arc<str>>,
    seen_order: VecDeque<Arc<str>>,
}

/// No way to a node, and no room to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QueueFull;

impl MessageRouter {
    /// Remembers that news of `node` came first by `conn`.
    pub(super) fn learn_path(&mut self, node: NodeId, conn: ConnId) {
        let path = Path {
            via: conn,
            asked: None,
        };
        if self.paths.insert(node, path).is_none() {
            self.path_order.push_back(node);
            if self.path_order.len() > PATHS_LIMIT
                && let Some(oldest) = self.path_order.pop_front()
            {
                self.paths.remove(&oldest);
            }
        }
    }

    pub(super) fn path(&self, node: NodeId) -> Option<ConnId> {
        self.paths.get(&node).map(|path| path.via)
    }

    /// The way for a request that is passed on; none when an earlier one has waited too long for
    /// its answer.
    pub(super) fn path_of_request(&mut self, node: NodeId, now: Now) -> Option<ConnId> {
        let path = self.paths.get_mut(&node)?;
        let asked = *path.asked.get_or_insert(now.mono);
        if now.mono.since(asked) < ANSWER_TIME {
            return Some(path.via);
        }
        path.asked = Some(now.mono);
        None
    }

    /// Forgets the ways through a connection that is gone.
    pub(super) fn forget_conn(&mut self, conn: ConnId) {
        self.paths.retain(|_, path| path.via != conn);
        let paths = &self.paths;
        self.path_order.retain(|node| paths.contains_key(node));
    }

    /// Keeps a message until a way to `to` appears.
    pub(super) fn wait(
        &mut self,
        to: NodeId,
        body: ForwardBody,
        now: Now,
    ) -> Result<(), QueueFull> {
        self.expire(now);
        if self.waiting.len() >= QUEUE_LIMIT {
            return Err(QueueFull);
        }
        let until = now.mono + QUEUE_TIME;
        self.waiting.push_back(Waiting { to, body, until });
        Ok(())
    }

    /// The messages that waited for `to`, oldest first.
    pub(super) fn take_waiting(&mut self, to: NodeId, now: Now) -> Vec<ForwardBody> {
        self.expire(now);
        let (found, rest): (VecDeque<_>, VecDeque<_>) =
            self.waiting.drain(..).partition(|message| message.to == to);
        self.waiting = rest;
        found.into_iter().map(|message| message.body).collect()
    }

    /// Drops what waited too long; returns how many.
    pub(super) fn expire(&mut self, now: Now) -> u64 {
        let before = self.waiting.len();
        self.waiting.retain(|message| message.until > now.mono);
        (before - self.waiting.len()) as u64
    }

    /// Whether this forwarded message is new; it is not from now on.
    pub(super) fn first_sight(&mut self, id: &str) -> bool {
        if self.seen.contains(id) {
            return false;
        }
        let id: Arc<str> = id.into();
        self.seen.insert(id.clone());
        self.seen_order.push_back(id);
        if self.seen_order.len() > SEEN_LIMIT
            && let Some(oldest) = self.seen_order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }

    pub(super) fn queue_len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn seen_len(&self) -> usize {
        self.seen.len()
    }
}

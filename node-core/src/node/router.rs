//! The message router: the ways by which a message reaches one node.
//!
//! A way to a node is learned from the newest verified statement of that node, and leads through
//! the neighbour that delivered it first. The way back to a taker is learned from its verified
//! `req`, for the answer to that take alone. Nothing that is not signed teaches a way. A known way
//! may still lead through a node that swallows messages, so each further sending of a take also
//! goes through other neighbours. A message without a way waits, within a bound and a time limit.

use std::collections::{HashMap, VecDeque};

use super::bounds::NodeBounds;
use super::io::ConnId;
use super::relay::Carried;
use crate::collections::BTreeMap;
use crate::types::{Millis, NodeId, Now, TakeId};

/// Messages that may wait for a way.
pub(super) const QUEUE_LIMIT: usize = 256;
/// How long a message waits.
const QUEUE_TIME: Millis = Millis::from_secs(60);
/// Forwarded messages remembered, so that each is taken once.
pub(super) const SEEN_LIMIT: usize = 100_000;
/// Nodes to which a way is remembered.
pub(super) const PATHS_LIMIT: usize = 10_000;
/// Takes whose way back is remembered.
const TAKES_LIMIT: usize = 10_000;
/// Neighbours remembered as a take's way back: the first, and the latest ones.
const BACK_WAYS: usize = 4;

/// The way to a node.
#[derive(Clone, Copy, Debug)]
struct Path {
    via: ConnId,
    /// When the statement that showed it was signed.
    ts: Millis,
}

/// A take that passed through here, or arrived here.
#[derive(Debug, Default)]
struct Passed {
    /// The neighbours that brought it, the first one first.
    from: Vec<ConnId>,
    /// How often it came.
    sendings: u32,
}

/// A message for one node that waits for a way.
#[derive(Debug)]
struct Waiting {
    to: NodeId,
    body: Carried,
    until: Millis,
}

/// One sending of a forwarded message: the number that its sender drew, and a hash of the signed
/// body. So nobody can use up the number of a message that it can't repeat.
pub(super) type Sighting = (u128, [u8; 16]);

/// The seed's `MessageRouter`.
#[derive(Debug)]
pub(super) struct MessageRouter {
    paths: BTreeMap<NodeId, Path>,
    path_order: VecDeque<NodeId>,
    takes: BTreeMap<TakeId, Passed>,
    take_order: VecDeque<TakeId>,
    waiting: VecDeque<Waiting>,
    /// The most hops that each sending came with.
    seen: HashMap<Sighting, u8>,
    seen_order: VecDeque<Sighting>,
    bounds: NodeBounds,
}

/// No way to a node, and no room to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QueueFull;

impl MessageRouter {
    pub(super) fn new(bounds: NodeBounds) -> Self {
        Self {
            paths: BTreeMap::new(),
            path_order: VecDeque::new(),
            takes: BTreeMap::new(),
            take_order: VecDeque::new(),
            waiting: VecDeque::new(),
            seen: HashMap::new(),
            seen_order: VecDeque::new(),
            bounds,
        }
    }

    /// Notes that `conn` was the first to bring a statement of `node`, verified and signed at
    /// `ts`. Older ones than the one that showed the present way change nothing: anybody can
    /// repeat those.
    pub(super) fn learn_path(&mut self, node: NodeId, conn: ConnId, ts: Millis) {
        let path = Path { via: conn, ts };
        if let Some(known) = self.paths.get_mut(&node) {
            if ts > known.ts {
                *known = path;
            }
            return;
        }
        self.paths.insert(node, path);
        self.path_order.push_back(node);
        if self.path_order.len() > self.bounds.paths
            && let Some(oldest) = self.path_order.pop_front()
        {
            self.paths.remove(&oldest);
        }
    }

    /// The neighbour through which a node is reached.
    pub(super) fn path(&self, node: NodeId) -> Option<ConnId> {
        self.paths.get(&node).map(|path| path.via)
    }

    /// Notes that `conn` brought a verified `req`: the answer goes back there. Returns how often
    /// it came before.
    pub(super) fn note_take(&mut self, take: TakeId, conn: ConnId) -> u32 {
        let known = self.takes.contains_key(&take);
        let passed = self.takes.entry(take).or_default();
        if !passed.from.contains(&conn) {
            if passed.from.len() >= BACK_WAYS {
                // Whoever repeats a take can't displace the first one's way.
                passed.from.remove(1);
            }
            passed.from.push(conn);
        }
        let before = passed.sendings;
        passed.sendings = before.saturating_add(1);
        if !known {
            self.take_order.push_back(take);
            if self.take_order.len() > TAKES_LIMIT
                && let Some(oldest) = self.take_order.pop_front()
            {
                self.takes.remove(&oldest);
            }
        }
        before
    }

    /// The neighbours through which the answer to a take goes back.
    pub(super) fn ways_back(&self, take: &TakeId) -> &[ConnId] {
        self.takes.get(take).map_or(&[], |passed| &passed.from)
    }

    /// Forgets the ways through a connection that is gone.
    pub(super) fn forget_conn(&mut self, conn: ConnId) {
        self.paths.retain(|_, path| path.via != conn);
        let paths = &self.paths;
        self.path_order.retain(|node| paths.contains_key(node));
        for passed in self.takes.values_mut() {
            passed.from.retain(|from| *from != conn);
        }
    }

    /// Keeps a message until a way to `to` appears.
    pub(super) fn wait(&mut self, to: NodeId, body: Carried, now: Now) -> Result<(), QueueFull> {
        self.expire(now);
        if self.waiting.len() >= self.bounds.waiting_messages {
            return Err(QueueFull);
        }
        let until = now.mono + QUEUE_TIME;
        self.waiting.push_back(Waiting { to, body, until });
        Ok(())
    }

    /// The messages that waited for `to`, oldest first.
    pub(super) fn take_waiting(&mut self, to: NodeId, now: Now) -> Vec<Carried> {
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

    /// Whether this sending of a forwarded message is new, or may go further than it did: a
    /// neighbour can't stop a message by passing it on with no hops left.
    pub(super) fn first_sight(&mut self, sighting: Sighting, hops: u8) -> bool {
        if let Some(most) = self.seen.get_mut(&sighting) {
            let further = hops > *most;
            *most = hops.max(*most);
            return further;
        }
        self.seen.insert(sighting, hops);
        self.seen_order.push_back(sighting);
        if self.seen_order.len() > self.bounds.forwards_seen
            && let Some(oldest) = self.seen_order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }

    /// Takes a sending for unseen again, as it was not passed on.
    pub(super) fn forget_sight(&mut self, sighting: &Sighting) {
        self.seen.remove(sighting);
    }

    pub(super) fn queue_len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn seen_len(&self) -> usize {
        self.seen.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId([1; 32]);

    #[test]
    fn only_a_newer_statement_changes_a_way() {
        let mut router = MessageRouter::new(NodeBounds::DEFAULT);
        router.learn_path(NODE, ConnId(1), Millis(10));
        router.learn_path(NODE, ConnId(2), Millis(10));
        router.learn_path(NODE, ConnId(3), Millis(9));
        assert_eq!(router.path(NODE), Some(ConnId(1)));
        router.learn_path(NODE, ConnId(2), Millis(11));
        assert_eq!(router.path(NODE), Some(ConnId(2)));
        router.forget_conn(ConnId(2));
        assert_eq!(router.path(NODE), None);
    }

    #[test]
    fn repeats_of_a_take_do_not_displace_its_first_way_back() {
        let mut router = MessageRouter::new(NodeBounds::DEFAULT);
        let take = TakeId([1; 32]);
        for before in 0..10 {
            let conn = ConnId(u64::from(before) + 1);
            assert_eq!(router.note_take(take, conn), before);
        }
        let back = [1, 8, 9, 10].map(ConnId);
        assert_eq!(router.ways_back(&take), back);
        router.forget_conn(ConnId(9));
        assert_eq!(router.ways_back(&take), [1, 8, 10].map(ConnId));
    }

    #[test]
    fn ways_and_sightings_are_bounded() {
        let mut router = MessageRouter::new(NodeBounds::DEFAULT);
        for number in 0..SEEN_LIMIT as u64 + 10 {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            router.learn_path(NodeId(key), ConnId(1), Millis(1));
            router.note_take(TakeId(key), ConnId(1));
            assert!(router.first_sight((number.into(), [0; 16]), 4));
        }
        assert_eq!(router.paths.len(), PATHS_LIMIT);
        assert_eq!(router.takes.len(), TAKES_LIMIT);
        assert_eq!(router.seen_len(), SEEN_LIMIT);
    }

    #[test]
    fn a_sending_is_taken_again_only_where_it_may_go_further() {
        let mut router = MessageRouter::new(NodeBounds::DEFAULT);
        let sending = (7, [1; 16]);
        assert!(router.first_sight(sending, 0));
        assert!(!router.first_sight(sending, 0));
        assert!(router.first_sight(sending, 4));
        assert!(!router.first_sight(sending, 3));
        assert!(router.first_sight((7, [2; 16]), 0), "another body");
    }
}

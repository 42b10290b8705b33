//! What came to this node lately, by the first bytes of its name: who announced it may be asked
//! for it, and who has it already need not hear of it.

use std::collections::{HashMap, VecDeque};

use super::io::ConnId;
use crate::ledger::Retained;
use crate::protocol::Prefix;
use crate::types::Millis;

/// How many things are remembered; the oldest go first. Each keeps a statement or a trade in
/// memory for so long: some 10 MB, or 40 MB of nothing but trades.
const LIMIT: usize = 16_384;

/// The first bytes of a name.
pub(super) fn prefix_of(id: &[u8; 32]) -> Prefix {
    let mut prefix = Prefix::default();
    prefix.copy_from_slice(&id[..size_of::<Prefix>()]);
    prefix
}

#[derive(Debug)]
struct Entry {
    what: Retained,
    /// Connections over which it came or went; at most one for each peer.
    knows: Vec<ConnId>,
}

/// The things that came last.
#[derive(Debug, Default)]
pub(super) struct Recent {
    entries: HashMap<Prefix, Entry>,
    /// With the time at which each came (monotonic).
    order: VecDeque<(Millis, Prefix)>,
}

impl Recent {
    pub(super) fn contains(&self, prefix: &Prefix) -> bool {
        self.entries.contains_key(prefix)
    }

    pub(super) fn get(&self, prefix: &Prefix) -> Option<&Retained> {
        self.entries.get(prefix).map(|entry| &entry.what)
    }

    /// What came since then, the latest first.
    pub(super) fn since(&self, at: Millis) -> impl Iterator<Item = Prefix> + '_ {
        let since = self
            .order
            .iter()
            .rev()
            .take_while(move |(came, _)| *came >= at);
        since.map(|(_, prefix)| *prefix)
    }

    pub(super) fn insert(&mut self, prefix: Prefix, what: Retained, now: Millis) {
        let knows = Vec::new();
        if self.entries.insert(prefix, Entry { what, knows }).is_some() {
            return;
        }
        self.order.push_back((now, prefix));
        if self.order.len() > LIMIT
            && let Some((_, oldest)) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }

    /// Notes that the peer at this connection has something; says if it is remembered at all.
    pub(super) fn note(&mut self, prefix: &Prefix, conn: ConnId) -> bool {
        let Some(entry) = self.entries.get_mut(prefix) else {
            return false;
        };
        if !entry.knows.contains(&conn) {
            entry.knows.push(conn);
        }
        true
    }

    /// Whether the peer at this connection is known to have it.
    pub(super) fn is_known_to(&self, prefix: &Prefix, conn: ConnId) -> bool {
        let entry = self.entries.get(prefix);
        entry.is_some_and(|entry| entry.knows.contains(&conn))
    }
}

//! What came to this node lately, by the first bytes of its name: who announced it may be asked
//! for it, and who has it already need not hear of it.

use std::collections::{HashMap, VecDeque};

use super::io::ConnId;
use crate::ledger::Retained;
use crate::protocol::Prefix;

/// How many things are remembered; the oldest go first. Each keeps a statement or a trade in
/// memory for so long: some 10 MB, or 40 MB of nothing but trades.
pub(super) const LIMIT: usize = 16_384;
/// So many connections are remembered to have one thing; the first of them go first. They outlive
/// the connections themselves, so that a peer that comes and goes must not make them more and more.
const KNOWS: usize = 64;

#[derive(Debug)]
struct Entry {
    what: Retained,
    /// Connections over which it came or went; at most [`KNOWS`].
    knows: Vec<ConnId>,
}

/// The things that came last.
#[derive(Debug)]
pub(super) struct Recent {
    entries: HashMap<Prefix, Entry>,
    /// The oldest first.
    order: VecDeque<Prefix>,
    most: usize,
}

impl Recent {
    pub(super) fn new(most: usize) -> Self {
        Self {
            entries: HashMap::new(),
            order: VecDeque::new(),
            most,
        }
    }

    pub(super) fn contains(&self, prefix: &Prefix) -> bool {
        self.entries.contains_key(prefix)
    }

    pub(super) fn get(&self, prefix: &Prefix) -> Option<&Retained> {
        self.entries.get(prefix).map(|entry| &entry.what)
    }

    pub(super) fn insert(&mut self, prefix: Prefix, what: Retained) {
        let knows = Vec::new();
        if self.entries.insert(prefix, Entry { what, knows }).is_some() {
            return;
        }
        self.order.push_back(prefix);
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
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
            if entry.knows.len() >= KNOWS {
                entry.knows.remove(0);
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Identity, Inventory, Ka, Payload};
    use crate::types::Millis;

    fn anything() -> Retained {
        let ka = Ka {
            n: 1,
            ts: Millis(1),
            live: true,
            cnt: 0,
            root: Inventory::new(Vec::new()).root,
            addrs: Vec::new(),
        };
        let network = "local".parse().unwrap();
        let signed = Identity::from_seed([1; 32]).sign(&network, Payload::Ka(ka));
        Retained::Statement(signed.unwrap())
    }

    #[test]
    fn the_oldest_things_go_first_and_never_more_are_remembered() {
        let mut recent = Recent::new(LIMIT);
        let what = anything();
        let most = LIMIT as u64;
        for number in 0..most + 10 {
            let prefix = number.to_be_bytes();
            recent.insert(prefix, what.clone());
            // What comes again keeps its turn.
            recent.insert(0u64.to_be_bytes(), what.clone());
            assert!(recent.order.len() <= LIMIT + 1);
        }
        assert_eq!((recent.entries.len(), recent.order.len()), (LIMIT, LIMIT));
        assert!(!recent.contains(&5u64.to_be_bytes()));
        assert!(recent.contains(&most.to_be_bytes()));
    }

    #[test]
    fn only_the_last_connections_that_have_something_are_remembered() {
        let mut recent = Recent::new(LIMIT);
        let prefix = Prefix::default();
        assert!(!recent.note(&prefix, ConnId(0)));
        recent.insert(prefix, anything());
        let more = KNOWS as u64 + 5;
        for number in 0..more {
            assert!(recent.note(&prefix, ConnId(number)));
            assert!(recent.note(&prefix, ConnId(number)));
        }
        assert_eq!(recent.entries[&prefix].knows.len(), KNOWS);
        assert!(!recent.is_known_to(&prefix, ConnId(4)));
        assert!((5..more).all(|number| recent.is_known_to(&prefix, ConnId(number))));
    }
}

//! What is under way between this node and its peers to find what one of them lacks.

use super::owners::Checks;
use super::pages::Reading;
use super::recon::Comparison;
use crate::collections::{BTreeMap, BTreeSet};
use crate::node::core::Node;
use crate::node::io::ConnId;
use crate::node::peers::policy::Merit;
use crate::protocol::Message;
use crate::types::{Bucket, Millis, Now, Rate};

/// One of the peers is compared with so often, each in its turn.
const ROUND_EVERY: Millis = Millis::from_secs(30);
/// After messages were dropped, this node and the peer compare in so long: the queue that was
/// full is likely to be so for a moment.
const AFTER_DROPS: Millis = Millis::from_secs(2);

/// A peer that asked for nothing lately may ask for what so many seconds bring.
const BURST: u64 = 4;

/// What a request costs, by the work that it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::node) enum Cost {
    /// Looking up and sending what is named, or one page, or one owner's orders.
    Lookup = 1,
    /// Going through everything once.
    Comparison = 5,
}

/// Comparisons, pages being read and owners to be asked about.
#[derive(Debug, Default)]
pub(in crate::node) struct Sync {
    pub(super) comparisons: BTreeMap<ConnId, Comparison>,
    /// Peers to whose question the answer is being worked out.
    pub(super) answering: BTreeSet<ConnId>,
    /// Peers to be compared with, and from when on.
    pub(super) due: BTreeMap<ConnId, Millis>,
    /// When a comparison with each peer was begun last.
    pub(super) tried: BTreeMap<ConnId, Millis>,
    pub(super) reading: Option<Reading>,
    /// Peers whose book was read from the first page to the last, or was tried to be.
    pub(super) was_read: BTreeSet<ConnId>,
    pub(super) checks: Checks,
    allowances: BTreeMap<ConnId, Bucket>,
    /// Peers that don't read what they asked for, and until when nothing is answered to them.
    choked: BTreeMap<ConnId, Millis>,
    round_at: Millis,
}

impl Node {
    /// A peer that takes part in the signed protocol is there. Who dialed begins to compare; a node
    /// that has to know what it signed in an earlier run doesn't wait for that.
    pub(in crate::node) fn sync_with(&mut self, conn: ConnId, dialed: bool, now: Now) {
        if self.store_failure.is_some() {
            // All are compared with when it works again.
            return;
        }
        if dialed || !self.is_boot_over() {
            self.compare_with(conn, now);
        }
    }

    pub(in crate::node) fn sync_lost(&mut self, conn: ConnId, now: Now) {
        let sync = &mut self.sync;
        sync.comparisons.remove(&conn);
        sync.answering.remove(&conn);
        sync.due.remove(&conn);
        sync.tried.remove(&conn);
        sync.was_read.remove(&conn);
        sync.allowances.remove(&conn);
        sync.choked.remove(&conn);
        self.wanted.forget_conn(conn);
        self.reading_lost(conn, now);
    }

    /// Bulk messages for a peer were dropped: it misses something. What it asks for would be dropped
    /// as well for a while, and making it costs more than anything else that a peer can ask for.
    pub(in crate::node) fn sync_dropped(&mut self, conn: ConnId, now: Now) {
        if self.peers.get(conn).is_some_and(|peer| peer.speaks_x1()) {
            let due = now.mono + AFTER_DROPS;
            self.sync.choked.insert(conn, due);
            self.sync.due.entry(conn).or_insert(due);
        }
    }

    /// What has to be done now and then.
    pub(in crate::node) fn look_after_sync(&mut self, now: Now) {
        self.wanted.expire(now.mono);
        if self.sync.round_at <= now.mono {
            let first = self.sync.round_at == Millis::ZERO;
            let jitter = Millis(self.rng.next() % (ROUND_EVERY.0 / 5));
            self.sync.round_at = now.mono + ROUND_EVERY + jitter;
            let tried = |conn: &ConnId| self.sync.tried.get(conn).copied();
            let next = self.peers.x1().map(|peer| peer.conn).min_by_key(tried);
            if let Some(next) = next.filter(|_| !first) {
                self.sync.due.insert(next, now.mono);
            }
        }
        self.look_after_comparisons(now);
        self.look_after_reading(now);
        self.check_owners(now);
    }

    /// Asks for what is missing, once for each batch of inputs, and notes what is complete by now.
    pub(in crate::node) fn ask_for_wanted(&mut self, now: Now) {
        let recent = self.gossip.recent();
        let asks = self
            .wanted
            .take_asks(|prefix| recent.contains(prefix), now.mono);
        for (conn, prefixes) in asks {
            self.send_bulk(conn, &Message::Want(prefixes), now);
        }
        if let Some(due) = self.wanted.next_due() {
            self.hurry(due);
        }
        self.finish_comparisons(now);
    }

    /// Compares with everybody, as soon as there is time.
    pub(in crate::node) fn sync_with_all(&mut self, now: Now) {
        let conns: Vec<ConnId> = self.peers.x1().map(|peer| peer.conn).collect();
        for conn in conns {
            self.sync.due.entry(conn).or_insert(now.mono);
        }
        self.hurry(now.mono);
    }

    /// Whether a peer's request is in order. If not, it is counted and not answered. What this node
    /// could not write down must not be told, so nothing is answered while its store fails.
    pub(in crate::node) fn admits(&mut self, conn: ConnId, cost: Cost, now: Now) -> bool {
        if self.store_failure.is_some() {
            self.counters.count("store_failing");
            return false;
        }
        let choked = self.sync.choked.get(&conn);
        if choked.is_some_and(|until| *until > now.mono) {
            self.counters.count("sync_choked");
            return false;
        }
        let allowances = &mut self.sync.allowances;
        let per_second = u64::from(self.config.limits.peer_requests);
        let rate = Rate {
            per_second,
            at_once: per_second * BURST,
        };
        let allowance = allowances
            .entry(conn)
            .or_insert_with(|| Bucket::full(rate, now.mono));
        let admitted = allowance.admit(cost as u64, now.mono);
        if !admitted {
            self.counters.count("sync_rate");
            if self.peers.may_blame(conn, now) {
                self.blame(conn, Merit::RateExcess, now);
            }
        }
        admitted
    }
}

//! What the node remembers of one address.

use serde::{Deserialize, Serialize};

use super::places::{Party, party};
use super::policy::FIRST_PAUSE;
use super::score::Score;
use super::table::Origin;
use crate::node::io::Way;
use crate::node::view::PeerSource;
use crate::types::{Millis, NodeId, Now, PeerAddress, PeerId};

/// A peer as it is written to `.peers.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PersistedPeer {
    /// Who answered there last.
    pub node_id: Option<String>,
    /// Where.
    pub address: PeerAddress,
    /// When a session with it was last up, since the epoch.
    pub last_seen: Millis,
    /// It is one of the first to dial.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anchor: bool,
}

/// What is remembered of one address.
#[derive(Debug)]
pub(super) struct KnownPeer {
    /// Who was there last. A name that a legacy peer claims is not a node's proved id, even if it
    /// reads the same.
    pub(super) id: Option<PeerId>,
    /// Who is said to be there. It keeps one node from being dialed at several addresses, and
    /// counts for nothing once a session has shown who is there.
    pub(super) claimed: Option<NodeId>,
    pub(super) source: PeerSource,
    /// Whose address it is, as far as anybody can tell.
    pub(super) party: Party,
    /// Who named it.
    pub(super) origin: Origin,
    /// Which of the peers did.
    pub(super) teller: Option<PeerId>,
    /// It is dialed before all others.
    pub(super) anchor: bool,
    /// The dial under way only looks whether anybody is there.
    pub(super) feeler: bool,
    /// When a session with it was last up; absent while it never answered.
    pub(super) last_seen: Option<Millis>,
    /// Dials that failed since one worked.
    pub(super) failures: u32,
    /// Not to be dialed before this (monotonic).
    pub(super) next_attempt: Millis,
    /// When it was dialed last, by both clocks.
    pub(super) last_tried: Option<Now>,
    /// What came of the last dial: `connected`, or why not.
    pub(super) last_outcome: Option<&'static str>,
    /// A dial is under way since then (monotonic).
    pub(super) dialing_since: Option<Millis>,
    /// Dial it in this way until then (monotonic).
    pub(super) other_way: Option<(Way, Millis)>,
    /// It is an original node that was told what is open here, in this run.
    pub(super) told_orders: bool,
    /// It turned out to be this node itself.
    pub(super) own: bool,
    pub(super) score: Score,
}

impl KnownPeer {
    pub(super) fn new(
        address: &PeerAddress,
        source: PeerSource,
        origin: Origin,
        teller: Option<PeerId>,
        now: Now,
    ) -> Self {
        Self {
            id: None,
            claimed: None,
            source,
            party: party(address),
            origin,
            teller,
            anchor: false,
            feeler: false,
            last_seen: None,
            failures: 0,
            next_attempt: now.mono,
            last_tried: None,
            last_outcome: None,
            dialing_since: None,
            other_way: None,
            told_orders: false,
            own: false,
            score: Score::new(now),
        }
    }

    /// Never given up: it answered once, or its user named it.
    pub(super) const fn is_lasting(&self) -> bool {
        self.last_seen.is_some() || matches!(self.source, PeerSource::Bootstrap)
    }

    /// Whether this is the peer `id`, as far as is known.
    pub(super) fn is(&self, id: &PeerId) -> bool {
        match &self.id {
            Some(known) => known == id,
            None => self.claimed.is_some() && self.claimed == id.node(),
        }
    }

    /// Who is there, proved or said.
    pub(super) fn node(&self) -> Option<NodeId> {
        match &self.id {
            Some(known) => known.node(),
            None => self.claimed,
        }
    }

    /// How it must be dialed, if not as others are.
    pub(super) fn way(&self, now: Now) -> Option<Way> {
        let (way, until) = self.other_way?;
        (until > now.mono).then_some(way)
    }

    /// What came of the last dial, to be shown.
    pub(super) fn outcome(&self) -> Option<String> {
        self.last_outcome.map(str::to_owned)
    }

    /// Ends its pause, unless it was dialed in the last `lately`.
    pub(super) fn bring_forward(&mut self, lately: Millis, now: Now) {
        let lately = |tried: Now| now.mono.since(tried.mono) < lately;
        if !self.last_tried.is_some_and(lately) {
            self.next_attempt = self.next_attempt.min(now.mono);
        }
    }

    /// After a failure: wait twice as long as the last time, up to `longest`, with a quarter of
    /// jitter so that nodes that lost each other at one moment don't meet in bursts.
    pub(super) fn back_off(&mut self, longest: Millis, jitter: u64, now: Now) {
        let doubled = FIRST_PAUSE.0 << self.failures.min(16);
        let pause = doubled.min(longest.0).max(1);
        self.failures = self.failures.saturating_add(1);
        self.next_attempt = now.mono + Millis(pause - pause / 4 + jitter % (pause / 2 + 1));
    }
}

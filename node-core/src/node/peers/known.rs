//! Addresses that the node knows, connected or not, and what it remembers of each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::policy::{
    FIRST_PAUSE, HEARSAY_FAILURES, KNOWN_LIMIT, Merit, SCORE_HALF_LIFE, SCORE_LIMIT, known_limit,
};
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
    score: i32,
    scored_at: Millis,
}

impl KnownPeer {
    fn new(source: PeerSource, now: Now) -> Self {
        Self {
            id: None,
            claimed: None,
            source,
            last_seen: None,
            failures: 0,
            next_attempt: now.mono,
            last_tried: None,
            last_outcome: None,
            dialing_since: None,
            other_way: None,
            told_orders: false,
            own: false,
            score: 0,
            scored_at: now.mono,
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

    /// The score now: halved for every half-life since it was set.
    pub(super) fn score(&self, now: Now) -> i32 {
        let halvings = now.mono.since(self.scored_at).0 / SCORE_HALF_LIFE.0;
        // Towards zero, for merits and faults alike.
        self.score / 2i32.saturating_pow(u32::try_from(halvings).unwrap_or(u32::MAX).min(30))
    }

    pub(super) fn credit(&mut self, merit: Merit, now: Now) -> i32 {
        let score = self.score(now) + merit.points();
        self.score = score.clamp(-SCORE_LIMIT, SCORE_LIMIT);
        self.scored_at = now.mono;
        self.score
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

/// All known addresses, at most [`KNOWN_LIMIT`], and [`known_limit`] of each source.
#[derive(Debug, Default)]
pub(super) struct KnownPeers(BTreeMap<PeerAddress, KnownPeer>);

impl KnownPeers {
    pub(super) fn get(&self, address: &PeerAddress) -> Option<&KnownPeer> {
        self.0.get(address)
    }

    pub(super) fn get_mut(&mut self, address: &PeerAddress) -> Option<&mut KnownPeer> {
        self.0.get_mut(address)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&PeerAddress, &KnownPeer)> {
        self.0.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut KnownPeer> {
        self.0.values_mut()
    }

    /// The record of `address`, made if there is room. The better source is remembered, as far
    /// as that source has room.
    pub(super) fn learn(
        &mut self,
        address: &PeerAddress,
        source: PeerSource,
        now: Now,
    ) -> Option<&mut KnownPeer> {
        if let Some(known) = self.0.get(address) {
            let better = source < known.source && self.has_room(source);
            let known = self.0.get_mut(address)?;
            if better {
                known.source = source;
            }
            return Some(known);
        }
        if !self.has_room(source) {
            self.make_room(|known| known.source == source)?;
        }
        if self.0.len() >= KNOWN_LIMIT {
            self.make_room(|_| true)?;
        }
        let new = KnownPeer::new(source, now);
        Some(self.0.entry(address.clone()).or_insert(new))
    }

    fn has_room(&self, source: PeerSource) -> bool {
        let of_source = self.0.values().filter(|known| known.source == source);
        of_source.count() < known_limit(source)
    }

    /// Forgets the worst of those that never answered.
    fn make_room(&mut self, among: impl Fn(&KnownPeer) -> bool) -> Option<()> {
        let worst = self
            .0
            .iter()
            .filter(|(_, known)| !known.is_lasting() && known.dialing_since.is_none())
            .filter(|(_, known)| among(known))
            .max_by_key(|(_, known)| known.failures)
            .map(|(address, _)| address.clone())?;
        self.0.remove(&worst);
        Some(())
    }

    /// Forgets `address` if it was only hearsay and has failed often enough.
    pub(super) fn forget_if_hopeless(&mut self, address: &PeerAddress) {
        let hopeless = self
            .0
            .get(address)
            .is_some_and(|known| !known.is_lasting() && known.failures >= HEARSAY_FAILURES);
        if hopeless {
            self.0.remove(address);
        }
    }
}

//! All known addresses, kept so that nobody can fill the table.
//!
//! What never answered is kept in buckets, one for each party that names addresses: its newest
//! entry takes the place of a random one of its own, never of anybody else's. Within a bucket one
//! peer has a share, and at one party's addresses there are only so many entries, whoever names
//! them. What answered is kept for longer, and bounded for each party as well. Whoever has many
//! addresses in few networks, or many keys behind few addresses, is one party in all of this. (The
//! idea is that of Bitcoin Core's address manager, with counted shares in place of hashed ones.)

use super::exchange::{Scope, scope};
use super::known::KnownPeer;
use super::places::{Party, party};
use super::policy::{
    ANSWERED_LIMIT, ANSWERED_PER_PARTY, BUCKET_LIMIT, HEARSAY_FAILURES, KNOWN_LIMIT,
    UNTRIED_PER_PARTY, known_limit,
};
use crate::collections::BTreeMap;
use crate::node::rng::Rng;
use crate::node::view::PeerSource;
use crate::types::{Now, PeerAddress, PeerId};

/// Who named an address, as far as it decides about its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// This node itself: its user, its disk, a look-up of its own.
    Source(PeerSource),
    /// Peers of one party.
    Peers(Party),
}

/// A peer that names an address.
#[derive(Clone, Debug)]
pub(super) struct Teller {
    pub(super) id: PeerId,
    pub(super) remote: PeerAddress,
}

/// How many there are of each, where there are few kinds.
#[derive(Debug)]
pub(super) struct Counts<T>(Vec<(T, usize)>);

impl<T> Default for Counts<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Clone + PartialEq> Counts<T> {
    /// Counts one more; returns how many there are then.
    pub(super) fn count(&mut self, kind: &T) -> usize {
        if let Some((_, count)) = self.0.iter_mut().find(|(known, _)| known == kind) {
            *count += 1;
            return *count;
        }
        self.0.push((kind.clone(), 1));
        1
    }

    pub(super) fn of(&self, kind: &T) -> usize {
        let found = self.0.iter().find(|(known, _)| known == kind);
        found.map_or(0, |(_, count)| *count)
    }

    fn most(self) -> Option<T> {
        let most = self.0.into_iter().max_by_key(|(_, count)| *count);
        most.map(|(kind, _)| kind)
    }
}

/// All known addresses, at most [`KNOWN_LIMIT`].
#[derive(Debug)]
pub(super) struct KnownPeers {
    all: BTreeMap<PeerAddress, KnownPeer>,
    rng: Rng,
}

impl KnownPeers {
    pub(super) const fn new(rng: Rng) -> Self {
        Self {
            all: BTreeMap::new(),
            rng,
        }
    }

    pub(super) fn get(&self, address: &PeerAddress) -> Option<&KnownPeer> {
        self.all.get(address)
    }

    pub(super) fn get_mut(&mut self, address: &PeerAddress) -> Option<&mut KnownPeer> {
        self.all.get_mut(address)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&PeerAddress, &KnownPeer)> {
        self.all.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut KnownPeer> {
        self.all.values_mut()
    }

    /// A random number, for choices between addresses.
    pub(super) fn random(&mut self) -> u64 {
        self.rng.next()
    }

    /// The record of `address`, made if there is room. The better source is remembered, as far
    /// as that source has room.
    pub(super) fn learn(
        &mut self,
        address: &PeerAddress,
        source: PeerSource,
        teller: Option<&Teller>,
        now: Now,
    ) -> Option<&mut KnownPeer> {
        if let Some(known) = self.all.get(address) {
            let better = source < known.source && self.of_source(source) < known_limit(source);
            let known = self.all.get_mut(address)?;
            if better {
                known.source = source;
                if teller.is_none() {
                    known.origin = Origin::Source(source);
                    known.teller = None;
                }
            }
            return Some(known);
        }
        let origin = teller.map_or(Origin::Source(source), |teller| {
            Origin::Peers(party(&teller.remote))
        });
        self.find_room(address, source, &origin, teller)?;
        let teller = teller.map(|teller| teller.id.clone());
        let new = KnownPeer::new(address, source, origin, teller, now);
        Some(self.all.entry(address.clone()).or_insert(new))
    }

    /// Makes room for an address, if that may be.
    fn find_room(
        &mut self,
        address: &PeerAddress,
        source: PeerSource,
        origin: &Origin,
        teller: Option<&Teller>,
    ) -> Option<()> {
        let here = scope(address) == Some(Scope::ThisMachine);
        let chosen = matches!(
            source,
            PeerSource::Bootstrap | PeerSource::Persisted | PeerSource::Mdns
        );
        if !here && !chosen {
            let there = party(address);
            self.bound(UNTRIED_PER_PARTY, &|known| {
                !known.is_lasting() && known.party == there
            })?;
        }
        self.bound(known_limit(source), &|known| known.source == source)?;
        if let Some(teller) = teller {
            let by = |known: &KnownPeer| !known.is_lasting() && known.origin == *origin;
            self.bound(BUCKET_LIMIT / 4, &|known| {
                by(known) && known.teller.as_ref() == Some(&teller.id)
            })?;
            self.bound(BUCKET_LIMIT, &by)?;
        }
        if self.all.len() >= KNOWN_LIMIT {
            let fullest = self.fullest()?;
            self.bound(1, &|known| known.origin == fullest)?;
        }
        Some(())
    }

    /// Sees to it that there are fewer than `limit` of these: forgets a random one that may be
    /// forgotten, those that failed before the others.
    fn bound(&mut self, limit: usize, among: &dyn Fn(&KnownPeer) -> bool) -> Option<()> {
        let these = || self.all.iter().filter(|(_, known)| among(known));
        if these().count() < limit {
            return Some(());
        }
        let free: Vec<_> = these()
            .filter(|(_, known)| !known.is_lasting() && known.dialing_since.is_none())
            .collect();
        let failed = free.iter().any(|(_, known)| known.failures > 0);
        let free: Vec<PeerAddress> = free
            .into_iter()
            .filter(|(_, known)| !failed || known.failures > 0)
            .map(|(address, _)| address.clone())
            .collect();
        let chosen = self.rng.next().checked_rem(free.len() as u64)?;
        self.all.remove(free.get(chosen as usize)?);
        Some(())
    }

    /// Who named most of what never answered.
    fn fullest(&self) -> Option<Origin> {
        let mut sizes = Counts::default();
        for known in self.all.values().filter(|known| !known.is_lasting()) {
            sizes.count(&known.origin);
        }
        sizes.most()
    }

    fn of_source(&self, source: PeerSource) -> usize {
        let of_source = self.all.values().filter(|known| known.source == source);
        of_source.count()
    }

    /// Somebody answered at `address`, at this time. Among those that did, the one that was up the
    /// longest time ago makes room where there are too many.
    pub(super) fn answered(&mut self, address: &PeerAddress, now: Now) {
        let Some(known) = self.all.get_mut(address) else {
            return;
        };
        let first = known.last_seen.replace(now.wall).is_none();
        if !first {
            return;
        }
        if scope(address) != Some(Scope::ThisMachine) {
            let there = known.party.clone();
            self.keep_newest(ANSWERED_PER_PARTY, address, &|known: &KnownPeer| {
                known.party == there
            });
        }
        self.keep_newest(ANSWERED_LIMIT, address, &|_: &KnownPeer| true);
    }

    fn keep_newest(&mut self, limit: usize, but: &PeerAddress, among: &dyn Fn(&KnownPeer) -> bool) {
        let answered = |known: &KnownPeer| {
            known.last_seen.is_some() && known.source != PeerSource::Bootstrap && among(known)
        };
        let these = self.all.iter().filter(|(_, known)| answered(known));
        if these.clone().count() <= limit {
            return;
        }
        let others = these.filter(|(address, _)| *address != but);
        let oldest = others.min_by_key(|(_, known)| known.last_seen);
        if let Some(oldest) = oldest.map(|(address, _)| address.clone()) {
            self.all.remove(&oldest);
        }
    }

    /// Forgets `address` if it was only hearsay and has failed often enough.
    pub(super) fn forget_if_hopeless(&mut self, address: &PeerAddress) {
        let hopeless = self
            .all
            .get(address)
            .is_some_and(|known| !known.is_lasting() && known.failures >= HEARSAY_FAILURES);
        if hopeless {
            self.all.remove(address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Millis, NodeId};

    const NOW: Now = Now {
        mono: Millis(1),
        wall: Millis(1),
    };

    fn table() -> KnownPeers {
        KnownPeers::new(Rng::new([7; 32]))
    }

    fn address(text: &str) -> PeerAddress {
        text.parse().unwrap()
    }

    fn teller(key: u8, remote: &str) -> Teller {
        Teller {
            id: PeerId::Node(NodeId([key; 32])),
            remote: remote.parse().unwrap(),
        }
    }

    fn count(table: &KnownPeers, among: impl Fn(&PeerAddress, &KnownPeer) -> bool) -> usize {
        let these = table
            .iter()
            .filter(|(address, known)| among(address, known));
        these.count()
    }

    /// Each in a network of its own.
    fn far(n: u32) -> PeerAddress {
        address(&format!(
            "{}.{}.{}.9:3000",
            20 + (n >> 16),
            n >> 8 & 255,
            n & 255
        ))
    }

    #[test]
    fn one_peer_has_a_quarter_of_its_partys_bucket_and_displaces_only_its_own() {
        let mut table = table();
        let (honest, liar) = (teller(1, "198.51.100.1:1"), teller(2, "198.51.100.2:1"));
        for n in 0..10 {
            table.learn(&far(n), PeerSource::PeerExchange, Some(&honest), NOW);
        }
        for n in 1_000..101_000 {
            table.learn(&far(n), PeerSource::PeerExchange, Some(&liar), NOW);
        }
        let of = |who: &Teller| count(&table, |_, known| known.teller.as_ref() == Some(&who.id));
        assert_eq!((of(&honest), of(&liar)), (10, BUCKET_LIMIT / 4));
    }

    #[test]
    fn many_keys_of_one_party_share_one_bucket() {
        let mut table = table();
        let honest = teller(200, "192.0.2.1:1");
        for n in 0..10 {
            table.learn(&far(n), PeerSource::PeerExchange, Some(&honest), NOW);
        }
        for n in 0..5_000 {
            let liar = teller((n % 100) as u8, &format!("198.51.100.{}:1", n % 200));
            table.learn(&far(1_000 + n), PeerSource::PeerExchange, Some(&liar), NOW);
        }
        assert_eq!(table.len(), 10 + BUCKET_LIMIT);
    }

    #[test]
    fn few_addresses_of_one_network_are_kept_whoever_names_them() {
        let mut table = table();
        for n in 0..1_000 {
            let teller = teller(1, &format!("20.{}.{}.1:1", n >> 8, n & 255));
            let named = address(&format!("203.0.113.{}:{}", n & 255, 1_000 + n));
            table.learn(&named, PeerSource::PeerExchange, Some(&teller), NOW);
        }
        assert_eq!(table.len(), UNTRIED_PER_PARTY);
        // Those that the user names are kept all the same.
        for n in 0..50 {
            let named = address(&format!("203.0.113.{n}:9"));
            assert!(
                table
                    .learn(&named, PeerSource::Bootstrap, None, NOW)
                    .is_some()
            );
        }
    }

    #[test]
    fn the_whole_is_bounded_and_the_fullest_bucket_gives_way() {
        let mut table = table();
        for n in 0..50_000 {
            let teller = teller(1, &format!("30.{}.{}.1:1", n >> 8 & 255, n & 255));
            table.learn(&far(n), PeerSource::PeerExchange, Some(&teller), NOW);
        }
        assert_eq!(table.len(), known_limit(PeerSource::PeerExchange));
        for n in 0..2_000 {
            table.learn(&far(100_000 + n), PeerSource::Dht, None, NOW);
            table.learn(&far(200_000 + n), PeerSource::Grenache, None, NOW);
            table.learn(&far(300_000 + n), PeerSource::Persisted, None, NOW);
        }
        assert_eq!(table.len(), KNOWN_LIMIT);
    }

    #[test]
    fn what_answered_stays_as_long_as_its_party_has_few() {
        let mut table = table();
        let liar = teller(2, "198.51.100.2:1");
        for n in 0..10u64 {
            let now = Now {
                mono: Millis(n),
                wall: Millis(n),
            };
            let honest = far(n as u32);
            table.learn(&honest, PeerSource::PeerExchange, Some(&liar), now);
            table.answered(&honest, now);
        }
        for n in 0..10_000u64 {
            let now = Now {
                mono: Millis(100 + n),
                wall: Millis(100 + n),
            };
            let named = address(&format!("203.0.{}.{}:3000", n % 4, n / 4 % 256));
            table.learn(&named, PeerSource::PeerExchange, Some(&liar), now);
            table.answered(&named, now);
        }
        let honest = count(&table, |address, _| !address.host().starts_with("203.0."));
        assert_eq!(honest, 10);
        let answered = count(&table, |_, known| known.last_seen.is_some());
        assert_eq!(answered, 10 + 4 * ANSWERED_PER_PARTY);
    }
}

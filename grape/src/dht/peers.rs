//! Who announced what, for as long as that counts.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use super::id::InfoHash;

/// How long an announcement counts, as with Grapes.
pub const ANNOUNCEMENT_LIFE: Duration = Duration::from_secs(120);
/// How long a look-up remembers what earlier ones found: half as long, as with Grapes.
pub(super) const FOUND_LIFE: Duration = Duration::from_secs(60);
/// The most peers of one service that an answer has, as with Grapes.
pub const MAX_PEERS_TOLD: usize = 100;

/// The most peers of one service; the one that was announced longest ago goes.
pub(super) const MAX_PEERS_OF_ONE: usize = 200;
/// The most peers of all services; the one that was announced longest ago goes.
pub(super) const MAX_PEERS: usize = 10_000;
/// The most peers that one address may have announced; its further ones are refused.
pub(super) const MAX_PEERS_BY_ONE: usize = 2000;

/// Peers by service.
#[derive(Debug)]
pub(super) struct Peers {
    life: Duration,
    by_service: HashMap<InfoHash, HashMap<SocketAddrV4, Entry>>,
    by_age: BTreeMap<Age, (InfoHash, SocketAddrV4)>,
    by_announcer: HashMap<Ipv4Addr, usize>,
    count: u64,
}

#[derive(Debug)]
struct Entry {
    age: Age,
    announcer: Ipv4Addr,
}

/// When, and how many before it.
type Age = (Duration, u64);

impl Peers {
    pub(super) fn new(life: Duration) -> Self {
        Self {
            life,
            by_service: HashMap::new(),
            by_age: BTreeMap::new(),
            by_announcer: HashMap::new(),
            count: 0,
        }
    }

    /// Keeps a peer from now on for its life. Whether there is room for more of this announcer.
    pub(super) fn add(
        &mut self,
        service: &InfoHash,
        peer: SocketAddrV4,
        announcer: Ipv4Addr,
        now: Duration,
    ) -> bool {
        self.expire(now);
        self.remove(service, peer);
        let announced = self.by_announcer.get(&announcer).copied();
        if announced.unwrap_or_default() >= MAX_PEERS_BY_ONE {
            return false;
        }
        let same = self.by_service.get(service);
        if same.is_some_and(|same| same.len() >= MAX_PEERS_OF_ONE) {
            let oldest = same.and_then(|same| same.iter().min_by_key(|(_, entry)| entry.age));
            if let Some(oldest) = oldest.map(|(peer, _)| *peer) {
                self.remove(service, oldest);
            }
        }
        if self.by_age.len() >= MAX_PEERS
            && let Some((service, peer)) = self.by_age.first_key_value().map(|(_, v)| v.clone())
        {
            self.remove(&service, peer);
        }
        self.count += 1;
        let age = (now, self.count);
        let entry = Entry { age, announcer };
        let same = self.by_service.entry(service.clone()).or_default();
        same.insert(peer, entry);
        self.by_age.insert(age, (service.clone(), peer));
        *self.by_announcer.entry(announcer).or_default() += 1;
        true
    }

    /// The peers of a service.
    pub(super) fn get(&mut self, service: &InfoHash, now: Duration) -> Vec<SocketAddrV4> {
        self.expire(now);
        let same = self.by_service.get(service);
        same.map_or_else(Vec::new, |same| same.keys().copied().collect())
    }

    /// Forgets what is too old.
    pub(super) fn expire(&mut self, now: Duration) {
        while let Some(((since, _), (service, peer))) = self.by_age.first_key_value() {
            if now.saturating_sub(*since) < self.life {
                break;
            }
            let (service, peer) = (service.clone(), *peer);
            self.remove(&service, peer);
        }
    }

    fn remove(&mut self, service: &InfoHash, peer: SocketAddrV4) {
        let Some(same) = self.by_service.get_mut(service) else {
            return;
        };
        let Some(Entry { age, announcer }) = same.remove(&peer) else {
            return;
        };
        if same.is_empty() {
            self.by_service.remove(service);
        }
        self.by_age.remove(&age);
        if let Some(announced) = self.by_announcer.get_mut(&announcer) {
            *announced -= 1;
            if *announced == 0 {
                self.by_announcer.remove(&announcer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddrV4};
    use std::time::Duration;

    use super::{
        ANNOUNCEMENT_LIFE, InfoHash, MAX_PEERS, MAX_PEERS_BY_ONE, MAX_PEERS_OF_ONE, Peers,
    };

    const AT: fn(u64) -> Duration = Duration::from_secs;

    fn service(number: usize) -> InfoHash {
        InfoHash::new(format!("service {number}").as_bytes()).unwrap()
    }

    fn peer(number: usize) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, u16::try_from(number + 1).unwrap())
    }

    fn announcer(number: usize) -> Ipv4Addr {
        Ipv4Addr::from(u32::try_from(number).unwrap())
    }

    #[test]
    fn an_announcement_counts_for_its_life_since_it_was_last_made() {
        let mut peers = Peers::new(ANNOUNCEMENT_LIFE);
        assert!(peers.add(&service(1), peer(1), announcer(1), AT(0)));
        assert!(peers.add(&service(1), peer(2), announcer(1), AT(0)));
        assert!(peers.add(&service(1), peer(1), announcer(1), AT(60)));
        assert_eq!(peers.get(&service(1), AT(119)).len(), 2);
        assert_eq!(peers.get(&service(1), AT(120)), [peer(1)]);
        assert_eq!(peers.get(&service(2), AT(120)), []);
        assert_eq!(peers.get(&service(1), AT(180)), []);
        assert!(peers.by_service.is_empty() && peers.by_age.is_empty());
        assert!(peers.by_announcer.is_empty());
    }

    #[test]
    fn nobody_makes_the_store_grow_without_end() {
        let mut peers = Peers::new(ANNOUNCEMENT_LIFE);
        for number in 0..2 * MAX_PEERS_OF_ONE {
            peers.add(&service(0), peer(number), announcer(number), AT(0));
        }
        assert_eq!(peers.get(&service(0), AT(0)).len(), MAX_PEERS_OF_ONE);
        for number in 0..2 * MAX_PEERS {
            peers.add(&service(number), peer(0), announcer(number), AT(1));
        }
        assert_eq!(peers.by_age.len(), MAX_PEERS);
        assert_eq!(peers.by_service.len(), MAX_PEERS);
        assert_eq!(peers.by_announcer.len(), MAX_PEERS);
    }

    #[test]
    fn a_flood_of_one_address_drives_nobody_out() {
        let mut peers = Peers::new(ANNOUNCEMENT_LIFE);
        peers.add(&service(0), peer(0), announcer(0), AT(0));
        let flood = 1..2 * MAX_PEERS;
        let taken = flood.filter(|i| peers.add(&service(*i), peer(0), announcer(1), AT(1)));
        assert_eq!(taken.count(), MAX_PEERS_BY_ONE);
        assert_eq!(peers.get(&service(0), AT(1)), [peer(0)]);
    }
}

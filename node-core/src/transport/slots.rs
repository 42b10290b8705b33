//! Who may come in: how many strangers may be on their way to a session at once, how often one may
//! try, and who may not at all.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use crate::types::{Bucket, Millis, Rate, host};

/// What is asked of strangers. Loopback addresses are held to the first bound only: whoever is on
/// this machine can take all slots anyway, and a whole network on one machine is a common way to
/// try things out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandshakeLimits {
    /// Inbound connections that may be without a session at once.
    pub at_once: u32,
    /// The same from one IPv4 address, or from one IPv6 /64, which is what one host has at least.
    pub per_address: u32,
    /// Connections that one such address may open in a second, on average, and ten times as many at
    /// once.
    pub per_second: u32,
}

impl HandshakeLimits {
    /// What holds where nothing else is said.
    pub const DEFAULT: Self = Self {
        at_once: 64,
        per_address: 8,
        per_second: 10,
    };
}

impl Default for HandshakeLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// So many addresses are watched for how often they connect; while more than that do at once, all are
/// let in as far as there are slots.
const WATCHED: usize = 10_000;

/// Counts inbound connections that have no session yet, in all and by address.
pub struct HandshakeSlots {
    limits: HandshakeLimits,
    origin: Instant,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    /// By their numbers, so the oldest first: whose it is, and what tells it to go.
    held: BTreeMap<u64, (IpAddr, CancellationToken)>,
    next: u64,
    by_ip: HashMap<IpAddr, usize>,
    /// How often each address connected lately.
    tries: HashMap<IpAddr, Bucket>,
    /// Until when.
    banned: HashMap<IpAddr, Instant>,
}

impl HandshakeSlots {
    /// Room for as many as the limits allow.
    #[must_use]
    pub fn new(limits: HandshakeLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            origin: Instant::now(),
            taken: Mutex::default(),
        })
    }

    /// A slot for a connection from `ip`, until it is dropped.
    ///
    /// # Errors
    /// The stable label of why there is none.
    pub fn take(self: &Arc<Self>, ip: IpAddr) -> Result<HandshakeSlot, &'static str> {
        self.take_at(ip, Instant::now())
    }

    fn take_at(self: &Arc<Self>, ip: IpAddr, now: Instant) -> Result<HandshakeSlot, &'static str> {
        let key = host(ip);
        let mut taken = self.lock();
        if taken.banned.get(&key).is_some_and(|until| *until > now) {
            return Err("banned");
        }
        if !key.is_loopback() && !taken.may_try(key, self.tries(), self.millis(now)) {
            return Err("too_many_connects_from_address");
        }
        let here = taken.by_ip.get(&key).copied().unwrap_or(0);
        if !key.is_loopback() && here >= self.limits.per_address as usize {
            return Err("too_many_handshakes_from_address");
        }
        if taken.held.len() >= self.limits.at_once as usize && !taken.make_room(key, here) {
            return Err("too_many_handshakes");
        }
        Ok(HandshakeSlot {
            slots: Arc::clone(self),
            number: taken.next,
            evicted: taken.hold(key),
        })
    }

    /// Lets nobody in from these addresses until then, and everybody from all others.
    pub fn set_banned(&self, banned: HashMap<IpAddr, Instant>) {
        self.lock().banned = banned;
    }

    fn tries(&self) -> Rate {
        let per_second = u64::from(self.limits.per_second);
        Rate {
            per_second,
            at_once: per_second.saturating_mul(10),
        }
    }

    fn millis(&self, now: Instant) -> Millis {
        let since = now.saturating_duration_since(self.origin).as_millis();
        Millis(u64::try_from(since).unwrap_or(u64::MAX))
    }

    /// How many are taken now.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.lock().held.len()
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // The counts are whole at every moment, so a panic elsewhere spoils nothing.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn hold(&mut self, ip: IpAddr) -> CancellationToken {
        let evicted = CancellationToken::new();
        self.held.insert(self.next, (ip, evicted.clone()));
        self.next += 1;
        *self.by_ip.entry(ip).or_default() += 1;
        evicted
    }

    /// The oldest connection of the address that has most of them goes, for one of an address that
    /// has fewer: a handshake takes some milliseconds, and who only holds a slot is the oldest soon.
    /// On this machine, where no address is held to a share of its own, that is anybody.
    fn make_room(&mut self, ip: IpAddr, here: usize) -> bool {
        let most = self.by_ip.iter().max_by_key(|(_, count)| **count);
        let Some((&from, _)) = most.filter(|(_, most)| **most > here || ip.is_loopback()) else {
            return false;
        };
        let oldest = self.held.iter().find(|(_, (ip, _))| *ip == from);
        let Some(number) = oldest.map(|(number, _)| *number) else {
            return false;
        };
        self.free(number);
        true
    }

    fn free(&mut self, number: u64) {
        let Some((ip, evicted)) = self.held.remove(&number) else {
            return;
        };
        evicted.cancel();
        if let Some(here) = self.by_ip.get_mut(&ip) {
            *here -= 1;
            if *here == 0 {
                self.by_ip.remove(&ip);
            }
        }
    }

    fn may_try(&mut self, ip: IpAddr, rate: Rate, now: Millis) -> bool {
        if self.tries.len() >= WATCHED && !self.tries.contains_key(&ip) {
            self.tries.retain(|_, bucket| !bucket.is_full(now));
            if self.tries.len() >= WATCHED {
                return true;
            }
        }
        let bucket = self.tries.entry(ip);
        let bucket = bucket.or_insert_with(|| Bucket::full(rate, now));
        bucket.admit(1, now)
    }
}

impl fmt::Debug for HandshakeSlots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeSlots")
            .field("limits", &self.limits)
            .field("taken", &self.taken())
            .finish()
    }
}

/// A place among the handshakes; dropping it frees the place.
#[derive(Debug)]
pub struct HandshakeSlot {
    slots: Arc<HandshakeSlots>,
    number: u64,
    evicted: CancellationToken,
}

impl HandshakeSlot {
    /// What says when the place is lost to somebody else: the connection has to end then.
    #[must_use]
    pub fn evicted(&self) -> CancellationToken {
        self.evicted.clone()
    }
}

impl Drop for HandshakeSlot {
    fn drop(&mut self) {
        self.slots.lock().free(self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn slots(at_once: u32, per_address: u32) -> Arc<HandshakeSlots> {
        HandshakeSlots::new(HandshakeLimits {
            at_once,
            per_address,
            per_second: 10,
        })
    }

    #[test]
    fn one_address_takes_its_share_and_no_more() {
        let slots = slots(4, 2);
        let _first = slots.take(ip("10.0.0.1")).unwrap();
        let second = slots.take(ip("::ffff:10.0.0.1")).unwrap();
        let refused = slots.take(ip("10.0.0.1")).unwrap_err();
        assert_eq!(refused, "too_many_handshakes_from_address");
        let _other = slots.take(ip("10.0.0.2")).unwrap();
        drop(second);
        let _again = slots.take(ip("10.0.0.1")).unwrap();
        let _last = slots.take(ip("10.0.0.3")).unwrap();
        assert_eq!(slots.taken(), 4);
    }

    #[test]
    fn where_all_are_taken_the_oldest_of_the_address_with_most_makes_room_for_others() {
        let slots = slots(4, 3);
        let oldest = slots.take(ip("10.0.0.2")).unwrap();
        let crowd: Vec<_> = (0..3)
            .map(|_| slots.take(ip("10.0.0.1")).unwrap())
            .collect();
        let newcomer = slots.take(ip("10.0.0.3")).unwrap();
        let evicted: Vec<_> = crowd.iter().map(|s| s.evicted().is_cancelled()).collect();
        assert_eq!(evicted, [true, false, false]);
        assert!(!oldest.evicted().is_cancelled());
        assert_eq!(slots.taken(), 4);
        // Who has most gets no more at the cost of others.
        let refused = slots.take(ip("10.0.0.1")).unwrap_err();
        assert_eq!(refused, "too_many_handshakes");
        drop((crowd, newcomer, oldest));
        assert_eq!(slots.taken(), 0);
        assert!(slots.lock().by_ip.is_empty());
    }

    #[test]
    fn a_host_has_a_whole_ipv6_64() {
        let slots = slots(4, 1);
        let _first = slots.take(ip("2001:db8::1")).unwrap();
        assert!(slots.take(ip("2001:db8::ffff:1")).is_err());
        assert!(slots.take(ip("2001:db8:0:1::1")).is_ok());
    }

    #[test]
    fn loopback_may_take_all_slots_and_the_oldest_goes_for_a_further_one() {
        let slots = slots(3, 1);
        let held: Vec<_> = (0..3)
            .map(|_| slots.take(ip("127.0.0.1")).unwrap())
            .collect();
        let _newer = slots.take(ip("127.0.0.1")).unwrap();
        let _newest = slots.take(ip("::1")).unwrap();
        let evicted: Vec<_> = held.iter().map(|s| s.evicted().is_cancelled()).collect();
        assert_eq!(evicted, [true, true, false]);
        drop(held);
        assert_eq!(slots.taken(), 2);
    }

    #[test]
    fn who_connects_again_and_again_waits() {
        let slots = slots(4, 4);
        let start = Instant::now();
        let tries = |ip: IpAddr, now| {
            (0..1_000)
                .filter(|_| slots.take_at(ip, now).is_ok())
                .count()
        };
        assert_eq!(tries(ip("203.0.113.1"), start), 100);
        assert_eq!(tries(ip("203.0.113.1"), start + Duration::from_secs(1)), 10);
        assert_eq!(tries(ip("203.0.113.2"), start), 100);
        assert_eq!(tries(ip("127.0.0.1"), start), 1_000);
    }

    #[test]
    fn what_is_watched_is_bounded_and_forgotten_after_a_pause() {
        let slots = slots(4, 4);
        let start = Instant::now();
        for n in 0..2 * WATCHED as u32 {
            assert!(
                slots
                    .take_at(IpAddr::from((n + (1 << 28)).to_be_bytes()), start)
                    .is_ok()
            );
        }
        assert_eq!(slots.lock().tries.len(), WATCHED);
        let later = start + Duration::from_secs(60);
        assert!(slots.take_at(ip("203.0.113.1"), later).is_ok());
        assert_eq!(slots.lock().tries.len(), 1);
    }

    #[test]
    fn nobody_comes_in_from_a_banned_address_until_the_ban_is_over() {
        let slots = slots(4, 4);
        let start = Instant::now();
        let until = start + Duration::from_secs(10);
        slots.set_banned(HashMap::from([(ip("203.0.113.1"), until)]));
        assert_eq!(
            slots.take_at(ip("203.0.113.1"), start).unwrap_err(),
            "banned"
        );
        assert!(slots.take_at(ip("203.0.113.2"), start).is_ok());
        assert!(slots.take_at(ip("203.0.113.1"), until).is_ok());
        slots.set_banned(HashMap::new());
        assert!(slots.take_at(ip("203.0.113.1"), start).is_ok());
    }
}

//! Rate limits for queries: what an answer costs this node and what it adds up to for somebody
//! whose address was forged.

use std::hash::Hash;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::lru::Lru;
use super::proofs::Standing;

/// The queries of this machine that are answered at once, and each second from then on.
pub(super) const LOCAL: Rate = Rate {
    burst: 1000,
    per_second: 500,
};
/// The queries of one address that has proven itself.
pub(super) const PROVEN: Rate = Rate {
    burst: 500,
    per_second: 100,
};
/// The queries of one address that anybody may have forged.
pub(super) const UNPROVEN: Rate = Rate {
    burst: 20,
    per_second: 10,
};
/// The queries of all unproven addresses of one /24.
pub(super) const UNPROVEN_NETWORK: Rate = Rate {
    burst: 200,
    per_second: 50,
};
/// The queries of all unproven addresses.
pub(super) const UNPROVEN_ALL: Rate = Rate {
    burst: 1000,
    per_second: 500,
};
/// The most addresses, and the most networks, whose queries are counted; the one that was silent
/// longest is forgotten.
const MAX_COUNTED: usize = 4096;

/// The rate limits for queries, by how far an address has proven itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// At once.
    pub(super) burst: u32,
    /// Each second from then on.
    pub(super) per_second: u32,
}

/// Counts queries by address and by network.
#[derive(Debug)]
pub(super) struct Limiter {
    local: Counts<Ipv4Addr>,
    proven: Counts<Ipv4Addr>,
    unproven: Counts<Ipv4Addr>,
    networks: Counts<[u8; 3]>,
    all: Counts<()>,
}

#[derive(Debug)]
struct Counts<K> {
    rate: Rate,
    allowances: Lru<K, Allowance>,
}

#[derive(Debug)]
struct Allowance {
    // In thousandths of a query.
    left: u64,
    since: Duration,
}

const THOUSAND: u64 = 1000;

impl Limiter {
    pub(super) fn new() -> Self {
        Self {
            local: Counts::new(LOCAL),
            proven: Counts::new(PROVEN),
            unproven: Counts::new(UNPROVEN),
            networks: Counts::new(UNPROVEN_NETWORK),
            all: Counts::new(UNPROVEN_ALL),
        }
    }

    /// Whether a query of this address is answered.
    pub(super) fn allows(&mut self, address: Ipv4Addr, standing: Standing, now: Duration) -> bool {
        match standing {
            Standing::Local => self.local.allow(address, now),
            Standing::Proven => self.proven.allow(address, now),
            Standing::Unproven => {
                let [a, b, c, _] = address.octets();
                // The narrowest first, so that one address doesn't use up what others have.
                self.unproven.allow(address, now)
                    && self.networks.allow([a, b, c], now)
                    && self.all.allow((), now)
            }
        }
    }
}

impl<K: Clone + Eq + Hash> Counts<K> {
    fn new(rate: Rate) -> Self {
        Self {
            rate,
            allowances: Lru::new(MAX_COUNTED),
        }
    }

    fn allow(&mut self, key: K, now: Duration) -> bool {
        let full = u64::from(self.rate.burst) * THOUSAND;
        let Some(allowance) = self.allowances.get(&key) else {
            let left = full - THOUSAND;
            self.allowances.insert(key, Allowance { left, since: now });
            return true;
        };
        let passed = now.saturating_sub(allowance.since).as_millis();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        let earned = passed.saturating_mul(u64::from(self.rate.per_second));
        allowance.left = allowance.left.saturating_add(earned).min(full);
        // What is less than a millisecond counts at the next query.
        allowance.since += Duration::from_millis(passed);
        match allowance.left.checked_sub(THOUSAND) {
            Some(left) => {
                allowance.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const AT: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn a_flood_is_answered_in_part_and_its_neighbours_in_full() {
        for (standing, rate) in [
            (Standing::Local, LOCAL),
            (Standing::Proven, PROVEN),
            (Standing::Unproven, UNPROVEN),
        ] {
            let mut limiter = Limiter::new();
            let flood = [192, 0, 2, 1].into();
            let answered = |limiter: &mut Limiter, now| {
                let asked = 0..10 * rate.burst;
                let allowed = asked.filter(|_| limiter.allows(flood, standing, now));
                allowed.count()
            };
            assert_eq!(answered(&mut limiter, AT(5)), rate.burst as usize);
            assert!(limiter.allows([192, 0, 2, 2].into(), standing, AT(5)));
            assert_eq!(answered(&mut limiter, AT(6)), rate.per_second as usize);
            assert_eq!(answered(&mut limiter, AT(1000)), rate.burst as usize);
        }
    }

    #[test]
    fn unproven_addresses_are_bounded_by_network_and_in_all() {
        let mut limiter = Limiter::new();
        let mut answered: HashMap<[u8; 3], u32> = HashMap::new();
        for number in 0..100_000_u32 {
            // 20 networks, each address ten times.
            let [.., high, low] = (number / 10).to_be_bytes();
            let network = [198, 18, low % 20];
            let address = [network[0], network[1], network[2], high.wrapping_add(low)].into();
            if limiter.allows(address, Standing::Unproven, AT(0)) {
                *answered.entry(network).or_default() += 1;
            }
        }
        let most = answered.values().max().copied().unwrap_or_default();
        assert!(most <= UNPROVEN_NETWORK.burst, "{most}");
        assert_eq!(answered.values().sum::<u32>(), UNPROVEN_ALL.burst);
        assert!(limiter.allows([198, 18, 0, 1].into(), Standing::Proven, AT(0)));
    }
}

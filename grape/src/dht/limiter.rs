//! How many queries one address may ask: what an answer costs us and what it adds up to for
//! somebody whose address was forged.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::lru::Lru;

/// The queries of one address that are answered at once.
pub(super) const BURST: u32 = 1000;
/// The queries of one address that are answered each second from then on.
pub(super) const PER_SECOND: u32 = 500;
/// The most addresses whose queries are counted; the one that was silent longest is forgotten.
const MAX_ADDRESSES: usize = 4096;

/// Counts queries by address.
#[derive(Debug)]
pub(super) struct Limiter(Lru<Ipv4Addr, Allowance>);

#[derive(Debug)]
struct Allowance {
    // In thousandths of a query.
    left: u64,
    since: Duration,
}

const THOUSAND: u64 = 1000;

impl Limiter {
    pub(super) fn new() -> Self {
        Self(Lru::new(MAX_ADDRESSES))
    }

    /// Whether a query of this address is answered.
    pub(super) fn allows(&mut self, address: Ipv4Addr, now: Duration) -> bool {
        let full = u64::from(BURST) * THOUSAND;
        let Some(allowance) = self.0.get(&address) else {
            let left = full - THOUSAND;
            self.0.insert(address, Allowance { left, since: now });
            return true;
        };
        let passed = now.saturating_sub(allowance.since).as_millis();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        let earned = passed.saturating_mul(u64::from(PER_SECOND));
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
    use std::time::Duration;

    use super::{BURST, Limiter, PER_SECOND};

    #[test]
    fn a_flood_is_answered_in_part_and_its_neighbours_in_full() {
        let mut limiter = Limiter::new();
        let flood = [192, 0, 2, 1].into();
        let at = Duration::from_secs;
        let answered = |limiter: &mut Limiter, now| {
            let asked = 0..10 * BURST;
            asked.filter(|_| limiter.allows(flood, now)).count()
        };
        assert_eq!(answered(&mut limiter, at(5)), BURST as usize);
        assert!(limiter.allows([192, 0, 2, 2].into(), at(5)));
        assert_eq!(answered(&mut limiter, at(6)), PER_SECOND as usize);
        assert_eq!(answered(&mut limiter, at(1000)), BURST as usize);
    }
}

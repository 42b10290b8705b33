//! Which addresses have proven that they receive what is sent to them.
//!
//! A query may come from anybody under any address. Whoever answers a question of this node, or
//! shows the token that it was given, receives there. Until then an answer is hardly longer than
//! its query, so that nobody can have this node flood somebody else.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::lru::Lru;
use super::tokens::SECRET_LIFE;

/// The lifetime of a proof; known nodes are asked far more often.
const PROOF_LIFE: Duration = SECRET_LIFE.saturating_mul(2);
/// How often an address that asks without a proof is asked for one.
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// The most addresses that are remembered as proven, and as asked; the one that was silent longest
/// is forgotten.
const MAX_ADDRESSES: usize = 4096;
/// The largest ratio of bytes sent to an unproven address to the bytes of its query.
pub(super) const MAX_FACTOR: usize = 2;

/// The proof state of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is this machine, under an address that no other can send from.
    Local,
    /// It receives what is sent to it.
    Proven,
    /// Anybody may use it.
    Unproven,
}

/// The proofs by address.
#[derive(Debug)]
pub(super) struct Proofs {
    proven: Lru<Ipv4Addr, Duration>,
    asked: Lru<Ipv4Addr, Duration>,
}

impl Proofs {
    pub(super) fn new() -> Self {
        Self {
            proven: Lru::new(MAX_ADDRESSES),
            asked: Lru::new(MAX_ADDRESSES),
        }
    }

    pub(super) fn standing(&mut self, address: Ipv4Addr, now: Duration) -> Standing {
        if address.is_loopback() {
            return Standing::Local;
        }
        let since = self.proven.get(&address).copied();
        match since.filter(|since| now.saturating_sub(*since) < PROOF_LIFE) {
            Some(_) => Standing::Proven,
            None => Standing::Unproven,
        }
    }

    /// Notes that an address received what was sent to it.
    pub(super) fn proved(&mut self, address: Ipv4Addr, now: Duration) {
        self.asked.remove(&address);
        self.proven.insert(address, now);
    }

    /// Whether an unproven address is to be asked for a proof now; it is taken as asked.
    pub(super) fn may_ask(&mut self, address: Ipv4Addr, now: Duration) -> bool {
        let since = self.asked.get(&address).copied();
        if since.is_some_and(|since| now.saturating_sub(since) < ASK_AGAIN) {
            return false;
        }
        self.asked.insert(address, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proof_is_of_one_address_and_ends() {
        let (one, other) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let mut proofs = Proofs::new();
        assert_eq!(proofs.standing(one, Duration::ZERO), Standing::Unproven);
        proofs.proved(one, Duration::ZERO);
        assert_eq!(proofs.standing(one, PROOF_LIFE / 2), Standing::Proven);
        assert_eq!(proofs.standing(other, PROOF_LIFE / 2), Standing::Unproven);
        assert_eq!(proofs.standing(one, PROOF_LIFE), Standing::Unproven);
        let local = proofs.standing(Ipv4Addr::LOCALHOST, PROOF_LIFE);
        assert_eq!(local, Standing::Local);
    }

    #[test]
    fn address_without_a_proof_is_asked_now_and_then() {
        let one = [192, 0, 2, 1].into();
        let mut proofs = Proofs::new();
        assert!(proofs.may_ask(one, Duration::ZERO));
        assert!(!proofs.may_ask(one, ASK_AGAIN / 2));
        assert!(proofs.may_ask(one, ASK_AGAIN));
    }
}

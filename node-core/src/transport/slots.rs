//! How many strangers may be on their way to a session at once.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Inbound connections that may be without a session at once.
pub const MAX_HANDSHAKES: usize = 64;
/// The same from one IPv4 address, or from one IPv6 /64, which is what one host has at least.
/// Loopback addresses are not held to it: whoever is on this machine can take all slots anyway,
/// and a whole network on one machine is a common way to try things out.
pub const MAX_HANDSHAKES_PER_IP: usize = 8;

/// Counts inbound connections that have no session yet, in all and by address.
pub struct HandshakeSlots {
    total: usize,
    per_ip: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    total: usize,
    by_ip: HashMap<IpAddr, usize>,
}

impl HandshakeSlots {
    /// Room for `total` connections, `per_ip` of them from one address.
    #[must_use]
    pub fn new(total: usize, per_ip: usize) -> Arc<Self> {
        Arc::new(Self {
            total,
            per_ip,
            taken: Mutex::default(),
        })
    }

    /// A slot for a connection from `ip`, until it is dropped.
    ///
    /// # Errors
    /// The stable label of why there is none.
    pub fn take(self: &Arc<Self>, ip: IpAddr) -> Result<HandshakeSlot, &'static str> {
        let key = host(ip);
        let mut taken = self.lock();
        if taken.total >= self.total {
            return Err("too_many_handshakes");
        }
        let limit = if key.is_loopback() {
            self.total
        } else {
            self.per_ip
        };
        let here = taken.by_ip.entry(key).or_default();
        if *here >= limit {
            return Err("too_many_handshakes_from_address");
        }
        *here += 1;
        taken.total += 1;
        Ok(HandshakeSlot {
            slots: Arc::clone(self),
            key,
        })
    }

    /// How many are taken now.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.lock().total
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // The counts are whole at every moment, so a panic elsewhere spoils nothing.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for HandshakeSlots {
    fn default() -> Self {
        Self {
            total: MAX_HANDSHAKES,
            per_ip: MAX_HANDSHAKES_PER_IP,
            taken: Mutex::default(),
        }
    }
}

impl fmt::Debug for HandshakeSlots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeSlots")
            .field("total", &self.total)
            .field("per_ip", &self.per_ip)
            .field("taken", &self.taken())
            .finish()
    }
}

/// A place among the handshakes; dropping it frees the place.
#[derive(Debug)]
pub struct HandshakeSlot {
    slots: Arc<HandshakeSlots>,
    key: IpAddr,
}

impl Drop for HandshakeSlot {
    fn drop(&mut self) {
        let mut taken = self.slots.lock();
        taken.total = taken.total.saturating_sub(1);
        if let Some(here) = taken.by_ip.get_mut(&self.key) {
            *here -= 1;
            if *here == 0 {
                taken.by_ip.remove(&self.key);
            }
        }
    }
}

/// What counts as one host.
fn host(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (!0 << 64)))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_takes_its_share_and_no_more() {
        let slots = HandshakeSlots::new(4, 2);
        let _first = slots.take(ip("10.0.0.1")).unwrap();
        let second = slots.take(ip("::ffff:10.0.0.1")).unwrap();
        let refused = slots.take(ip("10.0.0.1")).unwrap_err();
        assert_eq!(refused, "too_many_handshakes_from_address");
        let _other = slots.take(ip("10.0.0.2")).unwrap();
        drop(second);
        let _again = slots.take(ip("10.0.0.1")).unwrap();
        let _last = slots.take(ip("10.0.0.3")).unwrap();
        let refused = slots.take(ip("10.0.0.4")).unwrap_err();
        assert_eq!(refused, "too_many_handshakes");
    }

    #[test]
    fn a_host_has_a_whole_ipv6_64() {
        let slots = HandshakeSlots::new(4, 1);
        let _first = slots.take(ip("2001:db8::1")).unwrap();
        assert!(slots.take(ip("2001:db8::ffff:1")).is_err());
        assert!(slots.take(ip("2001:db8:0:1::1")).is_ok());
    }

    #[test]
    fn loopback_may_take_all_slots() {
        let slots = HandshakeSlots::new(3, 1);
        let held: Vec<_> = (0..3)
            .map(|_| slots.take(ip("127.0.0.1")).unwrap())
            .collect();
        assert!(slots.take(ip("::1")).is_err());
        drop(held);
        assert_eq!(slots.taken(), 0);
        assert!(slots.lock().by_ip.is_empty());
    }
}

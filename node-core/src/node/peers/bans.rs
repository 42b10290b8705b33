//! Who is sent away for a while: keys and addresses that broke the rules, or that the user named.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::policy::{BANS_LIMIT, FIRST_BAN, KEYS_FOR_ADDRESS, LONGEST_BAN, STRIKES_LIMIT};
use crate::collections::BTreeMap;
use crate::types::{InvalidValue, Millis, NodeId, host};

/// Who is banned: a key, or everybody at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BanTarget {
    /// A node, wherever it is.
    Node(NodeId),
    /// An IPv4 address, or the /64 of an IPv6 address.
    Address(IpAddr),
}

impl BanTarget {
    /// Everybody at the host that has this address.
    #[must_use]
    pub fn at(ip: IpAddr) -> Self {
        Self::Address(host(ip))
    }
}

impl fmt::Display for BanTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(id) => id.fmt(f),
            Self::Address(ip) => ip.fmt(f),
        }
    }
}

impl FromStr for BanTarget {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if let Ok(ip) = text.parse() {
            return Ok(Self::at(ip));
        }
        text.parse().map(Self::Node).map_err(|_| {
            let allowed = "a node id (64 hex digits) or an IP address without a port";
            InvalidValue::new("peer", text, allowed)
        })
    }
}

impl Serialize for BanTarget {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BanTarget {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A ban as it is shown and kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ban {
    /// Who.
    pub peer: BanTarget,
    /// Until when, since the epoch.
    pub until: Millis,
    /// How long it is in all: the next one of the same peer is twice as long.
    pub length: Millis,
    /// Whether the user said so.
    pub by_user: bool,
}

/// All bans, and what may lead to one.
#[derive(Debug, Default)]
pub(super) struct Bans {
    bans: BTreeMap<BanTarget, Ban>,
    /// For each address since when (wall) and how many keys of it were banned.
    strikes: BTreeMap<IpAddr, (Millis, u32)>,
    changed: bool,
}

impl Bans {
    /// For what it did: an hour, and twice as long each further time.
    pub(super) fn ban(&mut self, peer: BanTarget, wall: Millis) {
        let last = self.bans.get(&peer);
        if last.is_some_and(|ban| ban.by_user && ban.until > wall) {
            return;
        }
        let length = last.map_or(FIRST_BAN, |ban| Millis(ban.length.0.saturating_mul(2)));
        let length = length.min(LONGEST_BAN);
        self.insert(
            Ban {
                peer,
                until: wall + length,
                length,
                by_user: false,
            },
            wall,
        );
    }

    /// A key of this address was banned. Says whether so many were that the address is, too: who
    /// makes a new key each time isn't kept out by its keys.
    pub(super) fn strike(&mut self, ip: IpAddr, wall: Millis) -> bool {
        let ip = host(ip);
        if ip.is_loopback() {
            // Everybody on this machine would be sent away for one.
            return false;
        }
        self.strikes
            .retain(|_, (since, _)| wall.since(*since) < FIRST_BAN);
        if self.strikes.len() >= STRIKES_LIMIT {
            let oldest = self.strikes.iter().min_by_key(|(_, (since, _))| *since);
            if let Some(oldest) = oldest.map(|(ip, _)| *ip) {
                self.strikes.remove(&oldest);
            }
        }
        let (_, keys) = self.strikes.entry(ip).or_insert((wall, 0));
        *keys += 1;
        let enough = *keys >= KEYS_FOR_ADDRESS;
        if enough {
            self.strikes.remove(&ip);
            self.ban(BanTarget::Address(ip), wall);
        }
        enough
    }

    /// Forgives; says whether there was anything to forgive.
    pub(super) fn lift(&mut self, peer: BanTarget, wall: Millis) -> bool {
        if let BanTarget::Address(ip) = peer {
            self.strikes.remove(&ip);
        }
        let lifted = self.bans.remove(&peer);
        self.changed |= lifted.is_some();
        lifted.is_some_and(|ban| ban.until > wall)
    }

    pub(super) fn holds(&self, peer: BanTarget, wall: Millis) -> bool {
        self.bans.get(&peer).is_some_and(|ban| ban.until > wall)
    }

    /// Those that hold, by their peers.
    pub(super) fn all(&self, wall: Millis) -> Vec<Ban> {
        let holds = self.bans.values().filter(|ban| ban.until > wall);
        holds.cloned().collect()
    }

    /// Bans of an earlier run.
    pub(super) fn load(&mut self, bans: Vec<Ban>, wall: Millis) {
        for ban in bans.into_iter().take(BANS_LIMIT) {
            self.insert(ban, wall);
        }
        self.changed = false;
    }

    /// Whether there are others than at the last call.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// In place of the one that this peer had.
    pub(super) fn insert(&mut self, ban: Ban, wall: Millis) {
        if !self.bans.contains_key(&ban.peer) && self.bans.len() >= BANS_LIMIT {
            // One that is over, else the first that will be; the user's own come last.
            let first = self.bans.values().min_by_key(|ban| {
                let holds = ban.until > wall;
                (holds, holds && ban.by_user, ban.until)
            });
            if let Some(first) = first.map(|ban| ban.peer) {
                self.bans.remove(&first);
            }
        }
        self.bans.insert(ban.peer, ban);
        self.changed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(n: u8) -> BanTarget {
        BanTarget::Node(NodeId([n; 32]))
    }

    fn by_user(peer: BanTarget, length: Millis) -> Ban {
        Ban {
            peer,
            until: length,
            length,
            by_user: true,
        }
    }

    const HOUR: Millis = FIRST_BAN;

    #[test]
    fn each_ban_of_a_peer_is_twice_as_long_up_to_a_day() {
        let mut bans = Bans::default();
        let mut now = Millis(0);
        for hours in [1, 2, 4, 8, 16, 24, 24] {
            bans.ban(node(1), now);
            let until = now + Millis(hours * HOUR.0);
            assert!(bans.holds(node(1), Millis(until.0 - 1)));
            assert!(!bans.holds(node(1), until));
            now = until + Millis(1);
        }
        assert!(bans.all(now).is_empty());
    }

    #[test]
    fn an_address_goes_with_its_third_key_within_an_hour() {
        let ip: IpAddr = "203.0.113.7".parse().unwrap();
        let mut bans = Bans::default();
        assert!(!bans.strike(ip, Millis(0)));
        assert!(!bans.strike(ip, Millis(1)));
        assert!(!bans.strike(ip, HOUR), "the first is forgiven by then");
        assert!(!bans.strike(ip, HOUR + Millis(1)));
        assert!(bans.strike(ip, HOUR + Millis(2)));
        assert!(bans.holds(BanTarget::at(ip), HOUR + Millis(3)));
        for _ in 0..10 {
            assert!(!bans.strike("127.0.0.1".parse().unwrap(), Millis(0)));
        }
    }

    #[test]
    fn the_users_bans_last_as_long_as_the_user_says() {
        let mut bans = Bans::default();
        bans.insert(by_user(node(1), Millis(100 * HOUR.0)), Millis(0));
        bans.ban(node(1), Millis(5));
        assert!(bans.holds(node(1), Millis(99 * HOUR.0)));
        assert!(bans.lift(node(1), Millis(5)));
        assert!(!bans.lift(node(1), Millis(5)));
        assert!(!bans.holds(node(1), Millis(5)));
    }

    #[test]
    fn they_are_bounded_and_the_users_own_stay_longest() {
        let mut bans = Bans::default();
        let key = |n: u32| {
            let mut id = [0; 32];
            id[..4].copy_from_slice(&n.to_be_bytes());
            BanTarget::Node(NodeId(id))
        };
        bans.insert(by_user(key(0), Millis(10_000)), Millis(0));
        for n in 1..2 * BANS_LIMIT as u32 {
            bans.ban(key(n), Millis(n.into()));
        }
        assert_eq!(bans.bans.len(), BANS_LIMIT);
        let mut again = Bans::default();
        again.load(bans.all(Millis(500)), Millis(500));
        assert_eq!(again.all(Millis(500)), bans.all(Millis(500)));
        assert!(again.holds(key(0), Millis(9_999)));
        for n in 0..2 * STRIKES_LIMIT as u32 {
            bans.strike(IpAddr::from(n.to_be_bytes()), Millis(0));
        }
        assert_eq!(bans.strikes.len(), STRIKES_LIMIT);
    }

    #[test]
    fn a_peer_is_named_by_its_key_or_its_address() {
        let id = "ab".repeat(32);
        for (text, shown) in [
            (id.as_str(), id.as_str()),
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8::1:2:3:4", "2001:db8::"),
        ] {
            let target: BanTarget = text.parse().unwrap();
            assert_eq!(target.to_string(), shown);
            assert_eq!(target.to_string().parse::<BanTarget>().unwrap(), target);
        }
        for text in ["", "alice", "203.0.113.7:3000", "ab", "example.org"] {
            let error = text.parse::<BanTarget>().unwrap_err();
            assert_eq!(error.field, "peer", "{text}");
        }
    }
}

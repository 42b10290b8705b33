//! Which addresses are told to whom, and which are believed from whom.
//!
//! An address is worth telling only to somebody who could reach it: a loopback address only to a
//! peer on this machine, a private one (RFC 1918, RFC 4193, link-local) only to a peer that is
//! itself on a private network or on this machine, a public one to everybody. Nobody is believed
//! to know more than they could: the same rule holds for what a peer tells. Otherwise a stranger
//! could make nodes dial into their own networks. For the same reason only addresses in numbers are
//! told and believed: what a name leads to is decided by whoever owns the name, at any time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::manager::PeerManager;
use super::policy::{EXCHANGE_EVERY, EXCHANGE_LIMIT};
use super::session::PeerSession;
use super::table::Teller;
use super::tolls::Toll;
use crate::node::io::ConnId;
use crate::node::view::PeerSource;
use crate::protocol::PeerEntry;
use crate::types::{NodeId, Now, PeerAddress, PeerId};

/// How far an address reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    ThisMachine,
    PrivateNetwork,
    Public,
}

/// The scope of an address; `None` where nobody can be dialed.
pub(crate) fn scope(address: &PeerAddress) -> Option<Scope> {
    let Some(ip) = address.ip() else {
        let local = address.host() == "localhost";
        return Some(if local {
            Scope::ThisMachine
        } else {
            Scope::Public
        });
    };
    match ip {
        IpAddr::V4(v4) => scope_of_v4(v4),
        IpAddr::V6(v6) => scope_of_v6(v6),
    }
}

fn scope_of_v4(ip: Ipv4Addr) -> Option<Scope> {
    let private = match ip.octets() {
        // "This network" and what is reserved (RFC 6890).
        [0, ..] | [240..=255, ..] => return None,
        [127, ..] => return Some(Scope::ThisMachine),
        // 100.64.0.0/10 is carrier-grade NAT (RFC 6598): as unreachable from outside as RFC 1918.
        [100, second, ..] => (64..128).contains(&second),
        // For protocols of a link's own (RFC 6890), and between routers under test (RFC 2544).
        [192, 0, 0, _] | [198, 18..=19, ..] => true,
        _ if ip.is_multicast() => return None,
        _ => ip.is_private() || ip.is_link_local(),
    };
    Some(match private {
        true => Scope::PrivateNetwork,
        false => Scope::Public,
    })
}

/// An address that stands for an IPv4 address reaches as far as that one.
fn scope_of_v6(ip: Ipv6Addr) -> Option<Scope> {
    if ip.is_unspecified() || ip.is_multicast() {
        return None;
    }
    if ip.is_loopback() {
        return Some(Scope::ThisMachine);
    }
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match ip.segments() {
        // Mapped, "compatible", and translated by NAT64 (RFC 4291, RFC 6052).
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            scope_of_v4(v4(high, low))
        }
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => scope_of_v4(v4(high, low)),
        // Unique local, link-local, site-local (RFC 3879), NAT64 of a network's own (RFC 8215).
        [0xfc00..=0xfdff | 0xfe80..=0xfeff, ..] | [0x64, 0xff9b, 1, ..] => {
            Some(Scope::PrivateNetwork)
        }
        _ => Some(Scope::Public),
    }
}

/// An address in numbers, as it is told. No other notation is taken: `127.1` and `2130706433` are
/// names here, which a resolver takes for addresses.
fn numeric(host: &str, port: u16) -> Option<PeerAddress> {
    let ip: IpAddr = host.parse().ok()?;
    (port != 0).then(|| SocketAddr::new(ip, port).into())
}

/// Whether `address` may pass, in either direction, between this node and a peer whose
/// connection comes from or goes to `peer`. A link-local address never does: whether the peer is
/// on the same link can't be told, and its zone means nothing on another machine.
pub(crate) fn may_pass(address: &PeerAddress, peer: &PeerAddress) -> bool {
    if address.is_link_local() {
        return false;
    }
    match (scope(address), scope(peer)) {
        (Some(address), Some(peer)) => address >= peer,
        _ => false,
    }
}

impl PeerManager {
    /// Whether it is time to tell all peers about peers; if so the next time is set.
    pub(crate) fn take_exchange_due(&mut self, now: Now) -> bool {
        let due = self.exchange_due <= now.mono;
        if due {
            self.exchange_due = now.mono + EXCHANGE_EVERY;
        }
        due
    }

    /// What to tell one peer: whom we are connected to, then whom we were connected to, as far as
    /// it could reach them; never itself, never us.
    pub(crate) fn exchange_list(&self, conn: ConnId) -> Vec<PeerEntry> {
        let peer = self.sessions.get(&conn);
        peer.map_or_else(Vec::new, |peer| self.exchange_with(peer))
    }

    pub(super) fn exchange_with(&self, peer: &PeerSession) -> Vec<PeerEntry> {
        let entry = |address: &PeerAddress, id: Option<&String>| PeerEntry {
            node_id: id.cloned(),
            address: address.host().to_owned(),
            port: address.port(),
        };
        let connected = self
            .all()
            .filter(|other| other.conn != peer.conn)
            .filter_map(|other| {
                let address = other.dialable.as_ref()?;
                Some((address, Some(other.id.to_string())))
            });
        let before = self
            .known
            .iter()
            .filter(|(_, known)| known.last_seen.is_some() && known.failures == 0 && !known.own)
            .map(|(address, known)| (address, known.id.as_ref().map(PeerId::to_string)));
        let theirs = peer.id.to_string();
        let mut list: Vec<PeerEntry> = Vec::new();
        for (address, id) in connected.chain(before) {
            let told = |e: &PeerEntry| e.address == address.host() && e.port == address.port();
            let itself = id.as_ref() == Some(&theirs) || peer.dialable.as_ref() == Some(address);
            if list.len() < EXCHANGE_LIMIT
                && !itself
                && address.ip().is_some()
                && may_pass(address, &peer.remote)
                && !list.iter().any(told)
            {
                list.push(entry(address, id.as_ref()));
            }
        }
        list
    }

    /// Learns what a peer told. Returns how many addresses were not believed.
    pub(crate) fn learn_exchange(
        &mut self,
        conn: ConnId,
        entries: &[PeerEntry],
        now: Now,
    ) -> usize {
        let Some(peer) = self.sessions.get_mut(&conn) else {
            return 0;
        };
        let own_id = self.own_id.to_string();
        let teller = Teller {
            id: peer.id.clone(),
            remote: peer.remote.clone(),
        };
        let most = entries.iter().take(EXCHANGE_LIMIT);
        let mut may_name = || peer.tolls.admits(Toll::NameAddress, now.mono);
        let looked_at = most.take_while(|_| may_name()).count();
        let mut refused = entries.len() - looked_at;
        for entry in entries.iter().take(looked_at) {
            if entry.node_id.as_ref() == Some(&own_id) {
                continue;
            }
            match numeric(&entry.address, entry.port) {
                Some(address) if may_pass(&address, &teller.remote) => {
                    let source = PeerSource::PeerExchange;
                    self.known.learn(&address, source, Some(&teller), now);
                }
                _ => refused += 1,
            }
        }
        refused
    }
}

impl PeerManager {
    /// Learns where a node says in its keep-alive that it can be dialed. Its neighbour `conn` brought
    /// that, and is believed no further than it could reach itself.
    pub(crate) fn learn_stated(
        &mut self,
        conn: ConnId,
        node: NodeId,
        addresses: &[PeerAddress],
        now: Now,
    ) {
        let Some(peer) = self.sessions.get_mut(&conn) else {
            return;
        };
        let teller = Teller {
            id: peer.id.clone(),
            remote: peer.remote.clone(),
        };
        for address in addresses {
            let numeric = address.ip().is_some() && may_pass(address, &teller.remote);
            if !numeric || !peer.tolls.admits(Toll::NameAddress, now.mono) {
                continue;
            }
            let source = PeerSource::PeerExchange;
            let known = self.known.learn(address, source, Some(&teller), now);
            if let Some(known) = known.filter(|known| known.id.is_none()) {
                known.claimed = Some(node);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_in_numbers_are_read() {
        let read = |host: &str| numeric(host, 3000).map(|address| address.to_string());
        assert_eq!(read("8.8.8.8").unwrap(), "8.8.8.8:3000");
        assert_eq!(read("2001:db8::1").unwrap(), "[2001:db8::1]:3000");
        assert_eq!(read("::ffff:127.0.0.1").unwrap(), "127.0.0.1:3000");
        for bad in [
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.0.0.1.",
            "localhost",
            "a.example",
            "",
            "fe80::1%1",
            "[::1]",
            "8.8.8.8 ",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(numeric("8.8.8.8", 0), None);
    }

    #[test]
    fn an_address_passes_only_where_it_can_be_reached() {
        let (here, lan, wan) = ("127.0.0.1:1", "192.168.1.5:1", "8.8.8.8:1");
        let cases = [
            (here, here, true),
            (here, lan, false),
            (here, wan, false),
            (lan, here, true),
            (lan, lan, true),
            (lan, wan, false),
            (wan, here, true),
            (wan, lan, true),
            (wan, wan, true),
            ("[::1]:1", wan, false),
            ("[fd00::1]:1", wan, false),
            ("100.64.0.1:1", wan, false),
            ("169.254.169.254:80", wan, false),
            ("192.0.0.8:1", wan, false),
            ("198.18.0.1:1", wan, false),
            ("0.0.0.1:1", here, false),
            ("240.0.0.1:1", here, false),
            ("[::127.0.0.1]:1", wan, false),
            ("[64:ff9b::7f00:1]:1", wan, false),
            ("[64:ff9b::808:808]:1", wan, true),
            ("[2002:c0a8:1::1]:1", wan, false),
            ("[fec0::1]:1", wan, false),
            ("[2001:4860:4860::8888]:1", wan, true),
            ("localhost:1", wan, false),
            ("node.example.org:1", wan, true),
            ("169.254.0.1:1", lan, false),
            ("[fe80::1%2]:1", "[fe80::2%2]:1", false),
            (lan, "[fe80::2%2]:1", true),
        ];
        for (address, peer, passes) in cases {
            let (address, peer) = (address.parse().unwrap(), peer.parse().unwrap());
            assert_eq!(may_pass(&address, &peer), passes, "{address} and {peer}");
        }
    }
}

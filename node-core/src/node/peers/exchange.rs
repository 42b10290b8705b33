//! Which addresses are told to whom, and which are believed from whom.
//!
//! An address is worth telling only to somebody who could reach it: a loopback address only to a
//! peer on this machine, a private one (RFC 1918, RFC 4193, link-local) only to a peer that is
//! itself on a private network or on this machine, a public one to everybody. Nobody is believed
//! to know more than they could: the same rule holds for what a peer tells. Otherwise a stranger
//! could make nodes dial into their own networks.

use std::net::IpAddr;

use super::manager::PeerManager;
use super::policy::{EXCHANGE_EVERY, EXCHANGE_LIMIT};
use super::session::PeerSession;
use super::table::Teller;
use super::tolls::Toll;
use crate::node::io::ConnId;
use crate::node::view::PeerSource;
use crate::protocol::PeerEntry;
use crate::types::{Now, PeerAddress, PeerId};

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
    if ip.is_unspecified() || ip.is_multicast() {
        return None;
    }
    let private = match ip {
        IpAddr::V4(v4) if v4.is_broadcast() => return None,
        // 100.64.0.0/10 is carrier-grade NAT (RFC 6598): as unreachable from outside as RFC 1918.
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private() || v4.is_link_local() || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    Some(match (ip.is_loopback(), private) {
        (true, _) => Scope::ThisMachine,
        (_, true) => Scope::PrivateNetwork,
        _ => Scope::Public,
    })
}

/// Whether `address` may pass, in either direction, between this node and a peer whose
/// connection comes from or goes to `peer`.
pub(crate) fn may_pass(address: &PeerAddress, peer: &PeerAddress) -> bool {
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
            let text = match entry.address.contains(':') {
                true => format!("[{}]:{}", entry.address, entry.port),
                false => format!("{}:{}", entry.address, entry.port),
            };
            match text.parse::<PeerAddress>() {
                Ok(address) if may_pass(&address, &teller.remote) => {
                    let source = PeerSource::PeerExchange;
                    self.known.learn(&address, source, Some(&teller), now);
                }
                _ => refused += 1,
            }
        }
        refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("localhost:1", wan, false),
            ("node.example.org:1", wan, true),
            ("0.0.0.0:1", here, false),
            ("224.0.0.1:1", here, false),
            ("255.255.255.255:1", here, false),
        ];
        for (address, peer, passes) in cases {
            let (address, peer) = (address.parse().unwrap(), peer.parse().unwrap());
            assert_eq!(may_pass(&address, &peer), passes, "{address} and {peer}");
        }
    }
}

//! Who is there on the local network now.

use std::collections::BTreeMap;
use std::net::{SocketAddr, SocketAddrV6};

use mdns_sd::{ResolvedService, ScopedIp};
use tracing::debug;

use super::services::MESHBOOK_SERVICE;
use super::txt;
use crate::discovery::source::{Announcement, Candidate};
use crate::node::{Scope, scope};
use crate::types::PeerAddress;

/// The most announced instances that are remembered; further ones are ignored until one leaves.
pub const MAX_INSTANCES: usize = 100;
/// The most addresses of one instance that are used.
pub const MAX_INSTANCE_ADDRESSES: usize = 4;

/// The instances of both services and their addresses.
#[derive(Debug, Default)]
pub(super) struct Present(BTreeMap<String, Vec<Candidate>>);

impl Present {
    /// An instance is there, or has changed.
    pub(super) fn came(&mut self, service: &ResolvedService, own: &Announcement) {
        let name = service.get_fullname();
        let candidates = match read(service, own) {
            Ok(candidates) => candidates,
            Err(reason) => {
                debug!(name, reason, "ignored an announcement");
                self.0.remove(name);
                return;
            }
        };
        if self.0.len() < MAX_INSTANCES || self.0.contains_key(name) {
            self.0.insert(name.to_owned(), candidates);
        }
    }

    /// An instance said goodbye, or was not heard of for too long.
    pub(super) fn left(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// All candidates, each once: a node of ours is there under both services.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let mut all: Vec<Candidate> = self.0.values().flatten().cloned().collect();
        all.sort_by(|a, b| (&a.address, &a.id).cmp(&(&b.address, &b.id)));
        all.dedup();
        all
    }
}

/// The addresses of an instance that can be dialed.
fn read(service: &ResolvedService, own: &Announcement) -> Result<Vec<Candidate>, &'static str> {
    let entries = service.get_properties();
    let ours = service.ty_domain == MESHBOOK_SERVICE || txt::is_ours(entries);
    let id = ours.then(|| txt::read(entries, own)).transpose()?;
    let port = service.get_port();
    if port == 0 {
        return Err("no port");
    }
    let mut addresses: Vec<PeerAddress> = service
        .get_addresses()
        .iter()
        .filter_map(|ip| PeerAddress::of_peer(socket_address(ip, port)))
        // Nobody else on the network knows what is on this machine.
        .filter(|address| scope(address) >= Some(Scope::PrivateNetwork))
        .collect();
    // What more than one link knows is tried first.
    addresses.sort_by_key(|address| (address.is_link_local(), address.clone()));
    addresses.dedup();
    addresses.truncate(MAX_INSTANCE_ADDRESSES);
    if addresses.is_empty() {
        return Err("no address to dial");
    }
    let candidate = |address| Candidate { address, id };
    Ok(addresses.into_iter().map(candidate).collect())
}

/// Link-local IPv6 goes with the interface on which it was heard.
fn socket_address(ip: &ScopedIp, port: u16) -> SocketAddr {
    match ip {
        ScopedIp::V6(v6) => SocketAddrV6::new(*v6.addr(), port, 0, v6.scope_id().index).into(),
        ip => SocketAddr::new(ip.to_ip_addr(), port),
    }
}

#[cfg(test)]
mod tests {
    use mdns_sd::ServiceInfo;

    use super::*;
    use crate::discovery::mdns::services::ORIGINAL_SERVICE;
    use crate::types::NodeId;

    fn own() -> Announcement {
        Announcement {
            node_id: NodeId([1; 32]),
            network: "local".parse().unwrap(),
            listen: "0.0.0.0:3000".parse().unwrap(),
        }
    }

    fn service(kind: &str, name: &str, ips: &str, txt: &[(&str, String)]) -> ResolvedService {
        let service = ServiceInfo::new(kind, name, &format!("{name}.local."), ips, 4000, txt);
        service.unwrap().as_resolved_service()
    }

    fn node(byte: u8) -> Vec<(&'static str, String)> {
        let other = Announcement {
            node_id: NodeId([byte; 32]),
            ..own()
        };
        txt::write(&other).to_vec()
    }

    #[test]
    fn a_node_under_both_services_is_named_once_with_all_its_addresses() {
        let mut present = Present::default();
        let ips = "10.0.0.7,fd00::7,fe80::7,127.0.0.1,0.0.0.0";
        for kind in [MESHBOOK_SERVICE, ORIGINAL_SERVICE] {
            present.came(&service(kind, "a", ips, &node(2)), &own());
        }
        let addresses = |present: &Present| {
            let candidates = present.candidates().into_iter();
            candidates
                .map(|c| c.address.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(addresses(&present), ["10.0.0.7:4000", "[fd00::7]:4000"]);
        assert!(
            present
                .candidates()
                .iter()
                .all(|c| c.id == Some(NodeId([2; 32])))
        );
        present.left("a._meshbook._tcp.local.");
        assert_eq!(addresses(&present).len(), 2);
        present.left("a._bitfinex-exchange._tcp.local.");
        assert!(addresses(&present).is_empty());
    }

    #[test]
    fn an_original_node_is_named_without_an_id_and_a_foreign_record_of_ours_not_at_all() {
        let mut present = Present::default();
        let foreign = [("nodeId", "old".to_owned())];
        present.came(
            &service(ORIGINAL_SERVICE, "old", "10.0.0.1", &foreign),
            &own(),
        );
        assert_eq!(present.candidates().len(), 1);
        assert_eq!(present.candidates()[0].id, None);
        present.came(
            &service(MESHBOOK_SERVICE, "bad", "10.0.0.2", &foreign),
            &own(),
        );
        present.came(
            &service(MESHBOOK_SERVICE, "own", "10.0.0.3", &node(1)),
            &own(),
        );
        present.came(
            &service(ORIGINAL_SERVICE, "own", "10.0.0.3", &node(1)),
            &own(),
        );
        let mut elsewhere = node(3);
        elsewhere[2].1 = "mainnet".to_owned();
        present.came(
            &service(ORIGINAL_SERVICE, "far", "10.0.0.4", &elsewhere),
            &own(),
        );
        assert_eq!(present.candidates().len(), 1);
    }

    #[test]
    fn a_noisy_network_fills_no_more_than_its_bounds() {
        let mut present = Present::default();
        let many: Vec<String> = (1..100).map(|n| format!("10.0.0.{n}")).collect();
        for n in 0..200 {
            let name = format!("n{n}");
            present.came(
                &service(MESHBOOK_SERVICE, &name, &many.join(","), &node(2)),
                &own(),
            );
        }
        assert_eq!(present.0.len(), MAX_INSTANCES);
        assert_eq!(present.candidates().len(), MAX_INSTANCE_ADDRESSES);
    }
}

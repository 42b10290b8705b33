//! What this node announces on the local network.

use std::net::IpAddr;

use mdns_sd::{IfKind, IfPredicate, ServiceInfo};

use super::txt;
use crate::discovery::source::Announcement;

/// The service of Meshbook nodes.
pub const MESHBOOK_SERVICE: &str = "_meshbook._tcp.local.";
/// The service of the original's nodes, whose name is longer than the standard allows.
pub const ORIGINAL_SERVICE: &str = "_bitfinex-exchange._tcp.local.";
/// The length of that name.
pub(super) const SERVICE_NAME_LENGTH: u8 = 17;

/// So much of the node's id makes names that nobody else on the network has; a label of the DNS
/// has no room for the whole.
const ID_DIGITS: usize = 16;

/// The services to announce, both with the same port and record; none if nobody else on the local
/// network could reach the node.
pub(super) fn services(own: &Announcement) -> mdns_sd::Result<Vec<ServiceInfo>> {
    if own.is_local() {
        return Ok(Vec::new());
    }
    let id = own.node_id.to_string();
    let name = format!("meshbook-{}", id.get(..ID_DIGITS).unwrap_or(&id));
    let entries = txt::write(own);
    let service = |kind: &str| {
        let host = format!("{name}.local.");
        let port = own.listen.port();
        let mut service =
            ServiceInfo::new(kind, &name, &host, "", port, &entries[..])?.enable_addr_auto();
        service.set_interfaces(vec![reachable_at(own.listen.ip())]);
        Ok(service)
    };
    [MESHBOOK_SERVICE, ORIGINAL_SERVICE]
        .into_iter()
        .map(service)
        .collect()
}

/// The addresses of this machine at which a socket that listens on `listen` is reached from
/// outside, as they come and go.
fn reachable_at(listen: IpAddr) -> IfKind {
    IfKind::Predicate(IfPredicate::new(move |interface| {
        let ip = interface.ip();
        !ip.is_loopback()
            && match listen {
                // A socket on `::` serves IPv4 too.
                IpAddr::V6(any) if any.is_unspecified() => true,
                IpAddr::V4(any) if any.is_unspecified() => ip.is_ipv4(),
                one => ip == one,
            }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::NodeId;

    #[test]
    fn a_node_that_only_this_machine_reaches_announces_nothing() {
        let at = |listen: &str| Announcement {
            node_id: NodeId([0xab; 32]),
            network: "local".parse().unwrap(),
            listen: listen.parse().unwrap(),
        };
        assert!(services(&at("127.0.0.1:3000")).unwrap().is_empty());
        assert!(services(&at("[::1]:3000")).unwrap().is_empty());
        let announced = services(&at("0.0.0.0:3000")).unwrap();
        let names: Vec<&str> = announced.iter().map(ServiceInfo::get_fullname).collect();
        assert_eq!(
            names,
            [
                "meshbook-abababababababab._meshbook._tcp.local.",
                "meshbook-abababababababab._bitfinex-exchange._tcp.local.",
            ]
        );
        for service in &announced {
            assert_eq!(service.get_port(), 3000);
            assert_eq!(service.get_property_val_str("id"), Some(&*"ab".repeat(32)));
            assert!(service.is_addr_auto());
        }
    }

    #[test]
    fn the_length_of_the_originals_name_is_allowed_for() {
        let name = ORIGINAL_SERVICE.trim_start_matches('_');
        let name = name.split('.').next().unwrap();
        assert_eq!(name.len(), usize::from(SERVICE_NAME_LENGTH));
    }
}

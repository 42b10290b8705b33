//! Where nodes and services are: IPv4 addresses, in KRPC's compact form.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::id::{ID_LENGTH, NodeId};

/// A node: its id and where it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Contact {
    pub(crate) id: NodeId,
    pub(crate) address: SocketAddrV4,
}

/// The bytes of a compact address.
pub(super) const ADDRESS_LENGTH: usize = 6;
/// The bytes of a compact contact.
const CONTACT_LENGTH: usize = ID_LENGTH + ADDRESS_LENGTH;

/// The contacts in a compact list. What is no place to send to is left out.
pub(super) fn read_contacts(bytes: &[u8], most: usize) -> Vec<Contact> {
    let contacts = bytes.chunks_exact(CONTACT_LENGTH).filter_map(|chunk| {
        let (id, address) = chunk.split_at_checked(ID_LENGTH)?;
        let (id, address) = (NodeId::from_slice(id)?, read_address(address)?);
        Some(Contact { id, address })
    });
    contacts.take(most).collect()
}

pub(super) fn write_contacts(contacts: &[Contact]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(contacts.len() * CONTACT_LENGTH);
    for contact in contacts {
        bytes.extend(contact.id.0);
        bytes.extend(write_address(contact.address));
    }
    bytes
}

/// The address in six bytes, if it is one that can be sent to.
pub(super) fn read_address(bytes: &[u8]) -> Option<SocketAddrV4> {
    let [a, b, c, d, high, low] = *bytes else {
        return None;
    };
    let port = u16::from_be_bytes([high, low]);
    let address = SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), port);
    is_place(address).then_some(address)
}

pub(super) fn write_address(address: SocketAddrV4) -> [u8; ADDRESS_LENGTH] {
    let [a, b, c, d] = address.ip().octets();
    let [high, low] = address.port().to_be_bytes();
    [a, b, c, d, high, low]
}

/// Whether one node can be there.
pub(super) fn is_place(address: SocketAddrV4) -> bool {
    let ip = address.ip();
    let is_many = ip.is_multicast() || ip.is_broadcast() || ip.is_unspecified();
    address.port() != 0 && !is_many
}

/// Whether `teller` may speak of this address: what is on a machine's own loopback means something
/// else on every machine, so only the machine itself may send us there.
pub(super) fn may_tell(teller: Ipv4Addr, address: SocketAddrV4) -> bool {
    teller.is_loopback() || !address.ip().is_loopback()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        Contact, is_place, may_tell, read_address, read_contacts, write_address, write_contacts,
    };
    use crate::dht::id::NodeId;

    #[test]
    fn nobody_is_sent_to_where_no_node_can_be() {
        for address in [
            "0.0.0.0:1",
            "255.255.255.255:1",
            "224.0.0.1:1",
            "10.0.0.1:0",
        ] {
            assert!(!is_place(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn a_stranger_cannot_send_us_to_our_own_machine() {
        let own = "127.0.0.1:22".parse().unwrap();
        assert!(!may_tell("192.0.2.1".parse().unwrap(), own));
        assert!(may_tell("127.0.0.1".parse().unwrap(), own));
    }

    proptest! {
        #[test]
        fn compact_lists_are_read_as_written(
            nodes in prop::collection::vec((any::<[u8; 20]>(), 1_u32..0xe000_0000, 1_u16..), 0..30)
        ) {
            let contacts: Vec<Contact> = nodes.into_iter().map(|(id, ip, port)| Contact {
                id: NodeId(id),
                address: std::net::SocketAddrV4::new(ip.into(), port),
            }).collect();
            prop_assert_eq!(&read_contacts(&write_contacts(&contacts), 30), &contacts);
            for contact in contacts {
                prop_assert_eq!(read_address(&write_address(contact.address)), Some(contact.address));
            }
        }

        #[test]
        fn no_list_gives_more_than_was_asked_for(bytes in any::<Vec<u8>>()) {
            prop_assert!(read_contacts(&bytes, 3).len() <= 3);
        }
    }
}

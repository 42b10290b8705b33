//! The nodes that this one knows: many near it, few far from it.

use std::net::SocketAddrV4;
use std::time::Duration;

use super::contact::Contact;
use super::id::{ID_LENGTH, NodeId, nearer};

/// The most nodes that share as many leading bits with this one, and the most that an answer
/// tells. Grapes have the same.
pub(super) const K: usize = 20;

/// Contacts in buckets by the number of leading bits that they share with this node: at most 160
/// times [`K`], of which strangers can fill few.
#[derive(Debug)]
pub(super) struct Table {
    own: NodeId,
    // Each with the one that was heard longest ago first.
    buckets: Vec<Vec<Known>>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    contact: Contact,
    heard: Duration,
}

/// What became of a node that answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It was known.
    Known,
    /// It is known now.
    New,
    /// There is no room; this one was heard longest ago.
    Full(Contact),
    /// It claims to be this node.
    Own,
}

impl Table {
    pub(super) fn new(own: NodeId) -> Self {
        let buckets = vec![Vec::new(); ID_LENGTH * 8];
        Self { own, buckets }
    }

    /// Notes that a node answered from its address.
    pub(super) fn answered(&mut self, contact: Contact, now: Duration) -> Heard {
        self.remove_address_of_another(contact);
        let Some(bucket) = self.bucket(&contact.id) else {
            return Heard::Own;
        };
        let known = bucket.iter().position(|k| k.contact.id == contact.id);
        let heard = match known {
            // Whoever else has its id: the first keeps it for as long as it answers.
            Some(index) if bucket[index].contact != contact => return Heard::Known,
            Some(index) => {
                bucket.remove(index);
                Heard::Known
            }
            None if bucket.len() < K => Heard::New,
            None => match bucket.first() {
                Some(oldest) => return Heard::Full(oldest.contact),
                None => Heard::New,
            },
        };
        let heard_at = now;
        bucket.push(Known {
            contact,
            heard: heard_at,
        });
        heard
    }

    /// Notes that a node asked. It may be anybody who says so, so only what is known already
    /// counts; the result tells whether it does.
    pub(super) fn asked(&mut self, contact: Contact, now: Duration) -> bool {
        if contact.id == self.own {
            return true;
        }
        let known = self.bucket(&contact.id).and_then(|bucket| {
            let mut known = bucket.iter_mut();
            known.find(|known| known.contact == contact)
        });
        known.map(|known| known.heard = now).is_some()
    }

    /// Whether a new node of this id would find room.
    pub(super) fn has_room(&mut self, id: &NodeId) -> bool {
        self.bucket(id).is_some_and(|bucket| bucket.len() < K)
    }

    pub(super) fn remove(&mut self, id: &NodeId) {
        if let Some(bucket) = self.bucket(id) {
            bucket.retain(|known| known.contact.id != *id);
        }
    }

    pub(super) fn knows_address(&self, address: SocketAddrV4) -> bool {
        let mut contacts = self.contacts();
        contacts.any(|contact| contact.address == address)
    }

    /// The `most` nodes nearest to a target, nearest first.
    pub(super) fn closest(&self, target: &[u8], most: usize) -> Vec<Contact> {
        let mut contacts: Vec<Contact> = self.contacts().collect();
        let nearest = |a: &Contact, b: &Contact| nearer(target, &a.id, &b.id);
        if contacts.len() > most {
            contacts.select_nth_unstable_by(most, nearest);
            contacts.truncate(most);
        }
        contacts.sort_unstable_by(nearest);
        contacts
    }

    /// Nodes that were not heard since a time, those unheard longest first.
    pub(super) fn silent_since(&self, time: Duration, most: usize) -> Vec<Contact> {
        let known = self.buckets.iter().flatten();
        let mut silent: Vec<&Known> = known.filter(|known| known.heard < time).collect();
        silent.sort_unstable_by_key(|known| known.heard);
        let silent = silent.into_iter().take(most);
        silent.map(|known| known.contact).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.buckets.iter().map(Vec::len).sum()
    }

    fn contacts(&self) -> impl Iterator<Item = Contact> {
        self.buckets.iter().flatten().map(|known| known.contact)
    }

    /// A node that was started again has its old address and a new id.
    fn remove_address_of_another(&mut self, contact: Contact) {
        for bucket in &mut self.buckets {
            bucket.retain(|known| {
                known.contact.address != contact.address || known.contact.id == contact.id
            });
        }
    }

    /// `None` for this node's own id.
    fn bucket(&mut self, id: &NodeId) -> Option<&mut Vec<Known>> {
        let shared = self.own.common_bits(id);
        self.buckets.get_mut(shared)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddrV4};
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{Contact, Heard, K, NodeId, Table, nearer};

    const AT: fn(u64) -> Duration = Duration::from_secs;

    fn contact(id: [u8; 20], number: usize) -> Contact {
        let port = u16::try_from(number + 1).unwrap();
        Contact {
            id: NodeId(id),
            address: SocketAddrV4::new(Ipv4Addr::LOCALHOST, port),
        }
    }

    fn far(number: usize) -> Contact {
        let mut id = [0x80; 20];
        id[19] = u8::try_from(number).unwrap();
        contact(id, number)
    }

    fn full() -> Table {
        let mut table = Table::new(NodeId([0; 20]));
        for number in 0..K {
            assert_eq!(table.answered(far(number), AT(number as u64)), Heard::New);
        }
        table
    }

    #[test]
    fn a_full_bucket_names_whom_to_ask_whether_it_is_still_there() {
        let mut table = full();
        assert!(!table.has_room(&far(K).id));
        assert_eq!(table.answered(far(K), AT(99)), Heard::Full(far(0)));
        assert_eq!(table.answered(far(0), AT(99)), Heard::Known);
        assert_eq!(table.answered(far(K), AT(99)), Heard::Full(far(1)));
        table.remove(&far(1).id);
        assert_eq!(table.answered(far(K), AT(99)), Heard::New);
        assert_eq!(table.len(), K);
        assert_eq!(table.silent_since(AT(4), 5), [far(2), far(3)]);
    }

    #[test]
    fn who_only_asks_takes_no_room() {
        let mut table = full();
        assert!(!table.asked(far(K), AT(99)));
        assert!(table.asked(far(0), AT(99)));
        assert_eq!(table.silent_since(AT(2), 5), [far(1)]);
        let mut forged = far(1);
        forged.address = far(2).address;
        assert!(!table.asked(forged, AT(99)));
    }

    #[test]
    fn a_node_that_was_started_again_is_known_once() {
        let mut table = full();
        let mut again = far(3);
        again.id.0[5] ^= 1;
        assert_eq!(table.answered(again, AT(99)), Heard::New);
        assert_eq!(table.len(), K);
        assert!(table.closest(&again.id.0, 1) == [again]);
    }

    #[test]
    fn nobody_takes_over_the_id_of_another() {
        let mut table = full();
        let mut thief = far(3);
        thief.address.set_port(999);
        assert_eq!(table.answered(thief, AT(99)), Heard::Known);
        assert_eq!(table.closest(&thief.id.0, 1), [far(3)]);
    }

    #[test]
    fn nobody_is_this_node() {
        let mut table = full();
        let own = contact([0; 20], 77);
        assert_eq!(table.answered(own, AT(1)), Heard::Own);
        assert_eq!(table.len(), K);
    }

    proptest! {
        #[test]
        fn the_closest_are_the_closest(
            ids in prop::collection::vec(any::<[u8; 20]>(), 0..60),
            target in prop::collection::vec(any::<u8>(), 1..40), most in 0_usize..30,
        ) {
            let mut table = Table::new(NodeId([0; 20]));
            for (number, id) in ids.into_iter().enumerate() {
                table.answered(contact(id, number), AT(0));
            }
            let mut all: Vec<Contact> = table.contacts().collect();
            all.sort_by(|a, b| nearer(&target, &a.id, &b.id));
            let closest = table.closest(&target, most);
            prop_assert_eq!(closest.len(), most.min(all.len()));
            for (found, expected) in closest.iter().zip(&all) {
                prop_assert!(nearer(&target, &found.id, &expected.id).is_eq());
            }
        }
    }
}

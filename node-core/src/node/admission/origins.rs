//! By which party each owner became known here, and which owners have traded with this node.

use std::collections::VecDeque;

use crate::collections::{BTreeMap, BTreeSet};
use crate::node::peers::Share;
use crate::types::{Millis, NodeId};

/// Partners that are remembered. Trades with this node are as free as keys, so the oldest partner
/// is forgotten when there are more.
const MAX_PARTNERS: usize = 1_000;

/// How an owner became known.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// The party whose session brought it; none if it came out of this node's own store.
    pub(super) share: Option<Share>,
    /// When (monotonic).
    pub(super) since: Millis,
}

/// Where the known owners come from.
#[derive(Debug, Default)]
pub(super) struct OwnerOrigins {
    origins: BTreeMap<NodeId, Origin>,
    partners: BTreeSet<NodeId>,
    partner_order: VecDeque<NodeId>,
}

impl OwnerOrigins {
    pub(super) fn get(&self, owner: &NodeId) -> Option<&Origin> {
        self.origins.get(owner)
    }

    pub(super) fn len(&self) -> usize {
        self.origins.len()
    }

    /// Notes how an owner became known, unless that is noted already.
    pub(super) fn note(&mut self, owner: NodeId, share: Option<Share>, now: Millis) {
        let since = now;
        self.origins
            .entry(owner)
            .or_insert_with(|| Origin { share, since });
    }

    /// Forgets the owners for which `is_known` is false.
    pub(super) fn retain(&mut self, is_known: impl Fn(&NodeId) -> bool) {
        self.origins.retain(|owner, _| is_known(owner));
    }

    pub(super) fn forget(&mut self, owner: &NodeId) {
        self.origins.remove(owner);
    }

    /// Notes that this node traded with an owner.
    pub(super) fn note_partner(&mut self, owner: NodeId) {
        if !self.partners.insert(owner) {
            return;
        }
        self.partner_order.push_back(owner);
        if self.partner_order.len() > MAX_PARTNERS
            && let Some(oldest) = self.partner_order.pop_front()
        {
            self.partners.remove(&oldest);
        }
    }

    /// Whether this node traded with an owner lately.
    pub(super) fn is_partner(&self, owner: &NodeId) -> bool {
        self.partners.contains(owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(number: u64) -> NodeId {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        NodeId(id)
    }

    #[test]
    fn first_origin_of_an_owner_stays() {
        let mut origins = OwnerOrigins::default();
        origins.note(owner(1), None, Millis(1));
        origins.note(owner(1), None, Millis(2));
        assert_eq!(origins.get(&owner(1)).unwrap().since, Millis(1));
        origins.retain(|_| false);
        assert_eq!(origins.len(), 0);
    }

    #[test]
    fn partners_are_bounded_and_oldest_is_forgotten() {
        let mut origins = OwnerOrigins::default();
        let most = MAX_PARTNERS as u64;
        for number in 0..most {
            origins.note_partner(owner(number));
            origins.note_partner(owner(0));
        }
        assert!(origins.is_partner(&owner(0)));
        origins.note_partner(owner(most));
        assert!(!origins.is_partner(&owner(0)));
        assert!(origins.is_partner(&owner(1)) && origins.is_partner(&owner(most)));
    }
}

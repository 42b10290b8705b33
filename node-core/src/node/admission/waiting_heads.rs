//! Keep-alives of owners of whom no order is here. They make no owner known: they wait here for the
//! first order, which can be on its way.

use crate::collections::{BTreeMap, BTreeSet};
use crate::ledger::Statement;
use crate::node::io::ConnId;
use crate::node::peers::Share;
use crate::types::{Millis, NodeId};

/// Keep-alives that wait, over all parties.
pub(super) const MAX_WAITING_HEADS: usize = 1_024;

/// A keep-alive that waits.
#[derive(Clone, Debug)]
pub(in crate::node) struct WaitingHead {
    pub(in crate::node) ka: Statement,
    /// The session that brought it.
    pub(in crate::node) conn: ConnId,
    share: Share,
    since: Millis,
}

impl WaitingHead {
    /// The party whose session brought it.
    pub(super) fn share(&self) -> Share {
        self.share.clone()
    }
}

/// A keep-alive was kept.
#[derive(Debug)]
pub(super) struct Kept {
    /// The owner whose keep-alive was dropped for it.
    pub(super) dropped: Option<NodeId>,
}

/// The newest keep-alive of each such owner. Beyond the bound the party with most of them loses its
/// oldest.
#[derive(Debug, Default)]
pub(super) struct WaitingHeads {
    by_owner: BTreeMap<NodeId, WaitingHead>,
    by_share: BTreeMap<Share, BTreeSet<(Millis, NodeId)>>,
}

impl WaitingHeads {
    /// Keeps a keep-alive, unless a newer one of its owner waits; none if it was not kept for that.
    pub(super) fn keep(
        &mut self,
        ka: &Statement,
        conn: ConnId,
        share: Share,
        now: Millis,
    ) -> Option<Kept> {
        let owner = ka.owner();
        if let Some(known) = self.by_owner.get(&owner)
            && known.ka.n() >= ka.n()
        {
            return None;
        }
        self.take(&owner);
        let ka = ka.clone();
        let since = now;
        self.by_share
            .entry(share.clone())
            .or_default()
            .insert((now, owner));
        self.by_owner.insert(
            owner,
            WaitingHead {
                ka,
                conn,
                share,
                since,
            },
        );
        let mut dropped = None;
        if self.by_owner.len() > MAX_WAITING_HEADS {
            let fullest = self.by_share.values().max_by_key(|owners| owners.len());
            dropped = fullest.and_then(BTreeSet::first).map(|(_, owner)| *owner);
            if let Some(oldest) = dropped {
                self.take(&oldest);
            }
        }
        Some(Kept { dropped })
    }

    pub(super) fn get(&self, owner: &NodeId) -> Option<&WaitingHead> {
        self.by_owner.get(owner)
    }

    /// Takes out the keep-alive of an owner that is known by now.
    pub(super) fn take(&mut self, owner: &NodeId) -> Option<WaitingHead> {
        let head = self.by_owner.remove(owner)?;
        if let Some(owners) = self.by_share.get_mut(&head.share) {
            owners.remove(&(head.since, *owner));
            if owners.is_empty() {
                self.by_share.remove(&head.share);
            }
        }
        Some(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Identity, Inventory, Ka, Payload};

    fn ka(number: u64, n: u64) -> Statement {
        let mut seed = [9; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        let ka = Ka {
            n,
            ts: Millis(n),
            live: true,
            cnt: 1,
            root: Inventory::new(Vec::new()).root,
            addrs: Vec::new(),
        };
        let network = "local".parse().unwrap();
        Identity::from_seed(seed)
            .sign(&network, Payload::Ka(ka))
            .unwrap()
    }

    fn share(key: u8) -> Share {
        Share::Peer(NodeId([key; 32]))
    }

    #[test]
    fn fullest_share_loses_its_oldest() {
        let mut heads = WaitingHeads::default();
        let first = ka(0, 1);
        heads.keep(&first, ConnId(1), share(1), Millis(0));
        for number in 1..MAX_WAITING_HEADS as u64 {
            let kept = heads.keep(&ka(number, 1), ConnId(2), share(2), Millis(number));
            assert_eq!(kept.unwrap().dropped, None);
        }
        for number in 5_000..5_010 {
            let kept = heads.keep(&ka(number, 1), ConnId(2), share(2), Millis(number));
            let dropped = kept.unwrap().dropped.unwrap();
            assert_eq!(dropped, ka(number - 4_999, 1).owner());
            assert!(heads.get(&dropped).is_none());
        }
        assert!(heads.get(&first.owner()).is_some());
        assert_eq!(heads.by_owner.len(), MAX_WAITING_HEADS);
    }

    #[test]
    fn newest_keep_alive_of_an_owner_stays() {
        let mut heads = WaitingHeads::default();
        assert!(
            heads
                .keep(&ka(1, 2), ConnId(1), share(1), Millis(0))
                .is_some()
        );
        for older in [1, 2] {
            assert!(
                heads
                    .keep(&ka(1, older), ConnId(2), share(2), Millis(1))
                    .is_none()
            );
        }
        assert!(
            heads
                .keep(&ka(1, 3), ConnId(2), share(2), Millis(1))
                .is_some()
        );
        let head = heads.take(&ka(1, 1).owner()).unwrap();
        assert_eq!((head.ka.n(), head.conn), (Some(3), ConnId(2)));
        assert!(heads.by_owner.is_empty() && heads.by_share.is_empty());
    }
}

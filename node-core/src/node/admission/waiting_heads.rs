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

/// The newest keep-alive of each such owner. Beyond the bound the party with most of them loses its
/// oldest.
#[derive(Debug, Default)]
pub(super) struct WaitingHeads {
    by_owner: BTreeMap<NodeId, WaitingHead>,
    by_share: BTreeMap<Share, BTreeSet<(Millis, NodeId)>>,
}

impl WaitingHeads {
    /// Keeps a keep-alive, unless a newer one of its owner waits. Says whether it is news.
    pub(super) fn keep(&mut self, ka: &Statement, conn: ConnId, share: Share, now: Millis) -> bool {
        let owner = ka.owner();
        if let Some(known) = self.by_owner.get(&owner)
            && known.ka.n() >= ka.n()
        {
            return false;
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
        if self.by_owner.len() > MAX_WAITING_HEADS {
            let fullest = self.by_share.values().max_by_key(|owners| owners.len());
            let oldest = fullest.and_then(BTreeSet::first).map(|(_, owner)| *owner);
            if let Some(oldest) = oldest {
                self.take(&oldest);
            }
        }
        true
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

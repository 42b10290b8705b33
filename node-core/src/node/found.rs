//! Addresses that sources name, and rounds in which all that are known are tried again.

use super::core::{Node, Phase};
use super::view::PeerSource;
use crate::types::{NodeId, Now, PeerAddress};

impl Node {
    pub(super) fn on_found(
        &mut self,
        address: &PeerAddress,
        id: Option<NodeId>,
        source: PeerSource,
        now: Now,
    ) {
        if self.peers.found(address, id, source, now) {
            self.hurry(now.mono);
        } else {
            self.counters.count("address_not_kept");
        }
    }

    /// Whether no peer is connected, and every known address failed when it was last tried.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.peers.is_alone()
    }

    /// Dials every known peer that isn't connected as soon as there is room, whatever pause it
    /// was in, and tells all peers about peers. Addresses that were tried a moment ago keep
    /// their pause.
    pub fn discover(&mut self, now: Now) {
        if self.phase == Phase::Running {
            self.peers.bring_forward(now);
            self.hurry(now.mono);
        }
    }
}

//! Who may have no session here, as the user says.

use super::core::Node;
use super::peers::{Ban, BanTarget};
use crate::protocol::ErrorCode;
use crate::types::{InvalidValue, Millis, Now};

/// The longest ban that a user may set: ten years.
const LONGEST: Millis = Millis::from_secs(10 * 365 * 24 * 3_600);

impl Node {
    /// The bans that hold: this node's own, for what somebody did, and the user's.
    #[must_use]
    pub fn bans(&self, now: Now) -> Vec<Ban> {
        self.peers.bans(now)
    }

    /// Bans somebody for so long, and ends the sessions with it.
    ///
    /// # Errors
    /// The peer is this node itself, or the time is none or longer than ten years; nothing is changed
    /// then.
    pub fn ban(&mut self, peer: BanTarget, length: Millis, now: Now) -> Result<Ban, InvalidValue> {
        if peer == BanTarget::Node(self.node_id()) {
            let allowed = "another node than this one";
            return Err(InvalidValue::new("peer", peer.to_string(), allowed));
        }
        if length == Millis::ZERO || length > LONGEST {
            let allowed = "more than 0 and at most 315360000000 milliseconds (10 years)";
            return Err(InvalidValue::new("duration", length.to_string(), allowed));
        }
        let ban = Ban {
            peer,
            until: now.wall + length,
            length,
            by_user: true,
        };
        for conn in self.peers.ban(ban.clone(), now) {
            let message = "this peer is banned for a while".to_owned();
            let error = Some((ErrorCode::AuthenticationFailed, message));
            self.close(conn, error, "banned");
            self.on_disconnected(conn, "banned", now);
        }
        Ok(ban)
    }

    /// Ends a ban; says whether there was one. What the peer did before is forgiven.
    pub fn unban(&mut self, peer: BanTarget, now: Now) -> bool {
        let held = self.peers.unban(peer, now);
        self.hurry(now.mono);
        held
    }

    /// Takes up the bans of an earlier run, as [`bans`](Self::bans) gave them.
    pub fn load_bans(&mut self, bans: Vec<Ban>, now: Now) {
        self.peers.load_bans(bans, now);
    }
}

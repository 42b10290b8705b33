//! The clocks of other nodes, as far as they count against this node's own.

use super::manager::PeerManager;
use super::places::{Party, party};
use crate::node::view::Direction;

/// What the clocks of others show more than this node's, in milliseconds: one vote a party (a /24 or
/// /48, in private networks a host), only of peers that this node dialed. Anybody can dial this node, as
/// often as he likes; whom it dials it chose among all that it knows, from each party a few.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClockVotes {
    /// In ascending order.
    offsets: Vec<i64>,
}

impl ClockVotes {
    fn new(mut offsets: Vec<i64>) -> Self {
        offsets.sort_unstable();
        Self { offsets }
    }

    pub(crate) const fn count(&self) -> usize {
        self.offsets.len()
    }

    /// The median. Of the two in the middle of an even number the one nearer to this node's clock; if
    /// that is between both, 0. So it takes more than half of the votes to find this clock wrong,
    /// and with two both of them. `None` without a vote.
    pub(crate) fn median(&self) -> Option<i64> {
        let last = self.offsets.len().checked_sub(1)?;
        let low = *self.offsets.get(last / 2)?;
        let high = *self.offsets.get(last.div_ceil(2))?;
        Some(match (low.signum(), high.signum()) {
            (1, _) => low,
            (_, -1) => high,
            _ => 0,
        })
    }

    /// The vote that is furthest off.
    pub(crate) fn furthest(&self) -> Option<i64> {
        let votes = self.offsets.iter().copied();
        votes.max_by_key(|offset| offset.unsigned_abs())
    }
}

impl PeerManager {
    /// The votes of the peers that are connected; of one party's the one that was first.
    pub(crate) fn clock_votes(&self) -> ClockVotes {
        let mut parties: Vec<Party> = Vec::new();
        let mut offsets = Vec::new();
        for session in self.x1() {
            let chosen = session.direction == Direction::Outbound;
            let Some(offset) = session.clock_offset.filter(|_| chosen) else {
                continue;
            };
            let party = party(&session.remote);
            if !parties.contains(&party) {
                parties.push(party);
                offsets.push(offset);
            }
        }
        ClockVotes::new(offsets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_half_of_the_votes_find_a_clock_wrong() {
        let median = |offsets: &[i64]| ClockVotes::new(offsets.to_vec()).median();
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[20_000]), Some(20_000));
        // Two have to agree, and then the nearer one counts.
        assert_eq!(median(&[3, 60_000]), Some(3));
        assert_eq!(median(&[60_000, 30_000]), Some(30_000));
        assert_eq!(median(&[-60_000, -30_000]), Some(-30_000));
        assert_eq!(median(&[-60_000, 60_000]), Some(0));
        assert_eq!(median(&[60_000, 1, 60_000]), Some(60_000));
        assert_eq!(median(&[60_000, 1, 2, 60_000]), Some(2));
        assert_eq!(median(&[60_000, 60_000, 60_000, -1]), Some(60_000));
    }
}

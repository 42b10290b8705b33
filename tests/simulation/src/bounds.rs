//! Small bounds, so that runs reach what takes a node in the field hours of a flood.
//!
//! Each is as small as leaves the honest nodes of a run what they need: where room is shared by
//! the sessions that bring something, the share of one session holds all that is honest.

use clap::ValueEnum;
use meshbook::node::NodeConfig;

use crate::random::Random;
use crate::rogues::MOST_ROGUES;

/// Something of which nodes store little in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum Bound {
    /// Owners with orders or a keep-alive.
    Owners,
    /// Open orders of other owners.
    StoredOrders,
    /// Orders that are not open any more.
    InactiveOrders,
    /// Trades in memory.
    Trades,
    /// Trades known as forgotten for want of room.
    ForgottenTrades,
    /// Statements about orders whose `place` has not come.
    Orphans,
    /// Statements at hand for the search for contradictions.
    RecentStatements,
    /// Revoked owners, and proofs that wait to be taken.
    Proofs,
    /// Statements and trades dated in the future.
    Early,
    /// Refusals kept by makers.
    Refusals,
    /// Makers, and owners, that are not asked for a while.
    Avoided,
    /// Ways to nodes without a session.
    Paths,
    /// Forwarded messages known again.
    ForwardsSeen,
    /// Addressed messages that wait for a way.
    WaitingMessages,
    /// News known to have come lately.
    RecentNews,
    /// News to be asked of one peer.
    Wanted,
}

/// The bounds that seeds decide on. The others are for `--bounds` alone. Of them `owners` and
/// `stored-orders` show a gap that is not closed yet, in one of some thousand runs: where neighbours pass
/// on a flood of fresh keys with orders, their own shares are full of it, and the first order of an honest
/// owner behind them finds no room for minutes.
const DRAWN: [Bound; 9] = [
    Bound::Refusals,
    Bound::RecentStatements,
    Bound::Proofs,
    Bound::Early,
    Bound::Avoided,
    Bound::Paths,
    Bound::ForwardsSeen,
    Bound::WaitingMessages,
    Bound::RecentNews,
];

impl Bound {
    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The bounds that are small in this run.
    pub(crate) fn draw(random: &mut Random) -> impl Iterator<Item = Self> {
        let share = random.pick(&[0, 0, 25, 50]);
        DRAWN.into_iter().filter(move |_| random.percent(share))
    }

    /// Lowers it for a node of a run with so many nodes, whose users act so often.
    pub(crate) fn lower(self, config: &mut NodeConfig, nodes: usize, actions: usize) {
        let sessions = nodes + MOST_ROGUES;
        let node = &mut config.bounds;
        let ledger = &mut node.ledger;
        match self {
            Self::Owners => ledger.owners = sessions * nodes,
            Self::StoredOrders => {
                let orders = u32::try_from(sessions * actions).unwrap_or(u32::MAX);
                config.limits.stored_orders = orders;
            }
            Self::InactiveOrders => ledger.inactive_orders = 4 * actions,
            Self::Trades => ledger.trades = 4 * actions,
            Self::ForgottenTrades => ledger.forgotten_trades = 4 * actions,
            Self::Orphans => (ledger.orphans, ledger.orphans_per_signer) = (16, 8),
            Self::RecentStatements => ledger.recent_statements = 16,
            Self::Proofs => (ledger.proofs, ledger.found_proofs) = (2, 1),
            Self::Early => ledger.early = 8,
            Self::Refusals => node.refusals = 4 * actions,
            Self::Avoided => node.avoided = 4,
            Self::Paths => node.paths = 2 * nodes,
            Self::ForwardsSeen => node.forwards_seen = 64,
            Self::WaitingMessages => node.waiting_messages = 4,
            Self::RecentNews => node.recent_news = 32,
            Self::Wanted => node.wanted_per_peer = 64,
        }
    }
}

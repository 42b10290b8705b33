//! How news spreads in a large network where nothing goes wrong: real nodes, real messages, and a
//! count of everything that is sent.
//!
//! Nobody judges the rules here: that is what the faulty networks are for.

mod network;
mod tally;

pub use tally::{Figures, Kind, Tally};

use std::fmt;

use crate::spread::network::Spreading;

/// Who there is, and what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How many nodes.
    pub nodes: usize,
    /// The most connections of a node; of those that it dials, half as many.
    pub connections: usize,
    /// Every node dials every other one.
    pub mesh: bool,
    /// How many orders are placed; every eighth is cancelled later.
    pub orders: usize,
    /// How many nodes place them, at most.
    pub owners: usize,
    /// Where all chance comes from.
    pub seed: u64,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            nodes, connections, ..
        } = self;
        match self.mesh {
            true => write!(f, "{nodes} nodes, each connected to all others"),
            false => write!(f, "{nodes} nodes, at most {connections} connections each"),
        }
    }
}

/// Lets the network come up, places the orders and waits until they are everywhere.
///
/// # Errors
/// Says what did not arrive in four minutes after the last order, or whose books differ.
pub fn spread(plan: &Plan) -> Result<Tally, String> {
    Spreading::new(*plan).run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_reaches_every_node_by_a_short_way_and_about_once() {
        let plan = Plan {
            nodes: 60,
            connections: 50,
            mesh: false,
            orders: 120,
            owners: 30,
            seed: 1,
        };
        let tally = spread(&plan).unwrap_or_else(|missing| panic!("{missing}"));
        let warm = tally.warm.figures();
        assert_eq!(tally.warm.deliveries(), tally.warm.said * 59);
        assert!(warm.duplicates < 2.0, "{warm:?}");
        assert!(warm.hops[1] <= 6, "{warm:?}");
        assert_eq!(tally, spread(&plan).unwrap_or_default());
    }
}

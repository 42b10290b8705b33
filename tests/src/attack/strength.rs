//! How much an attacker has.

use serde::{Deserialize, Serialize};

/// How much of everything an attacker has and does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strength {
    /// Connections at once that say nothing.
    pub connects: usize,
    /// Connections at once that drip.
    pub drips: usize,
    /// Sessions at once, as far as the node lets them in.
    pub sessions: usize,
    /// Frames a second, of all sessions together.
    pub frames: u32,
    /// Fresh owners.
    pub identities: usize,
    /// Orders of each of them; an owner may have 200.
    pub orders: usize,
    /// Statements that were valid once.
    pub old: usize,
    /// False addresses.
    pub addresses: usize,
    /// Owners without orders that one session tells of at once.
    pub owners: usize,
    /// Sessions with a false clock.
    pub liars: usize,
    /// HTTP connections that hang, to each address.
    pub hung: usize,
}

impl Strength {
    /// What a node has to withstand.
    #[must_use]
    pub const fn full() -> Self {
        Self {
            connects: 10_000,
            drips: 2_000,
            sessions: 8,
            frames: 50_000,
            identities: 1_000,
            orders: 200,
            // More than a node remembers as verified.
            old: 20_000,
            addresses: 100_000,
            // More than a node has room for.
            owners: 10_100,
            // More than there are honest sessions, and room for them.
            liars: 12,
            hung: 300,
        }
    }

    /// As much as does its work in a second or two.
    #[must_use]
    pub const fn brief() -> Self {
        Self {
            connects: 500,
            drips: 200,
            sessions: 4,
            frames: 50_000,
            identities: 20,
            orders: 100,
            old: 500,
            addresses: 2_000,
            owners: 10_100,
            liars: 5,
            hung: 100,
        }
    }
}

//! What others may claim of this node, as far as it can be set. The numbers that are part of the
//! protocol or of how the node works are constants where they are used; `docs/limits.md` has all.

/// What others may claim of this node. Each is at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Inbound sessions from one IPv4 address or one IPv6 /64. Loopback addresses are not held to
    /// it.
    pub peers_per_address: u32,
    /// Inbound sessions from one IPv4 /24 or one IPv6 /48. Addresses of private networks, in which
    /// everybody is a neighbour, are not held to it.
    pub peers_per_subnet: u32,
    /// Messages of one peer in a second, on average.
    pub peer_messages: u32,
    /// KiB of messages of one peer in a second, on average.
    pub peer_kilobytes: u32,
    /// Signatures of one peer that are looked at in a second, on average.
    pub peer_signatures: u32,
    /// Things of one peer in a second, on average, that change nothing here: what is known or
    /// over already, and what is neither order nor trade.
    pub peer_repeats: u32,
    /// Requests of one peer in a second, on average, that make this node look things up.
    pub peer_requests: u32,
    /// Open orders of other owners that are kept, each of some 2.5 KB with all that belongs to it.
    pub stored_orders: u32,
}

impl Limits {
    /// What a node allows where nothing else is said: no honest peer of a busy market comes near
    /// it.
    pub const DEFAULT: Self = Self {
        peers_per_address: 8,
        peers_per_subnet: 16,
        peer_messages: 20_000,
        peer_kilobytes: 32 * 1024,
        peer_signatures: 50_000,
        peer_repeats: 2_000,
        peer_requests: 100,
        stored_orders: 50_000,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

//! What must survive the process: the border between the node and its store.
//!
//! The store is a set of tables of keys and values. The node says what to write, as
//! [`Output::Persist`](super::Output::Persist); the driver commits all writes of one batch of
//! outputs at once, and carries the batch's other outputs out only after that. After a start the
//! node is given everything that was written.

use bytes::Bytes;

/// A table of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Single values: the last sequence number that was used.
    Meta,
    /// This node's own orders, by id, as far as they are remembered.
    Orders,
    /// Requests in flight, by take id.
    Takes,
    /// The trades of this node's orders in [`Self::Orders`], by order id and trade id.
    Fills,
    /// The trades of this node's key in the order of their [`TradeRank`](crate::ledger::TradeRank):
    /// its own history. Never removed.
    Trades,
    /// Proofs of misbehaviour, by owner.
    Proofs,
    /// Trades of others, by the same keys as in [`Self::Trades`], for as long as the node remembers
    /// them. A value begins with the party that brought the trade ([`share_of`]). The node removes
    /// what it forgets; a store may keep more of it as history, as far as it has room.
    Others,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Meta,
        Self::Orders,
        Self::Takes,
        Self::Fills,
        Self::Trades,
        Self::Proofs,
        Self::Others,
    ];

    /// Its name, which never changes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Orders => "orders",
            Self::Takes => "takes",
            Self::Fills => "fills",
            Self::Trades => "trades",
            Self::Proofs => "proofs",
            Self::Others => "others",
        }
    }
}

/// One change of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Where.
    pub table: Table,
    /// Which entry.
    pub key: Bytes,
    /// What it becomes; `None` removes it.
    pub value: Option<Bytes>,
    /// It may be lost in a crash of the machine, since other nodes know it too: a batch of
    /// nothing but such writes need not be flushed.
    pub lazy: bool,
}

/// One entry of the store, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub table: Table,
    /// Which.
    pub key: Bytes,
    /// What it is.
    pub value: Bytes,
}

/// The party that brought an entry of [`Table::Others`], by its value: what one party brought is
/// bounded together.
#[must_use]
pub fn share_of(value: &[u8]) -> u64 {
    let share = value.first_chunk();
    share.map_or(0, |share| u64::from_le_bytes(*share))
}

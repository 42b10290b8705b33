//! The bounds of what a ledger stores, as values: a simulated network reaches small ones.

use super::limits;

/// How much a ledger stores of each kind. No user sets these: [`DEFAULT`](Self::DEFAULT) is what
/// nodes run with. Each is at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerBounds {
    /// Owners with orders or a keep-alive: [`limits::OWNERS`].
    pub owners: usize,
    /// Orders that are not open, over all owners: [`limits::INACTIVE_KEPT`].
    pub inactive_orders: usize,
    /// Trades: [`limits::TRADES_KEPT`].
    pub trades: usize,
    /// Trades known as forgotten: [`limits::TRADES_FORGOTTEN`].
    pub forgotten_trades: usize,
    /// Takes known as refused: [`limits::FREED_KEPT`].
    pub freed_takes: usize,
    /// Orders without a known `place` that statements are kept for: [`limits::ORPHANS`].
    pub orphans: usize,
    /// The same for one signer: [`limits::ORPHANS_PER_SIGNER`].
    pub orphans_per_signer: usize,
    /// Statements kept for the search for contradictions: [`limits::RECENT_KEPT`].
    pub recent_statements: usize,
    /// Revoked owners: [`limits::PROOFS_KEPT`].
    pub proofs: usize,
    /// Proofs found and not yet taken: [`limits::FOUND_KEPT`].
    pub found_proofs: usize,
    /// Statements and trades dated in the future: [`limits::QUARANTINE`].
    pub early: usize,
}

impl LedgerBounds {
    /// The bounds that nodes run with.
    pub const DEFAULT: Self = Self {
        owners: limits::OWNERS,
        inactive_orders: limits::INACTIVE_KEPT,
        trades: limits::TRADES_KEPT,
        forgotten_trades: limits::TRADES_FORGOTTEN,
        freed_takes: limits::FREED_KEPT,
        orphans: limits::ORPHANS,
        orphans_per_signer: limits::ORPHANS_PER_SIGNER,
        recent_statements: limits::RECENT_KEPT,
        proofs: limits::PROOFS_KEPT,
        found_proofs: limits::FOUND_KEPT,
        early: limits::QUARANTINE,
    };
}

impl Default for LedgerBounds {
    fn default() -> Self {
        Self::DEFAULT
    }
}

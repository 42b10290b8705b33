//! Signed statements, fills and the replicated set that they form (pure).
//!
//! An order is the segment `[0, amount)`, and only its owner's node may burn pieces of it. A
//! trade burns one piece of two orders and carries both owners' signatures. Everything that is
//! replicated is a set of [`Statement`]s and [`TradeRecord`]s, so that neither the order of
//! arrival nor repetition can matter.

mod bounds;
mod claims;
mod detect;
#[cfg(test)]
mod detect_tests;
mod heads;
#[cfg(test)]
mod heads_tests;
mod identity;
mod inventory;
#[cfg(test)]
mod inventory_tests;
pub mod limits;
mod order_set;
mod order_state;
mod orphans;
mod outcome;
mod packed;
mod payload;
mod pieces;
mod proof;
#[cfg(test)]
mod proof_tests;
mod quarantine;
mod retained;
mod retained_set;
mod revoked;
#[cfg(test)]
mod revoked_tests;
#[cfg(any(test, target_arch = "wasm32"))]
mod small_key;
mod smallest;
mod statement;
mod store;
#[cfg(test)]
mod store_tests;
#[cfg(test)]
mod testing;
mod text;
mod trade;
mod trade_set;
#[cfg(test)]
mod trade_set_tests;
mod verifier;
mod watch;
mod why;

pub use bounds::LedgerBounds;
pub use identity::{Identity, Signature, SignatureError, verify_bytes};
pub use inventory::{Inventory, InventoryError};
pub use order_state::{OrderState, OrderStatus};
pub use outcome::{Applied, LedgerStats, Refusal};
pub use payload::{Fill, Ka, Ord, OrdStatus, Payload, Place, PlaceTif, Rej, Req};
pub use pieces::{Piece, Pieces};
pub use proof::{Proof, ProofError, ProofKind, RawEvidence, RawProof};
pub use quarantine::Released;
pub(crate) use retained::prefix_of;
pub use retained::{Prefix, Retained};
pub use retained_set::RetainedItems;
pub use smallest::{MOST_FILLS, smallest_piece};
pub use statement::{RawStatement, Statement, StatementError};
pub use store::Ledger;
pub use text::PayloadError;
pub use trade::{RawTrade, TradeError, TradeRank, TradeRecord};
pub use trade_set::TradeShare;
pub use verifier::Verifier;
pub use why::{OrdWhy, OtherWhy, RejWhy};

//! The protocol's times and the bounds of what a node stores: one place, so that the sum of all
//! memory that strangers can claim is easy to see.

use crate::types::Millis;

/// How long a taker asks its `req` to be open for: `until` = `ts` + this.
pub const VALID: Millis = Millis::from_secs(5);

/// The longest that a `req` may be open for. A maker remembers takes only for so long.
pub const VALID_MAX: Millis = Millis::from_secs(60);

/// How far two honest clocks may differ. What is dated later than this is set aside until due.
pub const SKEW: Millis = Millis::from_secs(10);

/// The longest life of an order: `exp` - `ts`.
pub const EXP_MAX: Millis = Millis::from_secs(30 * 24 * 3600);

/// Integers in payloads are below this, so that every language reads them exactly.
pub const MAX_INTEGER: u64 = 1 << 53;

/// The longest payload text in bytes, but for a `req`.
pub const MAX_PAYLOAD: usize = 1024;

/// The longest payload text of a `req`, which embeds up to [`MAX_FREED`] signed refusals.
pub const MAX_REQ_PAYLOAD: usize = 8 * 1024;

/// How many refusals one `req` may embed.
pub const MAX_FREED: usize = 8;

/// How many verified statements a [`Verifier`](super::Verifier) remembers.
pub const VERIFIED_KEPT: usize = 16_384;

/// The largest number of signatures that are checked as one equation. One bad signature makes
/// all of its batch be checked one by one, so a batch must not grow without end.
pub const MAX_BATCH: usize = 128;

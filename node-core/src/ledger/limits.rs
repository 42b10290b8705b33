//! The protocol's times and the bounds of what a node stores: one place, so that the sum of all
//! memory that strangers can claim is easy to see.

use crate::types::{Amount, Millis};

/// How long a taker asks its `req` to be open for: `until` = `ts` + this.
pub const VALID: Millis = Millis::from_secs(5);

/// The longest that a `req` may be open for. A maker remembers takes only for so long.
pub const VALID_MAX: Millis = Millis::from_secs(60);

/// How far two honest clocks may differ. What is dated later than this is set aside until due.
pub const SKEW: Millis = Millis::from_secs(10);

/// The least amount of an order, and of a fill that does not close its order: the resolution of
/// amounts, which is the same in all markets.
pub const LEAST_AMOUNT: Amount = match Amount::from_units(1) {
    Some(least) => least,
    None => Amount::MAX,
};

/// How often an owner with open orders signs a keep-alive, within a tenth more or less.
pub const KEEP_ALIVE: Millis = Millis::from_secs(20);

/// How long after its owner's newest statement an order is shown.
pub const LIVE: Millis = Millis::from_secs(75);

/// How long after its owner's newest statement an order is dropped.
pub const GONE_AFTER: Millis = Millis::from_secs(600);

/// For how long the orders of an owner that is gone are kept when they come once more: its sign
/// of life may be on its way.
pub const STRAY_KEPT: Millis = Millis::from_secs(60);

/// The longest life of an order: `exp` - `ts`.
pub const EXP_MAX: Millis = Millis::from_secs(30 * 24 * 3600);

/// Integers in payloads are below this, so that every language reads them exactly.
pub const MAX_INTEGER: u64 = 1 << 53;

/// The longest payload text in bytes, but for a `req` and a `fill`.
pub const MAX_PAYLOAD: usize = 1024;

/// The longest payload text of a `req` or a `fill`, which embed up to [`MAX_FREED`] signed refusals.
pub const MAX_REQ_PAYLOAD: usize = 8 * 1024;

/// How many refusals one `req` or `fill` may embed.
pub const MAX_FREED: usize = 16;

/// How many addresses one `ka` may name.
pub const MAX_ADDRS: usize = 4;

/// How many verified statements a [`Verifier`](super::Verifier) remembers.
pub const VERIFIED_KEPT: usize = 16_384;

/// The largest number of signatures that are checked as one equation. One bad signature makes
/// all of its batch be checked one by one, so a batch must not grow without end.
pub const MAX_BATCH: usize = 128;

/// How many published open orders one owner may have. The next one is refused, so users must be
/// told before they sign it.
pub const OPEN_PER_OWNER: usize = 200;

/// How many owners a ledger knows orders or keep-alives of. Above that, owners of less use make room
/// for others (`node/admission`), or newcomers are refused.
pub const OWNERS: usize = 10_000;

/// How many orders that are not open (closed, filled, expired, or never published) a ledger
/// remembers over all owners; the oldest are forgotten first, and what is older is not taken in
/// again. Some 45 MB, at the 2.2 KB each that were measured.
pub const INACTIVE_KEPT: usize = 20_000;

/// How long after its end an order is remembered, so that late trades still find it.
pub const FORGET_AFTER: Millis = Millis::from_secs(600);

/// How many trades a ledger remembers, in shares by the parties that brought them: the largest share
/// forgets what came first in it, but what that burned of a known order stays burned. Some 40 MB.
pub const TRADES_KEPT: usize = 10_000;

/// Of how many trades a ledger remembers that it forgot them, so that they are not taken in again.
/// Some 4 MB.
pub const TRADES_FORGOTTEN: usize = 65_536;

/// How many freed takes a ledger remembers. One that is not remembered leaves the maker's
/// contradictory `fill` standing.
pub const FREED_KEPT: usize = 20_000;

/// How many orders without a known `place` a ledger keeps statements for, over all signers.
pub const ORPHANS: usize = 8_192;

/// How many of them may be one signer's.
pub const ORPHANS_PER_SIGNER: usize = 512;

/// For how long statements wait for their order's `place`.
pub const ORPHAN_KEPT: Millis = Millis::from_secs(3600);

/// How many statements the search for contradictions keeps at hand after nothing else has them.
/// Some 5 MB.
pub const RECENT_KEPT: usize = 4_096;

/// How many owners are remembered as revoked, each with its proof: of 2 KB as a rule, some 20 MB in
/// all, and of 35 KB at most.
pub const PROOFS_KEPT: usize = 10_000;

/// How many proofs wait to be taken, each against another owner. What more is found meanwhile is
/// found once more when its owner goes on, or by another node.
pub const FOUND_KEPT: usize = 256;

/// How many trades of one order a new one is held against. Only one whose piece is burned already
/// costs that much.
pub const COMPARED_TRADES: usize = 256;

/// How many statements and trades that are dated in the future a ledger sets aside; the furthest
/// are dropped first.
pub const QUARANTINE: usize = 1_024;

//! A statement: a payload's text, its owner and the owner's signature.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Weak};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::types::{Millis, NetworkId, NodeId, OrderId, StatementHash, TakeId, TradeId};

use super::limits::{MAX_FREED, MAX_PAYLOAD, MAX_REQ_PAYLOAD};
use super::{
    Fill, Identity, Ka, Ord, Payload, PayloadError, Place, Rej, Req, Signature, SignatureError,
    Verifier,
};

/// Why a statement does not count.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StatementError {
    /// The payload's text is too long for its kind.
    #[error("the payload is {len} bytes long, more than {max}")]
    TooLong {
        /// The text's length in bytes.
        len: usize,
        /// The most that is allowed.
        max: usize,
    },
    /// The payload's text is not canonical, or says something that is not allowed.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The signature does not count.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// It embeds something else than refusals of different takes that verify.
    #[error("freed must hold signed refusals of different takes")]
    Freed,
}

impl StatementError {
    /// The stable label under which it is counted.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "statement_too_long",
            Self::Payload(_) => "bad_payload",
            Self::Signature(_) => "bad_signature",
            Self::Freed => "bad_freed",
        }
    }
}

/// A statement as it came: nothing is checked but its outer shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawStatement {
    /// The payload's text, as its owner signed it.
    pub p: String,
    /// The owner.
    pub k: NodeId,
    /// The owner's signature.
    pub s: Signature,
}

/// A verified statement: canonical, and signed by its owner for this network. Only
/// [`Identity::sign`] and [`Verifier`] make one. Cheap to clone.
#[derive(Clone)]
pub struct Statement(Arc<Inner>);

/// A statement that is here as long as somebody else has it.
#[derive(Clone)]
pub(super) struct WeakStatement(Weak<Inner>);

impl WeakStatement {
    pub(super) fn upgrade(&self) -> Option<Statement> {
        self.0.upgrade().map(Statement)
    }

    pub(super) fn is_alive(&self) -> bool {
        self.0.strong_count() > 0
    }
}

impl fmt::Debug for WeakStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.upgrade().fmt(f)
    }
}

struct Inner {
    payload: Payload,
    owner: NodeId,
    hash: StatementHash,
    signature: Signature,
    text_len: usize,
    freed: Vec<Statement>,
}

impl Statement {
    /// Puts together what was verified. `freed` are the verified forms of what it embeds.
    pub(super) fn verified(
        raw: &RawStatement,
        payload: Payload,
        hash: StatementHash,
        freed: Vec<Self>,
    ) -> Self {
        Self(Arc::new(Inner {
            payload,
            owner: raw.k,
            hash,
            signature: raw.s,
            text_len: raw.p.len(),
            freed,
        }))
    }

    pub(super) fn downgrade(&self) -> WeakStatement {
        WeakStatement(Arc::downgrade(&self.0))
    }

    /// What it says.
    #[must_use]
    pub fn payload(&self) -> &Payload {
        &self.0.payload
    }

    /// Who signed it.
    #[must_use]
    pub fn owner(&self) -> NodeId {
        self.0.owner
    }

    /// The SHA-256 of the signed bytes, which name the owner. It does not depend on the
    /// signature, of which an owner can make many over the same bytes.
    #[must_use]
    pub fn hash(&self) -> StatementHash {
        self.0.hash
    }

    /// The signature.
    #[must_use]
    pub fn signature(&self) -> Signature {
        self.0.signature
    }

    /// The wire's JSON object. It is written anew each time: kept, it would be most of what a
    /// statement takes.
    #[must_use]
    pub fn wire(&self) -> String {
        let raw = self.raw();
        let mut wire = String::with_capacity(self.wire_len());
        // Cannot fail: writing to a string never does.
        let _ = raw.write(&mut wire);
        wire
    }

    /// How long that is, about.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        // Keys, signature and quotes take less than this beside the text.
        self.0.text_len + 300
    }

    /// The statement as it goes into other structures.
    #[must_use]
    pub fn raw(&self) -> RawStatement {
        RawStatement {
            // The same text that was signed: no other text reads as this payload.
            p: self.0.payload.to_string(),
            k: self.0.owner,
            s: self.0.signature,
        }
    }

    /// The owner's sequence number; a `rej` has none.
    #[must_use]
    pub fn n(&self) -> Option<u64> {
        self.0.payload.n()
    }

    /// When it was signed, by the owner's clock since the Unix epoch.
    #[must_use]
    pub fn ts(&self) -> Millis {
        self.0.payload.ts()
    }

    /// The refusals that a `req` or a `fill` embeds, verified; empty for every other kind.
    #[must_use]
    pub fn freed(&self) -> &[Self] {
        &self.0.freed
    }

    /// The `place` that it is.
    #[must_use]
    pub fn as_place(&self) -> Option<&Place> {
        match self.payload() {
            Payload::Place(place) => Some(place),
            _ => None,
        }
    }

    /// The `ord` that it is.
    #[must_use]
    pub fn as_ord(&self) -> Option<&Ord> {
        match self.payload() {
            Payload::Ord(ord) => Some(ord),
            _ => None,
        }
    }

    /// The `ka` that it is.
    #[must_use]
    pub fn as_ka(&self) -> Option<&Ka> {
        match self.payload() {
            Payload::Ka(ka) => Some(ka),
            _ => None,
        }
    }

    /// The `req` that it is.
    #[must_use]
    pub fn as_req(&self) -> Option<&Req> {
        match self.payload() {
            Payload::Req(req) => Some(req),
            _ => None,
        }
    }

    /// The `fill` that it is.
    #[must_use]
    pub fn as_fill(&self) -> Option<&Fill> {
        match self.payload() {
            Payload::Fill(fill) => Some(fill),
            _ => None,
        }
    }

    /// The `rej` that it is.
    #[must_use]
    pub fn as_rej(&self) -> Option<&Rej> {
        match self.payload() {
            Payload::Rej(rej) => Some(rej),
            _ => None,
        }
    }

    /// The id of the order that a `place` opens.
    #[must_use]
    pub fn order_id(&self) -> Option<OrderId> {
        self.as_place().map(|_| self.hash().into())
    }

    /// The id of the take that a `req` asks for.
    #[must_use]
    pub fn take_id(&self) -> Option<TakeId> {
        self.as_req().map(|_| self.hash().into())
    }

    /// The id of the trade that a `fill` commits.
    #[must_use]
    pub fn trade_id(&self) -> Option<TradeId> {
        self.as_fill().map(|_| self.hash().into())
    }
}

impl PartialEq for Statement {
    fn eq(&self, other: &Self) -> bool {
        self.0.hash == other.0.hash && self.0.signature == other.0.signature
    }
}

impl Eq for Statement {}

impl Hash for Statement {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash.hash(state);
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement")
            .field("hash", &self.0.hash.short())
            .field("owner", &self.0.owner.short())
            .field("payload", &self.0.payload)
            .finish_non_exhaustive()
    }
}

impl Identity {
    /// Signs what the payload says, for one network.
    ///
    /// The caller makes sure that `n` was never used before and that `ts` never goes back: both
    /// are faults that other nodes can prove.
    ///
    /// # Errors
    /// A payload that breaks its own contract, and one whose `freed` does not verify.
    pub fn sign(&self, network: &NetworkId, payload: Payload) -> Result<Statement, StatementError> {
        payload.check().map_err(PayloadError::from)?;
        let p = payload.to_string();
        check_len(&p, &payload)?;
        let k = self.node_id();
        let bytes = signed_bytes(network, k, &p);
        let freed = match payload.freed() {
            [] => Vec::new(),
            // Rare and short, so a cache of its own would be of no use here.
            freed => {
                let verifier = Verifier::remembering(network.clone(), MAX_FREED);
                let freed = freed.iter().cloned().map(|raw| verifier.verify(raw));
                let freed = freed.collect::<Result<Vec<_>, _>>()?;
                check_freed(&freed)?;
                freed
            }
        };
        let s = Signature(self.sign_bytes(&bytes));
        let raw = RawStatement { p, k, s };
        Ok(Statement::verified(&raw, payload, hash(&bytes), freed))
    }
}

/// The bytes that an owner signs: `"x1" 00 network 00`, the owner's key, the payload's text.
///
/// The key is among them so that the hash, and with it every id, belongs to one owner: else
/// anybody could sign a copied text and claim the same ids.
pub(super) fn signed_bytes(network: &NetworkId, owner: NodeId, p: &str) -> Vec<u8> {
    let network = network.as_str().as_bytes();
    [b"x1\0".as_slice(), network, b"\0", &owner.0, p.as_bytes()].concat()
}

pub(super) fn hash(signed: &[u8]) -> StatementHash {
    StatementHash(Sha256::digest(signed).into())
}

/// # Errors
/// A text that is too long for its payload's kind.
pub(super) fn check_len(p: &str, payload: &Payload) -> Result<(), StatementError> {
    let max = match payload {
        Payload::Req(_) | Payload::Fill(_) => MAX_REQ_PAYLOAD,
        _ => MAX_PAYLOAD,
    };
    if p.len() > max {
        return Err(StatementError::TooLong { len: p.len(), max });
    }
    Ok(())
}

/// # Errors
/// Anything among `freed` but refusals of different takes.
pub(super) fn check_freed(freed: &[Statement]) -> Result<(), StatementError> {
    let takes = freed
        .iter()
        .map(|statement| statement.as_rej().map(|rej| rej.take));
    let mut takes = takes
        .collect::<Option<Vec<_>>>()
        .ok_or(StatementError::Freed)?;
    takes.sort_unstable();
    let count = takes.len();
    takes.dedup();
    if takes.len() == count {
        Ok(())
    } else {
        Err(StatementError::Freed)
    }
}

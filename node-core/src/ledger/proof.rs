//! Proofs that an owner misbehaved: two things that one key signed and no honest node would.
//!
//! What is no proof matters as much as what is one. An honest node may crash, lose what it had
//! not sent yet, see its clock jump, and deal with others who cheat; whatever it signs in all of
//! that must not contradict itself. So where a contradiction could also be the work of somebody
//! else, nobody is blamed.

use std::fmt;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::types::NodeId;

use super::claims::subject;
use super::{
    OrdStatus, Payload, Piece, RawStatement, RawTrade, Statement, StatementError, TradeError,
    TradeRecord, Verifier,
};

/// What an owner did. Each needs two signed things, `a` and `b`, in the order that is given here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofKind {
    /// Two different statements with one `n`; the smaller hash first.
    Equivocation,
    /// A statement, and one with a larger `n` and a smaller `ts`.
    Backdated,
    /// A `fill` and a `rej` of one take.
    FillAndRej,
    /// One piece of an order given away twice. Either
    /// - two `fill`s of one order whose pieces overlap, or of one take; the smaller hash first; or
    /// - a `fill`, and a `req` with a larger `n` that offers some of the piece again; or
    /// - two trades of one taker's order, by the `n` of their `req`s, where the second burns some
    ///   of the least that the first had asked for, and neither `req` shows that the other's
    ///   maker had refused.
    ///
    /// A `req` followed by a `fill` of the same piece is none, nor are two `req`s beyond the
    /// first one's least amount: a maker who refuses, or fills a part, and later signs something
    /// else for the same take, can bring both about, and the taker's owner is innocent.
    Overlap,
    /// What closes an order (an `ord`, the `place` that replaces it, or its last `fill`), and an
    /// `ord` with a larger `n` that says it is open; or its last `fill`, and one with a larger `n`.
    Reopened,
    /// What states an order's amount (its `place`, or an `ord` with `amt`), and an `ord` with a
    /// larger `n` and a larger `amt`.
    Grown,
}

impl ProofKind {
    /// The kinds that two statements can prove, in the order in which they are looked for.
    pub(super) const ALL: [Self; 6] = [
        Self::Equivocation,
        Self::Backdated,
        Self::FillAndRej,
        Self::Overlap,
        Self::Reopened,
        Self::Grown,
    ];

    /// The wire's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equivocation => "equivocation",
            Self::Backdated => "backdated",
            Self::FillAndRej => "fill_and_rej",
            Self::Overlap => "overlap",
            Self::Reopened => "reopened",
            Self::Grown => "grown",
        }
    }
}

impl fmt::Display for ProofKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why something is no proof.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProofError {
    /// A statement does not count by itself.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// A trade does not count by itself.
    #[error(transparent)]
    Trade(#[from] TradeError),
    /// A statement and a trade, or trades for something that only statements prove.
    #[error("{0} is not proven by evidence of this shape")]
    Shape(ProofKind),
    /// The two were signed by different owners.
    #[error("the two are not of one owner")]
    Owners,
    /// The two do not contradict each other, or not in this order.
    #[error("the two do not prove {0}")]
    NoContradiction(ProofKind),
}

impl ProofError {
    /// The stable label under which it is counted.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Statement(error) => error.reason(),
            Self::Trade(error) => error.reason(),
            Self::Shape(_) => "proof_shape",
            Self::Owners => "proof_owners",
            Self::NoContradiction(_) => "proof_no_contradiction",
        }
    }
}

/// One half of a proof as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum RawEvidence {
    /// A statement.
    Statement(RawStatement),
    /// A trade.
    Trade(Box<RawTrade>),
}

// Not derived: what serde derives reads everything into a tree first, and from there by a second
// copy of the code for both.
impl<'de> Deserialize<'de> for RawEvidence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        if let Ok(statement) = serde_json::from_str(json.get()) {
            return Ok(Self::Statement(statement));
        }
        let trade = serde_json::from_str(json.get()).map_err(D::Error::custom)?;
        Ok(Self::Trade(trade))
    }
}

/// A proof as it came: nothing is checked but its outer shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawProof {
    /// What it says that the owner did.
    pub kind: ProofKind,
    /// What came first, where that can be told.
    pub a: RawEvidence,
    /// What contradicts it.
    pub b: RawEvidence,
}

/// A verified proof that one owner misbehaved. Only [`Verifier::verify_proof`] and contradicting
/// verified statements make one. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Proof(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    owner: NodeId,
    /// Kept as text: nobody reads the evidence again but to pass it on or to check it.
    raw: RawProof,
}

impl Proof {
    /// The proof that two statements make, in whatever order they are given.
    #[must_use]
    pub fn between(one: &Statement, other: &Statement) -> Option<Self> {
        if one.owner() != other.owner() {
            return None;
        }
        let proves = |kind| {
            let ordered = [(one, other), (other, one)];
            let (a, b) = ordered.into_iter().find(|(a, b)| proves(kind, a, b))?;
            Some(Self::of_statements(kind, a, b))
        };
        ProofKind::ALL.into_iter().find_map(proves)
    }

    /// The proof that two trades make, in whatever order they are given. It may be against
    /// either's maker or taker.
    #[must_use]
    pub fn between_trades(one: &TradeRecord, other: &TradeRecord) -> Option<Self> {
        let ordered = [(one, other), (other, one)];
        let by_statements = ordered.into_iter().find_map(|(a, b)| {
            let refused = refusal(a, b).and_then(|rej| Self::between(a.fill(), rej));
            refused.or_else(|| Self::between(a.fill(), b.req()))
        });
        by_statements
            .or_else(|| Self::between(one.fill(), other.fill()))
            .or_else(|| Self::between(one.req(), other.req()))
            .or_else(|| {
                let (a, b) = ordered.into_iter().find(|(a, b)| takes_twice(a, b))?;
                Some(Self::of_trades(a, b))
            })
    }

    fn of_statements(kind: ProofKind, a: &Statement, b: &Statement) -> Self {
        let [a_raw, b] = [a, b].map(|statement| RawEvidence::Statement(statement.raw()));
        let raw = RawProof { kind, a: a_raw, b };
        let owner = a.owner();
        Self(Arc::new(Inner { owner, raw }))
    }

    fn of_trades(a: &TradeRecord, b: &TradeRecord) -> Self {
        let [a_raw, b] = [a, b].map(|trade| RawEvidence::Trade(Box::new(trade.raw())));
        let kind = ProofKind::Overlap;
        let raw = RawProof { kind, a: a_raw, b };
        let owner = a.req().owner();
        Self(Arc::new(Inner { owner, raw }))
    }

    /// What the owner did.
    #[must_use]
    pub fn kind(&self) -> ProofKind {
        self.0.raw.kind
    }

    /// Who misbehaved.
    #[must_use]
    pub fn owner(&self) -> NodeId {
        self.0.owner
    }

    /// Names what it proves: that this owner misbehaved, once and for all. Any two proofs against
    /// one owner are as good as each other and have one hash, so that nodes that found different
    /// ones have nothing to exchange, and a cheat's further proofs are no news.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let prefix: &[u8] = b"meshbook revoked\0";
        Sha256::new_with_prefix(prefix)
            .chain_update(self.0.owner.0)
            .finalize()
            .into()
    }

    /// The proof as it goes into other structures.
    #[must_use]
    pub fn raw(&self) -> &RawProof {
        &self.0.raw
    }

    /// The wire's JSON object, which reads as a [`RawProof`].
    #[must_use]
    pub fn wire(&self) -> String {
        let mut wire = String::new();
        // Cannot fail: writing to a string never does.
        let _ = self.0.raw.write(&mut wire);
        wire
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proof")
            .field("owner", &self.0.owner.short())
            .field("kind", &self.0.raw.kind)
            .finish_non_exhaustive()
    }
}

impl RawProof {
    fn write(&self, f: &mut impl fmt::Write) -> fmt::Result {
        write!(f, r#"{{"kind":"{}","a":"#, self.kind)?;
        self.a.write(f)?;
        f.write_str(r#","b":"#)?;
        self.b.write(f)?;
        f.write_char('}')
    }
}

impl RawEvidence {
    fn write(&self, f: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::Statement(statement) => statement.write(f),
            Self::Trade(trade) => {
                let parts = [
                    (r#"{"maker":"#, &trade.maker),
                    (r#","taker":"#, &trade.taker),
                    (r#","req":"#, &trade.req),
                    (r#","fill":"#, &trade.fill),
                ];
                for (key, statement) in parts {
                    f.write_str(key)?;
                    statement.write(f)?;
                }
                f.write_char('}')
            }
        }
    }
}

impl Verifier {
    /// Verifies a proof: both halves by themselves, and that they contradict each other in the
    /// way that the proof says, in the order that its kind asks for.
    ///
    /// # Errors
    /// The first rule that it breaks; see [`ProofError`]. All of it is its sender's fault.
    pub fn verify_proof(&self, raw: RawProof) -> Result<Proof, ProofError> {
        let RawProof { kind, a, b } = raw;
        match (a, b) {
            (RawEvidence::Statement(a), RawEvidence::Statement(b)) => {
                if a.k != b.k {
                    return Err(ProofError::Owners);
                }
                let mut verified = self.verify_batch(vec![a, b]).into_iter();
                let (Some(a), Some(b)) = (verified.next(), verified.next()) else {
                    return Err(ProofError::Shape(kind));
                };
                let (a, b) = (a?, b?);
                match proves(kind, &a, &b) {
                    true => Ok(Proof::of_statements(kind, &a, &b)),
                    false => Err(ProofError::NoContradiction(kind)),
                }
            }
            (RawEvidence::Trade(a), RawEvidence::Trade(b)) if kind == ProofKind::Overlap => {
                if a.req.k != b.req.k {
                    return Err(ProofError::Owners);
                }
                let (a, b) = (self.verify_trade(*a)?, self.verify_trade(*b)?);
                match takes_twice(&a, &b) {
                    true => Ok(Proof::of_trades(&a, &b)),
                    false => Err(ProofError::NoContradiction(kind)),
                }
            }
            _ => Err(ProofError::Shape(kind)),
        }
    }
}

/// Whether two statements of one owner, in this order, prove that it did this.
fn proves(kind: ProofKind, a: &Statement, b: &Statement) -> bool {
    // A `rej` has no number, and nothing comes before or after it.
    let numbers = a.n().zip(b.n());
    let later = numbers.is_some_and(|(a, b)| a < b);
    match kind {
        ProofKind::Equivocation => numbers.is_some_and(|(a, b)| a == b) && a.hash().0 < b.hash().0,
        ProofKind::Backdated => later && b.ts() < a.ts(),
        ProofKind::FillAndRej => match (a.payload(), b.payload()) {
            (Payload::Fill(fill), Payload::Rej(rej)) => fill.take == rej.take,
            _ => false,
        },
        ProofKind::Overlap => match (a.payload(), b.payload()) {
            (Payload::Fill(one), Payload::Fill(two)) => {
                let twice = one.id == two.id && overlap(one.piece(), two.piece());
                a.hash().0 < b.hash().0 && (twice || one.take == two.take)
            }
            (Payload::Fill(fill), Payload::Req(req)) => {
                later && fill.id == req.order && overlap(fill.piece(), req.piece())
            }
            _ => false,
        },
        ProofKind::Reopened => {
            let last = a.as_fill().filter(|fill| fill.last).map(|fill| fill.id);
            let closed = match a.as_ord() {
                Some(ord) => (ord.status == OrdStatus::Closed).then_some(ord.id),
                None => subject(a).or(last),
            };
            let goes_on = match b.payload() {
                Payload::Ord(ord) => ord.status == OrdStatus::Open && closed == Some(ord.id),
                Payload::Fill(fill) => last == Some(fill.id),
                _ => false,
            };
            later && goes_on
        }
        ProofKind::Grown => {
            let Some((id, grown)) = b.as_ord().and_then(|ord| Some((ord.id, ord.amt?))) else {
                return false;
            };
            let before = match a.payload() {
                Payload::Place(place) if a.order_id() == Some(id) => Some(place.amt),
                Payload::Ord(ord) if ord.id == id => ord.amt,
                _ => None,
            };
            later && before.is_some_and(|before| before < grown)
        }
    }
}

fn overlap<E>(one: Result<Piece, E>, other: Result<Piece, E>) -> bool {
    matches!((one, other), (Ok(one), Ok(other)) if one.overlaps(&other))
}

/// Whether the taker of the first trade gave a piece of its order away once more in the second.
///
/// A piece that a `req` asks for is held until its maker answers. Only two answers free some of
/// it: a `rej`, which the next `req` must show, and a `fill` of less than was asked for, which
/// nothing shows. But no `fill` is below the least amount, so that much was never free again.
fn takes_twice(first: &TradeRecord, second: &TradeRecord) -> bool {
    let (Some(asked), Some(again)) = (first.req().as_req(), second.req().as_req()) else {
        return false;
    };
    first.req().owner() == second.req().owner()
        && first.taker_order() == second.taker_order()
        && asked.n < again.n
        && Piece::at(asked.at, asked.min).is_ok_and(|least| least.overlaps(&second.taker_piece()))
        && refusal(first, second).is_none()
        && refusal(second, first).is_none()
}

/// The refusal of a trade's take by its own maker that its taker shows with another trade.
fn refusal<'a>(of: &TradeRecord, by: &'a TradeRecord) -> Option<&'a Statement> {
    let (take, maker, taker) = (of.take_id(), of.fill().owner(), of.req().owner());
    let mut shown = by.freed();
    let found = shown.find(|(rej, by)| {
        let refused = rej.as_rej().map(|rej| rej.take);
        *by == taker && rej.owner() == maker && refused == Some(take)
    });
    found.map(|(rej, _)| rej)
}

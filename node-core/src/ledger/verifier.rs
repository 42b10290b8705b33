//! Verification: once per statement and node, in batches, and remembered.

use std::fmt;

use ed25519_zebra::batch::{self, Item};
use ed25519_zebra::{Signature as ZebraSignature, VerificationKeyBytes};
use quick_cache::sync::Cache;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

use crate::collections::BTreeMap;
use crate::types::{NetworkId, StatementHash};

use super::identity::refuse_small_order;
use super::limits::{MAX_BATCH, MAX_REQ_PAYLOAD, VERIFIED_KEPT};
use super::statement::{check_freed, check_len, hash, signed_bytes};
use super::{
    Payload, RawStatement, RawTrade, Signature, SignatureError, Statement, StatementError,
    TradeError, TradeRecord,
};

/// Turns what came from strangers into [`Statement`]s and [`TradeRecord`]s of one network.
///
/// It remembers the last [`VERIFIED_KEPT`] statements that it verified: a statement that comes
/// from several peers costs one signature check, and all copies share their memory. `Send` and
/// `Sync`; meant to be shared by all connections of a node.
pub struct Verifier {
    network: NetworkId,
    verified: Cache<StatementHash, Statement>,
}

/// A statement that is well formed and waits for the verdict on its signature.
struct Candidate {
    raw: RawStatement,
    payload: Payload,
    hash: StatementHash,
    freed: Vec<Part>,
    /// Where its signature is in the batch.
    check: usize,
}

/// A statement on its way through a batch.
enum Part {
    Known(Statement),
    Waits(Box<Candidate>),
}

/// The signatures of a batch, each different one once.
#[derive(Default)]
struct Checks {
    items: Vec<Item>,
    keys: Vec<(StatementHash, Signature)>,
    found: BTreeMap<(StatementHash, Signature), usize>,
}

impl Verifier {
    /// A verifier for statements of this network.
    #[must_use]
    pub fn new(network: NetworkId) -> Self {
        Self::remembering(network, VERIFIED_KEPT)
    }

    /// A verifier that remembers fewer statements, for a use that is soon over.
    pub(super) fn remembering(network: NetworkId, kept: usize) -> Self {
        Self {
            network,
            verified: Cache::new(kept),
        }
    }

    /// The network whose statements it accepts.
    #[must_use]
    pub const fn network(&self) -> &NetworkId {
        &self.network
    }

    /// Verifies one statement.
    ///
    /// # Errors
    /// Whatever makes the statement not count; all of it is its sender's fault.
    pub fn verify(&self, raw: RawStatement) -> Result<Statement, StatementError> {
        let mut checks = Checks::default();
        let part = self.prepare(raw, &mut checks)?;
        self.finish(part, &checks.verdicts())
    }

    /// Verifies many statements, from 8 on at about half the cost each or less, with the same verdicts as
    /// [`Self::verify`]. The results are in the order of the input.
    pub fn verify_batch(&self, raws: Vec<RawStatement>) -> Vec<Result<Statement, StatementError>> {
        let mut checks = Checks::default();
        let parts: Vec<_> = raws
            .into_iter()
            .map(|raw| self.prepare(raw, &mut checks))
            .collect();
        let verdicts = checks.verdicts();
        parts
            .into_iter()
            .map(|part| self.finish(part?, &verdicts))
            .collect()
    }

    /// Takes a statement that this node verified before it wrote it down: everything is checked
    /// but the signatures, which cost more than all the rest.
    ///
    /// # Errors
    /// As [`Self::verify`], for text that was damaged since.
    pub(crate) fn recall(&self, raw: RawStatement) -> Result<Statement, StatementError> {
        let mut checks = Checks::default();
        let part = self.prepare(raw, &mut checks)?;
        self.finish(part, &vec![true; checks.items.len()])
    }

    /// Takes a trade that this node verified before it wrote it down; see [`Self::recall`].
    ///
    /// # Errors
    /// As [`Self::verify_trade`], for text that was damaged since.
    pub(crate) fn recall_trade(&self, raw: RawTrade) -> Result<TradeRecord, TradeError> {
        let RawTrade {
            maker,
            taker,
            req,
            fill,
        } = raw;
        let [maker, taker] = [self.recall(maker)?, self.recall(taker)?];
        TradeRecord::new(maker, taker, self.recall(req)?, self.recall(fill)?)
    }

    /// Verifies a trade: its four statements, and that they make a trade.
    ///
    /// # Errors
    /// The first statement that does not count, or the first rule that the four break together.
    pub fn verify_trade(&self, raw: RawTrade) -> Result<TradeRecord, TradeError> {
        let RawTrade {
            maker,
            taker,
            req,
            fill,
        } = raw;
        let verified = self.verify_batch(vec![maker, taker, req, fill]);
        let verified = verified.into_iter().collect::<Result<Vec<_>, _>>()?;
        // Cannot fail: as many come out of a batch as went in.
        let [maker, taker, req, fill] =
            <[Statement; 4]>::try_from(verified).map_err(|_| TradeError::Kinds)?;
        TradeRecord::new(maker, taker, req, fill)
    }

    /// All that costs little comes first: the parser's work is linear in a short text and a
    /// fiftieth of a signature check, and only it finds the signatures that a `req` embeds.
    fn prepare(&self, raw: RawStatement, checks: &mut Checks) -> Result<Part, StatementError> {
        let (len, max) = (raw.p.len(), MAX_REQ_PAYLOAD);
        if len > max {
            return Err(StatementError::TooLong { len, max });
        }
        let bytes = signed_bytes(&self.network, raw.k, &raw.p);
        let hash = hash(&bytes);
        // An owner can sign the same bytes in many ways; what is known is this one.
        let known = self.verified.get(&hash).filter(|s| s.signature() == raw.s);
        if let Some(known) = known {
            return Ok(Part::Known(known));
        }
        refuse_small_order(raw.k)?;
        let payload: Payload = raw.p.parse()?;
        check_len(&raw.p, &payload)?;
        // Refusals alone are let through, so this cannot nest deeper than once.
        let freed = payload.freed().iter().map(|raw| {
            if raw.p.starts_with(r#"{"t":"rej","#) {
                self.prepare(raw.clone(), checks)
            } else {
                Err(StatementError::Freed)
            }
        });
        let freed = freed.collect::<Result<Vec<_>, _>>()?;
        let check = checks.add(&raw, hash, &bytes);
        Ok(Part::Waits(Box::new(Candidate {
            raw,
            payload,
            hash,
            freed,
            check,
        })))
    }

    fn finish(&self, part: Part, verdicts: &[bool]) -> Result<Statement, StatementError> {
        let candidate = match part {
            Part::Known(statement) => return Ok(statement),
            Part::Waits(candidate) => *candidate,
        };
        if verdicts.get(candidate.check) != Some(&true) {
            return Err(SignatureError::Invalid.into());
        }
        let freed = candidate.freed.into_iter();
        let freed = freed.map(|part| self.finish(part, verdicts));
        let freed = freed.collect::<Result<Vec<_>, _>>()?;
        check_freed(&freed)?;
        let Candidate {
            raw, payload, hash, ..
        } = candidate;
        let statement = Statement::verified(&raw, payload, hash, freed);
        self.verified.insert(hash, statement.clone());
        Ok(statement)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("network", &self.network)
            .field("verified", &self.verified.len())
            .finish()
    }
}

impl Checks {
    /// Notes one signature; returns its place among the verdicts.
    fn add(&mut self, raw: &RawStatement, hash: StatementHash, bytes: &[u8]) -> usize {
        let key = (hash, raw.s);
        *self.found.entry(key).or_insert_with(|| {
            let node = VerificationKeyBytes::from(raw.k.0);
            let signature = ZebraSignature::from_bytes(&raw.s.0);
            self.items.push(Item::from((node, signature, bytes)));
            self.keys.push(key);
            self.items.len() - 1
        })
    }

    /// Whether each signature is good.
    fn verdicts(self) -> Vec<bool> {
        let chunks = self.items.chunks(MAX_BATCH);
        let keys = self.keys.chunks(MAX_BATCH);
        chunks
            .zip(keys)
            .flat_map(|(items, keys)| chunk_verdicts(items, keys))
            .collect()
    }
}

/// Checks one batch by one equation, and its signatures one by one if that does not hold.
///
/// The equation's coefficients must be such that nobody can choose signatures to fit them. They
/// come from a generator that is seeded with the hash of the whole batch (each statement's hash
/// binds network, key and text; the signature follows), as in the Fiat-Shamir transform: whoever
/// changes any byte of the batch gets fresh coefficients, so a bad batch passes with a chance of
/// 2^-128 a try, the same as with random ones. That keeps the core free of entropy.
fn chunk_verdicts(items: &[Item], keys: &[(StatementHash, Signature)]) -> Vec<bool> {
    let single = |item: &Item| item.clone().verify_single().is_ok();
    if items.len() > 1 {
        let mut seed = Sha256::new_with_prefix(b"meshbook batch coefficients\0");
        for (hash, signature) in keys {
            seed.update(hash.0);
            seed.update(signature.0);
        }
        let mut batch = batch::Verifier::new();
        for item in items {
            batch.queue(item.clone());
        }
        let coefficients = ChaCha12Rng::from_seed(seed.finalize().into());
        if batch.verify(coefficients).is_ok() {
            return vec![true; items.len()];
        }
    }
    items.iter().map(single).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{any_payload, identity, network, place, sign};
    use super::super::{PayloadError, Rej, Req};
    use super::*;
    use crate::types::{Millis, NodeId, OrderId, Side, TakeId};

    fn verifier() -> Verifier {
        Verifier::new(network())
    }

    fn rej(key: u8, take: u8) -> RawStatement {
        let rej = Rej {
            ts: Millis(1),
            take: TakeId([take; 32]),
            why: "gone".parse().unwrap(),
            open: None,
        };
        sign(key, Payload::Rej(rej)).raw()
    }

    fn req(freed: Vec<RawStatement>) -> Payload {
        Payload::Req(Req {
            n: 1,
            ts: Millis(5),
            until: Millis(6),
            order: OrderId([1; 16]),
            at: "0".parse().unwrap(),
            qty: "1".parse().unwrap(),
            min: "1".parse().unwrap(),
            lim: "1".parse().unwrap(),
            maker: OrderId([2; 16]),
            freed,
        })
    }

    /// Signs any text, as a hostile owner can.
    fn sign_text(seed: u8, p: String) -> RawStatement {
        let identity = identity(seed);
        let k = identity.node_id();
        let s = Signature(identity.sign_bytes(&signed_bytes(&network(), k, &p)));
        RawStatement { p, k, s }
    }

    #[test]
    fn a_verifier_can_be_shared_by_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Verifier>();
        shared::<Statement>();
    }

    #[test]
    fn a_statement_means_nothing_in_another_network() {
        let raw = sign(1, Payload::Place(place(1, Side::Buy))).raw();
        let other = Verifier::new("local:other".parse().unwrap());
        let error = StatementError::Signature(SignatureError::Invalid);
        assert_eq!(other.verify(raw.clone()), Err(error));
        assert!(verifier().verify(raw).is_ok());
    }

    #[test]
    fn a_copied_text_under_another_key_has_other_ids() {
        let payload = Payload::Place(place(1, Side::Buy));
        let (mine, copy) = (sign(1, payload.clone()), sign(2, payload));
        assert_ne!(mine.order_id(), copy.order_id());
    }

    #[test]
    fn a_statement_from_many_peers_shares_its_memory() {
        let verifier = verifier();
        let raw = sign(1, Payload::Place(place(1, Side::Buy))).raw();
        let first = verifier.verify(raw.clone()).unwrap();
        let again = verifier.verify_batch(vec![raw.clone(), raw]);
        for statement in again {
            assert!(std::ptr::eq(first.payload(), statement.unwrap().payload()));
        }
    }

    #[test]
    fn a_known_text_with_another_signature_is_checked_again() {
        let verifier = verifier();
        let mut raw = sign(1, Payload::Place(place(1, Side::Buy))).raw();
        verifier.verify(raw.clone()).unwrap();
        raw.s.0[5] ^= 1;
        assert!(verifier.verify(raw).is_err());
    }

    #[test]
    fn a_small_order_key_owns_nothing() {
        let mut raw = sign(1, Payload::Place(place(1, Side::Buy))).raw();
        raw.k = NodeId([0; 32]);
        let error = StatementError::Signature(SignatureError::SmallOrderKey);
        assert_eq!(verifier().verify(raw), Err(error));
    }

    #[test]
    fn a_long_text_is_refused_even_if_it_is_signed() {
        let p = format!(r#"{{"t":"place","n":1{}"#, " ".repeat(MAX_REQ_PAYLOAD));
        let error = verifier().verify(sign_text(1, p)).unwrap_err();
        assert!(matches!(error, StatementError::TooLong { .. }));
    }

    #[test]
    fn a_signed_text_that_is_not_canonical_is_refused() {
        let p = Payload::Place(place(1, Side::Buy)).to_string();
        let p = p.replace("\"n\":1", "\"n\": 1");
        let error = verifier().verify(sign_text(1, p)).unwrap_err();
        assert!(matches!(
            error,
            StatementError::Payload(PayloadError::Text { .. })
        ));
    }

    #[test]
    fn a_req_brings_only_signed_refusals_of_different_takes() {
        let good = req(vec![rej(3, 1), rej(4, 2)]);
        let statement = sign(1, good);
        let verified = verifier().verify(statement.raw()).unwrap();
        assert_eq!(verified.freed().len(), 2);
        assert_eq!(verified.freed()[1].owner(), identity(4).node_id());

        let mut forged = rej(3, 1);
        forged.k = identity(5).node_id();
        let place = sign(3, Payload::Place(place(1, Side::Buy))).raw();
        for freed in [vec![forged], vec![place], vec![rej(3, 1), rej(4, 1)]] {
            let payload = req(freed);
            let raw = sign_text(1, payload.to_string());
            assert!(verifier().verify(raw.clone()).is_err());
            assert!(verifier().verify_batch(vec![raw]).remove(0).is_err());
            assert!(identity(1).sign(&network(), payload).is_err());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_signed_payload_verifies_to_the_same_statement(payload in any_payload()) {
            let statement = sign(9, payload.clone());
            let raw: RawStatement = serde_json::from_str(&statement.wire()).unwrap();
            prop_assert_eq!(&raw, &statement.raw());
            prop_assert_eq!(serde_json::to_string(&raw).unwrap(), statement.wire());
            let verified = verifier().verify(raw).unwrap();
            prop_assert_eq!(verified.payload(), &payload);
            prop_assert_eq!(verified.hash(), statement.hash());
            prop_assert_eq!(verified.wire(), statement.wire());
        }

        #[test]
        fn a_statement_with_any_byte_changed_is_refused(
            payload in any_payload(), at: usize, flip in 1..=255u8,
        ) {
            let good = sign(9, payload).raw();
            let mut text = good.clone();
            let mut bytes = text.p.into_bytes();
            let index = at % bytes.len();
            bytes[index] = (bytes[index] ^ flip) & 0x7f;
            text.p = String::from_utf8(bytes).unwrap();
            let mut key = good.clone();
            key.k.0[at % 32] ^= flip;
            let mut signature = good.clone();
            signature.s.0[at % 64] ^= flip;
            // With the good one among them, so that what is remembered of it cannot help.
            let verifier = verifier();
            prop_assert!(verifier.verify(good.clone()).is_ok());
            for bad in [text, key, signature] {
                if bad == good {
                    continue;
                }
                prop_assert!(verifier.verify(bad.clone()).is_err());
                let both = verifier.verify_batch(vec![good.clone(), bad]);
                prop_assert!(both[0].is_ok() && both[1].is_err());
            }
        }

        #[test]
        fn batch_and_single_verdicts_agree(
            items in prop::collection::vec((any_payload(), 0..4u8, 0..6u8), 1..150),
        ) {
            let raws: Vec<_> = items
                .into_iter()
                .map(|(payload, key, fault)| {
                    let mut raw = sign(key, payload).raw();
                    match fault {
                        0 => raw.s.0[40] ^= 1,
                        1 => raw.k = identity(key + 1).node_id(),
                        _ => {}
                    }
                    raw
                })
                .collect();
            let (batched, single) = (verifier(), verifier());
            let batch = batched.verify_batch(raws.clone());
            for (raw, verdict) in raws.into_iter().zip(batch) {
                prop_assert_eq!(single.verify(raw), verdict);
            }
        }
    }
}

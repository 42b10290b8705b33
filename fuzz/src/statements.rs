//! Signed statements, and what is made of them.

use meshbook::ledger::{Payload, RawProof, RawStatement, RawTrade, Signature, Verifier};

use crate::handshake::{identity, network};

/// A payload has one text. What its owner could sign others accept; what was accepted is the same
/// when it is written and read again, alone and in a batch, the first and the second time.
pub fn statements(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if !text.starts_with('{') {
        return;
    }
    let verifier = Verifier::new(network());
    if let Ok(payload) = text.parse::<Payload>() {
        payload_has_one_text(text, &payload, &verifier);
    }
    if let Ok(raw) = serde_json::from_str::<RawStatement>(text) {
        statement(raw, &verifier);
    }
    if let Ok(raw) = serde_json::from_str::<RawTrade>(text) {
        let parts = [&raw.maker, &raw.taker, &raw.req, &raw.fill].map(Clone::clone);
        if let Ok(trade) = verifier.verify_trade(raw) {
            let statements = [trade.maker(), trade.taker(), trade.req(), trade.fill()];
            for (statement, raw) in statements.into_iter().zip(parts) {
                assert_eq!(statement.raw(), raw);
            }
            let again: RawTrade = serde_json::from_str(&trade.wire()).expect("its own text");
            assert_eq!(
                verifier.verify_trade(again).map(|it| it.id()),
                Ok(trade.id())
            );
        }
    }
    if let Ok(raw) = serde_json::from_str::<RawProof>(text) {
        let kind = raw.kind;
        if let Ok(proof) = verifier.verify_proof(raw) {
            assert_eq!(proof.kind(), kind);
            let again: RawProof = serde_json::from_str(&proof.wire()).expect("its own text");
            assert_eq!(
                verifier.verify_proof(again).map(|it| it.hash()),
                Ok(proof.hash())
            );
        }
    }
}

fn payload_has_one_text(text: &str, payload: &Payload, verifier: &Verifier) {
    assert_eq!(payload.to_string(), text);
    let identity = identity(60);
    match identity.sign(&network(), payload.clone()) {
        Ok(signed) => {
            assert_eq!(signed.payload(), payload);
            let verified = verifier.verify(signed.raw());
            assert_eq!(verified.as_ref(), Ok(&signed));
            statement(signed.raw(), verifier);
        }
        // What is too long for its kind, or embeds what is not signed.
        Err(_) => {
            let (k, s) = (identity.node_id(), Signature([0; 64]));
            let p = text.to_owned();
            assert!(verifier.verify(RawStatement { p, k, s }).is_err());
        }
    }
}

fn statement(raw: RawStatement, verifier: &Verifier) {
    let fresh = Verifier::new(network());
    let batch = fresh.verify_batch(vec![raw.clone(), raw.clone()]);
    let alone = verifier.verify(raw.clone());
    let repeated = verifier.verify(raw.clone());
    assert_eq!(alone, repeated);
    assert!(batch.iter().all(|one| *one == alone), "{batch:?} {alone:?}");
    let Ok(statement) = alone else {
        return;
    };
    assert_eq!(statement.raw(), raw);
    let written: RawStatement = serde_json::from_str(&statement.wire()).expect("its own text");
    assert_eq!(written, raw);
    // Another key or another signature holds for nothing.
    let mut other = raw;
    other.s.0[0] ^= 1;
    assert!(verifier.verify(other).is_err());
}

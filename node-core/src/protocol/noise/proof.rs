//! The proof that a Noise key belongs to a node.

use std::fmt;

use ed25519_zebra::{Signature, VerificationKey};

use crate::types::{NetworkId, NodeId};

/// Who signs for a node. The key itself stays with the implementer.
pub trait Signer: fmt::Debug + Send + Sync {
    /// The node: the public key.
    fn node_id(&self) -> NodeId;

    /// The Ed25519 signature of `bytes`.
    fn sign(&self, bytes: &[u8]) -> [u8; 64];
}

/// Whether `signature` is the node's signature of `bytes`, under the rule of ZIP 215, which all
/// implementations of it decide alike. Keys of small order are refused: they prove nothing.
#[must_use]
pub fn verify_signature(node: NodeId, bytes: &[u8], signature: &[u8; 64]) -> bool {
    let Ok(key) = VerificationKey::try_from(node.0) else {
        return false;
    };
    !has_small_order(node) && key.verify(&Signature::from(*signature), bytes).is_ok()
}

/// Whether a node id is a point of small order.
///
/// A key `A` has small order exactly if `[8]A` is the identity, and then the ZIP 215 rule, which
/// multiplies by 8, takes the signature `R` = identity, `s` = 0 for any text. Nobody can make
/// that signature hold for another key, because its hash is over `A`.
fn has_small_order(node: NodeId) -> bool {
    let mut bytes = [0; 64];
    // The identity is the point (0, 1): y little-endian, then 32 zero bytes of `s`.
    bytes[0] = 1;
    let forged = Signature::from(bytes);
    let Ok(key) = VerificationKey::try_from(node.0) else {
        return true;
    };
    key.verify(&forged, b"meshbook/small-order").is_ok()
}

/// A proof's length: the node's key, then its signature.
pub(super) const PROOF: usize = 32 + 64;

/// What is signed: a label, the network and the Noise key, with a zero byte between them.
fn proved_bytes(network: &NetworkId, noise_key: &[u8]) -> Vec<u8> {
    let label = b"meshbook/noise-static/1".as_slice();
    [label, network.as_str().as_bytes(), noise_key].join(&0)
}

/// The proof that `noise_key` is the signer's.
pub(super) fn prove(signer: &dyn Signer, network: &NetworkId, noise_key: &[u8]) -> [u8; PROOF] {
    let mut proof = [0; PROOF];
    let (node, signature) = proof.split_at_mut(32);
    node.copy_from_slice(&signer.node_id().0);
    signature.copy_from_slice(&signer.sign(&proved_bytes(network, noise_key)));
    proof
}

/// The node that `proof` proves to own `noise_key`; `None` if it proves nothing.
pub(super) fn check(proof: &[u8], network: &NetworkId, noise_key: &[u8]) -> Option<NodeId> {
    let (node, signature) = proof.split_first_chunk::<32>()?;
    let signature: &[u8; 64] = signature.try_into().ok()?;
    let node = NodeId(*node);
    verify_signature(node, &proved_bytes(network, noise_key), signature).then_some(node)
}

#[cfg(test)]
pub(in crate::protocol) mod tests {
    use ed25519_zebra::SigningKey;

    use super::*;

    /// A key that is made of one byte.
    #[derive(Debug)]
    pub(in crate::protocol) struct TestKey(SigningKey, NodeId);

    impl TestKey {
        pub(in crate::protocol) fn new(seed: u8) -> Self {
            let key = SigningKey::from([seed; 32]);
            let node = NodeId(VerificationKey::from(&key).into());
            Self(key, node)
        }
    }

    impl Signer for TestKey {
        fn node_id(&self) -> NodeId {
            self.1
        }

        fn sign(&self, bytes: &[u8]) -> [u8; 64] {
            self.0.sign(bytes).to_bytes()
        }
    }

    fn network(name: &str) -> NetworkId {
        name.parse().unwrap()
    }

    #[test]
    fn a_proof_holds_for_its_key_and_network_only() {
        let key = TestKey::new(1);
        let proof = prove(&key, &network("a"), &[9; 32]);
        assert_eq!(check(&proof, &network("a"), &[9; 32]), Some(key.node_id()));
        assert_eq!(check(&proof, &network("b"), &[9; 32]), None);
        assert_eq!(check(&proof, &network("a"), &[8; 32]), None);
        assert_eq!(check(&proof[..95], &network("a"), &[9; 32]), None);
        for i in 0..PROOF {
            let mut wrong = proof;
            wrong[i] ^= 1;
            assert_eq!(check(&wrong, &network("a"), &[9; 32]), None, "{i}");
        }
    }

    #[test]
    fn keys_of_small_order_prove_nothing() {
        // Encodings of the eight points of the torsion subgroup, some of them non-canonical.
        let points = [
            "0100000000000000000000000000000000000000000000000000000000000000",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ];
        let mut forged = [0; 64];
        forged[0] = 1;
        for point in points {
            let node: NodeId = point.parse().unwrap();
            assert!(has_small_order(node), "{point}");
            assert!(!verify_signature(node, b"anything", &forged), "{point}");
        }
        assert!(!has_small_order(TestKey::new(3).node_id()));
    }
}

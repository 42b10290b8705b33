//! The proof that a Noise key belongs to a node.

use std::fmt;

use crate::ledger::{Identity, verify_bytes};
use crate::types::{NetworkId, NodeId};

/// Who signs for a node. The key itself stays with the implementer.
pub trait Signer: fmt::Debug + Send + Sync {
    /// The node: the public key.
    fn node_id(&self) -> NodeId;

    /// The Ed25519 signature of `bytes`.
    fn sign(&self, bytes: &[u8]) -> [u8; 64];
}

impl Signer for Identity {
    fn node_id(&self) -> NodeId {
        Self::node_id(self)
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.sign_bytes(bytes)
    }
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
    verify_bytes(node, &proved_bytes(network, noise_key), signature).ok()?;
    Some(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(name: &str) -> NetworkId {
        name.parse().unwrap()
    }

    #[test]
    fn a_proof_holds_for_its_key_and_network_only() {
        let key = Identity::from_seed([1; 32]);
        let proof = prove(&key, &network("local:a"), &[9; 32]);
        assert_eq!(
            check(&proof, &network("local:a"), &[9; 32]),
            Some(key.node_id())
        );
        assert_eq!(check(&proof, &network("local:b"), &[9; 32]), None);
        assert_eq!(check(&proof, &network("local:a"), &[8; 32]), None);
        assert_eq!(check(&proof[..95], &network("local:a"), &[9; 32]), None);
        for i in 0..PROOF {
            let mut wrong = proof;
            wrong[i] ^= 1;
            assert_eq!(check(&wrong, &network("local:a"), &[9; 32]), None, "{i}");
        }
    }
}

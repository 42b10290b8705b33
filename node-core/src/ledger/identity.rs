//! A node's key, and the one rule by which all nodes judge signatures.
//!
//! The rule is ZIP 215 (<https://zips.z.cash/zip-0215>), under which single and batch checks
//! always agree: nodes that disagreed on the validity of one statement could never converge.

use std::fmt;
use std::str::FromStr;

#[cfg(not(target_arch = "wasm32"))]
use ed25519_zebra::SigningKey;
use ed25519_zebra::{Signature as ZebraSignature, VerificationKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

#[cfg(target_arch = "wasm32")]
use super::small_key::SmallKey as SigningKey;
use crate::types::{InvalidValue, NodeId};

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The key has small order, so that one signature could fit many messages.
    #[error("the key has small order")]
    SmallOrderKey,
    /// The key is no point of the curve, or the signature is not this key's over these bytes.
    #[error("the signature does not fit the key and the signed bytes")]
    Invalid,
}

/// An Ed25519 signature, shown as 128 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub [u8; 64]);

impl FromStr for Signature {
    type Err = InvalidValue;

    /// Takes exactly the lower-case hex digits that `Display` gives.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let mut bytes = [0; 64];
        let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
        if lower && hex::decode_to_slice(text, &mut bytes).is_ok() {
            Ok(Self(bytes))
        } else {
            let allowed = "64 bytes as lower-case hex digits, two a byte";
            Err(InvalidValue::new("signature", text, allowed))
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 128];
        // Cannot fail: the buffer has the exact length, and hex digits are UTF-8.
        hex::encode_to_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({self})")
    }
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A node's Ed25519 key. Not to be cloned or shown; wiped from memory when dropped.
pub struct Identity {
    // Boxed, so that moving an identity leaves no copy of the key behind on the stack.
    key: Box<SigningKey>,
}

impl Identity {
    /// The key that follows from a seed of 32 secret random bytes (RFC 8032, section 5.1.5).
    #[must_use]
    pub fn from_seed(mut seed: [u8; 32]) -> Self {
        let key = Box::new(SigningKey::from(seed));
        seed.zeroize();
        Self { key }
    }

    /// The public half, which names the node.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        NodeId(public_half(&self.key))
    }

    /// The seed, to be written where only the node's owner can read it.
    #[must_use]
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        let mut seed = Zeroizing::new([0; 32]);
        // The lengths are equal: a signing key shows its 32 seed bytes.
        seed.copy_from_slice((*self.key).as_ref());
        seed
    }

    /// Signs bytes as they are. Who calls it must make sure that no other kind of message could
    /// have the same bytes; statements have their own prefix.
    #[must_use]
    pub fn sign_bytes(&self, bytes: &[u8]) -> [u8; 64] {
        sign(&self.key, bytes)
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn public_half(key: &SigningKey) -> [u8; 32] {
    VerificationKey::from(key).into()
}

#[cfg(not(target_arch = "wasm32"))]
fn sign(key: &SigningKey, bytes: &[u8]) -> [u8; 64] {
    key.sign(bytes).to_bytes()
}

#[cfg(target_arch = "wasm32")]
const fn public_half(key: &SigningKey) -> [u8; 32] {
    key.public()
}

#[cfg(target_arch = "wasm32")]
fn sign(key: &SigningKey, bytes: &[u8]) -> [u8; 64] {
    key.sign(bytes)
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("node_id", &self.node_id())
            .finish_non_exhaustive()
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

/// Checks one signature by the rule of the module.
///
/// # Errors
/// A key of small order, or a signature that is not `node`'s over `bytes`.
pub fn verify_bytes(
    node: NodeId,
    bytes: &[u8],
    signature: &[u8; 64],
) -> Result<(), SignatureError> {
    refuse_small_order(node)?;
    VerificationKey::try_from(node.0)
        .and_then(|key| key.verify(&ZebraSignature::from_bytes(signature), bytes))
        .map_err(|_| SignatureError::Invalid)
}

/// The y coordinates of all points whose order divides 8, in every encoding below 2^255 that
/// decodes to them, without the sign bit.
const SMALL_ORDER: [[u8; 32]; 7] = [
    // 0, of order 4.
    [0; 32],
    // 1, the identity.
    {
        let mut y = [0; 32];
        y[0] = 1;
        y
    },
    // The two y of the four points of order 8.
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    // p - 1, of order 2; then p and p + 1, which are 0 and 1 once more.
    near_p(0xec),
    near_p(0xed),
    near_p(0xee),
];

const fn near_p(lowest: u8) -> [u8; 32] {
    let mut y = [0xff; 32];
    y[0] = lowest;
    y[31] = 0x7f;
    y
}

/// # Errors
/// A key of small order: under it, a signature says nothing about the message.
pub(super) fn refuse_small_order(node: NodeId) -> Result<(), SignatureError> {
    let mut y = node.0;
    y[31] &= 0x7f;
    if SMALL_ORDER.contains(&y) {
        Err(SignatureError::SmallOrderKey)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ed25519_zebra::SigningKey as NativeKey;
    use proptest::prelude::*;

    use super::super::small_key::SmallKey;
    use super::*;

    /// Whether 8·k·A = 0: the signature R = identity, s = 0 fits every message under exactly the
    /// keys of small order.
    fn takes_the_empty_signature(key: [u8; 32]) -> bool {
        let mut signature = [0; 64];
        signature[0] = 1;
        VerificationKey::try_from(key).is_ok_and(|key| {
            let signature = ZebraSignature::from_bytes(&signature);
            (0..4u8).all(|i| key.verify(&signature, &[i]).is_ok())
        })
    }

    #[test]
    fn every_encoding_of_a_small_order_key_is_refused() {
        let mut decodable = 0;
        for y in SMALL_ORDER {
            for sign in [0, 0x80] {
                let mut key = y;
                key[31] |= sign;
                decodable += u32::from(takes_the_empty_signature(key));
                let error = verify_bytes(NodeId(key), b"x", &[0; 64]).unwrap_err();
                assert_eq!(error, SignatureError::SmallOrderKey);
            }
        }
        // 8 points of small order, and 6 more encodings of them that are not canonical.
        assert_eq!(decodable, 14);
    }

    #[test]
    fn debug_output_does_not_show_the_key() {
        let identity = Identity::from_seed([0xab; 32]);
        let shown = format!("{identity:?}");
        assert!(shown.contains(&identity.node_id().to_string()));
        assert!(!shown.contains("abab") && !shown.contains("171, 171"));
    }

    #[test]
    fn the_first_test_vector_of_rfc_8032_holds() {
        let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let mut bytes = [0; 32];
        hex::decode_to_slice(seed, &mut bytes).unwrap();
        let identity = Identity::from_seed(bytes);
        assert_eq!(
            identity.node_id().to_string(),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
        assert_eq!(
            Signature(identity.sign_bytes(b"")).to_string(),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        );
        assert_eq!(*identity.seed(), bytes);
    }

    proptest! {
        #[test]
        fn the_key_of_a_browser_signs_as_the_native_one(seed: [u8; 32], bytes: Vec<u8>) {
            let native = NativeKey::from(seed);
            let small = SmallKey::from(seed);
            let public: [u8; 32] = VerificationKey::from(&native).into();
            prop_assert_eq!(small.public(), public);
            prop_assert_eq!(small.sign(&bytes), native.sign(&bytes).to_bytes());
        }

        #[test]
        fn a_signature_fits_its_own_bytes_and_key_only(
            seed: [u8; 32], other: [u8; 32], bytes: Vec<u8>, flip in 0..512usize,
        ) {
            prop_assume!(seed != other);
            let identity = Identity::from_seed(seed);
            let node = identity.node_id();
            prop_assert!(!takes_the_empty_signature(node.0));
            let mut signature = identity.sign_bytes(&bytes);
            prop_assert_eq!(verify_bytes(node, &bytes, &signature), Ok(()));
            let stranger = Identity::from_seed(other).node_id();
            prop_assert!(verify_bytes(stranger, &bytes, &signature).is_err());
            let mut longer = bytes.clone();
            longer.push(0);
            prop_assert!(verify_bytes(node, &longer, &signature).is_err());
            signature[flip / 8] ^= 1 << (flip % 8);
            prop_assert!(verify_bytes(node, &bytes, &signature).is_err());
        }
    }
}

//! Ed25519 keys for a browser: without the multiples of the base point that other implementations
//! have at hand, which are 31 kB that nothing compresses. A signature takes about three times as long.

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use sha2::{Digest, Sha512};
use zeroize::Zeroize;

/// A secret key as in RFC 8032, section 5.1.5, with the public half that follows from it.
pub(super) struct SmallKey {
    seed: [u8; 32],
    scalar: Scalar,
    /// What makes the nonces of signatures.
    prefix: [u8; 32],
    public: [u8; 32],
}

impl SmallKey {
    /// The public half.
    pub(super) const fn public(&self) -> [u8; 32] {
        self.public
    }

    /// What signs bytes (RFC 8032, section 5.1.6).
    pub(super) fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        let mut nonce = hashed([&self.prefix, bytes]);
        let commitment = (ED25519_BASEPOINT_POINT * nonce).compress().to_bytes();
        let challenge = hashed([&commitment, &self.public, bytes]);
        let response = nonce + challenge * self.scalar;
        nonce.zeroize();
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&commitment);
        signature[32..].copy_from_slice(response.as_bytes());
        signature
    }
}

impl From<[u8; 32]> for SmallKey {
    fn from(mut seed: [u8; 32]) -> Self {
        let mut halves: [u8; 64] = Sha512::digest(seed).into();
        let (mut scalar, mut prefix) = ([0; 32], [0; 32]);
        scalar.copy_from_slice(&halves[..32]);
        prefix.copy_from_slice(&halves[32..]);
        let key = Self {
            seed,
            scalar: Scalar::from_bytes_mod_order(clamp_integer(scalar)),
            prefix,
            public: [0; 32],
        };
        for secret in [&mut seed[..], &mut halves, &mut scalar, &mut prefix] {
            secret.zeroize();
        }
        let public = (ED25519_BASEPOINT_POINT * key.scalar).compress();
        Self {
            public: public.to_bytes(),
            ..key
        }
    }
}

impl AsRef<[u8]> for SmallKey {
    fn as_ref(&self) -> &[u8] {
        &self.seed
    }
}

impl Zeroize for SmallKey {
    fn zeroize(&mut self) {
        self.seed.zeroize();
        self.scalar.zeroize();
        self.prefix.zeroize();
    }
}

/// The SHA-512 of the parts, as a scalar.
fn hashed<const N: usize>(parts: [&[u8]; N]) -> Scalar {
    let mut hash = Sha512::new();
    for part in parts {
        hash.update(part);
    }
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

//! The cryptography under Noise, from the same crates that the rest of the tree uses.

use std::cell::RefCell;
use std::mem;

use blake2::{Blake2s256, Digest};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce, Tag};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::CryptoResolver;
use snow::types::{Cipher, Dh, Hash, Random};
use x25519_dalek::{PublicKey, StaticSecret, X25519_BASEPOINT_BYTES};
use zeroize::Zeroizing;

use super::TAG;

/// The primitives of one handshake; all its randomness comes from `entropy`.
pub(super) struct Primitives(RefCell<ChaCha20Rng>);

impl Primitives {
    /// `entropy` must never be used for a second handshake.
    pub(super) fn new(entropy: [u8; 32]) -> Self {
        Self(RefCell::new(ChaCha20Rng::from_seed(entropy)))
    }

    /// Bytes that nobody else gets.
    pub(super) fn fresh(&self) -> Zeroizing<[u8; 32]> {
        let mut bytes = Zeroizing::new([0; 32]);
        self.0.borrow_mut().fill_bytes(bytes.as_mut());
        bytes
    }
}

impl CryptoResolver for Primitives {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        let rng = ChaCha20Rng::from_seed(*self.fresh());
        Some(Box::new(Entropy(rng)))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        match choice {
            DHChoice::Curve25519 => Some(Box::new(X25519::of([0; 32]))),
            _ => None,
        }
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        match choice {
            HashChoice::Blake2s => Some(Box::new(Blake2s(Blake2s256::new()))),
            _ => None,
        }
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        match choice {
            CipherChoice::ChaChaPoly => {
                let cipher = ChaCha20Poly1305::new(&[0; 32].into());
                Some(Box::new(ChaChaPoly(cipher)))
            }
            _ => None,
        }
    }
}

struct Entropy(ChaCha20Rng);

impl Random for Entropy {
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), snow::Error> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}

/// The public half of a secret (RFC 7748, section 6.1).
pub(super) fn public_half(secret: &StaticSecret) -> PublicKey {
    // Not by `PublicKey::from`, whose table is 31 kB of what a browser has to fetch.
    let shared = secret.diffie_hellman(&PublicKey::from(X25519_BASEPOINT_BYTES));
    PublicKey::from(shared.to_bytes())
}

struct X25519 {
    secret: StaticSecret,
    public: PublicKey,
}

impl X25519 {
    fn of(secret: [u8; 32]) -> Self {
        let secret = StaticSecret::from(secret);
        let public = public_half(&secret);
        Self { secret, public }
    }
}

impl Dh for X25519 {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        32
    }

    fn priv_len(&self) -> usize {
        32
    }

    fn set(&mut self, secret: &[u8]) {
        let mut bytes = Zeroizing::new([0; 32]);
        for (to, from) in bytes.iter_mut().zip(secret) {
            *to = *from;
        }
        *self = Self::of(*bytes);
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), snow::Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.try_fill_bytes(bytes.as_mut())?;
        *self = Self::of(*bytes);
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn privkey(&self) -> &[u8] {
        self.secret.as_bytes()
    }

    fn dh(&self, public: &[u8], out: &mut [u8]) -> Result<(), snow::Error> {
        let public: [u8; 32] = public.first_chunk().copied().ok_or(snow::Error::Dh)?;
        let shared = self.secret.diffie_hellman(&PublicKey::from(public));
        // A key of small order makes a secret that everybody knows.
        if !shared.was_contributory() {
            return Err(snow::Error::Dh);
        }
        let out = out.get_mut(..32).ok_or(snow::Error::Dh)?;
        out.copy_from_slice(shared.as_bytes());
        Ok(())
    }
}

struct ChaChaPoly(ChaCha20Poly1305);

/// Four zero bytes, then the counter, little-endian (Noise, section 12.3).
fn nonce(counter: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&counter.to_le_bytes());
    bytes.into()
}

impl Cipher for ChaChaPoly {
    fn name(&self) -> &'static str {
        "ChaChaPoly"
    }

    fn set(&mut self, key: &[u8; 32]) {
        self.0 = ChaCha20Poly1305::new(&(*key).into());
    }

    fn encrypt(&self, counter: u64, extra: &[u8], plain: &[u8], out: &mut [u8]) -> usize {
        let (text, rest) = out.split_at_mut(plain.len());
        text.copy_from_slice(plain);
        let sealed = self
            .0
            .encrypt_inout_detached(&nonce(counter), extra, (&mut *text).into());
        // Fails only above 256 GiB. Should it ever, nothing readable leaves.
        let Ok(tag) = sealed else {
            out.fill(0);
            return 0;
        };
        rest[..TAG].copy_from_slice(&tag);
        plain.len() + TAG
    }

    fn decrypt(
        &self,
        counter: u64,
        extra: &[u8],
        sealed: &[u8],
        out: &mut [u8],
    ) -> Result<usize, snow::Error> {
        let (text, tag) = sealed
            .split_last_chunk::<TAG>()
            .ok_or(snow::Error::Decrypt)?;
        let out = out.get_mut(..text.len()).ok_or(snow::Error::Input)?;
        out.copy_from_slice(text);
        let tag = Tag::from(*tag);
        self.0
            .decrypt_inout_detached(&nonce(counter), extra, (&mut *out).into(), &tag)
            .map_err(|_| snow::Error::Decrypt)?;
        Ok(text.len())
    }
}

struct Blake2s(Blake2s256);

impl Hash for Blake2s {
    fn name(&self) -> &'static str {
        "BLAKE2s"
    }

    fn block_len(&self) -> usize {
        64
    }

    fn hash_len(&self) -> usize {
        32
    }

    fn reset(&mut self) {
        self.0 = Blake2s256::new();
    }

    fn input(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn result(&mut self, out: &mut [u8]) {
        let hash = mem::take(&mut self.0).finalize();
        out[..32].copy_from_slice(&hash);
    }
}

#[cfg(test)]
mod tests {
    use snow::Builder;

    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        hex::decode(hex).unwrap()
    }

    /// A test vector of the Cacophony collection for Noise_XX_25519_ChaChaPoly_BLAKE2s.
    #[test]
    fn the_primitives_make_the_messages_of_a_published_test_vector() {
        let side = |secret: &str, ephemeral: &str, initiator: bool| {
            let (secret, ephemeral) = (bytes(secret), bytes(ephemeral));
            let params = "Noise_XX_25519_ChaChaPoly_BLAKE2s".parse().unwrap();
            let builder = Builder::with_resolver(params, Box::new(Primitives::new([0; 32])))
                .prologue(b"John Galt")
                .unwrap()
                .local_private_key(&secret)
                .unwrap()
                .fixed_ephemeral_key_for_testing_only(&ephemeral);
            let built = if initiator {
                builder.build_initiator()
            } else {
                builder.build_responder()
            };
            built.unwrap()
        };
        let mut dialer = side(
            "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
            "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
            true,
        );
        let mut listener = side(
            "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
            "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
            false,
        );
        let handshake = [
            (
                "4c756477696720766f6e204d69736573",
                "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444c756477696720\
                 766f6e204d69736573",
            ),
            (
                "4d757272617920526f746862617264",
                "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088437c365eb362a1c9\
                 91b0557fe8a7fb187d99346765d93ec63db6c1b01504ebeec55a2298d2dbff80eff034d2059515\
                 3f63a196a6cead1e11b2bb13e336fa13616dd3e8b0a070c882ed3f1a78c7c06c93",
            ),
            (
                "462e20412e20486179656b",
                "46c3307de83b014258717d97781c1f50936d8b7d50c0722a1739654d10392d415b670c114f79b9\
                 a4f80541570f77ce88802efa4220cff733e7b5668ba38059ec904b4b8eef9448085faf51",
            ),
        ];
        for (i, (content, sealed)) in handshake.into_iter().enumerate() {
            let (writer, reader) = match i {
                1 => (&mut listener, &mut dialer),
                _ => (&mut dialer, &mut listener),
            };
            let (mut message, mut read) = (vec![0; 512], vec![0; 512]);
            let length = writer.write_message(&bytes(content), &mut message).unwrap();
            assert_eq!(hex::encode(&message[..length]), sealed);
            let length = reader.read_message(&message[..length], &mut read).unwrap();
            assert_eq!(hex::encode(&read[..length]), content);
        }
        let listener = listener.into_stateless_transport_mode().unwrap();
        let mut sealed = vec![0; 64];
        let length = listener
            .write_message(0, b"Carl Menger", &mut sealed)
            .unwrap();
        let expected = "d5e83adfaac5dc324a68f1862df54549e56d209fba707205f328b2";
        assert_eq!(hex::encode(&sealed[..length]), expected);
    }

    #[test]
    fn a_key_of_small_order_is_refused() {
        let ours = X25519::of([7; 32]);
        let mut out = [0; 32];
        for low in [[0; 32], {
            let mut one = [0; 32];
            one[0] = 1;
            one
        }] {
            assert_eq!(ours.dh(&low, &mut out), Err(snow::Error::Dh));
        }
    }
}

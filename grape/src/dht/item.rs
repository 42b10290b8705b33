//! Values that the DHT keeps, as BEP 44 has them.

use ed25519_zebra::{Signature, VerificationKey};
use sha1::{Digest, Sha1};

use super::bencode::{Value, bytes, encode, to_text};
use crate::error::OperationError;

/// The longest value, in bytes of its text or, where it is no text, of its bencode.
pub(crate) const MAX_VALUE: usize = 1000;
/// The longest salt, in bytes.
pub(crate) const MAX_SALT: usize = 64;

/// A value that the DHT keeps: under the hash of itself, or under the key that signed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub(super) value: Value,
    pub(super) mutable: Option<Mutable>,
}

/// What makes a value one that its owner may replace.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mutable {
    pub(crate) key: [u8; 32],
    pub(crate) signature: [u8; 64],
    pub(crate) sequence: i64,
    pub(crate) salt: Vec<u8>,
}

impl Item {
    /// A text under its own hash.
    ///
    /// # Errors
    /// Where it has more than 1000 bytes.
    pub fn text(text: &str) -> Result<Self, OperationError> {
        Self::new(bytes(text.as_bytes()), None).ok_or(OperationError::TooLong)
    }

    /// The item, unless it is larger than an item may be.
    pub(crate) fn new(value: Value, mutable: Option<Mutable>) -> Option<Self> {
        let length = match &value {
            Value::ByteStr(bytes) => bytes.len(),
            other => encode(other).len(),
        };
        let salted = mutable.as_ref().map_or(0, |mutable| mutable.salt.len());
        (length <= MAX_VALUE && salted <= MAX_SALT).then_some(Self { value, mutable })
    }

    /// The value as text.
    #[must_use]
    pub fn to_text(&self) -> String {
        to_text(&self.value)
    }

    pub(crate) fn mutable(&self) -> Option<&Mutable> {
        self.mutable.as_ref()
    }

    /// What it is kept under.
    pub(crate) fn target(&self) -> [u8; 20] {
        match &self.mutable {
            None => Sha1::digest(encode(&self.value)).into(),
            Some(Mutable { key, salt, .. }) => Sha1::new()
                .chain_update(key)
                .chain_update(salt)
                .finalize()
                .into(),
        }
    }

    /// Whether its owner signed it, where it has one.
    pub(crate) fn is_genuine(&self) -> bool {
        let Some(mutable) = &self.mutable else {
            return true;
        };
        let Ok(key) = VerificationKey::try_from(mutable.key) else {
            return false;
        };
        let signature = Signature::from(mutable.signature);
        key.verify(&signature, &signed(mutable, &self.value))
            .is_ok()
    }
}

/// The bytes that a signature covers: salt, sequence number and value as they stand in a
/// dictionary, without its ends.
fn signed(mutable: &Mutable, value: &Value) -> Vec<u8> {
    let mut text = Vec::new();
    if !mutable.salt.is_empty() {
        text.extend(b"4:salt");
        text.extend(encode(&bytes(&mutable.salt)));
    }
    text.extend(format!("3:seqi{}e1:v", mutable.sequence).as_bytes());
    text.extend(encode(value));
    text
}

#[cfg(test)]
pub(super) fn sign(text: &str, salt: &[u8], sequence: i64) -> Item {
    let secret = ed25519_zebra::SigningKey::from([7; 32]);
    let mut mutable = Mutable {
        key: VerificationKey::from(&secret).into(),
        signature: [0; 64],
        sequence,
        salt: salt.to_vec(),
    };
    let value = bytes(text.as_bytes());
    mutable.signature = secret.sign(&signed(&mutable, &value)).into();
    Item::new(value, Some(mutable)).unwrap()
}

#[cfg(test)]
mod tests {
    use super::{Item, Mutable, bytes, sign};

    /// The test vectors of BEP 44.
    #[test]
    fn items_are_kept_and_signed_as_bep_44_says() {
        let value = || bytes(b"Hello World!");
        let plain = Item::new(value(), None).unwrap();
        let target = hex::encode(plain.target());
        assert_eq!(target, "e5f96f6f38320f0f33959cb4d3d656452117aadb");

        let key = "77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548";
        let of = |salt: &[u8], signature: &str| {
            let mutable = Mutable {
                key: hex::decode(key).unwrap().try_into().unwrap(),
                signature: hex::decode(signature).unwrap().try_into().unwrap(),
                sequence: 1,
                salt: salt.to_vec(),
            };
            Item::new(value(), Some(mutable)).unwrap()
        };
        let unsalted = of(
            b"",
            "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff\
             1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01",
        );
        let target = hex::encode(unsalted.target());
        assert_eq!(target, "4a533d47ec9c7d95b1ad75f576cffc641853b750");
        assert!(unsalted.is_genuine());
        let salted = of(
            b"foobar",
            "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d\
             df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08",
        );
        let target = hex::encode(salted.target());
        assert_eq!(target, "411eba73b6f087ca51a3795d9c8c938d365e32c1");
        assert!(salted.is_genuine());
    }

    #[test]
    fn what_was_changed_is_not_genuine() {
        let item = sign("text", b"salt", 3);
        assert!(item.is_genuine());
        let mut other = item.clone();
        other.value = bytes(b"tExt");
        assert!(!other.is_genuine());
        let mut other = item;
        other.mutable.as_mut().unwrap().sequence += 1;
        assert!(!other.is_genuine());
    }

    #[test]
    fn an_item_has_a_size() {
        assert!(Item::text(&"x".repeat(1000)).is_ok());
        assert!(Item::text(&"x".repeat(1001)).is_err());
    }
}

//! Identities: of nodes, orders, statements, takes and trades.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::InvalidValue;

/// Writes the common body of an identity that is so many bytes, shown as lower-case hex.
macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $field:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// The first eight hex digits, for logs and labels.
            #[must_use]
            pub fn short(&self) -> String {
                hex::encode(&self.0[..4])
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;

            /// Takes exactly the lower-case hex digits that `Display` gives.
            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                let mut bytes = [0; $bytes];
                let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
                if lower && hex::decode_to_slice(text, &mut bytes).is_ok() {
                    Ok(Self(bytes))
                } else {
                    let allowed = concat!($bytes, " bytes as lower-case hex digits, two a byte");
                    Err(InvalidValue::new($field, text, allowed))
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = [0; 2 * $bytes];
                // Cannot fail: the buffer has the exact length, and hex digits are UTF-8.
                hex::encode_to_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
                f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

hex_id!(
    /// A node's identity: its Ed25519 public key. The owner of the orders that it signs.
    NodeId, 32, "nodeId"
);
hex_id!(
    /// The SHA-256 of the bytes that a statement's owner signed.
    StatementHash, 32, "statement hash"
);
hex_id!(
    /// One attempt to take from a maker's order: the hash of its `req`.
    TakeId, 32, "takeId"
);
hex_id!(
    /// A trade: the hash of its `fill`. Equal on all nodes.
    TradeId, 32, "tradeId"
);
hex_id!(
    /// An order: the first 16 bytes of the hash of its `place`. Equal on all nodes.
    OrderId, 16, "orderId"
);

impl OrderId {
    /// The id as one integer; orders as the bytes do.
    #[must_use]
    pub const fn to_u128(self) -> u128 {
        u128::from_be_bytes(self.0)
    }

    /// The id of such an integer.
    #[must_use]
    pub const fn from_u128(value: u128) -> Self {
        Self(value.to_be_bytes())
    }
}

impl From<StatementHash> for OrderId {
    /// The id of the order whose `place` has this hash.
    fn from(hash: StatementHash) -> Self {
        let (first, _) = hash.0.split_at(16);
        // Cannot fail: the first half of 32 bytes is 16 bytes.
        Self(first.try_into().unwrap_or_default())
    }
}

impl From<StatementHash> for TakeId {
    /// The id of the take whose `req` has this hash.
    fn from(hash: StatementHash) -> Self {
        Self(hash.0)
    }
}

impl From<StatementHash> for TradeId {
    /// The id of the trade whose `fill` has this hash.
    fn from(hash: StatementHash) -> Self {
        Self(hash.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_what_it_shows_and_nothing_else() {
        let id = OrderId::from_u128(0x0123_4567_89ab_cdef);
        assert_eq!(id.to_string(), "00000000000000000123456789abcdef");
        assert_eq!(id.to_string().parse::<OrderId>().unwrap(), id);
        for bad in [
            "",
            "00",
            "0000000000000000 0123456789abcde",
            "00000000000000000123456789ABCDEF",
        ] {
            assert!(bad.parse::<OrderId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_order_id_is_the_first_half_of_its_hash() {
        let hash = StatementHash(std::array::from_fn(|i| i as u8));
        assert_eq!(OrderId::from(hash).to_string(), hash.to_string()[..32]);
    }
}

//! Reasons, as short words. They inform; they never change what a statement means, so a word
//! that this version does not know is kept and passed on.

use std::fmt;
use std::str::FromStr;

use crate::types::InvalidValue;

/// A reason that this version has no name for: 1 to 16 characters of `a-z_`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OtherWhy(Box<str>);

macro_rules! why {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$of])* $variant,)*
            /// A word that this version does not know.
            Other(OtherWhy),
        }

        impl $name {
            /// The wire's word.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)*
                    Self::Other(other) => &other.0,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => other(text).map(Self::Other),
                }
            }
        }
    };
}

why!(
    /// What brought an order's state about.
    OrdWhy {
        /// It rests in the book from now on.
        Rest = "rest",
        /// A trade.
        Fill = "fill",
        /// Its user cancelled it.
        Cancel = "cancel",
        /// Its user made it smaller.
        Reduce = "reduce",
        /// Its time is over.
        Expire = "expire",
        /// Another order took its place.
        Replace = "replace",
        /// Its node stopped.
        Shutdown = "shutdown",
        /// It only makes, and turned out to be the newer of two orders that cross.
        Post = "post",
    }
);

why!(
    /// Why a maker refuses a take.
    RejWhy {
        /// The maker does not know the order.
        Unknown = "unknown",
        /// The order is closed.
        Closed = "closed",
        /// The maker's order is itself taking from the taker's.
        Busy = "busy",
        /// The limit is worse than the order's price.
        Price = "price",
        /// Not even the least amount is free.
        Gone = "gone",
        /// The amount is below the order's smallest piece, and not all that is open.
        Small = "small",
        /// The request came too late.
        Expired = "expired",
        /// The request is dated too far in the future.
        Early = "early",
        /// The maker has started too recently to know whether it answered before.
        Boot = "boot",
        /// The two orders' users may not trade with each other.
        OwnOrder = "self",
        /// The request does not fit the orders that it names.
        Malformed = "malformed",
        /// The taker asks too often.
        Limit = "limit",
        /// The taker is proven to cheat.
        Revoked = "revoked",
    }
);

fn other(text: &str) -> Result<OtherWhy, InvalidValue> {
    let fits =
        (1..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if fits {
        Ok(OtherWhy(text.into()))
    } else {
        let allowed = "1 to 16 characters of a-z _";
        Err(InvalidValue::new("why", text, allowed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_word_is_its_variant_and_an_unknown_short_word_is_kept() {
        assert_eq!("self".parse::<RejWhy>().unwrap(), RejWhy::OwnOrder);
        let other = "on_holiday".parse::<RejWhy>().unwrap();
        assert!(matches!(other, RejWhy::Other(_)));
        assert_eq!(other.to_string(), "on_holiday");
        for bad in ["", "Rest", "a b", "a-b", "abcdefghijklmnopq"] {
            assert_eq!(bad.parse::<OrdWhy>().unwrap_err().field, "why");
        }
    }
}

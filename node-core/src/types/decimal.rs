//! Prices and amounts: decimal strings outside, unsigned fixed-point integers inside.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::InvalidValue;

/// Digits after the point.
pub const SCALE: u32 = 8;

/// The largest value in units of 10^-8: 15 digits before the point and 8 after it.
pub const MAX_UNITS: u128 = 10u128.pow(15 + SCALE) - 1;

const ONE: u128 = 10u128.pow(SCALE);
const ALLOWED: &str =
    "a decimal string like 1.5: at most 15 digits before the point and 8 after it, no sign";

/// Reads digits with at most one point; `None` where anything would be lost or guessed.
fn parse_units(text: &str) -> Option<u128> {
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (text, ""),
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    // Zeros that say nothing are the caller's habit ("1.500000000000", "007"); digits that say
    // something and don't fit are an error.
    let significant = whole.trim_start_matches('0');
    let kept = fraction.trim_end_matches('0');
    if whole.is_empty()
        || !digits(whole)
        || !digits(fraction)
        || text.len() > 64
        || significant.len() > 15
        || kept.len() > SCALE as usize
    {
        return None;
    }
    let read = |s: &str| s.bytes().fold(0u128, |n, b| n * 10 + u128::from(b - b'0'));
    let missing = SCALE - kept.len() as u32;
    Some(read(significant) * ONE + read(kept) * 10u128.pow(missing))
}

fn write_units(units: u128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (whole, fraction) = (units / ONE, units % ONE);
    if fraction == 0 {
        return write!(f, "{whole}");
    }
    let digits = format!("{fraction:08}");
    write!(f, "{whole}.{}", digits.trim_end_matches('0'))
}

/// Whether `text` is the one canonical way to write its value: no leading or trailing zeros.
fn is_canonical(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "1"));
    (whole == "0" || !whole.starts_with('0')) && !fraction.ends_with('0')
}

macro_rules! decimal {
    ($(#[$doc:meta])* $name:ident, $field:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(0);
            /// The largest value: 999999999999999.99999999.
            pub const MAX: Self = Self(MAX_UNITS);

            /// The value of so many units of 10^-8; `None` above [`MAX_UNITS`].
            #[must_use]
            pub const fn from_units(units: u128) -> Option<Self> {
                if units <= MAX_UNITS { Some(Self(units)) } else { None }
            }

            /// The value in units of 10^-8.
            #[must_use]
            pub const fn units(self) -> u128 {
                self.0
            }

            /// Whether it is zero.
            #[must_use]
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }

            /// Reads the canonical form only, which `Display` gives: no leading zeros, no
            /// trailing zeros after the point. Signed payloads take no other.
            ///
            /// # Errors
            /// Whatever else the text is; nothing is rounded.
            pub fn parse_canonical(text: &str) -> Result<Self, InvalidValue> {
                let value = text.parse()?;
                if is_canonical(text) {
                    Ok(value)
                } else {
                    let allowed = "a decimal string without leading or trailing zeros";
                    Err(InvalidValue::new($field, text, allowed))
                }
            }

            /// The sum; `None` above [`Self::MAX`].
            #[must_use]
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                // Cannot overflow: both are far below the end of u128.
                Self::from_units(self.0 + other.0)
            }

            /// The difference; `None` below zero.
            #[must_use]
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) {
                    Some(units) => Some(Self(units)),
                    None => None,
                }
            }

            /// The difference, zero where it would be less.
            #[must_use]
            pub const fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;

            /// Reads a decimal string. Zeros without a meaning are taken (`"1.50"`); a value that
            /// does not fit is an error, never rounded.
            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                parse_units(text)
                    .map(Self)
                    .ok_or_else(|| InvalidValue::new($field, text, ALLOWED))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_units(self.0, f)
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

decimal!(
    /// A price in quote per base, in units of 10^-8. Never negative, never rounded.
    Price, "price"
);
decimal!(
    /// An amount of base, in units of 10^-8. Never negative, never rounded.
    Amount, "amount"
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_decimal_keeps_every_digit_or_is_refused() {
        let cases = [
            ("0", 0),
            ("1.5", 150_000_000),
            ("1.50000000", 150_000_000),
            ("1.500000000000", 150_000_000),
            ("007", 700_000_000),
            ("0.00000001", 1),
            ("999999999999999.99999999", MAX_UNITS),
        ];
        for (text, units) in cases {
            assert_eq!(text.parse::<Amount>().unwrap().units(), units, "{text}");
        }
        let refused = [
            "",
            ".",
            ".5",
            "5.",
            "-1",
            "+1",
            "1e3",
            "1,5",
            " 1",
            "1 ",
            "1.2.3",
            "0x10",
            "NaN",
            "0.000000001",
            "1000000000000000",
            "١",
        ];
        for text in refused {
            let error = text.parse::<Price>().unwrap_err();
            assert_eq!(
                (error.field.as_str(), error.value.as_str()),
                ("price", text)
            );
        }
    }

    #[test]
    fn the_canonical_form_has_no_idle_zeros() {
        for text in ["0", "1", "10", "0.5", "1.05", "100.00000001"] {
            assert_eq!(Amount::parse_canonical(text).unwrap().to_string(), text);
        }
        for text in ["00", "01", "1.0", "1.50", "0.0", "00.5"] {
            assert!(Amount::parse_canonical(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back_as_the_same_value(units in 0..=MAX_UNITS) {
            let value = Amount::from_units(units).unwrap();
            prop_assert_eq!(Amount::parse_canonical(&value.to_string()).unwrap(), value);
        }
    }
}

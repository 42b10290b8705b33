//! A trading pair such as `BTC/USD`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::InvalidValue;

const ALLOWED: &str = "BASE/QUOTE, each 2 to 10 characters of A-Z 0-9, like BTC/USD";

/// A trading pair, base before quote: prices are in quote per base, amounts in base. Cheap to
/// clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pair(Arc<str>);

impl Pair {
    /// The pair as text, like `BTC/USD`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Pair {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let symbol = |s: &str| {
            (2..=10).contains(&s.len())
                && s.bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        };
        match text.split_once('/') {
            Some((base, quote)) if symbol(base) && symbol(quote) => Ok(Self(text.into())),
            _ => Err(InvalidValue::new("pair", text, ALLOWED)),
        }
    }
}

impl TryFrom<String> for Pair {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        text.parse()
    }
}

impl From<Pair> for String {
    fn from(pair: Pair) -> Self {
        pair.0.as_ref().to_owned()
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_base_slash_quote() {
        for good in ["BTC/USD", "1INCH/USDT"] {
            assert_eq!(good.parse::<Pair>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "BTC",
            "BTCUSD",
            "btc/usd",
            "B/USD",
            "BTC/USD/EUR",
            "BTC/",
        ] {
            assert_eq!(bad.parse::<Pair>().unwrap_err().field, "pair");
        }
    }
}

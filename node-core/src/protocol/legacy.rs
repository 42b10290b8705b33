//! What becomes of peers that speak the seed's protocol without encryption.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::types::InvalidValue;

/// Whether a node can meet plain peers at all. A page has no sessions but those that it dials, all of
/// them secured, so its module is spared what it would never do.
pub(crate) const PLAIN_PEERS: bool = cfg!(any(test, not(target_arch = "wasm32")));

/// What becomes of a plain peer: the setting `P2P_LEGACY`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LegacyPolicy {
    /// It is refused, with an `error` frame that says why.
    Off,
    /// It is connected; its orders and trades are shown apart, never matched, never mixed in.
    #[default]
    Observe,
    /// Its orders enter the book, marked unsigned, and are matched with this node's own orders. Who
    /// chooses this asks for that: it holds for all of them.
    Match,
}

impl LegacyPolicy {
    /// `off`, `observe` or `match`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Observe => "observe",
            Self::Match => "match",
        }
    }

    /// Whether a plain peer is let in at all.
    #[must_use]
    pub const fn takes_plain_peers(self) -> bool {
        PLAIN_PEERS && !matches!(self, Self::Off)
    }
}

impl fmt::Display for LegacyPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for LegacyPolicy {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "off" => Ok(Self::Off),
            "observe" => Ok(Self::Observe),
            "match" => Ok(Self::Match),
            _ => Err(InvalidValue::new(
                "P2P_LEGACY",
                text,
                "off, observe or match",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_reads_what_it_shows_and_nothing_else() {
        for policy in [
            LegacyPolicy::Off,
            LegacyPolicy::Observe,
            LegacyPolicy::Match,
        ] {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        for bad in ["", "OFF", "on", "match "] {
            assert_eq!(
                bad.parse::<LegacyPolicy>().unwrap_err().field,
                "P2P_LEGACY",
                "{bad}"
            );
        }
    }
}

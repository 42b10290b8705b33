//! Names of the network and of the peers in it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::{InvalidValue, NodeId};

/// Which network a node belongs to: `local`, `testnet`, `mainnet`, or a private network under a name
/// of its users' choice, `local:NAME`. Nodes of different networks refuse each other, and a statement
/// signed for one means nothing in another. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkId(Arc<str>);

impl NetworkId {
    /// The networks that every node knows. A private network has a name besides.
    pub const COMMON: [&str; 3] = ["local", "testnet", "mainnet"];

    /// The longest name of a private network, in bytes.
    pub const MAX_NAME: usize = 32;

    /// The whole name, as it is signed: `local:acme`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of a private network: `acme` of `local:acme`.
    #[must_use]
    pub fn private_name(&self) -> Option<&str> {
        self.0.strip_prefix("local:")
    }

    /// Whether its nodes may be expected on this machine: `local` or a private network.
    #[must_use]
    pub fn is_local(&self) -> bool {
        &*self.0 == "local" || self.private_name().is_some()
    }
}

impl FromStr for NetworkId {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let may_be_named = |name: &str| {
            (1..=Self::MAX_NAME).contains(&name.len())
                && name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        let private = text.strip_prefix("local:");
        if Self::COMMON.contains(&text) || private.is_some_and(may_be_named) {
            Ok(Self(text.into()))
        } else {
            let allowed = "local, testnet, mainnet, or local:NAME with a name of 1 to 32 characters \
                           of a-z 0-9 -";
            Err(InvalidValue::new("network", text, allowed))
        }
    }
}

impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who a peer says it is: a node whose key was proved, or a legacy peer under a name that
/// anybody could use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerId {
    /// A node of ours; its session proved the key.
    Node(NodeId),
    /// A plain peer; the name is its claim, 1 to 128 characters.
    Legacy(Arc<str>),
}

impl PeerId {
    /// The key, if it was proved.
    #[must_use]
    pub const fn node(&self) -> Option<NodeId> {
        match self {
            Self::Node(id) => Some(*id),
            Self::Legacy(_) => None,
        }
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(id) => id.fmt(f),
            Self::Legacy(name) => f.write_str(name),
        }
    }
}

impl Serialize for PeerId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_common_or_private_under_a_name() {
        let longest = format!("local:{}", "a".repeat(NetworkId::MAX_NAME));
        for good in [
            "local",
            "testnet",
            "mainnet",
            "local:acme",
            "local:0-a",
            &longest,
        ] {
            let network: NetworkId = good.parse().unwrap();
            assert_eq!(network.as_str(), good);
            assert_eq!(network.private_name(), good.strip_prefix("local:"));
        }
        let too_long = format!("{longest}a");
        for bad in [
            "",
            "bridge",
            "local:",
            "local:Acme",
            "local:a b",
            "local:a:b",
            "local:a_b",
            "testnet:a",
            "Local",
            " local",
            "local:\u{e4}",
            "acme",
            &too_long,
        ] {
            let error = bad.parse::<NetworkId>().unwrap_err();
            assert_eq!(error.field, "network", "{bad}");
            assert!(error.allowed.contains("local:NAME"), "{error}");
        }
    }
}

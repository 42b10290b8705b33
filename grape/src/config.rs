//! What a Grape is told when it starts.

use std::fmt;
use std::str::FromStr;

/// Where a Grape listens and by whom it joins the DHT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrapeConfig {
    /// The IPv4 address, or a host name that has one, on which both ports are opened. The DHT of
    /// Grapes has no IPv6 addresses.
    pub host: String,
    /// The UDP port of the DHT; 0 takes a free one.
    pub dht_port: u16,
    /// The TCP port of the HTTP API; 0 takes a free one.
    pub api_port: u16,
    /// Nodes of the DHT to join by, at most 256 of them. None make a DHT of one.
    pub bootstrap: Vec<BootstrapNode>,
}

impl Default for GrapeConfig {
    /// The ports of the npm package's examples, reachable from this machine only, alone.
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            dht_port: 20001,
            api_port: 30001,
            bootstrap: Vec::new(),
        }
    }
}

/// A node of the DHT by host name or IPv4 address, and UDP port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootstrapNode {
    host: String,
    port: u16,
}

impl BootstrapNode {
    /// The node at this host and port. Names are looked up by the Grape, again and again.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        let host = host.into();
        Self { host, port }
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for BootstrapNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl FromStr for BootstrapNode {
    type Err = InvalidBootstrapNode;

    /// Reads `host:port`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.rsplit_once(':');
        // Numbers are read with a sign and with zeros in front, too.
        let plain = |port: &&str| {
            !port.starts_with('0') && port.bytes().all(|digit| digit.is_ascii_digit())
        };
        let port = parts.and_then(|(_, port)| Some(port).filter(plain)?.parse().ok());
        match (parts, port) {
            (Some((host, _)), Some(port)) if !host.is_empty() && port > 0 => {
                Ok(Self::new(host, port))
            }
            _ => Err(InvalidBootstrapNode(text.to_owned())),
        }
    }
}

/// Not the address of a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bootstrap node {0:?} is not allowed: host:port, with a port from 1 to 65535")]
pub struct InvalidBootstrapNode(String);

#[cfg(test)]
mod tests {
    use super::BootstrapNode;

    #[test]
    fn a_bootstrap_node_is_a_host_and_a_port() {
        let node: BootstrapNode = "grape.example:20001".parse().unwrap();
        assert_eq!(node, BootstrapNode::new("grape.example", 20001));
        assert_eq!(node.to_string(), "grape.example:20001");
        for text in [
            "",
            "20001",
            ":20001",
            "host",
            "host:0",
            "host:65536",
            "host:",
            "host:+20001",
            "host:020001",
            "host: 20001",
        ] {
            assert!(text.parse::<BootstrapNode>().is_err(), "{text}");
        }
    }
}

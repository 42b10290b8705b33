//! What a node says of itself beside its address: the TXT record.

use mdns_sd::TxtProperties;

use crate::discovery::source::Announcement;
use crate::protocol::PROTOCOL_VERSION;
use crate::types::NodeId;

/// A record with more entries is not a node's.
const MAX_ENTRIES: usize = 16;

/// The entries that a node announces: `id`, `v` and `net`.
pub(super) fn write(own: &Announcement) -> [(&'static str, String); 3] {
    [
        ("id", own.node_id.to_string()),
        ("v", PROTOCOL_VERSION.to_owned()),
        ("net", own.network.to_string()),
    ]
}

/// The id of a node of the same network, or why it is none.
pub(super) fn read(txt: &TxtProperties, own: &Announcement) -> Result<NodeId, &'static str> {
    if txt.len() > MAX_ENTRIES {
        return Err("too many entries");
    }
    let value = |key| {
        let bytes = txt.get_property_val(key).flatten()?;
        std::str::from_utf8(bytes).ok()
    };
    let id: NodeId = value("id")
        .and_then(|text| text.parse().ok())
        .ok_or("no id of a node")?;
    if id == own.node_id {
        return Err("this node itself");
    }
    if value("net") != Some(own.network.as_str()) {
        return Err("another network");
    }
    let major = |version: &str| {
        version
            .split('.')
            .next()
            .and_then(|n| n.parse::<u32>().ok())
    };
    match value("v").and_then(major) {
        Some(version) if Some(version) == major(PROTOCOL_VERSION) => Ok(id),
        _ => Err("another version"),
    }
}

/// Whether the record is one that [`write`] could have written, valid or not. The original's nodes
/// write another.
pub(super) fn is_ours(txt: &TxtProperties) -> bool {
    txt.get("net").is_some() && txt.get("id").is_some()
}

#[cfg(feature = "fuzzing")]
#[expect(missing_docs, reason = "each is what it calls")]
pub(crate) mod fuzzing {
    use super::{Announcement, NodeId, TxtProperties, read, write};

    pub fn read_txt(txt: &[u8], own: &Announcement) -> Result<NodeId, &'static str> {
        read(&TxtProperties::from(txt), own)
    }

    #[must_use]
    pub fn write_txt(own: &Announcement) -> [(&'static str, String); 3] {
        write(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn txt(entries: &[(&str, &str)]) -> TxtProperties {
        let mut bytes = Vec::new();
        for (key, value) in entries {
            let text = format!("{key}={value}");
            bytes.push(u8::try_from(text.len()).unwrap());
            bytes.extend_from_slice(text.as_bytes());
        }
        TxtProperties::from(&bytes[..])
    }

    #[test]
    fn only_whole_records_of_the_same_network_name_a_node() {
        let own = Announcement {
            node_id: NodeId([1; 32]),
            network: "local".parse().unwrap(),
            listen: "0.0.0.0:3000".parse().unwrap(),
        };
        let other = NodeId([2; 32]).to_string();
        let good = [("id", other.as_str()), ("v", "1.7.0"), ("net", "local")];
        assert_eq!(read(&txt(&good), &own), Ok(NodeId([2; 32])));
        let with = |index: usize, value: &str| {
            let mut changed = good;
            changed[index].1 = value;
            read(&txt(&changed), &own).unwrap_err()
        };
        assert_eq!(with(0, &own.node_id.to_string()), "this node itself");
        assert_eq!(with(0, "abc"), "no id of a node");
        assert_eq!(with(0, &format!("{other}00")), "no id of a node");
        assert_eq!(with(1, "2.0.0"), "another version");
        assert_eq!(with(1, ""), "another version");
        assert_eq!(with(2, "mainnet"), "another network");
        assert_eq!(with(2, "local:acme"), "another network");
        for missing in 0..good.len() {
            let mut fewer = good.to_vec();
            fewer.remove(missing);
            read(&txt(&fewer), &own).unwrap_err();
        }
        let many: Vec<String> = (0..20).map(|n| format!("k{n}")).collect();
        let mut more = good.to_vec();
        more.extend(many.iter().map(|key| (key.as_str(), "x")));
        assert_eq!(read(&txt(&more), &own), Err("too many entries"));
        read(&TxtProperties::new(), &own).unwrap_err();
    }
}

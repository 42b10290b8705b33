//! What finds peers: records of the local network, and answers of Grapes and of their RPC.

use meshbook::discovery::{Announcement, MAX_LOOKED_UP};
use meshbook::fuzzing::{read_looked_up, read_txt, write_txt};
use meshbook::types::NodeId;
use meshbook_grape::fuzzing::{read_answer, read_call, unpack};
use serde_json::value::RawValue;

use crate::handshake::network;

/// The most that a compressed body is unpacked to.
const MOST_UNPACKED: usize = 64 * 1024;

/// A TXT record names another node of the same network or nobody; the node that it names would write
/// one that names it.
pub fn mdns_txt(data: &[u8]) {
    let announcement = |node_id| Announcement {
        node_id,
        network: network(),
        listen: "0.0.0.0:3000".parse().expect("an address"),
    };
    let own = announcement(NodeId([1; 32]));
    let Ok(id) = read_txt(data, &own) else {
        return;
    };
    assert_ne!(id, own.node_id);
    let mut record = Vec::new();
    for (key, value) in write_txt(&announcement(id)) {
        let entry = format!("{key}={value}");
        record.push(u8::try_from(entry.len()).expect("a short entry"));
        record.extend(entry.bytes());
    }
    assert_eq!(read_txt(&record, &own), Ok(id));
}

/// A Grape names a bounded number of addresses, and none of this machine unless it is there itself;
/// its own words are cut. An answer of the RPC is read once, and no body unpacks without end.
pub fn grape_answers(data: &[u8]) {
    for grape in ["127.0.0.1:30001", "9.9.9.9:30001"] {
        let grape: std::net::SocketAddr = grape.parse().expect("an address");
        match read_looked_up(data, grape) {
            Ok(candidates) => {
                assert!(candidates.len() <= MAX_LOOKED_UP);
                for candidate in candidates {
                    let ip = candidate.address.ip().expect("no name");
                    assert!(grape.ip().is_loopback() || !ip.is_loopback());
                    assert_ne!(candidate.address.port(), 0);
                }
            }
            Err(words) => assert!(words.chars().count() < 1_200),
        }
    }
    if let Some(body) = unpack(data, MOST_UNPACKED) {
        assert!(body.len() <= MOST_UNPACKED);
    }
    if let Some((id, key, payload)) = read_call(data, None) {
        let again = format!("[{id},{},{payload}]", serde_json::Value::from(key.as_str()));
        let read = read_call(again.as_bytes(), None).expect("the same call");
        assert_eq!(read.1, key);
        assert_eq!((read.0.get(), read.2.get()), (id.get(), payload.get()));
    }
    if let Some(Ok(result)) = read_answer(data, "id") {
        // Its numbers may be greater than a `Value` holds.
        serde_json::from_str::<&RawValue>(result.get()).expect("a result is JSON");
    }
}

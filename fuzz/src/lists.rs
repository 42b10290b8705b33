//! `.peers.json` and `bans.json`.

use std::sync::Arc;

use meshbook::client::Config;
use meshbook::fuzzing::{read_bans, read_peers, write_bans, write_peers};
use meshbook::node::Node;
use meshbook::storage::MAX_LIST_ENTRIES;

use crate::handshake::{NOW, identity};

/// What is read can be kept and reads the same; it is bounded, and a node starts with it.
pub fn lists(data: &[u8]) {
    let mut node = Node::new(
        Config::default().node_config(),
        Arc::new(identity(1)),
        [1; 32],
        NOW,
    );
    if let Ok((peers, _)) = read_peers(data) {
        assert!(peers.len() <= MAX_LIST_ENTRIES);
        if let Ok(text) = write_peers(&peers) {
            assert_eq!(read_peers(&text), Ok((peers.clone(), 0)));
        }
        node.start(peers, None, NOW);
        assert!(node.persisted_peers(NOW).len() <= MAX_LIST_ENTRIES);
    }
    if let Ok((bans, _)) = read_bans(data) {
        assert!(bans.len() <= MAX_LIST_ENTRIES);
        if let Ok(text) = write_bans(&bans) {
            assert_eq!(read_bans(&text), Ok((bans.clone(), 0)));
        }
        node.load_bans(bans, NOW);
        let kept = node.bans(NOW);
        assert!(kept.len() <= MAX_LIST_ENTRIES);
        let text = write_bans(&kept).expect("what a node keeps can be written");
        assert_eq!(read_bans(&text), Ok((kept, 0)));
    }
}

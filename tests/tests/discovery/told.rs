//! By what nodes remember and tell each other.

use std::time::{Duration, Instant};

use meshbook::node::PeerSource;
use meshbook_tests::Node;

#[tokio::test]
async fn nodes_that_know_one_peer_end_connected_to_each_other() {
    let hub = Node::named("hub").start().await;
    let mut others = Vec::new();
    for n in 1..10 {
        let name = format!("node{n}");
        others.push(Node::named(&name).dialing(hub.address).spawn());
    }
    let mut nodes = vec![hub];
    for starting in others {
        nodes.push(starting.ready().await);
    }
    for node in &nodes {
        node.has_peers(9).await;
    }
    for node in &nodes[1..] {
        let peers = node.control.peers().await;
        let source = |source| peers.iter().filter(|peer| peer.source == source).count();
        assert_eq!(source(PeerSource::Bootstrap), 1, "{peers:?}");
    }
}

#[tokio::test]
async fn a_node_with_nothing_but_its_memory_is_back_within_two_seconds() {
    let friend = Node::named("friend").start().await;
    let mut node = Node::named("node").dialing(friend.address).start().await;
    node.has_peers(1).await;
    node.signal("TERM");
    assert!(node.ends_within(Duration::from_secs(10)).await.success());
    friend.has_peers(0).await;

    let again = Node::named("node again").in_folder_of(&node);
    let again = again.start().await;
    let ready = Instant::now();
    again.has_peers(1).await;
    let took = ready.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    let peers = again.control.peers().await;
    assert_eq!(peers[0].source, PeerSource::Persisted);
    assert_eq!(peers[0].node_id.as_deref(), Some(friend.id.as_str()));
    assert_eq!(peers[0].last_outcome.as_deref(), Some("connected"));
}

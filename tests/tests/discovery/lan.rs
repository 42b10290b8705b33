//! On the local network: hosts on one switch, and nothing configured.

use std::time::{Duration, Instant};

use meshbook::node::{PeerSource, PeerView};
use meshbook::types::Side;
use meshbook_tests::lab::{self, Lab};
use meshbook_tests::{Node, NodeBuilder, eventually, eventually_within};

/// How soon nodes find each other.
pub(super) const SOON: Duration = Duration::from_secs(5);
/// Interfaces are looked at every 5 s, and a new one is asked on after that.
const INTERFACES: Duration = Duration::from_secs(30);
/// A silent connection is given up after 60 s, and dialed again within 30.
const CUT_OFF: Duration = Duration::from_secs(100);

/// A node without configuration: it listens everywhere, and looks on the local network.
pub(super) fn node(host: usize) -> NodeBuilder {
    Lab::node(host)
        .set("P2P_HOST", "0.0.0.0")
        .set("DISCOVERY_MDNS", "true")
}

pub(super) async fn has_peers_within(limit: Duration, node: &Node, count: usize) {
    eventually_within(limit, &format!("{count} peers"), async || {
        match node.control.connected().await == count {
            true => Ok(()),
            false => Err(format!("{:#?}", node.control.peers().await)),
        }
    })
    .await;
}

async fn known(node: &Node, wanted: impl Fn(&PeerView) -> bool) -> bool {
    node.control.peers().await.iter().any(wanted)
}

#[test]
fn nodes_without_configuration_find_each_other_and_no_others() {
    let name = "lan::nodes_without_configuration_find_each_other_and_no_others";
    lab::inside(name, async {
        let _lab = Lab::new(3);
        let elsewhere = node(2).set("NETWORK", "testnet").start().await;
        let a = node(0).start().await;
        let mut b = node(1).start().await;
        let ready = Instant::now();
        for node in [&a, &b] {
            has_peers_within(SOON, node, 1).await;
        }
        println!("found each other within {:?}", ready.elapsed());
        let status = a.control.status().await;
        assert_eq!(status["discovery"]["strategies"]["mdns"], true);
        assert_eq!(status["discovery"]["strategies"]["grenache"], false);
        for node in [&a, &b] {
            // Whoever was dialed learns by mDNS too whom it has there.
            eventually("the peer is known by mDNS", async || {
                let by_mdns = |peer: &PeerView| peer.source == PeerSource::Mdns;
                match known(node, by_mdns).await {
                    true => Ok(()),
                    false => Err(format!("{:?}", node.control.peers().await)),
                }
            })
            .await;
        }
        // Nodes of another network were ignored, and a node ignores itself.
        for node in [&a, &b] {
            let counters = node.control.counters().await;
            for label in ["wrong_network", "self_connection"] {
                assert_eq!(counters.get(label), None, "{counters:?}");
            }
        }
        assert!(!known(&elsewhere, |_| true).await);

        // Whoever leaves and comes back is found again.
        b.kill().await;
        a.has_peers(0).await;
        let b = node(1).start().await;
        for node in [&a, &b] {
            has_peers_within(SOON, node, 1).await;
        }
    });
}

#[test]
fn a_network_that_splits_and_heals_has_one_book_again() {
    let name = "lan::a_network_that_splits_and_heals_has_one_book_again";
    lab::inside(name, async {
        let lab = Lab::new(4);
        let mut nodes = Vec::new();
        for host in 0..4 {
            nodes.push(node(host).start().await);
        }
        for node in &nodes {
            has_peers_within(SOON, node, 3).await;
        }
        nodes[0].control.place(Side::Sell, "1", "100").await;
        same_asks(&nodes, &["100"]).await;

        // Each half trades for itself, and finds who comes there now.
        lab.cut(&[2, 3]);
        nodes[1].control.place(Side::Sell, "1", "101").await;
        nodes[2].control.place(Side::Sell, "1", "102").await;
        nodes[3].kill().await;
        nodes[3] = node(3).start().await;
        has_peers_within(INTERFACES, &nodes[3], 1).await;
        same_asks(&nodes[..2], &["100", "101"]).await;
        let bought = nodes[1].control.place(Side::Buy, "1", "100").await;
        assert_eq!(bought.trades.len(), 1);

        lab.heal();
        same_asks(&nodes, &["101", "102"]).await;
        for node in &nodes {
            has_peers_within(CUT_OFF, node, 3).await;
        }
        let bought = nodes[3].control.place(Side::Buy, "1", "101").await;
        assert_eq!(bought.trades.len(), 1);
        same_asks(&nodes, &["102"]).await;
    });
}

/// Waits until all show these prices, and nothing else.
async fn same_asks(nodes: &[Node], prices: &[&str]) {
    for node in nodes {
        eventually_within(CUT_OFF, &format!("asks at {prices:?}"), async || {
            let asks = node.control.book().await.asks;
            let shown: Vec<_> = asks.iter().map(|level| level.price.to_string()).collect();
            match shown == prices {
                true => Ok(()),
                false => Err(format!("{shown:?}")),
            }
        })
        .await;
    }
}

#[test]
fn nodes_on_one_host_find_each_other_too() {
    lab::inside("lan::nodes_on_one_host_find_each_other_too", async {
        let _lab = Lab::new(1);
        let a = node(0).start().await;
        let b = node(0).set("P2P_PORT", "3001");
        let b = b
            .set("CONTROL_ADDR", &lab::control_at(0, 7001))
            .start()
            .await;
        for node in [&a, &b] {
            has_peers_within(SOON, node, 1).await;
        }
    });
}

#[test]
fn hosts_with_nothing_but_ipv6_find_each_other() {
    let name = "lan::hosts_with_nothing_but_ipv6_find_each_other";
    lab::inside(name, async {
        let lab = Lab::new(2);
        for host in 0..2 {
            lab.without_v4(host);
        }
        let a = node(0).set("P2P_HOST", "::").start().await;
        let b = node(1).set("P2P_HOST", "::").start().await;
        for node in [&a, &b] {
            // A link-local address takes its time to be sure that nobody else has it.
            has_peers_within(INTERFACES, node, 1).await;
        }
        let v6 = |peer: &PeerView| {
            let ip = peer.address.as_ref().and_then(|address| address.ip());
            peer.direction.is_some() && ip.is_some_and(|ip| ip.is_ipv6())
        };
        assert!(known(&a, v6).await, "{:?}", a.control.peers().await);
    });
}

#[test]
fn a_host_whose_network_comes_late_is_found_then() {
    let name = "lan::a_host_whose_network_comes_late_is_found_then";
    lab::inside(name, async {
        let lab = Lab::new(2);
        lab.unplug(1);
        let a = node(0).start().await;
        let b = node(1).start().await;
        lab.plug_in(1);
        for node in [&a, &b] {
            has_peers_within(INTERFACES, node, 1).await;
        }
        assert_eq!(b.logged("a source of peers fails"), 0);
    });
}

#[test]
fn a_host_without_any_network_says_so_once_and_is_found_when_it_has_one() {
    let name = "lan::a_host_without_any_network_says_so_once_and_is_found_when_it_has_one";
    lab::inside(name, async {
        let lab = Lab::new(2);
        let a = node(0).start().await;
        lab.unplug(1);
        lab.without_control(1);
        let b = node(1).set("CONTROL_ADDR", "127.0.0.1:0").start().await;
        let said = async |text: &str| {
            eventually_within(INTERFACES, text, async || match b.logged(text) {
                0 => Err(String::new()),
                _ => Ok(()),
            })
            .await;
        };
        said("a source of peers fails").await;
        said("a source of peers still fails").await;
        lab.plug_in(1);
        has_peers_within(INTERFACES, &a, 1).await;
        said("a source of peers works again").await;
        assert_eq!(b.logged("a source of peers fails"), 1);
    });
}

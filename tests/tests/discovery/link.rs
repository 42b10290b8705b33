//! Hosts that have nothing but link-local addresses, and names whose server is silent.

use std::fs;
use std::process::Command;
use std::time::Duration;

use meshbook::node::PeerView;
use meshbook_tests::lab::{self, Lab};
use meshbook_tests::{Node, eventually_within};

use crate::lan::{has_peers_within, node};

/// A link-local address takes its time to be sure that nobody else has it, and mDNS looks at the
/// interfaces every 5 s.
const LINK_UP: Duration = Duration::from_secs(30);

async fn start_on_link(lab: &Lab, host: usize) -> Node {
    lab.without_v4(host);
    lab.without_global_v6(host);
    node(host).set("P2P_HOST", "::").start().await
}

fn is_link_local(peer: &PeerView) -> bool {
    let address = peer.address.as_ref();
    peer.direction.is_some() && address.is_some_and(|at| at.is_link_local() && at.zone().is_some())
}

#[test]
fn hosts_with_link_local_addresses_only_meet_and_tell_nobody() {
    let name = "link::hosts_with_link_local_addresses_only_meet_and_tell_nobody";
    lab::inside(name, async {
        let lab = Lab::new(2);
        let nodes = [start_on_link(&lab, 0).await, start_on_link(&lab, 1).await];
        for node in &nodes {
            has_peers_within(LINK_UP, node, 1).await;
            let peers = node.control.peers().await;
            assert!(peers.iter().any(is_link_local), "{peers:?}");
        }
    });
}

#[test]
fn link_local_address_with_its_interface_is_dialed() {
    let name = "link::link_local_address_with_its_interface_is_dialed";
    lab::inside(name, async {
        let lab = Lab::new(2);
        let quiet = |host| {
            node(host)
                .set("P2P_HOST", "::")
                .set("DISCOVERY_MDNS", "false")
        };
        let a = quiet(0).start().await;
        let at = lab.link_local(0);
        let peers = format!("[{at}%eth0]:3000");
        let b = quiet(1).set("BOOTSTRAP_PEERS", &peers).start().await;
        for node in [&a, &b] {
            has_peers_within(LINK_UP, node, 1).await;
        }
    });
}

#[test]
fn names_behind_a_silent_server_hold_up_no_numeric_address() {
    let name = "link::names_behind_a_silent_server_hold_up_no_numeric_address";
    lab::inside(name, async {
        let _lab = Lab::new(2);
        // Nobody has this address, and the namespace of mounts is this test's own.
        let resolver = tempfile::NamedTempFile::new().unwrap();
        fs::write(resolver.path(), "nameserver 10.77.0.200\n").unwrap();
        let mut mount = Command::new("mount");
        mount.arg("--bind").arg(resolver.path());
        assert!(mount.arg("/etc/resolv.conf").status().unwrap().success());
        let a = node(0).set("DISCOVERY_MDNS", "false").start().await;
        let names = (0..12).map(|n| format!("silent{n}.example.org:3000,"));
        let peers = names.collect::<String>() + &lab::address(0) + ":3000";
        let b = node(1)
            .set("DISCOVERY_MDNS", "false")
            .set("BOOTSTRAP_PEERS", &peers)
            .start()
            .await;
        // Far less than one of the names takes.
        eventually_within(Duration::from_secs(4), "a session", async || {
            match b.control.connected().await {
                1 => Ok(()),
                _ => Err(format!("{:#?}", b.control.peers().await)),
            }
        })
        .await;
        drop(a);
    });
}

//! On the local network, together with Avahi.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use meshbook_tests::eventually;
use meshbook_tests::lab::{self, Lab};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::lan::{SOON, has_peers_within, node};

/// An Avahi on a host, with a bus of its own. Both end when this is dropped.
struct Avahi {
    host: usize,
    _folder: TempDir,
    _processes: [Child; 2],
}

const BUS: &str = r#"<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/>
  </policy>
</busconfig>"#;

const AVAHI: &str = "[server]\nhost-name=avahi\nallow-interfaces=eth0\n\
                     [publish]\npublish-workstation=no\n";

impl Avahi {
    async fn start(host: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        // This /run is the test's own.
        for path in ["/run/dbus", "/run/avahi-daemon"] {
            std::fs::create_dir_all(path).unwrap();
        }
        let spawn = |arguments: &[&str], path: &Path| {
            let mut command = Command::from(Lab::on(host));
            command.args(arguments).arg(path).stdin(Stdio::null());
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command.kill_on_drop(true).spawn().unwrap()
        };
        let bus = ["dbus-daemon", "--nofork", "--nopidfile", "--config-file"];
        let bus = spawn(&bus, &file("bus.conf", BUS));
        eventually("there is a bus", async || {
            match Path::new("/run/dbus/system_bus_socket").exists() {
                true => Ok(()),
                false => Err(String::new()),
            }
        })
        .await;
        let avahi = [
            "avahi-daemon",
            "--no-drop-root",
            "--no-chroot",
            "--no-rlimits",
            "-f",
        ];
        let avahi = spawn(&avahi, &file("avahi.conf", AVAHI));
        let avahi = Self {
            host,
            _folder: folder,
            _processes: [bus, avahi],
        };
        eventually("Avahi answers", async || avahi.browse("_none._tcp").await).await;
        avahi
    }

    /// What `avahi-browse -rpt` prints of instances that it could resolve.
    async fn browse(&self, service: &str) -> Result<String, String> {
        let mut command = Command::from(Lab::on(self.host));
        command.args(["avahi-browse", "-rpt", service]);
        let output = command.stdin(Stdio::null()).output().await.unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        let resolved = lines.lines().filter(|line| line.starts_with("=;"));
        Ok(resolved.collect::<Vec<_>>().join("\n"))
    }

    /// Waits until it sees, under a service, what is wanted.
    async fn sees(&self, service: &str, wanted: impl Fn(&str) -> bool) -> String {
        eventually(&format!("{service} is as wanted"), async || {
            let seen = self.browse(service).await?;
            if wanted(&seen) { Ok(seen) } else { Err(seen) }
        })
        .await
    }

    fn publish(&self, name: &str, service: &str, port: u16, txt: &[&str]) -> Child {
        let mut command = Command::from(Lab::on(self.host));
        command.args(["avahi-publish-service", name, service, &port.to_string()]);
        command.args(txt).stdin(Stdio::null()).stderr(Stdio::null());
        command.stdout(Stdio::null());
        command.kill_on_drop(true).spawn().unwrap()
    }
}

#[test]
fn avahi_lists_nodes_with_port_and_record_until_they_leave() {
    let name = "avahi::avahi_lists_nodes_with_port_and_record_until_they_leave";
    lab::inside(name, async {
        let _lab = Lab::new(3);
        let avahi = Avahi::start(2).await;
        let a = node(0).start().await;
        let mut b = node(1).start().await;
        for service in ["_meshbook._tcp", "_bitfinex-exchange._tcp"] {
            let both = |seen: &str| seen.contains(&a.id) && seen.contains(&b.id);
            let seen = avahi.sees(service, both).await;
            for (host, node) in [(0, &a), (1, &b)] {
                let line = seen.lines().find(|line| line.contains(&node.id)).unwrap();
                let address = format!(";{};{};", lab::address(host), node.address.port());
                assert!(line.contains(&address), "{line}");
                for entry in [
                    "\"net=local\"",
                    "\"v=1.0.0\"",
                    &format!("\"id={}\"", node.id),
                ] {
                    assert!(line.contains(entry), "{line}");
                }
            }
        }
        b.signal("TERM");
        assert!(b.ends_within(Duration::from_secs(10)).await.success());
        // It said goodbye: otherwise it would be listed for minutes.
        for service in ["_meshbook._tcp", "_bitfinex-exchange._tcp"] {
            let one = |seen: &str| seen.contains(&a.id) && !seen.contains(&b.id);
            avahi.sees(service, one).await;
        }
    });
}

#[test]
fn original_nodes_are_found_and_foreign_records_are_ignored() {
    let name = "avahi::original_nodes_are_found_and_foreign_records_are_ignored";
    lab::inside(name, async {
        let _lab = Lab::new(2);
        let avahi = Avahi::start(1).await;
        let long = format!("id={}", "ab".repeat(32));
        let _published = [
            avahi.publish("old", "_bitfinex-exchange._tcp", 4001, &["nodeId=old"]),
            avahi.publish("no-id", "_meshbook._tcp", 4002, &["net=local", "v=1.0.0"]),
            avahi.publish(
                "far",
                "_meshbook._tcp",
                4003,
                &["net=other", "v=1.0.0", &long],
            ),
            avahi.publish(
                "future",
                "_meshbook._tcp",
                4004,
                &["net=local", "v=2.0.0", &long],
            ),
            avahi.publish(
                "good",
                "_meshbook._tcp",
                4005,
                &["net=local", "v=1.9.9", &long],
            ),
        ];
        let a = node(0).start().await;
        eventually("the two good ones are tried", async || {
            let peers = a.control.peers().await;
            let tried = peers.iter().filter(|peer| peer.failures > 0);
            let mut ports: Vec<u16> = tried
                .filter_map(|peer| Some(peer.address.as_ref()?.port()))
                .collect();
            ports.sort_unstable();
            ports.dedup();
            match ports == [4001, 4005] {
                true => Ok(()),
                false => Err(format!("{peers:#?}")),
            }
        })
        .await;
    });
}

#[test]
fn a_node_that_only_its_machine_reaches_finds_others_and_is_not_announced() {
    let name = "avahi::a_node_that_only_its_machine_reaches_finds_others_and_is_not_announced";
    lab::inside(name, async {
        let _lab = Lab::new(3);
        let avahi = Avahi::start(2).await;
        let hidden = node(0).set("P2P_HOST", "127.0.0.1").start().await;
        let open = node(1).start().await;
        for node in [&hidden, &open] {
            has_peers_within(SOON, node, 1).await;
        }
        let seen = avahi
            .sees("_meshbook._tcp", |seen| seen.contains(&open.id))
            .await;
        assert!(!seen.contains(&hidden.id), "{seen}");
    });
}

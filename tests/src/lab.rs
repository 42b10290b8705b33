//! Hosts on one machine: network namespaces on a switch that can be cut.
//!
//! All of it lives in namespaces of its own: the machine's network and its other tests see
//! nothing of it, and the system takes it down when the test ends, however that ends.

use std::env;
use std::process::{Command, Stdio};

use super::{Node, NodeBuilder};

/// Set in the process that runs inside.
const INSIDE: &str = "MESHBOOK_LAB";

/// Room for the names of namespaces that nobody outside sees.
const ENTER: &str = r#"mount -t tmpfs tmpfs /run && exec "$@""#;

/// Multicast leaves by the switch.
const MULTICAST_ROUTE: &str = "route add 224.0.0.0/4 dev eth0";

/// Where every node listens.
const PORT: u16 = 3000;
const CONTROL_PORT: u16 = 7000;

/// Runs `test`, which is the test named `name`, where it may make networks as it likes.
///
/// # Panics
/// Where the test fails, or this machine lets nobody make networks.
pub fn inside(name: &str, test: impl Future<Output = ()>) {
    if env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        return runtime.block_on(test);
    }
    let mut enter = enter();
    let this = env::current_exe().expect("a test knows its own path");
    enter.arg(this).args(["--exact", name, "--nocapture"]);
    let ended = enter.env(INSIDE, "1").status().expect("unshare starts");
    assert!(ended.success(), "{name}, in namespaces of its own: {ended}");
}

/// What runs the command that follows in its own network and mounts.
///
/// # Panics
/// Where nothing does; the panic says why.
fn enter() -> Command {
    let mut why = String::new();
    // Whoever is root needs no namespace of users, which some systems refuse.
    for flags in ["-nm", "-rnm"] {
        let mut enter = Command::new("unshare");
        enter.args([flags, "--", "sh", "-c", ENTER, "sh"]);
        let mut tried = Command::new("unshare");
        tried
            .args(enter.get_args())
            .args(["ip", "netns", "add", "try"]);
        match tried.stdin(Stdio::null()).output() {
            Ok(output) if output.status.success() => return enter,
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                why += &format!("\nunshare {flags}: {} {}", output.status, said.trim());
            }
            Err(error) => why += &format!("\nunshare: {error}"),
        }
    }
    panic!(
        "network namespaces can't be made here, and this test is about nothing else. Leave it \
         out by: cargo nextest run -E 'not test(/^(cut|lan|link|avahi)::/)'{why}"
    );
}

/// Hosts, each with a node, on one switch.
#[derive(Debug)]
pub struct Lab {
    hosts: usize,
}

impl Lab {
    /// Makes the hosts. Links are as bad as this kernel can make them: some can delay and lose.
    /// Every host hears what another says to all.
    ///
    /// # Panics
    /// Where that isn't allowed.
    #[must_use]
    pub fn new(hosts: usize) -> Self {
        // A switch that looks into multicast would keep it from those who never asked for it.
        ip("link add one type bridge mcast_snooping 0");
        ip("link add other type bridge mcast_snooping 0");
        ip("link set one up");
        ip("link set other up");
        let mut weather = "late and lossy";
        for host in 0..hosts {
            ip(&format!("netns add host{host}"));
            let inner = format!("-n host{host}");
            ip(&format!("{inner} link set lo up"));
            ip(&format!(
                "link add port{host} type veth peer eth0 netns host{host}"
            ));
            ip(&format!("link set port{host} master one up"));
            ip(&format!("{inner} addr add {}/24 dev eth0", address(host)));
            ip(&format!(
                "{inner} addr add {}/64 dev eth0 nodad",
                address_v6(host)
            ));
            ip(&format!("{inner} link set eth0 up"));
            ip(&format!("{inner} {MULTICAST_ROUTE}"));
            // The test talks to the node past the switch.
            ip(&format!(
                "link add ctl{host} type veth peer ctl netns host{host}"
            ));
            ip(&format!("addr add 10.78.{host}.1/30 dev ctl{host}"));
            ip(&format!("link set ctl{host} up"));
            ip(&format!("{inner} addr add {}/30 dev ctl", control(host)));
            ip(&format!("{inner} link set ctl up"));
            let netem = "qdisc add dev eth0 root netem delay 10ms 5ms loss 1%";
            let netem = format!("{inner} {netem}");
            if run("tc", &netem).is_err() {
                weather = "perfect, for this kernel has no netem";
            }
        }
        println!("{hosts} hosts on a switch; between cuts the links are {weather}");
        Self { hosts }
    }

    /// What a host's node is started with.
    #[must_use]
    pub fn node(host: usize) -> NodeBuilder {
        Node::named(&format!("node{host}"))
            .inside(&format!("host{host}"))
            .set("P2P_HOST", &address(host))
            .set("P2P_PORT", &PORT.to_string())
            .set("CONTROL_ADDR", &format!("{}:{CONTROL_PORT}", control(host)))
    }

    /// Cuts the network in two: `other` and the rest. What is on its way is lost, and nobody is
    /// told.
    pub fn cut(&self, other: &[usize]) {
        for host in 0..self.hosts {
            let switch = if other.contains(&host) {
                "other"
            } else {
                "one"
            };
            ip(&format!("link set port{host} master {switch}"));
        }
    }

    /// Makes the network whole again.
    pub fn heal(&self) {
        self.cut(&[]);
    }

    /// Pulls a host's cable out of the switch.
    pub fn unplug(&self, host: usize) {
        ip(&format!("-n host{host} link set eth0 down"));
    }

    /// Plugs it in again.
    pub fn plug_in(&self, host: usize) {
        ip(&format!("-n host{host} link set eth0 up"));
        ip(&format!("-n host{host} {MULTICAST_ROUTE}"));
        // Lost with the link, unlike the other address.
        let again = format!("-n host{host} addr replace {}/64", address_v6(host));
        ip(&format!("{again} dev eth0 nodad"));
    }

    /// Takes away the way past the switch by which a test talks to a host's node.
    pub fn without_control(&self, host: usize) {
        ip(&format!("-n host{host} link set ctl down"));
    }

    /// Leaves a host nothing but IPv6 on the switch.
    pub fn without_v4(&self, host: usize) {
        ip(&format!(
            "-n host{host} addr del {}/24 dev eth0",
            address(host)
        ));
    }

    /// Takes a host's own IPv6 address on the switch, and leaves it the link-local one.
    pub fn without_global_v6(&self, host: usize) {
        ip(&format!(
            "-n host{host} addr del {}/64 dev eth0",
            address_v6(host)
        ));
    }

    /// The link-local address of a host on the switch.
    ///
    /// # Panics
    /// Where it has none.
    #[must_use]
    pub fn link_local(&self, host: usize) -> String {
        let show = ["-6", "-o", "addr", "show", "dev", "eth0", "scope", "link"];
        let output = Self::on(host).arg("ip").args(show).output();
        let output = String::from_utf8(output.expect("ip starts").stdout).expect("text");
        let address = output
            .split_whitespace()
            .find(|word| word.starts_with("fe80:"));
        let address = address.and_then(|address| address.split('/').next());
        address
            .unwrap_or_else(|| panic!("no link-local address: {output}"))
            .to_owned()
    }

    /// Runs a program on a host: what is to follow is the program and its arguments.
    #[must_use]
    pub fn on(host: usize) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/host{host}"));
        command
    }
}

/// A host's address on the switch.
#[must_use]
pub fn address(host: usize) -> String {
    format!("10.77.0.{}", host + 1)
}

fn address_v6(host: usize) -> String {
    format!("fd77::{}", host + 1)
}

/// Another control address of a host, for a second node there.
#[must_use]
pub fn control_at(host: usize, port: u16) -> String {
    format!("{}:{port}", control(host))
}

fn control(host: usize) -> String {
    format!("10.78.{host}.2")
}

fn ip(args: &str) {
    if let Err(error) = run("ip", args) {
        panic!("ip {args}: {error}");
    }
}

fn run(program: &str, args: &str) -> Result<(), String> {
    let output = Command::new(program).args(args.split(' ')).output();
    let output = output.map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

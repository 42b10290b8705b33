//! A node under attack: every attack of `cargo xtask soak`, each for a moment, while honest nodes
//! trade through it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use meshbook_tests::attack::{Attack, Deeds, Strength, Target};
use meshbook_tests::honest::{Honest, Probes};
use meshbook_tests::{Node, Vitals, eventually, free_ports};
use tokio::time::sleep;

/// Honest nodes, and orders a second of all of them together. The last node is behind another.
const PEERS: usize = 4;
const RATE: u32 = 20;

/// How long each attack lasts at least.
const MOMENT: Duration = Duration::from_millis(1500);

/// How long the honest nodes trade before, and after each attack.
const QUIET: Duration = Duration::from_millis(500);

/// The most memory that the node may take.
const BOUND: u64 = 256 * 1024 * 1024;

/// Pieces that one order may be sold in.
const MOST_PIECES: u64 = 1_001;

/// Addressed messages for others that may come to a bystander: requests of honest nodes go to all
/// where the known way does not answer.
const MOST_STRAY: u64 = 30;

/// An attack that did nothing proves nothing.
fn did_something(attack: Attack, deeds: &Deeds) -> bool {
    let told = |what: &str| deeds.told.get(what).copied().unwrap_or(0);
    match attack {
        Attack::Connects => deeds.connects >= 500,
        Attack::Drips => deeds.connects >= 200 && deeds.frames >= 200,
        Attack::Origins => deeds.frames >= 50,
        // All orders of an owner are in one frame.
        Attack::Identities => deeds.sessions > 0 && deeds.bytes > 100_000,
        Attack::KeepAlives => deeds.bytes > 3_000_000,
        // More owners than a node has room for.
        Attack::Washers => told("wash trades") >= 5_500,
        Attack::Wash => told("wash trades") >= 4_000,
        // Two orders at a time.
        Attack::Dust => told("pieces asked for") >= 4_000,
        Attack::Clocks => deeds.sessions >= 5 && told("asked for its time") >= 3,
        Attack::Health => deeds.connects >= 200,
        // As many as fill a pipe that nobody reads.
        Attack::Logs => deeds.sessions >= 400 || told("no session: no answer") > 0,
        _ => deeds.sessions > 0 && deeds.frames >= 50,
    }
}

/// Pages of others, and programs that have no token, get nothing at the control address.
fn control_gave_nothing(deeds: &Deeds) -> bool {
    let mut told = deeds
        .told
        .keys()
        .filter(|what| what.starts_with("control, "));
    told.all(|what| what.contains(": 4"))
}

/// A node that bears these attacks, one after the other: honest nodes lose nothing, its own user
/// can trade, and it keeps its bounds.
async fn bears(attacks: &[Attack]) {
    let (metrics, _) = free_ports();
    let builder = Node::named("node")
        .set("METRICS_PORT", &metrics.to_string())
        .set("LOG_FORMAT", "json");
    let builder = match attacks.iter().any(|attack| attack.is_on_an_unread_log()) {
        true => builder.with_unread_log(),
        false => builder,
    };
    let mut node = builder.start().await;
    let metrics: SocketAddr = (Ipv4Addr::LOCALHOST, metrics).into();
    let vitals = Vitals::of(node.process());
    let honest = Honest::around(node.address, PEERS).await;
    let mut load = honest.trade(RATE);
    let target = Target {
        peers: node.address,
        control: node.control.address(),
        metrics: Some(metrics),
    };
    sleep(QUIET).await;

    let mut phases = vec![("before", 0)];
    for &attack in attacks {
        phases.push((attack.name(), load.next_phase()));
        let under_way = attack.prepare(target, Strength::brief()).begin();
        let probes = Probes::of(&node, Some(metrics));
        sleep(MOMENT).await;
        let deeds = eventually(
            "the attacker has done something",
            async || match under_way.deeds() {
                deeds if did_something(attack, &deeds) => Ok(deeds),
                deeds => Err(format!("{deeds:?}")),
            },
        )
        .await;
        // While it goes on.
        let probes = probes.stop().await;
        drop(under_way);
        println!("{}: {deeds:?}\n{probes:?}", attack.name());
        assert!(control_gave_nothing(&deeds), "{deeds:?}");
        let name = attack.name();
        assert_eq!(probes.refused, BTreeMap::new(), "{name}: its user trades");
        assert_eq!(probes.unanswered, 0, "{name}: its user is answered");
        assert_eq!(probes.untold, 0, "{name}: takers are answered");
        assert_eq!(probes.unseen, 0, "{name}: /healthz answers");
        assert!(probes.stray <= MOST_STRAY, "{name}: {probes:?}");
        sleep(QUIET).await;
        assert!(node.runs(), "the node bears {name}");
        honest.are_connected().await;
    }
    load.stop().await;

    let mut trades = 0;
    for (name, phase) in phases {
        let figures = load.figures(phase);
        assert!(figures.orders > 0, "{name}: honest nodes went on");
        assert!(figures.nothing_is_lost(), "{name}: {figures:?}");
        assert!(figures.most_pieces <= MOST_PIECES, "{name}: {figures:?}");
        assert_eq!(figures.disconnects, 0, "{name}: sessions are left alone");
        trades += figures.trades;
    }
    // A busy machine lets some purchases run out of time, and not all.
    assert!(trades > 0, "honest nodes traded");
    let most = vitals.take_peak();
    assert!(most.is_none_or(|most| most < BOUND), "{most:?} bytes");
    for bad in [r#""level":"ERROR""#, "panicked at"] {
        assert_eq!(node.logged(bad), 0, "{bad} in the log");
    }
    honest.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_strangers_do_honest_nodes_lose_nothing_and_the_node_keeps_its_bounds() {
    bears(&[
        Attack::Connects,
        Attack::Drips,
        Attack::Oversize,
        Attack::Flood,
        Attack::Signatures,
        Attack::Replay,
        Attack::Lies,
        Attack::Addresses,
        Attack::Origins,
        Attack::Slow,
        Attack::Identities,
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn free_owners_by_keep_alives_displace_nobody() {
    bears(&[Attack::KeepAlives]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn free_owners_by_trades_displace_nobody() {
    bears(&[Attack::Washers]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_order_is_not_sold_as_dust() {
    bears(&[Attack::Dust]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_with_a_false_clock_stop_nobody() {
    bears(&[Attack::Clocks]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forwards_in_others_names_swallow_no_request() {
    bears(&[Attack::Paths]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forwards_to_nobody_go_to_nobody() {
    bears(&[Attack::Forwards]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hung_http_connections_lock_nobody_out() {
    bears(&[Attack::Health]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_holds_nothing_up() {
    bears(&[Attack::Logs]).await;
}

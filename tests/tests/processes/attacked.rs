//! A node under attack: every attack of `cargo xtask soak`, each for a moment, while honest nodes
//! trade through it.

use std::time::Duration;

use meshbook_tests::attack::{Attack, Deeds, Strength, Target};
use meshbook_tests::honest::Honest;
use meshbook_tests::{Node, Vitals, eventually};
use tokio::time::sleep;

/// Honest nodes, and orders a second of all of them together.
const PEERS: usize = 3;
const RATE: u32 = 20;

/// How long each attack lasts at least.
const MOMENT: Duration = Duration::from_millis(1500);

/// How long the honest nodes trade before, and after each attack.
const QUIET: Duration = Duration::from_millis(500);

/// The most memory that the node may take.
const BOUND: u64 = 256 * 1024 * 1024;

/// An attack that did nothing proves nothing.
fn did_something(attack: Attack, deeds: &Deeds) -> bool {
    match attack {
        Attack::Connects => deeds.connects >= 500,
        Attack::Drips => deeds.connects >= 200 && deeds.frames >= 200,
        Attack::Origins => deeds.frames >= 50,
        // All orders of an owner are in one frame.
        Attack::Identities => deeds.sessions > 0 && deeds.bytes > 100_000,
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

#[tokio::test(flavor = "multi_thread")]
async fn whatever_strangers_do_honest_nodes_lose_nothing_and_the_node_keeps_its_bounds() {
    let mut node = Node::named("node").set("LOG_FORMAT", "json").start().await;
    let vitals = Vitals::of(node.process());
    let honest = Honest::around(node.address, PEERS).await;
    let mut load = honest.trade(RATE);
    let target = Target {
        peers: node.address,
        control: node.control.address(),
    };
    sleep(QUIET).await;

    let mut phases = vec![("before", 0)];
    for attack in Attack::ALL {
        phases.push((attack.name(), load.next_phase()));
        let under_way = attack.prepare(target, Strength::brief()).begin();
        sleep(MOMENT).await;
        let deeds = eventually(
            "the attacker has done something",
            async || match under_way.deeds() {
                deeds if did_something(attack, &deeds) => Ok(deeds),
                deeds => Err(format!("{deeds:?}")),
            },
        )
        .await;
        drop(under_way);
        println!("{}: {deeds:?}", attack.name());
        assert!(control_gave_nothing(&deeds), "{deeds:?}");
        sleep(QUIET).await;
        assert!(node.runs(), "the node bears {}", attack.name());
        honest.are_connected().await;
    }
    load.stop().await;

    let mut trades = 0;
    for (name, phase) in phases {
        let figures = load.figures(phase);
        assert!(figures.orders > 0, "{name}: honest nodes went on");
        assert!(figures.nothing_is_lost(), "{name}: {figures:?}");
        assert_eq!(figures.disconnects, 0, "{name}: sessions are left alone");
        trades += figures.trades;
    }
    // A busy machine lets some purchases run out of time, and not all.
    assert!(trades > 0, "honest nodes traded");
    let most = vitals.take_most_resident();
    assert!(most.is_none_or(|most| most < BOUND), "{most:?} bytes");
    for bad in [r#""level":"ERROR""#, "panicked at"] {
        assert_eq!(node.logged(bad), 0, "{bad} in the log");
    }
    honest.shut_down().await;
}

//! Networks that are cut in two under load, and healed.

use std::time::{Duration, Instant};

use meshbook::types::Side;
use meshbook_tests::lab::{self, Lab};
use meshbook_tests::{Control, eventually_within};
use rand::RngExt;
use rand::seq::SliceRandom;
use tokio::time::sleep;

use super::audit;
use super::cluster::Cluster;
use super::load::Load;
use super::records::Records;
use super::seed::Seed;

const HOSTS: usize = 5;

/// The pause of a user after each request.
const PACE: Duration = Duration::from_millis(200);

/// Cuts of a few seconds: nobody gives up a connection.
const CUTS: usize = 8;

/// By then every owner beyond a cut counts as gone: 75 s without a sign of life, and some time
/// for a machine that does other things as well.
const SILENT_AFTER: Duration = Duration::from_secs(120);

/// Far above all other orders, so that nobody takes it.
const MARK: &str = "500";

async fn cluster() -> Cluster {
    let builder = |host| Lab::node(host).set("PEER_RECONNECT_INTERVAL", "1000");
    Cluster::start((0..HOSTS).map(builder).collect()).await
}

#[test]
fn short_cuts_lose_nothing() {
    lab::inside("cut::short_cuts_lose_nothing", async {
        let seed = Seed::choose();
        let mut rng = seed.stream(0);
        let lab = Lab::new(HOSTS);
        let cluster = cluster().await;
        let records = Records::default();
        let mut load = Load::start(&cluster, &records, seed, PACE);
        let mut hosts: Vec<usize> = (0..HOSTS).collect();
        for _ in 0..CUTS {
            sleep(Duration::from_millis(rng.random_range(0..1500))).await;
            hosts.shuffle(&mut rng);
            lab.cut(&hosts[..rng.random_range(1..HOSTS)]);
            sleep(Duration::from_millis(rng.random_range(500..5000))).await;
            lab.heal();
            load.goes_on();
        }
        let healed = Instant::now();
        load.stop().await;
        let findings = audit::holds(&cluster.controls(), &records, healed).await;
        cluster.is_whole().await;
        println!("{findings}");
        assert!(findings.between_nodes > 100, "{findings}");
    });
}

/// Waits until a node shows the mark, or no longer does.
async fn shows_mark(node: &Control, shown: bool, limit: Duration) {
    eventually_within(limit, &format!("the mark is shown: {shown}"), async || {
        let asks = node.book().await.asks;
        let mark = asks.iter().any(|level| level.price.to_string() == MARK);
        if mark == shown {
            Ok(())
        } else {
            Err(format!("{asks:?}"))
        }
    })
    .await;
}

#[test]
fn a_cut_longer_than_any_patience_hides_who_is_beyond_it_and_loses_nothing() {
    let name = "cut::a_cut_longer_than_any_patience_hides_who_is_beyond_it_and_loses_nothing";
    lab::inside(name, async {
        let seed = Seed::choose();
        let lab = Lab::new(HOSTS);
        let cluster = cluster().await;
        let nodes = cluster.controls();
        let records = Records::default();
        nodes[4].place(Side::Sell, "1", MARK).await;
        for node in &nodes {
            shows_mark(node, true, Duration::from_secs(10)).await;
        }
        let mut load = Load::start(&cluster, &records, seed, PACE);
        sleep(Duration::from_secs(seed.stream(0).random_range(1..5))).await;

        lab.cut(&[3, 4]);
        let cut = Instant::now();
        for (node, mark) in [(0, false), (1, false), (2, false), (3, true)] {
            let limit = SILENT_AFTER.saturating_sub(cut.elapsed());
            shows_mark(&nodes[node], mark, limit).await;
        }
        for (node, peers) in [2, 2, 2, 1, 1].into_iter().enumerate() {
            cluster.has_peers(node, peers).await;
        }
        load.goes_on();
        lab.heal();

        let healed = Instant::now();
        load.stop().await;
        let findings = audit::holds(&nodes, &records, healed).await;
        cluster.is_whole().await;
        println!("cut for {:?}; {findings}", healed - cut);
        assert!(findings.between_nodes > 100, "{findings}");
    });
}

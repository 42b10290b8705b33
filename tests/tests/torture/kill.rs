//! `kill -9`, again and again.

use std::time::{Duration, Instant};

use meshbook_tests::{Node, eventually};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use tokio::time::sleep;

use super::audit;
use super::cluster::Cluster;
use super::load::Load;
use super::records::Records;
use super::seed::{Seed, number};

const NODES: usize = 5;

/// The variable that sets how often a node is killed.
const KILLS: &str = "MESHBOOK_TORTURE_KILLS";
const KILLS_BY_DEFAULT: u64 = 100;

/// The mean time from one kill to the next.
const PACE: Duration = Duration::from_millis(600);

/// The pause of a user after each request.
const USER_PACE: Duration = Duration::from_millis(40);

/// Of the kills in a phase, how many are of the other nodes than the phase's own victim.
const OTHERS: usize = NODES - 1;

/// One fault.
#[derive(Clone, Debug)]
struct Fault {
    /// When, from the start of the load on.
    at: Duration,
    /// Who are killed, all at the same moment.
    victims: Vec<usize>,
    /// How long they are down.
    down: Duration,
    /// The first is killed again so long after it was started, ready or not.
    again: Option<Duration>,
}

impl Fault {
    fn kills(&self) -> usize {
        self.victims.len() + usize::from(self.again.is_some())
    }
}

/// When to kill whom. A node that was just started refuses for a while what it can't remember,
/// so if all were killed equally often, none would ever fill another's order. So each has a phase
/// in which it is killed again and again, and is left alone for most of the others.
fn plan(kills: usize, rng: &mut ChaCha8Rng) -> Vec<Fault> {
    let length = PACE * u32::try_from(kills).unwrap() / NODES as u32;
    let mut plan = Vec::new();
    for phase in 0..NODES {
        let mut left = kills / NODES + usize::from(phase < kills % NODES);
        let mut others = OTHERS.min(left / 2);
        while left > 0 {
            let mut victims = vec![phase];
            // Another at the same moment, or alone.
            if others > 0 {
                let other = (phase + others) % NODES;
                if left > 1 && rng.random() {
                    victims.push(other);
                } else {
                    victims[0] = other;
                }
                others -= 1;
            }
            let again = left > victims.len() && rng.random_ratio(1, 8);
            let fault = Fault {
                at: length * phase as u32 + length.mul_f64(rng.random()),
                victims,
                down: Duration::from_millis(rng.random_range(0..200)),
                again: again.then(|| Duration::from_millis(rng.random_range(0..40))),
            };
            left -= fault.kills();
            plan.push(fault);
        }
    }
    plan.sort_by_key(|fault| fault.at);
    plan
}

async fn cluster() -> Cluster {
    let builders = (0..NODES).map(|member| {
        let builder = Node::named(&format!("node{member}"));
        builder.set("PEER_RECONNECT_INTERVAL", "1000")
    });
    Cluster::start(builders.collect()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_confirmed_outlives_kill_9() {
    let seed = Seed::choose();
    let kills = usize::try_from(number(KILLS).unwrap_or(KILLS_BY_DEFAULT)).unwrap();
    let mut cluster = cluster().await;
    let records = Records::default();
    let mut load = Load::start(&cluster, &records, seed, USER_PACE);

    let start = Instant::now();
    let mut killed = 0;
    for fault in plan(kills, &mut seed.stream(0)) {
        sleep(fault.at.saturating_sub(start.elapsed())).await;
        for victim in &fault.victims {
            cluster.kill(*victim).await;
        }
        sleep(fault.down).await;
        if let Some(again) = fault.again {
            let starting = cluster.spawn(fault.victims[0]);
            sleep(again).await;
            starting.kill().await;
        }
        for victim in &fault.victims {
            let starting = cluster.spawn(*victim);
            cluster.back(*victim, starting).await;
        }
        killed += fault.kills();
        load.goes_on();
    }
    let last_fault = Instant::now();
    load.stop().await;
    let findings = audit::holds(&cluster.controls(), &records, last_fault).await;
    cluster.is_whole().await;

    let book = records.lock();
    println!(
        "{killed} kills in {:?}: {} orders taken, {} trades confirmed, {} requests unanswered, \
         refused: {:?}; {findings}",
        last_fault - start,
        book.orders.len(),
        book.trades.len(),
        book.unanswered,
        book.refused,
    );
    assert_eq!(killed, kills);
    assert!(
        findings.between_nodes >= kills,
        "too few trades between nodes to prove anything: {findings}"
    );
}

/// What the test above asks for holds without its faults: only they can make it fail.
#[tokio::test(flavor = "multi_thread")]
async fn without_faults_all_nodes_agree_on_what_was_confirmed() {
    let seed = Seed::choose();
    let cluster = cluster().await;
    let records = Records::default();
    let mut load = Load::start(&cluster, &records, seed, USER_PACE);
    eventually("there are trades", async || {
        load.goes_on();
        match records.lock().trades.len() {
            200.. => Ok(()),
            few => Err(format!("{few}")),
        }
    })
    .await;
    let end = Instant::now();
    load.stop().await;
    let findings = audit::holds(&cluster.controls(), &records, end).await;
    println!("{findings}");
    assert!(findings.between_nodes > 100, "{findings}");
    cluster.is_whole().await;
}

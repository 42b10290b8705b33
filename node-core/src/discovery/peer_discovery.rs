//! All sources together.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::source::{Announcement, Candidate, Discovery};
use super::worker::{Surroundings, Worker};
use crate::node::PeerSource;

/// A node without any peer or source for so long is told of it.
pub const ALONE_AFTER: Duration = Duration::from_secs(3);

/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Who wants to find peers.
pub trait Seeker: fmt::Debug + Send + Sync {
    /// Takes candidates in.
    fn found(&self, source: PeerSource, candidates: Vec<Candidate>) -> BoxFuture<'_, ()>;

    /// Whether no peer is connected, and every known address failed when it was last tried.
    fn is_alone(&self) -> bool;
}

/// How a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing is known yet.
    Starting,
    /// It worked when it was last used.
    Works,
    /// It failed when it was last used.
    Fails,
}

/// Asks for rounds, and shows how the sources are. Clones are the same.
#[derive(Clone, Debug)]
pub struct Rounds {
    asked: watch::Sender<u64>,
    table: Arc<Table>,
}

impl Rounds {
    /// Makes all sources look again now. Doesn't wait for them.
    pub fn discover(&self) {
        self.asked
            .send_modify(|rounds| *rounds = rounds.wrapping_add(1));
    }

    /// How a source is; `None` if it doesn't run.
    #[must_use]
    pub fn health(&self, source: PeerSource) -> Option<Health> {
        self.table.get(source)
    }
}

/// The health of each source that runs.
#[derive(Debug, Default)]
pub(super) struct Table(Mutex<BTreeMap<PeerSource, Health>>);

impl Table {
    pub(super) fn set(&self, source: PeerSource, health: Health) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.insert(source, health);
    }

    fn get(&self, source: PeerSource) -> Option<Health> {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.get(&source).copied()
    }

    /// Whether no source can name a peer, of which there is at least one. Lists name none that
    /// were not tried already.
    fn is_useless(&self) -> bool {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let list = |source| matches!(source, PeerSource::Persisted | PeerSource::Bootstrap);
        !table.is_empty()
            && table
                .iter()
                .all(|(source, health)| list(*source) || *health == Health::Fails)
    }

    fn clear(&self) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.clear();
    }
}

/// The seed's `PeerDiscovery`: runs every source on its own. A source that fails is told of once
/// and taken up again when it works; the others don't notice.
///
/// Which candidates are tried first is decided by the node: those of persisted peers, then
/// configured ones, then of the local network, then of Grapes, then those that peers told.
#[derive(Debug)]
pub struct PeerDiscovery {
    sources: Vec<Box<dyn Discovery>>,
    rounds: Rounds,
}

impl PeerDiscovery {
    /// Sources that don't run yet.
    #[must_use]
    pub fn new(sources: Vec<Box<dyn Discovery>>) -> Self {
        let table = Table::default();
        for source in &sources {
            table.set(source.source(), Health::Starting);
        }
        let rounds = Rounds {
            asked: watch::Sender::new(0),
            table: Arc::new(table),
        };
        Self { sources, rounds }
    }

    /// Asks for rounds, also later.
    #[must_use]
    pub fn rounds(&self) -> Rounds {
        self.rounds.clone()
    }

    /// Runs the sources until `stop`; then all say goodbye. Dropped early, they end without.
    pub async fn run(self, own: Announcement, seeker: Arc<dyn Seeker>, stop: CancellationToken) {
        let around = Surroundings {
            own,
            seeker,
            table: Arc::clone(&self.rounds.table),
            rounds: self.rounds.asked.subscribe(),
            stop,
        };
        let workers = self.sources.into_iter();
        let workers = workers.map(|source| Worker::new(source, around.clone()).run());
        let watching = around.stop.run_until_cancelled(tell_when_alone(&around));
        tokio::join!(join_all(workers), watching);
        around.table.clear();
    }
}

/// Tells once that nobody is found, until there is a peer again.
async fn tell_when_alone(around: &Surroundings) {
    let mut since: Option<Instant> = None;
    let mut told = false;
    loop {
        sleep(LOOK_EVERY).await;
        let alone = around.seeker.is_alone();
        if !alone || !around.table.is_useless() {
            if told && !alone {
                info!("there are peers again");
            }
            since = None;
            // A source that came back and names nobody is no news.
            told = told && alone;
            continue;
        }
        let since = *since.get_or_insert_with(Instant::now);
        if !told && since.elapsed() >= ALONE_AFTER {
            told = true;
            warn!("no peer answers and every source of peers fails; going on alone, and looking");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;
    use crate::discovery::{DiscoveryError, LONGEST_PAUSE, TELL_AGAIN};
    use crate::types::NodeId;

    /// Whether a source works, and how often it was opened.
    #[derive(Debug, Default)]
    struct Switch {
        on: AtomicBool,
        opened: AtomicUsize,
        ended: AtomicBool,
    }

    /// A source that names one address as long as it works, and looks once a second.
    #[derive(Debug)]
    struct Scripted {
        source: PeerSource,
        switch: Arc<Switch>,
        now: bool,
    }

    impl Discovery for Scripted {
        fn source(&self) -> PeerSource {
            self.source
        }

        fn announce<'a>(
            &'a mut self,
            _: &'a Announcement,
        ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
            self.switch.opened.fetch_add(1, Ordering::Relaxed);
            self.now = true;
            Box::pin(future::ready(Ok(())))
        }

        fn next(&mut self) -> BoxFuture<'_, Result<Vec<Candidate>, DiscoveryError>> {
            Box::pin(async {
                if !self.now {
                    sleep(Duration::from_secs(1)).await;
                }
                self.now = false;
                if self.switch.on.load(Ordering::Relaxed) {
                    return Ok(vec![candidate(self.source as u16 + 1)]);
                }
                Err(DiscoveryError::Mdns {
                    reason: "switched off".to_owned(),
                    retry_in: None,
                })
            })
        }

        fn look_again(&mut self) {
            self.now = true;
        }

        fn end(&mut self) -> BoxFuture<'_, ()> {
            self.switch.ended.store(true, Ordering::Relaxed);
            Box::pin(future::ready(()))
        }
    }

    fn candidate(port: u16) -> Candidate {
        Candidate {
            address: format!("10.0.0.9:{port}").parse().unwrap(),
            id: None,
        }
    }

    #[derive(Debug, Default)]
    struct Finder {
        found: Mutex<Vec<PeerSource>>,
        alone: AtomicBool,
    }

    impl Finder {
        fn count(&self, source: PeerSource) -> usize {
            let found = self.found.lock().unwrap();
            found.iter().filter(|found| **found == source).count()
        }
    }

    impl Seeker for Finder {
        fn found(&self, source: PeerSource, candidates: Vec<Candidate>) -> BoxFuture<'_, ()> {
            let mut found = self.found.lock().unwrap();
            found.extend(candidates.iter().map(|_| source));
            Box::pin(future::ready(()))
        }

        fn is_alone(&self) -> bool {
            self.alone.load(Ordering::Relaxed)
        }
    }

    struct Running {
        finder: Arc<Finder>,
        rounds: Rounds,
        stop: CancellationToken,
        task: tokio::task::JoinHandle<()>,
    }

    fn own() -> Announcement {
        Announcement {
            node_id: NodeId([1; 32]),
            network: "local".parse().unwrap(),
            listen: "10.0.0.1:3000".parse().unwrap(),
        }
    }

    fn run(sources: Vec<Box<dyn Discovery>>) -> Running {
        let discovery = PeerDiscovery::new(sources);
        let (finder, stop) = (Arc::new(Finder::default()), CancellationToken::new());
        let rounds = discovery.rounds();
        let seeker = Arc::clone(&finder) as _;
        let task = tokio::spawn(discovery.run(own(), seeker, stop.clone()));
        Running {
            finder,
            rounds,
            stop,
            task,
        }
    }

    fn scripted(source: PeerSource) -> (Box<dyn Discovery>, Arc<Switch>) {
        let switch = Arc::new(Switch::default());
        let scripted = Scripted {
            source,
            switch: Arc::clone(&switch),
            now: true,
        };
        (Box::new(scripted), switch)
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_fails_and_comes_back_without_the_others_noticing() {
        let (mdns, mdns_switch) = scripted(PeerSource::Mdns);
        let (grenache, switch) = scripted(PeerSource::Grenache);
        mdns_switch.on.store(true, Ordering::Relaxed);
        let running = run(vec![mdns, grenache]);
        sleep(Duration::from_secs(120)).await;
        assert_eq!(running.rounds.health(PeerSource::Mdns), Some(Health::Works));
        assert_eq!(
            running.rounds.health(PeerSource::Grenache),
            Some(Health::Fails)
        );
        assert_eq!(running.rounds.health(PeerSource::Bootstrap), None);
        assert_eq!(running.finder.count(PeerSource::Mdns), 1);
        assert_eq!(mdns_switch.opened.load(Ordering::Relaxed), 1);
        // 1, 2, 4, 8, 16, 30, 30 s and their jitter.
        let opened = switch.opened.load(Ordering::Relaxed);
        assert!((5..=9).contains(&opened), "{opened}");

        switch.on.store(true, Ordering::Relaxed);
        sleep(LONGEST_PAUSE * 2).await;
        assert_eq!(
            running.rounds.health(PeerSource::Grenache),
            Some(Health::Works)
        );
        assert_eq!(running.finder.count(PeerSource::Grenache), 1);
        // Whoever is named by a source that came back is news.
        switch.on.store(false, Ordering::Relaxed);
        sleep(Duration::from_secs(2)).await;
        switch.on.store(true, Ordering::Relaxed);
        sleep(LONGEST_PAUSE * 2).await;
        assert_eq!(running.finder.count(PeerSource::Grenache), 2);

        running.stop.cancel();
        running.task.await.unwrap();
        assert!(switch.ended.load(Ordering::Relaxed));
        assert!(mdns_switch.ended.load(Ordering::Relaxed));
        assert_eq!(running.rounds.health(PeerSource::Mdns), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_round_asks_every_source_at_once_also_one_that_waits_after_a_failure() {
        let (grenache, switch) = scripted(PeerSource::Grenache);
        let listed = super::super::Listed::new(PeerSource::Bootstrap, vec![candidate(9)]);
        let running = run(vec![Box::new(listed), grenache]);
        sleep(Duration::from_secs(100)).await;
        assert_eq!(running.finder.count(PeerSource::Bootstrap), 1);
        switch.on.store(true, Ordering::Relaxed);
        // In the middle of a pause of at least 30 s, or soon after one.
        let opened = switch.opened.load(Ordering::Relaxed);
        sleep(Duration::from_millis(10)).await;
        assert_eq!(switch.opened.load(Ordering::Relaxed), opened);
        running.rounds.discover();
        sleep(Duration::from_millis(10)).await;
        assert_eq!(running.finder.count(PeerSource::Grenache), 1);
        assert!(running.finder.count(PeerSource::Bootstrap) >= 2);
    }

    #[tokio::test(start_paused = true)]
    async fn candidates_that_stay_are_named_again_after_a_while() {
        let (mdns, switch) = scripted(PeerSource::Mdns);
        switch.on.store(true, Ordering::Relaxed);
        let running = run(vec![mdns]);
        sleep(TELL_AGAIN - Duration::from_secs(5)).await;
        assert_eq!(running.finder.count(PeerSource::Mdns), 1);
        sleep(Duration::from_secs(10)).await;
        assert_eq!(running.finder.count(PeerSource::Mdns), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_own_address_is_never_a_candidate() {
        let candidates = vec![
            Candidate {
                address: "10.0.0.1:3000".parse().unwrap(),
                id: None,
            },
            Candidate {
                address: "10.0.0.2:3000".parse().unwrap(),
                id: Some(NodeId([1; 32])),
            },
        ];
        let listed = super::super::Listed::new(PeerSource::Persisted, candidates);
        let running = run(vec![Box::new(listed)]);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(running.finder.count(PeerSource::Persisted), 0);
    }
}

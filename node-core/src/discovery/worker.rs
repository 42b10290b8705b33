//! One source at work: opened, listened to, and opened again when it failed.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::peer_discovery::{Health, Seeker, Table};
use super::source::{Announcement, Candidate, Discovery, DiscoveryError};
use crate::node::PeerSource;

/// Candidates that a source goes on to name are handed on again so often: the node forgets those
/// that don't answer, and they may answer by now.
pub const TELL_AGAIN: Duration = Duration::from_secs(300);
/// The longest pause before a source that failed is opened again; the first is a second.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a source may take to say goodbye.
pub const END_TIME: Duration = Duration::from_secs(2);

/// What every worker has to do with.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    pub(super) own: Announcement,
    pub(super) seeker: Arc<dyn Seeker>,
    pub(super) table: Arc<Table>,
    pub(super) rounds: watch::Receiver<u64>,
    pub(super) stop: CancellationToken,
}

pub(super) struct Worker {
    source: Box<dyn Discovery>,
    name: PeerSource,
    around: Surroundings,
    /// What the source named last.
    present: Vec<Candidate>,
    tell_again: Instant,
    /// Since the last failure nothing was heard of it.
    failing: bool,
    /// It has worked at some time.
    worked: bool,
    pauses: ExponentialBackoff,
}

impl Worker {
    pub(super) fn new(source: Box<dyn Discovery>, around: Surroundings) -> Self {
        Self {
            name: source.source(),
            source,
            around,
            present: Vec::new(),
            tell_again: Instant::now() + TELL_AGAIN,
            failing: false,
            worked: false,
            pauses: pauses(),
        }
    }

    /// Works until it is stopped; then says goodbye.
    pub(super) async fn run(mut self) {
        let stop = self.around.stop.clone();
        stop.run_until_cancelled(async {
            loop {
                let Err(error) = self.work().await;
                self.fails(&error);
                self.pause(&error).await;
            }
        })
        .await;
        if timeout(END_TIME, self.source.end()).await.is_err() {
            debug!(source = ?self.name, "a source of peers said no goodbye in time");
        }
    }

    /// Ends when the source fails.
    async fn work(&mut self) -> Result<std::convert::Infallible, DiscoveryError> {
        self.source.announce(&self.around.own).await?;
        loop {
            tokio::select! {
                named = self.source.next() => {
                    let named = named?;
                    self.works();
                    self.take(named).await;
                }
                asked = self.around.rounds.changed() => {
                    if asked.is_err() {
                        // Nobody can ask any more; the source goes on as it is.
                        self.around.stop.cancelled().await;
                    }
                    self.source.look_again();
                    self.tell(self.present.clone()).await;
                }
                () = sleep_until(self.tell_again) => self.tell(self.present.clone()).await,
            }
        }
    }

    /// Hands on those that were not there before.
    async fn take(&mut self, named: Vec<Candidate>) {
        let mut news = named.clone();
        // A list keeps what it has, and is only read when somebody asks.
        if !matches!(self.name, PeerSource::Persisted | PeerSource::Bootstrap) {
            news.retain(|candidate| !self.present.contains(candidate));
        }
        self.present = named;
        self.hand_on(news).await;
    }

    async fn tell(&mut self, candidates: Vec<Candidate>) {
        self.tell_again = Instant::now() + TELL_AGAIN;
        self.hand_on(candidates).await;
    }

    async fn hand_on(&mut self, candidates: Vec<Candidate>) {
        let mut others = candidates;
        others.retain(|candidate| {
            candidate.id != Some(self.around.own.node_id)
                && !self.around.own.is_own(&candidate.address)
        });
        if !others.is_empty() {
            debug!(source = ?self.name, found = others.len(), "addresses of peers");
            self.around.seeker.found(self.name, others).await;
        }
    }

    fn works(&mut self) {
        if self.failing {
            info!(source = ?self.name, "a source of peers works again");
        }
        self.failing = false;
        self.worked = true;
        self.pauses = pauses();
        self.around.table.set(self.name, Health::Works);
    }

    /// Tells it once, until the source works again.
    fn fails(&mut self, error: &DiscoveryError) {
        self.around.table.set(self.name, Health::Fails);
        // What it named may be gone by the time it works again, and is news then.
        self.present.clear();
        // Most nodes never have a Grape, and need none.
        let usual = self.name == PeerSource::Grenache && !self.worked;
        match (self.failing, usual) {
            (true, _) => debug!(source = ?self.name, %error, "a source of peers still fails"),
            (false, true) => info!(%error, "going on without Grenache, and looking for it"),
            (false, false) => {
                warn!(source = ?self.name, %error, "a source of peers fails; going on without it");
            }
        }
        self.failing = true;
    }

    /// Waits before the source is opened again; a round ends the wait.
    async fn pause(&mut self, error: &DiscoveryError) {
        let pause = self.pauses.next().unwrap_or(LONGEST_PAUSE);
        let until = Instant::now() + error.retry_in().unwrap_or(pause);
        tokio::select! {
            () = sleep_until(until) => {}
            Ok(()) = self.around.rounds.changed() => {}
        }
    }
}

fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_secs(1))
        .with_max_delay(LONGEST_PAUSE)
        .without_max_times()
        .with_jitter()
        .build()
}

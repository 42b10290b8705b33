//! Commits what the node persists before anybody hears of it, and again while that fails.

use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::shared::Shared;
use crate::node::{Input, Output, Write};
use crate::storage::Store;

/// What could not be committed is tried again after this time.
const RETRY: Duration = Duration::from_secs(1);
/// How often an idle store is looked at: whether its files are still there.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// The store of a running node, off the asynchronous threads.
pub(super) struct Committer {
    /// Away while it is at work, and for good if it panicked.
    store: Option<Box<dyn Store>>,
    waiting: Option<Waiting>,
    check_due: Instant,
}

/// A batch that could not be committed. There is one at most, since the node persists nothing
/// until it is.
struct Waiting {
    writes: Vec<Write>,
    outputs: Vec<Output>,
    due: Instant,
}

/// How a try to commit ended.
enum Tried {
    Committed,
    Failed {
        writes: Vec<Write>,
        reason: String,
    },
    /// There is no store any more.
    Lost,
}

impl Committer {
    pub(super) fn new(store: Box<dyn Store>) -> Self {
        Self {
            store: Some(store),
            waiting: None,
            check_due: Instant::now() + CHECK_INTERVAL,
        }
    }

    /// When to try again what could not be committed, or to look at the store.
    pub(super) fn due(&self) -> Instant {
        let waiting = self.waiting.as_ref();
        waiting.map_or(self.check_due, |waiting| waiting.due)
    }

    /// Does what is due: tries again what could not be committed, or looks at the store. Gives what
    /// is to be carried out then.
    pub(super) async fn run_due(&mut self, shared: &Shared) -> Option<Vec<Output>> {
        if self.waiting.is_some() {
            return self.commit_again(shared).await;
        }
        self.check_due = Instant::now() + CHECK_INTERVAL;
        match self.with_store(|store| store.check()).await {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                warn!(%error, "the store is not where it was; trying again and again");
                self.wait(shared, Vec::new(), Vec::new(), error.to_string());
            }
            None => return stop(shared),
        }
        None
    }

    /// Commits what one batch of outputs has to persist. Gives what is to be carried out now: all
    /// the rest, or nothing if it could not be committed.
    pub(super) async fn commit(
        &mut self,
        shared: &Shared,
        outputs: Vec<Output>,
    ) -> Option<Vec<Output>> {
        let persists = |output: &Output| matches!(output, Output::Persist(_));
        if !outputs.iter().any(persists) {
            return Some(outputs);
        }
        let mut writes = Vec::new();
        let mut rest = Vec::with_capacity(outputs.len());
        for output in outputs {
            match output {
                Output::Persist(write) => writes.push(write),
                output => rest.push(output),
            }
        }
        if let Some(waiting) = &mut self.waiting {
            // Not while the node keeps its word; but never before what came first.
            waiting.writes.append(&mut writes);
            waiting.outputs.append(&mut rest);
            return None;
        }
        match self.try_commit(writes).await {
            Tried::Committed => {
                tell(shared, Input::Committed);
                Some(rest)
            }
            Tried::Failed { writes, reason } => {
                warn!(%reason, "the store can't be written; trying again and again");
                self.wait(shared, writes, rest, reason);
                None
            }
            Tried::Lost => stop(shared),
        }
    }

    /// Tries again what could not be committed. Gives what is to be carried out once it is.
    pub(super) async fn commit_again(&mut self, shared: &Shared) -> Option<Vec<Output>> {
        let Waiting {
            writes, outputs, ..
        } = self.waiting.take()?;
        match self.try_commit(writes).await {
            Tried::Committed => {
                info!("the store can be written again");
                tell(shared, Input::StoreWorks);
                Some(outputs)
            }
            Tried::Failed { writes, reason } => {
                self.wait(shared, writes, outputs, reason);
                None
            }
            Tried::Lost => stop(shared),
        }
    }

    /// Closes the store.
    pub(super) async fn close(self) {
        if let Some(waiting) = &self.waiting {
            let writes = waiting.writes.len();
            error!(
                writes,
                "the node stops and could not write what it decided last"
            );
        }
        // Fails only if it panics, or the runtime ends; it is closed then too.
        let _ = spawn_blocking(move || drop(self.store)).await;
    }

    async fn try_commit(&mut self, writes: Vec<Write>) -> Tried {
        let commit = move |store: &mut dyn Store| {
            // Nothing waits after a check that failed; then the store is checked again.
            let result = match writes.is_empty() {
                true => store.check(),
                false => store.commit(&writes),
            };
            (writes, result)
        };
        match self.with_store(commit).await {
            Some((_, Ok(()))) => Tried::Committed,
            Some((writes, Err(error))) => Tried::Failed {
                writes,
                reason: error.to_string(),
            },
            None => Tried::Lost,
        }
    }

    /// Uses the store where it may block. `None` if there is none any more.
    async fn with_store<T: Send + 'static>(
        &mut self,
        use_it: impl FnOnce(&mut dyn Store) -> T + Send + 'static,
    ) -> Option<T> {
        let mut store = self.store.take()?;
        let used = spawn_blocking(move || {
            let result = use_it(&mut *store);
            (store, result)
        });
        let (store, result) = used.await.ok()?;
        self.store = Some(store);
        Some(result)
    }

    fn wait(&mut self, shared: &Shared, writes: Vec<Write>, outputs: Vec<Output>, reason: String) {
        self.waiting = Some(Waiting {
            writes,
            outputs,
            due: Instant::now() + RETRY,
        });
        tell(shared, Input::StoreFailed { reason });
    }
}

/// At once, so that it knows before it is asked for further outputs or read by anybody who hears
/// of these.
fn tell(shared: &Shared, input: Input) {
    shared.node().handle(input, shared.clock.now());
}

/// A node whose decisions can't be written must make none.
fn stop<T>(shared: &Shared) -> Option<T> {
    error!("the store is gone: the node stops");
    shared.stop.cancel();
    None
}

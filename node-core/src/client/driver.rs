//! The one task that feeds the node and carries out what it decides.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::MutexGuard;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{debug, warn};

use super::commit::Committer;
use super::direct_connection::DirectConnectionService;
use super::lanes::{Lanes, Weight};
use super::outbox::Pushed;
use super::shared::Shared;
use crate::node::{Class, Computation, ConnId, Input, Output};
use crate::storage::Store;

/// Inputs that are applied together, about; their outputs go out together.
pub const BATCH: usize = 256;
/// What comes from peers that send much is applied for so long at once.
const HEAVY_TIME: Duration = Duration::from_millis(10);

/// The node is locked for so long at a time, and one input, while a batch is applied.
const LOCK_TIME: Duration = Duration::from_micros(500);

/// How long connections may take to say their last words when the client stops.
const GOODBYE_TIME: Duration = Duration::from_millis(2500);

/// Feeds the node until the client stops, and once more to say goodbye.
pub(super) struct Driver {
    shared: Arc<Shared>,
    lanes: Lanes,
    /// What carrying out the last outputs led to; handed in first.
    own: Vec<Input>,
    outputs: Vec<Output>,
    /// Nothing of what comes from peers that send much is taken before then.
    heavy_rests_until: Option<Instant>,
    /// Absent for a client that keeps nothing.
    committer: Option<Committer>,
}

impl Driver {
    pub(super) fn new(shared: Arc<Shared>, lanes: Lanes, store: Option<Box<dyn Store>>) -> Self {
        Self {
            shared,
            lanes,
            own: Vec::new(),
            outputs: Vec::new(),
            heavy_rests_until: None,
            committer: store.map(Committer::new),
        }
    }

    pub(super) async fn run(mut self) {
        // Also if the node panics: then nobody may wait for its answers for ever.
        let end = End(Arc::clone(&self.shared));
        while !self.shared.stop.is_cancelled() {
            self.step().await;
        }
        self.say_goodbye().await;
        if let Some(committer) = self.committer.take() {
            committer.close().await;
        }
        drop(end);
    }

    /// Waits until there is something to do, and does it.
    async fn step(&mut self) {
        let due = self.due();
        if self.own.is_empty() {
            tokio::select! {
                () = self.lanes.ready(self.heavy_rests_until) => {}
                () = self.shared.wake.notified() => {}
                () = sleep_until(due) => {}
                () = self.shared.stop.cancelled() => {}
            }
        }
        if self.store_due().is_some_and(|due| due <= Instant::now()) {
            self.run_store().await;
        }
        self.apply();
        self.finish().await;
    }

    fn due(&self) -> Instant {
        let far = || Instant::now() + Duration::from_secs(3600);
        let wakeup = self.shared.node().next_wakeup();
        let wakeup = wakeup.map_or_else(far, |mono| self.shared.clock.instant(mono));
        self.store_due().map_or(wakeup, |due| due.min(wakeup))
    }

    fn store_due(&self) -> Option<Instant> {
        self.committer.as_ref().map(Committer::due)
    }

    /// One batch: everything that is at hand, or some of what comes from peers that send much, which
    /// has a third of the time however busy everybody else is. Whoever wants to read the node
    /// meanwhile waits for a part of the batch only.
    fn apply(&mut self) {
        let now = self.shared.clock.now();
        let begun = Instant::now();
        let mut node = self.shared.node();
        let mut since = begun;
        let mut handle = |input| {
            if since.elapsed() >= LOCK_TIME {
                MutexGuard::bump(&mut node);
                since = Instant::now();
            }
            node.handle(input, now);
        };
        let mut count = self.own.len();
        self.own.drain(..).for_each(&mut handle);
        let (mut light, mut heavy) = (count > 0, false);
        let rests = self.heavy_rests_until.is_some_and(|until| until > begun);
        let turns = &self.shared.doors.heavy_turns;
        let busy = turns.is_busy(begun);
        while count < BATCH {
            // While others are there, one after the other: what is light goes out in between.
            let most = if busy {
                !heavy
            } else {
                begun.elapsed() < HEAVY_TIME
            };
            let Some((weight, input)) = self.lanes.next(!light && !rests && most) else {
                break;
            };
            match weight {
                Weight::Light => light = true,
                Weight::Heavy => heavy = true,
            }
            handle(input);
            count += 1;
        }
        if light {
            turns.others_came(begun);
        }
        if heavy {
            let now = Instant::now();
            self.heavy_rests_until = turns.rest(now - begun, now).map(|rest| now + rest);
        }
        if node.next_wakeup().is_some_and(|due| due <= now.mono) {
            node.tick(now);
        }
        node.take_outputs(now, &mut self.outputs);
    }

    /// Commits what the last batch has to persist, if anything, and carries out the rest of it:
    /// nobody hears of what could still be forgotten. Further inputs collect meanwhile.
    async fn finish(&mut self) {
        let outputs = std::mem::take(&mut self.outputs);
        let Some(committer) = &mut self.committer else {
            return self.carry_out(outputs);
        };
        if let Some(outputs) = committer.commit(&self.shared, outputs).await {
            self.carry_out(outputs);
        }
    }

    async fn run_store(&mut self) {
        if let Some(committer) = &mut self.committer
            && let Some(outputs) = committer.run_due(&self.shared).await
        {
            self.carry_out(outputs);
        }
    }

    async fn commit_again(&mut self) {
        if let Some(committer) = &mut self.committer
            && let Some(outputs) = committer.commit_again(&self.shared).await
        {
            self.carry_out(outputs);
        }
    }

    /// Carries out outputs in their order. Nothing in here waits.
    fn carry_out(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Dial {
                    address,
                    expect,
                    way,
                } => {
                    let failed = DirectConnectionService::dial(&self.shared, address, expect, way);
                    self.own.extend(failed);
                }
                Output::Send {
                    conn,
                    class,
                    message,
                } => self.send(conn, class, message),
                Output::Close {
                    conn,
                    error,
                    reason,
                } => {
                    if let Some(outbox) = self.shared.outbox(conn) {
                        outbox.close(error, reason);
                    }
                }
                // Committed before, by a client that keeps anything.
                Output::Persist(_) => {}
                Output::Pause { conn, until } => {
                    if let Some(outbox) = self.shared.outbox(conn) {
                        outbox.pause_reading(self.shared.clock.instant(until));
                    }
                }
                Output::Compute(computation) => self.compute(computation),
                Output::SavePeers => self.shared.save_peers.notify_one(),
                Output::SaveBans => self.shared.save_bans.notify_one(),
                Output::Event(event) => self.shared.events.send(event),
                Output::Settled { order, result } => self.shared.settle(order, result),
            }
        }
    }

    /// Works something out in one of the turns of those who send much, as it is they who can make
    /// others work by few words.
    fn compute(&self, computation: Computation) {
        let shared = Arc::clone(&self.shared);
        self.shared.spawn(async move {
            let turn = shared.doors.heavy_turns.take(None).await;
            let computed = turn.run(|| computation.run());
            drop(turn);
            shared.tell(Input::Computed(computed)).await;
        });
    }

    fn send(&mut self, conn: ConnId, class: Class, message: bytes::Bytes) {
        // A connection that is gone has its `Disconnected` on the way.
        let Some(outbox) = self.shared.outbox(conn) else {
            return;
        };
        match outbox.push(class, message) {
            Pushed::Queued | Pushed::Closing => {}
            Pushed::Dropped => match self.own.last_mut() {
                Some(Input::Dropped {
                    conn: same,
                    messages,
                }) if *same == conn => *messages += 1,
                _ => self.own.push(Input::Dropped { conn, messages: 1 }),
            },
            Pushed::Overflowed => {
                debug!(?conn, "a peer does not drain what it must not miss");
                outbox.close(None, "control_queue_full");
            }
        }
    }

    /// Lets the node part from its peers, and the connections finish what is queued.
    async fn say_goodbye(&mut self) {
        self.commit_again().await;
        let now = self.shared.clock.now();
        {
            let mut node = self.shared.node();
            node.shutdown(now);
            node.take_outputs(now, &mut self.outputs);
        }
        self.finish().await;
        for outbox in self.shared.all_outboxes() {
            outbox.close(None, "shutdown");
        }
        let deadline = Instant::now() + GOODBYE_TIME;
        while !self.shared.all_outboxes().is_empty() {
            if timeout_at(deadline, self.lanes.ready(None)).await.is_err() {
                warn!("some connections did not close in time");
                break;
            }
            self.apply();
            self.finish().await;
        }
    }
}

/// Ends everything that waits for the node.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end_waits();
        self.0.stop.cancel();
    }
}

//! What the tasks of one running client have in common.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::events::Events;
use super::lanes::{Doors, Envelope};
use super::outbox::{Outbox, Waiting};
use crate::discovery::Rounds;
use crate::ledger::Verifier;
use crate::node::{ConnId, Node, OrderResult};
use crate::protocol::SessionConfig;
use crate::runtime::Clock;
use crate::storage::{JournalReader, ListFile};
use crate::transport::{HandshakeSlots, Transport};
use crate::types::{NodeId, OrderId};

/// What the tasks of one running client have in common. The tasks hold it, never the client, so
/// that a client that is dropped takes its tasks along.
#[derive(Debug)]
pub(super) struct Shared {
    /// Locked for a part of a batch or for one call, never across a wait. Who waits for it while it
    /// is handed on fairly is next.
    node: parking_lot::Mutex<Node>,
    /// Tells the node's task that a call left outputs behind.
    pub(super) wake: Notify,
    pub(super) doors: Doors,
    outboxes: Mutex<HashMap<ConnId, Arc<Outbox>>>,
    /// What waits to be sent to all of them.
    sending: Arc<Waiting>,
    /// Who waits for an order to settle. An entry is made under the node's lock, so it is there
    /// before the answer can be.
    waiting: Mutex<HashMap<OrderId, oneshot::Sender<OrderResult>>>,
    pub(super) events: Arc<Events>,
    pub(super) save_peers: Notify,
    pub(super) save_bans: Notify,
    /// Where the bans are kept, if anywhere.
    pub(super) bans_file: Option<ListFile>,
    pub(super) saving_bans: tokio::sync::Mutex<()>,
    /// Reads the journal beside the node.
    pub(super) journal: Option<JournalReader>,
    pub(super) clock: Clock,
    pub(super) node_id: NodeId,
    pub(super) verifier: Verifier,
    pub(super) session: Arc<SessionConfig>,
    pub(super) transport: Arc<dyn Transport>,
    /// Absent where peers are reached in no way at all.
    pub(super) listen: Option<SocketAddr>,
    pub(super) slots: Arc<HandshakeSlots>,
    pub(super) rounds: Rounds,
    /// Dials on their way to a session.
    pub(super) dialing: AtomicUsize,
    next_conn: AtomicU64,
    /// Asks the tasks to end well.
    pub(super) stop: CancellationToken,
    /// Ends the tasks as they are.
    pub(super) kill: CancellationToken,
    pub(super) tasks: TaskTracker,
}

/// What [`Shared::new`] is made of, besides what is always the same.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) node: Node,
    pub(super) bans_file: Option<ListFile>,
    pub(super) journal: Option<JournalReader>,
    pub(super) doors: Doors,
    pub(super) events: Arc<Events>,
    pub(super) clock: Clock,
    pub(super) session: Arc<SessionConfig>,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) listen: Option<SocketAddr>,
    pub(super) slots: Arc<HandshakeSlots>,
    pub(super) rounds: Rounds,
}

impl Shared {
    pub(super) fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            wake: Notify::new(),
            doors: parts.doors,
            outboxes: Mutex::default(),
            sending: Arc::default(),
            waiting: Mutex::default(),
            events: parts.events,
            save_peers: Notify::new(),
            save_bans: Notify::new(),
            bans_file: parts.bans_file,
            saving_bans: tokio::sync::Mutex::default(),
            journal: parts.journal,
            clock: parts.clock,
            node_id: parts.node.node_id(),
            verifier: Verifier::new(parts.session.network.clone()),
            session: parts.session,
            transport: parts.transport,
            listen: parts.listen,
            slots: parts.slots,
            rounds: parts.rounds,
            dialing: AtomicUsize::new(0),
            next_conn: AtomicU64::new(1),
            stop: CancellationToken::new(),
            kill: CancellationToken::new(),
            tasks: TaskTracker::new(),
            node: parking_lot::Mutex::new(parts.node),
        })
    }

    pub(super) fn node(&self) -> parking_lot::MutexGuard<'_, Node> {
        self.node.lock()
    }

    /// Runs a task that ends, at the latest, when the client must be down.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let kill = self.kill.clone();
        self.tasks.spawn(async move {
            kill.run_until_cancelled(task).await;
        });
    }

    /// Hands what happened to the node; waits while its channel is full.
    pub(super) async fn tell(&self, envelope: impl Into<Envelope>) {
        // Fails only once the node's task has ended, which nothing can tell any more.
        let _ = self.doors.light.send(envelope.into()).await;
    }

    /// The longest frame that a transport has to carry.
    pub(super) fn max_frame(&self) -> usize {
        super::start::max_frame(self.session.max_message)
    }

    /// The same for somebody who sends much.
    pub(super) async fn tell_later(&self, envelope: Envelope) {
        let _ = self.doors.heavy.send(envelope).await;
    }

    /// A number and the queues for a connection that is ready.
    pub(super) fn register(&self) -> (ConnId, Arc<Outbox>) {
        let conn = ConnId(self.next_conn.fetch_add(1, Ordering::Relaxed));
        let outbox = Arc::new(Outbox::sharing(&self.sending));
        lock(&self.outboxes).insert(conn, Arc::clone(&outbox));
        if self.stop.is_cancelled() {
            // The node has said its goodbyes already.
            outbox.close(None, "shutdown");
        }
        (conn, outbox)
    }

    pub(super) fn unregister(&self, conn: ConnId) {
        lock(&self.outboxes).remove(&conn);
    }

    pub(super) fn outbox(&self, conn: ConnId) -> Option<Arc<Outbox>> {
        lock(&self.outboxes).get(&conn).cloned()
    }

    pub(super) fn all_outboxes(&self) -> Vec<Arc<Outbox>> {
        lock(&self.outboxes).values().cloned().collect()
    }

    pub(super) fn wait_for(&self, order: OrderId) -> oneshot::Receiver<OrderResult> {
        let (sender, receiver) = oneshot::channel();
        lock(&self.waiting).insert(order, sender);
        receiver
    }

    pub(super) fn settle(&self, order: OrderId, result: OrderResult) {
        if let Some(waiting) = lock(&self.waiting).remove(&order) {
            // Fails only if the submitter has lost its interest.
            let _ = waiting.send(result);
        }
    }

    /// Leaves nobody waiting for what can't come any more.
    pub(super) fn end_waits(&self) {
        lock(&self.waiting).clear();
        self.events.close();
    }
}

/// A panic elsewhere is told by its own task; the values here are whole between two calls.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

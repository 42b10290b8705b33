//! The client: what applications and bindings hold.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::timeout;
use tracing::{info, warn};

use super::config::Config;
use super::error::{BanError, StartError};
use super::events::{EventStream, Events};
use super::history::History;
use super::outbox::{BULK_MESSAGES, CONTROL_MESSAGES};
use super::saver;
use super::shared::Shared;
use super::start::{self, OpenStore, Plan};
use crate::discovery::Health;
use crate::node::{
    Ban, BanTarget, BookSize, BookSnapshot, CancelError, ClockView, DirectConnectionStats,
    DiscoveryStats, DiscoveryStrategies, NewOrder, NodeConfig, Order, OrderError, OrderResult,
    P2pStats, PeerSource, PeerStats, PeerView, RouterStats, Trade, UnsignedView,
};
use crate::runtime::Clock;
use crate::storage::JournalReader;
use crate::transport::{HttpHandler, TcpTransport, Transport};
use crate::types::{InvalidValue, Millis, NodeId, OrderId, Pair, UserId};

/// How long [`ExchangeClient::shutdown`] takes at most.
pub const SHUTDOWN_TIME: Duration = Duration::from_secs(5);

/// A part of [`SHUTDOWN_TIME`] that is left for tasks that did not end when they were asked.
const KILL_TIME: Duration = Duration::from_secs(1);

/// A node of the exchange, as an application holds it. Clones are the same node.
///
/// It runs on the tokio runtime in which [`initialize`](Self::initialize) is awaited. Reads never
/// wait for the network or for a disk. When the last clone is dropped without
/// [`shutdown`](Self::shutdown), the node says goodbye and ends by itself, as long as its runtime
/// lives.
///
/// ```
/// use meshbook::client::{Config, ExchangeClient};
/// use meshbook::node::{NewOrder, OrderKind, TimeInForce};
/// use meshbook::types::Side;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path().to_str().ok_or("a path that is no text")?;
/// let config = Config::builder()
///     .set("P2P_HOST", "127.0.0.1")?
///     .set("P2P_PORT", "0")?
///     .set("USE_WELL_KNOWN_NODES", "false")?
/// #   .set("DISCOVERY_MDNS", "false")?
/// #   .set("DISCOVERY_GRENACHE", "false")?
/// #   .set("MESHBOOK_DATA_DIR", folder)?
///     .build()?;
/// let client = ExchangeClient::new(config)?;
/// client.initialize().await?;
/// let placed = client
///     .submit_order(NewOrder {
///         side: Side::Sell,
///         amount: "1.5".parse()?,
///         kind: OrderKind::Limit("50000".parse()?),
///         time_in_force: TimeInForce::Gtc,
///         user: None,
///         lifetime: None,
///     })
///     .await?;
/// assert_eq!(client.order_book(10).asks[0].price.to_string(), "50000");
/// client.cancel_order(placed.order_id)?;
/// client.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ExchangeClient {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    /// Made once: the user in it may be a random one.
    node: NodeConfig,
    transport: Arc<dyn Transport>,
    http: Mutex<Option<Arc<dyn HttpHandler>>>,
    on_disk: AtomicBool,
    store: Mutex<Option<OpenStore>>,
    clock: Clock,
    events: Arc<Events>,
    running: OnceLock<Arc<Shared>>,
    over: AtomicBool,
    /// Starting and stopping happen one at a time.
    life: tokio::sync::Mutex<()>,
}

impl ExchangeClient {
    /// A client that does nothing yet.
    ///
    /// # Errors
    /// A setting that is not allowed, by its name.
    pub fn new(config: Config) -> Result<Self, InvalidValue> {
        Self::with_transport(config, Arc::new(TcpTransport))
    }

    /// A client that reaches its peers, and is reached, by `transport`.
    ///
    /// # Errors
    /// A setting that is not allowed, by its name.
    pub fn with_transport(
        config: Config,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, InvalidValue> {
        config.check()?;
        let inner = Inner {
            node: config.node_config(),
            config,
            transport,
            http: Mutex::default(),
            on_disk: AtomicBool::new(true),
            store: Mutex::default(),
            clock: Clock::start(),
            events: Arc::new(Events::new()),
            running: OnceLock::new(),
            over: AtomicBool::new(false),
            life: tokio::sync::Mutex::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Lets `handler` answer plain HTTP requests on the peers' port. To be called before
    /// [`initialize`](Self::initialize). A handler that holds this client keeps it alive until
    /// [`shutdown`](Self::shutdown).
    pub fn serve_http(&self, handler: Arc<dyn HttpHandler>) {
        *self.inner.http() = Some(handler);
    }

    /// Keeps nothing on disk: a new key, and so another node, each time; no data directory is
    /// taken, and no peers are saved unless `PEER_STORAGE_PATH` names a file for them. To be called
    /// before [`initialize`](Self::initialize).
    pub fn keep_nothing(&self) {
        self.inner.on_disk.store(false, Ordering::Release);
    }

    /// Keeps what must survive in a store of the caller's instead of a journal in the data
    /// directory, where the key and the peers stay. To be called before
    /// [`initialize`](Self::initialize), which opens the store, each time it is tried.
    pub fn store_by(&self, open: OpenStore) {
        *self.inner.store() = Some(open);
    }

    /// Takes the data directory, listens, and starts to look for peers. Once it is done further
    /// calls do nothing. Peers that can't be reached are no failure.
    ///
    /// Cancel safe: dropped early, nothing is left running, and it may be called again. Only the
    /// data directory may stay taken for the moment that reading it takes.
    ///
    /// # Errors
    /// See [`StartError`]. Nothing is left running or locked then either.
    ///
    /// # Panics
    /// Outside a tokio runtime with time and I/O.
    pub async fn initialize(&self) -> Result<(), StartError> {
        let inner = &*self.inner;
        let _one_at_a_time = inner.life.lock().await;
        if inner.over.load(Ordering::Acquire) {
            return Err(StartError::ShutDown);
        }
        if inner.running.get().is_some() {
            return Ok(());
        }
        inner.config.log_warnings();
        let plan = Plan {
            config: &inner.config,
            node: inner.node.clone(),
            transport: Arc::clone(&inner.transport),
            http: inner.http().clone(),
            on_disk: inner.on_disk.load(Ordering::Acquire),
            store: inner.store().clone(),
            clock: inner.clock,
            events: Arc::clone(&inner.events),
        };
        let prepared = start::prepare(plan).await?;
        // From here on nothing waits, so nothing can be dropped half way.
        let shared = start::run(prepared);
        info!(node = %shared.node_id, listen = ?shared.listen, "started");
        // Empty until now: this is the only place, and it is held by one at a time.
        let _ = inner.running.set(shared);
        inner.http().take();
        inner.store().take();
        Ok(())
    }

    /// Says goodbye to the peers, saves them, and ends everything that runs, in at most
    /// [`SHUTDOWN_TIME`]. Then no task, socket or file of this client is left; what it knew can
    /// still be read. Further calls do nothing.
    ///
    /// Cancel safe: what was begun goes on, and a further call waits for its end.
    pub async fn shutdown(&self) {
        let inner = &*self.inner;
        inner.over.store(true, Ordering::Release);
        if let Some(shared) = inner.running.get() {
            // Before waiting for the turn: an `initialize` under way doesn't hold this up.
            shared.stop.cancel();
        }
        let _one_at_a_time = inner.life.lock().await;
        let Some(shared) = inner.running.get() else {
            inner.events.close();
            return;
        };
        shared.stop.cancel();
        shared.tasks.close();
        if timeout(SHUTDOWN_TIME - KILL_TIME, shared.tasks.wait())
            .await
            .is_err()
        {
            warn!("some tasks had to be ended");
            shared.kill.cancel();
            // What still runs then is in one uninterruptible piece of work.
            let _ = timeout(KILL_TIME, shared.tasks.wait()).await;
        }
    }

    /// Places an order, and resolves when it is filled, closed or published, within about 5 s.
    /// What becomes of it later is told by events.
    ///
    /// Dropping the future does not cancel the order, once the future was polled.
    ///
    /// # Errors
    /// See [`OrderError`]; nothing was placed then. [`OrderError::ShuttingDown`] may also come
    /// for an order that was placed, if the client is shut down meanwhile; it is closed then.
    pub async fn submit_order(&self, order: NewOrder) -> Result<OrderResult, OrderError> {
        let shared = self.running().ok_or_else(|| self.not_running())?;
        let settled = {
            let mut node = shared.node();
            let id = node.submit(order, shared.clock.now())?;
            // Under the node's lock, so that the answer can't come first.
            shared.wait_for(id)
        };
        shared.wake.notify_one();
        settled.await.map_err(|_| OrderError::ShuttingDown)
    }

    /// Cancels an own order. It can't be taken from that moment on.
    ///
    /// # Errors
    /// See [`CancelError`]; nothing has changed then.
    pub fn cancel_order(&self, id: OrderId) -> Result<(), CancelError> {
        let shared = self.running().ok_or(CancelError::NotInitialized)?;
        let cancelled = shared.node().cancel(id, shared.clock.now());
        shared.wake.notify_one();
        cancelled
    }

    /// The events from now on. They may be asked for before the start, to miss none.
    #[must_use]
    pub fn events(&self) -> EventStream {
        self.inner.events.stream()
    }

    /// The best `depth` levels of each side.
    #[must_use]
    pub fn order_book(&self, depth: usize) -> BookSnapshot {
        match self.shared() {
            Some(shared) => shared.node().order_book(depth, shared.clock.now()),
            None => BookSnapshot {
                pair: self.pair().clone(),
                timestamp: self.inner.clock.now().wall,
                bids: Vec::new(),
                asks: Vec::new(),
            },
        }
    }

    /// This node's open orders, newest first.
    #[must_use]
    pub fn user_orders(&self) -> Vec<Order> {
        self.read(|shared| shared.node().user_orders())
    }

    /// One of this node's orders, open or remembered.
    #[must_use]
    pub fn order(&self, id: &OrderId) -> Option<Order> {
        self.read(|shared| shared.node().order(id))
    }

    /// All of this node's orders that it remembers, newest first.
    #[must_use]
    pub fn order_history(&self) -> Vec<Order> {
        self.read(|shared| shared.node().order_history())
    }

    /// The latest `limit` trades of the pair, anybody's, newest first.
    #[must_use]
    pub fn trades(&self, limit: usize) -> Vec<Trade> {
        self.read(|shared| shared.node().trades(limit))
    }

    /// All trades of the pair that the node remembers, newest first.
    #[must_use]
    pub fn trade_history(&self) -> Vec<Trade> {
        self.trades(usize::MAX)
    }

    /// Reads the journal, beyond what the node remembers, while the node runs. There is none
    /// before the start, and for a client that has no journal.
    #[must_use]
    pub fn journal(&self) -> Option<JournalReader> {
        self.running()?.journal.clone()
    }

    /// The trades of the journal, beyond those that the node remembers, while the node runs. To
    /// be kept while there is something to read: it remembers what it has read. There is none
    /// where there is no [`journal`](Self::journal).
    #[must_use]
    pub fn history(&self) -> Option<History> {
        let network = self.inner.node.network.clone();
        Some(History::new(self.journal()?, network, self.node_id()))
    }

    /// How much there is in the book, all of it.
    #[must_use]
    pub fn book_size(&self) -> BookSize {
        self.read(|shared| shared.node().book_size())
    }

    /// How far this node has heard of each owner of orders, itself included: the number of the
    /// newest keep-alive.
    #[must_use]
    pub fn clocks(&self) -> BTreeMap<NodeId, u64> {
        self.read(|shared| shared.node().clocks())
    }

    /// Every known peer, connected ones first.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerView> {
        self.read(|shared| shared.node().peers(shared.clock.now()))
    }

    /// The bans that hold: this node's own, for what somebody did, and the user's.
    #[must_use]
    pub fn bans(&self) -> Vec<Ban> {
        self.read(|shared| shared.node().bans(shared.clock.now()))
    }

    /// Bans a node, or everybody at an address, for so long, and ends the sessions with it. It is in
    /// force when this returns, and survives a restart.
    ///
    /// Once polled it is done, also if the future is dropped; only the writing may be missing then.
    ///
    /// # Errors
    /// See [`BanError`]. After [`BanError::Storage`] the ban is in force, and a restart may forget it.
    pub async fn ban(&self, peer: BanTarget, length: Millis) -> Result<Ban, BanError> {
        let shared = self.running().ok_or(BanError::NotRunning)?;
        let ban = shared.node().ban(peer, length, shared.clock.now())?;
        shared.wake.notify_one();
        saver::enforce_bans(shared);
        saver::save_bans(shared).await?;
        Ok(ban)
    }

    /// Ends a ban, whoever set it; says whether there was one.
    ///
    /// Cancel safe as [`ban`](Self::ban).
    ///
    /// # Errors
    /// See [`BanError`]. After [`BanError::Storage`] the ban is over, and a restart may bring it back.
    pub async fn unban(&self, peer: BanTarget) -> Result<bool, BanError> {
        let shared = self.running().ok_or(BanError::NotRunning)?;
        let held = shared.node().unban(peer, shared.clock.now());
        shared.wake.notify_one();
        saver::enforce_bans(shared);
        saver::save_bans(shared).await?;
        Ok(held)
    }

    /// What legacy peers sent, newest first.
    #[must_use]
    pub fn unsigned(&self) -> UnsignedView {
        self.read(|shared| shared.node().unsigned())
    }

    /// Looks for peers now: every source is asked again, every known peer that isn't connected is
    /// dialed whatever pause it was in, and all peers are told about peers. Sources do all of this
    /// by themselves as well; it is worth a call when the network has changed. Returns at once, and
    /// does nothing before the start.
    pub fn discover(&self) {
        if let Some(shared) = self.running() {
            shared.rounds.discover();
            shared.node().discover(shared.clock.now());
            shared.wake.notify_one();
        }
    }

    /// How this node's clock compares with those of the peers that it dialed.
    #[must_use]
    pub fn clock(&self) -> ClockView {
        self.read(|shared| shared.node().clock())
    }

    /// Why things were refused, ignored or dropped: one number a reason.
    #[must_use]
    pub fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.read(|shared| shared.node().counters().clone())
    }

    /// The figures of `getP2PStats()`. `router.queueSize` counts what waits anywhere for a peer.
    #[must_use]
    pub fn p2p_stats(&self) -> P2pStats {
        let Some(shared) = self.shared() else {
            return self.stats_before_the_start();
        };
        let mut stats = shared.node().p2p_stats(shared.clock.now());
        let health = |source| shared.rounds.health(source);
        stats.has_grenache = health(PeerSource::Grenache) == Some(Health::Works);
        stats.discovery.is_running &= shared.listen.is_some();
        let strategies = &mut stats.discovery.strategies;
        strategies.mdns = health(PeerSource::Mdns).is_some();
        strategies.grenache = health(PeerSource::Grenache).is_some();
        strategies.dht = health(PeerSource::Dht).is_some();
        let outboxes = shared.all_outboxes();
        let room = CONTROL_MESSAGES + BULK_MESSAGES;
        stats.router.queue_size += outboxes.iter().map(|outbox| outbox.len()).sum::<usize>();
        stats.router.max_queue_size += outboxes.len() * room;
        let direct = &mut stats.direct_connection;
        direct.host.clone_from(&self.inner.config.p2p_host);
        direct.port = shared
            .listen
            .map_or(self.inner.config.p2p_port, |at| at.port());
        direct.is_running = self.inner.config.p2p_enabled && self.is_initialized();
        direct.pending_handshakes = shared.slots.taken() + shared.dialing.load(Ordering::Relaxed);
        stats
    }

    /// This node's id: its public key, known from the start on.
    #[must_use]
    pub fn node_id(&self) -> Option<NodeId> {
        self.shared().map(|shared| shared.node_id)
    }

    /// The user of orders that name none.
    #[must_use]
    pub fn user_id(&self) -> &UserId {
        &self.inner.node.user_id
    }

    /// What the book trades.
    #[must_use]
    pub fn pair(&self) -> &Pair {
        &self.inner.node.pair
    }

    /// The settings that it was made with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Whether it is started and not yet shut down.
    #[must_use]
    pub fn is_initialized(&self) -> bool {
        self.running().is_some()
    }

    /// Where it listens for peers, while it does; without direct connections for Grenache's RPC.
    #[must_use]
    pub fn p2p_address(&self) -> Option<SocketAddr> {
        self.running()?.listen
    }

    /// The running parts, also after their end.
    fn shared(&self) -> Option<&Arc<Shared>> {
        self.inner.running.get()
    }

    /// The running parts while they run.
    fn running(&self) -> Option<&Arc<Shared>> {
        self.shared().filter(|shared| !shared.stop.is_cancelled())
    }

    fn read<T: Default>(&self, read: impl FnOnce(&Shared) -> T) -> T {
        self.shared().map(|shared| read(shared)).unwrap_or_default()
    }

    fn not_running(&self) -> OrderError {
        if self.inner.over.load(Ordering::Acquire) || self.shared().is_some() {
            OrderError::ShuttingDown
        } else {
            OrderError::NotInitialized
        }
    }

    fn stats_before_the_start(&self) -> P2pStats {
        let config = &self.inner.config;
        P2pStats {
            has_grenache: false,
            peers: PeerStats::default(),
            discovery: DiscoveryStats {
                is_running: false,
                strategies: DiscoveryStrategies::default(),
                bootstrap_peers: self.inner.node.bootstrap_peers.len(),
            },
            router: RouterStats::default(),
            direct_connection: DirectConnectionStats {
                node_id: String::new(),
                host: config.p2p_host.clone(),
                port: config.p2p_port,
                is_running: false,
                connections: 0,
                pending_handshakes: 0,
            },
        }
    }
}

impl fmt::Debug for ExchangeClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangeClient")
            .field("node_id", &self.node_id())
            .field("listen", &self.p2p_address())
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn store(&self) -> std::sync::MutexGuard<'_, Option<OpenStore>> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn http(&self) -> std::sync::MutexGuard<'_, Option<Arc<dyn HttpHandler>>> {
        self.http.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The tasks hold what they need; asked to end, they do.
        if let Some(shared) = self.running.get() {
            shared.tasks.close();
            shared.stop.cancel();
        }
    }
}

//! Starting a node: everything that can fail first, then its tasks.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use meshbook_grape::RpcRequest;
use tokio::net::lookup_host;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::config::Config;
use super::direct_connection::DirectConnectionService;
use super::driver::Driver;
use super::error::StartError;
use super::events::Events;
use super::finding;
use super::lanes::lanes;
use super::rpc;
use super::saver;
use super::shared::{Parts, Shared};
use crate::discovery::{Announcement, PeerDiscovery};
use crate::ledger::Identity;
use crate::ledger::limits::TRADES_KEPT;
use crate::node::{Ban, Entry, Node, NodeConfig, PersistedPeer};
use crate::protocol::{MAX_SECURED_FRAME, SessionConfig};
use crate::runtime::{Clock, entropy};
use crate::storage::{
    DataDir, HistoryLimits, Journal, JournalReader, ListFile, StorageError, Store,
};
use crate::transport::rpc::{RpcHandler, RpcListener};
use crate::transport::{HandshakeSlots, HttpHandler, ListenOptions, Listener, Transport};
use crate::types::{Now, Pair};

/// Opens a store for the node whose data directory this is.
pub type OpenStore =
    Arc<dyn Fn(Arc<DataDir>) -> Result<Box<dyn Store>, StorageError> + Send + Sync>;

/// What to start.
pub(super) struct Plan<'a> {
    pub(super) config: &'a Config,
    pub(super) node: NodeConfig,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) http: Option<Arc<dyn HttpHandler>>,
    pub(super) on_disk: bool,
    /// In place of a journal.
    pub(super) store: Option<OpenStore>,
    pub(super) clock: Clock,
    pub(super) events: Arc<Events>,
}

/// Everything that a node needs, taken and not yet running. Dropping it gives it all back.
pub(super) struct Prepared {
    node: Node,
    known: Vec<PersistedPeer>,
    session: SessionConfig,
    pair: Pair,
    network: Network,
    storage: Storage,
    discovery: PeerDiscovery,
    clock: Clock,
    events: Arc<Events>,
}

struct Network {
    transport: Arc<dyn Transport>,
    /// Absent where peers are reached in no way at all.
    listener: Option<Box<dyn Listener>>,
    slots: Arc<HandshakeSlots>,
    /// Requests of original nodes, where Grenache's RPC is answered.
    requests: Option<mpsc::Receiver<RpcRequest>>,
}

impl Network {
    fn address(&self) -> Option<SocketAddr> {
        let listener = self.listener.as_ref();
        listener.map(|listener| listener.local_address())
    }
}

/// What is on disk, if anything.
#[derive(Default)]
struct Storage {
    data_dir: Option<Arc<DataDir>>,
    peers: Option<ListFile>,
    bans: Option<ListFile>,
    store: Option<Box<dyn Store>>,
    journal: Option<JournalReader>,
}

struct Loaded {
    storage: Storage,
    node: Node,
    identity: Arc<Identity>,
    known: Vec<PersistedPeer>,
}

/// Takes what the node needs. Cancel safe.
pub(super) async fn prepare(plan: Plan<'_>) -> Result<Prepared, StartError> {
    let Plan {
        config,
        node,
        transport,
        http,
        on_disk,
        store,
        clock,
        events,
    } = plan;
    let (of_network, legacy) = (node.network.clone(), node.legacy);
    let fresh = Fresh {
        seed: Zeroizing::new(entropy()?),
        node,
        rng: entropy()?,
        clock,
    };
    let loaded = if on_disk {
        load(config, fresh, store).await?
    } else {
        let (peers, known) = match &config.peer_storage_path {
            Some(path) => load_peers(path.clone(), fresh.clock).await?,
            None => (None, Vec::new()),
        };
        let identity = Arc::new(Identity::from_seed(*fresh.seed));
        Loaded {
            storage: Storage {
                peers,
                ..Storage::default()
            },
            node: fresh.node(&identity),
            identity,
            known,
        }
    };
    let network = open(config, transport, http).await?;
    let listen = network.address();
    let session = SessionConfig {
        signer: loaded.identity as _,
        network: of_network,
        listen_port: listen.map_or(0, |at| at.port()),
        legacy,
        max_message: config.max_message_size(),
        capabilities: SessionConfig::capabilities_of(legacy),
    };
    Ok(Prepared {
        discovery: PeerDiscovery::new(finding::sources(config, &loaded.known)),
        pair: config.pair.clone(),
        node: loaded.node,
        known: loaded.known,
        session,
        network,
        storage: loaded.storage,
        clock,
        events,
    })
}

/// Starts the node and its tasks. Nothing in here waits or fails.
pub(super) fn run(prepared: Prepared) -> Arc<Shared> {
    let Prepared {
        mut node,
        known,
        session,
        pair,
        network,
        storage,
        discovery,
        clock,
        events,
    } = prepared;
    let (doors, lanes) = lanes();
    let listen = network.address();
    let Network {
        transport,
        listener,
        slots,
        requests,
    } = network;
    node.start(known, listen, clock.now());
    let Storage {
        data_dir,
        peers,
        bans,
        store,
        journal,
    } = storage;
    let shared = Shared::new(Parts {
        node,
        bans_file: bans,
        journal,
        doors,
        events,
        clock,
        session: Arc::new(session),
        transport,
        listen,
        slots,
        rounds: discovery.rounds(),
    });
    saver::enforce_bans(&shared);
    if let Some(listener) = listener {
        shared.spawn(DirectConnectionService::listen(
            Arc::clone(&shared),
            listener,
        ));
    }
    if let Some(requests) = requests {
        shared.spawn(rpc::answer(Arc::clone(&shared), pair, requests));
    }
    if let Some(listen) = listen {
        let own = Announcement {
            node_id: shared.node_id,
            network: shared.session.network.clone(),
            listen,
        };
        let seeker = Arc::clone(&shared) as _;
        shared.spawn(discovery.run(own, seeker, shared.stop.clone()));
    }
    let driver = Driver::new(Arc::clone(&shared), lanes, store).run();
    let life = Arc::clone(&shared);
    shared.spawn(async move {
        match peers {
            Some(file) => {
                let peers = saver::save_peers_when_asked(&life, &file);
                tokio::join!(driver, peers, saver::save_bans_when_asked(&life));
                saver::save_peers(&life, &file).await;
            }
            None => {
                tokio::join!(driver, saver::save_bans_when_asked(&life));
            }
        }
        // Only now may another process take over.
        drop(data_dir);
    });
    shared.wake.notify_one();
    shared
}

/// The longest frame that a transport has to carry where messages have at most `max_message`
/// bytes: those of secured sessions have a size of their own.
pub(super) fn max_frame(max_message: usize) -> usize {
    max_message.max(MAX_SECURED_FRAME)
}

/// What a node is made of, besides what is on disk.
struct Fresh {
    /// The key, where there is none yet.
    seed: Zeroizing<[u8; 32]>,
    node: NodeConfig,
    rng: [u8; 32],
    clock: Clock,
}

impl Fresh {
    fn node(self, identity: &Arc<Identity>) -> Node {
        Node::new(self.node, Arc::clone(identity), self.rng, self.clock.now())
    }
}

/// Takes the data directory and reads what is there, off the asynchronous threads.
async fn load(
    config: &Config,
    fresh: Fresh,
    open: Option<OpenStore>,
) -> Result<Loaded, StartError> {
    let path: PathBuf = config.data_dir().to_owned();
    // They are those of direct connections.
    let peers = config.p2p_enabled.then(|| config.peers_file());
    let bans = ListFile::bans(config.bans_file());
    let (sync, key_file_mode) = (config.journal_sync, config.key_file_mode);
    let history = HistoryLimits::new(config.history_mb, config.history_days);
    let load = move || {
        let data_dir = Arc::new(DataDir::open(&path)?);
        let seed = data_dir.load_or_create_key(&fresh.seed, key_file_mode)?;
        let peers = peers.map(ListFile::peers);
        let clock = fresh.clock;
        let known = peers.as_ref().map(|file| file.load(clock.now().wall));
        let known = known.unwrap_or_default();
        let banned: Vec<Ban> = bans.load(clock.now().wall);
        let (mut store, journal): (Box<dyn Store>, _) = match open {
            Some(open) => (open(Arc::clone(&data_dir))?, None),
            None => {
                let journal = Journal::open(Arc::clone(&data_dir), sync, history)?;
                let reader = journal.reader();
                (Box::new(journal), Some(reader))
            }
        };
        let identity = Arc::new(Identity::from_seed(*seed));
        let mut node = fresh.node(&identity);
        node.load_bans(banned, clock.now());
        restore(&mut node, store.entries(TRADES_KEPT)?, &path, clock.now())?;
        Ok(Loaded {
            storage: Storage {
                data_dir: Some(data_dir),
                peers,
                bans: Some(bans),
                store: Some(store),
                journal,
            },
            node,
            identity,
            known,
        })
    };
    match tokio::task::spawn_blocking(load).await {
        Ok(loaded) => loaded,
        // It never panics by itself, and is only cancelled with the whole runtime.
        Err(_) => Err(StartError::ShutDown),
    }
}

/// Has a node go on from what is read of a store in this data directory.
pub(super) fn restore(
    node: &mut Node,
    entries: impl Iterator<Item = Result<Entry, StorageError>>,
    path: &Path,
    now: Now,
) -> Result<(), StartError> {
    let mut failed = None;
    let entries = entries.map_while(|entry| match entry {
        Ok(entry) => Some(entry),
        Err(error) => {
            failed = Some(error);
            None
        }
    });
    node.restore(entries, now)
        .map_err(|source| StartError::Restore {
            path: path.to_owned(),
            source,
        })?;
    Ok(failed.map_or(Ok(()), Err)?)
}

/// Reads the file of known peers, off the asynchronous threads.
async fn load_peers(
    path: PathBuf,
    clock: Clock,
) -> Result<(Option<ListFile>, Vec<PersistedPeer>), StartError> {
    let load = move || {
        let file = ListFile::peers(path);
        let known = file.load(clock.now().wall);
        (Some(file), known)
    };
    // Fails as it does in `load`.
    let loaded = tokio::task::spawn_blocking(load).await;
    loaded.map_err(|_| StartError::ShutDown)
}

/// Opens the one port, with Grenache's RPC on it where nodes are to be found by Grenache.
async fn open(
    config: &Config,
    transport: Arc<dyn Transport>,
    http: Option<Arc<dyn HttpHandler>>,
) -> Result<Network, StartError> {
    let slots = HandshakeSlots::new(config.handshakes);
    let mut options = ListenOptions {
        slots: Arc::clone(&slots),
        max_frame: max_frame(config.max_message_size()),
        direct: config.p2p_enabled,
        http,
    };
    if !config.discovery_grenache {
        let listener = match config.p2p_enabled {
            true => Some(listen(config, &*transport, options).await?),
            false => None,
        };
        return Ok(Network {
            transport,
            listener,
            slots,
            requests: None,
        });
    }
    let (handler, arrivals) = RpcHandler::new(Arc::clone(&slots), options.http.take());
    options.http = Some(handler);
    let direct = listen(config, &*transport, options).await?;
    let (sender, requests) = mpsc::channel(rpc::REQUESTS);
    Ok(Network {
        transport,
        listener: Some(Box::new(RpcListener::new(direct, arrivals, sender))),
        slots,
        requests: Some(requests),
    })
}

async fn listen(
    config: &Config,
    transport: &dyn Transport,
    options: ListenOptions,
) -> Result<Box<dyn Listener>, StartError> {
    let host = config.p2p_host.as_str();
    let unknown = || StartError::Host {
        host: host.to_owned(),
    };
    let found = lookup_host((host, config.p2p_port)).await;
    let mut addresses = found.map_err(|_| unknown())?;
    let address: SocketAddr = addresses.next().ok_or_else(unknown)?;
    let mut listening = transport.listen(address, options.clone()).await;
    let in_use = |error: &std::io::Error| error.kind() == std::io::ErrorKind::AddrInUse;
    if !config.p2p_enabled && listening.as_ref().is_err_and(in_use) {
        // Nobody dials a port that he was told: those who come have it from a Grape.
        let any = SocketAddr::new(address.ip(), 0);
        listening = transport.listen(any, options).await;
    }
    listening.map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => StartError::AddressInUse { address },
        _ => StartError::Listen { address, source },
    })
}

//! Starting a node: everything that can fail first, then its tasks.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::lookup_host;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::config::Config;
use super::direct_connection::DirectConnectionService;
use super::driver::{Driver, INPUTS};
use super::error::StartError;
use super::events::Events;
use super::saver;
use super::shared::{Parts, Shared};
use crate::ledger::Identity;
use crate::node::{Node, NodeConfig, PersistedPeer};
use crate::protocol::{MAX_SECURED_FRAME, SessionConfig};
use crate::runtime::{Clock, entropy};
use crate::storage::{DataDir, PeersFile};
use crate::transport::{HandshakeSlots, HttpHandler, ListenOptions, Listener, Transport};
use crate::types::Millis;

/// What to start.
pub(super) struct Plan<'a> {
    pub(super) config: &'a Config,
    pub(super) node: NodeConfig,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) http: Option<Arc<dyn HttpHandler>>,
    pub(super) on_disk: bool,
    pub(super) clock: Clock,
    pub(super) events: Arc<Events>,
}

/// Everything that a node needs, taken and not yet running. Dropping it gives it all back.
pub(super) struct Prepared {
    node: Node,
    known: Vec<PersistedPeer>,
    session: SessionConfig,
    network: Option<Network>,
    storage: Storage,
    clock: Clock,
    events: Arc<Events>,
}

struct Network {
    transport: Arc<dyn Transport>,
    listener: Box<dyn Listener>,
    slots: Arc<HandshakeSlots>,
}

/// What is on disk, if anything.
#[derive(Default)]
struct Storage {
    data_dir: Option<DataDir>,
    peers: Option<PeersFile>,
}

struct Loaded {
    storage: Storage,
    seed: Zeroizing<[u8; 32]>,
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
        clock,
        events,
    } = plan;
    let fresh = Zeroizing::new(entropy()?);
    let loaded = if on_disk {
        load(config, fresh, clock.now().wall).await?
    } else {
        Loaded {
            storage: Storage::default(),
            seed: fresh,
            known: Vec::new(),
        }
    };
    let network = if config.p2p_enabled {
        let slots = Arc::new(HandshakeSlots::default());
        let options = ListenOptions {
            slots: Arc::clone(&slots),
            max_frame: max_frame(config.max_message_size()),
            http,
        };
        let listener = listen(config, &*transport, options).await?;
        Some(Network {
            transport,
            listener,
            slots,
        })
    } else {
        None
    };
    let identity = Arc::new(Identity::from_seed(*loaded.seed));
    let listen = network
        .as_ref()
        .map(|network| network.listener.local_address());
    let session = SessionConfig {
        signer: Arc::clone(&identity) as _,
        network: node.network.clone(),
        listen_port: listen.map_or(0, |at| at.port()),
        legacy: node.legacy,
        max_message: config.max_message_size(),
        capabilities: SessionConfig::default_capabilities(),
    };
    Ok(Prepared {
        node: Node::new(node, identity, entropy()?, clock.now()),
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
        network,
        storage,
        clock,
        events,
    } = prepared;
    let (inputs, receiver) = mpsc::channel(INPUTS);
    let listen = network
        .as_ref()
        .map(|network| network.listener.local_address());
    node.start(known, listen, clock.now());
    let (transport, listener, slots) = match network {
        Some(network) => (
            Some(network.transport),
            Some(network.listener),
            network.slots,
        ),
        None => (None, None, Arc::default()),
    };
    let shared = Shared::new(Parts {
        node,
        inputs,
        events,
        clock,
        session: Arc::new(session),
        transport,
        listen,
        slots,
    });
    if let Some(listener) = listener {
        shared.spawn(DirectConnectionService::listen(
            Arc::clone(&shared),
            listener,
        ));
    }
    let Storage { data_dir, peers } = storage;
    let driver = Driver::new(Arc::clone(&shared), receiver).run();
    let life = Arc::clone(&shared);
    shared.spawn(async move {
        match peers {
            Some(file) => {
                let saving = saver::save_when_asked(Arc::clone(&life), file.clone());
                tokio::join!(driver, saving);
                saver::save(&life, &file).await;
            }
            None => driver.await,
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

/// Takes the data directory and reads what is there, off the asynchronous threads.
async fn load(
    config: &Config,
    fresh: Zeroizing<[u8; 32]>,
    now: Millis,
) -> Result<Loaded, StartError> {
    let path: PathBuf = config.data_dir().to_owned();
    let peers = config.peers_file();
    let load = move || {
        let data_dir = DataDir::open(&path)?;
        let seed = data_dir.load_or_create_key(&fresh)?;
        let peers = PeersFile::new(peers);
        let known = peers.load(now);
        Ok(Loaded {
            storage: Storage {
                data_dir: Some(data_dir),
                peers: Some(peers),
            },
            seed,
            known,
        })
    };
    match tokio::task::spawn_blocking(load).await {
        Ok(loaded) => loaded,
        // It never panics by itself, and is only cancelled with the whole runtime.
        Err(_) => Err(StartError::ShutDown),
    }
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
    let listening = transport.listen(address, options).await;
    listening.map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => StartError::AddressInUse { address },
        _ => StartError::Listen { address, source },
    })
}

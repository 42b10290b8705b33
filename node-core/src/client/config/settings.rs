//! What a node can be told, as plain data.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::builder::ConfigBuilder;
use super::env;
use super::table::SETTINGS;
use super::text;
use crate::node::{Limits, NodeBounds, NodeConfig, OrderRate, Ways};
use crate::orderbook::SelfTrade;
use crate::protocol::LegacyPolicy;
use crate::storage::{JournalSync, KeyFileMode};
use crate::transport::HandshakeLimits;
use crate::types::{Amount, InvalidValue, Millis, NetworkId, Pair, PeerAddress, Price, UserId};

/// All settings of a node. Each has one name, in capitals in the environment (`MESHBOOK_P2P_PORT`, or
/// `P2P_PORT` where that is not set) and in small letters in a file (`p2p_port`).
///
/// The fields are free to be set; [`Config::check`] says whether the whole is allowed, and
/// [`ConfigBuilder::build`] and the client call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `USER_ID`: the user of orders that name none; a random UUID where absent.
    pub user_id: Option<UserId>,
    /// `EXCHANGE_PAIR`: what the book trades.
    pub pair: Pair,
    /// `NETWORK`: `local`, `testnet`, `mainnet`, or `local:NAME` for a private one. Nodes of different
    /// networks refuse each other.
    pub network: NetworkId,
    /// `MESHBOOK_DATA_DIR`: where the node keeps its key, its journal and its peers.
    pub data_dir: PathBuf,
    /// `JOURNAL_SYNC`: when what is written to the journal is flushed to the disk.
    pub journal_sync: JournalSync,
    /// `KEY_FILE_MODE`: who may read the file of the node's key.
    pub key_file_mode: KeyFileMode,
    /// `HISTORY_MB`: what the history of others' trades may take on the disk in MiB, 0 (none) to 1024.
    pub history_mb: u32,
    /// `HISTORY_DAYS`: for so many days others' trades are kept, 0 (none) to 3650.
    pub history_days: u32,
    /// `P2P_ENABLED`: whether to have peers at all.
    pub p2p_enabled: bool,
    /// `P2P_HOST`: the IP address or host name to listen on.
    pub p2p_host: String,
    /// `P2P_PORT`: the port to listen on; 0 takes a free one.
    pub p2p_port: u16,
    /// `P2P_LEGACY`: what becomes of plain peers; [`Config::legacy`] says where absent.
    pub p2p_legacy: Option<LegacyPolicy>,
    /// `MAX_PEERS`: the most connections, 1 to 1000.
    pub max_peers: u32,
    /// `MAX_PEERS_PER_ADDRESS`, `MAX_PEERS_PER_SUBNET`, `MAX_PEER_MESSAGES_PER_SECOND` and what follows
    /// it in the README, `MAX_STORED_ORDERS`: what others may claim of this node, each 1 to 1,000,000.
    pub limits: Limits,
    /// `MAX_HANDSHAKES`, `MAX_HANDSHAKES_PER_ADDRESS`, `MAX_CONNECTS_PER_SECOND`: what strangers may,
    /// each 1 to 1,000,000.
    pub handshakes: HandshakeLimits,
    /// `PEER_RECONNECT_INTERVAL`: the longest pause before a lost peer is dialed again.
    pub peer_reconnect_interval: Millis,
    /// `PEER_STORAGE_PATH`: the file of known peers; [`Config::peers_file`] says where absent.
    pub peer_storage_path: Option<PathBuf>,
    /// `MAX_MESSAGE_SIZE_KB`: the largest payload of a frame, 1 to 16383 KiB.
    pub max_message_size_kb: u32,
    /// `BOOTSTRAP_PEERS`: addresses to dial besides those that are found; at most 256.
    pub bootstrap_peers: Vec<PeerAddress>,
    /// `USE_WELL_KNOWN_NODES`: whether to dial [`well_known_nodes`] too.
    pub use_well_known_nodes: bool,
    /// `DISCOVERY_MDNS`: find peers on the local network, and be found.
    pub discovery_mdns: bool,
    /// `DISCOVERY_GRENACHE`: find peers at a Grape, and be found.
    pub discovery_grenache: bool,
    /// `DISCOVERY_DHT`: find peers in a DHT, and be found.
    pub discovery_dht: bool,
    /// `DHT_BOOTSTRAP`: nodes of that DHT; none stands for those of BitTorrent.
    pub dht_bootstrap: Vec<PeerAddress>,
    /// `DISCOVERY_PEER_EXCHANGE`: send and take lists of peers.
    pub discovery_peer_exchange: bool,
    /// `GRAPE_URL`: the HTTP APIs of Grapes, tried in turn; 1 to 8.
    pub grape_urls: Vec<String>,
    /// `EMBEDDED_GRAPE`: run a Grape inside the node.
    pub embedded_grape: bool,
    /// `GRAPE_DHT_PORT`: the embedded Grape's DHT port.
    pub grape_dht_port: u16,
    /// `GRAPE_API_PORT`: the embedded Grape's HTTP port.
    pub grape_api_port: u16,
    /// `GRAPE_BOOTSTRAP_NODES`: DHT addresses that the embedded Grape joins by; at most 256.
    pub grape_bootstrap_nodes: Vec<PeerAddress>,
    /// `GRAPE_HOST`: the address that the embedded Grape listens on.
    pub grape_host: String,
    /// `ENABLE_RATE_LIMIT`: whether the three rates below hold.
    pub enable_rate_limit: bool,
    /// `MAX_ORDERS_PER_SECOND`: own orders in any second.
    pub max_orders_per_second: u32,
    /// `MAX_ORDERS_PER_MINUTE`: own orders in any minute.
    pub max_orders_per_minute: u32,
    /// `MAX_REQUESTS_PER_MINUTE`: requests to the control address in any minute.
    pub max_requests_per_minute: u32,
    /// `MAX_ORDER_AMOUNT`: the largest amount of one order, more than 0.
    pub max_order_amount: Amount,
    /// `MAX_ORDER_PRICE`: the highest price of one order, more than 0.
    pub max_order_price: Price,
    /// `SELF_TRADE`: whether a user may trade with its own orders.
    pub self_trade: SelfTrade,
    /// `CIRCUIT_BREAKER_FAILURE_THRESHOLD`: failures of a Grape in a row that open the breaker.
    pub circuit_breaker_failure_threshold: u32,
    /// `CIRCUIT_BREAKER_RESET_TIMEOUT_MS`: how long an open breaker stays open.
    pub circuit_breaker_reset_timeout: Millis,
    /// `LOG_LEVEL`: the least that is logged.
    pub log_level: LogLevel,
    /// `LOG_FORMAT`: for people or for programs.
    pub log_format: LogFormat,
    /// `ENABLE_METRICS`: whether `/healthz` and `/metrics` are served.
    pub enable_metrics: bool,
    /// `METRICS_HOST`: the IP address or host name that they are served on.
    pub metrics_host: String,
    /// `METRICS_PORT`: the port that they are served on; 0 for none.
    pub metrics_port: u16,
    /// `CONTROL_ADDR`: where a node takes commands; a free loopback port where absent.
    pub control_addr: Option<SocketAddr>,
    /// Environment variables that were left out, since their values are most likely meant for other
    /// programs. The client warns of them when it starts.
    pub ignored: Vec<InvalidValue>,
}

impl Default for Config {
    fn default() -> Self {
        let million = 1_000_000 * 10u128.pow(crate::types::SCALE);
        Self {
            user_id: None,
            pair: text::known("BTC/USD"),
            network: text::known("local"),
            data_dir: PathBuf::from(".meshbook"),
            journal_sync: JournalSync::Always,
            key_file_mode: KeyFileMode::Owner,
            history_mb: 64,
            // As long as an order can live.
            history_days: 30,
            p2p_enabled: true,
            p2p_host: "0.0.0.0".to_owned(),
            p2p_port: 3000,
            p2p_legacy: None,
            max_peers: 50,
            limits: Limits::DEFAULT,
            handshakes: HandshakeLimits::DEFAULT,
            peer_reconnect_interval: Millis(30_000),
            peer_storage_path: None,
            max_message_size_kb: 1024,
            bootstrap_peers: Vec::new(),
            use_well_known_nodes: true,
            discovery_mdns: true,
            discovery_grenache: true,
            discovery_dht: false,
            dht_bootstrap: Vec::new(),
            discovery_peer_exchange: true,
            grape_urls: vec!["http://127.0.0.1:30001".to_owned()],
            embedded_grape: false,
            grape_dht_port: 20001,
            grape_api_port: 30001,
            grape_bootstrap_nodes: Vec::new(),
            grape_host: "127.0.0.1".to_owned(),
            enable_rate_limit: false,
            max_orders_per_second: 10,
            max_orders_per_minute: 100,
            max_requests_per_minute: 1000,
            max_order_amount: Amount::from_units(million).unwrap_or(Amount::MAX),
            max_order_price: Price::from_units(million).unwrap_or(Price::MAX),
            self_trade: SelfTrade::Allow,
            circuit_breaker_failure_threshold: 3,
            circuit_breaker_reset_timeout: Millis(30_000),
            log_level: LogLevel::Info,
            log_format: LogFormat::Human,
            enable_metrics: true,
            metrics_host: "127.0.0.1".to_owned(),
            metrics_port: 9090,
            control_addr: None,
            ignored: Vec::new(),
        }
    }
}

impl Config {
    /// Starts from the defaults; options outrank the environment, which outranks a file.
    #[must_use]
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::default()
    }

    /// Whether every value is allowed, whichever way it got here.
    ///
    /// # Errors
    /// The first setting that isn't, by its name in a file.
    pub fn check(&self) -> Result<(), InvalidValue> {
        let mut scratch = self.clone();
        for setting in SETTINGS {
            if let Some(text) = (setting.show)(self) {
                setting.read(&mut scratch, &text, setting.key())?;
            }
        }
        Ok(())
    }

    /// The settings that have a value, as their names in the environment and their texts, which
    /// [`Config::from_env`] reads back.
    #[must_use]
    pub fn to_env(&self) -> Vec<(&'static str, String)> {
        let shown = |s: &'static super::table::Setting| Some((s.env, (s.show)(self)?));
        SETTINGS.iter().filter_map(shown).collect()
    }

    /// The names of all settings in the environment, without `MESHBOOK_` before them.
    pub fn variables() -> impl Iterator<Item = &'static str> {
        SETTINGS.iter().map(|setting| setting.env)
    }

    /// The names in the environment of each setting, the one that outranks the other first.
    pub fn variable_names() -> impl Iterator<Item = Vec<String>> {
        SETTINGS.iter().map(|setting| env::names(setting).collect())
    }

    /// What becomes of plain peers: `P2P_LEGACY`, or `match` if P2P is off, or `observe`.
    #[must_use]
    pub fn legacy(&self) -> LegacyPolicy {
        let default = if self.p2p_enabled {
            LegacyPolicy::Observe
        } else {
            LegacyPolicy::Match
        };
        self.p2p_legacy.unwrap_or(default)
    }

    /// Logs what in these settings is most likely not meant so: variables that were left out, and
    /// that no peer can be reached.
    pub(in crate::client) fn log_warnings(&self) {
        for InvalidValue {
            field,
            value,
            allowed,
        } in &self.ignored
        {
            tracing::warn!(
                variable = field,
                value,
                allowed,
                "ignored an environment variable of another program"
            );
        }
        if !self.p2p_enabled && !self.discovery_grenache {
            tracing::warn!(
                "P2P_ENABLED and DISCOVERY_GRENACHE are both false, so no peer is reached"
            );
        }
    }

    /// The file of known peers: `PEER_STORAGE_PATH`, or `.peers.json` in the data directory.
    #[must_use]
    pub fn peers_file(&self) -> PathBuf {
        let default = || self.data_dir.join(".peers.json");
        self.peer_storage_path.clone().unwrap_or_else(default)
    }

    /// The file of bans: `bans.json` in the data directory.
    #[must_use]
    pub fn bans_file(&self) -> PathBuf {
        self.data_dir.join("bans.json")
    }

    /// The largest payload of a frame in bytes.
    #[must_use]
    pub const fn max_message_size(&self) -> usize {
        self.max_message_size_kb as usize * 1024
    }

    /// The data directory.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// All addresses to dial besides those that are found, each once.
    #[must_use]
    pub fn initial_peers(&self) -> Vec<PeerAddress> {
        let mut peers = self.bootstrap_peers.clone();
        if self.use_well_known_nodes {
            peers.extend(well_known_nodes(&self.network));
        }
        let mut seen = std::collections::HashSet::new();
        peers.retain(|peer| seen.insert(peer.clone()));
        peers
    }

    /// The settings of the sans-IO node. Where no user is configured each call makes up a new
    /// one, so call it once and keep the answer.
    #[must_use]
    pub fn node_config(&self) -> NodeConfig {
        NodeConfig {
            network: self.network.clone(),
            pair: self.pair.clone(),
            user_id: self.user_id.clone().unwrap_or_else(random_user),
            max_peers: self.max_peers as usize,
            reconnect_interval: self.peer_reconnect_interval,
            bootstrap_peers: match self.p2p_enabled {
                true => self.initial_peers(),
                false => Vec::new(),
            },
            ways: Ways {
                direct: self.p2p_enabled,
                rpc: self.discovery_grenache,
            },
            peer_exchange: self.discovery_peer_exchange && self.p2p_enabled,
            legacy: self.legacy(),
            self_trade: self.self_trade,
            max_order_amount: self.max_order_amount,
            max_order_price: self.max_order_price,
            order_rate: self.enable_rate_limit.then_some(OrderRate {
                per_second: self.max_orders_per_second,
                per_minute: self.max_orders_per_minute,
            }),
            limits: self.limits,
            bounds: NodeBounds::DEFAULT,
        }
    }
}

/// Nodes that are always worth a dial: on `local` and in private networks five ports of this machine;
/// the other networks have none yet.
#[must_use]
pub fn well_known_nodes(network: &NetworkId) -> Vec<PeerAddress> {
    if !network.is_local() {
        return Vec::new();
    }
    let address = |port| SocketAddr::from(([127, 0, 0, 1], port)).into();
    (3001..=3005).map(address).collect()
}

/// A random UUID (version 4). It is a label and no secret, so the keys of the standard library's
/// hashers are random enough, and they cannot fail.
fn random_user() -> UserId {
    let draw = || u128::from(RandomState::new().hash_one(0u8));
    let random = draw() << 64 | draw();
    let versioned = random & !(0xf << 76) & !(0b11 << 62) | 0x4 << 76 | 0b10 << 62;
    let digits = format!("{versioned:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
    text::known(&parts.join("-"))
}

/// The least that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogLevel {
    /// Everything.
    Trace,
    /// What helps to find a fault.
    Debug,
    /// What an operator wants to know.
    Info,
    /// What may need a hand.
    Warn,
    /// What failed.
    Error,
    /// What ends the node; logged like errors.
    Fatal,
}

impl LogLevel {
    /// The name in small letters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// The name in small letters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Json => "json",
        }
    }
}

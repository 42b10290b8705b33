//! The table of settings: one line a setting, its name, how it is read and how it is shown.

use std::path::Path;

use super::env::names;
use super::settings::{Config, LogFormat, LogLevel};
use super::text::{addresses, boolean, choice, host, integer, path, positive, socket, urls};
use crate::orderbook::SelfTrade;
use crate::protocol::LegacyPolicy;
use crate::storage::{JournalSync, KeyFileMode};
use crate::types::{InvalidValue, Millis, NetworkId, PeerAddress};

/// One setting.
pub(super) struct Setting {
    /// Its name in the environment, where it may have `MESHBOOK_` before it; in a file the same in
    /// small letters.
    pub(super) env: &'static str,
    /// Reads a text into the configuration, or says what is allowed.
    apply: fn(&mut Config, &str) -> Result<(), InvalidValue>,
    /// The text of its value, if it has one; `apply` reads it back as the same value.
    pub(super) show: fn(&Config) -> Option<String>,
}

impl Setting {
    /// The setting of a name, as it is written in the environment or in a file.
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        let named = |s: &&Self| s.key() == name || names(s).any(|own| own == name);
        SETTINGS.iter().find(named)
    }

    /// Its name in a file.
    pub(super) fn key(&self) -> String {
        self.env.to_ascii_lowercase()
    }

    /// Reads `text` into `config`; an error goes by the name that the caller used.
    pub(super) fn read(
        &self,
        config: &mut Config,
        text: &str,
        field: impl Into<String>,
    ) -> Result<(), InvalidValue> {
        (self.apply)(config, text).map_err(|error| error.for_field(field))
    }
}

/// How many of something: at least one.
fn many(text: &str) -> Result<u32, InvalidValue> {
    integer(text, 1..=1_000_000)
}

/// A day: the longest pause that makes sense.
const DAY: u64 = 24 * 60 * 60 * 1000;
const LEGACY: [(&str, LegacyPolicy); 3] = [
    ("off", LegacyPolicy::Off),
    ("observe", LegacyPolicy::Observe),
    ("match", LegacyPolicy::Match),
];
const SELF_TRADE: [(&str, SelfTrade); 3] = [
    ("allow", SelfTrade::Allow),
    ("cancel-newest", SelfTrade::CancelNewest),
    ("skip", SelfTrade::Skip),
];
const SYNCS: [(&str, JournalSync); 3] = [
    ("always", JournalSync::Always),
    ("interval", JournalSync::Interval),
    ("off", JournalSync::Off),
];
const KEY_FILES: [(&str, KeyFileMode); 2] =
    [("owner", KeyFileMode::Owner), ("group", KeyFileMode::Group)];

/// A network, in capitals too.
fn network(text: &str) -> Result<NetworkId, InvalidValue> {
    let small = text.to_ascii_lowercase();
    small
        .parse()
        .map_err(|error: InvalidValue| InvalidValue::new(error.field, text, error.allowed))
}

const LEVELS: [(&str, LogLevel); 6] = [
    ("trace", LogLevel::Trace),
    ("debug", LogLevel::Debug),
    ("info", LogLevel::Info),
    ("warn", LogLevel::Warn),
    ("error", LogLevel::Error),
    ("fatal", LogLevel::Fatal),
];
/// Names that other programs use for these levels.
const LEVEL_SYNONYMS: [(&str, LogLevel); 11] = [
    ("notice", LogLevel::Info),
    ("information", LogLevel::Info),
    ("informational", LogLevel::Info),
    ("warning", LogLevel::Warn),
    ("err", LogLevel::Error),
    ("severe", LogLevel::Error),
    ("critical", LogLevel::Fatal),
    ("crit", LogLevel::Fatal),
    ("alert", LogLevel::Fatal),
    ("emerg", LogLevel::Fatal),
    ("emergency", LogLevel::Fatal),
];

fn level(text: &str) -> Result<LogLevel, InvalidValue> {
    choice(text, &LEVEL_SYNONYMS).or_else(|_| choice(text, &LEVELS))
}

const FORMATS: [(&str, LogFormat); 2] = [("human", LogFormat::Human), ("json", LogFormat::Json)];

fn name_of<T: Copy + PartialEq>(value: T, choices: &[(&str, T)]) -> Option<String> {
    let found = choices.iter().find(|(_, choice)| *choice == value);
    found.map(|(name, _)| (*name).to_owned())
}

fn join(addresses: &[PeerAddress]) -> Option<String> {
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    (!texts.is_empty()).then(|| texts.join(","))
}

fn show_path(path: &Path) -> Option<String> {
    Some(path.to_string_lossy().into_owned())
}

/// Writes the lines of the table: the parser's result goes into the named field, and the shower
/// makes `Option<String>` of it.
macro_rules! settings {
    ($($env:literal $($field:ident).+ = $parse:expr, $show:expr;)*) => {
        pub(super) const SETTINGS: &[Setting] = &[$(Setting {
            env: $env,
            apply: |config, text| {
                let parse: fn(&str) -> Result<_, InvalidValue> = $parse;
                config.$($field).+ = parse(text)?;
                Ok(())
            },
            show: |config| {
                let show: fn(&Config) -> Option<String> = $show;
                show(config)
            },
        }),*];
    };
}

settings! {
    "USER_ID" user_id = |t| t.parse().map(Some), |c| c.user_id.as_ref().map(ToString::to_string);
    "EXCHANGE_PAIR" pair = str::parse, |c| Some(c.pair.to_string());
    "NETWORK" network = network, |c| Some(c.network.to_string());
    "MESHBOOK_DATA_DIR" data_dir = path, |c| show_path(&c.data_dir);
    "JOURNAL_SYNC" journal_sync = |t| choice(t, &SYNCS), |c| name_of(c.journal_sync, &SYNCS);
    "KEY_FILE_MODE" key_file_mode = |t| choice(t, &KEY_FILES),
        |c| name_of(c.key_file_mode, &KEY_FILES);
    "HISTORY_MB" history_mb = |t| integer(t, 0..=1024), |c| Some(c.history_mb.to_string());
    "HISTORY_DAYS" history_days = |t| integer(t, 0..=3650), |c| Some(c.history_days.to_string());
    "P2P_ENABLED" p2p_enabled = boolean, |c| Some(c.p2p_enabled.to_string());
    "P2P_HOST" p2p_host = host, |c| Some(c.p2p_host.clone());
    "P2P_PORT" p2p_port = |t| integer(t, 0..=u16::MAX), |c| Some(c.p2p_port.to_string());
    "P2P_LEGACY" p2p_legacy = |t| choice(t, &LEGACY).map(Some),
        |c| name_of(c.p2p_legacy?, &LEGACY);
    "MAX_PEERS" max_peers = |t| integer(t, 1..=1000), |c| Some(c.max_peers.to_string());
    "MAX_PEERS_PER_ADDRESS" limits.peers_per_address = many,
        |c| Some(c.limits.peers_per_address.to_string());
    "MAX_PEERS_PER_SUBNET" limits.peers_per_subnet = many,
        |c| Some(c.limits.peers_per_subnet.to_string());
    "MAX_HANDSHAKES" handshakes.at_once = many, |c| Some(c.handshakes.at_once.to_string());
    "MAX_HANDSHAKES_PER_ADDRESS" handshakes.per_address = many,
        |c| Some(c.handshakes.per_address.to_string());
    "MAX_CONNECTS_PER_SECOND" handshakes.per_second = many,
        |c| Some(c.handshakes.per_second.to_string());
    "MAX_PEER_MESSAGES_PER_SECOND" limits.peer_messages = many,
        |c| Some(c.limits.peer_messages.to_string());
    "MAX_PEER_KB_PER_SECOND" limits.peer_kilobytes = many,
        |c| Some(c.limits.peer_kilobytes.to_string());
    "MAX_PEER_SIGNATURES_PER_SECOND" limits.peer_signatures = many,
        |c| Some(c.limits.peer_signatures.to_string());
    "MAX_PEER_REPEATS_PER_SECOND" limits.peer_repeats = many,
        |c| Some(c.limits.peer_repeats.to_string());
    "MAX_PEER_REQUESTS_PER_SECOND" limits.peer_requests = many,
        |c| Some(c.limits.peer_requests.to_string());
    "MAX_STORED_ORDERS" limits.stored_orders = many,
        |c| Some(c.limits.stored_orders.to_string());
    "PEER_RECONNECT_INTERVAL" peer_reconnect_interval = |t| integer(t, 1..=DAY).map(Millis),
        |c| Some(c.peer_reconnect_interval.0.to_string());
    "PEER_STORAGE_PATH" peer_storage_path = |t| path(t).map(Some),
        |c| show_path(c.peer_storage_path.as_deref()?);
    // Above 16383 KiB the first byte of a frame's length would no longer be 0, by which a frame
    // is told from an HTTP request.
    "MAX_MESSAGE_SIZE_KB" max_message_size_kb = |t| integer(t, 1..=16_383),
        |c| Some(c.max_message_size_kb.to_string());
    "BOOTSTRAP_PEERS" bootstrap_peers = addresses, |c| join(&c.bootstrap_peers);
    "USE_WELL_KNOWN_NODES" use_well_known_nodes = boolean,
        |c| Some(c.use_well_known_nodes.to_string());
    "DISCOVERY_MDNS" discovery_mdns = boolean, |c| Some(c.discovery_mdns.to_string());
    "DISCOVERY_GRENACHE" discovery_grenache = boolean, |c| Some(c.discovery_grenache.to_string());
    "DISCOVERY_DHT" discovery_dht = boolean, |c| Some(c.discovery_dht.to_string());
    "DHT_BOOTSTRAP" dht_bootstrap = addresses, |c| join(&c.dht_bootstrap);
    "DISCOVERY_PEER_EXCHANGE" discovery_peer_exchange = boolean,
        |c| Some(c.discovery_peer_exchange.to_string());
    "GRAPE_URL" grape_urls = urls, |c| Some(c.grape_urls.join(","));
    "EMBEDDED_GRAPE" embedded_grape = boolean, |c| Some(c.embedded_grape.to_string());
    "GRAPE_DHT_PORT" grape_dht_port = |t| integer(t, 1..=u16::MAX),
        |c| Some(c.grape_dht_port.to_string());
    "GRAPE_API_PORT" grape_api_port = |t| integer(t, 1..=u16::MAX),
        |c| Some(c.grape_api_port.to_string());
    "GRAPE_BOOTSTRAP_NODES" grape_bootstrap_nodes = addresses, |c| join(&c.grape_bootstrap_nodes);
    "GRAPE_HOST" grape_host = host, |c| Some(c.grape_host.clone());
    "ENABLE_RATE_LIMIT" enable_rate_limit = boolean, |c| Some(c.enable_rate_limit.to_string());
    "MAX_ORDERS_PER_SECOND" max_orders_per_second = |t| integer(t, 1..=1_000_000),
        |c| Some(c.max_orders_per_second.to_string());
    "MAX_ORDERS_PER_MINUTE" max_orders_per_minute = |t| integer(t, 1..=60_000_000),
        |c| Some(c.max_orders_per_minute.to_string());
    "MAX_REQUESTS_PER_MINUTE" max_requests_per_minute = |t| integer(t, 1..=60_000_000),
        |c| Some(c.max_requests_per_minute.to_string());
    "MAX_ORDER_AMOUNT" max_order_amount = positive, |c| Some(c.max_order_amount.to_string());
    "MAX_ORDER_PRICE" max_order_price = positive, |c| Some(c.max_order_price.to_string());
    "SELF_TRADE" self_trade = |t| choice(t, &SELF_TRADE), |c| name_of(c.self_trade, &SELF_TRADE);
    "CIRCUIT_BREAKER_FAILURE_THRESHOLD" circuit_breaker_failure_threshold =
        |t| integer(t, 1..=1000), |c| Some(c.circuit_breaker_failure_threshold.to_string());
    "CIRCUIT_BREAKER_RESET_TIMEOUT_MS" circuit_breaker_reset_timeout =
        |t| integer(t, 1..=DAY).map(Millis), |c| Some(c.circuit_breaker_reset_timeout.0.to_string());
    "LOG_LEVEL" log_level = level, |c| Some(c.log_level.as_str().to_owned());
    "LOG_FORMAT" log_format = |t| choice(t, &FORMATS), |c| Some(c.log_format.as_str().to_owned());
    "ENABLE_METRICS" enable_metrics = boolean, |c| Some(c.enable_metrics.to_string());
    "METRICS_HOST" metrics_host = host, |c| Some(c.metrics_host.clone());
    "METRICS_PORT" metrics_port = |t| integer(t, 0..=u16::MAX), |c| Some(c.metrics_port.to_string());
    "CONTROL_ADDR" control_addr = |t| socket(t).map(Some),
        |c| c.control_addr.map(|address| address.to_string());
}

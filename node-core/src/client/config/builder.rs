//! Where settings come from, and which source outranks which.

use std::env::VarError;
use std::fmt;
use std::path::{Path, PathBuf};

use super::env::Variables;
use super::file::{self, ConfigError};
use super::settings::{Config, LogFormat, LogLevel};
use super::table::Setting;
use crate::orderbook::SelfTrade;
use crate::protocol::LegacyPolicy;
use crate::storage::JournalSync;
use crate::types::{InvalidValue, NetworkId, Pair, PeerAddress, UserId};

/// A setting and its text, found to be allowed.
pub(super) struct Given {
    pub(super) setting: &'static Setting,
    pub(super) text: String,
}

/// What an option does when it is its turn.
type Setter = Box<dyn FnOnce(&mut Config) + Send>;

/// Collects settings. In whichever order the methods are called, an option outranks the
/// environment, which outranks a file, which outranks a fallback, which outranks the default; of
/// two options for the same setting the later holds.
#[derive(Default)]
pub struct ConfigBuilder {
    file: Vec<Given>,
    env: Variables,
    options: Vec<Setter>,
}

/// Writes the typed setters, which only move their value into the field of the same name.
macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $kind:ty => $field:ident = $value:expr;)*) => {
        $($(#[$doc])*
        #[must_use]
        pub fn $name(self, $name: $kind) -> Self {
            self.with(move |config| config.$field = $value)
        })*
    };
}

impl ConfigBuilder {
    /// Takes the settings of a TOML file, whose keys are the names of the variables in small
    /// letters.
    ///
    /// # Errors
    /// Where the file can't be read, isn't TOML, has an unknown key or a value that is not
    /// allowed.
    pub fn file(mut self, path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        self.file.extend(file::read(path.as_ref())?);
        Ok(self)
    }

    /// Gives a default of the caller's own, by its name in the environment or in a file; whatever
    /// else is given outranks it.
    ///
    /// # Errors
    /// Where no setting has the name, or the value is not allowed.
    pub fn fallback(mut self, name: &str, text: &str) -> Result<Self, InvalidValue> {
        let setting = Setting::find(name).ok_or_else(|| file::unknown(name, text))?;
        setting.read(&mut Config::default(), text, name)?;
        let text = text.to_owned();
        self.file.insert(0, Given { setting, text });
        Ok(self)
    }

    /// Takes the settings that `lookup` knows by the names of their environment variables, of which
    /// the one with `MESHBOOK_` before it comes first. Space around a value does no harm, and an empty
    /// one counts as absent. What is most likely meant for another program, like `NETWORK=bridge`, is
    /// left out, and named in [`Config::ignored`].
    ///
    /// # Errors
    /// The first variable whose value is not allowed.
    pub fn env(self, lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidValue> {
        self.variables(|name| Ok(lookup(name)))
    }

    /// Takes the settings of this process's environment, as [`env`](Self::env) does.
    ///
    /// # Errors
    /// The first variable whose value is not allowed or not UTF-8.
    pub fn process_env(self) -> Result<Self, InvalidValue> {
        self.variables(|name| match std::env::var(name) {
            Ok(text) => Ok(Some(text)),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(raw)) => Err(raw.to_string_lossy().into_owned()),
        })
    }

    fn variables(
        mut self,
        lookup: impl Fn(&str) -> Result<Option<String>, String>,
    ) -> Result<Self, InvalidValue> {
        let Variables { given, ignored } = Variables::read(lookup)?;
        self.env.given.extend(given);
        self.env.ignored.extend(ignored);
        Ok(self)
    }

    /// Gives one option as text, by its name in the environment or in a file.
    ///
    /// # Errors
    /// Where no setting has the name, or the value is not allowed.
    pub fn set(self, name: &str, text: &str) -> Result<Self, InvalidValue> {
        let setting = Setting::find(name).ok_or_else(|| file::unknown(name, text))?;
        setting.read(&mut Config::default(), text, name)?;
        let text = text.to_owned();
        Ok(self.with(move |config| {
            // Cannot fail: the same text was read above.
            let _ = setting.read(config, &text, setting.env);
        }))
    }

    /// Gives options by setting fields, also such as have no method of their own here.
    #[must_use]
    pub fn with(mut self, option: impl FnOnce(&mut Config) + Send + 'static) -> Self {
        self.options.push(Box::new(option));
        self
    }

    setters! {
        /// The user of orders that name none.
        user_id: UserId => user_id = Some(user_id);
        /// What the book trades.
        pair: Pair => pair = pair;
        /// The network: `local`, `testnet`, `mainnet`, or `local:NAME` for a private one.
        network: NetworkId => network = network;
        /// Where the node keeps its key, its journal and its peers.
        data_dir: impl Into<PathBuf> + Send + 'static => data_dir = data_dir.into();
        /// When what is written to the journal is flushed to the disk.
        journal_sync: JournalSync => journal_sync = journal_sync;
        /// The IP address or host name to listen on.
        p2p_host: impl Into<String> + Send + 'static => p2p_host = p2p_host.into();
        /// The port to listen on; 0 takes a free one.
        p2p_port: u16 => p2p_port = p2p_port;
        /// What becomes of plain peers.
        p2p_legacy: LegacyPolicy => p2p_legacy = Some(p2p_legacy);
        /// Addresses to dial besides those that are found.
        bootstrap_peers: Vec<PeerAddress> => bootstrap_peers = bootstrap_peers;
        /// Whether to dial the network's well-known nodes too.
        use_well_known_nodes: bool => use_well_known_nodes = use_well_known_nodes;
        /// Whether a user may trade with its own orders.
        self_trade: SelfTrade => self_trade = self_trade;
        /// The least that is logged.
        log_level: LogLevel => log_level = log_level;
        /// How log lines look.
        log_format: LogFormat => log_format = log_format;
    }

    /// Puts the sources together and checks the whole.
    ///
    /// # Errors
    /// The first setting whose value is not allowed, by its name in a file.
    pub fn build(self) -> Result<Config, InvalidValue> {
        let mut config = Config::default();
        for Given { setting, text } in self.file.iter().chain(&self.env.given) {
            setting.read(&mut config, text, setting.key())?;
        }
        config.ignored = self.env.ignored;
        for option in self.options {
            option(&mut config);
        }
        config.check()?;
        Ok(config)
    }
}

impl fmt::Debug for ConfigBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |given: &[Given]| given.iter().map(|g| g.setting.env).collect::<Vec<_>>();
        f.debug_struct("ConfigBuilder")
            .field("file", &names(&self.file))
            .field("env", &names(&self.env.given))
            .field("options", &self.options.len())
            .finish()
    }
}

impl Config {
    /// The settings that `lookup` knows by the names of their environment variables, and the
    /// defaults for the rest.
    ///
    /// # Errors
    /// The first variable whose value is not allowed.
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidValue> {
        Self::builder().env(lookup)?.build()
    }

    /// The settings of this process's environment, and the defaults for the rest.
    ///
    /// # Errors
    /// The first variable whose value is not allowed.
    pub fn from_process_env() -> Result<Self, InvalidValue> {
        Self::builder().process_env()?.build()
    }

    /// The settings of a TOML file, and the defaults for the rest.
    ///
    /// # Errors
    /// Where the file can't be read, isn't TOML, has an unknown key or a value that is not
    /// allowed.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Ok(Self::builder().file(path)?.build()?)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::client::config::table::SETTINGS;

    /// Every variable with values that are allowed, and values that are not.
    const VARIABLES: &[(&str, &[&str], &[&str])] = &[
        ("USER_ID", &["bob", "A.b_c-9"], &["ab", "a b c"]),
        ("EXCHANGE_PAIR", &["ETH/USD"], &["BTCUSD", "btc/usd"]),
        (
            "NETWORK",
            &["local", "testnet", "Mainnet"],
            &["manet", "local2"],
        ),
        ("MESHBOOK_DATA_DIR", &["/tmp/x", "rel"], &["a\0b"]),
        (
            "JOURNAL_SYNC",
            &["always", "Interval", "OFF"],
            &["never", "true", "100"],
        ),
        (
            "KEY_FILE_MODE",
            &["owner", "Group"],
            &["world", "0640", "true"],
        ),
        (
            "HISTORY_MB",
            &["0", "1", "64", "1024"],
            &["-1", "1025", "0.5", "64MB"],
        ),
        (
            "HISTORY_DAYS",
            &["0", "30", "3650"],
            &["-1", "3651", "30d", "x"],
        ),
        ("P2P_ENABLED", BOOLEANS.0, BOOLEANS.1),
        (
            "P2P_HOST",
            &["0.0.0.0", "::", "[::1]", "localhost", "node-1.example.org"],
            &[
                "0.0.0",
                "256.1.1.1",
                "0x7f.1",
                "a b",
                "host:3000",
                "-x",
                "a..b",
            ],
        ),
        (
            "P2P_PORT",
            &["0", "3000", "65535"],
            &["65536", "-1", "+1", "3e3", "x", "1.0"],
        ),
        ("P2P_LEGACY", &["off", "Observe", "MATCH"], &["on", "true"]),
        ("MAX_PEERS", &["1", "1000"], &["0", "1001", "many"]),
        (
            "MAX_PEERS_PER_ADDRESS",
            &["1", "1000000"],
            &["0", "1000001", "x"],
        ),
        (
            "MAX_PEERS_PER_SUBNET",
            &["1", "1000000"],
            &["0", "1000001", "x"],
        ),
        ("MAX_HANDSHAKES", &["1", "1000000"], &["0", "1000001", "x"]),
        (
            "MAX_HANDSHAKES_PER_ADDRESS",
            &["1", "1000000"],
            &["0", "1000001", "x"],
        ),
        (
            "MAX_CONNECTS_PER_SECOND",
            &["1", "1000000"],
            &["0", "1000001", "x"],
        ),
        (
            "MAX_PEER_MESSAGES_PER_SECOND",
            &["1", "1000000"],
            &["0", "1000001", "x"],
        ),
        (
            "MAX_PEER_KB_PER_SECOND",
            &["1", "1000000"],
            &["0", "1000001", "x"],
        ),
        (
            "MAX_PEER_SIGNATURES_PER_SECOND",
            &["1", "1000000"],
            &["0", "1000001", "x"],
        ),
        (
            "MAX_PEER_REPEATS_PER_SECOND",
            &["1", "1000000"],
            &["0", "1000001", "x"],
        ),
        (
            "MAX_PEER_REQUESTS_PER_SECOND",
            &["1", "1000000"],
            &["0", "1000001", "x"],
        ),
        (
            "MAX_STORED_ORDERS",
            &["1", "1000000"],
            &["0", "1000001", "x"],
        ),
        (
            "PEER_RECONNECT_INTERVAL",
            &["1", "86400000"],
            &["0", "86400001", "30s"],
        ),
        ("PEER_STORAGE_PATH", &["p.json"], &["a\0b"]),
        ("MAX_MESSAGE_SIZE_KB", &["1", "16383"], &["0", "16384"]),
        (
            "BOOTSTRAP_PEERS",
            &["127.0.0.1:1", "a:1, [::1]:2,"],
            &["a", "a:1;b:2", "a:0", "a:1,b"],
        ),
        ("USE_WELL_KNOWN_NODES", BOOLEANS.0, BOOLEANS.1),
        ("DISCOVERY_MDNS", BOOLEANS.0, BOOLEANS.1),
        ("DISCOVERY_GRENACHE", BOOLEANS.0, BOOLEANS.1),
        ("DISCOVERY_DHT", BOOLEANS.0, BOOLEANS.1),
        (
            "DHT_BOOTSTRAP",
            &["127.0.0.1:20001", "dht.example.org:6881"],
            &["20001", "127.0.0.1:0"],
        ),
        ("DISCOVERY_PEER_EXCHANGE", BOOLEANS.0, BOOLEANS.1),
        (
            "GRAPE_URL",
            &[
                "http://127.0.0.1:30001",
                "http://grape.example/api/, http://10.0.0.1:30001,",
                "http://[::1]:1",
                "http://[::1]",
            ],
            &[
                "127.0.0.1:30001",
                "ftp://a",
                "https://a",
                "http://a,b",
                ",",
                "http://",
                "http://a:0",
                "http://u@a",
                "http://a/?q",
                "http://::1",
            ],
        ),
        ("EMBEDDED_GRAPE", BOOLEANS.0, BOOLEANS.1),
        ("GRAPE_DHT_PORT", &["1"], &["0", "65536"]),
        ("GRAPE_API_PORT", &["1"], &["0", "65536"]),
        ("GRAPE_BOOTSTRAP_NODES", &["127.0.0.1:20002"], &["20002"]),
        ("GRAPE_HOST", &["127.0.0.1", "0.0.0.0"], &["127.0.0.1:1"]),
        ("ENABLE_RATE_LIMIT", BOOLEANS.0, BOOLEANS.1),
        ("MAX_ORDERS_PER_SECOND", &["1"], &["0", "1000001"]),
        ("MAX_ORDERS_PER_MINUTE", &["1"], &["0", "x"]),
        ("MAX_REQUESTS_PER_MINUTE", &["1"], &["0", "x"]),
        (
            "MAX_ORDER_AMOUNT",
            &["0.00000001", "1000000"],
            &["0", "-1", "1e6", "0.000000001"],
        ),
        ("MAX_ORDER_PRICE", &["0.5"], &["0.0", "1,5", "NaN"]),
        (
            "SELF_TRADE",
            &["allow", "cancel-newest", "skip"],
            &["cancel", "never"],
        ),
        ("CIRCUIT_BREAKER_FAILURE_THRESHOLD", &["1"], &["0", "1001"]),
        ("CIRCUIT_BREAKER_RESET_TIMEOUT_MS", &["1"], &["0", "x"]),
        (
            "LOG_LEVEL",
            &[
                "trace", "DEBUG", "info", "warn", "WARNING", "error", "fatal",
            ],
            &["verbose", "3"],
        ),
        ("LOG_FORMAT", &["human", "json"], &["text"]),
        ("ENABLE_METRICS", BOOLEANS.0, BOOLEANS.1),
        (
            "METRICS_HOST",
            &["127.0.0.1", "0.0.0.0", "::"],
            &["127.0.0.1:1", "a b"],
        ),
        ("METRICS_PORT", &["0", "9090"], &["65536", "x"]),
        (
            "CONTROL_ADDR",
            &["127.0.0.1:0", "[::1]:7000", "localhost:7000", "10.0.0.1:1"],
            &["7000", "host:7000", "127.0.0.1", "127.0.0.1:65536"],
        ),
    ];
    const BOOLEANS: (&[&str], &[&str]) = (
        &["true", "FALSE", "1", "0", "Yes", "no", "ON", "off"],
        &["2", "y", "enabled", "truefalse"],
    );

    fn from_one(name: &str, value: &str) -> Result<Config, InvalidValue> {
        Config::from_env(|asked| (asked == name).then(|| value.to_owned()))
    }

    #[test]
    fn a_fallback_holds_where_nothing_else_is_given() {
        let builder = || {
            let builder = Config::builder().set("p2p_port", "1").unwrap();
            builder.fallback("EMBEDDED_GRAPE", "true").unwrap()
        };
        assert!(builder().build().unwrap().embedded_grape);
        let env = |name: &str| (name == "EMBEDDED_GRAPE").then(|| "off".to_owned());
        let config = builder().env(env).unwrap().build().unwrap();
        assert!(!config.embedded_grape);
        let error = Config::builder()
            .fallback("EMBEDDED_GRAPE", "x")
            .unwrap_err();
        assert_eq!(error.field, "EMBEDDED_GRAPE");
    }

    #[test]
    fn the_table_of_the_readme_has_every_variable_with_its_default() {
        let readme = include_str!("../../../../README.md");
        let rows = readme
            .lines()
            .skip_while(|line| !line.starts_with("| variable |"))
            .skip(2)
            .take_while(|line| line.starts_with('|'));
        let mut told: Vec<(&str, &str)> = Vec::new();
        for row in rows {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let [_, names, defaults, meaning, _] = cells.as_slice() else {
                panic!("{row}");
            };
            assert!(!meaning.is_empty(), "{row}");
            let (names, defaults) = (names.split(", "), defaults.split(", "));
            assert_eq!(names.clone().count(), defaults.clone().count(), "{row}");
            told.extend(names.zip(defaults));
        }
        let config = Config::default();
        let mut known: Vec<String> = Vec::new();
        for setting in SETTINGS {
            let name = format!("`{}`", setting.env);
            let rows: Vec<_> = told.iter().filter(|(told, _)| *told == name).collect();
            let [(_, default)] = rows.as_slice() else {
                panic!("{name} is told {} times", rows.len());
            };
            match (setting.show)(&config) {
                Some(value) => assert_eq!(*default, format!("`{value}`"), "{name}"),
                // What the node makes up then is said in words.
                None => assert!(default.contains(char::is_alphabetic), "{name}"),
            }
            known.push(name);
        }
        told.retain(|(name, _)| !known.iter().any(|known| known == name));
        assert!(told.is_empty(), "there are no such settings: {told:?}");
    }

    #[test]
    fn each_variable_takes_what_is_allowed_and_names_itself_otherwise() {
        let names: Vec<&str> = VARIABLES.iter().map(|(name, ..)| *name).collect();
        assert_eq!(names, SETTINGS.iter().map(|s| s.env).collect::<Vec<_>>());
        for (name, good, bad) in VARIABLES {
            for value in *good {
                let config =
                    from_one(name, value).unwrap_or_else(|e| panic!("{name}={value}: {e}"));
                let again = Config::from_env(|asked| {
                    let shown = config.to_env().into_iter().find(|(name, _)| *name == asked);
                    shown.map(|(_, text)| text)
                });
                assert_eq!(again, Ok(config), "{name}={value} is shown as it was read");
            }
            for value in *bad {
                let read = from_one(name, value);
                let error = read.map_or_else(|error| error, |mut config| config.ignored.remove(0));
                assert_eq!(error.field, *name, "{value}");
                assert!(value.contains(&error.value), "{name}={value}: {error}");
                assert!(!error.allowed.is_empty());
                // The same holds for an option, by the name that the caller used.
                let key = name.to_ascii_lowercase();
                let error = Config::builder().set(&key, value).unwrap_err();
                assert_eq!(error.field, key);
            }
        }
    }

    #[test]
    fn each_variable_changes_the_configuration() {
        let defaults = Config::default();
        for (name, good, _) in VARIABLES {
            let differs = |value: &&str| from_one(name, value).unwrap() != defaults;
            assert!(good.iter().any(differs), "{name}");
        }
    }

    #[test]
    fn the_defaults_are_allowed_and_those_of_the_contract() {
        let config = Config::default();
        config.check().unwrap();
        assert_eq!(Config::from_env(|_| None), Ok(config.clone()));
        assert_eq!(
            Config::from_env(|_| Some("  ".to_owned())),
            Ok(config.clone())
        );
        let shown: Vec<String> = config
            .to_env()
            .iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect();
        for line in [
            "EXCHANGE_PAIR=BTC/USD",
            "GRAPE_URL=http://127.0.0.1:30001",
            "P2P_PORT=3000",
            "P2P_HOST=0.0.0.0",
            "MAX_PEERS=50",
            "PEER_RECONNECT_INTERVAL=30000",
            "MAX_MESSAGE_SIZE_KB=1024",
            "MAX_ORDER_AMOUNT=1000000",
            "METRICS_PORT=9090",
        ] {
            assert!(shown.iter().any(|s| s == line), "{line}");
        }
    }

    #[test]
    fn an_option_outranks_the_environment_which_outranks_a_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let text = "p2p_port = 1\nmax_peers = 1\nmetrics_port = 1\n";
        file.write_all(text.as_bytes()).unwrap();
        let env = |name: &str| matches!(name, "P2P_PORT" | "MAX_PEERS").then(|| "2".to_owned());
        // The order of the calls doesn't matter.
        let config = Config::builder()
            .p2p_port(3)
            .env(env)
            .unwrap()
            .file(file.path())
            .unwrap()
            .build()
            .unwrap();
        let ports = (config.p2p_port, config.max_peers, config.metrics_port);
        assert_eq!(ports, (3, 2, 1));
    }

    #[test]
    fn a_typed_option_is_checked_like_a_text() {
        let error = Config::builder().with(|c| c.max_peers = 0).build();
        assert_eq!(error.unwrap_err().field, "max_peers");
        let error = Config::builder().set("NETWORK", "elsewhere").unwrap_err();
        assert_eq!(error.field, "NETWORK");
        assert!(error.allowed.contains("local:NAME"), "{error}");
        let named = Config::builder().set("NETWORK", "Local:ACME").unwrap();
        assert_eq!(named.build().unwrap().network.as_str(), "local:acme");
        let error = Config::builder().p2p_host("a b").build();
        assert_eq!(error.unwrap_err().field, "p2p_host");
        let error = Config::builder().set("P2P_PROT", "1").unwrap_err();
        assert!(error.to_string().contains("p2p_port"), "{error}");
    }

    #[test]
    fn plain_peers_are_observed_unless_there_are_no_secured_ones() {
        let legacy = |name, value| from_one(name, value).unwrap().legacy();
        assert_eq!(Config::default().legacy(), LegacyPolicy::Observe);
        assert_eq!(legacy("P2P_ENABLED", "no"), LegacyPolicy::Match);
        assert_eq!(legacy("P2P_LEGACY", "off"), LegacyPolicy::Off);
    }

    #[test]
    fn only_the_local_network_has_well_known_nodes() {
        let config = from_one("BOOTSTRAP_PEERS", "127.0.0.1:3002,10.0.0.1:3000").unwrap();
        let peers: Vec<String> = config
            .initial_peers()
            .iter()
            .map(ToString::to_string)
            .collect();
        let expected = [3002, 3001, 3003, 3004, 3005].map(|port| format!("127.0.0.1:{port}"));
        assert_eq!(peers.len(), 6);
        assert!(
            expected.iter().all(|peer| peers.contains(peer)),
            "{peers:?}"
        );
        assert!(
            from_one("NETWORK", "testnet")
                .unwrap()
                .initial_peers()
                .is_empty()
        );
        let private = from_one("NETWORK", "local:acme").unwrap();
        assert_eq!(private.initial_peers().len(), 5);
        assert!(
            from_one("USE_WELL_KNOWN_NODES", "0")
                .unwrap()
                .initial_peers()
                .is_empty()
        );
    }

    #[test]
    fn a_node_without_a_user_gets_a_random_uuid() {
        let user = || Config::default().node_config().user_id.to_string();
        let (one, other) = (user(), user());
        assert_ne!(one, other);
        let dashes: Vec<usize> = one.match_indices('-').map(|(at, _)| at).collect();
        assert_eq!((one.len(), dashes), (36, vec![8, 13, 18, 23]));
        assert_eq!(&one[14..15], "4");
        assert!("89ab".contains(&one[19..20]));
    }
}

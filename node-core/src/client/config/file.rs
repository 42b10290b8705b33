//! Settings from a TOML file.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use toml::{Table, Value};

use super::builder::Given;
use super::settings::Config;
use super::table::{SETTINGS, Setting};
use crate::types::InvalidValue;

/// Why there is no configuration.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A value is not allowed, or a key of a file means nothing.
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
    /// The file can't be read.
    #[error("the configuration file {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file {path} is not TOML: {message}")]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        message: String,
    },
}

/// All settings of the file, each of them allowed.
pub(super) fn read(path: &Path) -> Result<Vec<Given>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(&text, path)
}

/// All settings of a text, each of them allowed.
fn parse(text: &str, path: &Path) -> Result<Vec<Given>, ConfigError> {
    let table: Table = text
        .parse()
        .map_err(|error: toml::de::Error| ConfigError::Syntax {
            path: path.to_owned(),
            message: error.to_string(),
        })?;
    let mut scratch = Config::default();
    let mut given = Vec::new();
    for (key, value) in &table {
        let setting = SETTINGS.iter().find(|s| s.key() == *key);
        let setting = setting.ok_or_else(|| unknown(key, &value.to_string()))?;
        let text = as_text(value).ok_or_else(|| {
            let allowed = "a string, a whole number, true or false, or a list of strings";
            InvalidValue::new(key, value.to_string(), allowed)
        })?;
        setting.read(&mut scratch, &text, key)?;
        given.push(Given { setting, text });
    }
    Ok(given)
}

/// The error for a name that no setting has.
pub(super) fn unknown(name: &str, value: &str) -> InvalidValue {
    let keys: Vec<String> = SETTINGS.iter().map(Setting::key).collect();
    let allowed = format!("no setting has this name; there are {}", keys.join(", "));
    InvalidValue::new(name, value, allowed)
}

/// Lists are joined by commas, as they are in the environment. A float is refused: amounts and
/// prices are written as strings.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(truth) => Some(truth.to_string()),
        Value::Array(items) => {
            let texts = items
                .iter()
                .map(Value::as_str)
                .collect::<Option<Vec<_>>>()?;
            // A comma inside an item would make two of it.
            (!texts.iter().any(|text| text.contains(','))).then(|| texts.join(","))
        }
        Value::Float(_) | Value::Datetime(_) | Value::Table(_) => None,
    }
}

#[cfg(feature = "fuzzing")]
#[expect(missing_docs, reason = "it is what it calls")]
pub(crate) mod fuzzing {
    use super::{Config, ConfigError, Path, parse};

    pub fn read_toml(text: &str) -> Result<Config, ConfigError> {
        let given = parse(text, Path::new("fuzzed.toml"))?;
        let builder = given
            .into_iter()
            .try_fold(Config::builder(), |builder, given| {
                builder.fallback(given.setting.env, &given.text)
            });
        Ok(builder?.build()?)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn from(text: &str) -> Result<Config, ConfigError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Config::from_file(file.path())
    }

    #[test]
    fn a_file_has_the_same_names_in_small_letters() {
        let config = from(
            "p2p_port = 3007\nexchange_pair = 'ETH/USD'\nenable_metrics = false\n\
             bootstrap_peers = ['127.0.0.1:1', '[::1]:2']\nmax_order_amount = '2.5'\n",
        )
        .unwrap();
        assert_eq!((config.p2p_port, config.pair.as_str()), (3007, "ETH/USD"));
        assert!(!config.enable_metrics);
        assert_eq!(config.bootstrap_peers.len(), 2);
        assert_eq!(config.max_order_amount.to_string(), "2.5");
    }

    #[test]
    fn a_file_with_an_unknown_key_or_a_bad_value_is_refused_by_the_key() {
        let cases = [
            ("p2p_prot = 1", "p2p_prot", "p2p_port"),
            ("P2P_PORT = 1", "P2P_PORT", "p2p_port"),
            ("p2p_port = 70000", "p2p_port", "0 to 65535"),
            ("p2p_port = -1", "p2p_port", "0 to 65535"),
            ("[p2p]\nport = 1", "p2p", "p2p_port"),
            ("max_order_price = 1.5", "max_order_price", "a string"),
            (
                "bootstrap_peers = [3000]",
                "bootstrap_peers",
                "list of strings",
            ),
            (
                "bootstrap_peers = ['a:1,b:2']",
                "bootstrap_peers",
                "list of strings",
            ),
        ];
        for (text, field, allowed) in cases {
            match from(text) {
                Err(ConfigError::Invalid(error)) => {
                    assert_eq!(error.field, field, "{text}");
                    assert!(error.allowed.contains(allowed), "{text}: {error}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_file_that_is_missing_or_not_toml_is_named() {
        let missing = Config::from_file("/nowhere/meshbook.toml").unwrap_err();
        assert!(
            missing.to_string().contains("/nowhere/meshbook.toml"),
            "{missing}"
        );
        assert!(matches!(
            from("p2p_port ="),
            Err(ConfigError::Syntax { .. })
        ));
    }
}

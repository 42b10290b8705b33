//! Settings from environment variables, of which other programs have some too.

use super::builder::Given;
use super::settings::Config;
use super::table::{SETTINGS, Setting};
use crate::types::InvalidValue;

/// Begins the name that no other program uses: `MESHBOOK_P2P_PORT`.
const PREFIX: &str = "MESHBOOK_";

/// Settings whose names without the prefix are common: other programs give them other values, like
/// `NETWORK=bridge`. Such a value is ignored with a warning. Every other name is this project's own,
/// so a value that is not allowed is a mistake in it, and an error.
const GENERIC: [&str; 8] = [
    "USER_ID",
    "NETWORK",
    "ENABLE_RATE_LIMIT",
    "LOG_LEVEL",
    "LOG_FORMAT",
    "ENABLE_METRICS",
    "METRICS_HOST",
    "METRICS_PORT",
];

/// The names of a setting in the environment, the one that outranks the other first.
pub(super) fn names(setting: &Setting) -> impl Iterator<Item = String> {
    let plain = setting.env;
    let prefixed = (!plain.starts_with(PREFIX)).then(|| format!("{PREFIX}{plain}"));
    prefixed.into_iter().chain([plain.to_owned()])
}

/// Settings of an environment.
#[derive(Default)]
pub(super) struct Variables {
    pub(super) given: Vec<Given>,
    /// Variables that were left out because their values are most likely meant for other programs.
    pub(super) ignored: Vec<InvalidValue>,
}

impl Variables {
    /// Reads each setting by the first of its names that has a value. `lookup` gives a variable's
    /// text, or what can be shown of one that is not UTF-8.
    ///
    /// # Errors
    /// The first variable that is this project's own and has a value that is not allowed.
    pub(super) fn read(
        lookup: impl Fn(&str) -> Result<Option<String>, String>,
    ) -> Result<Self, InvalidValue> {
        let mut variables = Self::default();
        let mut scratch = Config::default();
        for setting in SETTINGS {
            for name in names(setting) {
                let (text, read) = match lookup(&name) {
                    Ok(text) => {
                        let text = text.unwrap_or_default().trim().to_owned();
                        if text.is_empty() {
                            continue;
                        }
                        let read = setting.read(&mut scratch, &text, &name);
                        (text, read)
                    }
                    Err(shown) => {
                        let error = InvalidValue::new(&name, &shown, "text in UTF-8");
                        (shown, Err(error))
                    }
                };
                match read {
                    Ok(()) => {
                        variables.given.push(Given { setting, text });
                        break;
                    }
                    Err(error) if is_foreign(setting, &name, &text) => {
                        variables.ignored.push(error);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(variables)
    }
}

/// Whether a value that is not allowed may stand there without being a mistake.
fn is_foreign(setting: &Setting, name: &str, text: &str) -> bool {
    let generic = name == setting.env && GENERIC.contains(&name);
    // Kubernetes sets such variables for each service, by names of the user's: a service
    // `meshbook-p2p` makes `MESHBOOK_P2P_PORT`.
    let service_link = name.ends_with("_PORT")
        && ["tcp://", "udp://", "sctp://"]
            .iter()
            .any(|scheme| text.starts_with(scheme));
    // How much is logged is no reason to end a node.
    generic || service_link || setting.env == "LOG_LEVEL"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Result<Config, InvalidValue> {
        Config::from_env(|asked| {
            let found = variables.iter().find(|(name, _)| *name == asked);
            found.map(|(_, text)| (*text).to_owned())
        })
    }

    #[test]
    fn generic_names_are_names_of_settings() {
        for name in GENERIC {
            assert!(SETTINGS.iter().any(|s| s.env == name), "{name}");
        }
    }

    #[test]
    fn the_prefixed_name_outranks_the_plain_one() {
        let config = from(&[
            ("MESHBOOK_P2P_PORT", "1"),
            ("P2P_PORT", "2"),
            ("MESHBOOK_NETWORK", "testnet"),
            ("NETWORK", "mainnet"),
            ("MESHBOOK_LOG_LEVEL", " "),
            ("LOG_LEVEL", "error"),
        ])
        .unwrap();
        assert_eq!(config.p2p_port, 1);
        assert_eq!(config.network.as_str(), "testnet");
        assert_eq!(config.log_level.as_str(), "error");
        assert!(config.ignored.is_empty());
        // A plain value that is not allowed does no harm where the prefixed one is set.
        let config = from(&[("MESHBOOK_P2P_PORT", "1"), ("P2P_PORT", "x")]);
        assert_eq!(config.unwrap().p2p_port, 1);
    }

    #[test]
    fn other_programs_values_are_ignored_and_told() {
        for (name, text) in [
            ("NETWORK", "bridge"),
            ("LOG_LEVEL", "chatty"),
            ("LOG_FORMAT", "%h %l %u"),
            ("USER_ID", "a b"),
            ("ENABLE_METRICS", "prometheus"),
            ("ENABLE_RATE_LIMIT", "100/m"),
            ("METRICS_HOST", "http://metrics"),
            ("METRICS_PORT", "tcp://10.0.0.1:9090"),
            ("P2P_PORT", "tcp://10.0.0.1:3000"),
            ("MESHBOOK_P2P_PORT", "udp://10.0.0.1:3000"),
            ("GRAPE_API_PORT", "tcp://10.0.0.1:30001"),
            ("MESHBOOK_LOG_LEVEL", "chatty"),
        ] {
            let config = from(&[(name, text)]).unwrap_or_else(|e| panic!("{name}: {e}"));
            let named: Vec<_> = config.ignored.iter().map(|e| e.field.as_str()).collect();
            assert_eq!(named, [name]);
            let default = Config {
                ignored: config.ignored.clone(),
                ..Config::default()
            };
            assert_eq!(config, default, "{name}");
        }
    }

    #[test]
    fn a_mistake_in_a_name_of_our_own_is_an_error() {
        for (name, text) in [
            ("MESHBOOK_NETWORK", "bridge"),
            ("MESHBOOK_LOG_FORMAT", "text"),
            ("MESHBOOK_USER_ID", "a b"),
            ("MESHBOOK_METRICS_PORT", "x"),
            ("MESHBOOK_MAX_PEERS", "many"),
            ("MAX_PEERS", "many"),
            ("P2P_PORT", "x"),
        ] {
            let error = from(&[(name, text)]).unwrap_err();
            assert_eq!((error.field.as_str(), error.value.as_str()), (name, text));
        }
    }

    #[test]
    fn usual_names_of_levels_are_understood() {
        for (text, level) in [
            ("WARNING", "warn"),
            ("Warning", "warn"),
            ("ERR", "error"),
            ("critical", "fatal"),
            ("NOTICE", "info"),
            ("Information", "info"),
        ] {
            let config = from(&[("LOG_LEVEL", text)]).unwrap();
            assert_eq!(config.log_level.as_str(), level, "{text}");
            assert!(config.ignored.is_empty());
        }
    }

    #[test]
    fn what_is_not_utf_8_is_an_error_of_a_name_of_our_own_only() {
        let read = |broken: &'static str| {
            Variables::read(|name| match name == broken {
                true => Err("\u{fffd}".to_owned()),
                false => Ok(None),
            })
        };
        assert_eq!(read("NETWORK").unwrap().ignored.len(), 1);
        assert_eq!(read("P2P_PORT").err().unwrap().field, "P2P_PORT");
    }
}

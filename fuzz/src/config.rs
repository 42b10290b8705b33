//! Settings: a TOML file, and the environment.

use std::collections::BTreeMap;

use meshbook::client::{Config, ConfigError};
use meshbook::fuzzing::read_toml;

/// Settings that are taken are the same when they are written as variables and read again; what is
/// refused is refused by the name of a setting.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match read_toml(text) {
        Ok(config) => again(&config),
        Err(ConfigError::Invalid(error)) => assert!(!error.allowed.is_empty(), "{error}"),
        Err(_) => {}
    }
    let variables: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    match Config::from_env(|name| variables.get(name).map(|value| (*value).to_owned())) {
        Ok(config) => again(&config),
        Err(error) => {
            let mut names = Config::variable_names().flatten();
            let known = names.any(|name| name.eq_ignore_ascii_case(&error.field));
            assert!(known && !error.allowed.is_empty(), "{error}");
        }
    }
}

fn again(config: &Config) {
    let written: BTreeMap<&str, String> = config.to_env().into_iter().collect();
    let read = Config::from_env(|name| written.get(name).cloned());
    // Variables that were left out are not written.
    let config = Config {
        ignored: Vec::new(),
        ..config.clone()
    };
    assert_eq!(read, Ok(config));
}

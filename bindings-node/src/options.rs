//! The settings of a client: options over the environment over defaults.

use std::collections::HashMap;
use std::path::PathBuf;

use meshbook::client::Config;
use meshbook::types::InvalidValue;
use napi_derive::napi;

/// The name of a variable without what makes it this project's own.
pub(crate) fn plain(name: &str) -> &str {
    name.strip_prefix("MESHBOOK_").unwrap_or(name)
}

/// Who places orders is an option of a client; this variable speaks of the command's node.
const USER_ID: &str = "USER_ID";

/// One option, as text.
#[napi(object)]
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its name in the environment.
    pub name: String,
    /// Its value.
    pub text: String,
    /// What the application calls it, for errors.
    pub option: String,
}

/// What a client is to be.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) config: Config,
    /// Whether it has a data directory.
    pub(crate) on_disk: bool,
}

/// Puts options and variables together. A client that names no data directory has
/// `.meshbook-PORT`, so that several in one folder are several nodes; on any free port it would
/// never find it again, and keeps nothing.
///
/// # Errors
/// The first option or variable whose value is not allowed, by the name that the application used.
pub(crate) fn read(
    settings: &[Setting],
    env: &HashMap<String, String>,
    keep: bool,
) -> Result<Wanted, InvalidValue> {
    let lookup = |name: &str| {
        let text = env.get(name).filter(|_| plain(name) != USER_ID);
        text.cloned()
    };
    let mut builder = Config::builder().env(lookup)?;
    for setting in settings {
        let set = builder.set(&setting.name, &setting.text);
        builder = set.map_err(|error| error.for_field(&setting.option))?;
    }
    let mut config = builder.build()?;
    let variable = lookup("MESHBOOK_DATA_DIR").is_some_and(|text| !text.trim().is_empty());
    let option = settings.iter().any(|s| s.name == "MESHBOOK_DATA_DIR");
    let named = variable || option;
    let on_disk = keep && (named || config.p2p_port != 0);
    if on_disk && !named {
        config.data_dir = PathBuf::from(format!(".meshbook-{}", config.p2p_port));
        let in_this_folder = || PathBuf::from(".peers.json");
        config.peer_storage_path.get_or_insert_with(in_this_folder);
    }
    Ok(Wanted { config, on_disk })
}

/// The limits that a book takes from the environment.
///
/// # Errors
/// The variable whose value is not allowed.
pub(crate) fn limits(env: &HashMap<String, String>) -> Result<Config, InvalidValue> {
    let limit = |name: &str| matches!(plain(name), "MAX_ORDER_AMOUNT" | "MAX_ORDER_PRICE");
    Config::from_env(|name| env.get(name).filter(|_| limit(name)).cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(settings: &[(&str, &str)], env: &[(&str, &str)], keep: bool) -> Wanted {
        let setting = |(name, text): &(&str, &str)| Setting {
            name: (*name).to_owned(),
            text: (*text).to_owned(),
            option: "an option".to_owned(),
        };
        let settings: Vec<Setting> = settings.iter().map(setting).collect();
        let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        read(&settings, &env.iter().map(own).collect(), keep).unwrap()
    }

    #[test]
    fn a_client_without_a_directory_has_that_of_its_port_unless_the_port_is_any() {
        let plain = wanted(&[], &[], true);
        assert!(plain.on_disk);
        assert_eq!(plain.config.data_dir, PathBuf::from(".meshbook-3000"));
        assert_eq!(plain.config.peers_file(), PathBuf::from(".peers.json"));
        assert!(!wanted(&[("P2P_PORT", "0")], &[], true).on_disk);
        assert!(!wanted(&[], &[("P2P_PORT", "0")], true).on_disk);
        assert!(!wanted(&[], &[], false).on_disk);
    }

    #[test]
    fn a_directory_that_is_named_is_used_on_any_port() {
        for (settings, env) in [
            (
                &[("P2P_PORT", "0"), ("MESHBOOK_DATA_DIR", "d")][..],
                &[][..],
            ),
            (&[("P2P_PORT", "0")], &[("MESHBOOK_DATA_DIR", "d")]),
        ] {
            let wanted = wanted(settings, env, true);
            assert!(wanted.on_disk);
            assert_eq!(wanted.config.data_dir, PathBuf::from("d"));
            assert_eq!(wanted.config.peers_file(), PathBuf::from("d/.peers.json"));
        }
    }

    #[test]
    fn the_commands_user_is_not_every_clients() {
        assert_eq!(
            wanted(&[], &[("USER_ID", "bob")], true).config.user_id,
            None
        );
        assert_eq!(
            wanted(&[], &[("MESHBOOK_USER_ID", "bob")], true)
                .config
                .user_id,
            None
        );
        let named = wanted(&[("USER_ID", "bob")], &[], true);
        assert_eq!(named.config.user_id.unwrap().as_str(), "bob");
    }
}

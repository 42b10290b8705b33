//! What a node is told at its making.

use std::path::PathBuf;

use meshbook::client::Config;

use crate::error::MeshbookError;

const DATA_DIR: &str = "MESHBOOK_DATA_DIR";

/// One setting, as text.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Setting {
    /// Its name, that of the environment variable: `P2P_PORT`.
    pub name: String,
    /// Its value.
    pub value: String,
    /// What the caller calls it: errors name it so.
    pub option: String,
}

/// Where a node keeps what must survive it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Storage {
    /// In the folder of the setting `MESHBOOK_DATA_DIR`, wherever that is set. Otherwise in
    /// `.meshbook-PORT` of the current folder, so that nodes on one machine don't meet in one
    /// folder; and nowhere where the port is 0, since such a node is another one each time.
    Standard,
    /// Nowhere: a new key, and so another node, each time.
    Nothing,
}

/// What a node is told at its making. A setting outranks the environment, which outranks the
/// default.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct NodeOptions {
    /// Of two for the same name the later holds.
    pub settings: Vec<Setting>,
    /// Where to keep what must survive.
    pub storage: Storage,
}

/// Options, read and found to be allowed.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) config: Config,
    /// Whether the node keeps anything.
    pub(crate) on_disk: bool,
    /// Whether the data directory is the one that belongs to the port, whoever listens there.
    pub(crate) directory_of_port: bool,
}

impl NodeOptions {
    pub(crate) fn read(self) -> Result<Read, MeshbookError> {
        let builder = Config::builder().process_env();
        let mut builder = builder.map_err(|error| MeshbookError::option(&error))?;
        let mut given = std::env::var_os(DATA_DIR).is_some_and(|text| !text.is_empty());
        for Setting {
            name,
            value,
            option,
        } in self.settings
        {
            given |= name.eq_ignore_ascii_case(DATA_DIR);
            let set = builder.set(&name, &value);
            builder = set.map_err(|error| MeshbookError::option(&error.for_field(option)))?;
        }
        let mut config = builder
            .build()
            .map_err(|error| MeshbookError::option(&error))?;
        let (on_disk, directory_of_port) = match self.storage {
            Storage::Nothing => (false, false),
            Storage::Standard if given => (true, false),
            Storage::Standard => (config.p2p_port != 0, true),
        };
        if directory_of_port {
            config.data_dir = PathBuf::from(format!(".meshbook-{}", config.p2p_port));
        }
        Ok(Read {
            config,
            on_disk,
            directory_of_port,
        })
    }
}

/// The names of all settings, which are those of the environment variables.
#[uniffi::export]
#[must_use]
pub fn variables() -> Vec<String> {
    Config::variables().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)], storage: Storage) -> Result<Read, MeshbookError> {
        let settings = settings.iter().map(|(name, value)| Setting {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
            option: name.to_lowercase(),
        });
        let options = NodeOptions {
            settings: settings.collect(),
            storage,
        };
        options.read()
    }

    #[test]
    fn a_node_keeps_what_it_has_in_the_folder_of_its_port_unless_it_is_told_another() {
        let folder = |settings: &[_], storage| {
            let read = read(settings, storage).unwrap();
            let folder = read.config.data_dir.to_string_lossy().into_owned();
            read.on_disk.then_some((folder, read.directory_of_port))
        };
        let of_port = Some((".meshbook-3000".to_owned(), true));
        assert_eq!(folder(&[], Storage::Standard), of_port);
        let zero = ("P2P_PORT", "0");
        assert_eq!(folder(&[zero], Storage::Standard), None);
        let dir = ("MESHBOOK_DATA_DIR", "here");
        let given = Some(("here".to_owned(), false));
        assert_eq!(folder(&[zero, dir], Storage::Standard), given);
        let usual = ("meshbook_data_dir", ".meshbook");
        let given = Some((".meshbook".to_owned(), false));
        assert_eq!(folder(&[usual], Storage::Standard), given);
        assert_eq!(folder(&[dir], Storage::Nothing), None);
    }

    #[test]
    fn a_wrong_setting_is_named_as_its_caller_named_it() {
        let error = read(&[("P2P_PORT", "70000")], Storage::Standard).unwrap_err();
        let MeshbookError::InvalidValue { field, value, .. } = error else {
            panic!("{error:?}")
        };
        assert_eq!((field.as_str(), value.as_str()), ("p2p_port", "70000"));
    }
}

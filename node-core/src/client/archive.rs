//! The journal of a node that does not run.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;

use super::config::Config;
use super::error::StartError;
use super::history::History;
use super::start::restore;
use crate::ledger::{Identity, RawStatement, Verifier};
use crate::node::{Entry, Node, Order, Table, raw_trade, read_network};
use crate::runtime::{Clock, entropy};
use crate::storage::{DataDir, JournalReader, JournalSnapshot, KeyFileMode, StorageError};
use crate::types::NetworkId;

/// The journal of a node that does not run, in whose place this process holds its data directory.
/// No node can start there until this is dropped. Everything here blocks.
#[derive(Debug)]
pub struct Archive {
    journal: JournalSnapshot,
    identity: Option<Arc<Identity>>,
    history: History,
}

impl Archive {
    /// Opens what a node left in its data directory, which may be a copy that can't be written;
    /// `None` where there is no journal. Nothing there is changed.
    ///
    /// # Errors
    /// [`StorageError::InUse`] while a node, or whatever else, holds the directory; otherwise as
    /// [`JournalSnapshot::open`].
    pub fn open(data_dir: &Path, key_file: KeyFileMode) -> Result<Option<Self>, StorageError> {
        if !JournalSnapshot::is_there(data_dir)? {
            return Ok(None);
        }
        let held = Arc::new(DataDir::open_to_read(data_dir)?);
        let seed = held.load_key(key_file)?;
        let identity = seed.map(|seed| Arc::new(Identity::from_seed(*seed)));
        let journal = JournalSnapshot::open(held)?;
        let network = network_of(&journal.reader())?;
        let node = identity.as_ref().map(|identity| identity.node_id());
        let history = History::new(journal.reader(), network, node);
        Ok(Some(Self {
            journal,
            identity,
            history,
        }))
    }

    /// Its trades.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// Whether it is known whose journal it is, and so which trades are own ones.
    #[must_use]
    pub const fn has_key(&self) -> bool {
        self.identity.is_some()
    }

    /// All of the node's orders that it remembers, newest first: what it would show after a start.
    ///
    /// # Errors
    /// Where a node could not start from it.
    pub fn order_history(&self) -> Result<Vec<Order>, StartError> {
        let reader = self.journal.reader();
        let tables = [Table::Meta, Table::Orders, Table::Fills].into_iter();
        let entries = tables.flat_map(|table| reader.entries(table, Bytes::new()));
        let config = Config {
            network: self.history.network().clone(),
            ..Config::default()
        };
        let identity = match &self.identity {
            Some(identity) => Arc::clone(identity),
            // Its orders are read all the same, and nothing is signed.
            None => Arc::new(Identity::from_seed(entropy()?)),
        };
        let now = Clock::start().now();
        let mut node = Node::new(config.node_config(), identity, entropy()?, now);
        restore(&mut node, entries, reader.data_dir(), now)?;
        Ok(node.order_history())
    }
}

/// The network for which the journal's statements were signed. Where the journal doesn't say it,
/// every id binds it; any will do where nothing was signed.
fn network_of(reader: &JournalReader) -> Result<NetworkId, StorageError> {
    for entry in reader.entries(Table::Meta, Bytes::new()) {
        if let Some(network) = read_network(&entry?) {
            return network.map_err(|error| reader.damaged(error.to_string()));
        }
    }
    let first = |table| -> Result<Option<Entry>, StorageError> {
        reader.entries(table, Bytes::new()).next().transpose()
    };
    let trade = match first(Table::Trades)? {
        Some(own) => Some(own),
        None => first(Table::Others)?,
    };
    let order = first(Table::Orders)?;
    let common = NetworkId::COMMON.iter();
    for network in common.filter_map(|name| name.parse::<NetworkId>().ok()) {
        let verifier = Verifier::new(network.clone());
        let trade = trade
            .as_ref()
            .is_none_or(|entry| is_trade(entry, &verifier));
        if trade
            && order
                .as_ref()
                .is_none_or(|entry| is_order(entry, &verifier))
        {
            return Ok(network);
        }
    }
    Err(reader.damaged("its first entries are of no network that is known".to_owned()))
}

fn is_trade(entry: &Entry, verifier: &Verifier) -> bool {
    let raw = raw_trade(entry);
    let trade = raw.ok().and_then(|raw| verifier.recall_trade(raw).ok());
    trade.is_some_and(|trade| entry.key.ends_with(&trade.id().0))
}

/// The part of a stored order that says what its id is.
#[derive(Deserialize)]
struct Placed {
    place: RawStatement,
}

fn is_order(entry: &Entry, verifier: &Verifier) -> bool {
    let placed = serde_json::from_slice::<Placed>(&entry.value);
    let place = placed
        .ok()
        .and_then(|placed| verifier.recall(placed.place).ok());
    let id = place.and_then(|place| place.order_id());
    id.is_some_and(|id| entry.key == id.0.as_slice())
}

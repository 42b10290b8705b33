//! A node as an object.

use std::collections::HashMap;

use meshbook::client::{Config, ExchangeClient, HistoryQuery as Query, StartError};
use meshbook::node::{CancelError, NewOrder as CoreOrder};
use meshbook::storage::StorageError;
use meshbook::types::OrderId;
use tokio::net::{TcpListener, lookup_host};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::data::{
    BookSnapshot, HistoryPage, HistoryQuery, NewOrder, Order, OrderResult, Trade, all,
};
use crate::error::MeshbookError;
use crate::events::Events;
use crate::options::{NodeOptions, Read};
use crate::process::Process;
use crate::stats::{P2pStats, Peer};
use crate::threads::Threads;

/// A node of the exchange, from its making to its closing; it is not opened again.
///
/// Every call that waits does so on the node's own threads. Reads wait for nothing but a short
/// lock, and answer also before the start and after the end.
#[derive(Debug, uniffi::Object)]
pub struct Node {
    process: Process,
    client: ExchangeClient,
    on_disk: bool,
    directory_of_port: bool,
    threads: Threads,
    /// Starts happen one at a time, so that one that fails can give the threads back.
    starting: tokio::sync::Mutex<()>,
}

/// A task that ends with whoever waits for it.
struct Bound<T>(JoinHandle<T>);

#[uniffi::export]
impl Node {
    /// A node that does nothing yet.
    ///
    /// # Errors
    /// The first setting that is not allowed, and in a process that was forked from one with a
    /// node.
    #[uniffi::constructor]
    pub fn new(options: NodeOptions) -> Result<Self, MeshbookError> {
        let process = Process::claim()?;
        let Read {
            config,
            on_disk,
            directory_of_port,
        } = options.read()?;
        let client = ExchangeClient::new(config).map_err(|error| MeshbookError::option(&error))?;
        if !on_disk {
            client.keep_nothing();
        }
        Ok(Self {
            process,
            client,
            on_disk,
            directory_of_port,
            threads: Threads::new(),
            starting: tokio::sync::Mutex::default(),
        })
    }

    /// Takes the data directory, listens, and starts to look for peers. Once it is done further
    /// calls do nothing. Peers that can't be reached are no failure.
    ///
    /// Cancel safe: dropped early, nothing is left running but idle threads, and it may be called
    /// again.
    ///
    /// # Errors
    /// Of the kinds `Start` and `Storage`; `NotRunning` after [`close`](Self::close). It may be
    /// tried again, and nothing is left running or locked.
    pub async fn open(&self) -> Result<(), MeshbookError> {
        self.process.check()?;
        let _one_at_a_time = self.starting.lock().await;
        let handle = self.threads.start()?;
        let client = self.client.clone();
        let (config, of_port) = (self.client.config().clone(), self.directory_of_port);
        let start = async move {
            let started = client.initialize().await;
            match started {
                Err(error) => Err(port_first(error, &config, of_port).await),
                Ok(()) => Ok(()),
            }
        };
        let Some(started) = Bound::spawn(&handle, start).join().await else {
            return Err(MeshbookError::closed());
        };
        if let Err(error) = started {
            self.threads.give_back().await;
            return Err(error.into());
        }
        Ok(())
    }

    /// Says goodbye to the peers, saves them, and ends everything that runs within 6 s. Calls that
    /// are under way end with an error, and streams of events end. What the node knew can still be
    /// read. A further call waits for the same end.
    ///
    /// Cancel safe: what was begun goes on.
    ///
    /// # Errors
    /// Only in a forked process.
    pub async fn close(&self) -> Result<(), MeshbookError> {
        self.process.check()?;
        self.threads.end(&self.client).await;
        Ok(())
    }

    /// [`close`](Self::close) for a thread that may wait: the end of a process, say.
    ///
    /// # Errors
    /// Only in a forked process, and where the system gives no means to wait.
    pub fn close_blocking(&self) -> Result<(), MeshbookError> {
        self.process.check()?;
        let waiter = tokio::runtime::Builder::new_current_thread().build();
        let waiter = waiter.map_err(|error| MeshbookError::system("NO_THREADS", &error))?;
        waiter.block_on(self.close())
    }

    /// Places an order, and answers when it is filled, closed or published, within about 5 s. What
    /// becomes of it later is told by events.
    ///
    /// Dropping the future does not take the order back, once it was polled.
    ///
    /// # Errors
    /// Nothing was placed then. `NotRunning` may also come for an order that was placed, if the
    /// node is closed meanwhile: a node that keeps nothing closes it, and one that keeps what it
    /// has goes on with it after its next start.
    pub async fn place(&self, order: NewOrder) -> Result<OrderResult, MeshbookError> {
        self.process.check()?;
        let order = CoreOrder::try_from(order).map_err(|error| MeshbookError::order(&error))?;
        let Some(handle) = self.threads.handle() else {
            // Says why not.
            return Ok(self.client.submit_order(order).await?.into());
        };
        let client = self.client.clone();
        let placed = handle.spawn(async move { client.submit_order(order).await });
        // It never panics by itself, and is only cancelled with all of the node's threads.
        let placed = placed.await.map_err(|_| MeshbookError::closed())??;
        if placed.trades.is_empty() && !self.client.is_initialized() {
            // Answered by the goodbye and not by its market.
            return Err(MeshbookError::closed());
        }
        Ok(placed.into())
    }

    /// Cancels an own order, which can't be taken from that moment on. False if it is closed
    /// already, or no order of this node.
    ///
    /// # Errors
    /// For an id that is none, and of the kinds `NotRunning` and `Storage`.
    pub fn cancel(&self, order_id: &str) -> Result<bool, MeshbookError> {
        self.process.check()?;
        match self.client.cancel_order(order_of(order_id)?) {
            Ok(()) => Ok(true),
            Err(CancelError::Unknown(_) | CancelError::Closed(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The best `depth` levels of each side.
    ///
    /// # Errors
    /// Only in a forked process.
    pub fn book(&self, depth: u32) -> Result<BookSnapshot, MeshbookError> {
        let client = self.client()?;
        Ok(client.order_book(depth as usize).into())
    }

    /// This node's open orders, newest first.
    ///
    /// # Errors
    /// Only in a forked process.
    pub fn orders(&self) -> Result<Vec<Order>, MeshbookError> {
        Ok(all(self.client()?.user_orders()))
    }

    /// One of this node's orders, open or remembered.
    ///
    /// # Errors
    /// For an id that is none.
    pub fn order(&self, order_id: &str) -> Result<Option<Order>, MeshbookError> {
        let order = self.client()?.order(&order_of(order_id)?);
        Ok(order.map(Into::into))
    }

    /// All of this node's orders that it remembers, newest first: at most 10000 closed ones.
    ///
    /// # Errors
    /// Only in a forked process.
    pub fn order_history(&self) -> Result<Vec<Order>, MeshbookError> {
        Ok(all(self.client()?.order_history()))
    }

    /// The latest `limit` trades of the pair, anybody's, newest first.
    ///
    /// # Errors
    /// Only in a forked process.
    pub fn trades(&self, limit: u32) -> Result<Vec<Trade>, MeshbookError> {
        Ok(all(self.client()?.trades(limit as usize)))
    }

    /// All trades of the pair that the node has in memory, newest first.
    ///
    /// # Errors
    /// Only in a forked process.
    pub fn trade_history(&self) -> Result<Vec<Trade>, MeshbookError> {
        Ok(all(self.client()?.trade_history()))
    }

    /// A page of the trades that the node keeps, from its journal.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// `NotRunning` while it is not open, `Refused` with the code `NO_JOURNAL` for a node that
    /// keeps nothing, `Storage` where the journal can't be read.
    pub async fn history(&self, query: HistoryQuery) -> Result<HistoryPage, MeshbookError> {
        self.process.check()?;
        let query = Query::try_from(query)?;
        let Some(handle) = self
            .threads
            .handle()
            .filter(|_| self.client.is_initialized())
        else {
            return Err(CancelError::NotInitialized.into());
        };
        let Some(history) = self.client.history() else {
            return Err(MeshbookError::Refused {
                code: "NO_JOURNAL".to_owned(),
                message: "this node keeps nothing on disk, so there is no history to read"
                    .to_owned(),
            });
        };
        let page = handle.spawn_blocking(move || history.trades(&query));
        let page = page.await.map_err(|_| MeshbookError::closed())?;
        Ok(page?.into())
    }

    /// Every known peer, connected ones first.
    ///
    /// # Errors
    /// Only in a forked process.
    pub fn peers(&self) -> Result<Vec<Peer>, MeshbookError> {
        Ok(all(self.client()?.peers()))
    }

    /// Looks for peers now instead of when it is time again. Returns at once.
    ///
    /// # Errors
    /// Only in a forked process.
    pub fn discover(&self) -> Result<(), MeshbookError> {
        self.client()?.discover();
        Ok(())
    }

    /// Figures of connections, discovery and queues.
    ///
    /// # Errors
    /// Only in a forked process.
    pub fn stats(&self) -> Result<P2pStats, MeshbookError> {
        Ok(self.client()?.p2p_stats().into())
    }

    /// Why things were refused, ignored or dropped: one number a reason.
    ///
    /// # Errors
    /// Only in a forked process.
    pub fn counters(&self) -> Result<HashMap<String, u64>, MeshbookError> {
        let counters = self.client()?.counters();
        let counters = counters.into_iter();
        Ok(counters.map(|(name, n)| (name.to_owned(), n)).collect())
    }

    /// The events from now on. They may be asked for before the start, to miss none.
    ///
    /// # Errors
    /// Only in a forked process.
    pub fn events(&self) -> Result<Events, MeshbookError> {
        Ok(Events::new(self.process, self.client()?.events()))
    }

    /// This node's id, 64 hex digits, known from the start on.
    ///
    /// # Errors
    /// Only in a forked process.
    pub fn node_id(&self) -> Result<Option<String>, MeshbookError> {
        Ok(self.client()?.node_id().map(|id| id.to_string()))
    }

    /// Where it listens for peers, while it does: `host:port`.
    ///
    /// # Errors
    /// Only in a forked process.
    pub fn p2p_address(&self) -> Result<Option<String>, MeshbookError> {
        let address = self.client()?.p2p_address();
        Ok(address.map(|address| address.to_string()))
    }

    /// Whether it is open.
    ///
    /// # Errors
    /// Only in a forked process.
    pub fn is_open(&self) -> Result<bool, MeshbookError> {
        Ok(self.client()?.is_initialized())
    }

    /// The folder in which it keeps its key, its journal and its peers; nothing if it keeps none.
    pub fn data_dir(&self) -> Option<String> {
        let folder = self.client.config().data_dir().to_string_lossy();
        self.on_disk.then(|| folder.into_owned())
    }

    /// The user of orders that name none.
    pub fn user_id(&self) -> String {
        self.client.user_id().to_string()
    }

    /// What the book trades.
    pub fn pair(&self) -> String {
        self.client.pair().to_string()
    }

    /// The settings that it runs with, by the names of their variables.
    pub fn settings(&self) -> HashMap<String, String> {
        let settings = self.client.config().to_env().into_iter();
        settings
            .map(|(name, text)| (name.to_owned(), text))
            .collect()
    }
}

impl Node {
    fn client(&self) -> Result<&ExchangeClient, MeshbookError> {
        self.process.check()?;
        Ok(&self.client)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.process.is_this() {
            self.threads.begin_end(&self.client);
        } else {
            // One reference more for ever: nothing of it can be ended in a forked process.
            std::mem::forget(self.client.clone());
            self.threads.leak();
        }
    }
}

impl<T: Send + 'static> Bound<T> {
    fn spawn(handle: &Handle, task: impl Future<Output = T> + Send + 'static) -> Self {
        Self(handle.spawn(task))
    }

    /// What the task gave; nothing if it was ended from outside.
    async fn join(mut self) -> Option<T> {
        (&mut self.0).await.ok()
    }
}

impl<T> Drop for Bound<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Says that the port is taken, where it is, instead of that the data directory is: who starts a
/// node twice has no other directory in mind.
async fn port_first(error: StartError, config: &Config, of_port: bool) -> StartError {
    let StartError::Storage(StorageError::InUse { .. }) = error else {
        return error;
    };
    let host = (config.p2p_host.as_str(), config.p2p_port);
    let Some(address) = lookup_host(host).await.ok().and_then(|mut at| at.next()) else {
        return error;
    };
    let taken = || async {
        let bound = TcpListener::bind(address).await;
        bound.is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse)
    };
    // Whoever holds the directory of a port is about to listen there, or about to be gone.
    let in_use = of_port || (config.p2p_port != 0 && taken().await);
    match in_use {
        true => StartError::AddressInUse { address },
        false => error,
    }
}

fn order_of(id: &str) -> Result<OrderId, MeshbookError> {
    let id = id.parse();
    id.map_err(|error| MeshbookError::argument(&error))
}

#[cfg(test)]
#[path = "node_tests.rs"]
mod tests;

//! What was: from a running node, or from the journal of one that doesn't run.

use std::cell::OnceCell;
use std::path::Path;
use std::time::{Duration, Instant};

use meshbook::client::{Archive, Config, HistoryPage, HistoryQuery, PastTrade, Reading};
use meshbook::node::Order;
use meshbook::storage::{KeyFileMode, StorageError};
use meshbook::types::Millis;

use crate::cli::TradesArgs;
use crate::control::{Control, LIMITS, OrdersPage, StatusView, count};
use crate::failure::{Failure, Problem};
use crate::when::{now, when};

/// A node that is just starting or stopping is given this time.
const PATIENCE: Duration = Duration::from_secs(3);
/// And looked at again after this.
const PAUSE: Duration = Duration::from_millis(100);

/// Where a node's past is read.
pub(crate) enum Source {
    /// From the node.
    Running(Control),
    /// From its journal, in its place.
    Stopped {
        archive: Box<Archive>,
        /// Read once: they come all together.
        orders: OnceCell<Vec<Order>>,
    },
}

impl Source {
    /// Asks the node that runs in a data directory, and takes the directory if none does.
    ///
    /// # Errors
    /// `NODE_NOT_RUNNING` where there is neither a node nor a journal; `DATA_DIR_IN_USE` while
    /// another process holds the directory and answers no commands.
    pub(crate) async fn open(data_dir: &Path) -> Result<Self, Failure> {
        let started = Instant::now();
        let key_file = key_file_mode()?;
        loop {
            let not_running = match running(data_dir).await {
                Ok(control) => return Ok(Self::Running(control)),
                Err(failure) if failure.problem.code == "NODE_NOT_RUNNING" => failure,
                Err(failure) => return Err(failure),
            };
            match Archive::open(data_dir, key_file) {
                Ok(Some(archive)) => {
                    return Ok(Self::Stopped {
                        archive: Box::new(archive),
                        orders: OnceCell::new(),
                    });
                }
                Ok(None) => return Err(not_running),
                Err(StorageError::InUse { .. }) if started.elapsed() < PATIENCE => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(unusable(&error)),
            }
        }
    }

    /// One page of its trades.
    pub(crate) async fn trades(&self, query: &HistoryQuery) -> Result<HistoryPage, Failure> {
        match self {
            Self::Running(control) => control.past_trades(query).await,
            Self::Stopped { archive, .. } if query.own && !archive.has_key() => {
                let message = "the data directory has no node key, so nobody knows which trades \
                               are its own";
                Err(Failure::new("NO_KEY", message))
            }
            Self::Stopped { archive, .. } => {
                // So that a signal is noticed in between.
                tokio::task::yield_now().await;
                let page = archive.history().trades(query);
                page.map_err(|error| unusable(&error))
            }
        }
    }

    /// One page of its own orders.
    pub(crate) async fn orders(&self, query: &HistoryQuery) -> Result<OrdersPage, Failure> {
        match self {
            Self::Running(control) => control.past_orders(query).await,
            Self::Stopped { archive, orders } => {
                if orders.get().is_none() {
                    let read = archive.order_history();
                    let read = read.map_err(|error| Failure::new(error.code(), error))?;
                    // Empty until now, as was just seen.
                    let _ = orders.set(read);
                }
                let orders = orders.get().cloned().unwrap_or_default();
                Ok(OrdersPage::of(orders, query)?)
            }
        }
    }
}

/// Who may read the key file, as the environment says it to the node as well.
fn key_file_mode() -> Result<KeyFileMode, Failure> {
    let only = |name: &str| {
        let ours = name.ends_with("KEY_FILE_MODE");
        ours.then(|| std::env::var(name).ok()).flatten()
    };
    let config: Config = Config::builder().env(only)?.build()?;
    Ok(config.key_file_mode)
}

async fn running(data_dir: &Path) -> Result<Control, Failure> {
    let control = Control::open(data_dir)?;
    control.get::<StatusView>("status", &[]).await?;
    Ok(control)
}

fn unusable(error: &StorageError) -> Failure {
    let hint = match error {
        StorageError::InUse { .. } => {
            ", which answers no commands; if a node is starting or stopping there, try again soon"
        }
        _ => "",
    };
    Failure::from(Problem::new(error.code(), format!("{error}{hint}")))
}

/// The trades that `trades` shows, newest first, of whatever pair the node traded.
pub(crate) async fn trades(args: &TradesArgs, data_dir: &Path) -> Result<Vec<PastTrade>, Failure> {
    let limit = count("limit", &args.limit, &LIMITS)?;
    let since = args.since.as_deref();
    let since = since.map(|text| when("--since", text, now())).transpose()?;
    let mut query = HistoryQuery {
        since: since.unwrap_or(Millis::ZERO),
        own: args.own,
        direction: Reading::NewestFirst,
        ..HistoryQuery::default()
    };
    let source = Source::open(data_dir).await?;
    let mut trades: Vec<PastTrade> = Vec::new();
    loop {
        if !args.own {
            query.limit = query.limit.min(limit - trades.len());
        }
        let page = source.trades(&query).await?;
        trades.extend(page.trades);
        trades.truncate(limit);
        query.at = page.next;
        if query.at.is_none() || trades.len() == limit {
            return Ok(trades);
        }
    }
}

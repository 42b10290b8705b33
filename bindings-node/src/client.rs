//! A node as JavaScript holds it.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use meshbook::client::{Config, ExchangeClient, LogLevel, StartError};
use meshbook::node::{CancelError, Level, NewOrder, OrderText};
use meshbook::storage::StorageError;
use meshbook::types::{InvalidValue, Millis, OrderId};
use meshbook_grape::{BootstrapNode, Grape, GrapeConfig};
use napi::bindgen_prelude::{Either, Function, Object};
use napi::{Env, Result};
use napi_derive::napi;
use tokio::sync::Mutex;

use crate::events::{NativeEvent, follow};
use crate::failure::Failure;
use crate::fault;
use crate::options::{self, Setting};
use crate::runtime::{promise, runtime};
use crate::stats::P2pStats;
use crate::values::{Best, BookView, Order, Placed, Trade, count, number};

/// A node that is not started yet, running, or down.
#[napi]
#[derive(Debug)]
pub struct NativeClient {
    client: ExchangeClient,
    /// Runs while the node does, where a setting asks for it.
    grape: Arc<Mutex<Option<Grape>>>,
}

/// An order as an application wants it.
#[napi(object)]
#[derive(Debug)]
pub struct Wish {
    /// `buy` or `sell`.
    pub side: String,
    /// A decimal.
    pub amount: String,
    /// A decimal; absent for a market order.
    pub price: Option<String>,
    /// `limit` or `market`.
    #[napi(js_name = "type")]
    pub kind: Option<String>,
    /// `gtc`, `ioc`, `fok` or `post`.
    pub time_in_force: Option<String>,
    /// Whose it is; the client's own user where absent.
    pub user_id: Option<String>,
    /// It is closed after so many milliseconds.
    pub lifetime: Option<f64>,
}

/// The names of all variables that a client reads.
#[napi(catch_unwind)]
pub fn variables() -> Vec<String> {
    Config::variable_names().flatten().collect()
}

/// A client that does nothing yet. With `keep` it may have a data directory.
#[napi(catch_unwind)]
pub fn create_client(
    settings: Vec<Setting>,
    env: HashMap<String, String>,
    keep: bool,
) -> Either<NativeClient, Failure> {
    fault::point("constructor");
    match create(&settings, &env, keep) {
        Ok(client) => Either::A(client),
        Err(error) => Either::B(error.into()),
    }
}

fn create(
    settings: &[Setting],
    env: &HashMap<String, String>,
    keep: bool,
) -> std::result::Result<NativeClient, InvalidValue> {
    let wanted = options::read(settings, env, keep)?;
    log(&wanted.config, env);
    let client = ExchangeClient::new(wanted.config)?;
    if !wanted.on_disk {
        client.keep_nothing();
    }
    Ok(NativeClient {
        client,
        grape: Arc::default(),
    })
}

/// The time limit for writing the last lines of the log.
const LAST_LINES: Duration = Duration::from_millis(200);

/// Logs to stderr as the first client wants it: warnings, where nothing says more.
fn log(config: &Config, env: &HashMap<String, String>) {
    let is_taken = |name: &str| {
        let ignored = config.ignored.iter().any(|ignored| ignored.field == name);
        !ignored && env.get(name).is_some_and(|text| !text.trim().is_empty())
    };
    let is_named = is_taken("MESHBOOK_LOG_LEVEL") || is_taken("LOG_LEVEL");
    let level = if is_named {
        config.log_level
    } else {
        LogLevel::Warn
    };
    // Fails where a client, or the command, has started it before.
    let _ = meshbook_node::start_logging(level, config.log_format);
}

#[napi]
impl NativeClient {
    /// Listens and looks for peers. Gives what is wrong if that can't be done.
    #[napi(catch_unwind)]
    pub fn initialize<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let client = self.client.clone();
        let grape = Arc::clone(&self.grape);
        promise(env, async move {
            fault::point("initialize");
            start(&client, &grape).await.err()
        })
    }

    /// Ends all that runs.
    #[napi(catch_unwind)]
    pub fn shutdown<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let client = self.client.clone();
        let grape = Arc::clone(&self.grape);
        promise(env, async move {
            client.shutdown().await;
            if let Some(grape) = grape.lock().await.take() {
                grape.shutdown().await;
            }
            // The process may end now.
            meshbook_node::flush_logs(LAST_LINES);
        })
    }

    /// Places an order; gives what became of it, or why it was not placed.
    #[napi(catch_unwind)]
    pub fn place<'env>(&self, env: &'env Env, wish: Wish) -> Result<Object<'env>> {
        let client = self.client.clone();
        promise(env, async move {
            fault::point("place");
            let order = match read(&wish) {
                Ok(order) => order,
                Err(error) => {
                    return Either::B(Failure::from(meshbook::node::OrderError::Invalid(error)));
                }
            };
            match client.submit_order(order).await {
                Ok(result) => Either::A(Placed::from(result)),
                Err(error) => Either::B(Failure::from(error)),
            }
        })
    }

    /// Cancels an order; gives why that was not done.
    #[napi(catch_unwind)]
    pub fn cancel(&self, order_id: String) -> Option<Failure> {
        fault::point("cancel");
        // What is no id is the id of no order.
        let Ok(id) = order_id.parse::<OrderId>() else {
            let message = format!("orderId {order_id:?} is not allowed: no order has this id");
            return Some(Failure::new("UNKNOWN_ORDER", message));
        };
        let cancelled = self.client.cancel_order(id);
        cancelled.err().map(|error: CancelError| error.into())
    }

    /// The best levels of the book.
    #[napi(catch_unwind)]
    pub fn order_book(&self, depth: f64) -> BookView {
        fault::point("getOrderBook");
        self.client.order_book(limit(depth)).into()
    }

    /// The best prices.
    #[napi(catch_unwind)]
    pub fn best(&self) -> Best {
        let book = self.client.order_book(1);
        let price = |levels: &[Level]| levels.first().map(|level| level.price);
        Best::new(price(&book.bids), price(&book.asks))
    }

    /// Open orders of this node, newest first.
    #[napi(catch_unwind)]
    pub fn user_orders(&self) -> Vec<Order> {
        let orders = self.client.user_orders();
        orders.into_iter().map(Order::from).collect()
    }

    /// All orders of this node that it remembers, newest first.
    #[napi(catch_unwind)]
    pub fn order_history(&self) -> Vec<Order> {
        let orders = self.client.order_history();
        orders.into_iter().map(Order::from).collect()
    }

    /// An order of this node.
    #[napi(catch_unwind)]
    pub fn order(&self, order_id: String) -> Option<Order> {
        let id: OrderId = order_id.parse().ok()?;
        self.client.order(&id).map(Order::from)
    }

    /// The latest trades, newest first.
    #[napi(catch_unwind)]
    pub fn trades(&self, most: f64) -> Vec<Trade> {
        let trades = self.client.trades(limit(most));
        trades.into_iter().map(Trade::from).collect()
    }

    /// How much is in the book.
    #[napi(catch_unwind)]
    pub fn book_size(&self) -> BookSize {
        let size = self.client.book_size();
        BookSize {
            orders: count(size.orders),
            bid_levels: count(size.bid_levels),
            ask_levels: count(size.ask_levels),
            trades: count(size.trades),
        }
    }

    /// How far this node has heard of each owner of orders.
    #[napi(catch_unwind)]
    pub fn clocks(&self) -> HashMap<String, f64> {
        let clocks = self.client.clocks().into_iter();
        clocks
            .map(|(node, n)| (node.to_string(), number(n)))
            .collect()
    }

    /// The figures of peers, discovery and messages.
    #[napi(js_name = "p2pStats", catch_unwind)]
    pub fn p2p_stats(&self) -> P2pStats {
        self.client.p2p_stats().into()
    }

    /// Calls `callback` with batches of events, from now on.
    #[napi(catch_unwind)]
    pub fn follow(&self, callback: Function<'_, Vec<NativeEvent>, ()>) -> Result<()> {
        follow(self.client.events(), &callback)
    }

    /// This node's public key, once it has one.
    #[napi(getter, catch_unwind)]
    pub fn node_id(&self) -> Option<String> {
        self.client.node_id().map(|id| id.to_string())
    }

    /// Whose orders are that name nobody.
    #[napi(getter, catch_unwind)]
    pub fn user_id(&self) -> String {
        self.client.user_id().to_string()
    }

    /// What is traded.
    #[napi(getter, catch_unwind)]
    pub fn pair(&self) -> String {
        self.client.pair().to_string()
    }

    /// The addresses of Grapes' APIs.
    #[napi(getter, catch_unwind)]
    pub fn grape_urls(&self) -> Vec<String> {
        self.client.config().grape_urls.clone()
    }

    /// Whether it runs.
    #[napi(getter, catch_unwind)]
    pub fn is_initialized(&self) -> bool {
        self.client.is_initialized()
    }
}

impl Drop for NativeClient {
    fn drop(&mut self) {
        // What the client's last clone and the Grape leave behind ends on the runtime.
        let Ok(runtime) = runtime() else { return };
        let _entered = runtime.enter();
        if let Ok(mut grape) = self.grape.try_lock() {
            drop(grape.take());
        }
    }
}

async fn start(
    client: &ExchangeClient,
    grape: &Mutex<Option<Grape>>,
) -> std::result::Result<(), Failure> {
    // One start at a time, so that the Grape is started once.
    let mut grape = grape.lock().await;
    let config = client.config();
    if config.embedded_grape && grape.is_none() && !client.is_initialized() {
        *grape = Some(Grape::start(grape_config(config)).await?);
    }
    let Err(error) = client.initialize().await else {
        return Ok(());
    };
    if let Some(grape) = grape.take() {
        grape.shutdown().await;
    }
    Err(match error {
        StartError::Storage(StorageError::InUse { .. }) => port_in_use(config, error),
        error => error.into(),
    })
}

/// Two clients on one port share the directory of the port; it is the port that is the matter then.
fn port_in_use(config: &Config, error: StartError) -> Failure {
    let (host, port) = (config.p2p_host.as_str(), config.p2p_port);
    let in_use = |error: &std::io::Error| error.kind() == std::io::ErrorKind::AddrInUse;
    if port == 0 || !TcpListener::bind((host, port)).is_err_and(|error| in_use(&error)) {
        return error.into();
    }
    Failure::new("EADDRINUSE", format!("address {host}:{port} is in use"))
}

fn grape_config(config: &Config) -> GrapeConfig {
    let bootstrap = config.grape_bootstrap_nodes.iter();
    GrapeConfig {
        host: config.grape_host.clone(),
        dht_port: config.grape_dht_port,
        api_port: config.grape_api_port,
        bootstrap: bootstrap
            .map(|address| BootstrapNode::new(address.host(), address.port()))
            .collect(),
    }
}

/// A number of things, as JavaScript gives it: nothing below zero, all for infinity.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and makes zero of what is no number"
)]
pub(crate) const fn limit(most: f64) -> usize {
    most as usize
}

/// The order that the texts mean.
fn read(wish: &Wish) -> std::result::Result<NewOrder, InvalidValue> {
    OrderText {
        side: &wish.side,
        amount: &wish.amount,
        price: wish.price.as_deref(),
        kind: wish.kind.as_deref(),
        time_in_force: wish.time_in_force.as_deref(),
        user_id: wish.user_id.as_deref(),
        lifetime: wish.lifetime.map(read_lifetime).transpose()?,
    }
    .read()
}

fn read_lifetime(millis: f64) -> std::result::Result<Millis, InvalidValue> {
    if millis.fract() == 0.0 && (1.0..=9_007_199_254_740_991.0).contains(&millis) {
        return Ok(Millis(limit(millis) as u64));
    }
    let allowed = "a whole number of milliseconds, 1 or more";
    Err(InvalidValue::new("lifetime", millis.to_string(), allowed))
}

/// How much is in a book.
#[napi(object)]
#[derive(Debug)]
pub struct BookSize {
    /// Open orders.
    pub orders: f64,
    /// Prices at which somebody buys.
    pub bid_levels: f64,
    /// Prices at which somebody sells.
    pub ask_levels: f64,
    /// Trades.
    pub trades: f64,
}

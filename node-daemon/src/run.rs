//! `run`: a node, from its settings to its goodbye.

use std::fmt;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use meshbook::client::{Config, ExchangeClient, StartError};
use meshbook::types::InvalidValue;
use meshbook_grape::Grape;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::cli::RunArgs;
use crate::control::{Control, ControlFile, Server, Shared, StatusView};
use crate::failure::{Failure, Problem};
use crate::grape::GrapeWish;
use crate::http::Stop;
#[cfg(feature = "page")]
use crate::page::Page;
use crate::signals::{HANGUP, Signals};
use crate::{Defaults, grape, logging, metrics, output};

/// How long the goodbye may take, so that the whole ends within 10 s.
const GOODBYE: Duration = Duration::from_secs(8);
/// How long tasks that are left may take after it.
const REMAINS: Duration = Duration::from_millis(500);

/// How long a node that runs already may take to say so.
const PROBE: Duration = Duration::from_secs(3);

/// Runs a node until a signal ends it.
pub(crate) fn run(
    args: &RunArgs,
    data_dir: Option<PathBuf>,
    json: bool,
    defaults: Defaults,
) -> Result<(), Failure> {
    let mut config = configure(args, data_dir.clone(), None)?;
    let mut grape_wish = GrapeWish::Asked;
    if defaults.embedded_grape && !config.embedded_grape {
        // On where nothing says no.
        config = configure(args, data_dir, Some(("EMBEDDED_GRAPE", "true")))?;
        grape_wish = GrapeWish::Default;
    }
    logging::start(config.log_level, config.log_format)
        .map_err(|error| Failure::new("INTERNAL", error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Failure::new("INTERNAL", error))?;
    let ended = runtime.block_on(Node::run(config, grape_wish, args.until_stdin_closes, json));
    runtime.shutdown_timeout(REMAINS);
    ended
}

/// The settings: options of the command line over the environment over the file over `fallback`.
fn configure(
    args: &RunArgs,
    data_dir: Option<PathBuf>,
    fallback: Option<(&str, &str)>,
) -> Result<Config, Failure> {
    let mut builder = Config::builder();
    if let Some((name, text)) = fallback {
        builder = builder.fallback(name, text)?;
    }
    if let Some(file) = &args.config {
        builder = builder.file(file)?;
    }
    builder = builder.process_env()?;
    let bootstrap = (!args.bootstrap.is_empty()).then(|| args.bootstrap.join(","));
    let options = [
        ("--port", "P2P_PORT", &args.port),
        ("--host", "P2P_HOST", &args.host),
        ("--bootstrap", "BOOTSTRAP_PEERS", &bootstrap),
        ("--well-known", "USE_WELL_KNOWN_NODES", &args.well_known),
        ("--pair", "EXCHANGE_PAIR", &args.pair),
        ("--user", "USER_ID", &args.user),
        ("--network", "NETWORK", &args.network),
        ("--legacy", "P2P_LEGACY", &args.legacy),
        ("--max-peers", "MAX_PEERS", &args.max_peers),
        ("--self-trade", "SELF_TRADE", &args.self_trade),
        ("--journal-sync", "JOURNAL_SYNC", &args.journal_sync),
        ("--control", "CONTROL_ADDR", &args.control),
        ("--metrics", "ENABLE_METRICS", &args.metrics),
        ("--metrics-host", "METRICS_HOST", &args.metrics_host),
        ("--metrics-port", "METRICS_PORT", &args.metrics_port),
        ("--log-level", "LOG_LEVEL", &args.log_level),
        ("--log-format", "LOG_FORMAT", &args.log_format),
    ];
    // The general option first, so that the particular one for the same setting holds.
    for option in &args.set {
        let (name, text) = option.split_once('=').ok_or_else(|| {
            InvalidValue::new("--set", option, "NAME=VALUE, like max_order_amount=5")
        })?;
        builder = builder.set(name, text)?;
    }
    for (option, name, text) in options {
        if let Some(text) = text {
            let set = builder.set(name, text);
            builder = set.map_err(|error| error.for_field(option))?;
        }
    }
    if let Some(dir) = data_dir {
        builder = builder.data_dir(dir);
    }
    Ok(builder.build()?)
}

/// What `run` prints once the node listens.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ready {
    ready: bool,
    node_id: String,
    /// Where peers reach it; absent with P2P off.
    p2p_address: Option<SocketAddr>,
    control_address: SocketAddr,
    /// Absent if metrics are off.
    metrics_address: Option<SocketAddr>,
    /// The HTTP API of the embedded Grape; absent without one.
    grape_api_address: Option<SocketAddr>,
    /// The embedded Grape's DHT, by UDP; absent without one.
    grape_dht_address: Option<SocketAddr>,
    data_dir: PathBuf,
}

impl Ready {
    fn line(&self) -> String {
        let or_off = |address: Option<SocketAddr>| {
            address.map_or_else(|| "off".to_owned(), |address| address.to_string())
        };
        format!(
            "ready node={} p2p={} control={} metrics={} grape={} data-dir={}",
            self.node_id,
            or_off(self.p2p_address),
            self.control_address,
            or_off(self.metrics_address),
            or_off(self.grape_api_address),
            self.data_dir.display(),
        )
    }
}

/// A running node and what is around it.
struct Node {
    client: Arc<ExchangeClient>,
    grape: Option<Grape>,
    data_dir: PathBuf,
    control: ControlFile,
    stop: watch::Sender<bool>,
    servers: JoinSet<()>,
}

impl Node {
    async fn run(
        config: Config,
        grape_wish: GrapeWish,
        until_stdin_closes: bool,
        json: bool,
    ) -> Result<(), Failure> {
        let mut signals = Signals::listen().map_err(|error| Failure::new("INTERNAL", error))?;
        let mut closed = until_stdin_closes.then(stdin_closes);
        let node = tokio::select! {
            started = Self::start(config, grape_wish, json) => started?,
            // Nothing is promised to anybody yet.
            name = signals.next() => {
                tracing::info!(signal = name, "ended while starting");
                return Ok(());
            }
        };
        let stdin = async {
            match closed.as_mut() {
                Some(closed) => drop(closed.await),
                None => std::future::pending().await,
            }
        };
        let why = tokio::select! {
            name = signals.next() => name,
            () = stdin => "stdin closed",
        };
        tracing::info!(why, "shutting down");
        let second = async {
            loop {
                match signals.next().await {
                    // The terminal's end is told by the shell and by the system.
                    HANGUP => {}
                    name => break name,
                }
            }
        };
        tokio::select! {
            ended = node.end() => ended,
            name = second => {
                tracing::warn!(signal = name, "ended without a goodbye");
                let message = "a second signal ended the node without a goodbye to its peers";
                Err(Failure::new("INTERRUPTED", message))
            }
        }
    }

    async fn start(config: Config, grape_wish: GrapeWish, json: bool) -> Result<Self, Failure> {
        let data_dir = config.data_dir().to_owned();
        make_data_dir(&data_dir)?;
        refuse_second(&data_dir).await?;
        // Bound first: if this fails, no peer has heard of the node.
        let wanted = config
            .control_addr
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        let listener = TcpListener::bind(wanted).await;
        let listener = listener.map_err(|error| cannot_bind("CONTROL_ADDR", &wanted, &error))?;
        let unusable = |error: io::Error| Failure::new("CONTROL_FILE", error);
        let address = listener.local_addr().map_err(unusable)?;
        let control = ControlFile::new(address).map_err(unusable)?;
        let metrics_listener = metrics_listener(&config).await?;

        let client = Arc::new(ExchangeClient::new(config.clone())?);
        // Before the node, which may look for peers at it. What fails after it drops it.
        let grape = grape::start(&config, grape_wish).await?;
        let (stop, stopped) = Stop::new();
        #[cfg(feature = "page")]
        client.serve_http(Arc::new(Page::new(&config, stopped.clone())));
        client
            .initialize()
            .await
            .map_err(|error| not_started(&error))?;

        let mut servers = JoinSet::new();
        let shared = Shared {
            client: Arc::clone(&client),
            network: config.network.clone(),
            started: Instant::now(),
            requests_per_minute: config
                .enable_rate_limit
                .then_some(config.max_requests_per_minute),
        };
        let token = control.token.clone();
        let server = Server::new(listener, token, shared, stopped.clone()).map_err(unusable)?;
        servers.spawn(server.run());
        let metrics_address = match metrics_listener {
            Some((listener, address)) => {
                servers.spawn(metrics::serve(listener, Arc::clone(&client), stopped));
                Some(address)
            }
            None => None,
        };

        let grape_addresses = grape.as_ref().map(Grape::addresses);
        let node = Self {
            client,
            grape,
            data_dir,
            control,
            stop,
            servers,
        };
        if let Err(error) = node.control.write(&node.data_dir) {
            let path = ControlFile::path(&node.data_dir);
            let failure = Failure::new("CONTROL_FILE", format!("{}: {error}", path.display()));
            node.end().await?;
            return Err(failure);
        }
        let ready = Ready {
            ready: true,
            node_id: node
                .client
                .node_id()
                .map(|id| id.to_string())
                .unwrap_or_default(),
            p2p_address: node.client.p2p_address(),
            control_address: address,
            metrics_address,
            grape_api_address: grape_addresses.map(|addresses| addresses.api),
            grape_dht_address: grape_addresses.map(|addresses| addresses.dht),
            data_dir: node.data_dir.clone(),
        };
        tell(ready, json);
        Ok(node)
    }

    /// Takes no more commands, says goodbye to the peers, and ends.
    async fn end(mut self) -> Result<(), Failure> {
        if let Err(error) = self.control.remove(&self.data_dir) {
            tracing::warn!(%error, "control.json stays behind");
        }
        // An error means that nobody waits for it.
        let _ = self.stop.send(true);
        let goodbye = async {
            while self.servers.join_next().await.is_some() {}
            self.client.shutdown().await;
            if let Some(grape) = self.grape {
                grape.shutdown().await;
            }
        };
        if tokio::time::timeout(GOODBYE, goodbye).await.is_err() {
            let message = "the node could not say goodbye to all peers in time";
            return Err(Failure::new("SHUTDOWN_TIMEOUT", message));
        }
        tracing::info!("ended");
        Ok(())
    }
}

/// Prints the ready line, on a thread of its own: stdout may be the same full pipe as stderr, and the node
/// serves its peers and takes signals also if nobody reads it.
fn tell(ready: Ready, json: bool) {
    std::thread::spawn(move || {
        let printed = if json {
            output::json(&ready)
        } else {
            output::text(&ready.line())
        };
        if let Err(error) = printed {
            tracing::warn!(%error, "cannot print the ready line");
        }
    });
}

/// Where `/healthz` and `/metrics` are served, if they are.
async fn metrics_listener(config: &Config) -> Result<Option<(TcpListener, SocketAddr)>, Failure> {
    let (host, port) = (config.metrics_host.as_str(), config.metrics_port);
    if !config.enable_metrics || port == 0 {
        return Ok(None);
    }
    let bound = async {
        let listener = TcpListener::bind((host, port)).await?;
        let address = listener.local_addr()?;
        io::Result::Ok((listener, address))
    };
    bound.await.map(Some).map_err(|error| {
        // A name that means nothing has a kind of its own on each system.
        let (field, hint) = match error.kind() {
            io::ErrorKind::AddrInUse => (
                "METRICS_PORT",
                "; give this node another port, or 0 for no metrics",
            ),
            io::ErrorKind::PermissionDenied => ("METRICS_PORT", ""),
            _ => ("METRICS_HOST", ""),
        };
        let mut failure = cannot_bind(field, &format_args!("{host}:{port}"), &error);
        failure.problem.message.push_str(hint);
        failure
    })
}

/// Makes the folder, for its owner only.
fn make_data_dir(path: &Path) -> Result<(), Failure> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| {
        let message = format!("the data directory {}: {error}", path.display());
        Failure::from(Problem {
            field: Some("--data-dir".to_owned()),
            ..Problem::new("DATA_DIR", message)
        })
    })
}

/// Two nodes with one key in one folder would contradict each other.
async fn refuse_second(data_dir: &Path) -> Result<(), Failure> {
    let Ok(control) = Control::open(data_dir) else {
        return Ok(());
    };
    let status = control.get::<StatusView>("status", &[]);
    // Whatever takes longer is no node: its control address answers at once.
    match tokio::time::timeout(PROBE, status).await {
        Ok(Ok(other)) => {
            let message = format!(
                "node {} runs in {} already; give this one another --data-dir",
                other.node_id.unwrap_or_default(),
                data_dir.display(),
            );
            Err(Failure::new("ALREADY_RUNNING", message))
        }
        _ => Ok(()),
    }
}

fn not_started(error: &StartError) -> Failure {
    let field = match error {
        StartError::AddressInUse { .. } | StartError::Listen { .. } => Some("P2P_PORT"),
        StartError::Host { .. } => Some("P2P_HOST"),
        _ => None,
    };
    Failure::from(Problem {
        field: field.map(str::to_owned),
        ..Problem::new(error.code(), error)
    })
}

fn cannot_bind(field: &str, address: &impl fmt::Display, error: &io::Error) -> Failure {
    let code = match error.kind() {
        io::ErrorKind::AddrInUse => "EADDRINUSE",
        io::ErrorKind::AddrNotAvailable => "EADDRNOTAVAIL",
        io::ErrorKind::PermissionDenied => "EACCES",
        _ => "CANNOT_LISTEN",
    };
    Failure::from(Problem {
        field: Some(field.to_owned()),
        ..Problem::new(code, format!("{field} {address}: {error}"))
    })
}

/// Is answered when stdin ends. On a thread of its own, which the end of the process ends.
fn stdin_closes() -> oneshot::Receiver<()> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 1024];
        while matches!(io::stdin().read(&mut buffer), Ok(read) if read > 0) {}
        // The node may have ended for another reason.
        let _ = sender.send(());
    });
    receiver
}

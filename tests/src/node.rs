//! A node as a process of its own.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use super::binary::meshbook;
use super::{Control, PATIENCE, eventually};

/// Lines of a node's log that a failed test shows.
const SHOWN: usize = 60;

/// With this variable, what the nodes wrote stays on disk, logs as well as data.
const KEEP: &str = "MESHBOOK_KEEP_FOLDERS";

/// What a node is started with. By default it finds nobody: no mDNS, no Grape, no well-known
/// nodes, ports of its own on the loopback.
#[derive(Clone, Debug)]
pub struct NodeBuilder {
    name: String,
    bootstrap: Vec<SocketAddr>,
    settings: Vec<(String, String)>,
    folder: Option<Arc<TempDir>>,
    namespace: Option<String>,
    unread_log: bool,
}

impl NodeBuilder {
    /// Names a peer that it dials.
    #[must_use]
    pub fn dialing(mut self, address: SocketAddr) -> Self {
        self.bootstrap.push(address);
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Keeps the key and the peers of an earlier node.
    #[must_use]
    pub fn in_folder_of(mut self, earlier: &Node) -> Self {
        self.folder = Some(Arc::clone(&earlier.folder));
        self
    }

    /// Starts it in a network namespace of this name, which `ip netns` knows.
    #[must_use]
    pub fn inside(mut self, namespace: &str) -> Self {
        self.namespace = Some(namespace.to_owned());
        self
    }

    /// Gives it a pipe for its log from which nobody reads.
    #[must_use]
    pub const fn with_unread_log(mut self) -> Self {
        self.unread_log = true;
        self
    }

    /// Starts the node and waits until it is ready.
    ///
    /// # Panics
    /// Where it isn't ready in time; the panic shows its log.
    pub async fn start(self) -> Node {
        self.spawn().ready().await
    }

    /// Starts the node's process.
    ///
    /// # Panics
    /// Where it can't be started.
    #[must_use]
    pub fn spawn(self) -> Starting {
        let folder = self.folder.unwrap_or_else(|| {
            let mut folder = TempDir::with_prefix("meshbook-test-").expect("a folder can be made");
            folder.disable_cleanup(std::env::var_os(KEEP).is_some());
            Arc::new(folder)
        });
        let log = folder.path().join(format!("{}.log", self.name));
        let peers: Vec<String> = self.bootstrap.iter().map(ToString::to_string).collect();
        let mut command = match self.namespace {
            None => Command::new(meshbook()),
            Some(namespace) => {
                let mut command = Command::new("nsenter");
                command
                    .arg(format!("--net=/run/netns/{namespace}"))
                    .arg(meshbook());
                command
            }
        };
        command
            .args(["run", "--json", "--until-stdin-closes", "--data-dir"])
            .arg(folder.path())
            // The variables of whoever runs the tests are not the node's.
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs([
                ("P2P_HOST", "127.0.0.1"),
                ("P2P_PORT", "0"),
                ("METRICS_PORT", "0"),
                ("DISCOVERY_MDNS", "false"),
                ("DISCOVERY_GRENACHE", "false"),
                ("USE_WELL_KNOWN_NODES", "false"),
                ("LOG_LEVEL", "debug"),
                ("RUST_BACKTRACE", "1"),
            ])
            .env("BOOTSTRAP_PEERS", peers.join(","))
            .envs(self.settings)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(match self.unread_log {
                true => Stdio::piped(),
                // A node that comes back goes on in the log of the earlier one.
                false => File::options()
                    .append(true)
                    .create(true)
                    .open(&log)
                    .expect("a log can be written")
                    .into(),
            })
            .kill_on_drop(true);
        let child = command.spawn().expect("the node starts");
        Starting {
            name: self.name,
            log,
            folder,
            child,
        }
    }
}

/// A node that may not be ready yet. It is killed when this is dropped.
#[derive(Debug)]
pub struct Starting {
    name: String,
    log: PathBuf,
    folder: Arc<TempDir>,
    child: Child,
}

impl Starting {
    /// Waits until it is ready.
    ///
    /// # Panics
    /// Where it isn't in time; the panic shows its log.
    pub async fn ready(mut self) -> Node {
        let stdout = self.child.stdout.take().expect("its output is a pipe");
        let mut lines = BufReader::new(stdout).lines();
        let first = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let Ok(Ok(Some(line))) = first else {
            panic!("{} is not ready: {first:?}\n{}", self.name, tail(&self.log));
        };
        let ready: Value = serde_json::from_str(&line).expect("the first line is JSON");
        assert!(
            ready["error"].is_null(),
            "{} does not start: {line}",
            self.name
        );
        let text = |name: &str| match ready[name].as_str() {
            Some(text) => text.to_owned(),
            None => panic!("no {name} in {line}\n{}", tail(&self.log)),
        };
        Node {
            control: Control::open(self.folder.path()),
            id: text("nodeId"),
            address: text("p2pAddress").parse().expect("an address"),
            name: self.name,
            log: self.log,
            folder: self.folder,
            // Waiting for a child closes its stdin, and the node would end for that reason.
            _stdin: self.child.stdin.take(),
            child: self.child,
        }
    }

    /// Kills it as `kill -9` does, wherever its start has come to.
    ///
    /// # Panics
    /// Where the system won't.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("a child can be killed");
    }
}

/// A running node. It is killed when this is dropped.
#[derive(Debug)]
pub struct Node {
    /// Its control address.
    pub control: Control,
    /// Its id.
    pub id: String,
    /// Where peers reach it.
    pub address: SocketAddr,
    name: String,
    log: PathBuf,
    folder: Arc<TempDir>,
    _stdin: Option<ChildStdin>,
    child: Child,
}

impl Node {
    /// A node that knows nobody; the name is for messages.
    #[must_use]
    pub fn named(name: &str) -> NodeBuilder {
        NodeBuilder {
            name: name.to_owned(),
            bootstrap: Vec::new(),
            settings: Vec::new(),
            folder: None,
            namespace: None,
            unread_log: false,
        }
    }

    /// Waits until it has so many sessions.
    pub async fn has_peers(&self, count: usize) {
        let what = format!("{} has {count} peers", self.name);
        eventually(&what, async || match self.control.connected().await {
            connected if connected == count => Ok(()),
            connected => Err(format!("{connected}")),
        })
        .await;
    }

    /// Waits until one of its counters is at least `least`.
    pub async fn has_counted(&self, name: &str, least: u64) {
        let what = format!("{} counts {least} {name}", self.name);
        eventually(&what, async || {
            let counters = self.control.counters().await;
            match counters.get(name) {
                Some(count) if *count >= least => Ok(()),
                _ => Err(format!("{counters:?}")),
            }
        })
        .await;
    }

    /// Sends it a signal by name, like `TERM`.
    ///
    /// # Panics
    /// Where it has ended already.
    pub fn signal(&self, name: &str) {
        let id = self.process().to_string();
        let kill = std::process::Command::new("kill")
            .args([format!("-{name}"), id])
            .status();
        assert!(kill.is_ok_and(|status| status.success()), "kill -{name}");
    }

    /// Kills it as `kill -9` does, and waits until the system has buried it.
    ///
    /// # Panics
    /// Where the system won't.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("a child can be killed");
    }

    /// The id of its process.
    ///
    /// # Panics
    /// Where it has ended and was waited for.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id().expect("the node runs")
    }

    /// Whether its process has not ended by itself.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// How it ends.
    ///
    /// # Panics
    /// Where it hasn't within `limit`.
    pub async fn ends_within(&mut self, limit: Duration) -> ExitStatus {
        match tokio::time::timeout(limit, self.child.wait()).await {
            Ok(ended) => ended.expect("a child can be waited for"),
            Err(_) => panic!("{} still runs after {limit:?}", self.name),
        }
    }

    /// How many lines of its log, and of the logs of earlier nodes in its folder, have this text.
    #[must_use]
    pub fn logged(&self, text: &str) -> usize {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().filter(|line| line.contains(text)).count()
    }

    /// The file of its log.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Its folder.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the end of {}'s log\n{}", self.name, tail(&self.log));
        }
    }
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN)..].join("\n")
}

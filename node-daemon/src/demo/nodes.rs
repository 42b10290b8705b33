//! The demo's nodes: processes of this same command, which end with it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use meshbook::client::Config;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::control::Control;
use crate::failure::Failure;

/// How long a node may take to listen.
const START: Duration = Duration::from_secs(20);
/// How long it may take to end; it promises 10 s.
const END: Duration = Duration::from_secs(11);

/// One node and its user.
pub(super) struct DemoNode {
    /// The user, by whom the node is called too.
    pub(super) user: &'static str,
    pub(super) data_dir: PathBuf,
    pub(super) control: Control,
    /// Where the other nodes dial it.
    pub(super) p2p_address: String,
    child: Child,
}

impl DemoNode {
    /// Starts a node in a folder of its own below `root`, and waits until it listens.
    pub(super) async fn start(
        user: &'static str,
        root: &Path,
        bootstrap: &[String],
    ) -> Result<Self, Failure> {
        let data_dir = root.join(user);
        let failed = |error: std::io::Error| Failure::new("DEMO", format!("node {user}: {error}"));
        std::fs::create_dir_all(&data_dir).map_err(failed)?;
        let log = data_dir.join("node.log");
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command
            .args([
                "run",
                "--json",
                "--until-stdin-closes",
                "--port",
                "0",
                "--metrics",
                "off",
            ])
            .args([
                "--host",
                "127.0.0.1",
                "--control",
                "127.0.0.1:0",
                "--well-known",
                "off",
            ])
            .args([
                "--set",
                "discovery_mdns=off",
                "--set",
                "discovery_grenache=off",
            ])
            .args(["--user", user, "--data-dir"])
            .arg(&data_dir)
            // Another folder, so that the user's .env changes nothing here.
            .current_dir(&data_dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).map_err(failed)?)
            .kill_on_drop(true);
        for peer in bootstrap {
            command.args(["--bootstrap", peer]);
        }
        for name in Config::variable_names().flatten() {
            command.env_remove(name);
        }
        // Ctrl-C is for the demo, which then ends its nodes in order.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(failed)?;

        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            let mut reader = BufReader::new(stdout);
            // What comes instead of a ready line is told below.
            let _ = timeout(START, reader.read_line(&mut line)).await;
        }
        let ready: Value = serde_json::from_str(&line).unwrap_or_default();
        let Some(p2p_address) = ready["p2pAddress"].as_str() else {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            let message = format!("node {user} did not start: {line}{said}");
            return Err(Failure::new("DEMO", message.trim_end()));
        };
        Ok(Self {
            user,
            control: Control::open(&data_dir)?,
            data_dir,
            p2p_address: p2p_address.to_owned(),
            child,
        })
    }

    /// Whether its process has ended before its time.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends the node by closing its stdin; if it doesn't end, its process is killed.
    pub(super) async fn end(mut self) -> Result<(), Failure> {
        drop(self.child.stdin.take());
        match timeout(END, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => {
                let message = format!("node {} ended with {status}", self.user);
                Err(Failure::new("DEMO", message))
            }
            Ok(Err(error)) => Err(Failure::new("DEMO", error)),
            Err(_) => {
                // An error means that it has ended by now.
                let _ = self.child.kill().await;
                let message = format!("node {} did not end in time and was killed", self.user);
                Err(Failure::new("DEMO", message))
            }
        }
    }
}

//! Peers of other makes, written in Python from the texts that describe them.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::PATIENCE;

/// Which peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// The seed's, with fields beside `type`.
    SeedFlat,
    /// The seed's, with the envelope.
    SeedEnvelope,
    /// The original's.
    Original,
}

/// A running peer of another make. It is killed when this is dropped.
#[derive(Debug)]
pub struct Foreign {
    /// Where it listens.
    pub address: SocketAddr,
    events: Lines<BufReader<ChildStdout>>,
    commands: ChildStdin,
    /// What it said so far, for messages.
    said: Vec<Value>,
    _child: Child,
}

impl Foreign {
    /// Starts a peer that dials the node.
    pub async fn dialing(script: Script, node_id: &str, node: SocketAddr) -> Self {
        Self::start(script, node_id, Some(node)).await
    }

    /// Starts a peer that waits to be dialed.
    pub async fn listening(script: Script, node_id: &str) -> Self {
        Self::start(script, node_id, None).await
    }

    async fn start(script: Script, node_id: &str, node: Option<SocketAddr>) -> Self {
        let file = match script {
            Script::SeedFlat | Script::SeedEnvelope => "client.py",
            Script::Original => "original.py",
        };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("legacy");
        let mut command = Command::new("python3");
        // Not even a cache of compiled files may be left in the sources.
        command.arg("-B").arg(folder.join(file));
        command.args(["--node-id", node_id]);
        if script == Script::SeedEnvelope {
            command.args(["--shape", "envelope"]);
        }
        if let Some(node) = node {
            command.arg("--connect").arg(node.to_string());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().expect("python3 starts");
        let stdout = child.stdout.take().expect("its output is a pipe");
        let commands = child.stdin.take().expect("its input is a pipe");
        let mut peer = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            events: BufReader::new(stdout).lines(),
            commands,
            said: Vec::new(),
            _child: child,
        };
        let listening = peer.until("listening").await;
        let port = listening["port"].as_u64().and_then(|p| p.try_into().ok());
        peer.address.set_port(port.expect("a port"));
        peer
    }

    /// Has it send a message of this type with these fields.
    pub async fn send(&mut self, kind: &str, mut fields: Value) {
        fields["send"] = json!(kind);
        let line = format!("{fields}\n");
        let written = self.commands.write_all(line.as_bytes()).await;
        written.expect("the peer still listens to the test");
    }

    /// Reads on until it has received a message of this type.
    ///
    /// # Panics
    /// Where that doesn't come in time, or the connection ends before.
    pub async fn receives(&mut self, kind: &str) -> Value {
        loop {
            let event = self.next().await;
            if event["event"] == "received" && event["message"]["type"] == kind {
                return event["message"].clone();
            }
            let ended = event["event"] == "closed" || event["event"] == "dropped";
            assert!(!ended, "no {kind} came: {:#?}", self.said);
        }
    }

    /// Reads on until something happens.
    ///
    /// # Panics
    /// Where it doesn't in time.
    pub async fn until(&mut self, event: &str) -> Value {
        loop {
            let next = self.next().await;
            if next["event"] == event {
                return next;
            }
        }
    }

    /// The types of all messages received so far.
    #[must_use]
    pub fn received(&self) -> Vec<&str> {
        let messages = self.said.iter().map(|event| &event["message"]["type"]);
        messages.filter_map(Value::as_str).collect()
    }

    async fn next(&mut self) -> Value {
        let line = tokio::time::timeout(PATIENCE, self.events.next_line()).await;
        let Ok(Ok(Some(line))) = line else {
            panic!("the peer says nothing more ({line:?}): {:#?}", self.said);
        };
        let event: Value = serde_json::from_str(&line).expect("an event is JSON");
        self.said.push(event.clone());
        event
    }
}

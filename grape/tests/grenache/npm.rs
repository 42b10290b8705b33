//! The packages from npm, driven by `tests/grenache/agent.js`.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A process of Node.js that does what it is told. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Agent {
    answers: Lines<BufReader<ChildStdout>>,
    commands: ChildStdin,
    count: u64,
    _child: Child,
}

impl Agent {
    pub(crate) fn start() -> Self {
        let folder = installed();
        let mut command = Command::new("node");
        command.arg(folder.join("agent.js")).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("node starts");
        Self {
            answers: BufReader::new(child.stdout.take().expect("a pipe")).lines(),
            commands: child.stdin.take().expect("a pipe"),
            count: 0,
            _child: child,
        }
    }

    /// Has it do this and returns the result or the error.
    pub(crate) async fn tell(&mut self, what: &str, mut with: Value) -> Result<Value, String> {
        self.count += 1;
        with["id"] = json!(self.count);
        with["do"] = json!(what);
        let line = format!("{with}\n");
        let written = self.commands.write_all(line.as_bytes()).await;
        written.expect("the agent listens");
        loop {
            let line = timeout(PATIENCE, self.answers.next_line()).await;
            let Ok(Ok(Some(line))) = line else {
                panic!("no answer to {what}: {line:?}");
            };
            let mut answer: Value = serde_json::from_str(&line).expect("an answer is JSON");
            if answer["id"] != self.count {
                continue;
            }
            return match answer["error"].take() {
                Value::String(error) => Err(error),
                _ => Ok(answer["result"].take()),
            };
        }
    }

    /// Has it do this.
    ///
    /// # Panics
    /// Where that fails.
    pub(crate) async fn does(&mut self, what: &str, with: Value) -> Value {
        match self.tell(what, with).await {
            Ok(result) => result,
            Err(error) => panic!("{what}: {error}"),
        }
    }
}

/// A port that is free for UDP and TCP.
pub(crate) fn free_port() -> u16 {
    let here = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    loop {
        let tcp = TcpListener::bind(here(0)).expect("a free port");
        let port = tcp.local_addr().expect("it is bound").port();
        if UdpSocket::bind(here(port)).is_ok() {
            return port;
        }
    }
}

/// The folder with the packages. Tests run in processes of their own, so one at a time installs.
fn installed() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/grenache");
    let lock = Path::new(env!("CARGO_TARGET_TMPDIR")).join("npm.lock");
    let lock = File::create(lock).expect("a lock file");
    lock.lock().expect("a lock");
    // npm keeps the second file for itself: what it has installed, as the first one has it.
    let time = |file: &str| {
        let file = folder.join(file).metadata();
        file.and_then(|file| file.modified()).ok()
    };
    let wanted = time("package-lock.json");
    if time("node_modules/.package-lock.json") < wanted {
        let mut install = std::process::Command::new("npm");
        let output = install.arg("ci").current_dir(&folder).output();
        let output = output.expect("npm starts");
        assert!(output.status.success(), "npm ci: {output:?}");
    }
    folder
}

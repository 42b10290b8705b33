//! The packages from npm, driven by `tests/grenache/agent.js`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::PATIENCE;

/// A process of Node.js that does what it is told. It is killed when this is dropped.
#[derive(Debug)]
pub struct Agent {
    answers: Lines<BufReader<ChildStdout>>,
    commands: ChildStdin,
    count: u64,
    _child: Child,
}

impl Agent {
    /// Starts one, and installs the packages if they aren't there.
    ///
    /// # Panics
    /// Where that fails.
    #[must_use]
    pub fn start() -> Self {
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
    ///
    /// # Errors
    /// What the packages say.
    ///
    /// # Panics
    /// Where nothing comes back.
    pub async fn tell(&mut self, what: &str, mut with: Value) -> Result<Value, String> {
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
    pub async fn does(&mut self, what: &str, with: Value) -> Value {
        match self.tell(what, with).await {
            Ok(result) => result,
            Err(error) => panic!("{what}: {error}"),
        }
    }
}

/// The folder with the packages. Tests run in processes of their own, so one at a time installs.
pub(crate) fn installed() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("grenache");
    let wanted = folder.join("package-lock.json");
    let lock = File::open(&wanted).expect("a lock file");
    lock.lock().expect("a lock");
    // npm keeps this file for itself: what it has installed, as the first one has it.
    let there = folder.join("node_modules/.package-lock.json");
    let time = |file: &Path| file.metadata().and_then(|file| file.modified()).ok();
    if time(&there) < time(&wanted) {
        let mut install = std::process::Command::new("npm");
        let output = install.arg("ci").current_dir(&folder).output();
        let output = output.expect("npm starts");
        assert!(output.status.success(), "npm ci: {output:?}");
    }
    folder
}

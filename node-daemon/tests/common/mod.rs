//! Runs the command in a folder of its own, with an environment of its own.
#![allow(dead_code, reason = "each test program uses its part")]
#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Nothing in these tests takes longer, but on a machine that is very busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A call of the command that knows nothing of this process's environment.
pub(crate) fn meshbook(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meshbook"));
    command.args(args).current_dir(dir).env_clear();
    command.stdin(Stdio::null());
    command
}

/// Runs the command to its end.
pub(crate) fn call(dir: &Path, args: &[&str]) -> Output {
    meshbook(dir, args).output().unwrap()
}

/// The exit code, and what stdout has as one line of JSON.
pub(crate) fn call_json(dir: &Path, args: &[&str]) -> (i32, Value) {
    let output = call(dir, &[args, &["--json"]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1, "one line of JSON, not {text:?}");
    let value = serde_json::from_str(&text).unwrap();
    (output.status.code().unwrap(), value)
}

/// The code and field of an error as JSON, with the exit code.
pub(crate) fn refused(dir: &Path, args: &[&str]) -> (i32, String, Option<String>) {
    let (exit, value) = call_json(dir, args);
    let error = &value["error"];
    assert!(
        error["message"].as_str().is_some_and(|m| !m.is_empty()),
        "{args:?}: {value}"
    );
    let code = error["code"]
        .as_str()
        .unwrap_or_else(|| panic!("{args:?}: {value}"));
    (
        exit,
        code.to_owned(),
        error["field"].as_str().map(str::to_owned),
    )
}

/// A running node and its folder.
pub(crate) struct Node {
    pub(crate) child: Child,
    pub(crate) dir: Arc<TempDir>,
    /// Its ready line.
    pub(crate) ready: Value,
    stdout: BufReader<ChildStdout>,
}

impl Node {
    /// A node on free ports that looks for nobody.
    pub(crate) fn start(args: &[&str]) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let command = meshbook(dir.path(), &[QUIET, args].concat());
        Self::started(dir, command)
    }

    /// The node again, after its end.
    pub(crate) fn again(&self, args: &[&str]) -> Self {
        let command = meshbook(self.dir.path(), &[QUIET, args].concat());
        Self::started(Arc::clone(&self.dir), command)
    }

    /// A node that a command of the caller's starts in `dir`.
    pub(crate) fn started(dir: Arc<TempDir>, mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| {
            let mut said = String::new();
            child.kill().unwrap();
            child
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut said)
                .unwrap();
            panic!("no ready line but {line:?}: {said}")
        });
        Self {
            child,
            dir,
            ready,
            stdout,
        }
    }

    pub(crate) fn data_dir(&self) -> std::path::PathBuf {
        self.dir.path().join(".meshbook")
    }

    pub(crate) fn call(&self, args: &[&str]) -> Output {
        call(self.dir.path(), args)
    }

    /// What a command that must succeed says.
    pub(crate) fn ask(&self, args: &[&str]) -> Value {
        let (exit, value) = call_json(self.dir.path(), args);
        assert_eq!(exit, 0, "{args:?}: {value}");
        value
    }

    pub(crate) fn refused(&self, args: &[&str]) -> (i32, String, Option<String>) {
        refused(self.dir.path(), args)
    }

    /// `control.json`.
    pub(crate) fn control(&self) -> Value {
        let text = std::fs::read(self.data_dir().join("control.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    /// Waits for the process's end; gives the exit code, and all that stderr said.
    pub(crate) fn wait(&mut self) -> (Option<i32>, String) {
        let status = wait(&mut self.child);
        let mut said = String::new();
        let stderr = self.child.stderr.take();
        stderr.unwrap().read_to_string(&mut said).unwrap();
        let mut more = String::new();
        self.stdout.read_to_string(&mut more).unwrap();
        assert_eq!(more, "", "a node prints nothing but its ready line");
        (status, said)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already, and nothing is lost then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Options of a node on free ports that looks for nobody.
pub(crate) const QUIET: &[&str] = &[
    "run",
    "--json",
    "--host",
    "127.0.0.1",
    "--port",
    "0",
    "--metrics-port",
    "0",
    "--well-known",
    "no",
    "--set",
    "discovery_mdns=no",
    "--set",
    "discovery_grenache=no",
];

/// Waits for a process's end.
pub(crate) fn wait(child: &mut Child) -> Option<i32> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(Instant::now() < deadline, "the process does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

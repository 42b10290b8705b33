//! This program again, as another process that is told what to do line by line.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines, Stdin};
use tokio::process::{Child as Process, ChildStdin, ChildStdout, Command};

/// How long any one step may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A child process. It is killed when this is dropped.
pub(crate) struct Child {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// What it said first: where it listens.
    pub(crate) address: String,
    _process: Process,
}

impl Child {
    pub(crate) async fn start(args: &[&str]) -> Self {
        let this = std::env::current_exe().expect("a program knows its path");
        let mut process = Command::new(this)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("this program starts again");
        let input = process.stdin.take().expect("a pipe");
        let output = process.stdout.take().expect("a pipe");
        let mut child = Self {
            input,
            output: BufReader::new(output).lines(),
            address: String::new(),
            _process: process,
        };
        let address = child.answer("start").await;
        address
            .as_str()
            .expect("an address")
            .clone_into(&mut child.address);
        child
    }

    /// Tells it to do something and waits for its answer.
    pub(crate) async fn ask(&mut self, what: &str) -> Value {
        let line = format!("{what}\n");
        let told = self.input.write_all(line.as_bytes()).await;
        told.expect("the child listens");
        self.answer(what).await
    }

    /// The CPU time of it so far, in microseconds.
    pub(crate) async fn cpu(&mut self) -> u64 {
        self.ask("cpu").await.as_u64().expect("a number")
    }

    async fn answer(&mut self, what: &str) -> Value {
        let line = tokio::time::timeout(PATIENCE, self.output.next_line()).await;
        let Ok(Ok(Some(line))) = line else {
            panic!("the child does not answer {what:?}: {line:?}");
        };
        serde_json::from_str(&line).expect("an answer is JSON")
    }
}

/// The child's side: what it is told.
pub(crate) fn orders() -> Lines<BufReader<Stdin>> {
    BufReader::new(tokio::io::stdin()).lines()
}

/// The child's side: an answer.
pub(crate) fn answer(value: &Value) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    // Who doesn't read it any more has ended, and will end this process as well.
    let _ = writeln!(out, "{value}").and_then(|()| out.flush());
}

//! The attacker, a process of its own: both sides of how it is told what to do.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use meshbook_tests::Vitals;
use meshbook_tests::attack::{Attack, Deeds, Strength, Target};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{sleep, timeout};

use super::options::Options;

/// What an attacker says when it has prepared itself.
const READY: &str = "ready";

/// How long it may take for that: it signs a great deal, at the lowest priority.
const PREPARATION: Duration = Duration::from_secs(600);

/// How much longer than it is to attack it may take to say what it did.
const END: Duration = Duration::from_secs(30);

/// An attacker that is prepared. It is killed when this is dropped.
pub(crate) struct Attacker {
    duration: Duration,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Attacker {
    pub(crate) async fn prepare(attack: Attack, target: Target, options: &Options) -> Self {
        let this = std::env::current_exe().expect("a program knows its path");
        let mut command = at_lowest_priority(&this);
        let strength = serde_json::to_string(&options.strength).expect("numbers");
        let mut process = command
            .args(["attacker", attack.name()])
            .args([target.peers.to_string(), target.control.to_string()])
            .arg(target.metrics.map_or_else(String::new, |at| at.to_string()))
            .args([options.attack.as_secs().to_string(), strength])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("this program starts again");
        let input = process.stdin.take().expect("a pipe");
        let output = process.stdout.take().expect("a pipe");
        let mut attacker = Self {
            duration: options.attack,
            input,
            output: BufReader::new(output).lines(),
            _process: process,
        };
        let said = attacker.next(PREPARATION).await;
        assert_eq!(said.as_deref(), Some(READY), "the attacker is prepared");
        attacker
    }

    /// Lets it attack, and tells what it did and how much processor time that took; `None` where
    /// it has ended without a word.
    pub(crate) async fn attack(mut self) -> Option<(Deeds, Option<Duration>)> {
        self.input.write_all(b"go\n").await.ok()?;
        let said = self.next(self.duration + END).await?;
        Some(serde_json::from_str(&said).expect("deeds and a time"))
    }

    async fn next(&mut self, within: Duration) -> Option<String> {
        let line = timeout(within, self.output.next_line()).await;
        line.ok()?.ok()?
    }
}

/// What runs a program only when nobody else wants the processor, as far as the system has that:
/// a real attacker has a processor of his own.
fn at_lowest_priority(program: &Path) -> Command {
    let mut wrapper = if cfg!(target_os = "linux") {
        let mut idle = Command::new("chrt");
        idle.args(["--idle", "0"]);
        idle
    } else if cfg!(unix) {
        let mut nice = Command::new("nice");
        nice.args(["-n", "19"]);
        nice
    } else {
        return Command::new(program);
    };
    wrapper.arg(program);
    wrapper
}

/// The attacker's side.
pub(crate) async fn run(args: &[&str]) {
    let [attack, peers, control, metrics, seconds, strength] = args else {
        panic!("an attacker is started by the soak itself");
    };
    let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
    let target = Target {
        peers: address(peers),
        control: address(control),
        metrics: (!metrics.is_empty()).then(|| address(metrics)),
    };
    let attack = Attack::named(attack).expect("an attack");
    let seconds = Duration::from_secs(seconds.parse().expect("a number"));
    let strength: Strength = serde_json::from_str(strength).expect("numbers");
    let prepared = attack.prepare(target, strength);
    let vitals = Vitals::of(std::process::id());
    let before = vitals.cpu();
    println!("{READY}");
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    let order = orders.next_line().await;
    assert!(matches!(order, Ok(Some(_))), "whoever started it is there");
    let under_way = prepared.begin();
    sleep(seconds).await;
    let deeds = under_way.deeds();
    let spent = vitals.cpu().zip(before).map(|(now, before)| now - before);
    println!("{}", serde_json::to_string(&(deeds, spent)).expect("text"));
    // What still runs has no more to tell.
    std::process::exit(0);
}

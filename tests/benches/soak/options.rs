//! What is asked for.

use std::time::Duration;

use meshbook_tests::attack::{Attack, Strength};

const MIB: u64 = 1024 * 1024;

/// A node lets 25 dial in, unless its settings say otherwise, and an attacker has to find room.
const MOST_PEERS: u32 = 20;

/// How to soak.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) attack: Duration,
    pub(crate) quiet: Duration,
    pub(crate) rate: u32,
    pub(crate) peers: usize,
    pub(crate) attacks: Vec<Attack>,
    pub(crate) strength: Strength,
    /// Bytes of memory.
    pub(crate) bound: u64,
    /// Bytes on disk of what others traded.
    pub(crate) history: u64,
    pub(crate) fresh: bool,
    /// Settings of the node under attack.
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) figures_only: bool,
    pub(crate) json: bool,
}

pub(crate) fn help() -> String {
    let names: Vec<&str> = Attack::ALL.into_iter().map(Attack::name).collect();
    format!(
        "\
cargo xtask soak [--dev] [OPTIONS]

  --dev             built as the tests are; without it as a release is. Must come first
  --seconds N       how long each attack lasts (default 60)
  --quiet N         how long nothing happens before, between and after (default a third of that)
  --rate N          orders a second, of all honest nodes together (default 200)
  --peers N         honest nodes (default 10)
  --attacks LIST    with commas between (default all, in this order):
                    {}
                    {}
                    {}
  --brief           attackers as weak as those of the tests
  --fresh           a new node for each attack; without it one bears them all
  --bound MIB       the most memory that the node may take (default 256); it has to keep 15 % to
                    spare
  --history MIB     the most that a node may keep on disk of what others traded (default 64)
  --set NAME=VALUE  a setting of the node; may come several times
  --figures-only    a latency that rises too far is shown, and is no failure
  --json            everything as one line of JSON, at the end

The attacker opens 10000 connections at a time, as far as `ulimit -n` lets it.
",
        names[..8].join(","),
        names[8..15].join(","),
        names[15..].join(","),
    )
}

impl Options {
    /// `None` where help is asked for.
    pub(crate) fn read(args: &[&str]) -> Result<Option<Self>, String> {
        let mut options = Self {
            attack: Duration::from_secs(60),
            quiet: Duration::ZERO,
            rate: 200,
            peers: 10,
            attacks: Attack::ALL.to_vec(),
            strength: Strength::full(),
            bound: 256 * MIB,
            history: 64 * MIB,
            fresh: false,
            settings: Vec::new(),
            figures_only: false,
            json: false,
        };
        let mut quiet = None;
        // Cargo tells a bench target that it is one.
        let mut args = args.iter().filter(|arg| **arg != "--bench");
        while let Some(name) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{name} needs a value"));
            match *name {
                "--help" | "-h" => return Ok(None),
                "--brief" => options.strength = Strength::brief(),
                "--fresh" => options.fresh = true,
                "--figures-only" => options.figures_only = true,
                "--json" => options.json = true,
                "--seconds" => options.attack = seconds(name, value()?)?,
                "--quiet" => quiet = Some(seconds(name, value()?)?),
                "--rate" => options.rate = number(name, value()?, 10_000)?,
                "--peers" => options.peers = number(name, value()?, MOST_PEERS)? as usize,
                "--bound" => options.bound = u64::from(number(name, value()?, 1 << 20)?) * MIB,
                "--history" => options.history = u64::from(number(name, value()?, 1 << 20)?) * MIB,
                "--attacks" => options.attacks = attacks(value()?)?,
                "--set" => options.settings.push(setting(value()?)?),
                other => return Err(format!("{other} is no option")),
            }
        }
        if options.peers < 2 {
            return Err("--peers 1 is not allowed: two are needed to trade".to_owned());
        }
        let third = (options.attack / 3).max(Duration::from_secs(5));
        options.quiet = quiet.unwrap_or(third);
        Ok(Some(options))
    }
}

fn number(name: &str, text: &str, most: u32) -> Result<u32, String> {
    let number = text
        .parse()
        .ok()
        .filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("{name} {text} is not allowed: 1 to {most} is"))
}

fn seconds(name: &str, text: &str) -> Result<Duration, String> {
    Ok(Duration::from_secs(number(name, text, 86_400)?.into()))
}

fn attacks(list: &str) -> Result<Vec<Attack>, String> {
    let named = |name| Attack::named(name).ok_or_else(|| format!("{name} is no attack"));
    list.split(',').map(named).collect()
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("--set {text} is not allowed: NAME=VALUE is"))?;
    Ok((name.to_owned(), value.to_owned()))
}

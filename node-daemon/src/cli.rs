//! The command line: what can be said, and how a mistake in it is answered.
//!
//! Values are taken as text and read by the code that knows what is allowed, so that an error
//! names its field in the same way wherever it comes from.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, Subcommand};

use crate::env_file::{self, env_file};
use crate::failure::{Failure, Problem};
use crate::output;

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 failed, 2 the command line or a setting is wrong.
With --json stdout has the result as one line of JSON, or {\"error\":{\"code\",\"message\",\"field\"?}};
without it errors go to stderr. Logs always go to stderr.
Variables are also read from the file .env in the current folder. Each may have MESHBOOK_ before its
name, which comes first: MESHBOOK_P2P_PORT, MESHBOOK_NETWORK.";

const EXPORT_HELP: &str = "\
CSV is that of RFC 4180: a line of names, commas, CRLF. Decimals are exact, times are UTC.
  trades  time,timestamp,id,pair,takerSide,amount,price,buyOrderId,sellOrderId,ownSide
  orders  time,timestamp,id,pair,side,amount,filled,price,status,userId
time is like 2026-01-31T23:59:59.123Z, timestamp the same in milliseconds since 1970; of an order
it is when it was placed. ownSide is buy, sell, both, or empty for a trade of others. status is
pending, partial, filled or cancelled. A node remembers its last 10000 closed orders.
JSON lines are the objects that trades --json and orders --json show, one a line.
--since is included and --until is not. What arrives meanwhile is written if it is still ahead.";

/// A peer-to-peer exchange node, and the commands that talk to a running one.
#[derive(Debug, Parser)]
#[command(name = "meshbook", version, after_help = AFTER_HELP, args_override_self = true)]
pub(crate) struct Cli {
    /// The node's folder: its key, its journal, its peers, control.json [env: MESHBOOK_DATA_DIR] [default:
    /// .meshbook]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print results and errors as JSON on stdout
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// The folder as an option of this command line.
    pub(crate) fn data_dir_option(&self) -> Option<PathBuf> {
        self.data_dir.clone()
    }

    /// The folder of the node to talk to.
    pub(crate) fn data_dir(&self) -> PathBuf {
        let variable = || std::env::var_os("MESHBOOK_DATA_DIR").filter(|text| !text.is_empty());
        let given = self
            .data_dir_option()
            .or_else(|| variable().map(PathBuf::from));
        given.unwrap_or_else(|| PathBuf::from(".meshbook"))
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a node until Ctrl-C, SIGTERM, SIGHUP or SIGQUIT
    Run(Box<RunArgs>),
    /// Run three nodes and a little market on this machine
    Demo(DemoArgs),
    /// Show the running node and its figures
    Status,
    /// Show connected and known peers, or who is banned
    Peers(PeersArgs),
    /// Show the order book
    Book {
        /// Price levels a side, 1 to 1000
        #[arg(long, default_value = "10", allow_negative_numbers = true)]
        depth: String,
        /// Show it again at each change, until Ctrl-C
        #[arg(long)]
        watch: bool,
    },
    /// Place a buy order
    Buy(OrderArgs),
    /// Place a sell order
    Sell(OrderArgs),
    /// Cancel an order
    Cancel {
        /// Its id: 32 hex digits
        #[arg(allow_negative_numbers = true)]
        order_id: String,
    },
    /// Show this node's orders, open and closed, newest first
    Orders,
    /// Show trades, newest first: its own, and what it keeps of others', whether it runs or not
    Trades(TradesArgs),
    /// Write the whole history of trades, or this node's orders, as CSV or JSON lines, oldest
    /// first; from the running node, or from its folder if it doesn't run
    #[command(after_help = EXPORT_HELP)]
    Export(ExportArgs),
    /// Show what legacy peers sent, which nobody signed
    Unsigned,
}

/// What about peers.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct PeersArgs {
    /// Show every address instead: who named it, when it was dialed last and what came of it
    #[arg(long)]
    pub(crate) known: bool,
    #[command(subcommand)]
    pub(crate) command: Option<PeersCommand>,
}

/// Who may have no session with the node.
#[derive(Debug, Subcommand)]
pub(crate) enum PeersCommand {
    /// End the sessions with a node or with everybody at an address, and refuse it from now on
    Ban {
        /// A node id, or an IP address without a port (of an IPv6 address its /64 is meant)
        peer: String,
        /// For how long, like 90s, 30m, 2h, 7d or 52w; at most 10 years
        #[arg(long = "for", value_name = "TIME", default_value = "24h")]
        length: String,
    },
    /// End a ban, whoever set it
    Unban {
        /// The node id or the IP address
        peer: String,
    },
    /// Show the bans that hold
    Bans,
}

/// Which trades to show.
#[derive(Debug, Args)]
pub(crate) struct TradesArgs {
    /// How many at most, 1 to 100000
    #[arg(long, default_value = "50", allow_negative_numbers = true)]
    pub(crate) limit: String,
    /// Only trades since then: 2026-01-31, 2026-01-31T12:00:00Z, back from now like 30m, 2h or
    /// 7d, or milliseconds since 1970
    #[arg(long, value_name = "WHEN", allow_negative_numbers = true)]
    pub(crate) since: Option<String>,
    /// Only trades of this node's own orders
    #[arg(long)]
    pub(crate) own: bool,
}

/// What to export.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// trades (its own, and what it keeps of others') or orders (this node's own, as far as it remembers)
    pub(crate) what: String,
    /// csv or jsonl
    #[arg(long, default_value = "csv")]
    pub(crate) format: String,
    /// From then on: 2026-01-31, 2026-01-31T12:00:00Z, back from now like 30m, 2h or 7d, or
    /// milliseconds since 1970
    #[arg(long, value_name = "WHEN", allow_negative_numbers = true)]
    pub(crate) since: Option<String>,
    /// Only what was before then
    #[arg(long, value_name = "WHEN", allow_negative_numbers = true)]
    pub(crate) until: Option<String>,
    /// Only trades of this node's own orders; orders are its own anyway
    #[arg(long)]
    pub(crate) own: bool,
    /// A file to write instead of stdout, replaced as a whole once everything is written
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// An order.
#[derive(Debug, Args)]
pub(crate) struct OrderArgs {
    /// How much, as a decimal like 0.5
    #[arg(allow_negative_numbers = true)]
    pub(crate) amount: String,
    /// The limit, as a decimal like 60000; none with --type market
    #[arg(allow_negative_numbers = true)]
    pub(crate) price: Option<String>,
    /// limit or market
    #[arg(long = "type", value_name = "TYPE", default_value = "limit")]
    pub(crate) kind: String,
    /// How long it stands: gtc (till cancelled), ioc (what fills at once), fok (all at once or
    /// nothing), post (only makes) [default: gtc, for a market order ioc]
    #[arg(long = "tif", value_name = "TIF")]
    pub(crate) time_in_force: Option<String>,
    /// The user whose order it is [default: the node's user]
    #[arg(long)]
    pub(crate) user: Option<String>,
}

/// Settings of a node; each outranks its variable, which outranks the file.
#[derive(Debug, Default, Args)]
pub(crate) struct RunArgs {
    /// A TOML file of settings: the names of the variables in small letters
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The port for peers; 0 takes a free one [env: P2P_PORT] [default: 3000]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) port: Option<String>,
    /// The address to listen on for peers [env: P2P_HOST] [default: 0.0.0.0]
    #[arg(long)]
    pub(crate) host: Option<String>,
    /// A peer to dial, as host:port; may be repeated [env: BOOTSTRAP_PEERS]
    #[arg(long, value_name = "PEER")]
    pub(crate) bootstrap: Vec<String>,
    /// Whether to dial the network's well-known nodes [env: USE_WELL_KNOWN_NODES] [default: true]
    #[arg(long, value_name = "BOOL")]
    pub(crate) well_known: Option<String>,
    /// What is traded [env: EXCHANGE_PAIR] [default: BTC/USD]
    #[arg(long)]
    pub(crate) pair: Option<String>,
    /// The user of orders that name none [env: USER_ID] [default: a random UUID]
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// local, testnet, mainnet, or local:NAME for a private network [env: NETWORK] [default: local]
    #[arg(long)]
    pub(crate) network: Option<String>,
    /// What becomes of plain peers: off, observe or match [env: P2P_LEGACY] [default: observe]
    #[arg(long)]
    pub(crate) legacy: Option<String>,
    /// The most peers [env: MAX_PEERS] [default: 50]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) max_peers: Option<String>,
    /// allow, cancel-newest or skip [env: SELF_TRADE] [default: allow]
    #[arg(long, value_name = "POLICY")]
    pub(crate) self_trade: Option<String>,
    /// Where to take commands [env: CONTROL_ADDR] [default: a free port of 127.0.0.1]
    #[arg(long, value_name = "ADDR")]
    pub(crate) control: Option<String>,
    /// When the journal is flushed to the disk. No setting loses anything when the process is
    /// killed; when the machine crashes, always (before anybody hears of an order or a trade)
    /// loses nothing, interval the last tenth of a second, off what the system had not written
    /// yet, often half a minute [env: JOURNAL_SYNC] [default: always]
    #[arg(long, value_name = "WHEN")]
    pub(crate) journal_sync: Option<String>,
    /// Whether to serve /healthz and /metrics [env: ENABLE_METRICS] [default: true]
    #[arg(long, value_name = "BOOL")]
    pub(crate) metrics: Option<String>,
    /// The address to serve them on; 0.0.0.0 lets other machines read them [env: METRICS_HOST]
    /// [default: 127.0.0.1]
    #[arg(long, value_name = "HOST")]
    pub(crate) metrics_host: Option<String>,
    /// The port to serve them on; 0 for none [env: METRICS_PORT] [default: 9090]
    #[arg(long, value_name = "PORT", allow_negative_numbers = true)]
    pub(crate) metrics_port: Option<String>,
    /// trace, debug, info, warn, error or fatal [env: LOG_LEVEL] [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
    /// human or json [env: LOG_FORMAT] [default: human]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
    /// Any other setting by its name, like max_order_amount=5; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// End like at SIGTERM when stdin closes, so that the node ends with its parent
    #[arg(long)]
    pub(crate) until_stdin_closes: bool,
}

/// The demo's length.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// How long the market runs, 1 to 86400; 20 by default, and until Ctrl-C where a page shows it
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) seconds: Option<String>,
    /// Play one short scene, check that all three nodes agree, and end
    #[arg(long, conflicts_with = "seconds")]
    pub(crate) once: bool,
}

/// Reads the settings in `.env` of the current folder into the environment, where they set nothing that
/// is set already. Must be called before there is a second thread.
///
/// # Errors
/// Where a setting of that file can't be read.
pub(crate) fn load_env_file() -> Result<(), Failure> {
    let is_set = |name: &str| std::env::var_os(name).is_some();
    let broken = |error: &dyn std::fmt::Display| {
        let mut problem = Problem::new("ENV_FILE", format!("the file .env: {error}"));
        problem.field = Some(".env".to_owned());
        Failure::usage(problem)
    };
    match env_file(Path::new(".env"), is_set) {
        Ok(variables) => env_file::load(&variables).map_err(|error| broken(&error)),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(broken(&error)),
        // It may be another program's.
        Err(error) => {
            output::note(&format!("warning: the file .env is not read: {error}"));
            Ok(())
        }
    }
}

/// Reads a command line, the name of the program first.
///
/// # Errors
/// With the exit code, after everything is said.
pub(crate) fn parse(args: &[OsString]) -> Result<Cli, u8> {
    let error = match Cli::try_parse_from(args) {
        Ok(cli) => return Ok(cli),
        Err(error) => error,
    };
    if !error.use_stderr() {
        // Help or version was asked for. A closed stdout is no failure.
        let _ = error.print();
        return Err(0);
    }
    let mut options = args.iter().take_while(|arg| *arg != "--");
    if options.any(|arg| arg == "--json") {
        return Err(Failure::usage(problem_of(&error)).report(true));
    }
    let _ = error.print();
    Err(2)
}

/// A field's name without the marks of a usage line: `<AMOUNT>` is the field `amount`, and
/// `--limit <LIMIT>` the option `--limit`.
fn plain(name: &str) -> String {
    let name = name.split_whitespace().next().unwrap_or_default();
    match name
        .strip_prefix('<')
        .and_then(|name| name.strip_suffix('>'))
    {
        Some(name) => name.to_ascii_lowercase(),
        None => name.to_owned(),
    }
}

fn problem_of(error: &clap::Error) -> Problem {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Problem::new("USAGE", "a command is missing: see meshbook --help");
    }
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = first.split_whitespace().collect();
    let message = words.join(" ");
    let mut problem = Problem::new("USAGE", message.strip_prefix("error: ").unwrap_or(&message));
    problem.field = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(name)) => Some(plain(name)),
        Some(ContextValue::Strings(names)) => names.first().map(|name| plain(name)),
        _ => None,
    };
    problem
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn error(args: &[&str]) -> Problem {
        let all = std::iter::once(&"meshbook").chain(args);
        problem_of(&Cli::try_parse_from(all).unwrap_err())
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_mistake_in_the_command_line_is_named() {
        assert_eq!(
            error(&["buy", "1", "2", "--tiff", "x"]).field.as_deref(),
            Some("--tiff")
        );
        assert_eq!(error(&["buy"]).field.as_deref(), Some("amount"));
        assert!(error(&["cancel"]).message.contains("<ORDER_ID>"));
        assert!(error(&["frobnicate"]).message.contains("frobnicate"));
        assert!(error(&[]).message.contains("--help"));
        let both = error(&["demo", "--once", "--seconds", "3"]);
        assert!(both.message.contains("--once"), "{both:?}");
    }

    #[test]
    fn a_negative_amount_is_a_value_and_not_an_option() {
        let cli = Cli::try_parse_from(["meshbook", "sell", "-1", "-2.5"]).unwrap();
        let Command::Sell(order) = cli.command else {
            panic!("{cli:?}")
        };
        assert_eq!(
            (order.amount.as_str(), order.price.as_deref()),
            ("-1", Some("-2.5"))
        );
    }

    #[test]
    fn the_common_options_stand_before_or_after_the_command() {
        for args in [
            ["meshbook", "--json", "status"],
            ["meshbook", "status", "--json"],
        ] {
            assert!(Cli::try_parse_from(args).unwrap().json);
        }
    }
}

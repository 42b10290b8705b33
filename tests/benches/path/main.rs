//! An order's way: from `submit_order` in one process to the book of another, to a fill by
//! another, and as many orders as go to two peers, beside raw frames over the same loopback.
//!
//! Run it by `cargo xtask bench path`. Each node is a process of its own with an
//! `ExchangeClient`, and all sessions are the secured ones of every node. Times are taken from
//! the clock that all processes of a machine share.

mod child;
mod echo;
mod figures;
mod keeping;
mod measure;
mod peer;

use std::path::{Path, PathBuf};

use figures::Figures;
use keeping::Keeping;

const HELP: &str = "\
cargo xtask bench path [--samples N] [--rate N] [--orders N] [--journal LIST] [--folder DIR]

  --samples N   orders for each latency (default 1000)
  --rate N      at so many a second (default 200)
  --orders N    orders for the throughput (default 20000)
  --journal L   what the nodes keep, each measured by itself, with commas between: always, interval
                and off flush a journal as JOURNAL_SYNC says, none keeps nothing
                (default none,off,interval,always)
  --folder DIR  where their folders are made; the disk there is what is measured
                (default: the system's folder for temporary files)
";

/// How much to measure.
#[derive(Clone, Debug)]
struct Options {
    samples: usize,
    rate: u64,
    orders: usize,
    keeping: Vec<Keeping>,
    folder: PathBuf,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    match args.as_slice() {
        ["peer", keeping, folder, dial @ ..] => {
            let keeping = Keeping::named(keeping).expect("one of them");
            runtime.block_on(peer::run(keeping, Path::new(folder), dial));
        }
        ["echo"] => runtime.block_on(echo::run()),
        ["--help" | "-h", ..] => print!("{HELP}"),
        args => {
            let Some(options) = read(args) else {
                eprint!("{HELP}");
                std::process::exit(2);
            };
            let figures: Vec<Figures> = runtime.block_on(measure::all(&options));
            figures::print(&figures);
        }
    }
}

fn read(args: &[&str]) -> Option<Options> {
    let mut options = Options {
        samples: 1000,
        rate: 200,
        orders: 20_000,
        keeping: Keeping::ALL.to_vec(),
        folder: std::env::temp_dir(),
    };
    // Cargo tells a bench target that it is one.
    let mut args = args.iter().filter(|arg| **arg != "--bench");
    while let Some(name) = args.next() {
        let text = args.next()?;
        match *name {
            "--samples" => options.samples = count(text)?,
            "--rate" => options.rate = count(text)? as u64,
            "--orders" => options.orders = count(text)?,
            "--journal" => options.keeping = Keeping::list(text)?,
            "--folder" => options.folder = Some(PathBuf::from(text)).filter(|dir| dir.is_dir())?,
            _ => return None,
        }
    }
    Some(options)
}

fn count(text: &str) -> Option<usize> {
    text.parse().ok().filter(|value| *value > 0)
}

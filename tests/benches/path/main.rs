//! An order's way: from `submit_order` in one process to the book of another, to a fill by
//! another, and as many orders as go to two peers, beside raw frames over the same loopback.
//!
//! Run it by `cargo xtask bench path`. Each node is a process of its own with an
//! `ExchangeClient`, and all sessions are the secured ones of every node. Times are taken from
//! the clock that all processes of a machine share.

mod child;
mod echo;
mod figures;
mod measure;
mod peer;

use figures::Figures;

const HELP: &str = "\
cargo xtask bench path [--samples N] [--rate N] [--orders N]

  --samples N   orders for each latency (default 1000)
  --rate N      at so many a second (default 200)
  --orders N    orders for the throughput (default 20000)
";

/// How much to measure.
#[derive(Clone, Copy, Debug)]
struct Options {
    samples: usize,
    rate: u64,
    orders: usize,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    match args.as_slice() {
        ["peer", dial @ ..] => runtime.block_on(peer::run(dial)),
        ["echo"] => runtime.block_on(echo::run()),
        args => {
            let Some(options) = read(args) else {
                eprint!("{HELP}");
                std::process::exit(2);
            };
            let figures: Vec<Figures> = runtime.block_on(measure::all(options));
            figures::print(&figures);
        }
    }
}

fn read(args: &[&str]) -> Option<Options> {
    let mut options = Options {
        samples: 1000,
        rate: 200,
        orders: 20_000,
    };
    // Cargo tells a bench target that it is one.
    let mut args = args.iter().filter(|arg| **arg != "--bench");
    while let Some(name) = args.next() {
        let value: usize = args.next()?.parse().ok().filter(|value| *value > 0)?;
        match *name {
            "--samples" => options.samples = value,
            "--rate" => options.rate = value as u64,
            "--orders" => options.orders = value,
            _ => return None,
        }
    }
    Some(options)
}

//! How a node gets what others have: all of a large book when it joins late, and what it missed
//! when it comes back after a cut.
//!
//! Run it by `cargo xtask bench sync`. The nodes are processes of the command itself; the orders
//! are signed here, by as many owners as it takes. A proxy between the nodes counts the bytes
//! and is the cut.

mod figures;
mod market;
mod measure;
mod proxy;

const HELP: &str = "\
cargo xtask bench sync [--owners N] [--orders N] [--missed N] [--rounds N]

  --owners N   owners of the orders (default 625)
  --orders N   orders of each of them, up to 190 (default 160)
  --missed N   orders that change during a cut, at most one of each owner (default 100)
  --rounds N   times that each is measured (default 3)
";

/// An owner may have 200, and some are placed later.
const MOST_ORDERS: usize = 190;

/// How much to measure.
#[derive(Clone, Copy, Debug)]
struct Options {
    owners: usize,
    orders: usize,
    missed: usize,
    rounds: usize,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let Some(options) = read(&args) else {
        eprint!("{HELP}");
        std::process::exit(2);
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    let figures = runtime.block_on(measure::all(options));
    figures::print(&figures);
}

fn read(args: &[&str]) -> Option<Options> {
    let mut options = Options {
        owners: 625,
        orders: 160,
        missed: 100,
        rounds: 3,
    };
    // Cargo tells a bench target that it is one.
    let mut args = args.iter().filter(|arg| **arg != "--bench");
    while let Some(name) = args.next() {
        let value: usize = args.next()?.parse().ok().filter(|value| *value > 0)?;
        match *name {
            "--owners" => options.owners = value,
            "--orders" => options.orders = value,
            "--missed" => options.missed = value,
            "--rounds" => options.rounds = value,
            _ => return None,
        }
    }
    (options.orders <= MOST_ORDERS && options.missed <= options.owners).then_some(options)
}

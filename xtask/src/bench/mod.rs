//! Benchmarks: bench targets, built as a release is; what is only counted runs as CI builds it.

mod engine;
mod gossip;
mod node;
mod path;
mod sync;

use std::process::ExitCode;

use clap::Subcommand;

use crate::page;

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// The order book engine: see `cargo xtask bench engine --help`.
    Engine(engine::EngineArgs),
    /// How news spreads among a thousand nodes: see `cargo xtask bench gossip --help`.
    Gossip(gossip::GossipArgs),
    /// The package for Node.js: orders a second, confirmed trades, event loop, memory.
    Node(node::NodeArgs),
    /// The page in a browser: its first screen, and 2,000 updates a second.
    Page,
    /// An order's way through two and three processes: see `cargo xtask bench path --help`.
    Path(path::PathArgs),
    /// How a node gets a large book, and what it missed: see `cargo xtask bench sync --help`.
    Sync(sync::SyncArgs),
}

impl Bench {
    pub(crate) fn run(&self) -> ExitCode {
        match self {
            Self::Engine(args) => args.run(),
            Self::Gossip(args) => args.run(),
            Self::Node(args) => args.run(),
            Self::Page => page::figures(),
            Self::Path(args) => args.run(),
            Self::Sync(args) => args.run(),
        }
    }
}

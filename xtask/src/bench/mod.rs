//! Benchmarks: each is a bench target, built as a release is.

mod engine;
mod path;
mod sync;

use std::process::ExitCode;

use clap::Subcommand;

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// The order book engine: see `cargo xtask bench engine --help`.
    Engine(engine::EngineArgs),
    /// An order's way through two and three processes: see `cargo xtask bench path --help`.
    Path(path::PathArgs),
    /// How a node gets a large book, and what it missed: see `cargo xtask bench sync --help`.
    Sync(sync::SyncArgs),
}

impl Bench {
    pub(crate) fn run(&self) -> ExitCode {
        match self {
            Self::Engine(args) => args.run(),
            Self::Path(args) => args.run(),
            Self::Sync(args) => args.run(),
        }
    }
}

//! Benchmarks: each is a bench target of this package, built as a release is.

mod engine;

use std::process::ExitCode;

use clap::Subcommand;

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// The order book engine: see `cargo xtask bench engine --help`.
    Engine(engine::EngineArgs),
}

impl Bench {
    pub(crate) fn run(&self) -> ExitCode {
        match self {
            Self::Engine(args) => args.run(),
        }
    }
}

//! Developer commands.

mod bench;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures a part of the project, in release mode.
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    match command {
        Command::Bench(bench) => bench.run(),
    }
}

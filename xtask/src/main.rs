//! Developer commands.

mod bench;
mod demo;
mod process;
mod test;

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
    /// Passes every test, installing what is missing for it.
    Test(test::Test),
    /// Builds the node and runs its demonstration.
    Demo(demo::Demo),
    /// Measures a part of the project, in release mode.
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    match command {
        Command::Test(test) => test.run(),
        Command::Demo(demo) => demo.run(),
        Command::Bench(bench) => bench.run(),
    }
}

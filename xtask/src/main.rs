//! Developer commands.

mod bench;
mod demo;
mod fuzz;
mod languages;
mod page;
mod process;
mod python;
mod sim;
mod soak;
mod swift;
mod test;
mod torture;
mod wasm;
mod wasm_order;
mod wasm_size;

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
    /// Kills nodes under load and looks whether all that they have confirmed is still true.
    Torture(torture::Torture),
    /// Attacks a node under load, and looks what honest nodes notice: `cargo xtask soak --help`.
    Soak(soak::Soak),
    /// Looks for bytes from outside that break a promise.
    Fuzz(fuzz::Fuzz),
    /// Builds the node and runs its demonstration.
    Demo(demo::Demo),
    /// Makes the package for browsers.
    Wasm(wasm::Wasm),
    /// Builds the page whose tab is a node.
    Page(page::Page),
    /// Makes what the Swift package is built from.
    Swift(swift::Swift),
    /// Simulates networks with faults and checks that the rules hold.
    Sim(sim::Sim),
    /// Measures a part of the project, in release mode.
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    match command {
        Command::Test(test) => test.run(),
        Command::Torture(torture) => torture.run(),
        Command::Soak(soak) => soak.run(),
        Command::Fuzz(fuzz) => fuzz.run(),
        Command::Demo(demo) => demo.run(),
        Command::Wasm(wasm) => wasm.run(),
        Command::Page(page) => page.run(),
        Command::Swift(swift) => swift.run(),
        Command::Sim(sim) => sim.run(),
        Command::Bench(bench) => bench.run(),
    }
}

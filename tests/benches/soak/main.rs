//! A node under load and under attack: `cargo xtask soak`.
//!
//! The node is a process of the command itself, with a journal. Around it are honest nodes in this
//! process, each with a session to it alone, so that all they want of each other passes through
//! it. The attacker is a process of its own: this program again, at the lowest priority, since a
//! real attacker has a processor of his own.

mod attacker;
mod options;
mod outcome;
mod report;
mod run;

use std::process::ExitCode;

use options::Options;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    if let ["attacker", rest @ ..] = args.as_slice() {
        runtime.block_on(attacker::run(rest));
        return ExitCode::SUCCESS;
    }
    let options = match Options::read(&args) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{}", options::help());
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}\n\n{}", options::help());
            return ExitCode::from(2);
        }
    };
    report::print_head(&options);
    let outcomes = runtime.block_on(run::all(&options));
    match report::print_end(&options, &outcomes) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

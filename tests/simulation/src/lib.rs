//! Whole networks of nodes under a virtual clock: one seed decides who there is, what users do
//! and what goes wrong, and rules are checked after everything that happens.
//!
//! The nodes are the real ones, with real messages and signatures. What is virtual is what a
//! driver does: connections, clocks, disks, processes.

mod bounds;
mod clock;
mod counts;
mod disk;
mod faults;
mod host;
mod judge;
mod load;
mod mutation;
mod network;
mod process;
mod queue;
mod random;
mod rogues;
mod scenario;
mod show;
mod shrink;
pub mod spread;
mod trace;
mod wires;
mod world;

pub use bounds::Bound;
pub use counts::Counts;
pub use mutation::Mutation;
pub use scenario::{Fault, Scenario};
pub use shrink::shrink;
pub use trace::Trace;
pub use world::{Summary, Violation};

use std::panic::{AssertUnwindSafe, catch_unwind};

use world::World;

/// Runs a scenario to its end.
///
/// # Errors
/// The first rule that did not hold.
pub fn run(scenario: &Scenario, trace: &Trace) -> Result<Summary, Box<Violation>> {
    let (scenario, trace) = (scenario.clone(), trace.clone());
    let mutation = scenario.mutation;
    let run = || mutation::with(mutation, || World::new(scenario, trace).run());
    let run = AssertUnwindSafe(run);
    catch_unwind(run).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(Box::new(Violation {
            rule: judge::rules::PANIC,
            found: text.unwrap_or("a panic without words").to_owned(),
            at: 0,
        }))
    })
}

//! A smaller run that still breaks the same rule is easier to read.

use crate::scenario::Scenario;
use crate::trace::Trace;
use crate::{Violation, run};

/// Runs that are tried at most.
const TRIES: usize = 300;

/// The smallest run found that breaks the same rule, with what was found there: fewer faults,
/// small bounds, nodes and actions, and a shorter time.
#[must_use]
pub fn shrink(scenario: &Scenario, violation: &Violation) -> (Scenario, Violation) {
    let (mut best, mut found) = (scenario.clone(), violation.clone());
    let mut tries = 0;
    loop {
        let mut better = None;
        for smaller in smaller(&best) {
            tries += 1;
            if tries > TRIES {
                return (best, found);
            }
            if let Err(violation) = run(&smaller, &Trace::off())
                && violation.rule == found.rule
            {
                better = Some((smaller, *violation));
                break;
            }
        }
        match better {
            Some((scenario, violation)) => (best, found) = (scenario, violation),
            None => return (best, found),
        }
    }
}

/// What to try, the boldest first.
fn smaller(scenario: &Scenario) -> Vec<Scenario> {
    let mut smaller = Vec::new();
    for fault in &scenario.faults {
        let mut without = scenario.clone();
        without.faults.remove(fault);
        smaller.push(without);
    }
    for bound in &scenario.bounds {
        let mut without = scenario.clone();
        without.bounds.remove(bound);
        smaller.push(without);
    }
    let sizes = |size: usize| [size / 2, size * 3 / 4, size.saturating_sub(1)];
    for nodes in sizes(scenario.nodes) {
        if (2..scenario.nodes).contains(&nodes) {
            let mut fewer = scenario.clone();
            fewer.nodes = nodes;
            smaller.push(fewer);
        }
    }
    for actions in sizes(scenario.actions) {
        if actions < scenario.actions {
            let mut fewer = scenario.clone();
            fewer.actions = actions;
            smaller.push(fewer);
        }
    }
    for time in [scenario.trouble_time / 2, scenario.trouble_time * 3 / 4] {
        if (1_000..scenario.trouble_time).contains(&time) {
            let mut shorter = scenario.clone();
            shorter.trouble_time = time;
            smaller.push(shorter);
        }
    }
    smaller
}

//! What whoever reads a failed run relies on.

use meshbook_simulation::{Fault, Scenario, Trace, run};

#[test]
fn one_seed_is_one_run() {
    let mut trades = 0;
    for seed in 0..20 {
        let mut scenario = Scenario::draw(seed, 3..=7);
        scenario.faults.extend([Fault::Crashes, Fault::Byzantine]);
        let traces = [(); 2].map(|()| Trace::last(usize::MAX));
        let [one, other] = traces.each_ref().map(|trace| run(&scenario, trace));
        assert_eq!(one, other, "{scenario}");
        assert!(traces[0].lines() == traces[1].lines(), "{scenario}");
        trades += one.map_or(0, |summary| summary.trades);
    }
    assert!(trades > 0, "nothing happened");
}

#[test]
fn other_seeds_are_other_runs() {
    let fingerprint = |seed| {
        let scenario = Scenario::draw(seed, 3..=3);
        run(&scenario, &Trace::off()).map(|summary| summary.fingerprint)
    };
    assert_ne!(fingerprint(1), fingerprint(2));
}

//! What whoever reads a failed run relies on.

use meshbook_simulation::{Bound, Fault, Scenario, Trace, run};

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

/// What rogues do, and what is counted of it.
const OF_ROGUES: [(Fault, &[&str]); 7] = [
    (
        Fault::FreeKeys,
        &[
            "rogues: fresh keys without orders",
            "rogues: fresh keys with orders",
            "rogues: fresh keys with orders withheld",
        ],
    ),
    (
        Fault::Forwards,
        &["rogues: forwards of nothing", "rogues: forwards to nobody"],
    ),
    (
        Fault::WashTrades,
        &["rogues: wash trades", "rogues: requests for dust"],
    ),
    (
        Fault::UnknownTakes,
        &["rogues: requests for unknown orders"],
    ),
    (Fault::Replays, &["rogues: messages replayed"]),
    (Fault::EmptyNews, &["rogues: announce nothing"]),
    (Fault::Byzantine, &["rogues: rest", "rogues: take twice"]),
];

#[test]
fn rogues_do_all_that_they_can_after_healing_too() {
    for (fault, expected) in OF_ROGUES {
        let summaries = [[].as_slice(), &[Fault::AfterHealing]].map(|also| {
            let mut scenario = Scenario::draw(5, 4..=4);
            scenario.faults = also.iter().copied().chain([fault]).collect();
            scenario.bounds.clear();
            scenario.trouble_time = 30_000;
            run(&scenario, &Trace::off()).unwrap()
        });
        let [before, after] = summaries.each_ref().map(|summary| {
            let counts = expected.iter().map(|what| summary.counts.of(what));
            counts.collect::<Vec<u64>>()
        });
        assert!(after.iter().all(|count| *count > 0), "{fault:?}: {after:?}");
        assert!(
            after.iter().sum::<u64>() > before.iter().sum(),
            "{fault:?}: {before:?} before healing, {after:?} in all"
        );
    }
}

#[test]
fn small_bounds_are_reached() {
    let cases = [
        (Bound::StoredOrders, Fault::Byzantine),
        (Bound::Trades, Fault::WashTrades),
    ];
    for (bound, fault) in cases {
        let reached = (0..20).any(|seed| {
            let mut scenario = Scenario::draw(seed, 4..=4);
            scenario.faults = [fault].into();
            scenario.bounds = [bound].into();
            scenario.trouble_time = 40_000;
            let counts = run(&scenario, &Trace::off()).unwrap().counts;
            let reached = ["evicted by ledgers", "orders_over_bound"];
            let reached = reached.map(|what| counts.of(&format!("bounds: {what}")));
            reached.iter().any(|count| *count > 0)
        });
        assert!(reached, "{bound:?} is never reached");
    }
}

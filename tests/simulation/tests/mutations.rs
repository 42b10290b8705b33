//! What the judge is worth: with each safety rule switched off, some run must fail, and by a rule
//! that says why.

use meshbook_simulation::{Mutation, Scenario, Trace, run};

/// The runs that may pass before one fails.
const SEEDS: u64 = 4_000;

/// Looks for the first run that breaks one of the rules, and says which it is. Runs that break one of
/// `besides` are passed over: the fault may do that too.
fn caught_besides(mutation: Mutation, besides: &[&str], rules: &[&str]) {
    for seed in 0..SEEDS {
        let mut scenario = Scenario::draw(seed, 3..=7);
        mutation.provoke(&mut scenario);
        let Err(violation) = run(&scenario, &Trace::off()) else {
            continue;
        };
        if besides.iter().any(|rule| violation.rule.starts_with(rule)) {
            continue;
        }
        println!(
            "{}: caught by run {}: {violation}",
            mutation.name(),
            seed + 1
        );
        let fits = rules.iter().any(|rule| violation.rule.starts_with(rule));
        assert!(fits, "{scenario}: {violation} says nothing of the fault");
        return;
    }
    panic!("{}: {SEEDS} runs pass", mutation.name());
}

/// The same where every run that fails has to say why.
fn caught(mutation: Mutation, rules: &[&str]) {
    caught_besides(mutation, &[], rules);
}

#[test]
fn a_hold_that_times_out_is_caught() {
    caught(Mutation::HoldsTimeOut, &["1 "]);
}

#[test]
fn sending_before_writing_is_caught() {
    caught(
        Mutation::SendsBeforeWriting,
        &["1 ", "3 ", "6 ", "what a user was told"],
    );
}

#[test]
fn trading_at_once_after_a_start_is_caught() {
    caught(Mutation::NoBootBarrier, &["1 ", "3 ", "6 "]);
}

#[test]
fn a_request_that_does_not_show_refusals_is_caught() {
    caught(Mutation::NothingFreed, &["1 ", "6 "]);
}

#[test]
fn relaying_what_is_not_signed_is_caught() {
    caught(Mutation::RelaysUnverified, &["nobody passes on"]);
}

#[test]
fn adding_pieces_up_is_caught() {
    // An order's own holds can overlap as well.
    caught_besides(Mutation::PiecesAddUp, &["1 "], &["2 "]);
}

#[test]
fn filling_less_than_a_smallest_piece_is_caught() {
    caught(Mutation::DustFills, &["4 "]);
}

#[test]
fn owners_that_make_room_whatever_use_they_are_of_are_caught() {
    caught(Mutation::OwnersAreAlike, &["8 "]);
}

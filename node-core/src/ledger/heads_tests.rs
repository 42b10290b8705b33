//! Tests of liveness: who is shown, hidden, dropped, and who comes back.

use crate::types::{Amount, Millis, OrderId, Side};

use super::limits::{GONE_AFTER, LIVE, STRAY_KEPT};
use super::testing::{Draft, amount, ka, place, sign};
use super::{Applied, Ledger, OrderStatus, Payload, Place, Refusal, Statement};

const NEXT: Millis = Millis(1);
/// When what the tests place is signed.
const SIGNED: Millis = Millis(1_000);

fn placed(key: u8, n: u64) -> (Statement, OrderId) {
    let statement = sign(key, Payload::Place(place(n, Side::Buy)));
    let id = statement.order_id().unwrap();
    (statement, id)
}

fn alive(key: u8, n: u64, ts: Millis) -> Statement {
    sign(key, Payload::Ka(ka(n, ts.0, true, &[])))
}

fn goodbye(key: u8, n: u64, ts: Millis) -> Statement {
    sign(key, Payload::Ka(ka(n, ts.0, false, &[])))
}

fn new(changed: &[OrderId]) -> Applied {
    let mut changed = changed.to_vec();
    changed.sort_unstable();
    Applied::New { changed }
}

#[test]
fn a_silent_owners_orders_are_hidden_until_it_is_heard_of_again() {
    let mut ledger = Ledger::new();
    let (first, one) = placed(1, 1);
    let (second, two) = placed(1, 2);
    let (other, three) = placed(2, 1);
    for statement in [&first, &second, &other] {
        ledger.apply(statement.clone(), SIGNED);
    }
    let (owner, until) = (first.owner(), SIGNED + LIVE);
    ledger.apply(alive(2, 2, until), until);
    assert_eq!(ledger.expire(until), []);
    assert!(ledger.is_live(&owner, until));
    assert_eq!(ledger.visible_open(&one), amount("10"));
    assert_eq!(ledger.next_due(), Some(until + NEXT));

    let mut hidden = ledger.expire(until + NEXT);
    hidden.sort_unstable();
    assert_eq!(new(&hidden), new(&[one, two]));
    assert!(!ledger.is_live(&owner, until + NEXT));
    assert_eq!(ledger.expire(until + NEXT), []);
    for id in [one, two] {
        assert_eq!(ledger.visible_open(&id), Amount::ZERO);
        assert_eq!(ledger.order(&id).unwrap().status(), OrderStatus::Open);
        assert_eq!(ledger.order(&id).unwrap().open(), amount("10"));
    }
    assert_eq!(ledger.visible_open(&three), amount("10"));

    let later = until + Millis(60_000);
    let back = alive(1, 3, later);
    assert_eq!(ledger.apply(back.clone(), later), new(&[one, two]));
    assert_eq!(ledger.head(&owner), Some(&back));
    assert_eq!(ledger.visible_open(&one), amount("10"));
    assert_eq!(ledger.expire(later), []);
}

#[test]
fn any_newer_statement_is_a_sign_of_life_and_an_older_one_is_none() {
    let mut ledger = Ledger::new();
    let (first, one) = placed(1, 5);
    ledger.apply(first, SIGNED);
    let later = SIGNED + LIVE + Millis(10_000);
    ledger.expire(later);
    assert_eq!(ledger.visible_open(&one), Amount::ZERO);
    // Dated later and with a smaller n: what is older is what the owner numbered so.
    let backdated = Place {
        ts: later,
        ..place(4, Side::Sell)
    };
    let backdated = sign(1, Payload::Place(backdated));
    let id = backdated.order_id().unwrap();
    assert_eq!(ledger.apply(backdated, later), new(&[id]));
    assert_eq!(ledger.visible_open(&one), Amount::ZERO);
    let newer = Place {
        ts: later,
        ..place(6, Side::Sell)
    };
    let newer = sign(1, Payload::Place(newer));
    let two = newer.order_id().unwrap();
    assert_eq!(ledger.apply(newer, later), new(&[one, two, id]));
    assert_eq!(ledger.visible_open(&one), amount("10"));
}

#[test]
fn a_fill_is_a_sign_of_life_of_its_maker_only() {
    let mut ledger = Ledger::new();
    let draft = Draft::new();
    let [maker, taker, ..] = draft.clone().statements();
    ledger.apply(maker.clone(), SIGNED);
    ledger.apply_trade(draft.trade().unwrap(), Millis(3_000));
    let wall = SIGNED + LIVE + NEXT;
    assert!(ledger.is_live(&maker.owner(), wall));
    assert!(!ledger.is_live(&taker.owner(), wall));
}

#[test]
fn a_goodbye_hides_at_once_and_only_something_newer_undoes_it() {
    let mut ledger = Ledger::new();
    let (statement, id) = placed(1, 1);
    let owner = statement.owner();
    ledger.apply(statement, SIGNED);
    let wall = Millis(5_000);
    assert_eq!(ledger.apply(goodbye(1, 5, wall), wall), new(&[id]));
    assert_eq!(ledger.visible_open(&id), Amount::ZERO);
    assert!(!ledger.is_live(&owner, wall));
    assert_eq!(ledger.apply(goodbye(1, 5, wall), wall), Applied::Known);
    assert_eq!(ledger.apply(alive(1, 4, wall), wall), Applied::Stale);
    assert_eq!(ledger.visible_open(&id), Amount::ZERO);
    assert_eq!(ledger.apply(alive(1, 6, wall), wall), new(&[id]));
    assert_eq!(ledger.visible_open(&id), amount("10"));
    assert_eq!(ledger.heads().count(), 1);
}

#[test]
fn the_orders_of_an_owner_that_is_gone_are_dropped_and_its_trades_stay() {
    let mut ledger = Ledger::new();
    let trade = Draft::new().trade().unwrap();
    let (maker, id) = (trade.maker().clone(), trade.maker_order());
    ledger.apply_trade(trade.clone(), Millis(3_000));
    ledger.apply(alive(1, 7, Millis(3_000)), Millis(3_000));
    let gone = Millis(3_000) + GONE_AFTER + NEXT;
    ledger.expire(gone - NEXT);
    assert!(ledger.order(&id).is_some());
    assert_eq!(ledger.expire(gone), []);
    assert!(ledger.order(&id).is_none());
    assert_eq!(ledger.head(&maker.owner()), None);
    assert_eq!(ledger.trade(&trade.id()), Some(&trade));
    assert_eq!((ledger.stats().owners, ledger.next_due()), (0, None));

    // Its order may come again before its sign of life does; what was burned is not forgotten.
    let returns = |ledger: &mut Ledger| {
        assert_eq!(ledger.apply(maker.clone(), gone), new(&[id]));
        assert_eq!(ledger.visible_open(&id), Amount::ZERO);
        assert_eq!(ledger.order(&id).unwrap().filled(), amount("4"));
        assert_eq!(ledger.next_due(), Some(gone + STRAY_KEPT));
    };
    returns(&mut ledger);
    ledger.expire(gone + STRAY_KEPT);
    assert!(ledger.order(&id).is_none());
    returns(&mut ledger);
    assert_eq!(ledger.apply(alive(1, 8, gone), gone), new(&[id]));
    assert_eq!(ledger.visible_open(&id), amount("6"));
    assert_eq!(ledger.expire(gone + STRAY_KEPT), []);
    assert_eq!(ledger.visible_open(&id), amount("6"));
}

#[test]
fn the_own_orders_are_never_dropped() {
    let mut ledger = Ledger::new();
    let (statement, id) = placed(1, 1);
    ledger.keep_owner(statement.owner());
    ledger.apply(statement, SIGNED);
    let wall = SIGNED + GONE_AFTER + GONE_AFTER;
    assert_eq!(ledger.expire(wall), [id]);
    assert_eq!(ledger.expire(wall + GONE_AFTER), []);
    assert_eq!(ledger.visible_open(&id), Amount::ZERO);
    let wall = wall + GONE_AFTER;
    assert_eq!(ledger.apply(alive(1, 2, wall), wall), new(&[id]));
    assert_eq!(ledger.visible_open(&id), amount("10"));
}

#[test]
fn a_keep_alive_of_long_ago_is_refused() {
    let mut ledger = Ledger::new();
    let wall = SIGNED + GONE_AFTER + NEXT;
    let refused = Applied::Refused(Refusal::Expired);
    assert_eq!(ledger.apply(alive(1, 1, SIGNED), wall), refused);
    assert_eq!(ledger.stats().heads, 0);
    assert_eq!(ledger.next_due(), None);
    assert!(ledger.apply(alive(1, 1, SIGNED + NEXT), wall).is_new());
    // One of tomorrow waits for its time.
    let early = alive(1, 2, wall + Millis(10_001));
    assert_eq!(ledger.apply(early, wall), Applied::Quarantined);
}

//! Tests of what follows from the list behind an owner's newest keep-alive, and of what nodes
//! compare.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;

use crate::types::{Amount, Millis, NodeId, OrderId, Side, StatementHash};

use super::store_tests::{seeds, world};
use super::testing::{Draft, Item, amount, apply, check_retained, identity, ka, ord, place, sign};
use super::{
    Applied, InventoryError, Ledger, OrdStatus, OrderStatus, Payload, Place, Proof, Statement,
};

const WALL: Millis = Millis(60_000);

fn placed(n: u64) -> (Statement, OrderId) {
    let statement = sign(1, Payload::Place(place(n, Side::Buy)));
    let id = statement.order_id().unwrap();
    (statement, id)
}

fn said(n: u64, id: OrderId, open: &str, status: OrdStatus) -> Statement {
    sign(1, Payload::Ord(ord(n, id, open, status)))
}

fn lists(n: u64, entries: &[(OrderId, u64)]) -> Statement {
    sign(1, Payload::Ka(ka(n, 50_000, true, entries)))
}

fn owner() -> NodeId {
    identity(1).node_id()
}

fn of<'a>(statements: impl IntoIterator<Item = &'a Statement>) -> Ledger {
    let mut ledger = Ledger::new();
    for statement in statements {
        ledger.apply(statement.clone(), WALL);
    }
    ledger
}

fn learn(ledger: &mut Ledger, ka: &Statement, list: &[(OrderId, u64)]) -> Vec<OrderId> {
    ledger
        .apply_inventory(owner(), ka.hash(), list.to_vec())
        .unwrap()
}

fn status(ledger: &Ledger, id: OrderId) -> OrderStatus {
    ledger.order(&id).unwrap().status()
}

#[test]
fn what_an_inventory_leaves_out_is_withdrawn_until_a_newer_one_lists_it() {
    let ((one, kept), (two, left_out)) = (placed(1), placed(2));
    let short = lists(5, &[(kept, 1)]);
    let mut ledger = of([&one, &two, &short]);
    // The root alone says that something differs, and not what.
    assert_eq!(ledger.listed_by_head(&owner()), None);
    assert_eq!(status(&ledger, left_out), OrderStatus::Open);

    assert_eq!(learn(&mut ledger, &short, &[(kept, 1)]), [left_out]);
    assert!(ledger.order(&left_out).unwrap().withdrawn());
    assert_eq!(status(&ledger, left_out), OrderStatus::Closed);
    assert_eq!(ledger.visible_open(&left_out), Amount::ZERO);
    assert_eq!(status(&ledger, kept), OrderStatus::Open);
    assert_eq!((ledger.open_of(&owner()), ledger.stats().open), (1, 1));
    assert_eq!(learn(&mut ledger, &short, &[(kept, 1)]), []);

    let both = [(kept, 1), (left_out, 2)];
    let long = lists(6, &both);
    ledger.apply(long.clone(), WALL);
    assert_eq!(status(&ledger, left_out), OrderStatus::Closed);
    assert_eq!(learn(&mut ledger, &long, &both), [left_out]);
    assert_eq!(status(&ledger, left_out), OrderStatus::Open);
    assert_eq!(ledger.visible_open(&left_out), amount("10"));
    assert_eq!(ledger.open_of(&owner()), 2);
}

#[test]
fn what_was_said_after_the_keep_alive_counts_more_than_its_list() {
    let ((one, kept), (two, newer)) = (placed(1), placed(2));
    let short = lists(5, &[(kept, 1)]);
    let again = said(7, newer, "3", OrdStatus::Open);
    let orders = [[&one, &two, &short, &again], [&one, &two, &again, &short]];
    let mut ledgers = orders.map(of);
    for ledger in &mut ledgers {
        assert_eq!(learn(ledger, &short, &[(kept, 1)]), []);
    }
    // The same if the list was known before.
    let mut late = of([&one, &two, &short]);
    learn(&mut late, &short, &[(kept, 1)]);
    let changed = vec![newer];
    assert_eq!(late.apply(again, WALL), Applied::New { changed });
    for ledger in ledgers.iter().chain([&late]) {
        assert_eq!(ledger.visible_open(&newer), amount("3"));
        assert_eq!(ledger.digest(), late.digest());
    }
}

#[test]
fn an_order_that_was_placed_after_the_keep_alive_is_not_touched() {
    let ((one, listed), (two, later)) = (placed(1), placed(6));
    let list = lists(5, &[(listed, 1)]);
    let mut ledger = of([&one, &two, &list]);
    // Nor does it hide that everything else is held.
    assert_eq!(
        ledger.listed_by_head(&owner()),
        Some([(listed, 1)].as_slice())
    );
    assert_eq!(learn(&mut ledger, &list, &[(listed, 1)]), []);
    assert_eq!(status(&ledger, later), OrderStatus::Open);
    assert!(!ledger.lacks_listed(&owner()));
}

#[test]
fn who_holds_exactly_what_is_listed_knows_the_list_without_asking() {
    let ((one, first), (two, second)) = (placed(1), placed(2));
    let more = said(3, second, "4", OrdStatus::Open);
    let entries = [(first, 1), (second, 3)];
    let list = lists(5, &entries);
    let mut sorted = entries.to_vec();
    sorted.sort_unstable();
    let all = [&one, &two, &more, &list];
    for last in 0..all.len() {
        let mut order = all;
        order[last..].rotate_left(1);
        let mut ledger = of(order[..3].iter().copied());
        assert_eq!(ledger.listed_by_head(&owner()), None);
        ledger.apply(order[3].clone(), WALL);
        assert_eq!(ledger.listed_by_head(&owner()), Some(sorted.as_slice()));
        assert!(!ledger.lacks_listed(&owner()));
    }
    // Nothing listed and nothing held is a match, too.
    let bare = of([&lists(5, &[])]);
    assert_eq!(bare.listed_by_head(&owner()), Some([].as_slice()));
}

#[test]
fn something_is_lacked_until_all_that_is_listed_is_here() {
    let ((one, first), (two, second)) = (placed(1), placed(2));
    let more = said(3, second, "4", OrdStatus::Open);
    let entries = [(first, 1), (second, 3)];
    let list = lists(5, &entries);
    let mut ledger = of([&one]);
    assert!(!ledger.lacks_listed(&owner()), "nothing is listed yet");
    ledger.apply(list.clone(), WALL);
    assert!(ledger.lacks_listed(&owner()), "the list is not known");
    learn(&mut ledger, &list, &entries);
    assert!(ledger.lacks_listed(&owner()), "an order is not here");
    ledger.apply(two, WALL);
    assert!(ledger.lacks_listed(&owner()), "its newest word is not here");
    ledger.apply(more, WALL);
    assert!(!ledger.lacks_listed(&owner()));
    // A newer keep-alive is a new question.
    ledger.apply(lists(6, &entries[..1]), WALL);
    assert!(ledger.lacks_listed(&owner()));
}

#[test]
fn an_order_that_comes_late_and_is_left_out_is_withdrawn_at_once() {
    let ((one, kept), (two, late)) = (placed(1), placed(2));
    let mut ledger = of([&one, &lists(5, &[(kept, 1)])]);
    let changed = vec![late];
    assert_eq!(ledger.apply(two, WALL), Applied::New { changed });
    assert!(ledger.order(&late).unwrap().withdrawn());
    assert_eq!(ledger.visible_open(&late), Amount::ZERO);
    assert_eq!(ledger.open_of(&owner()), 1);
}

#[test]
fn a_list_with_another_root_or_of_another_head_changes_nothing() {
    let ((one, first), (two, second)) = (placed(1), placed(2));
    let (older, newest) = (lists(4, &[(first, 1)]), lists(5, &[(second, 2)]));
    let mut ledger = of([&one, &two, &older, &newest]);
    let before = ledger.digest();
    let mut refused = |of, ka: StatementHash, list: &[(OrderId, u64)], error| {
        let result = ledger.apply_inventory(of, ka, list.to_vec());
        assert_eq!(result, Err(error));
        assert_eq!(ledger.digest(), before);
        assert_eq!(ledger.listed_by_head(&owner()), None);
        assert_eq!(ledger.open_of(&owner()), 2);
    };
    let (other_head, root) = (InventoryError::OtherHead, InventoryError::Root);
    refused(owner(), older.hash(), &[(first, 1)], other_head);
    refused(owner(), one.hash(), &[(second, 2)], other_head);
    refused(
        identity(2).node_id(),
        newest.hash(),
        &[(second, 2)],
        other_head,
    );
    let forged: [&[(OrderId, u64)]; 5] = [
        &[],
        &[(first, 1)],
        &[(second, 1)],
        &[(second, 2), (second, 2)],
        &[(first, 1), (second, 2)],
    ];
    for list in forged {
        refused(owner(), newest.hash(), list, root);
    }
}

fn retained(ledger: &Ledger) -> BTreeSet<[u8; 32]> {
    ledger
        .retained()
        .iter_from(0)
        .map(super::Retained::id)
        .collect()
}

#[test]
fn what_follows_from_other_things_is_not_compared() {
    let mut ledger = Ledger::new();
    let place_of = |key: u8, change: &dyn Fn(&mut Place)| {
        let mut terms = place(1, Side::Buy);
        change(&mut terms);
        sign(key, Payload::Place(terms))
    };
    let open = place_of(3, &|_| {});
    let closed = place_of(4, &|_| {});
    let closing = ord(2, closed.order_id().unwrap(), "0", OrdStatus::Closed);
    let closing = sign(4, Payload::Ord(closing));
    let pending = place_of(5, &|place| place.rest = false);
    let expired = place_of(6, &|place| place.exp = WALL + Millis(1));
    let withdrawn = place_of(7, &|_| {});
    let empty = sign(7, Payload::Ka(ka(5, 50_000, true, &[])));
    let revoked = place_of(8, &|_| {});
    let revoked_head = sign(8, Payload::Ka(ka(5, 50_000, true, &[])));
    let said = [1, 2].map(|amt: u8| {
        let ord = ord(9, OrderId([9; 16]), &amt.to_string(), OrdStatus::Open);
        sign(8, Payload::Ord(ord))
    });
    let proof = Proof::between(&said[0], &said[1]).unwrap();
    let mut draft = Draft::new();
    (draft.maker.amt, draft.fill.open) = (amount("4"), amount("0"));
    let trade = draft.trade().unwrap();
    let statements = [
        &open,
        &closed,
        &closing,
        &pending,
        &expired,
        &withdrawn,
        &empty,
        &revoked,
        &revoked_head,
    ];
    for statement in statements {
        ledger.apply(statement.clone(), WALL);
    }
    let list = ledger.apply_inventory(withdrawn.owner(), empty.hash(), Vec::new());
    assert_eq!(list.unwrap().len(), 1);
    ledger.apply_trade(trade.clone(), WALL);
    ledger.apply_proof(proof.clone());
    ledger.expire(WALL + Millis(1));
    let kept = [&open, &closed, &closing, &empty];
    let mut kept: BTreeSet<_> = kept.map(|statement| statement.hash().0).into();
    kept.extend([trade.id().0, proof.hash()]);
    assert_eq!(retained(&ledger), kept);
    check_retained(&ledger);
}

#[test]
fn a_closed_order_is_compared_whether_or_not_a_list_left_it_out_as_well() {
    let ((one, kept), (two, id)) = (placed(1), placed(2));
    let closing = said(3, id, "0", OrdStatus::Closed);
    let list = lists(5, &[(kept, 1)]);
    let early = of([&one, &list, &two, &closing]);
    let late = of([&one, &two, &closing, &list]);
    assert_eq!(early.digest(), late.digest());
    assert_eq!(retained(&early), retained(&late));
}

/// Where an owner's list is taken from: what it had when so many items were there.
type Cut = (u8, Index);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_retained_does_not_depend_on_the_order_in_which_it_came(
        (items, lists, shuffled) in (
            seeds().prop_map(world),
            prop::collection::vec((0..3u8, any::<Index>()), 0..4),
        ).prop_flat_map(|(mut items, cuts): (Vec<Item>, Vec<Cut>)| {
            let mut found = Ledger::new();
            let mut lists = Vec::new();
            for (n, (key, cut)) in (50..).zip(cuts) {
                let mut known = Ledger::new();
                for item in &items[..cut.index(items.len() + 1)] {
                    apply(&mut known, item.clone(), WALL);
                }
                let ts = Millis(59_000 + n);
                let list = known.inventory(&identity(key).node_id(), ts).entries;
                let ka = sign(key, Payload::Ka(ka(n, ts.0, true, &list)));
                items.push(Item::Statement(ka.clone()));
                lists.push((ka, list));
            }
            for item in items.clone() {
                apply(&mut found, item, WALL);
            }
            items.extend(found.take_found_proofs().into_iter().take(1).map(Item::Proof));
            (Just(items.clone()), Just(lists), Just(items).prop_shuffle())
        }),
    ) {
        let informed = |items: Vec<Item>| {
            let mut ledger = Ledger::new();
            for item in items {
                apply(&mut ledger, item, WALL);
            }
            // Only that of the newest keep-alive of each owner counts, and who knows it does not ask.
            for (ka, list) in &lists {
                if ledger.listed_by_head(&ka.owner()).is_none() {
                    let _ = ledger.apply_inventory(ka.owner(), ka.hash(), list.clone());
                }
            }
            ledger
        };
        let ledgers = [items, shuffled].map(informed);
        let [one, other] = &ledgers;
        prop_assert_eq!(one.digest(), other.digest());
        prop_assert_eq!(retained(one), retained(other));
        let open = |ledger: &Ledger| {
            let open = ledger.open_orders().map(|order| (order.id(), order.open()));
            open.collect::<Vec<_>>()
        };
        prop_assert_eq!(open(one), open(other));
    }
}

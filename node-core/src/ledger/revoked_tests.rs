//! Tests of what a proof does, and of the bounds on owners and proofs.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::types::{Millis, NodeId, OrderId, Side};

use super::store_tests::{seeds, world};
use super::testing::{Draft, Item, amount, apply, check_retained, identity, ka, ord, place, sign};
use super::{Applied, Ledger, OrdStatus, OrderStatus, Payload, Place, Proof, Refusal, Statement};

const WALL: Millis = Millis(60_000);

fn placed(key: u8, change: impl FnOnce(&mut Place)) -> (Statement, OrderId) {
    let mut terms = place(1, Side::Buy);
    change(&mut terms);
    let statement = sign(key, Payload::Place(terms));
    let id = statement.order_id().unwrap();
    (statement, id)
}

/// A proof against this key; another one for each number.
fn proof(key: u8, n: u64) -> Proof {
    let ord = |open| {
        let ord = ord(n, OrderId([9; 16]), open, OrdStatus::Open);
        sign(key, Payload::Ord(ord))
    };
    Proof::between(&ord("1"), &ord("2")).unwrap()
}

fn applied(items: impl IntoIterator<Item = Item>) -> Ledger {
    let mut ledger = Ledger::new();
    for item in items {
        apply(&mut ledger, item, WALL);
    }
    ledger
}

#[test]
fn a_proof_closes_all_orders_of_its_owner_now_and_later() {
    let mut ledger = Ledger::new();
    let (open, open_id) = placed(1, |_| {});
    let (pending, pending_id) = placed(1, |place| (place.n, place.rest) = (2, false));
    let (foreign, foreign_id) = placed(2, |_| {});
    for statement in [open, pending, foreign] {
        ledger.apply(statement, WALL);
    }
    let mut changed = vec![open_id, pending_id];
    changed.sort_unstable();
    assert_eq!(ledger.apply_proof(proof(1, 5)), Applied::New { changed });
    assert!(ledger.is_revoked(&identity(1).node_id()));
    assert!(!ledger.is_revoked(&identity(2).node_id()));
    let (later, later_id) = placed(1, |place| place.n = 3);
    assert!(ledger.apply(later, WALL).is_new());
    let publishes = ord(9, pending_id, "3", OrdStatus::Open);
    ledger.apply(sign(1, Payload::Ord(publishes)), WALL);
    for id in [open_id, pending_id, later_id] {
        let order = ledger.order(&id).unwrap();
        assert_eq!(order.status(), OrderStatus::Closed);
        assert_eq!(order.open(), amount("0"));
        assert_eq!(ledger.visible_open(&id), amount("0"));
    }
    let open: Vec<_> = ledger.open_orders().map(super::OrderState::id).collect();
    assert_eq!(open, [foreign_id]);
    assert_eq!(ledger.open_of(&identity(1).node_id()), 0);
}

#[test]
fn the_first_proof_is_kept_and_any_other_leads_to_the_same_state() {
    let (first, second) = (proof(1, 5), proof(1, 6));
    assert_ne!(first, second);
    let ledgers = [[&first, &second], [&second, &first]].map(|proofs| {
        let mut ledger = Ledger::new();
        assert!(ledger.apply_proof(proofs[0].clone()).is_new());
        for again in proofs {
            assert_eq!(ledger.apply_proof(again.clone()), Applied::Known);
        }
        assert_eq!(ledger.proof(&identity(1).node_id()), Some(proofs[0]));
        assert_eq!(ledger.proofs().collect::<Vec<_>>(), [proofs[0]]);
        ledger
    });
    assert_eq!(ledgers[0].digest(), ledgers[1].digest());
    assert_ne!(ledgers[0].digest(), Ledger::new().digest());
}

#[test]
fn trades_of_a_revoked_owner_stay_and_come() {
    let trade = Draft::new().trade().unwrap();
    let (maker, taker) = (trade.maker_order(), trade.taker_order());
    let (trade, proof) = (Item::Trade(trade), Item::Proof(proof(1, 5)));
    let one = applied([trade.clone(), proof.clone()]);
    let other = applied([proof, trade]);
    assert_eq!(one.digest(), other.digest());
    for ledger in [one, other] {
        let [maker, taker] = [maker, taker].map(|id| ledger.order(&id).unwrap());
        assert_eq!((maker.filled(), taker.filled()), (amount("4"), amount("4")));
        assert_eq!(maker.status(), OrderStatus::Closed);
        assert_eq!(taker.status(), OrderStatus::Pending);
        assert_eq!(ledger.trades(10).count(), 1);
    }
}

#[test]
fn two_trades_of_one_piece_are_disputed_and_others_are_not() {
    let first = Draft::new().trade().unwrap();
    let of_taker = |key, at: &str| {
        let mut draft = Draft::new();
        (draft.keys[1], draft.keys[2]) = (key, key);
        draft.fill.n = u64::from(key);
        draft.fill.at = amount(at);
        draft.trade().unwrap()
    };
    let (overlaps, apart) = (of_taker(3, "2"), of_taker(4, "6"));
    let mut ledger = Ledger::new();
    for trade in [&first, &apart] {
        assert!(ledger.apply_trade(trade.clone(), WALL).is_new());
    }
    assert!(!ledger.is_disputed(&first.id()));
    ledger.apply_trade(overlaps.clone(), WALL);
    assert!(ledger.is_disputed(&first.id()) && ledger.is_disputed(&overlaps.id()));
    assert!(!ledger.is_disputed(&apart.id()));
    assert_eq!(ledger.trades(10).count(), 3);
    let found = ledger.take_found_proofs();
    let owners: Vec<_> = found.iter().map(Proof::owner).collect();
    assert_eq!(owners, [identity(1).node_id()]);
}

#[test]
fn nothing_more_is_found_against_an_owner_that_is_revoked() {
    let mut ledger = Ledger::new();
    ledger.apply_proof(proof(1, 5));
    for amt in ["1", "2"] {
        let (statement, _) = placed(1, |place| place.amt = amount(amt));
        ledger.apply(statement, WALL);
    }
    assert_eq!(ledger.take_found_proofs(), []);
}

#[test]
fn forgotten_proof_leaves_orders_as_they_were() {
    let (first, id) = placed(1, |_| {});
    let mut ledger = Ledger::new();
    ledger.revoked.most = 2;
    ledger.apply(first, WALL);
    for key in [1, 2] {
        assert!(ledger.apply_proof(proof(key, 5)).is_new());
    }
    assert_eq!(ledger.order(&id).unwrap().status(), OrderStatus::Closed);
    let refused = Applied::Refused(Refusal::TooManyProofs);
    assert_eq!(ledger.apply_proof(proof(3, 5)), refused);
    assert!(!ledger.has_room_for_proof());
    assert_eq!(ledger.forget_proof(&identity(1).node_id()), [id]);
    assert_eq!(ledger.order(&id).unwrap().status(), OrderStatus::Open);
    check_retained(&ledger);
    assert!(ledger.apply_proof(proof(3, 5)).is_new());
    assert_eq!(ledger.stats().revoked, 2);
    assert!(
        ledger
            .take_displaced_proofs()
            .into_iter()
            .eq([identity(1).node_id()])
    );
    // One that is kept again is not to be removed from the disk.
    ledger.forget_proof(&identity(2).node_id());
    assert!(ledger.apply_proof(proof(2, 5)).is_new());
    assert!(ledger.take_displaced_proofs().is_empty());
}

#[test]
fn own_orders_always_find_room() {
    let mut ledger = Ledger::new();
    ledger.keep_owner(identity(3).node_id());
    ledger.heads.most = 1;
    let (own, own_id) = placed(3, |_| {});
    let (other, other_id) = placed(1, |_| {});
    ledger.apply(other, WALL);
    assert!(ledger.apply(own, WALL).is_new());
    let refused = Applied::Refused(Refusal::TooManyOwners);
    assert_eq!(ledger.apply(placed(2, |_| {}).0, WALL), refused);
    assert!(ledger.order(&own_id).is_some() && ledger.order(&other_id).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn known_owners_stay_and_bounds_hold_whatever_comes(
        steps in Just((1..=12u8).flat_map(|key| [(key, 0u8), (key, 1), (key, 2), (key, 3)]).collect::<Vec<_>>())
            .prop_shuffle(),
        most in 1..12usize,
    ) {
        let mut ledger = Ledger::new();
        ledger.heads.most = most;
        ledger.revoked.most = most;
        for (key, kind) in steps {
            let before: BTreeSet<NodeId> = ledger.known_owners().collect();
            let owner = identity(key).node_id();
            match kind {
                0 => drop(ledger.apply(placed(key, |_| {}).0, WALL)),
                1 => drop(ledger.apply(sign(key, Payload::Ka(ka(9, WALL.0, true, &[]))), WALL)),
                2 => drop(ledger.apply_proof(proof(key, 5))),
                _ => drop(ledger.forget_owner(&owner)),
            }
            let after: BTreeSet<NodeId> = ledger.known_owners().collect();
            prop_assert!(after.len() <= most && ledger.stats().revoked <= most);
            // Nobody makes room without being told.
            prop_assert!(before.iter().all(|known| *known == owner || after.contains(known)));
            check_retained(&ledger);
        }
    }

    #[test]
    fn any_permutation_of_statements_trades_and_proofs_gives_the_same_state(
        (items, shuffled) in (seeds().prop_map(world), 0..3u8).prop_flat_map(|(mut items, key)| {
            let mut ledger = applied(items.clone());
            items.extend(ledger.take_found_proofs().into_iter().map(Item::Proof));
            items.push(Item::Proof(proof(key, 50)));
            let mut twice = items.clone();
            twice.extend(items.iter().rev().take(items.len() / 2).cloned());
            (Just(items), Just(twice).prop_shuffle())
        }),
    ) {
        let (mut one, mut other) = (applied(items), applied(shuffled));
        prop_assert_eq!(one.digest(), other.digest());
        for order in one.open_orders() {
            prop_assert!(!one.is_revoked(&order.owner()));
            prop_assert_eq!(order.open(), other.order(&order.id()).unwrap().open());
        }
        for trade in one.trades(99) {
            prop_assert_eq!(one.is_disputed(&trade.id()), other.is_disputed(&trade.id()));
        }
        // To find something changes nothing.
        let before = one.digest();
        let found = one.take_found_proofs().len() + other.take_found_proofs().len();
        prop_assert!(found <= 6);
        prop_assert_eq!(one.digest(), before);
    }
}

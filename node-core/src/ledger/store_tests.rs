//! Tests of the whole ledger: cases by name, then the properties over any set.

use proptest::prelude::*;
use proptest::sample::Index;

use crate::types::{Amount, Millis, OrderId, Side};

use super::limits::{
    FORGET_AFTER, GONE_AFTER, INACTIVE_KEPT, LIVE, OPEN_PER_OWNER, ORPHANS_PER_SIGNER, OWNERS,
    QUARANTINE, TRADES_KEPT,
};
use super::testing::{Draft, Item, amount, apply, check_retained, ka, network, ord, place, sign};
use super::{
    Applied, Identity, Ledger, OrdStatus, OrderStatus, Payload, Place, PlaceTif, RawStatement,
    Refusal, Rej, Statement, TradeRecord,
};

const WALL: Millis = Millis(60_000);

fn new(changed: impl IntoIterator<Item = OrderId>) -> Applied {
    let mut changed: Vec<_> = changed.into_iter().collect();
    changed.sort_unstable();
    Applied::New { changed }
}

fn placed(key: u8, place: Place) -> (Statement, OrderId) {
    let statement = sign(key, Payload::Place(place));
    let id = statement.order_id().unwrap();
    (statement, id)
}

fn said(key: u8, n: u64, id: OrderId, open: &str, status: OrdStatus) -> Statement {
    sign(key, Payload::Ord(ord(n, id, open, status)))
}

fn shrunk(key: u8, n: u64, id: OrderId, open: &str, amt: &str) -> Statement {
    let mut said = ord(n, id, open, OrdStatus::Open);
    said.amt = Some(amount(amt));
    sign(key, Payload::Ord(said))
}

fn open_of(ledger: &Ledger, id: OrderId) -> Amount {
    ledger.order(&id).unwrap().open()
}

#[test]
fn a_resting_place_is_open_at_once_and_known_the_second_time() {
    let mut ledger = Ledger::new();
    let (statement, id) = placed(1, place(1, Side::Buy));
    assert_eq!(ledger.apply(statement.clone(), WALL), new([id]));
    assert_eq!(ledger.apply(statement, WALL), Applied::Known);
    let order = ledger.order(&id).unwrap();
    assert_eq!(order.status(), OrderStatus::Open);
    assert_eq!(order.open(), amount("10"));
    assert_eq!(ledger.open_orders().count(), 1);
}

#[test]
fn a_place_that_does_not_rest_is_pending_until_an_ord_publishes_it() {
    let mut ledger = Ledger::new();
    let (statement, id) = placed(
        1,
        Place {
            rest: false,
            ..place(1, Side::Buy)
        },
    );
    ledger.apply(statement, WALL);
    assert_eq!(ledger.order(&id).unwrap().status(), OrderStatus::Pending);
    assert_eq!(ledger.open_orders().count(), 0);
    let publishes = said(1, 2, id, "7", OrdStatus::Open);
    assert_eq!(ledger.apply(publishes, WALL), new([id]));
    assert_eq!(open_of(&ledger, id), amount("7"));
    assert_eq!(ledger.open_orders().count(), 1);
}

#[test]
fn an_ioc_order_is_never_published() {
    let mut ledger = Ledger::new();
    let ioc = Place {
        rest: false,
        tif: PlaceTif::Ioc,
        ..place(1, Side::Buy)
    };
    let (statement, id) = placed(1, ioc);
    ledger.apply(statement, WALL);
    ledger.apply(said(1, 2, id, "7", OrdStatus::Open), WALL);
    assert_eq!(ledger.order(&id).unwrap().status(), OrderStatus::Pending);
    assert_eq!(open_of(&ledger, id), Amount::ZERO);
}

#[test]
fn only_the_owner_says_what_becomes_of_an_order() {
    let (statement, id) = placed(1, place(1, Side::Buy));
    let foreign = said(2, 2, id, "0", OrdStatus::Closed);
    let mut ledger = Ledger::new();
    ledger.apply(statement.clone(), WALL);
    let refused = Applied::Refused(Refusal::NotOwner);
    assert_eq!(ledger.apply(foreign.clone(), WALL), refused);
    // The other way round the stranger's word waits, and comes to nothing.
    let mut other = Ledger::new();
    assert_eq!(other.apply(foreign, WALL), new([]));
    other.apply(statement, WALL);
    assert_eq!(open_of(&other, id), amount("10"));
    assert_eq!(ledger.digest(), other.digest());
}

#[test]
fn a_closed_order_stays_closed_whatever_comes() {
    let mut ledger = Ledger::new();
    let (statement, id) = placed(1, place(1, Side::Buy));
    ledger.apply(said(1, 3, id, "0", OrdStatus::Closed), WALL);
    ledger.apply(statement, WALL);
    assert_eq!(ledger.order(&id).unwrap().status(), OrderStatus::Closed);
    let reopens = said(1, 4, id, "5", OrdStatus::Open);
    assert_eq!(
        ledger.apply(reopens, WALL),
        Applied::Refused(Refusal::Reopens)
    );
    assert_eq!(
        ledger.apply(said(1, 2, id, "5", OrdStatus::Open), WALL),
        Applied::Stale
    );
    assert_eq!(open_of(&ledger, id), Amount::ZERO);
}

#[test]
fn the_highest_n_says_what_is_open() {
    let mut ledger = Ledger::new();
    let (statement, id) = placed(1, place(1, Side::Buy));
    ledger.apply(statement, WALL);
    assert_eq!(
        ledger.apply(said(1, 4, id, "4", OrdStatus::Open), WALL),
        new([id])
    );
    assert_eq!(
        ledger.apply(said(1, 3, id, "9", OrdStatus::Open), WALL),
        Applied::Stale
    );
    assert_eq!(open_of(&ledger, id), amount("4"));
}

#[test]
fn an_amount_only_shrinks_and_not_below_what_is_burned() {
    let trade = Draft::new().trade().unwrap();
    let id = trade.maker_order();
    let mut ledger = Ledger::new();
    ledger.apply_trade(trade, WALL);
    ledger.apply(shrunk(1, 5, id, "2", "6"), WALL);
    assert_eq!(ledger.order(&id).unwrap().amt(), amount("6"));
    assert_eq!(open_of(&ledger, id), amount("2"));
    // Growing again does not count, even with a higher n.
    ledger.apply(shrunk(1, 6, id, "9", "9"), WALL);
    assert_eq!(ledger.order(&id).unwrap().amt(), amount("6"));
    assert_eq!(open_of(&ledger, id), amount("2"));
    ledger.apply(shrunk(1, 7, id, "0", "1"), WALL);
    let order = ledger.order(&id).unwrap();
    assert_eq!((order.amt(), order.filled()), (amount("4"), amount("4")));
    assert_eq!(order.status(), OrderStatus::Filled);
}

#[test]
fn a_replacement_closes_the_old_order_of_the_same_owner_only() {
    let (old, old_id) = placed(1, place(1, Side::Buy));
    let replaces = Place {
        replaces: Some(old_id),
        ..place(2, Side::Buy)
    };
    let (own, own_id) = placed(1, replaces.clone());
    let (foreign, foreign_id) = placed(2, replaces);
    let mut ledger = Ledger::new();
    ledger.apply(old.clone(), WALL);
    assert_eq!(ledger.apply(foreign, WALL), new([foreign_id]));
    assert_eq!(open_of(&ledger, old_id), amount("10"));
    assert_eq!(ledger.apply(own.clone(), WALL), new([old_id, own_id]));
    assert_eq!(ledger.order(&old_id).unwrap().status(), OrderStatus::Closed);
    // Also if the replacement comes first.
    let mut ledger = Ledger::new();
    ledger.apply(own, WALL);
    ledger.apply(old, WALL);
    assert_eq!(ledger.order(&old_id).unwrap().status(), OrderStatus::Closed);
}

#[test]
fn a_trade_makes_both_orders_known_and_burns_them() {
    let trade = Draft::new().trade().unwrap();
    let legs = [trade.maker_order(), trade.taker_order()];
    let mut ledger = Ledger::new();
    assert_eq!(ledger.apply_trade(trade.clone(), WALL), new(legs));
    assert_eq!(ledger.apply_trade(trade.clone(), WALL), Applied::Known);
    let [maker, taker] = legs.map(|id| ledger.order(&id).unwrap());
    assert_eq!((maker.filled(), maker.open()), (amount("4"), amount("6")));
    assert_eq!((taker.filled(), taker.open()), (amount("4"), Amount::ZERO));
    assert_eq!(taker.status(), OrderStatus::Pending);
    assert_eq!(ledger.trades(10).collect::<Vec<_>>(), [&trade]);
    assert_eq!(ledger.trades_of(legs[0]).count(), 1);
    assert_eq!(ledger.trade(&trade.id()), Some(&trade));
}

#[test]
fn a_fill_says_what_is_open_of_the_makers_order() {
    let mut draft = Draft::new();
    draft.fill.open = amount("1");
    draft.fill.n = 5;
    let trade = draft.trade().unwrap();
    let id = trade.maker_order();
    let mut ledger = Ledger::new();
    ledger.apply_trade(trade, WALL);
    assert_eq!(open_of(&ledger, id), amount("1"));
    ledger.apply(said(1, 4, id, "3", OrdStatus::Open), WALL);
    assert_eq!(open_of(&ledger, id), amount("1"));
    ledger.apply(said(1, 6, id, "3", OrdStatus::Open), WALL);
    assert_eq!(open_of(&ledger, id), amount("3"));
}

#[test]
fn what_is_not_replicated_by_itself_is_refused() {
    let [_, _, req, fill] = Draft::new().statements();
    let mut ledger = Ledger::new();
    let refused = Applied::Refused(Refusal::NotReplicated);
    assert_eq!(ledger.apply(req, WALL), refused);
    assert_eq!(ledger.apply(fill, WALL), refused);
    assert_eq!(ledger.stats().refused, 2);
}

/// A trade, and a later one of the same orders whose `req` shows the first one's refusal.
fn freed_pair() -> (TradeRecord, TradeRecord) {
    let first = Draft::new().trade().unwrap();
    let rej = Rej {
        ts: Millis(2_100),
        take: first.take_id(),
        why: "gone".parse().unwrap(),
        open: None,
    };
    let mut draft = Draft::new();
    draft.req.n = 3;
    draft.req.freed = vec![sign(1, Payload::Rej(rej)).raw()];
    draft.fill.n = 3;
    draft.fill.at = amount("5");
    draft.fill.open = amount("2");
    (first, draft.trade().unwrap())
}

/// Two ledgers with both trades, which came in either order: the first is void and the second
/// stands, and all else is the same.
fn in_either_order(void: &TradeRecord, stands: &TradeRecord) -> [Ledger; 2] {
    let ledgers = [[void, stands], [stands, void]].map(|order| {
        let mut ledger = Ledger::new();
        for trade in order {
            assert!(ledger.apply_trade(trade.clone(), WALL).is_new());
        }
        assert!(ledger.is_void(void) && !ledger.is_void(stands));
        assert_eq!(ledger.trades(10).collect::<Vec<_>>(), [stands]);
        ledger
    });
    assert_eq!(ledgers[0].digest(), ledgers[1].digest());
    ledgers
}

#[test]
fn a_trade_whose_taker_shows_the_makers_refusal_is_void() {
    let (void, stands) = freed_pair();
    let id = stands.maker_order();
    for ledger in in_either_order(&void, &stands) {
        assert_eq!(ledger.order(&id).unwrap().filled(), amount("4"));
    }
}

/// The first trade of [`freed_pair`], and one in which the `owner` of the freed piece sells it as a
/// maker; the `fill` shows the refusal. `owner` is 2, who made the first request, or somebody else.
fn sold_after_refusal(owner: u8) -> (TradeRecord, TradeRecord) {
    let (first, taken) = freed_pair();
    let mut draft = Draft::new();
    (draft.maker, draft.taker) = (draft.taker, draft.maker);
    (draft.fill.at, draft.fill.n) = (amount("1"), 3);
    draft.fill.freed = vec![taken.req().freed()[0].raw()];
    draft.keys = [owner, 3, 3, owner];
    (first, draft.trade().unwrap())
}

#[test]
fn a_trade_is_void_too_if_its_taker_shows_the_refusal_where_it_sells_the_piece() {
    let (void, stands) = sold_after_refusal(2);
    let id = void.taker_order();
    assert_eq!(stands.maker_order(), id);
    assert_eq!(stands.maker_piece(), void.taker_piece());
    for mut ledger in in_either_order(&void, &stands) {
        assert_eq!(ledger.order(&id).unwrap().filled(), amount("4"));
        let refused = ledger.order(&void.maker_order()).unwrap();
        assert_eq!(refused.filled(), Amount::ZERO);
        // The maker cheated, who filled what it had refused; not who believed the refusal.
        let found = ledger.take_found_proofs();
        let owners: Vec<_> = found.iter().map(super::Proof::owner).collect();
        assert_eq!(owners, [void.fill().owner()]);
    }
}

#[test]
fn a_refusal_that_somebody_else_shows_with_a_fill_makes_no_trade_void() {
    let (first, other) = sold_after_refusal(4);
    let mut ledger = Ledger::new();
    for trade in [&first, &other] {
        assert!(ledger.apply_trade(trade.clone(), WALL).is_new());
    }
    assert!(!ledger.is_void(&first) && !ledger.is_void(&other));
}

#[test]
fn an_order_ends_with_its_time_and_is_forgotten_later() {
    let mut ledger = Ledger::new();
    let (statement, id) = placed(1, place(1, Side::Buy));
    let exp = Millis(3_600_000);
    ledger.apply(statement.clone(), WALL);
    let alive = sign(1, Payload::Ka(ka(9, exp.0 - 10_000, true, &[])));
    ledger.apply(alive, exp - Millis(10_000));
    ledger.expire(exp - Millis(2));
    assert_eq!(ledger.next_due(), Some(exp));
    assert_eq!(ledger.expire(exp - Millis(1)), []);
    assert_eq!(ledger.expire(exp), [id]);
    assert_eq!(ledger.expire(exp), []);
    let order = ledger.order(&id).unwrap();
    assert_eq!(
        (order.status(), order.open()),
        (OrderStatus::Closed, Amount::ZERO)
    );
    assert_eq!(ledger.open_of(&statement.owner()), 0);
    let alive = sign(1, Payload::Ka(ka(10, exp.0 + 590_000, true, &[])));
    ledger.apply(alive, exp + Millis(590_000));
    assert!(ledger.order(&id).is_some());
    assert_eq!(ledger.expire(exp + FORGET_AFTER), []);
    assert!(ledger.order(&id).is_none());
    assert_eq!(ledger.stats().owners, 0);
    assert_eq!(
        ledger.apply(statement, exp),
        Applied::Refused(Refusal::Expired)
    );
    // Of the owner nothing is left either, some time later.
    ledger.expire(exp + FORGET_AFTER + GONE_AFTER);
    assert_eq!(ledger.stats().heads, 0);
    assert_eq!(ledger.next_due(), None);
}

#[test]
fn what_is_dated_in_the_future_waits_until_it_is_due() {
    let mut ledger = Ledger::new();
    let (statement, id) = placed(
        1,
        Place {
            ts: Millis(100_000),
            ..place(1, Side::Buy)
        },
    );
    assert_eq!(
        ledger.apply(statement.clone(), Millis(89_999)),
        Applied::Quarantined
    );
    assert!(ledger.order(&id).is_none());
    assert!(ledger.release_due(Millis(89_999)).is_empty());
    assert_eq!(ledger.next_due(), Some(Millis(90_000)));
    let released = ledger.release_due(Millis(90_000));
    assert_eq!(released.statements, std::slice::from_ref(&statement));
    assert_eq!(ledger.apply(statement, Millis(90_000)), new([id]));
    assert!(ledger.release_due(Millis(90_000)).is_empty());
}

#[test]
fn the_quarantine_drops_what_is_furthest_away() {
    let mut ledger = Ledger::new();
    let at = |i: u64| {
        let early = Place {
            ts: Millis(100_000 + i),
            ..place(i, Side::Buy)
        };
        placed(1, early).0
    };
    for i in 0..QUARANTINE as u64 {
        assert_eq!(ledger.apply(at(i), Millis(0)), Applied::Quarantined);
    }
    let refused = Applied::Refused(Refusal::TooManyEarly);
    assert_eq!(ledger.apply(at(QUARANTINE as u64), Millis(0)), refused);
    assert_eq!(ledger.stats().quarantined, QUARANTINE);
}

#[test]
fn an_owner_has_so_many_open_orders_and_no_more() {
    let mut ledger = Ledger::new();
    let ids: Vec<_> = (0..OPEN_PER_OWNER as u64)
        .map(|n| {
            let (statement, id) = placed(1, place(n, Side::Buy));
            assert!(ledger.apply(statement, WALL).is_new());
            id
        })
        .collect();
    let (next, next_id) = placed(1, place(900, Side::Buy));
    let refused = Applied::Refused(Refusal::TooManyOpenOrders);
    assert_eq!(ledger.apply(next.clone(), WALL), refused);
    // Not through the side door either.
    let (pending, id) = placed(
        1,
        Place {
            rest: false,
            ..place(901, Side::Buy)
        },
    );
    assert!(ledger.apply(pending, WALL).is_new());
    assert_eq!(
        ledger.apply(said(1, 902, id, "1", OrdStatus::Open), WALL),
        refused
    );
    // A replacement makes its own room; a closed order makes room for another.
    let (replacing, new_id) = placed(
        1,
        Place {
            replaces: Some(ids[0]),
            ..place(903, Side::Buy)
        },
    );
    assert_eq!(ledger.apply(replacing, WALL), new([ids[0], new_id]));
    ledger.apply(said(1, 904, ids[1], "0", OrdStatus::Closed), WALL);
    assert_eq!(ledger.apply(next, WALL), new([next_id]));
    assert_eq!(ledger.stats().open, OPEN_PER_OWNER);
}

#[test]
fn an_order_that_finds_room_later_knows_what_was_burned_before() {
    let mut ledger = Ledger::new();
    let open = |n| placed(1, place(1_000 + n, Side::Sell));
    for n in 0..OPEN_PER_OWNER as u64 {
        ledger.apply(open(n).0, WALL);
    }
    let trade = Draft::new().trade().unwrap();
    let id = trade.maker_order();
    assert!(ledger.apply_trade(trade.clone(), WALL).is_new());
    assert!(ledger.order(&id).is_none());
    ledger.apply(said(1, 2_000, open(0).1, "0", OrdStatus::Closed), WALL);
    assert_eq!(ledger.apply(trade.maker().clone(), WALL), new([id]));
    assert_eq!(ledger.order(&id).unwrap().filled(), amount("4"));
}

#[test]
fn the_oldest_trade_is_forgotten_and_its_piece_stays_burned() {
    let [maker, taker, req, fill] = Draft::new().statements();
    let trade = |i: u64| {
        let mut fill = fill.as_fill().unwrap().clone();
        fill.n += i;
        fill.ts = Millis(2_500 + i.div_ceil(4));
        fill.at = amount(if i == 0 { "6" } else { "0" });
        fill.qty = amount("1");
        let fill = sign(1, Payload::Fill(fill));
        TradeRecord::new(maker.clone(), taker.clone(), req.clone(), fill).unwrap()
    };
    let oldest = trade(0);
    let id = oldest.maker_order();
    let mut ledger = Ledger::new();
    for i in 0..=TRADES_KEPT as u64 {
        assert!(ledger.apply_trade(trade(i), WALL).is_new());
    }
    assert_eq!(ledger.stats().trades, TRADES_KEPT);
    check_retained(&ledger);
    assert_eq!(ledger.trade(&oldest.id()), None);
    assert_eq!(ledger.order(&id).unwrap().filled(), amount("2"));
    // It is no news a second time.
    assert_eq!(ledger.apply_trade(oldest, WALL), Applied::Stale);
    assert_eq!(ledger.order(&id).unwrap().filled(), amount("2"));
}

#[test]
fn of_the_orders_that_are_not_open_the_oldest_are_forgotten() {
    let mut ledger = Ledger::new();
    let pending = |i: u64| {
        let terms = place(i, Side::Buy);
        placed(
            1,
            Place {
                ts: Millis(1_000 + i),
                rest: false,
                ..terms
            },
        )
    };
    for i in 1..=INACTIVE_KEPT as u64 {
        assert!(ledger.apply(pending(i).0, WALL).is_new());
    }
    let refused = Applied::Refused(Refusal::TooOld);
    assert_eq!(ledger.apply(pending(0).0, WALL), refused);
    let (newest, id) = pending(INACTIVE_KEPT as u64 + 1);
    assert_eq!(ledger.apply(newest, WALL), new([id]));
    assert!(ledger.order(&pending(1).1).is_none());
    assert_eq!(ledger.stats().orders, INACTIVE_KEPT);
    assert_eq!(ledger.stats().evicted, 1);
}

#[test]
fn an_order_that_was_over_and_forgotten_is_not_taken_in_again() {
    let mut ledger = Ledger::new();
    ledger.orders.most = 2;
    let terms = |i: u64| Place {
        ts: Millis(1_000 + i),
        ..place(i, Side::Buy)
    };
    let (oldest, id) = placed(1, terms(1));
    let orders = [oldest.clone(), placed(1, terms(2)).0, placed(1, terms(3)).0];
    for order in orders {
        let id = order.order_id().unwrap();
        assert!(ledger.apply(order, WALL).is_new());
        let closed = said(1, 10, id, "0", OrdStatus::Closed);
        assert!(ledger.apply(closed, WALL).is_new());
        check_retained(&ledger);
    }
    assert!(ledger.order(&id).is_none());
    let too_old = Applied::Refused(Refusal::TooOld);
    let empty = sign(1, Payload::Ka(ka(20, 2_000, true, &[])));
    assert!(ledger.apply(empty, WALL).is_new());
    assert_eq!(ledger.apply(oldest.clone(), WALL), too_old);
    // An owner that is silent has nothing that anybody could take.
    let (stranger, _) = placed(2, terms(0));
    assert_eq!(
        ledger.apply(stranger, Millis(1_000) + LIVE + Millis(1)),
        too_old
    );
    // Its owner says that it has it, so only this node did not know.
    let listed = sign(1, Payload::Ka(ka(21, 2_001, true, &[(id, 1)])));
    assert!(ledger.apply(listed, WALL).is_new());
    assert_eq!(ledger.apply(oldest, WALL), new([id]));
    check_retained(&ledger);
}

#[test]
fn so_many_owners_are_known_and_no_more() {
    let mut ledger = Ledger::new();
    for i in 0..OWNERS + 50 {
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&(i as u64).to_be_bytes());
        let payload = Payload::Place(place(1, Side::Buy));
        let by = Identity::from_seed(seed).sign(&network(), payload).unwrap();
        ledger.apply(by, WALL);
        assert_eq!(ledger.stats().owners, OWNERS.min(i + 1));
    }
    assert_eq!(ledger.stats().refused + ledger.stats().evicted, 50);
    // Owners without orders are forgotten.
    ledger.expire(Millis(3_600_000));
    ledger.expire(Millis(3_600_000) + FORGET_AFTER);
    assert_eq!(ledger.stats().owners, 0);
}

#[test]
fn statements_without_an_order_are_bounded_by_signer_and_time() {
    let mut ledger = Ledger::new();
    let about = |i: u128| said(1, 1, OrderId::from_u128(i), "1", OrdStatus::Open);
    for i in 0..ORPHANS_PER_SIGNER as u128 {
        assert_eq!(ledger.apply(about(i), WALL), new([]));
    }
    let refused = Applied::Refused(Refusal::TooManyOrphans);
    assert_eq!(ledger.apply(about(1 << 80), WALL), refused);
    assert_eq!(ledger.stats().orphans, ORPHANS_PER_SIGNER);
    ledger.expire(Millis(3_601_000 + 1));
    assert_eq!(ledger.stats().orphans, 0);
}

#[test]
fn what_an_order_passes_on_brings_another_node_to_the_same() {
    let mut ledger = Ledger::new();
    let (statement, id) = placed(1, place(1, Side::Buy));
    ledger.apply(statement, WALL);
    ledger.apply(shrunk(1, 2, id, "5", "6"), WALL);
    ledger.apply(said(1, 3, id, "4", OrdStatus::Open), WALL);
    let mut other = Ledger::new();
    for order in ledger.open_orders() {
        for statement in order.statements() {
            other.apply(statement.clone(), WALL);
        }
    }
    assert_eq!(other.digest(), ledger.digest());
    assert_eq!(other.order(&id).unwrap().amt(), amount("6"));
}

/// The numbers from which one world is made. Small ranges, so that everything collides.
pub(super) type Seeds = (
    Vec<(u8, u8, u64, Option<Index>)>,
    Vec<(u8, u64, Index, u8, u8)>,
    Vec<(Index, Index, u64, u8, u8, Option<Index>)>,
);

pub(super) fn seeds() -> impl Strategy<Value = Seeds> {
    let replaced = prop::option::weighted(0.3, any::<Index>());
    let freed = prop::option::weighted(0.3, any::<Index>());
    (
        prop::collection::vec((0..3u8, any::<u8>(), 1..6u64, replaced), 2..8),
        prop::collection::vec(
            (0..4u8, 1..12u64, any::<Index>(), any::<u8>(), 0..12u8),
            0..16,
        ),
        prop::collection::vec(
            (
                any::<Index>(),
                any::<Index>(),
                1..6u64,
                0..8u8,
                0..8u8,
                freed,
            ),
            0..10,
        ),
    )
}

/// Honest and hostile statements and trades: several owners reuse numbers, close, reopen, shrink
/// and grow, speak of others' orders, burn the same piece twice, and refuse what they filled.
pub(super) fn world((places, ords, trades): Seeds) -> Vec<Item> {
    let mut terms: Vec<(u8, Place)> = Vec::new();
    let mut ids = Vec::new();
    let mut items = Vec::new();
    for (key, bits, n, replaces) in places {
        let mut place = place(n, if bits & 1 == 0 { Side::Buy } else { Side::Sell });
        place.tif = match bits & 6 {
            0 => PlaceTif::Ioc,
            2 => PlaceTif::Post,
            _ => PlaceTif::Gtc,
        };
        place.rest = place.tif != PlaceTif::Ioc && bits & 8 == 0;
        place.amt = amount(if bits & 32 == 0 { "4" } else { "10" });
        place.ts = Millis(1_000 + u64::from(bits >> 6));
        if bits & 48 == 48 {
            // Over when it comes.
            place.exp = WALL;
        }
        place.replaces = replaces.filter(|_| !ids.is_empty()).map(|i| *i.get(&ids));
        let (statement, id) = placed(key, place.clone());
        ids.push(id);
        terms.push((key, place));
        // Some are known from their trades only.
        if bits & 192 != 192 {
            items.push(Item::Statement(statement));
        }
    }
    for (signer, n, about, bits, open) in ords {
        let index = about.index(ids.len());
        // Most are the owner's, some are anybody's.
        let key = if signer == 3 {
            bits % 3
        } else {
            terms[index].0
        };
        let closed = bits & 3 == 0;
        let open = Amount::from_units(u128::from(open) * 100_000_000).unwrap();
        let mut said = ord(n, ids[index], "0", OrdStatus::Closed);
        if !closed {
            (said.open, said.status) = (open, OrdStatus::Open);
        }
        if bits & 12 == 0 {
            said.amt = Some(open.max(amount("0.5")));
        }
        items.push(Item::Statement(sign(key, Payload::Ord(said))));
    }
    let mut rejs: Vec<RawStatement> = Vec::new();
    for (maker, taker, n, at, qty, freed) in trades {
        let makers = terms.iter().filter(|(_, place)| place.tif != PlaceTif::Ioc);
        let makers: Vec<_> = makers.collect();
        if makers.is_empty() {
            break;
        }
        let maker = *maker.get(&makers);
        let fits = |place: &Place| place.tif != PlaceTif::Post && place.side != maker.1.side;
        let takers: Vec<_> = terms.iter().filter(|(_, place)| fits(place)).collect();
        if takers.is_empty() {
            continue;
        }
        let taker = *taker.get(&takers);
        let mut draft = Draft::new();
        (draft.maker, draft.taker) = (maker.1.clone(), taker.1.clone());
        draft.keys = [maker.0, taker.0, taker.0, maker.0];
        let units = |whole: u8| Amount::from_units(u128::from(whole) * 100_000_000).unwrap();
        draft.req.n += n + 3;
        draft.fill.n += n + 3;
        draft.req.at = units(at);
        draft.fill.at = units(qty);
        draft.fill.qty = units(1 + (at * 3 + qty) % 4);
        draft.fill.open = units(at);
        if let Some(index) = freed.filter(|_| !rejs.is_empty()) {
            draft.req.freed = vec![index.get(&rejs).clone()];
        }
        if let Ok(trade) = draft.trade() {
            let rej = Rej {
                ts: trade.ts(),
                take: trade.take_id(),
                why: "gone".parse().unwrap(),
                open: None,
            };
            rejs.push(sign(maker.0, Payload::Rej(rej)).raw());
            items.push(Item::Trade(trade));
        }
    }
    items
}

fn applied(items: impl IntoIterator<Item = Item>) -> Ledger {
    let mut ledger = Ledger::new();
    for item in items {
        apply(&mut ledger, item, WALL);
        check_invariants(&ledger);
    }
    ledger
}

/// What must hold after every single step.
fn check_invariants(ledger: &Ledger) {
    check_retained(ledger);
    let ids = ledger.trades(usize::MAX);
    let ids = ids.flat_map(|trade| [trade.maker_order(), trade.taker_order()]);
    let known = ids.filter_map(|id| ledger.order(&id));
    for order in known.chain(ledger.open_orders()) {
        assert!(order.filled() <= order.amt());
        assert!(order.amt() <= order.place().amt);
        assert!(order.open() <= order.amt().checked_sub(order.filled()).unwrap());
        assert!(order.burned().end() <= order.amt());
    }
    let open: Vec<_> = ledger.open_orders().collect();
    assert!(open.iter().all(|order| order.status() == OrderStatus::Open));
    assert_eq!(ledger.stats().open, open.len());
    for owner in open.iter().map(|order| order.owner()) {
        let count = open.iter().filter(|order| order.owner() == owner).count();
        assert_eq!(ledger.open_of(&owner), count);
    }
}

#[test]
fn the_generated_worlds_hold_what_the_properties_are_about() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let (mut trades, mut voids, mut refused, mut open, mut filled) = (0, 0, 0, 0, 0);
    for _ in 0..200 {
        let items = world(seeds().new_tree(&mut runner).unwrap().current());
        let ledger = applied(items.clone());
        let stats = ledger.stats();
        trades += stats.trades;
        open += stats.open;
        refused += stats.refused;
        for item in items {
            if let Item::Trade(trade) = item {
                voids += usize::from(ledger.is_void(&trade));
                let order = ledger.order(&trade.maker_order());
                filled += usize::from(order.is_some_and(|o| o.status() == OrderStatus::Filled));
            }
        }
    }
    let counts = format!("{trades} {voids} {refused} {open} {filled}");
    assert!(trades > 100 && voids > 10 && refused > 100, "{counts}");
    assert!(open > 100 && filled > 5, "{counts}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_permutation_and_duplication_of_one_set_gives_the_same_state(
        (items, shuffled) in seeds().prop_map(world).prop_flat_map(|items| {
            let mut twice = items.clone();
            twice.extend(items.iter().skip(items.len() / 2).cloned());
            (Just(items), Just(twice).prop_shuffle())
        }),
    ) {
        let (one, other) = (applied(items), applied(shuffled));
        prop_assert_eq!(one.digest(), other.digest());
        for order in one.open_orders() {
            let twin = other.order(&order.id()).unwrap();
            prop_assert_eq!((order.open(), order.filled()), (twin.open(), twin.filled()));
        }
        let trades = |ledger: &Ledger| ledger.trades(99).map(TradeRecord::id).collect::<Vec<_>>();
        prop_assert_eq!(trades(&one), trades(&other));
    }

    #[test]
    fn what_is_not_new_leaves_the_state_as_it_was(items in seeds().prop_map(world)) {
        let mut ledger = Ledger::new();
        for item in items.iter().chain(&items) {
            let before = ledger.digest();
            let outcome = apply(&mut ledger, item.clone(), WALL);
            prop_assert_eq!(outcome.is_new(), ledger.digest() != before, "{:?}", outcome);
        }
    }

    #[test]
    fn expiry_comes_to_the_same_in_any_order(
        (items, shuffled) in seeds().prop_map(world)
            .prop_flat_map(|items| (Just(items.clone()), Just(items).prop_shuffle())),
        until in prop::sample::select(vec![3_600_000u64, 4_200_000, 9_000_000]),
    ) {
        let (mut one, mut other) = (applied(items), applied(shuffled));
        let mut ended = [one.expire(Millis(until)), other.expire(Millis(until))];
        ended.iter_mut().for_each(|ids| ids.sort_unstable());
        prop_assert_eq!(&ended[0], &ended[1]);
        prop_assert_eq!(one.digest(), other.digest());
        check_invariants(&one);
        prop_assert_eq!(one.stats().open, 0);
    }
}

//! What single commands do, case by case.

use std::collections::BTreeMap;

use crate::types::{Amount, Millis, OrderId, Price, Side};

use super::{
    BookConfig, CancelReason, Event, MAX_ORDERS, NewOrder, OrderBook, OrderType, OwnerId,
    RefusedError, ReplayError, RestingOrder, SelfTrade, Submitted, TimeInForce,
};

type Book = OrderBook<Vec<Event>>;

fn book() -> Book {
    OrderBook::with_sink(BookConfig::with_seed(7), Vec::new())
}

fn id(number: u128) -> OrderId {
    OrderId::from_u128(number)
}

fn amount(units: u128) -> Amount {
    Amount::from_units(units).unwrap()
}

fn price(units: u128) -> Price {
    Price::from_units(units).unwrap()
}

/// A limit order of an owner of its own.
fn order(number: u128, side: Side, at: u128, units: u128) -> NewOrder {
    NewOrder {
        id: id(number),
        owner: OwnerId(number as u32),
        side,
        amount: amount(units),
        time: Millis(number as u64),
        order_type: OrderType::Limit(price(at)),
        time_in_force: TimeInForce::Gtc,
        self_trade: SelfTrade::Allow,
    }
}

fn buy(number: u128, at: u128, units: u128) -> NewOrder {
    order(number, Side::Buy, at, units)
}

fn sell(number: u128, at: u128, units: u128) -> NewOrder {
    order(number, Side::Sell, at, units)
}

fn resting(number: u128, side: Side, at: u128, units: u128, time: u64) -> RestingOrder {
    RestingOrder {
        id: id(number),
        owner: OwnerId(number as u32),
        side,
        price: price(at),
        amount: amount(units),
        time: Millis(time),
    }
}

/// Maker, price and amount of the trades so far; forgets all events.
fn trades(book: &mut Book) -> Vec<(u128, u128, u128)> {
    let events = std::mem::take(book.sink_mut());
    let trade = |event: Event| match event {
        Event::Trade(t) => Some((t.maker.to_u128(), t.price.units(), t.amount.units())),
        _ => None,
    };
    events.into_iter().filter_map(trade).collect()
}

fn ids(orders: impl Iterator<Item = impl Into<RestingOrder>>) -> Vec<u128> {
    orders.map(|order| order.into().id.to_u128()).collect()
}

#[test]
fn the_best_price_trades_first_and_then_the_earliest_order() {
    let mut book = book();
    for new in [
        sell(3, 11, 5),
        sell(1, 10, 5),
        sell(2, 10, 5),
        sell(4, 12, 5),
    ] {
        book.submit(new).unwrap();
    }
    let done = book.submit(buy(5, 11, 12)).unwrap();
    assert_eq!(trades(&mut book), [(1, 10, 5), (2, 10, 5), (3, 11, 2)]);
    assert_eq!((done.filled, done.open), (amount(12), amount(0)));
    assert_eq!(book.get(id(3)).unwrap().open, amount(3));
    assert_eq!(book.best(), (None, Some(price(11))));
}

#[test]
fn a_remainder_rests_at_its_own_limit() {
    let mut book = book();
    book.submit(sell(1, 10, 5)).unwrap();
    let done = book.submit(buy(2, 11, 8)).unwrap();
    assert_eq!((done.filled, done.open), (amount(5), amount(3)));
    assert_eq!(book.best(), (Some(price(11)), None));
    assert_eq!(book.spread(), None);
}

#[test]
fn a_late_order_stands_where_its_time_puts_it() {
    let mut book = book();
    for time in [50, 10, 30, 20, 40, 30, 60] {
        let number = 1000 - book.len() as u128;
        let late = resting(number, Side::Sell, 9, 1, time);
        book.rest(late).unwrap();
        book.store.audit();
    }
    let times: Vec<_> = book.orders(Side::Sell).map(|order| order.time.0).collect();
    assert_eq!(times, [10, 20, 30, 30, 40, 50, 60]);
    // Equal times: the smaller id first.
    assert_eq!(ids(book.orders(Side::Sell))[2..4], [995, 998]);
}

#[test]
fn what_is_immediate_never_rests() {
    let mut book = book();
    book.submit(sell(1, 10, 5)).unwrap();
    let ioc = |number, order_type| NewOrder {
        order_type,
        time_in_force: TimeInForce::Ioc,
        ..buy(number, 10, 4)
    };
    let done = book.submit(ioc(2, OrderType::Limit(price(9)))).unwrap();
    assert_eq!((done.filled, done.cancelled), (amount(0), amount(4)));
    let done = book.submit(ioc(3, OrderType::Market)).unwrap();
    assert_eq!((done.filled, done.cancelled), (amount(4), amount(0)));
    let done = book.submit(ioc(4, OrderType::Market)).unwrap();
    assert_eq!((done.filled, done.cancelled), (amount(1), amount(3)));
    let reason = CancelReason::Unfilled;
    let last = Event::Cancelled {
        id: id(4),
        amount: amount(3),
        reason,
    };
    assert_eq!(book.sink().last(), Some(&last));
    assert!(book.is_empty());
}

#[test]
fn fill_or_kill_is_all_or_nothing() {
    let mut book = book();
    for new in [sell(1, 10, 5), sell(2, 11, 5), sell(3, 12, 5)] {
        book.submit(new).unwrap();
    }
    let fok = |units, order_type, self_trade| NewOrder {
        owner: OwnerId(2),
        order_type,
        time_in_force: TimeInForce::Fok,
        self_trade,
        ..buy(9, 10, units)
    };
    let before = book.snapshot();
    let limit = OrderType::Limit(price(11));
    let refused = RefusedError::CannotFill { id: id(9) };
    for new in [
        fok(11, limit, SelfTrade::Allow),
        fok(6, limit, SelfTrade::CancelNewest),
        fok(6, limit, SelfTrade::Skip),
        fok(16, OrderType::Market, SelfTrade::Allow),
        fok(11, OrderType::Market, SelfTrade::Skip),
    ] {
        assert_eq!(book.submit(new), Err(refused), "{new:?}");
        assert_eq!(book.snapshot(), before);
    }
    trades(&mut book);
    book.submit(fok(10, OrderType::Market, SelfTrade::Skip))
        .unwrap();
    assert_eq!(trades(&mut book), [(1, 10, 5), (3, 12, 5)]);
}

#[test]
fn post_only_rests_or_is_refused() {
    let mut book = book();
    book.submit(sell(1, 10, 5)).unwrap();
    let post = |at, self_trade| NewOrder {
        owner: OwnerId(1),
        order_type: OrderType::PostOnly(price(at)),
        self_trade,
        ..buy(2, at, 5)
    };
    for self_trade in [SelfTrade::Allow, SelfTrade::CancelNewest] {
        let refused = RefusedError::WouldCross {
            id: id(2),
            price: price(10),
        };
        assert_eq!(book.submit(post(11, self_trade)), Err(refused));
    }
    // Its owner's orders do not count where they would be passed over.
    book.submit(post(11, SelfTrade::Skip)).unwrap();
    assert_eq!(book.best(), (Some(price(11)), Some(price(10))));
    assert_eq!(book.spread(), None);
}

#[test]
fn an_owner_does_not_trade_with_itself_unless_allowed() {
    let with = |self_trade| {
        let mut book = book();
        book.submit(sell(1, 10, 5)).unwrap();
        book.submit(sell(2, 10, 5)).unwrap();
        book.submit(sell(3, 10, 5)).unwrap();
        let done = book.submit(NewOrder {
            owner: OwnerId(2),
            self_trade,
            ..buy(4, 10, 20)
        });
        (
            trades(&mut book),
            done.unwrap(),
            ids(book.orders(Side::Sell)),
        )
    };
    let done = |filled, open, cancelled, trades| Submitted {
        filled: amount(filled),
        open: amount(open),
        cancelled: amount(cancelled),
        trades,
    };
    let all = vec![(1, 10, 5), (2, 10, 5), (3, 10, 5)];
    assert_eq!(with(SelfTrade::Allow), (all, done(15, 5, 0, 3), vec![]));
    let first = vec![(1, 10, 5)];
    let expected = (first, done(5, 0, 15, 1), vec![2, 3]);
    assert_eq!(with(SelfTrade::CancelNewest), expected);
    let others = vec![(1, 10, 5), (3, 10, 5)];
    assert_eq!(with(SelfTrade::Skip), (others, done(10, 10, 0, 2), vec![2]));
}

#[test]
fn a_refused_replacement_leaves_the_old_order_where_it_was() {
    let mut book = book();
    for new in [buy(1, 9, 5), buy(2, 9, 5), sell(3, 10, 5)] {
        book.submit(new).unwrap();
    }
    let own = |new: NewOrder| NewOrder {
        owner: OwnerId(1),
        ..new
    };
    let before = book.snapshot();
    let cases = [
        (own(buy(2, 9, 5)), RefusedError::DuplicateId { id: id(2) }),
        (own(buy(7, 9, 0)), RefusedError::ZeroAmount { id: id(7) }),
        (own(buy(7, 0, 5)), RefusedError::ZeroPrice { id: id(7) }),
        (buy(7, 9, 5), RefusedError::BadReplace { id: id(1) }),
        (own(sell(7, 9, 5)), RefusedError::BadReplace { id: id(1) }),
    ];
    for (new, error) in cases {
        assert_eq!(book.replace(id(1), new), Err(error));
        assert_eq!(book.snapshot(), before);
    }
    let unknown = RefusedError::UnknownOrder { id: id(8) };
    assert_eq!(book.replace(id(8), buy(9, 9, 5)), Err(unknown));
    // Same id, same price: only its priority is lost.
    let later = NewOrder {
        time: Millis(9),
        ..own(buy(1, 9, 5))
    };
    book.replace(id(1), later).unwrap();
    assert_eq!(ids(book.orders(Side::Buy)), [2, 1]);
}

#[test]
fn an_order_is_reduced_by_something_and_never_below_nothing() {
    let mut book = book();
    book.submit(buy(1, 9, 5)).unwrap();
    book.submit(buy(2, 9, 5)).unwrap();
    for by in [0, 6] {
        let refused = RefusedError::BadReduce {
            id: id(1),
            by: amount(by),
            open: amount(5),
        };
        assert_eq!(book.reduce(id(1), amount(by)), Err(refused));
    }
    assert_eq!(book.reduce(id(1), amount(2)), Ok(amount(3)));
    assert_eq!(ids(book.orders(Side::Buy)), [1, 2]);
    assert_eq!(book.reduce(id(1), amount(3)), Ok(amount(0)));
    assert_eq!(ids(book.orders(Side::Buy)), [2]);
}

#[test]
fn a_remote_order_is_rested_set_and_removed_without_matching() {
    let mut book = book();
    book.rest(resting(1, Side::Sell, 10, 5, 1)).unwrap();
    book.rest(resting(2, Side::Buy, 12, 5, 2)).unwrap();
    book.rest(resting(3, Side::Sell, 11, 5, 3)).unwrap();
    assert_eq!(book.best(), (Some(price(12)), Some(price(10))));
    book.set_open(id(1), amount(9)).unwrap();
    assert_eq!(book.depth(1).asks[0].amount.units(), 9);
    assert_eq!(ids(book.crossing(Side::Buy, price(10))), [1]);
    assert_eq!(ids(book.crossing(Side::Buy, Price::MAX)), [1, 3]);
    assert_eq!(ids(book.crossing(Side::Sell, Price::ZERO)), [2]);
    assert_eq!(ids(book.crossing(Side::Sell, price(13))), [0; 0]);
    book.set_open(id(1), amount(0)).unwrap();
    assert_eq!(book.get(id(1)), None);
    assert_eq!(book.remove(id(3)), Some(resting(3, Side::Sell, 11, 5, 3)));
    assert_eq!(book.remove(id(3)), None);
    let unknown = RefusedError::UnknownOrder { id: id(3) };
    assert_eq!(book.set_open(id(3), amount(1)), Err(unknown));
}

#[test]
fn a_level_sums_up_more_than_an_amount_can_hold() {
    let mut book = book();
    let most = Amount::MAX.units();
    for number in 1..=3 {
        let at = Price::MAX.units();
        book.submit(sell(number, at, most)).unwrap();
    }
    let level = book.depth(1).asks[0];
    assert_eq!((level.price, level.count), (Price::MAX, 3));
    assert_eq!(level.amount.units(), 3 * most);
    let market = NewOrder {
        order_type: OrderType::Market,
        time_in_force: TimeInForce::Fok,
        ..buy(4, 1, most)
    };
    book.submit(market).unwrap();
    assert_eq!(book.depth(1).asks[0].amount.units(), 2 * most);
}

#[test]
fn a_full_book_takes_only_what_leaves_a_place() {
    let config = BookConfig {
        max_orders: 2,
        ..BookConfig::with_seed(1)
    };
    let mut book = OrderBook::new(config);
    book.submit(sell(1, 10, 5)).unwrap();
    book.submit(buy(2, 9, 5)).unwrap();
    let full = |number| RefusedError::CapacityReached {
        id: id(number),
        max_orders: 2,
    };
    assert_eq!(book.submit(buy(3, 9, 5)), Err(full(3)));
    assert_eq!(book.rest(resting(3, Side::Buy, 9, 5, 3)), Err(full(3)));
    // It fills a maker whole and rests in its place.
    assert_eq!(book.submit(buy(3, 10, 6)).unwrap().open, amount(1));
    assert_eq!(book.len(), 2);
    let ioc = NewOrder {
        time_in_force: TimeInForce::Ioc,
        ..sell(4, 10, 9)
    };
    assert_eq!(book.submit(ioc).unwrap().filled, amount(1));
}

#[test]
fn the_kill_switch_cancels_everything_in_priority_order() {
    let mut book = book();
    for new in [buy(1, 9, 5), sell(2, 11, 5), buy(3, 10, 5), sell(4, 12, 5)] {
        book.submit(new).unwrap();
    }
    book.sink_mut().clear();
    assert_eq!(book.cancel_all_of(OwnerId(4)), 1);
    assert_eq!(book.cancel_all(), 3);
    let cancelled = |event: &Event| match event {
        Event::Cancelled { id, reason, .. } => Some((id.to_u128(), *reason)),
        _ => None,
    };
    let events: Vec<_> = book.sink().iter().filter_map(cancelled).collect();
    assert_eq!(
        events,
        [4, 3, 1, 2].map(|id| (id, CancelReason::KillSwitch))
    );
    assert_eq!((book.best(), book.counters().cancelled), ((None, None), 4));
    book.submit(buy(1, 9, 5)).unwrap();
    book.store.audit();
}

#[test]
fn an_event_that_does_not_fit_changes_nothing() {
    let mut source = book();
    source.submit(sell(1, 10, 5)).unwrap();
    source.submit(buy(2, 10, 2)).unwrap();
    let events = std::mem::take(source.sink_mut());
    let mut copy = OrderBook::new(BookConfig::with_seed(8));
    copy.apply(&Event::Rested(resting(1, Side::Sell, 10, 4, 1)))
        .unwrap();
    let before = copy.snapshot();
    let trade = events.iter().find(|event| matches!(event, Event::Trade(_)));
    let mismatch = ReplayError::Mismatch { id: id(1) };
    assert_eq!(copy.apply(trade.unwrap()), Err(mismatch));
    let duplicate = ReplayError::Refused(RefusedError::DuplicateId { id: id(1) });
    let rested = Event::Rested(resting(1, Side::Buy, 1, 1, 1));
    assert_eq!(copy.apply(&rested), Err(duplicate));
    assert_eq!(copy.snapshot(), before);
}

#[test]
fn the_steady_state_needs_no_more_memory() {
    let config = BookConfig {
        reserve: 1_000,
        ..BookConfig::with_seed(3)
    };
    let mut book = OrderBook::new(config);
    let capacity = book.capacity();
    assert!(capacity >= 1_000);
    for number in 0..200_000u128 {
        let side = if number % 2 == 0 {
            Side::Buy
        } else {
            Side::Sell
        };
        let at = if side == Side::Buy { 1_000 } else { 2_000 } + number * 7 % 500;
        book.submit(order(number + 1, side, at, 5)).unwrap();
        if number >= 900 {
            book.cancel(id(number - 899)).unwrap();
        }
    }
    assert_eq!(book.len(), 900);
    assert_eq!(book.capacity(), capacity);
    assert!(BookConfig::with_seed(0).max_orders == MAX_ORDERS);
}

#[test]
fn levels_may_be_many_and_lie_far_apart() {
    let mut book = OrderBook::new(BookConfig::with_seed(5));
    let mut model = BTreeMap::new();
    let mut state = 1u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        u128::from(state >> 20)
    };
    for number in 0..100_000u128 {
        let at = 1 + random() * random() % Price::MAX.units();
        let ask = resting(number, Side::Sell, at, 1, number as u64);
        book.rest(ask).unwrap();
        model.insert((at, number), ());
        if number % 3 == 2 {
            // The best, or any.
            let gone = if number % 2 == 0 {
                model.pop_first().map(|((_, number), ())| number)
            } else {
                let from = (random() * random() % Price::MAX.units(), 0);
                let found = model.range(from..).next().map(|(key, ())| *key);
                found.map(|key| {
                    model.remove(&key);
                    key.1
                })
            };
            if let Some(gone) = gone {
                book.cancel(id(gone)).unwrap();
            }
        }
        let best = model.first_key_value().map(|((at, _), ())| price(*at));
        assert_eq!(book.best().1, best);
    }
    book.store.audit();
    let expected: Vec<_> = model.keys().map(|(_, number)| *number).collect();
    assert_eq!(ids(book.orders(Side::Sell)), expected);
}

#[test]
fn a_refusal_names_what_is_wrong() {
    let shown = RefusedError::BadReduce {
        id: id(1),
        by: amount(200_000_000),
        open: amount(150_000_000),
    };
    let text = "order 00000000000000000000000000000001 cannot be reduced by 2: 1.5 is open";
    assert_eq!(shown.to_string(), text);
    let mut book = book();
    let gtc = NewOrder {
        order_type: OrderType::Market,
        ..buy(1, 1, 1)
    };
    let wrong = RefusedError::TimeInForce { id: id(1) };
    assert_eq!(book.submit(gtc), Err(wrong));
    assert_eq!(book.sink().as_slice(), [Event::Refused(wrong)]);
    assert_eq!(book.counters(), super::Counters::default());
}

//! The book against the plain model, and against itself after replay.

use proptest::prelude::*;

use crate::types::{Amount, MAX_UNITS, Millis, OrderId, Price, Side};

use super::model::{Command, Model, Outcome};
use super::{
    BookConfig, BookSnapshot, Event, NewOrder, OrderBook, OrderType, OwnerId, RestingOrder,
    SelfTrade, TimeInForce,
};

/// How large the values of a sequence of commands are.
#[derive(Clone, Copy, Debug)]
struct Domain {
    ids: u128,
    prices: u128,
    price_step: u128,
    amounts: u128,
    amount_step: u128,
}

/// Few values, so that ids collide, prices cross and makers are filled to the last unit.
const SMALL: Domain = Domain {
    ids: 16,
    prices: 6,
    price_step: 1,
    amounts: 9,
    amount_step: 1,
};

/// The same at the upper end of what types can hold: totals exceed every single amount.
const LARGE: Domain = Domain {
    price_step: MAX_UNITS / 6,
    amount_step: MAX_UNITS / 9,
    ..SMALL
};

/// Many levels, some of them deep.
const WIDE: Domain = Domain {
    ids: 2_000,
    prices: 400,
    price_step: 1_000_003,
    amounts: 50,
    amount_step: 100_000_000,
};

fn id(number: u128) -> OrderId {
    // Ids differ in their upper half only, so that their order is not the one of the numbers.
    OrderId::from_u128((number * 7 % 16) << 64 | number)
}

fn new_order(domain: Domain) -> impl Strategy<Value = NewOrder> {
    let order_type = prop_oneof![6 => Just(0), 2 => Just(1), 2 => Just(2)];
    let force = prop_oneof![
        5 => Just(TimeInForce::Gtc),
        2 => Just(TimeInForce::Ioc),
        2 => Just(TimeInForce::Fok),
    ];
    let self_trade = prop_oneof![
        3 => Just(SelfTrade::Allow),
        3 => Just(SelfTrade::CancelNewest),
        3 => Just(SelfTrade::Skip),
    ];
    (resting_order(domain), order_type, force, self_trade).prop_map(
        |(order, order_type, time_in_force, self_trade)| NewOrder {
            id: order.id,
            owner: order.owner,
            side: order.side,
            amount: order.amount,
            time: order.time,
            order_type: match order_type {
                0 => OrderType::Limit(order.price),
                1 => OrderType::PostOnly(order.price),
                _ => OrderType::Market,
            },
            time_in_force,
            self_trade,
        },
    )
}

fn resting_order(domain: Domain) -> impl Strategy<Value = RestingOrder> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    (
        0..domain.ids,
        0..3u32,
        side,
        0..=domain.prices,
        0..=domain.amounts,
        0..8u64,
    )
        .prop_map(
            move |(number, owner, side, price, amount, time)| RestingOrder {
                id: id(number),
                owner: OwnerId(owner),
                side,
                price: Price::from_units(price * domain.price_step).unwrap(),
                amount: Amount::from_units(amount * domain.amount_step).unwrap(),
                time: Millis(time),
            },
        )
}

fn command(domain: Domain) -> impl Strategy<Value = Command> {
    let ids = move || (0..domain.ids).prop_map(id);
    let amount = (0..=domain.amounts)
        .prop_map(move |amount| Amount::from_units(amount * domain.amount_step).unwrap());
    prop_oneof![
        40 => new_order(domain).prop_map(Command::Submit),
        12 => resting_order(domain).prop_map(Command::Rest),
        6 => ids().prop_map(Command::Cancel),
        6 => (ids(), amount.clone()).prop_map(|(id, by)| Command::Reduce(id, by)),
        6 => (ids(), amount).prop_map(|(id, open)| Command::SetOpen(id, open)),
        6 => (ids(), new_order(domain)).prop_map(|(id, order)| Command::Replace(id, order)),
        3 => ids().prop_map(Command::Remove),
        1 => (0..3u32).prop_map(|owner| Command::CancelAllOf(OwnerId(owner))),
        1 => Just(Command::CancelAll),
    ]
}

type Book = OrderBook<Vec<Event>>;

fn run(book: &mut Book, command: Command) -> Outcome {
    let result = match command {
        Command::Submit(order) => book.submit(order).map(Outcome::Submitted),
        Command::Replace(id, order) => book.replace(id, order).map(Outcome::Submitted),
        Command::Cancel(id) => book.cancel(id).map(Outcome::Order),
        Command::CancelAll => Ok(Outcome::Count(book.cancel_all())),
        Command::CancelAllOf(owner) => Ok(Outcome::Count(book.cancel_all_of(owner))),
        Command::Reduce(id, by) => book.reduce(id, by).map(Outcome::Left),
        Command::Rest(order) => book.rest(order).map(|()| Outcome::Done),
        Command::SetOpen(id, open) => book.set_open(id, open).map(|()| Outcome::Done),
        Command::Remove(id) => Ok(book.remove(id).map_or(Outcome::NoOrder, Outcome::Order)),
    };
    result.unwrap_or_else(Outcome::Refused)
}

/// Makes a replacement of an order that is there fit it, mostly: else nearly all are refused.
fn aimed(command: Command, model: &Model, step: usize) -> Command {
    let Command::Replace(id, order) = command else {
        return command;
    };
    match model.get(id) {
        Some(old) if !step.is_multiple_of(8) => Command::Replace(
            id,
            NewOrder {
                owner: old.owner,
                side: old.side,
                ..order
            },
        ),
        _ => command,
    }
}

fn expected(model: &Model) -> BookSnapshot {
    BookSnapshot {
        counters: model.counters,
        depth: model.depth(),
        bids: model.sides[0].clone(),
        asks: model.sides[1].clone(),
    }
}

/// Compares all that can be seen.
fn compare(book: &Book, model: &Model, domain: Domain) {
    book.store.audit();
    let snapshot = expected(model);
    assert_eq!(book.snapshot(), snapshot);
    let first = |orders: &[RestingOrder]| orders.first().map(|o| o.price);
    let (bid, ask) = (first(&snapshot.bids), first(&snapshot.asks));
    assert_eq!(book.best(), (bid, ask));
    let spread = bid.zip(ask).and_then(|(bid, ask)| ask.checked_sub(bid));
    assert_eq!(book.spread(), spread);
    assert_eq!(book.len(), snapshot.bids.len() + snapshot.asks.len());
    assert_eq!(book.level_count(Side::Buy), snapshot.depth.bids.len());
    assert_eq!(book.level_count(Side::Sell), snapshot.depth.asks.len());
    for number in 0..domain.ids.min(16) {
        let order = book.get(id(number)).map(RestingOrder::from);
        assert_eq!(order, model.get(id(number)));
    }
    for step in 0..=domain.prices.min(6) {
        let price = Price::from_units(step * domain.price_step).unwrap();
        for side in [Side::Buy, Side::Sell] {
            let crossing = book.crossing(side, price).map(RestingOrder::from);
            assert!(crossing.eq(model.crossing(side, Some(price))));
        }
    }
}

fn hold_to_model(
    seed: u128,
    max_orders: u32,
    commands: Vec<Command>,
    domain: Domain,
    every: usize,
) {
    let config = BookConfig {
        seed,
        max_orders,
        reserve: 0,
    };
    let mut book = OrderBook::with_sink(config, Vec::new());
    let mut model = Model {
        max_orders,
        ..Model::default()
    };
    // Another seed: nothing may depend on it.
    let mut replayed = OrderBook::new(BookConfig {
        seed: !seed,
        ..config
    });
    for (step, command) in commands.into_iter().enumerate() {
        let command = aimed(command, &model, step);
        assert_eq!(run(&mut book, command), model.run(command), "{command:?}");
        let events = std::mem::take(book.sink_mut());
        assert_eq!(events, std::mem::take(&mut model.events), "{command:?}");
        for event in &events {
            replayed.apply(event).unwrap();
        }
        if step.is_multiple_of(every) {
            compare(&book, &model, domain);
            let bytes = replayed.snapshot().encode();
            assert_eq!(bytes, book.snapshot().encode());
        }
    }
    compare(&book, &model, domain);
    assert_eq!(replayed.snapshot().encode(), book.snapshot().encode());
    replayed.store.audit();
}

fn commands(domain: Domain, most: usize) -> impl Strategy<Value = Vec<Command>> {
    prop::collection::vec(command(domain), 1..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn every_command_does_what_the_model_does(
        seed: u128,
        max_orders in prop_oneof![Just(4u32), Just(1_000)],
        commands in commands(SMALL, 40),
    ) {
        hold_to_model(seed, max_orders, commands, SMALL, 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn the_largest_values_are_handled_as_the_model_does(
        seed: u128,
        commands in commands(LARGE, 40),
    ) {
        hold_to_model(seed, 1_000, commands, LARGE, 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_long_life_with_many_levels_is_the_model_s(
        seed: u128,
        commands in commands(WIDE, 3_000),
    ) {
        // The kill switch would keep the book small.
        let commands = commands
            .into_iter()
            .filter(|c| !matches!(c, Command::CancelAll | Command::CancelAllOf(_)))
            .collect();
        hold_to_model(seed, 100_000, commands, WIDE, 200);
    }
}

/// Goes on from every price, and from every order of a listing as a reader of pages does.
fn listings_go_on(commands: Vec<Command>, domain: Domain) {
    let mut book = OrderBook::with_sink(BookConfig::with_seed(7), Vec::new());
    for command in commands {
        run(&mut book, command);
    }
    for side in [Side::Buy, Side::Sell] {
        let all: Vec<_> = book.orders(side).collect();
        let prices = (0..=domain.prices).map(|step| step * domain.price_step);
        let prices = prices.chain([1, MAX_UNITS]);
        for price in prices.map(|units| Price::from_units(units).unwrap()) {
            let worse = |order: &&super::OrderRef| match side {
                Side::Buy => order.price <= price,
                Side::Sell => order.price >= price,
            };
            let from: Vec<_> = book.orders_from(side, price).collect();
            assert_eq!(from, all.iter().filter(worse).copied().collect::<Vec<_>>());
        }
        for (place, stop) in all.iter().enumerate() {
            let seen = |order: &super::OrderRef| {
                order.price == stop.price && (order.time, order.id) <= (stop.time, stop.id)
            };
            let rest = book.orders_from(side, stop.price).skip_while(seen);
            assert!(rest.eq(all[place + 1..].iter().copied()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_listing_goes_on_exactly_where_it_stopped(
        small in commands(SMALL, 60),
        large in commands(LARGE, 60),
    ) {
        listings_go_on(small, SMALL);
        listings_go_on(large, LARGE);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn a_long_listing_goes_on_exactly_where_it_stopped(commands in commands(WIDE, 1_000)) {
        listings_go_on(commands, WIDE);
    }
}

//! Which trades are forgotten where there are too many, and that nodes that forgot different ones
//! come to rest.

use crate::types::{Millis, OrderId, Side};

use super::limits::LIVE;
use super::testing::{Draft, amount, check_retained, place};
use super::{
    Applied, Ledger, LedgerBounds, OrdStatus, Payload, Retained, TradeRecord, TradeShare, prefix_of,
};

const WALL: Millis = Millis(60_000);
/// A trade that is older than this is not new any more.
const LATER: Millis = Millis(WALL.0 + LIVE.0);
const HONEST: TradeShare = TradeShare(7);
const FLOOD: TradeShare = TradeShare(8);

/// One of many trades that fill both of their orders, all of the same time.
fn trade(number: u64) -> TradeRecord {
    let mut draft = Draft::new();
    draft.maker = super::Place {
        amt: amount("4"),
        u: format!("user-{number}").parse().unwrap(),
        ..place(1, Side::Sell)
    };
    draft.taker = super::Place {
        amt: amount("4"),
        u: format!("user-{number}").parse().unwrap(),
        rest: false,
        ..place(1, Side::Buy)
    };
    draft.req.at = amount("0");
    draft.fill.open = amount("0");
    draft.trade().unwrap()
}

/// A trade of 1 of an order of 10 that stays open, at its position `at`.
fn part(at: u64) -> TradeRecord {
    let mut draft = Draft::new();
    draft.req.at = amount(&at.to_string());
    draft.req.qty = amount("1");
    draft.fill.at = draft.req.at;
    draft.fill.qty = amount("1");
    draft.fill.n += at;
    draft.trade().unwrap()
}

fn small(most: usize) -> Ledger {
    Ledger::with_bounds(LedgerBounds {
        trades: most,
        ..LedgerBounds::DEFAULT
    })
}

fn add(ledger: &mut Ledger, share: TradeShare, trade: TradeRecord) -> Applied {
    ledger.apply_trade_by(share, trade, WALL)
}

fn holds(ledger: &Ledger, trades: impl IntoIterator<Item = TradeRecord>) -> usize {
    let known = |trade: &TradeRecord| ledger.trade(&trade.id()).is_some();
    trades.into_iter().filter(known).count()
}

#[test]
fn who_brings_many_trades_displaces_its_own_before_those_of_others() {
    let mut ledger = small(20);
    for number in 0..8 {
        assert!(add(&mut ledger, HONEST, trade(number)).is_new());
    }
    for number in 100..200 {
        assert!(add(&mut ledger, FLOOD, trade(number)).is_new());
        check_retained(&ledger);
    }
    assert_eq!(ledger.stats().trades, 20);
    assert_eq!(holds(&ledger, (0..8).map(trade)), 8);
    // Of the flood the newest are left, though all are of the same time.
    assert_eq!(holds(&ledger, (188..200).map(trade)), 12);
    // Whoever has less than its share takes room from who has more.
    for number in 300..302 {
        assert!(add(&mut ledger, HONEST, trade(number)).is_new());
    }
    assert_eq!(holds(&ledger, (0..8).chain(300..302).map(trade)), 10);
}

#[test]
fn own_trades_make_no_room_for_others_up_to_half_of_all() {
    let mut ledger = small(20);
    for number in 0..30 {
        add(&mut ledger, TradeShare::OWN, trade(number));
    }
    assert_eq!(ledger.stats().trades, 20);
    for number in 100..200 {
        add(&mut ledger, TradeShare(number), trade(number));
    }
    assert_eq!(holds(&ledger, (20..30).map(trade)), 10);
    assert_eq!(holds(&ledger, (190..200).map(trade)), 10);
}

#[test]
fn trades_of_open_orders_go_after_those_of_orders_that_are_over() {
    let mut ledger = small(10);
    let open: Vec<TradeRecord> = (0..5).map(part).collect();
    for trade in &open {
        assert!(add(&mut ledger, FLOOD, trade.clone()).is_new());
    }
    for number in 0..50 {
        assert!(add(&mut ledger, FLOOD, trade(number)).is_new());
    }
    assert_eq!(holds(&ledger, open.clone()), 5);
    let [maker, taker]: [OrderId; 2] = [open[0].maker_order(), open[0].taker_order()];
    for (key, id) in [(1, maker), (2, taker)] {
        let closed = super::testing::ord(100, id, "0", OrdStatus::Closed);
        let closed = super::testing::sign(key, Payload::Ord(closed));
        assert!(ledger.apply(closed, WALL).is_new());
    }
    for number in 50..70 {
        assert!(add(&mut ledger, FLOOD, trade(number)).is_new());
    }
    assert_eq!(holds(&ledger, open), 0);
    // What they burned stays burned.
    assert_eq!(ledger.order(&maker).unwrap().filled(), amount("5"));
}

#[test]
fn at_the_bound_what_is_not_new_is_taken_only_for_own_or_open_orders() {
    let mut ledger = small(3);
    for number in 0..3 {
        assert!(add(&mut ledger, HONEST, trade(number)).is_new());
    }
    let late = Millis(LATER.0 + 10_000);
    let old = ledger.apply_trade_by(FLOOD, trade(10), late);
    assert_eq!(holds(&ledger, [trade(10)]), 0);
    assert!(!matches!(old, Applied::Refused(_)), "{old:?}");
    assert!(ledger.apply_trade_by(FLOOD, part(0), late).is_new());
    assert_eq!(holds(&ledger, [part(0)]), 1);
    ledger.apply_trade_by(TradeShare::OWN, trade(11), late);
    assert_eq!(holds(&ledger, [trade(11)]), 1);
}

#[test]
fn what_was_forgotten_is_told_of_once() {
    let mut ledger = small(2);
    for number in 0..4 {
        add(&mut ledger, HONEST, trade(number));
    }
    let forgotten = ledger.take_forgotten_trades();
    assert_eq!(forgotten, [trade(0), trade(1)].map(|trade| trade.rank()));
    assert_eq!(ledger.take_forgotten_trades(), []);
    assert!(ledger.has_forgotten(&prefix_of(&trade(1).id().0)));
    assert_eq!(add(&mut ledger, FLOOD, trade(1)), Applied::Stale);
}

#[test]
fn nodes_that_forgot_different_trades_come_to_rest() {
    let mut nodes = [small(20), small(20), small(20)];
    for (index, node) in nodes.iter_mut().enumerate() {
        for number in 0..30 {
            add(
                node,
                TradeShare(index as u64 + 10),
                trade(index as u64 * 100 + number),
            );
        }
    }
    let mut taken = Vec::new();
    for _ in 0..10 {
        let all: Vec<Vec<Retained>> = nodes
            .iter()
            .map(|node| node.retained().iter_from(0).cloned().collect())
            .collect();
        let mut news = 0;
        for (index, node) in nodes.iter_mut().enumerate() {
            for (from, items) in all.iter().enumerate().filter(|(from, _)| *from != index) {
                for item in items {
                    // As a node does that hears of its name.
                    let known = node.find_retained(&prefix_of(&item.id())).is_some()
                        || node.has_forgotten(&prefix_of(&item.id()));
                    if let (Retained::Trade(trade), false) = (item, known) {
                        let applied = add(node, TradeShare(from as u64 + 20), trade.clone());
                        news += u32::from(applied.is_new());
                    }
                }
            }
            assert_eq!(node.stats().trades, 20);
        }
        taken.push(news);
    }
    assert_eq!(taken[8..], [0, 0], "{taken:?}");
}

//! Nodes that write down what must survive: crashes, restarts, disks that fail or are old.

use super::net::{Net, buy, limit, sell};
use crate::node::{CancelError, NewOrder, OrderError, OrderStatus, Table, TimeInForce};
use crate::types::Side;

/// Long enough for the boot barrier and every pause that a refusal leads to.
const AFTER_BOOT: u64 = 45_000;

#[test]
fn an_open_order_survives_a_crash_and_is_filled_afterwards() {
    let mut net = Net::durable(3);
    let ask = net.submit(0, sell("1.5", "100"));
    net.submit(1, buy("0.5", "100"));
    net.crash(0);
    net.connect(0, 1);
    net.connect(0, 2);
    net.run();
    let order = net.nodes[0].order(&ask).unwrap();
    assert_eq!(order.status, OrderStatus::Partial);
    net.pass(AFTER_BOOT);
    let bid = net.submit(2, buy("2", "100"));
    net.pass(1_000);
    assert_eq!(
        (net.filled(0, ask), net.filled(2, bid)),
        ("1.5".into(), "1".into())
    );
    net.assert_agreement();
}

#[test]
fn a_request_from_before_the_start_is_refused_and_asked_again_later() {
    let mut net = Net::durable(2);
    let ask = net.submit(0, sell("1", "100"));
    net.crash(0);
    net.connect(0, 1);
    net.run();
    let bid = net.submit(1, buy("1", "100"));
    assert_eq!(net.filled(1, bid), "0");
    net.pass(AFTER_BOOT);
    assert_eq!(net.counter(1, "take_refused"), 1);
    net.pass(AFTER_BOOT);
    assert_eq!(
        (net.filled(0, ask), net.filled(1, bid)),
        ("1".into(), "1".into())
    );
    net.assert_agreement();
}

#[test]
fn a_request_in_doubt_survives_a_crash_of_its_taker() {
    let mut net = Net::durable(2);
    let ask = net.submit(0, sell("1", "100"));
    // The fill gets lost, and then the taker crashes.
    net.lose = Some(Box::new(|to, text| to == 1 && text.contains("fill")));
    let bid = net.submit(1, buy("1", "100"));
    assert_eq!(
        (net.filled(0, ask), net.filled(1, bid)),
        ("1".into(), "0".into())
    );
    net.lose = None;
    net.crash(1);
    net.connect(0, 1);
    net.run();
    net.pass(AFTER_BOOT);
    assert_eq!(net.filled(1, bid), "1");
    net.assert_agreement();
}

#[test]
fn a_maker_that_crashed_after_its_fill_gives_the_same_answer_again() {
    let mut net = Net::durable(2);
    net.submit(0, sell("1", "100"));
    net.lose = Some(Box::new(|to, text| to == 1 && text.contains("fill")));
    let bid = net.submit(1, buy("1", "100"));
    net.crash(0);
    net.lose = None;
    net.connect(0, 1);
    net.pass(AFTER_BOOT);
    assert_eq!(net.filled(1, bid), "1");
    assert_eq!(net.trades(0).len(), 1);
    net.assert_agreement();
}

#[test]
fn a_refusal_that_freed_a_piece_is_remembered_for_the_next_request() {
    let mut net = Net::durable(2);
    // It never takes, so that the bid has to ask once more.
    let ask = net.submit(
        0,
        NewOrder {
            time_in_force: TimeInForce::Post,
            ..sell("1", "100")
        },
    );
    net.crash(0);
    net.connect(0, 1);
    net.run();
    let bid = net.submit(1, buy("1", "100"));
    // No answer until the store is known to be up to date, and then a refusal.
    net.pass(39_000);
    assert_eq!(net.counter(1, "take_refused"), 1);
    net.crash(1);
    net.connect(0, 1);
    net.pass(AFTER_BOOT);
    assert_eq!(
        (net.filled(0, ask), net.filled(1, bid)),
        ("1".into(), "1".into())
    );
    let trade = net.nodes[1].trades(1)[0].id;
    let record = net.nodes[1].ledger().trade(&trade).unwrap();
    assert_eq!(record.req().freed().len(), 1);
}

#[test]
fn a_cancelled_order_stays_cancelled_and_a_filled_one_filled() {
    let mut net = Net::durable(2);
    let cancelled = net.submit(0, sell("1", "101"));
    net.nodes[0].cancel(cancelled, net.now).unwrap();
    net.flush(0);
    let filled = net.submit(0, sell("1", "100"));
    net.submit(1, buy("1", "100"));
    net.crash(0);
    net.connect(0, 1);
    net.pass(AFTER_BOOT);
    let status = |id| net.nodes[0].order(&id).unwrap().status;
    assert_eq!(status(cancelled), OrderStatus::Cancelled);
    assert_eq!(status(filled), OrderStatus::Filled);
    assert_eq!(net.nodes[0].user_orders(), Vec::new());
    net.assert_agreement();
}

#[test]
fn an_order_on_its_way_into_the_book_is_published_after_a_crash() {
    let mut net = Net::durable(2);
    net.submit(0, sell("1", "100"));
    net.lose = Some(Box::new(|to, _| to == 0));
    let bid = net.submit(1, buy("3", "100"));
    net.crash(1);
    net.lose = None;
    net.connect(0, 1);
    net.pass(AFTER_BOOT);
    assert_eq!(net.filled(1, bid), "1");
    assert_eq!(net.book(0).0, [r#"{"price":"100","amount":"2","count":1}"#]);
    net.assert_agreement();
}

#[test]
fn no_sequence_number_is_used_twice_even_if_the_clock_went_back() {
    let mut net = Net::durable(2);
    let first = net.submit(0, sell("1", "100"));
    net.now.wall.0 -= 5_000;
    net.crash(0);
    net.connect(0, 1);
    let second = net.submit(0, sell("1", "101"));
    let ledger = net.nodes[0].ledger();
    let place = |id| ledger.order(&id).unwrap().place().clone();
    assert!(place(second).n > place(first).n);
    assert!(place(second).ts >= place(first).ts);
}

#[test]
fn a_node_whose_clock_went_far_back_places_nothing() {
    let mut net = Net::durable(2);
    net.submit(0, sell("1", "100"));
    net.now.wall.0 -= 3_600_000;
    let refused = net.nodes[0].submit(limit(Side::Sell, "1", "101"), net.now);
    assert!(
        matches!(refused, Err(OrderError::ClockOff { .. })),
        "{refused:?}"
    );
    // The same after a start: the order of before is kept until its time comes.
    net.crash(0);
    let refused = net.nodes[0].submit(limit(Side::Sell, "1", "101"), net.now);
    assert!(
        matches!(refused, Err(OrderError::ClockOff { .. })),
        "{refused:?}"
    );
    net.now.wall.0 += 3_600_000;
    net.pass(20_000);
    assert_eq!(net.book(0).1.len(), 1);
}

#[test]
fn what_was_bought_is_known_after_a_start_even_if_the_clock_went_back() {
    let mut net = Net::durable(2);
    net.submit(0, sell("1", "100"));
    let bid = net.submit(1, buy("2", "100"));
    assert_eq!(net.filled(1, bid), "1");
    net.now.wall.0 -= 3_600_000;
    net.crash(1);
    assert_eq!((net.filled(1, bid), net.trades(1).len()), ("1".into(), 1));
    let burned = net.nodes[1].ledger().order(&bid).unwrap().filled();
    assert_eq!(burned.to_string(), "1");
}

#[test]
fn a_restored_backup_is_recognised_and_its_orders_are_closed() {
    let mut net = Net::durable(2);
    let old = net.submit(0, sell("2", "100"));
    let backup = net.disk(0);
    let bid = net.submit(1, buy("1", "100"));
    let newer = net.submit(0, sell("1", "105"));
    net.set_disk(0, backup);
    net.crash(0);
    net.connect(0, 1);
    net.pass(AFTER_BOOT);
    assert_eq!(net.counter(0, "store_behind"), 1);
    assert_eq!(
        net.nodes[0].order(&old).unwrap().status,
        OrderStatus::Cancelled
    );
    // The trade that the backup did not know is there again.
    assert_eq!(
        (net.filled(0, old), net.filled(1, bid)),
        ("1".into(), "1".into())
    );
    assert_eq!(net.trades(0), net.trades(1));
    assert_eq!(
        net.book(1),
        (Vec::new(), Vec::new()),
        "{newer} is closed as well"
    );
    net.assert_agreement();
}

#[test]
fn an_order_that_the_backup_knew_before_it_was_published_is_closed_everywhere() {
    let mut net = Net::durable(3);
    net.submit(1, buy("1", "100"));
    let ask = net.place(0, sell("3", "100"));
    let backup = net.disk(0);
    net.run();
    assert_eq!(net.book(2).1.len(), 1, "its rest is published");
    net.set_disk(0, backup);
    net.crash(0);
    net.connect(0, 1);
    net.connect(0, 2);
    net.pass(AFTER_BOOT);
    assert_eq!(net.counter(0, "store_behind"), 1);
    assert_eq!(
        net.nodes[0].order(&ask).unwrap().status,
        OrderStatus::Cancelled
    );
    assert_eq!(net.filled(0, ask), "1");
    for node in 0..3 {
        assert_eq!(net.book(node), (Vec::new(), Vec::new()), "of node {node}");
    }
    net.assert_agreement();
}

#[test]
fn an_order_that_the_store_knows_by_a_trade_alone_is_closed() {
    let mut net = Net::durable(2);
    let ask = net.submit(0, sell("3", "100"));
    net.submit(1, buy("1", "100"));
    assert_eq!(net.book(1).1.len(), 1, "its rest is open");
    let mut lost = net.disk(0).unwrap();
    lost.retain(|(table, _), _| *table != Table::Orders);
    net.set_disk(0, Some(lost));
    net.crash(0);
    net.connect(0, 1);
    net.pass(AFTER_BOOT);
    assert_eq!(net.counter(0, "left_behind_closed"), 1);
    for node in 0..2 {
        assert_eq!(net.book(node), (Vec::new(), Vec::new()), "of node {node}");
        let state = net.nodes[node].ledger().order(&ask).unwrap();
        assert_eq!(state.filled().to_string(), "1");
    }
    net.assert_agreement();
}

#[test]
fn a_node_whose_disk_is_full_takes_nothing_and_goes_on_where_it_was() {
    let mut net = Net::durable(2);
    let ask = net.submit(0, sell("1", "100"));
    net.break_disk(0);
    let kept = net.submit(0, sell("1", "90"));
    // The node learns of it from its first write: that order is not published.
    assert_eq!(net.book(1).1.len(), 1);
    let refused = net.nodes[0].submit(limit(Side::Sell, "1", "80"), net.now);
    assert!(
        matches!(refused, Err(OrderError::Storage { .. })),
        "{refused:?}"
    );
    let refused = net.nodes[0].cancel(ask, net.now);
    assert!(
        matches!(refused, Err(CancelError::Storage { .. })),
        "{refused:?}"
    );
    let bid = net.submit(1, buy("2", "100"));
    net.pass(3_000);
    assert_eq!(net.filled(1, bid), "0");
    net.mend_disk(0);
    net.pass(40_000);
    for (node, id, filled) in [(0, ask, "1"), (0, kept, "1"), (1, bid, "2")] {
        assert_eq!(net.filled(node, id), filled);
    }
    net.assert_agreement();
}

#[test]
fn a_trade_is_shown_only_once_it_is_written_down() {
    let mut net = Net::durable(1);
    let ask = net.submit(0, sell("1", "100"));
    net.break_disk(0);
    net.submit(0, buy("1", "100"));
    assert_eq!(net.trades(0), Vec::new());
    assert_eq!(net.filled(0, ask), "0");
    net.mend_disk(0);
    assert_eq!(net.trades(0).len(), 1);
    assert_eq!(net.filled(0, ask), "1");
}

#[test]
fn orders_go_on_after_a_clean_stop() {
    let mut net = Net::durable(2);
    let ask = net.submit(0, sell("1", "100"));
    let now = net.now;
    net.nodes[0].shutdown(now);
    net.flush(0);
    net.crash(0);
    net.connect(0, 1);
    net.pass(AFTER_BOOT);
    assert_eq!(net.nodes[0].user_orders().len(), 1);
    net.submit(1, buy("1", "100"));
    assert_eq!(net.filled(0, ask), "1");
    net.assert_agreement();
}

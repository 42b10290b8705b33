//! Orders in a steady stream, spread over the nodes, each better than all before it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use meshbook::client::ExchangeClient;
use meshbook::node::{OrderError, TimeInForce};
use meshbook::types::{Price, Side};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::record::Record;
use super::{ONE, order};

/// Prices of bids are this and more, in steps of [`STEP`]: each is an order's own.
const FIRST: u128 = 10_000 * ONE;
const STEP: u128 = ONE / 100;

/// An order that all have seen is cancelled when it is so old.
const KEPT: Duration = Duration::from_secs(2);

/// Open orders of one node; it may have 200. Above this the oldest is cancelled whoever has seen
/// it.
const MOST: usize = 150;

/// The order whose price this is.
pub(super) fn number_of(price: Price) -> Option<usize> {
    let above = price.units().checked_sub(FIRST)?;
    usize::try_from(above / STEP).ok()
}

fn price_of(number: usize) -> Price {
    let price = Price::from_units(FIRST + number as u128 * STEP);
    price.expect("a price within the limits")
}

/// Places orders, so many a second, until the record is over; then cancels what all have seen.
pub(super) async fn place(clients: Vec<ExchangeClient>, record: Arc<Record>, a_second: u32) {
    let mut tick = interval(Duration::from_secs(1) / a_second.max(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut open: Vec<VecDeque<(usize, Instant)>> = vec![VecDeque::new(); clients.len()];
    let mut under_way = JoinSet::new();
    let mut number = 0;
    while !record.is_over() {
        tick.tick().await;
        let peer = number % clients.len();
        tidy(&clients[peer], &mut open[peer], &record, KEPT);
        record.placing(number, peer);
        open[peer].push_back((number, Instant::now()));
        let (client, record) = (clients[peer].clone(), Arc::clone(&record));
        under_way.spawn(async move {
            let order = order(Side::Buy, price_of(number), TimeInForce::Gtc);
            let placed = client.submit_order(order).await;
            let placed = placed.map(|placed| placed.order_id);
            record.placed(number, placed.as_ref().copied().map_err(OrderError::code));
        });
        while under_way.try_join_next().is_some() {}
        number += 1;
    }
    while under_way.join_next().await.is_some() {}
}

/// Cancels a node's oldest orders.
fn tidy(
    client: &ExchangeClient,
    open: &mut VecDeque<(usize, Instant)>,
    record: &Record,
    kept: Duration,
) {
    while let Some((number, at)) = open.front() {
        let (id, all_have_seen) = record.state(*number);
        let done = all_have_seen && at.elapsed() >= kept;
        if !done && open.len() <= MOST {
            return;
        }
        if let Some(id) = id {
            // It may be closed already, for a reason that shows elsewhere.
            let _ = client.cancel_order(id);
        }
        open.pop_front();
    }
}

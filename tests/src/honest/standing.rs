//! Orders that stand all the while: what their owners' nodes have open is in the book of every
//! other honest node, with the same amount.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use meshbook::client::ExchangeClient;
use meshbook::node::{OrderStatus, TimeInForce};
use meshbook::types::{OrderId, Price, Side};
use tokio::time::{MissedTickBehavior, interval};

use super::record::Record;
use super::{ONE, order};

/// Prices of bids are this and more, in steps of [`STEP`], and below those of the orders that come
/// and go. Each is an order's own.
const FIRST: u128 = 5_000 * ONE;
const STEP: u128 = ONE / 100;
const PRICES: usize = 400_000;

/// How many each node has.
const EACH: usize = 2;

/// How often the books are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// An order that has not changed for this long is everywhere as it is. A book that had it has it
/// until then as well.
const SETTLED: Duration = Duration::from_secs(10);

/// Levels that are looked at.
const ALL: usize = 4_096;

/// An order of a node that stands.
#[derive(Clone, Debug)]
struct Standing {
    by: usize,
    number: usize,
    id: OrderId,
    /// What is open of it, in units, and since when.
    open: u128,
    since: Instant,
    /// Which peers had it in their books.
    shown: Vec<bool>,
}

/// Keeps orders standing, and compares the books, until the record is over.
pub(super) async fn watch(clients: Vec<ExchangeClient>, record: Arc<Record>) {
    let mut tick = interval(LOOK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut standing: Vec<Standing> = Vec::new();
    let mut next = 0;
    while !record.is_over() {
        tick.tick().await;
        for (by, client) in clients.iter().enumerate() {
            let count = standing.iter().filter(|one| one.by == by).count();
            for _ in count..EACH {
                let number = next;
                next += 1;
                let placed = order(Side::Buy, price_of(number), TimeInForce::Gtc);
                match client.submit_order(placed).await {
                    Ok(placed) => standing.push(Standing {
                        by,
                        number,
                        id: placed.order_id,
                        open: ONE,
                        since: Instant::now(),
                        shown: vec![false; clients.len()],
                    }),
                    Err(error) => {
                        record.refused(error.code());
                        break;
                    }
                }
            }
        }
        // The books before the owners: what an owner has open later was open before.
        let books: Vec<_> = clients.iter().map(levels).collect();
        standing.retain_mut(|one| one.is_open(&clients[one.by]));
        for one in &mut standing {
            compare(one, &books, &record);
        }
    }
}

impl Standing {
    /// Looks what its own node has open of it.
    fn is_open(&mut self, owner: &ExchangeClient) -> bool {
        let Some(order) = owner.order(&self.id) else {
            return false;
        };
        let open = order.amount.saturating_sub(order.filled).units();
        if open != self.open {
            self.open = open;
            self.since = Instant::now();
        }
        matches!(order.status, OrderStatus::Pending | OrderStatus::Partial)
    }
}

/// What there is at the prices of orders that stand.
fn levels(client: &ExchangeClient) -> HashMap<usize, u128> {
    let bids = client.order_book(ALL).bids.into_iter();
    bids.filter_map(|level| Some((number_of(level.price)?, level.amount)))
        .collect()
}

fn compare(one: &mut Standing, books: &[HashMap<usize, u128>], record: &Record) {
    let settled = one.since.elapsed() >= SETTLED;
    for (peer, (book, shown)) in books.iter().zip(&mut one.shown).enumerate() {
        match book.get(&(one.number % PRICES)) {
            None if settled || *shown => record.missed(one.number, peer),
            None => {}
            Some(amount) => {
                *shown = true;
                if settled && *amount != one.open {
                    record.differed(one.number, peer);
                }
            }
        }
    }
}

fn price_of(number: usize) -> Price {
    let price = Price::from_units(FIRST + (number % PRICES) as u128 * STEP);
    price.expect("a price within the limits")
}

fn number_of(price: Price) -> Option<usize> {
    let above = price.units().checked_sub(FIRST)?;
    let number = usize::try_from(above / STEP).ok()?;
    (number < PRICES).then_some(number)
}

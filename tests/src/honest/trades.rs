//! Trades between two honest nodes, one after the other, each with another pair of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use meshbook::client::ExchangeClient;
use meshbook::node::TimeInForce;
use meshbook::types::{Price, Side};
use tokio::time::{sleep, timeout};

use super::record::Record;
use super::{ONE, order};

/// Prices of asks, far above all bids. Each is another, so that one that is left behind is not
/// taken for the next.
const FIRST: u128 = 900_000 * ONE;
const STEP: u128 = ONE / 100;
const PRICES: u128 = 1_000_000;

/// From one trade to the next.
const PAUSE: Duration = Duration::from_millis(50);

/// How long any step of a trade may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the buyer looks whether the offer is there.
const LOOK: Duration = Duration::from_millis(2);

/// Whether a trade at this price can be one of these.
pub(super) fn is_one(price: Price) -> bool {
    price.units() >= FIRST
}

/// Trades until the record is over.
pub(super) async fn trade(clients: Vec<ExchangeClient>, record: Arc<Record>) {
    let mut number = 0;
    while !record.is_over() {
        let seller = &clients[number % clients.len()];
        let buyer = &clients[(number + 1 + number / clients.len()) % clients.len()];
        // Once in a while they would be the same.
        if !std::ptr::eq(seller, buyer) {
            one(seller, buyer, number, &record).await;
        }
        number += 1;
        sleep(PAUSE).await;
    }
}

async fn one(seller: &ExchangeClient, buyer: &ExchangeClient, number: usize, record: &Record) {
    // Ever lower, so that the newest is the best.
    let price = FIRST + (PRICES - number as u128 % PRICES) * STEP;
    let price = Price::from_units(price).expect("a price within the limits");
    let offer = order(Side::Sell, price, TimeInForce::Gtc);
    let start = Instant::now();
    let offered = timeout(PATIENCE, seller.submit_order(offer)).await;
    let offered = match offered {
        Ok(Ok(offered)) => offered,
        Ok(Err(error)) => {
            record.refused(error.code());
            return record.bought(start, None);
        }
        Err(_) => return record.bought(start, None),
    };
    let there = async {
        while buyer.order_book(1).asks.first().map(|ask| ask.price) != Some(price) {
            sleep(LOOK).await;
        }
    };
    if timeout(PATIENCE, there).await.is_err() {
        record.bought(start, None);
    } else {
        let purchase = order(Side::Buy, price, TimeInForce::Ioc);
        let start = Instant::now();
        let bought = timeout(PATIENCE, buyer.submit_order(purchase)).await;
        if let Ok(Err(error)) = &bought {
            record.refused(error.code());
        }
        let bought = bought.ok().and_then(Result::ok);
        let trade = bought.and_then(|bought| bought.trades.first().map(|trade| trade.id));
        record.bought(start, trade);
    }
    // Whatever is left of it, the next one is not to meet it.
    let _ = seller.cancel_order(offered.order_id);
}

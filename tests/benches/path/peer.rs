//! A node in a process of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use meshbook::client::{Config, ExchangeClient};
use meshbook::node::{Event, NewOrder, OrderKind, TimeInForce};
use meshbook::types::{Amount, Price, Side};
use serde_json::json;
use tempfile::TempDir;

use super::child::{answer, orders};
use super::figures::{clock, cpu};
use super::keeping::Keeping;

/// A started node that knows only whom it dials, and its folder in `parent`.
pub(crate) async fn node(
    keeping: Keeping,
    parent: &Path,
    dial: &[&str],
) -> (ExchangeClient, TempDir) {
    let folder = TempDir::with_prefix_in("meshbook-bench-", parent).expect("a folder");
    let settings = [
        ("P2P_HOST", "127.0.0.1"),
        ("P2P_PORT", "0"),
        ("DISCOVERY_MDNS", "false"),
        ("DISCOVERY_GRENACHE", "false"),
        ("DISCOVERY_PEER_EXCHANGE", "false"),
        ("USE_WELL_KNOWN_NODES", "false"),
        ("BOOTSTRAP_PEERS", &dial.join(",")),
    ];
    let mut builder = Config::builder().data_dir(folder.path().to_owned());
    for (name, text) in settings {
        builder = builder.set(name, text).expect("a setting");
    }
    if let Keeping::Journal(sync) = keeping {
        builder = builder.set("JOURNAL_SYNC", sync).expect("a setting");
    }
    let config = builder.build().expect("settings");
    let client = ExchangeClient::new(config).expect("a client");
    if keeping == Keeping::None {
        client.keep_nothing();
    }
    client.initialize().await.expect("a node");
    (client, folder)
}

/// A limit order.
pub(crate) fn limit(side: Side, amount: Amount, price: Price) -> NewOrder {
    NewOrder {
        side,
        amount,
        kind: OrderKind::Limit(price),
        time_in_force: TimeInForce::Gtc,
        user: None,
        lifetime: None,
    }
}

/// When each bid was first seen in the book here, in nanoseconds of the shared clock.
type Seen = Arc<Mutex<BTreeMap<Price, u64>>>;

fn lock(seen: &Seen) -> std::sync::MutexGuard<'_, BTreeMap<Price, u64>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The most orders that arrive together while latency is measured.
const BURST: usize = 64;

/// The child: runs a node and does what it is told.
pub(crate) async fn run(keeping: Keeping, parent: &Path, dial: &[&str]) {
    let (client, _folder) = node(keeping, parent, dial).await;
    let address = client.p2p_address().expect("it listens");
    let seen = Seen::default();
    let (noting, mut events) = (Arc::clone(&seen), client.events());
    let watched = client.clone();
    tokio::spawn(async move {
        let mut best = Price::ZERO;
        while let Some(event) = events.next().await {
            let now = clock();
            if let Event::Book { bid: Some(bid), .. } = event
                && bid > best
            {
                // Orders that arrive together are one event: each of them is seen now.
                let mut seen = lock(&noting);
                for level in watched.order_book(BURST).bids {
                    if level.price > best {
                        seen.entry(level.price).or_insert(now);
                    }
                }
                best = bid;
            }
        }
    });
    answer(&json!(address.to_string()));
    let mut orders = orders();
    while let Ok(Some(line)) = orders.next_line().await {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["cpu"] => answer(&json!(cpu())),
            ["seen"] => {
                let seen = std::mem::take(&mut *lock(&seen));
                let list: Vec<(String, u64)> = seen
                    .into_iter()
                    .map(|(price, at)| (price.to_string(), at))
                    .collect();
                answer(&json!(list));
            }
            ["until", price] => answer(&json!(until(&seen, price).await)),
            ["sell", amount, price] => {
                let (amount, price) = (amount.parse(), price.parse());
                let amount = amount.expect("an amount");
                let order = limit(Side::Sell, amount, price.expect("a price"));
                let sold = client.submit_order(order).await;
                sold.expect("the order is taken");
                answer(&json!(true));
            }
            ["bids"] => {
                let levels = client.order_book(100_000).bids;
                let orders: usize = levels.iter().map(|level| level.count).sum();
                answer(&json!(orders));
            }
            other => panic!("{other:?}"),
        }
    }
    client.shutdown().await;
}

/// Waits until the best bid was this price or a better one; gives the time when it became that.
async fn until(seen: &Seen, price: &str) -> u64 {
    let price: Price = price.parse().expect("a price");
    loop {
        if let Some((_, at)) = lock(seen).range(price..).next() {
            return *at;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

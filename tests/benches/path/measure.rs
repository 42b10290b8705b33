//! The measurements.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use meshbook::client::ExchangeClient;
use meshbook::types::{Amount, OrderId, Price, Side};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::Options;
use super::child::Child;
use super::echo;
use super::figures::{Figures, clock, cpu};
use super::keeping::Keeping;
use super::peer::{limit, node};

/// Open orders that are kept; a node may have 200.
const OPEN: usize = 64;

/// Orders that are being submitted at a time.
const AT_ONCE: usize = 64;

/// So many orders, about, may be under way to the peers: a node drops what its queue for a peer
/// has no room for, and a peer that missed the last order would be waited for in vain.
const AHEAD: usize = 512;

/// Prices of bids are this and more, in steps of a unit, each better than the last.
const FIRST_BID: u128 = 10_000 * ONE;

/// The peer's offer stands here, far above all bids.
const OFFER: &str = "90000";

const ONE: u128 = 100_000_000;

/// One coin, or one step of the price.
fn one() -> Amount {
    Amount::from_units(ONE).unwrap_or_default()
}

fn bid_price(number: usize) -> Price {
    let price = Price::from_units(FIRST_BID + number as u128 * 1_000_000);
    price.expect("a price within the limits")
}

/// Everything, one after the other, with nothing else running.
pub(crate) async fn all(options: &Options) -> Vec<Figures> {
    let mut figures = echo::measure(options).await;
    let mut nodes = Vec::new();
    for keeping in &options.keeping {
        nodes.push(with_nodes(*keeping, options).await);
    }
    // What differs in nothing but the journal stands together.
    let mut nodes: Vec<_> = nodes.into_iter().map(IntoIterator::into_iter).collect();
    for _ in 0..MEASURED {
        figures.extend(nodes.iter_mut().filter_map(Iterator::next));
    }
    figures
}

/// What is measured of nodes that keep one thing or another.
const MEASURED: usize = 3;

async fn with_nodes(keeping: Keeping, options: &Options) -> [Figures; MEASURED] {
    eprintln!("measuring with the journal {}", keeping.name());
    let folder = options.folder.as_path();
    let (client, _folder) = node(keeping, folder, &[]).await;
    let address = client.p2p_address().expect("it listens").to_string();
    let folder = folder.to_str().expect("a path that is text");
    let peer = ["peer", keeping.name(), folder, &address];
    let mut first = Child::start(&peer).await;
    connected(&client, 1).await;
    let to_book = to_book(&client, &mut first, options).await;
    let to_fill = to_fill(&client, &mut first, options).await;
    let mut second = Child::start(&peer).await;
    connected(&client, 2).await;
    let sustained = sustained(&client, [&mut first, &mut second], options).await;
    client.shutdown().await;
    [to_book, to_fill, sustained].map(|figures| Figures {
        keeping: Some(keeping),
        ..figures
    })
}

async fn connected(client: &ExchangeClient, peers: usize) {
    while client.p2p_stats().peers.connected_peers < peers {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// From `submit_order` to the order standing in the other's book.
async fn to_book(client: &ExchangeClient, peer: &mut Child, options: &Options) -> Figures {
    let mut tick = interval(Duration::from_micros(1_000_000 / options.rate));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut submitted: BTreeMap<String, u64> = BTreeMap::new();
    let mut open: VecDeque<OrderId> = VecDeque::new();
    // The first ones warm caches and code, and are not counted.
    let warm_up = options.samples / 10;
    for number in 0..warm_up + options.samples {
        tick.tick().await;
        let price = bid_price(number);
        let order = limit(Side::Buy, one(), price);
        let start = clock();
        let placed = client.submit_order(order).await.expect("a good order");
        if number >= warm_up {
            submitted.insert(price.to_string(), start);
        }
        open.push_back(placed.order_id);
        if open.len() > OPEN
            && let Some(oldest) = open.pop_front()
        {
            client.cancel_order(oldest).expect("an open order");
        }
    }
    let last = bid_price(warm_up + options.samples - 1);
    peer.ask(&format!("until {last}")).await;
    let seen = peer.ask("seen").await;
    let seen: Vec<(String, u64)> = serde_json::from_value(seen).expect("a list");
    for order in open {
        client.cancel_order(order).expect("an open order");
    }
    let pairs = seen.iter();
    let latencies: Vec<u64> = pairs
        .filter_map(|(price, at)| Some(at.saturating_sub(*submitted.get(price)?)))
        .collect();
    assert_eq!(latencies.len(), options.samples, "every order is seen");
    Figures {
        name: "order_to_book",
        what: "from submit_order to the other's book",
        latencies,
        ..Figures::default()
    }
}

/// From `submit_order` to a fill that the other has confirmed.
async fn to_fill(client: &ExchangeClient, peer: &mut Child, options: &Options) -> Figures {
    let warm_up = options.samples / 10;
    let coins = warm_up + options.samples;
    peer.ask(&format!("sell {coins} {OFFER}")).await;
    while client.order_book(1).asks.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let price: Price = OFFER.parse().expect("a price");
    let mut tick = interval(Duration::from_micros(1_000_000 / options.rate));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut latencies = Vec::new();
    let mut before = cpu() + peer.cpu().await;
    for number in 0..coins {
        tick.tick().await;
        if number == warm_up {
            before = cpu() + peer.cpu().await;
        }
        let start = clock();
        let bought = client.submit_order(limit(Side::Buy, one(), price)).await;
        let time = clock().saturating_sub(start);
        let bought = bought.expect("a good order");
        let filled = bought.remaining_order.is_none() && !bought.trades.is_empty();
        assert!(filled, "a confirmed fill: {bought:?}");
        if number >= warm_up {
            latencies.push(time);
        }
    }
    let spent = cpu() + peer.cpu().await - before;
    Figures {
        name: "order_to_fill",
        what: "from submit_order to a confirmed fill by the other",
        cpu_micros: Some(spent as f64 / options.samples as f64),
        latencies,
        ..Figures::default()
    }
}

/// As many orders as two peers take, each cancelled a little later, until both books have the
/// last one.
async fn sustained(
    client: &ExchangeClient,
    mut peers: [&mut Child; 2],
    options: &Options,
) -> Figures {
    for peer in &mut peers {
        peer.ask("seen").await;
    }
    let mut before = cpu();
    for peer in &mut peers {
        before += peer.cpu().await;
    }
    let start = clock();
    let mut under_way = JoinSet::new();
    let mut open: VecDeque<OrderId> = VecDeque::new();
    // Better than all bids before, which the first peer has seen.
    let first = 2 * options.samples;
    for number in first..first + options.orders {
        if number % (AHEAD / 2) == 0 && number >= first + AHEAD {
            let price = bid_price(number - AHEAD);
            for peer in &mut peers {
                peer.ask(&format!("until {price}")).await;
            }
        }
        let order = limit(Side::Buy, one(), bid_price(number));
        let client_too = client.clone();
        under_way.spawn(async move { client_too.submit_order(order).await });
        while under_way.len() >= AT_ONCE {
            settle(client, &mut under_way, &mut open).await;
        }
    }
    while !under_way.is_empty() {
        settle(client, &mut under_way, &mut open).await;
    }
    let last = bid_price(first + options.orders - 1);
    let mut end = 0;
    for peer in &mut peers {
        let at = peer.ask(&format!("until {last}")).await;
        end = end.max(at.as_u64().expect("a time"));
    }
    let mut spent = cpu();
    for peer in &mut peers {
        spent += peer.cpu().await;
    }
    // What came through is what was sent: the same orders are left in all three books.
    for peer in &mut peers {
        while peer.ask("bids").await != open.len() {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let waited = clock() - end;
            assert!(waited < 60_000_000_000, "a peer has lost orders or cancels");
        }
    }
    for order in open {
        client.cancel_order(order).expect("an open order");
    }
    let (count, seconds) = (options.orders as f64, (end - start) as f64 / 1e9);
    Figures {
        name: "orders_to_two_peers",
        what: "orders to two peers, each placed and cancelled",
        per_second: Some(count / seconds),
        cpu_micros: Some((spent - before) as f64 / count),
        ..Figures::default()
    }
}

type Submitted = Result<meshbook::node::OrderResult, meshbook::node::OrderError>;

/// Waits for one order, and cancels the oldest once there are enough.
async fn settle(
    client: &ExchangeClient,
    under_way: &mut JoinSet<Submitted>,
    open: &mut VecDeque<OrderId>,
) {
    if let Some(settled) = under_way.join_next().await {
        let placed = settled.expect("a task ends").expect("a good order");
        open.push_back(placed.order_id);
    }
    if open.len() > OPEN
        && let Some(oldest) = open.pop_front()
    {
        client.cancel_order(oldest).expect("an open order");
    }
}

//! Places orders at a rate, for tests that need a busy network: `load PEER ORDERS_PER_SECOND SECONDS`.
//! Old orders are cancelled, since a node may have few open. Says how many it placed.

use std::collections::VecDeque;
use std::error::Error;
use std::time::{Duration, Instant};

use meshbook::client::{Config, ExchangeClient};
use meshbook::node::{NewOrder, OrderError, OrderKind, OrderResult, TimeInForce};
use meshbook::types::{OrderId, Price, Side};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

/// Below what other nodes keep of one node.
const OPEN: usize = 100;

/// How often some orders are placed.
const STEP: Duration = Duration::from_millis(5);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || {
        arguments
            .next()
            .ok_or("load PEER ORDERS_PER_SECOND SECONDS")
    };
    let (peer, rate, seconds) = (next()?, next()?.parse()?, next()?.parse()?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let placed = runtime.block_on(load(&peer, rate, Duration::from_secs(seconds)))?;
    println!("placed {placed}");
    Ok(())
}

async fn load(peer: &str, rate: u32, time: Duration) -> Result<u64, Box<dyn Error>> {
    let config = Config::builder()
        .set("P2P_HOST", "127.0.0.1")?
        .set("P2P_PORT", "0")?
        .set("USE_WELL_KNOWN_NODES", "false")?
        .set("DISCOVERY_MDNS", "false")?
        .set("DISCOVERY_GRENACHE", "false")?
        .set("BOOTSTRAP_PEERS", peer)?
        .build()?;
    let client = ExchangeClient::new(config)?;
    client.keep_nothing();
    client.initialize().await?;
    while client.p2p_stats().peers.connected_peers == 0 {
        tokio::time::sleep(STEP).await;
    }
    let mut ticks = interval(STEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (start, mut number) = (Instant::now(), 0_u64);
    let mut placing = JoinSet::new();
    let mut open: VecDeque<OrderId> = VecDeque::new();
    while start.elapsed() < time {
        ticks.tick().await;
        let due = (start.elapsed().as_secs_f64() * f64::from(rate)) as u64;
        while number < due {
            make_room(&client, &mut placing, &mut open).await?;
            let (placer, order) = (client.clone(), order(number)?);
            placing.spawn(async move { placer.submit_order(order).await });
            number += 1;
        }
    }
    client.shutdown().await;
    Ok(number)
}

/// Cancels the oldest until there is room for one more.
async fn make_room(
    client: &ExchangeClient,
    placing: &mut JoinSet<Result<OrderResult, OrderError>>,
    open: &mut VecDeque<OrderId>,
) -> Result<(), Box<dyn Error>> {
    while let Some(placed) = placing.try_join_next() {
        open.push_back(placed??.order_id);
    }
    while open.len() + placing.len() >= OPEN {
        if let Some(oldest) = open.pop_front() {
            client.cancel_order(oldest)?;
        } else if let Some(placed) = placing.join_next().await {
            open.push_back(placed??.order_id);
        }
    }
    Ok(())
}

/// Bids below 1000 and asks above it: they rest.
fn order(number: u64) -> Result<NewOrder, Box<dyn Error>> {
    let (side, price) = match number % 2 {
        0 => (Side::Buy, 900 + number % 97),
        _ => (Side::Sell, 1001 + number % 97),
    };
    let price: Price = price.to_string().parse()?;
    Ok(NewOrder {
        side,
        amount: "0.5".parse()?,
        kind: OrderKind::Limit(price),
        time_in_force: TimeInForce::Gtc,
        user: None,
        lifetime: None,
    })
}

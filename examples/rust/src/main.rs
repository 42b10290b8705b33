//! A market maker: a bid below and an ask above a middle price, put back whenever one is filled.
//!
//! `cargo run -p meshbook-example-maker -- 60000 127.0.0.1:3000` quotes around 60000 on a node of
//! its own, which joins the network through the node at that address.

use std::error::Error;

use meshbook::client::{Config, ExchangeClient};
use meshbook::node::{Event, NewOrder, OrderKind, OrderStatus, TimeInForce};
use meshbook::types::{Price, Side};

const AMOUNT: &str = "0.1";
/// How far the quotes are from the middle, in the quote currency.
const DISTANCE: &str = "50";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let middle: Price = arguments.next().ok_or("usage: MIDDLE [PEER]...")?.parse()?;
    let peers: Vec<String> = arguments.collect();
    let config = Config::builder()
        .process_env()?
        .set("P2P_PORT", "0")?
        .set("MESHBOOK_DATA_DIR", ".meshbook-maker")?
        .set("BOOTSTRAP_PEERS", &peers.join(","))?
        .build()?;
    let client = ExchangeClient::new(config)?;
    client.initialize().await?;
    let mut events = client.events();
    for side in [Side::Buy, Side::Sell] {
        quote(&client, side, middle).await?;
    }
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Event::Trade { trade, own: true }) => {
                    println!("traded {} at {}", trade.amount, trade.price);
                }
                Some(Event::Order { order }) if order.status == OrderStatus::Filled => {
                    quote(&client, order.side, middle).await?;
                }
                Some(_) => {}
                None => break,
            },
            stopped = tokio::signal::ctrl_c() => {
                stopped?;
                break;
            }
        }
    }
    client.shutdown().await;
    Ok(())
}

/// Places one quote. Post-only: a maker that would take has its price wrong.
async fn quote(client: &ExchangeClient, side: Side, middle: Price) -> Result<(), Box<dyn Error>> {
    let distance: Price = DISTANCE.parse()?;
    let price = match side {
        Side::Buy => middle.checked_sub(distance),
        Side::Sell => middle.checked_add(distance),
    };
    let order = NewOrder {
        side,
        amount: AMOUNT.parse()?,
        kind: OrderKind::Limit(price.ok_or("the middle price is too near the end of the range")?),
        time_in_force: TimeInForce::Post,
        user: None,
        lifetime: None,
    };
    match client.submit_order(order).await {
        Ok(placed) => println!("{side} {AMOUNT}: order {}", placed.order_id),
        Err(refused) => eprintln!("{side}: {refused}"),
    }
    Ok(())
}

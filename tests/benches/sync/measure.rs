//! The measurements.

use std::time::{Duration, Instant};

use meshbook::ledger::RawStatement;
use meshbook::node::{BookSnapshot, Level};
use meshbook_tests::{Control, Node, NodeBuilder, Persona, SecuredPeer, Teller, eventually_within};

use super::Options;
use super::figures::Figures;
use super::market::Market;
use super::proxy::Proxy;

/// How long any one step may take.
const LIMIT: Duration = Duration::from_secs(300);

/// Statements in one message: some 128 KB.
const BATCH: usize = 256;

/// Owners that are there at the same time; a node has 25 places for them.
const AT_ONCE: usize = 20;

/// Everything, one after the other, with nothing else running.
pub(crate) async fn all(options: Options) -> Vec<Figures> {
    let mut figures = Vec::new();
    let source = node("source").start().await;
    let (mut market, said) = Market::new(options);
    place_all(&source, &said).await;
    shows(&source.control, &market).await;
    let mut teller = dial(&source, Persona::new(1)).await;

    for _ in 0..options.rounds {
        tell(&mut teller, &market.alive()).await;
        let proxy = Proxy::to(source.address).await;
        // Nobody can dial it where it seems to be: all that it hears goes through the proxy.
        let joiner = node("joiner").set("P2P_HOST", "127.0.0.2");
        let start = Instant::now();
        let joiner = joiner.dialing(proxy.address).start().await;
        shows(&joiner.control, &market).await;
        let what = "a late joiner gets the whole book";
        figures.push(measured("late_joiner", what, start, &proxy));

        tell(&mut teller, &market.alive()).await;
        proxy.is_quiet().await;
        proxy.cut();
        joiner.has_peers(0).await;
        tell(&mut teller, &market.change(options.missed)).await;
        shows(&source.control, &market).await;
        let start = Instant::now();
        proxy.heal();
        shows(&joiner.control, &market).await;
        figures.push(measured("missed", "back after a cut", start, &proxy));
        assert_eq!(
            levels(source.control.book().await),
            levels(joiner.control.book().await)
        );
    }
    figures
}

/// Every owner brings its own orders: whoever brings so many of others is taken for a flood.
async fn place_all(source: &Node, said: &[Vec<RawStatement>]) {
    for (group, owners) in said.chunks(AT_ONCE).enumerate() {
        for (place, owner) in owners.iter().enumerate() {
            let who = Persona::numbered((group * AT_ONCE + place) as u32);
            tell(&mut dial(source, who).await, owner).await;
        }
        // Each has left, and made room for the next.
        source.has_peers(0).await;
    }
}

async fn dial(source: &Node, who: Persona) -> Teller {
    let peer = SecuredPeer::dial(source.address, who).await;
    peer.expect("a session").ignoring()
}

fn node(name: &str) -> NodeBuilder {
    Node::named(name)
        .set("LOG_LEVEL", "warn")
        .set("MAX_STORED_ORDERS", "200000")
        .set("DISCOVERY_PEER_EXCHANGE", "false")
        .set("PEER_RECONNECT_INTERVAL", "100")
}

async fn tell(teller: &mut Teller, statements: &[RawStatement]) {
    for part in statements.chunks(BATCH) {
        teller.state(part).await;
    }
}

fn levels(book: BookSnapshot) -> (Vec<Level>, Vec<Level>) {
    (book.bids, book.asks)
}

/// Waits until a node's book is of the market's size.
async fn shows(node: &Control, market: &Market) {
    let size = market.size();
    eventually_within(LIMIT, "the book is complete", async || {
        let book = node.book().await;
        let levels = || book.bids.iter().chain(&book.asks);
        let orders: usize = levels().map(|level| level.count).sum();
        let shown = (orders, levels().map(|level| level.amount).sum::<u128>());
        if shown == size {
            Ok(())
        } else {
            Err(format!("{shown:?} of {size:?}"))
        }
    })
    .await;
}

fn measured(name: &'static str, what: &'static str, start: Instant, proxy: &Proxy) -> Figures {
    let time = start.elapsed();
    let (bytes_up, bytes_down) = proxy.counted();
    Figures {
        name,
        what,
        time,
        bytes_up,
        bytes_down,
    }
}

//! The ways to run a network: with direct connections alone, and with Grapes beside them.

use meshbook::node::PeerSource;
use meshbook::types::Side;
use meshbook_tests::{Grape, Node, eventually};

use super::grapes;

/// Waits until all show the same book, of so many bids and asks, and the same trades.
pub(super) async fn agree(nodes: &[&Node], levels: (usize, usize), trades: usize) {
    eventually("all books and trades are equal", async || {
        let mut seen = Vec::new();
        for node in nodes {
            let book = node.control.book().await;
            let mut ids: Vec<_> = node.control.trades(100).await;
            ids.sort_by_key(|trade| trade.id);
            let ids: Vec<_> = ids.into_iter().map(|trade| trade.id).collect();
            seen.push((book.bids, book.asks, ids));
        }
        let as_wanted = |(bids, asks, ids): &(Vec<_>, Vec<_>, Vec<_>)| {
            (bids.len(), asks.len()) == levels && ids.len() == trades
        };
        match seen.iter().all(|it| as_wanted(it) && *it == seen[0]) {
            true => Ok(()),
            false => Err(format!("{seen:#?}")),
        }
    })
    .await;
}

/// Every node places an order that another one fills, and one that stays; prices begin at `from`.
pub(super) async fn trade(nodes: &[&Node], from: u32) {
    for (place, node) in (0_u32..).zip(nodes) {
        let price = (from + place).to_string();
        let other = &nodes[(place as usize + 1) % nodes.len()];
        let offered = node.control.place(Side::Sell, "1.5", &price).await;
        eventually("the other one shows the offer", async || {
            let asks = other.control.book().await.asks;
            match asks.first().map(|level| level.price.to_string()) {
                Some(best) if best == price => Ok(()),
                best => Err(format!("{best:?}")),
            }
        })
        .await;
        let taken = other.control.place(Side::Buy, "1.5", &price).await;
        assert_eq!(taken.trades.len(), 1, "{offered:?} {taken:?}");
        let rest = (from - 10 - place).to_string();
        node.control.place(Side::Buy, "1", &rest).await;
    }
}

#[tokio::test]
async fn pure_p2p_three_nodes_trade_without_grenache() {
    let grape = Grape::start().await;
    let a = Node::named("A")
        .set("GRAPE_URL", &grape.url())
        .start()
        .await;
    let b = Node::named("B").set("GRAPE_URL", &grape.url());
    let b = b.dialing(a.address).start().await;
    let c = Node::named("C").set("GRAPE_URL", &grape.url());
    let c = c.dialing(a.address).start().await;
    let nodes = [&a, &b, &c];
    for node in nodes {
        node.has_peers(2).await;
        let status = node.control.status().await;
        assert_eq!(status["hasGrenache"], false, "{status}");
        assert_eq!(status["discovery"]["strategies"]["grenache"], false);
    }
    trade(&nodes, 100).await;
    agree(&nodes, (3, 0), 3).await;
    // Though a Grape is there, none of them has used it.
    let found = grape.ask("lookup", "p2p_exchange".into()).await;
    assert_eq!(found, Ok(serde_json::json!([])));
}

#[tokio::test]
async fn hybrid_three_nodes_find_each_other_at_two_grapes_and_go_on_without_them() {
    let mut one = Grape::start().await;
    let mut two = Grape::joining(&one).await;
    // Each node knows one Grape only, and not the same.
    let a = grapes::node("A", &one.url()).start().await;
    let b = grapes::node("B", &two.url()).start().await;
    let c = grapes::node("C", &one.url()).start().await;
    let nodes = [&a, &b, &c];
    for node in nodes {
        node.has_peers(2).await;
        grapes::has_grenache(node, true).await;
    }
    trade(&nodes, 100).await;
    agree(&nodes, (3, 0), 3).await;

    // Failover: orders go on while both are gone.
    one.kill().await;
    two.kill().await;
    for node in nodes {
        grapes::has_grenache(node, false).await;
    }
    trade(&nodes, 200).await;
    agree(&nodes, (6, 0), 6).await;

    // They are used again: one that knows nothing else finds all.
    one.start_again().await;
    two.start_again_joining(&one).await;
    for node in nodes {
        grapes::has_grenache(node, true).await;
    }
    let late = grapes::node("late", &two.url()).start().await;
    late.has_peers(3).await;
    let nodes = [&a, &b, &c, &late];
    agree(&nodes, (6, 0), 6).await;
    trade(&nodes, 300).await;
    agree(&nodes, (10, 0), 10).await;
    let mut sources = late.control.peers().await;
    sources.retain(|peer| peer.source == PeerSource::Grenache);
    assert!(!sources.is_empty(), "it was told by a Grape");
}

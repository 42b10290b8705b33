//! Five nodes in a line: what the ends want of each other passes through the others.

use meshbook::types::Side;
use meshbook_tests::{Node, eventually};

const NAMES: [&str; 5] = ["A", "B", "C", "D", "E"];

/// Five nodes, each connected only to the next, in the order of their names.
async fn line() -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for name in NAMES {
        let mut node = Node::named(name).set("DISCOVERY_PEER_EXCHANGE", "false");
        if let Some(before) = nodes.last() {
            node = node.dialing(before.address);
        }
        nodes.push(node.start().await);
    }
    still_a_line(&nodes).await;
    nodes
}

async fn still_a_line(nodes: &[Node]) {
    for (i, node) in nodes.iter().enumerate() {
        let ends = usize::from(i == 0) + usize::from(i + 1 == nodes.len());
        node.has_peers(2 - ends).await;
    }
}

async fn sees(node: &Node, name: &str, asks: &str) {
    eventually(&format!("{name} sees the asks {asks}"), async || {
        let book = node.control.book().await;
        let seen = serde_json::to_string(&book.asks).unwrap();
        if seen == asks { Ok(()) } else { Err(seen) }
    })
    .await;
}

#[tokio::test]
async fn an_order_at_one_end_of_a_line_is_filled_from_the_other_end() {
    let nodes = line().await;
    let (first, last) = (&nodes[0], &nodes[4]);

    let sell = first.control.place(Side::Sell, "2", "100").await.order_id;
    for (node, name) in nodes.iter().zip(NAMES) {
        sees(node, name, r#"[{"price":"100","amount":"2","count":1}]"#).await;
    }
    let bought = last.control.place(Side::Buy, "0.75", "101").await;
    assert_eq!(bought.trades.len(), 1, "filled at once: {bought:?}");
    assert!(bought.remaining_order.is_none(), "{bought:?}");
    let trade = &bought.trades[0];
    assert_eq!(
        (trade.sell_order_id, trade.price),
        (sell, "100".parse().unwrap())
    );

    for (node, name) in nodes.iter().zip(NAMES) {
        sees(node, name, r#"[{"price":"100","amount":"1.25","count":1}]"#).await;
        eventually(&format!("{name} has the trade"), async || {
            let trades = node.control.trades(10).await;
            if trades == bought.trades {
                Ok(())
            } else {
                Err(format!("{trades:?}"))
            }
        })
        .await;
    }
    still_a_line(&nodes).await;
}

#[tokio::test]
async fn a_cancel_at_one_end_of_a_line_reaches_the_other_end() {
    let nodes = line().await;
    let sell = nodes[4].control.place(Side::Sell, "1", "7").await.order_id;
    sees(&nodes[0], "A", r#"[{"price":"7","amount":"1","count":1}]"#).await;
    nodes[4].control.cancel(sell).await.unwrap();
    for (node, name) in nodes.iter().zip(NAMES) {
        sees(node, name, "[]").await;
    }
}

//! Three nodes, and two of them want the same thing at the same moment.

use std::collections::BTreeSet;

use meshbook::node::{BookSnapshot, Trade};
use meshbook::types::{Amount, OrderId, Side, TradeId};
use meshbook_tests::{Control, Node, eventually};

const ROUNDS: usize = 200;

/// Three nodes, each with a session to each.
async fn three() -> [Node; 3] {
    let a = Node::named("A").start().await;
    let b = Node::named("B").dialing(a.address).start().await;
    let c = Node::named("C").dialing(a.address).dialing(b.address);
    let c = c.start().await;
    for node in [&a, &b, &c] {
        node.has_peers(2).await;
    }
    [a, b, c]
}

/// Both sides of a book as price, amount and orders.
fn shown(book: &BookSnapshot) -> String {
    let side = |levels: &[_]| serde_json::to_string(levels).unwrap();
    format!("bids {} asks {}", side(&book.bids), side(&book.asks))
}

async fn book_is(nodes: &[Node], expected: &str) {
    for (node, name) in nodes.iter().zip(["A", "B", "C"]) {
        eventually(&format!("the book of {name} is {expected}"), async || {
            let book = shown(&node.control.book().await);
            if book == expected { Ok(()) } else { Err(book) }
        })
        .await;
    }
}

/// The trades of one sell order as a node has them.
async fn trades_of(control: &Control, sell: OrderId) -> Vec<Trade> {
    let latest = control.trades(20).await;
    let mut own: Vec<Trade> = latest
        .into_iter()
        .filter(|trade| trade.sell_order_id == sell)
        .collect();
    own.sort_by_key(|trade| trade.id);
    own
}

fn sum(trades: &[Trade]) -> Amount {
    let add = |sum: Amount, trade: &Trade| sum.checked_add(trade.amount).unwrap();
    trades.iter().fold(Amount::ZERO, add)
}

#[tokio::test]
async fn an_order_of_1_5_is_never_sold_twice_to_two_who_want_1_at_the_same_moment() {
    let nodes = three().await;
    let [a, b, c] = [0, 1, 2].map(|i| &nodes[i].control);
    let whole: Amount = "1.5".parse().unwrap();
    let mut ids: BTreeSet<TradeId> = BTreeSet::new();
    let mut records = 0;

    for round in 0..ROUNDS {
        let sell = a.place(Side::Sell, "1.5", "50000").await.order_id;
        let offer = r#"bids [] asks [{"price":"50000","amount":"1.5","count":1}]"#;
        book_is(&nodes, offer).await;

        let (first, second) = tokio::join!(
            b.place(Side::Buy, "1", "50000"),
            c.place(Side::Buy, "1", "50000"),
        );

        let rest = r#"bids [{"price":"50000","amount":"0.5","count":1}] asks []"#;
        book_is(&nodes, rest).await;
        let trades = eventually("A has sold all", async || {
            let trades = trades_of(a, sell).await;
            if sum(&trades) == whole {
                Ok(trades)
            } else {
                Err(format!("{trades:?}"))
            }
        })
        .await;
        for (other, name) in [(b, "B"), (c, "C")] {
            eventually(&format!("{name} has the trades of A"), async || {
                let own = trades_of(other, sell).await;
                if own == trades {
                    Ok(())
                } else {
                    Err(format!("{own:?}, A has {trades:?}"))
                }
            })
            .await;
        }
        let buyers = [first.order_id, second.order_id];
        assert!(
            trades
                .iter()
                .all(|trade| buyers.contains(&trade.buy_order_id))
        );
        records += trades.len();
        ids.extend(trades.iter().map(|trade| trade.id));

        // Whoever came second has half of its order left.
        let cancelled = (b.cancel(buyers[0]).await, c.cancel(buyers[1]).await);
        let one = cancelled.0.is_ok() != cancelled.1.is_ok();
        assert!(one, "round {round}: {cancelled:?}");
        book_is(&nodes, "bids [] asks []").await;
    }

    assert_eq!(ids.len(), records, "no trade is told under two ids");
    let mut total = Vec::new();
    for node in &nodes {
        let all = node.control.trades(100_000).await;
        assert_eq!(
            all.iter().map(|trade| trade.id).collect::<BTreeSet<_>>(),
            ids
        );
        assert_eq!(all.len(), records);
        total.push(sum(&all));
    }
    assert_eq!(total, ["300".parse().unwrap(); 3]);
}

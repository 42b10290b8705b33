//! What was, read from the journal of a node that runs and of one that doesn't.

use super::*;
use crate::client::{Archive, Cursor, History, HistoryQuery, OwnSide, PastTrade, Reading};
use crate::node::Order;
use crate::storage::KeyFileMode;
use crate::transport::MemoryTransport;
use crate::types::Millis;

/// Reads page by page to the end.
fn all(history: &History, query: &HistoryQuery) -> Vec<PastTrade> {
    let mut query = query.clone();
    let mut trades = Vec::new();
    loop {
        let page = history.trades(&query).unwrap();
        assert!(page.trades.len() <= query.limit);
        trades.extend(page.trades);
        match page.next {
            Some(next) => query.at = Some(next.to_string().parse::<Cursor>().unwrap()),
            None => return trades,
        }
    }
}

async fn trade_with_itself(client: &ExchangeClient, times: usize) {
    let amount = times.to_string();
    in_time(client.submit_order(order(Side::Sell, &amount, "100")))
        .await
        .unwrap();
    for _ in 0..times {
        let bought = in_time(client.submit_order(order(Side::Buy, "1", "100")));
        assert_eq!(bought.await.unwrap().trades.len(), 1);
    }
}

fn open_archive(dir: &TempDir) -> Archive {
    Archive::open(&quiet(dir).data_dir, KeyFileMode::Owner)
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn a_history_is_the_same_from_either_end_and_from_a_node_that_has_stopped() {
    let transport: Arc<dyn Transport> = Arc::new(MemoryTransport::new());
    let Place { client, dir } = start(&transport, &[]).await;
    trade_with_itself(&client, 9).await;
    in_time(client.submit_order(order(Side::Sell, "3", "200")))
        .await
        .unwrap();
    let history = client.history().unwrap();
    let mut query = HistoryQuery {
        limit: 2,
        ..HistoryQuery::default()
    };
    let trades = all(&history, &query);
    let mut shown = client.trades(100);
    shown.reverse();
    let read: Vec<_> = trades.iter().map(|past| past.trade.clone()).collect();
    assert_eq!(read, shown);
    assert!(
        trades
            .iter()
            .all(|past| past.own_side == Some(OwnSide::Both))
    );

    query.direction = Reading::NewestFirst;
    let mut newest = all(&history, &query);
    newest.reverse();
    assert_eq!(newest, trades);

    let (from, to) = (trades[3].trade.timestamp, trades[6].trade.timestamp);
    let within: Vec<_> = trades
        .iter()
        .filter(|past| (from..to).contains(&past.trade.timestamp))
        .cloned()
        .collect();
    query.since = from;
    query.until = Some(to);
    for direction in [Reading::OldestFirst, Reading::NewestFirst] {
        query.direction = direction;
        let mut read = all(&history, &query);
        if direction == Reading::NewestFirst {
            read.reverse();
        }
        assert_eq!(read, within, "{direction:?}");
    }
    query.since = to + Millis(1_000_000);
    query.until = None;
    assert_eq!(all(&history, &query), []);

    let orders: Vec<Order> = client.order_history();
    in_time(client.shutdown()).await;
    assert_eq!(history.trades(&query).unwrap_err().code(), "JOURNAL_CLOSED");
    let archive = open_archive(&dir);
    assert_eq!(all(archive.history(), &HistoryQuery::default()), trades);
    assert_eq!(archive.order_history().unwrap(), orders);
    assert!(archive.has_key());
}

#[tokio::test]
async fn own_trades_are_told_from_those_of_others_by_their_side() {
    let transport: Arc<dyn Transport> = Arc::new(MemoryTransport::new());
    let seller = start(&transport, &[]).await;
    let buyer = start(&transport, &[&seller]).await;
    let watcher = start(&transport, &[&seller]).await;
    until("connected", || {
        seller.connected() == 2 && buyer.connected() > 0 && watcher.connected() > 0
    })
    .await;
    in_time(seller.client.submit_order(order(Side::Sell, "2", "100")))
        .await
        .unwrap();
    until("the ask is seen", || {
        buyer.client.order_book(1).asks.len() == 1
    })
    .await;
    in_time(buyer.client.submit_order(order(Side::Buy, "1", "100")))
        .await
        .unwrap();
    let sides = [
        (&seller, Some(OwnSide::Sell)),
        (&buyer, Some(OwnSide::Buy)),
        (&watcher, None),
    ];
    for (place, side) in sides {
        let history = place.client.history().unwrap();
        let mut query = HistoryQuery::default();
        // Shown a moment before it is written.
        until("the trade is written", || !all(&history, &query).is_empty()).await;
        let trades = all(&history, &query);
        assert_eq!(trades.len(), 1);
        assert_eq!(trades[0].own_side, side);
        query.own = true;
        assert_eq!(all(&history, &query).len(), usize::from(side.is_some()));
    }
}

#[tokio::test]
async fn a_nodes_folder_is_read_by_nobody_else_while_it_runs_and_by_no_node_while_it_is_read() {
    let transport: Arc<dyn Transport> = Arc::new(MemoryTransport::new());
    let Place { client, dir } = start(&transport, &[]).await;
    let error = Archive::open(&quiet(&dir).data_dir, KeyFileMode::Owner).unwrap_err();
    assert_eq!(error.code(), "DATA_DIR_IN_USE");
    in_time(client.shutdown()).await;
    let archive = open_archive(&dir);
    // Nothing was ever signed here.
    assert_eq!(archive.order_history().unwrap(), []);
    let again = ExchangeClient::new(quiet(&dir)).unwrap();
    let error = again.initialize().await.unwrap_err();
    assert_eq!(error.code(), "DATA_DIR_IN_USE");
    drop(archive);
    again.initialize().await.unwrap();
    in_time(again.shutdown()).await;
}

#[tokio::test]
async fn a_journal_of_another_network_is_read_as_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = quiet(&dir);
    config.network = "testnet".parse().unwrap();
    let client = ExchangeClient::new(config).unwrap();
    client.initialize().await.unwrap();
    trade_with_itself(&client, 1).await;
    let (trades, orders) = (client.trades(1), client.order_history());
    in_time(client.shutdown()).await;
    let archive = open_archive(&dir);
    assert_eq!(archive.history().network().as_str(), "testnet");
    let read = all(archive.history(), &HistoryQuery::default());
    assert_eq!(read[0].trade, trades[0]);
    assert_eq!(archive.order_history().unwrap(), orders);
}

#[test]
fn where_there_is_no_journal_none_is_made() {
    let dir = tempfile::tempdir().unwrap();
    assert!(
        Archive::open(dir.path(), KeyFileMode::Owner)
            .unwrap()
            .is_none()
    );
    assert!(
        Archive::open(&dir.path().join("nowhere"), KeyFileMode::Owner)
            .unwrap()
            .is_none()
    );
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_cursor_is_what_a_page_gave() {
    for bad in ["", "0", "0g", "next", &"00".repeat(50)] {
        assert_eq!(bad.parse::<Cursor>().unwrap_err().field, "at", "{bad}");
    }
    assert_eq!("00ff".parse::<Cursor>().unwrap().to_string(), "00ff");
}

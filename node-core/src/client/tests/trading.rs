//! Orders and trades between clients.

use super::*;
use crate::node::{Event, OrderError, OrderStatus};
use crate::transport::{MemoryTransport, TcpTransport, WebSocketTransport};

async fn two_clients_trade(transport: Arc<dyn Transport>) {
    let seller = start(&transport, &[]).await;
    let buyer = start(&transport, &[&seller]).await;
    until("connected", || {
        seller.connected() == 1 && buyer.connected() == 1
    })
    .await;
    let mut events = seller.client.events();

    let sell = seller.client.submit_order(order(Side::Sell, "1.5", "100"));
    let sold = in_time(sell).await.unwrap();
    assert!(sold.trades.is_empty());
    assert_eq!(sold.distribution.distributed_to.len(), 1);
    until("the ask is seen", || {
        buyer.client.order_book(10).asks.len() == 1
    })
    .await;

    let buy = buyer.client.submit_order(order(Side::Buy, "1", "101"));
    let bought = in_time(buy).await.unwrap();
    assert_eq!(bought.trades.len(), 1);
    assert_eq!(bought.trades[0].price.to_string(), "100");
    assert!(bought.remaining_order.is_none());

    until("both show the trade", || {
        seller.client.trades(10).len() == 1 && buyer.client.trades(10).len() == 1
    })
    .await;
    assert_eq!(seller.client.trades(10), buyer.client.trades(10));
    let size = buyer.client.book_size();
    assert_eq!((size.orders, size.ask_levels, size.trades), (1, 1, 1));
    let rest = seller.client.order(&sold.order_id).unwrap();
    assert_eq!(
        (rest.status, rest.filled.to_string()),
        (OrderStatus::Partial, "1".to_owned())
    );
    let told = async {
        loop {
            match events.next().await.unwrap() {
                Event::Trade { trade, own } => return (trade.amount.to_string(), own),
                _ => continue,
            }
        }
    };
    assert_eq!(in_time(told).await, ("1".to_owned(), true));

    seller.client.cancel_order(sold.order_id).unwrap();
    until("the rest is gone", || {
        buyer.client.order_book(10).asks.is_empty()
    })
    .await;
    in_time(async { tokio::join!(seller.client.shutdown(), buyer.client.shutdown()) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clients_trade_over_tcp() {
    two_clients_trade(Arc::new(TcpTransport)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clients_trade_over_websockets() {
    two_clients_trade(Arc::new(WebSocketTransport)).await;
}

#[tokio::test]
async fn two_clients_trade_in_memory_on_one_thread() {
    two_clients_trade(Arc::new(MemoryTransport::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_clients_in_a_row_share_one_book_and_trade_over_the_middle() {
    let tcp: Arc<dyn Transport> = Arc::new(TcpTransport);
    let websocket: Arc<dyn Transport> = Arc::new(WebSocketTransport);
    let middle = start(&tcp, &[]).await;
    let left = start(&tcp, &[&middle]).await;
    let right = start(&websocket, &[&middle]).await;
    until("connected", || middle.connected() == 2).await;

    let sell = left.client.submit_order(order(Side::Sell, "2", "50"));
    in_time(sell).await.unwrap();
    let seen = |place: &Place| place.client.order_book(1).asks.len() == 1;
    until("all see the ask", || seen(&middle) && seen(&right)).await;
    let buy = right.client.submit_order(order(Side::Buy, "2", "50"));
    assert_eq!(in_time(buy).await.unwrap().trades.len(), 1);
    let places = [&left, &middle, &right];
    until("all show the trade and an empty book", || {
        places.iter().all(|place| {
            place.client.trades(10).len() == 1 && place.client.order_book(10).asks.is_empty()
        })
    })
    .await;
    for place in places {
        in_time(place.client.shutdown()).await;
    }
}

#[tokio::test]
async fn an_order_whose_submitter_lost_interest_stands() {
    let transport: Arc<dyn Transport> = Arc::new(MemoryTransport::new());
    let place = start(&transport, &[]).await;
    let mut submitting = Box::pin(place.client.submit_order(order(Side::Buy, "1", "1")));
    let _ = futures_util::poll!(&mut submitting);
    drop(submitting);
    until("it is in the book", || {
        place.client.order_book(1).bids.len() == 1
    })
    .await;
    place.client.shutdown().await;
}

#[tokio::test]
async fn many_orders_at_once_all_settle() {
    let transport: Arc<dyn Transport> = Arc::new(MemoryTransport::new());
    let place = start(&transport, &[]).await;
    let orders = (1..=50).map(|n| {
        place
            .client
            .submit_order(order(Side::Buy, "1", &n.to_string()))
    });
    let results = in_time(futures_util::future::join_all(orders)).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(place.client.user_orders().len(), 50);
    place.client.shutdown().await;
}

#[tokio::test]
async fn orders_are_refused_before_the_start_and_after_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let client = ExchangeClient::new(quiet(&dir)).unwrap();
    let early = client.submit_order(order(Side::Buy, "1", "1")).await;
    assert_eq!(early, Err(OrderError::NotInitialized));
    assert_eq!(client.order_book(5).pair, *client.pair());
    client.initialize().await.unwrap();
    client
        .submit_order(order(Side::Buy, "1", "1"))
        .await
        .unwrap();
    client.shutdown().await;
    let late = client.submit_order(order(Side::Buy, "1", "1")).await;
    assert_eq!(late, Err(OrderError::ShuttingDown));
    // What it knew can still be read.
    assert_eq!(client.order_history().len(), 1);
}

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;

use super::*;
use crate::cancellation::Cancellation;
use crate::data::{OrderKind, Side, TimeInForce};
use crate::events::Event;
use crate::options::{Setting, Storage};

/// A node of its own, on a free port, that is found by nobody.
fn quiet(settings: &[(&str, &str)]) -> Node {
    let usual = [
        ("P2P_HOST", "127.0.0.1"),
        ("P2P_PORT", "0"),
        ("USE_WELL_KNOWN_NODES", "false"),
        ("DISCOVERY_MDNS", "false"),
        ("DISCOVERY_GRENACHE", "false"),
    ];
    let settings = usual.iter().chain(settings).map(|(name, value)| Setting {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
        option: name.to_lowercase(),
    });
    let options = NodeOptions {
        settings: settings.collect(),
        storage: Storage::Standard,
    };
    Node::new(options).unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn sell(amount: &str, price: &str) -> NewOrder {
    NewOrder {
        side: Side::Sell,
        amount: amount.to_owned(),
        kind: OrderKind::Limit {
            price: price.to_owned(),
        },
        time_in_force: TimeInForce::Gtc,
        user_id: None,
        lifetime: None,
    }
}

fn code(error: &MeshbookError) -> &str {
    match error {
        MeshbookError::InvalidValue { code, .. }
        | MeshbookError::NotRunning { code, .. }
        | MeshbookError::Start { code, .. }
        | MeshbookError::Refused { code, .. }
        | MeshbookError::Storage { code, .. }
        | MeshbookError::Forked { code, .. }
        | MeshbookError::Cancelled { code, .. }
        | MeshbookError::System { code, .. } => code,
    }
}

#[test]
fn a_node_lives_once_and_is_read_also_before_and_after() {
    block_on(async {
        let node = quiet(&[]);
        let events = node.events().unwrap();
        assert_eq!(node.book(10).unwrap().bids, []);
        let early = node.place(sell("1", "2")).await.unwrap_err();
        assert_eq!(code(&early), "NOT_INITIALIZED");
        node.open().await.unwrap();
        node.open().await.unwrap();
        let placed = node.place(sell("1", "2")).await.unwrap();
        assert_eq!(node.orders().unwrap()[0].id, placed.order_id);
        let wrong = node.place(sell("1", "two")).await.unwrap_err();
        assert_eq!(code(&wrong), "INVALID_ORDER");
        assert!(node.cancel(&placed.order_id).unwrap());
        assert!(!node.cancel(&placed.order_id).unwrap());
        node.close().await.unwrap();
        node.close().await.unwrap();
        assert!(node.order(&placed.order_id).unwrap().is_some());
        let late = node.place(sell("1", "2")).await.unwrap_err();
        assert_eq!(code(&late), "SHUTTING_DOWN");
        let late = node.open().await.unwrap_err();
        assert_eq!(code(&late), "SHUTTING_DOWN");
        while !events.next_batch(100).await.unwrap().is_empty() {}
        assert_eq!(events.next().await.unwrap(), None);
    });
}

#[test]
fn a_node_that_was_never_opened_closes_and_ends_its_streams() {
    block_on(async {
        let node = quiet(&[]);
        let events = node.events().unwrap();
        node.close().await.unwrap();
        assert_eq!(events.next().await.unwrap(), None);
    });
}

#[test]
fn the_second_node_on_a_port_is_told_of_the_port_and_not_of_its_directory() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let folder = ("MESHBOOK_DATA_DIR", folder.path().to_str().unwrap());
        let first = quiet(&[folder]);
        first.open().await.unwrap();
        let address = first.p2p_address().unwrap().unwrap();
        let (_, port) = address.rsplit_once(':').unwrap();
        let second = quiet(&[folder, ("P2P_PORT", port)]);
        assert_eq!(code(&second.open().await.unwrap_err()), "EADDRINUSE");
        // And where it is the directory, of that.
        let third = quiet(&[folder]);
        assert_eq!(code(&third.open().await.unwrap_err()), "DATA_DIR_IN_USE");
        first.close().await.unwrap();
        second.open().await.unwrap();
        second.close().await.unwrap();
    });
}

#[test]
fn a_start_that_nobody_waits_for_leaves_a_node_that_can_be_opened() {
    block_on(async {
        let node = quiet(&[]);
        for _ in 0..20 {
            let moment = Duration::from_micros(1);
            if tokio::time::timeout(moment, node.open()).await.is_ok() {
                break;
            }
        }
        node.open().await.unwrap();
        assert!(node.is_open().unwrap());
        node.close().await.unwrap();
    });
}

#[test]
fn a_call_is_ended_from_outside_and_a_later_one_begins_nothing() {
    block_on(async {
        let node = quiet(&[]);
        let cancellation = Arc::new(Cancellation::new());
        let cancelled = || Arc::clone(&cancellation);
        node.open_until(cancelled()).await.unwrap();
        let events = node.events().unwrap();
        let waiting = events.next_batch_until(1, cancelled());
        let (ended, ()) = tokio::join!(waiting, async { cancellation.cancel() });
        assert_eq!(code(&ended.unwrap_err()), "CANCELLED");
        let placing = node.place_until(sell("1", "2"), cancelled());
        assert_eq!(code(&placing.await.unwrap_err()), "CANCELLED");
        assert_eq!(node.orders().unwrap(), []);
        // And the others go on, with every event.
        let placed = node.place(sell("1", "2")).await.unwrap();
        let first = events.next().await.unwrap();
        assert!(matches!(first, Some(Event::Order { order }) if order.id == placed.order_id));
        node.close().await.unwrap();
    });
}

#[test]
fn closing_ends_an_order_that_waits_for_its_answer() {
    block_on(async {
        let maker = quiet(&[]);
        maker.open().await.unwrap();
        let address = maker.p2p_address().unwrap().unwrap();
        maker.place(sell("1", "2")).await.unwrap();
        let taker = Arc::new(quiet(&[("BOOTSTRAP_PEERS", &address)]));
        taker.open().await.unwrap();
        let events = taker.events().unwrap();
        while taker.book(1).unwrap().asks.is_empty() {
            events.next().await.unwrap();
        }
        let order = NewOrder {
            side: Side::Buy,
            ..sell("1", "2")
        };
        let placing = {
            let taker = Arc::clone(&taker);
            async move { taker.place(order).await }
        };
        let (placed, closed) = tokio::join!(placing, taker.close());
        closed.unwrap();
        // Whichever was first: it ends, and says how.
        if let Err(error) = placed {
            assert_eq!(code(&error), "SHUTTING_DOWN");
        }
        maker.close().await.unwrap();
    });
}

#[test]
fn a_node_that_is_dropped_ends_by_itself() {
    block_on(async {
        let node = quiet(&[]);
        node.open().await.unwrap();
        let address = node.p2p_address().unwrap().unwrap();
        let events = node.events().unwrap();
        drop(node);
        while events.next().await.unwrap().is_some() {}
        let start = Instant::now();
        while TcpListener::bind(&address).await.is_err() {
            assert!(start.elapsed() < Duration::from_secs(10));
            tokio::task::yield_now().await;
        }
    });
}

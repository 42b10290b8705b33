//! What survives, and that nobody hears of anything else.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Condvar, Mutex};

use bytes::Bytes;

use super::*;
use crate::client::OpenStore;
use crate::node::{Entry, Event, OrderError, Table, Write};
use crate::storage::{Entries, JOURNAL_FOLDER, StorageError, Store};
use crate::transport::MemoryTransport;
use crate::types::OrderId;

/// A store in memory that does as it is told.
#[derive(Debug, Default)]
struct Told {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    content: BTreeMap<(Table, Bytes), Bytes>,
    commits: usize,
    /// Commits stay at work.
    stuck: bool,
    /// Commits fail.
    full: bool,
    /// So many commits were begun.
    begun: usize,
}

#[derive(Debug)]
struct Handle(Arc<Told>);

impl Told {
    fn open(self: &Arc<Self>) -> OpenStore {
        let store = Arc::clone(self);
        Arc::new(move |_| Ok(Box::new(Handle(Arc::clone(&store))) as Box<dyn Store>))
    }

    fn set(&self, set: impl FnOnce(&mut State)) {
        set(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }

    fn get<T>(&self, get: impl FnOnce(&State) -> T) -> T {
        get(&self.state.lock().unwrap())
    }

    fn holds(&self, order: &OrderId) -> bool {
        let text = order.to_string();
        let mut keys = self
            .get(|state| state.content.keys().cloned().collect::<Vec<_>>())
            .into_iter();
        keys.any(|(table, key)| table == Table::Orders && hex::encode(key) == text)
    }
}

impl Store for Handle {
    fn entries(&mut self, _: usize) -> Result<Entries<'_>, StorageError> {
        let content = self.0.get(|state| state.content.clone());
        let entries = content
            .into_iter()
            .map(|((table, key), value)| Ok(Entry { table, key, value }));
        Ok(Box::new(entries))
    }

    fn commit(&mut self, writes: &[Write]) -> Result<(), StorageError> {
        let mut state = self.0.state.lock().unwrap();
        state.begun += 1;
        state = self
            .0
            .changed
            .wait_while(state, |state| state.stuck)
            .unwrap();
        if state.full {
            return Err(StorageError::Io {
                action: "write",
                path: "somewhere".into(),
                source: std::io::ErrorKind::StorageFull.into(),
            });
        }
        for write in writes {
            let place = (write.table, write.key.clone());
            match &write.value {
                Some(value) => state.content.insert(place, value.clone()),
                None => state.content.remove(&place),
            };
        }
        state.commits += 1;
        Ok(())
    }
}

async fn start_with(
    store: &Arc<Told>,
    transport: &Arc<dyn Transport>,
    bootstrap: &[&Place],
) -> Place {
    let dir = tempfile::tempdir().unwrap();
    let mut config = quiet(&dir);
    config.bootstrap_peers = bootstrap.iter().map(|place| place.address()).collect();
    let client = ExchangeClient::with_transport(config, Arc::clone(transport)).unwrap();
    client.store_by(store.open());
    client.initialize().await.unwrap();
    Place { client, dir }
}

#[tokio::test]
async fn nobody_hears_of_an_order_before_it_is_written_and_nobody_waits_for_the_disk() {
    let transport: Arc<dyn Transport> = Arc::new(MemoryTransport::new());
    let store = Arc::new(Told::default());
    let place = start_with(&store, &transport, &[]).await;
    let peer = start(&transport, &[&place]).await;
    until("connected", || {
        place.connected() == 1 && peer.connected() == 1
    })
    .await;

    let begun = store.get(|state| state.begun);
    store.set(|state| state.stuck = true);
    let client = place.client.clone();
    let placing =
        tokio::spawn(async move { client.submit_order(order(Side::Buy, "1", "100")).await });
    until("the commit is at work", || {
        store.get(|state| state.begun) > begun
    })
    .await;
    // All of this runs on one thread, which the stuck commit leaves alone.
    in_time(peer.client.submit_order(order(Side::Sell, "1", "200")))
        .await
        .unwrap();
    assert!(peer.client.order_book(1).bids.is_empty());
    assert!(!placing.is_finished());

    store.set(|state| state.stuck = false);
    let placed = in_time(placing).await.unwrap().unwrap();
    assert!(store.holds(&placed.order_id), "settled means written");
    until("the peer hears of it", || {
        !peer.client.order_book(1).bids.is_empty()
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_holds_orders_back_until_there_is_room() {
    let transport: Arc<dyn Transport> = Arc::new(MemoryTransport::new());
    let store = Arc::new(Told::default());
    let place = start_with(&store, &transport, &[]).await;
    let mut events = place.client.events();
    store.set(|state| state.full = true);
    let client = place.client.clone();
    let placing =
        tokio::spawn(async move { client.submit_order(order(Side::Buy, "1", "100")).await });
    let failed = async {
        loop {
            if let Some(Event::Error { code, message }) = events.next().await {
                break (code, message);
            }
        }
    };
    let (code, message) = in_time(failed).await;
    assert_eq!(code, "STORAGE_FAILED");
    assert!(message.contains("somewhere"), "{message}");
    let refused = place.client.submit_order(order(Side::Buy, "1", "99")).await;
    assert!(
        matches!(refused, Err(OrderError::Storage { .. })),
        "{refused:?}"
    );
    let begun = store.get(|state| state.begun);
    until("tried again", || store.get(|state| state.begun) > begun + 2).await;
    assert!(!placing.is_finished());

    store.set(|state| state.full = false);
    let placed = in_time(placing).await.unwrap().unwrap();
    assert!(placed.success);
    assert!(store.holds(&placed.order_id));
    in_time(place.client.submit_order(order(Side::Buy, "1", "99")))
        .await
        .unwrap();
    in_time(place.client.shutdown()).await;
}

#[tokio::test]
async fn what_happens_during_a_commit_goes_into_one_more() {
    let transport: Arc<dyn Transport> = Arc::new(MemoryTransport::new());
    let store = Arc::new(Told::default());
    let place = start_with(&store, &transport, &[]).await;
    in_time(place.client.submit_order(order(Side::Buy, "1", "1")))
        .await
        .unwrap();
    let (begun, commits) = store.get(|state| (state.begun, state.commits));
    store.set(|state| state.stuck = true);
    let place_one = |price: u32| {
        let client = place.client.clone();
        let new = order(Side::Buy, "1", &price.to_string());
        tokio::spawn(async move { client.submit_order(new).await })
    };
    let mut placing = vec![place_one(2)];
    until("the commit is at work", || {
        store.get(|state| state.begun) > begun
    })
    .await;
    placing.extend((3..40).map(place_one));
    until("all are placed", || place.client.user_orders().len() == 39).await;
    store.set(|state| state.stuck = false);
    for placing in placing {
        in_time(placing).await.unwrap().unwrap();
    }
    let more = store.get(|state| state.commits) - commits;
    assert!(more <= 4, "{more} commits for 38 orders");
}

#[tokio::test]
async fn orders_are_there_after_a_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut placed = Vec::new();
    for round in 0..3 {
        let client = ExchangeClient::new(quiet(&dir)).unwrap();
        client.initialize().await.unwrap();
        let mut open: Vec<OrderId> = client.user_orders().iter().map(|order| order.id).collect();
        open.reverse();
        assert_eq!(open, placed, "round {round}");
        let price = (100 + round).to_string();
        let result = in_time(client.submit_order(order(Side::Sell, "1", &price))).await;
        placed.push(result.unwrap().order_id);
        in_time(client.shutdown()).await;
        assert!(client.journal().is_none(), "it is closed");
    }
    assert!(quiet(&dir).data_dir.join(JOURNAL_FOLDER).is_dir());
}

#[tokio::test]
async fn a_damaged_journal_is_an_error_that_names_it_and_leaves_the_folder_free() {
    let dir = tempfile::tempdir().unwrap();
    let client = ExchangeClient::new(quiet(&dir)).unwrap();
    client.initialize().await.unwrap();
    in_time(client.submit_order(order(Side::Sell, "1", "100")))
        .await
        .unwrap();
    in_time(client.shutdown()).await;
    let folder = quiet(&dir).data_dir.join(JOURNAL_FOLDER);
    let tables = folder.join(crate::storage::TABLES_FILE);
    fs::write(&tables, "not tables").unwrap();
    for _ in 0..2 {
        let client = ExchangeClient::new(quiet(&dir)).unwrap();
        let error = client.initialize().await.unwrap_err();
        assert_eq!(error.code(), "JOURNAL_DAMAGED");
        assert!(
            error.to_string().contains(tables.to_str().unwrap()),
            "{error}"
        );
    }
}

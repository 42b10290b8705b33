//! How much a node keeps of what others traded.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::*;
use crate::client::{History, HistoryQuery, OwnSide};
use crate::ledger::limits::TRADES_KEPT;
use crate::storage::{JOURNAL_FOLDER, JournalSync};
use crate::transport::MemoryTransport;
use crate::types::TradeId;

const MEGABYTE: u64 = 1 << 20;
/// Orders of one amount each, and how many there are.
const ROUNDS: usize = 4;
const TRADES: usize = 300;

/// What a folder and its files take on the disk, as `du` shows it.
fn disk_usage(folder: &Path) -> u64 {
    let Ok(files) = std::fs::read_dir(folder) else {
        return 0;
    };
    let files = files.filter_map(|file| std::fs::metadata(file.ok()?.path()).ok());
    let folder = std::fs::metadata(folder).unwrap();
    files.chain([folder]).map(|data| data.blocks() * 512).sum()
}

async fn wash(client: &ExchangeClient, times: usize) {
    let amount = times.to_string();
    in_time(client.submit_order(order(Side::Sell, &amount, "100")))
        .await
        .unwrap();
    for _ in 0..times {
        let bought = in_time(client.submit_order(order(Side::Buy, "1", "100")));
        assert_eq!(bought.await.unwrap().trades.len(), 1);
    }
}

/// Own trades, and how many there are of others.
fn kept(history: &History) -> (Vec<TradeId>, usize) {
    let mut query = HistoryQuery::default();
    let (mut own, mut others) = (Vec::new(), 0);
    loop {
        let page = history.trades(&query).unwrap();
        for past in page.trades {
            match past.own_side {
                Some(OwnSide::Both) => own.push(past.trade.id),
                Some(_) => panic!("nobody traded with it"),
                None => others += 1,
            }
        }
        query.at = page.next;
        if query.at.is_none() {
            return (own, others);
        }
    }
}

#[tokio::test]
async fn others_wash_trades_stay_within_history_mb_and_displace_no_own_trade() {
    let transport: Arc<dyn Transport> = Arc::new(MemoryTransport::new());
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let settings = |dir: &TempDir| Config {
        history_mb: 1,
        journal_sync: JournalSync::Off,
        ..quiet(dir)
    };
    let start = async |dir: &TempDir, peer: Option<PeerAddress>| {
        let mut config = settings(dir);
        config.bootstrap_peers = peer.into_iter().collect();
        let client = ExchangeClient::with_transport(config, Arc::clone(&transport)).unwrap();
        client.initialize().await.unwrap();
        client
    };
    let node = start(&dirs[0], None).await;
    wash(&node, 20).await;
    let address: PeerAddress = node.p2p_address().unwrap().into();
    let flood = start(&dirs[1], Some(address)).await;
    until("connected", || !flood.peers().is_empty()).await;
    let others = settings(&dirs[0])
        .data_dir
        .join(JOURNAL_FOLDER)
        .join("others");
    for round in 1..=ROUNDS {
        wash(&flood, TRADES).await;
        assert!(disk_usage(&others) <= MEGABYTE, "{}", disk_usage(&others));
        until("they came", || {
            node.trades(usize::MAX).len() == 20 + round * TRADES
        })
        .await;
        assert!(disk_usage(&others) <= MEGABYTE, "{}", disk_usage(&others));
    }
    assert!(disk_usage(&others) > MEGABYTE / 2);
    in_time(flood.shutdown()).await;
    in_time(node.shutdown()).await;
    assert!(disk_usage(&others) <= MEGABYTE);

    let node = start(&dirs[0], None).await;
    assert!(disk_usage(&others) <= MEGABYTE);
    let (own, others) = kept(&node.history().unwrap());
    assert_eq!(own.len(), 20);
    assert!((200..ROUNDS * TRADES).contains(&others), "{others}");
    // What a start takes in is what was kept, and no more than a node remembers.
    let remembered = node.trades(usize::MAX).len();
    assert_eq!(remembered, 20 + others);
    assert!(remembered <= TRADES_KEPT);
    in_time(node.shutdown()).await;
}

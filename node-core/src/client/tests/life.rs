//! Starting and ending.

use std::process::Command;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Handle;

use super::*;
use crate::client::SHUTDOWN_TIME;
use crate::storage::KEY_FILE;
use crate::transport::{HttpHandler, HttpStream, MemoryTransport, TcpTransport};

fn tcp() -> Arc<dyn Transport> {
    Arc::new(TcpTransport)
}

#[tokio::test]
async fn a_second_start_and_a_second_end_do_nothing() {
    let place = start(&tcp(), &[]).await;
    let (id, address) = (place.client.node_id(), place.client.p2p_address());
    place.client.initialize().await.unwrap();
    assert_eq!(
        (id, address),
        (place.client.node_id(), place.client.p2p_address())
    );
    place.client.shutdown().await;
    place.client.shutdown().await;
    assert!(!place.client.is_initialized());
    let error = place.client.initialize().await.unwrap_err();
    assert_eq!(error.code(), "SHUTTING_DOWN");
}

#[tokio::test]
async fn a_port_in_use_is_told_by_its_code_and_can_be_tried_again() {
    let first = start(&tcp(), &[]).await;
    let dir = tempfile::tempdir().unwrap();
    let mut config = quiet(&dir);
    config.p2p_port = first.client.p2p_address().unwrap().port();
    let second = ExchangeClient::new(config).unwrap();
    for _ in 0..2 {
        let error = second.initialize().await.unwrap_err();
        assert_eq!(error.code(), "EADDRINUSE");
        let port = first.address().port().to_string();
        assert!(error.to_string().contains(&port), "{error}");
    }
    first.client.shutdown().await;
    second.initialize().await.unwrap();
    second.shutdown().await;
}

#[tokio::test]
async fn one_data_directory_serves_one_node_at_a_time_and_keeps_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let first = ExchangeClient::new(quiet(&dir)).unwrap();
    first.initialize().await.unwrap();
    let second = ExchangeClient::new(quiet(&dir)).unwrap();
    let error = second.initialize().await.unwrap_err();
    assert_eq!(error.code(), "DATA_DIR_IN_USE");
    first.shutdown().await;
    second.initialize().await.unwrap();
    assert_eq!(first.node_id(), second.node_id());
    second.shutdown().await;

    std::fs::write(quiet(&dir).data_dir.join(KEY_FILE), "nonsense").unwrap();
    let third = ExchangeClient::new(quiet(&dir)).unwrap();
    assert_eq!(third.initialize().await.unwrap_err().code(), "KEY_DAMAGED");
}

#[tokio::test]
async fn clients_that_keep_nothing_touch_no_disk_and_share_no_key() {
    let dir = tempfile::tempdir().unwrap();
    let clients = [(); 2].map(|()| ExchangeClient::new(quiet(&dir)).unwrap());
    for client in &clients {
        client.keep_nothing();
        client.initialize().await.unwrap();
    }
    assert_ne!(clients[0].node_id(), clients[1].node_id());
    for client in &clients {
        client.shutdown().await;
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_client_that_keeps_nothing_saves_its_peers_where_a_file_is_named() {
    let transport: Arc<dyn Transport> = Arc::new(MemoryTransport::new());
    let other = start(&transport, &[]).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("peers.json");
    let mut config = quiet(&dir);
    config.peer_storage_path = Some(file.clone());
    config.bootstrap_peers = vec![other.address()];
    let client = ExchangeClient::with_transport(config, transport).unwrap();
    client.keep_nothing();
    client.initialize().await.unwrap();
    until("connected", || other.connected() == 1).await;
    client.shutdown().await;
    let saved = std::fs::read_to_string(&file).unwrap();
    assert!(saved.contains(&other.address().to_string()), "{saved}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_start_that_is_given_up_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let client = ExchangeClient::new(quiet(&dir)).unwrap();
    for polls in 0..6 {
        let mut starting = Box::pin(client.initialize());
        for _ in 0..polls {
            if futures_util::poll!(&mut starting).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(starting);
    }
    // The blocking part of a start that was given up may hold the directory for a moment.
    let started = async {
        while let Err(error) = client.initialize().await {
            assert_eq!(error.code(), "DATA_DIR_IN_USE");
            tokio::task::yield_now().await;
        }
    };
    in_time(started).await;
    client.shutdown().await;
}

#[tokio::test]
async fn a_wrong_setting_is_told_when_the_client_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = quiet(&dir);
    config.max_peers = 0;
    let error = ExchangeClient::new(config).unwrap_err();
    assert_eq!(error.value, "0");
    let mut config = quiet(&dir);
    config.p2p_host = "no.such.host.invalid".to_owned();
    let client = ExchangeClient::new(config).unwrap();
    assert_eq!(
        client.initialize().await.unwrap_err().code(),
        "INVALID_HOST"
    );
}

/// Runs a test that looks at its whole process in a process of its own.
fn alone(test: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}\n{errors}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn after_the_end_no_task_socket_or_file_is_left() {
    alone("client::tests::life::count_tasks_and_files");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by after_the_end_no_task_socket_or_file_is_left, in a process of its own"]
async fn count_tasks_and_files() {
    let files = || {
        let all = std::fs::read_dir("/proc/self/fd").unwrap();
        all.filter_map(|file| std::fs::read_link(file.unwrap().path()).ok())
            // The directory that is being read.
            .filter(|link| !link.starts_with("/proc"))
            .count()
    };
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let (files_before, tasks_before) = (files(), tasks());
    for end_well in [true, false] {
        let seller = start(&tcp(), &[]).await;
        let buyer = start(&tcp(), &[&seller]).await;
        let stranger = TcpStream::connect(seller.client.p2p_address().unwrap())
            .await
            .unwrap();
        until("connected", || {
            seller.connected() == 1 && buyer.connected() == 1
        })
        .await;
        assert!(files() > files_before && tasks() > tasks_before);
        let mut events = buyer.client.events();
        if end_well {
            in_time(async { tokio::join!(seller.client.shutdown(), buyer.client.shutdown()) })
                .await;
            drop(stranger);
            assert_eq!(files(), files_before);
        }
        drop((seller, buyer));
        let ended = async { while events.next().await.is_some() {} };
        in_time(ended).await;
        until("nothing is left", || {
            tasks() == tasks_before && files() <= files_before + usize::from(!end_well)
        })
        .await;
    }
}

#[tokio::test]
async fn events_end_with_the_client() {
    let place = start(&tcp(), &[]).await;
    let mut events = place.client.events();
    place.client.shutdown().await;
    let ended = async { while events.next().await.is_some() {} };
    in_time(ended).await;
    assert!(place.client.events().next().await.is_none());

    let dir = tempfile::tempdir().unwrap();
    let never_started = ExchangeClient::new(quiet(&dir)).unwrap();
    let mut events = never_started.events();
    drop(never_started);
    assert!(in_time(events.next()).await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_comes_in_time_though_a_peer_does_nothing() {
    let place = start(&tcp(), &[]).await;
    let address = place.client.p2p_address().unwrap();
    let mut mute = TcpStream::connect(address).await.unwrap();
    mute.write_all(b"\0\0").await.unwrap();
    let _silent = TcpStream::connect(address).await.unwrap();
    until("handshakes are pending", || {
        place
            .client
            .p2p_stats()
            .direct_connection
            .pending_handshakes
            == 2
    })
    .await;
    let began = std::time::Instant::now();
    place.client.shutdown().await;
    assert!(began.elapsed() < SHUTDOWN_TIME);
    let mut rest = Vec::new();
    let _ = in_time(mute.read_to_end(&mut rest)).await;
}

#[tokio::test]
async fn without_p2p_and_grenache_a_client_trades_with_itself_and_listens_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = quiet(&dir);
    config.p2p_enabled = false;
    config.bootstrap_peers = vec!["127.0.0.1:1".parse().unwrap()];
    let client = ExchangeClient::new(config).unwrap();
    client.initialize().await.unwrap();
    assert_eq!(client.p2p_address(), None);
    assert!(client.is_initialized());
    in_time(client.submit_order(order(Side::Sell, "1", "10")))
        .await
        .unwrap();
    let bought = in_time(client.submit_order(order(Side::Buy, "1", "10")))
        .await
        .unwrap();
    assert_eq!(bought.trades.len(), 1);
    let stats = client.p2p_stats();
    assert!(!stats.direct_connection.is_running);
    client.shutdown().await;
}

#[derive(Debug)]
struct Page;

impl HttpHandler for Page {
    fn serve(&self, mut stream: HttpStream) -> futures_util::future::BoxFuture<'static, ()> {
        Box::pin(async move {
            let mut head = [0; 4];
            stream.read_exact(&mut head).await.unwrap();
            stream.write_all(b"page").await.unwrap();
        })
    }
}

#[tokio::test]
async fn plain_http_on_the_peers_port_goes_to_the_handler() {
    let dir = tempfile::tempdir().unwrap();
    let client = ExchangeClient::new(quiet(&dir)).unwrap();
    client.serve_http(Arc::new(Page));
    client.initialize().await.unwrap();
    let mut stream = TcpStream::connect(client.p2p_address().unwrap())
        .await
        .unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = [0; 4];
    in_time(stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"page");
    client.shutdown().await;
}

#[tokio::test]
async fn two_clients_can_use_one_runtime_and_one_memory_network() {
    let transport: Arc<dyn Transport> = Arc::new(MemoryTransport::new());
    let first = start(&transport, &[]).await;
    let second = start(&transport, &[&first]).await;
    until("connected", || first.connected() == 1).await;
    assert_ne!(first.client.node_id(), second.client.node_id());
    assert_ne!(first.dir.path(), second.dir.path());
}

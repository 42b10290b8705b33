//! Peers that come, go, and misbehave.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};

use super::*;
use crate::client::STALL_TIME;
use crate::ledger::Identity;
use crate::protocol::{
    Established, Handshaking, LegacyPolicy, Message, Opening, SessionConfig, Step,
};
use crate::runtime::{Clock, entropy};
use crate::transport::{Connection, MemoryTransport, TcpTransport};

const MAX: usize = 1 << 20;

/// A plain peer that was written by hand: its handshake is through.
async fn plain_peer(transport: &dyn Transport, place: &Place, name: &str) -> Connection {
    let mut peer = transport.dial(&place.address(), MAX).await.unwrap();
    peer.source.set_limit(MAX);
    let hello = format!(
        r#"{{"type":"handshake","nodeId":"{name}","version":"1.0.0","port":0,"capabilities":["order","trade"],"timestamp":1}}"#
    );
    peer.sink.send(Bytes::from(hello)).await.unwrap();
    let greeted = async {
        loop {
            let payload = peer.source.next().await.unwrap().unwrap();
            if text(&payload).contains("\"handshake_ack\"") {
                return;
            }
        }
    };
    in_time(greeted).await;
    peer
}

fn text(payload: &Bytes) -> &str {
    std::str::from_utf8(payload).unwrap()
}

/// Reads to the end and hangs up; gives what the peer was told last.
async fn last_words(mut peer: Connection) -> String {
    let mut last = String::new();
    while let Some(Ok(payload)) = in_time(peer.source.next()).await {
        text(&payload).clone_into(&mut last);
    }
    last
}

#[tokio::test]
async fn who_breaks_the_rules_is_told_why_and_is_counted() {
    let transport: Arc<dyn Transport> = Arc::new(TcpTransport);
    let place = start(&transport, &[]).await;
    let cases = [
        ("{\"type\":\"heartbeat\"", "INVALID_MESSAGE", "malformed"),
        (
            r#"{"type":"handshake","nodeId":"x","version":"1.0.0","port":0,"capabilities":[],"timestamp":1}"#,
            "INVALID_MESSAGE",
            "second_handshake",
        ),
    ];
    for (payload, code, label) in cases {
        let mut peer = plain_peer(&*transport, &place, "rude").await;
        peer.sink.send(Bytes::from(payload)).await.unwrap();
        let last = last_words(peer).await;
        assert!(last.contains(code), "{last}");
        until(label, || place.client.counters().get(label) == Some(&1)).await;
    }
    let mut peer = plain_peer(&*transport, &place, "long").await;
    peer.sink
        .send(Bytes::from(vec![b' '; MAX + 1]))
        .await
        .unwrap();
    assert!(last_words(peer).await.contains("MESSAGE_TOO_LARGE"));
    until("nobody is left", || place.connected() == 0).await;

    // Before a session it is the same.
    let mut stranger = transport.dial(&place.address(), MAX).await.unwrap();
    stranger
        .sink
        .send(Bytes::from_static(b"\x07what?"))
        .await
        .unwrap();
    assert!(last_words(stranger).await.contains("INVALID_MESSAGE"));
    until("it is counted", || {
        place.client.counters().contains_key("unknown_protocol")
    })
    .await;
    place.client.shutdown().await;
}

/// A node's end of a secured session, driven by hand.
struct SecuredPeer {
    connection: Connection,
    session: Established,
}

async fn secured_peer(transport: &dyn Transport, place: &Place) -> SecuredPeer {
    let signer = Arc::new(Identity::from_seed(entropy().unwrap()));
    let config = SessionConfig {
        signer,
        network: place.client.config().network.clone(),
        listen_port: 0,
        legacy: LegacyPolicy::Off,
        max_message: MAX,
        capabilities: SessionConfig::default_capabilities(),
    };
    let opening = Opening::Dial {
        expect: place.client.node_id(),
        plain: false,
    };
    let now = Clock::start().now();
    let mut shaking = Handshaking::new(Arc::new(config), opening, entropy().unwrap(), now);
    let mut connection = transport.dial(&place.address(), MAX).await.unwrap();
    loop {
        for payload in shaking.outgoing() {
            connection.sink.send(payload).await.unwrap();
        }
        let payload = in_time(connection.source.next()).await.unwrap().unwrap();
        if let Step::Ready(session) = shaking.on_frame(&payload, now).unwrap() {
            for payload in shaking.outgoing() {
                connection.sink.send(payload).await.unwrap();
            }
            connection.source.set_limit(session.reader.frame_limit());
            let session = *session;
            return SecuredPeer {
                connection,
                session,
            };
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_drains_nothing_is_disconnected_and_holds_up_nobody() {
    let transport = MemoryTransport::new();
    let shared: Arc<dyn Transport> = Arc::new(transport.clone());
    let place = start(&shared, &[]).await;
    let stuck = secured_peer(&transport, &place).await;
    let mut awake = secured_peer(&transport, &place).await;
    until("connected", || place.connected() == 2).await;

    // More than the network holds for a peer that doesn't read.
    let orders = 150;
    let mut heard = 0;
    let began = tokio::time::Instant::now();
    for n in 1..=orders {
        let placed = place
            .client
            .submit_order(order(Side::Buy, "1", &n.to_string()));
        in_time(placed).await.unwrap();
        while heard < n {
            let payload = in_time(awake.connection.source.next())
                .await
                .unwrap()
                .unwrap();
            let mut messages = Vec::new();
            awake.session.reader.read(&payload, &mut messages).unwrap();
            for message in messages {
                if let Message::Statements(statements) = message {
                    heard += statements.len();
                }
            }
        }
    }
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    let counted = || place.client.counters().get("stalled") == Some(&1);
    while !counted() {
        sleep(Duration::from_millis(100)).await;
        assert!(
            began.elapsed() < Duration::from_secs(55),
            "{:?}",
            place.client.counters()
        );
    }
    assert!(began.elapsed() >= STALL_TIME);
    drop(stuck);
    place.client.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_peers_are_found_again_after_a_restart() {
    let transport: Arc<dyn Transport> = Arc::new(TcpTransport);
    let friend = start(&transport, &[]).await;
    let dir = tempfile::tempdir().unwrap();
    let mut config = quiet(&dir);
    config.bootstrap_peers = vec![friend.address()];
    let first = ExchangeClient::new(config).unwrap();
    first.initialize().await.unwrap();
    // Both ends: the one that remembers must know of it.
    let connected = || friend.connected() == 1 && first.p2p_stats().peers.connected_peers == 1;
    until("connected", connected).await;
    first.shutdown().await;
    until("parted", || friend.connected() == 0).await;

    let second = ExchangeClient::new(quiet(&dir)).unwrap();
    second.initialize().await.unwrap();
    until("connected again", || friend.connected() == 1).await;
    second.shutdown().await;
    friend.client.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_round_of_discovery_ends_the_pauses_before_dials() {
    let transport: Arc<dyn Transport> = Arc::new(MemoryTransport::new());
    let gone = start(&transport, &[]).await;
    let (address, dir) = (gone.address(), tempfile::tempdir().unwrap());
    gone.client.shutdown().await;
    let mut config = quiet(&dir);
    config.bootstrap_peers = vec![address.clone()];
    let client = ExchangeClient::with_transport(config, Arc::clone(&transport)).unwrap();
    // Nothing happens before the start.
    client.discover();
    client.initialize().await.unwrap();
    let failures = || {
        let peers = client.peers().into_iter();
        peers.map(|peer| peer.failures).max().unwrap_or_default()
    };
    // The next pause is 16 s, less a quarter.
    until("some dials failed", || failures() >= 6).await;
    sleep(Duration::from_secs(2)).await;
    let dir = tempfile::tempdir().unwrap();
    let mut config = quiet(&dir);
    config.p2p_port = address.port();
    let back = ExchangeClient::with_transport(config, transport).unwrap();
    back.initialize().await.unwrap();
    let began = tokio::time::Instant::now();
    client.discover();
    until("connected", || {
        client.p2p_stats().peers.connected_peers == 1
    })
    .await;
    assert!(began.elapsed() < Duration::from_secs(1));
    client.shutdown().await;
    back.shutdown().await;
}

#[tokio::test]
async fn the_figures_name_the_ways_of_finding_peers_that_run() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = quiet(&dir);
    config.discovery_grenache = true;
    // Nobody answers there: nothing of this machine is asked.
    config.grape_urls = vec!["http://127.0.0.1:1".to_owned()];
    let strategies = |client: &ExchangeClient| {
        let stats = client.p2p_stats();
        let strategies = stats.discovery.strategies;
        let on = [
            strategies.mdns,
            strategies.grenache,
            strategies.peer_exchange,
        ];
        (stats.discovery.is_running, on, stats.has_grenache)
    };
    let client = ExchangeClient::new(config.clone()).unwrap();
    assert_eq!(strategies(&client), (false, [false; 3], false));
    client.initialize().await.unwrap();
    assert_eq!(strategies(&client), (true, [false, true, true], false));
    client.shutdown().await;
    assert!(!strategies(&client).0);

    // Without direct connections Grenache alone is left.
    config.p2p_enabled = false;
    let client = ExchangeClient::new(config).unwrap();
    client.initialize().await.unwrap();
    assert_eq!(strategies(&client), (true, [false, true, false], false));
    assert!(!client.p2p_stats().direct_connection.is_running);
    client.shutdown().await;
}

#[tokio::test]
async fn a_dial_to_nobody_is_counted_by_its_reason() {
    let transport: Arc<dyn Transport> = Arc::new(TcpTransport);
    let gone = start(&transport, &[]).await;
    let address = gone.address();
    gone.client.shutdown().await;
    let dir = tempfile::tempdir().unwrap();
    let mut config = quiet(&dir);
    config.bootstrap_peers = vec![address, "no.such.host.invalid:1".parse().unwrap()];
    let client = ExchangeClient::new(config).unwrap();
    client.initialize().await.unwrap();
    until("both are counted", || {
        let counters = client.counters();
        counters.contains_key("connection_refused") && counters.contains_key("unresolved")
    })
    .await;
    client.shutdown().await;
}

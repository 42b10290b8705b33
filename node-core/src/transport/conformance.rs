//! What every transport promises, tried on each of them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::rpc::{self, Reached, RpcHandler, RpcListener};
use super::*;
use crate::protocol::FrameTooLarge;
use crate::types::PeerAddress;

const MAX: usize = 1 << 20;
/// Far more than anything here takes; only a hang comes near it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A pair of connected ends, and the listener, which must live as long.
struct Ends {
    dialer: Connection,
    listener: Connection,
    door: Box<dyn Listener>,
    slots: Arc<HandshakeSlots>,
}

async fn open(transport: &dyn Transport) -> (Box<dyn Listener>, PeerAddress, Arc<HandshakeSlots>) {
    let slots = HandshakeSlots::new(HandshakeLimits::DEFAULT);
    let options = ListenOptions {
        slots: Arc::clone(&slots),
        max_frame: MAX,
        direct: true,
        http: None,
    };
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let door = transport.listen(any, options).await.unwrap();
    let address = PeerAddress::from(door.local_address());
    (door, address, slots)
}

/// Connects; the dialer says `b"hello"` first, since a listener may wait for a first byte.
async fn connect(transport: &dyn Transport) -> Ends {
    let (mut door, address, slots) = open(transport).await;
    let dial = async {
        let mut dialer = transport.dial(&address, MAX).await.unwrap();
        dialer
            .sink
            .send(Bytes::from_static(b"hello"))
            .await
            .unwrap();
        dialer
    };
    let (mut dialer, arrival) = tokio::join!(dial, door.accept());
    let Arrival::Connection(mut listener) = arrival else {
        panic!("{arrival:?}");
    };
    assert_eq!(receive(&mut listener).await, b"hello".as_slice());
    for end in [&mut dialer, &mut listener] {
        end.source.set_limit(MAX);
    }
    Ends {
        dialer,
        listener,
        door,
        slots,
    }
}

async fn receive(end: &mut Connection) -> Bytes {
    let next = timeout(PATIENCE, end.source.next()).await;
    next.expect("in time")
        .expect("not the end")
        .expect("a frame")
}

async fn ending(end: &mut Connection) {
    let next = timeout(PATIENCE, end.source.next()).await.expect("in time");
    assert!(next.is_none(), "{next:?}");
}

/// A frame that says its number and has a length of its own.
fn numbered(number: u32) -> Bytes {
    let length = [4, 5, 127, 1000, 70_000][number as usize % 5];
    let mut frame = number.to_be_bytes().to_vec();
    frame.resize(length, number as u8);
    frame.into()
}

async fn frames_arrive_whole_and_in_order_both_ways(transport: &dyn Transport) {
    const COUNT: u32 = 300;
    async fn run(end: Connection) {
        let Connection {
            mut source,
            mut sink,
            ..
        } = end;
        let send = async {
            for number in 0..COUNT {
                sink.feed(numbered(number)).await.unwrap();
            }
            sink.flush().await.unwrap();
        };
        let read = async {
            for number in 0..COUNT {
                assert_eq!(source.next().await.unwrap().unwrap(), numbered(number));
            }
        };
        tokio::join!(send, read);
    }
    let Ends {
        dialer,
        listener,
        door,
        ..
    } = connect(transport).await;
    let both = async { tokio::join!(run(dialer), run(listener)) };
    timeout(PATIENCE, both).await.unwrap();
    drop(door);
}

async fn an_empty_and_a_longest_frame_are_frames(transport: &dyn Transport) {
    let mut ends = connect(transport).await;
    for length in [0, MAX] {
        let frame = Bytes::from(vec![7; length]);
        let (sent, got) = tokio::join!(
            ends.listener.sink.send(frame.clone()),
            receive(&mut ends.dialer)
        );
        sent.unwrap();
        assert_eq!(got, frame);
    }
}

async fn a_frame_above_the_limit_is_an_error_and_the_end(transport: &dyn Transport) {
    let mut ends = connect(transport).await;
    ends.listener.source.set_limit(100);
    ends.dialer
        .sink
        .send(Bytes::from(vec![1; 100]))
        .await
        .unwrap();
    ends.dialer
        .sink
        .send(Bytes::from(vec![2; 101]))
        .await
        .unwrap();
    assert_eq!(receive(&mut ends.listener).await.len(), 100);
    let next = timeout(PATIENCE, ends.listener.source.next())
        .await
        .unwrap();
    assert!(
        matches!(
            next,
            Some(Err(TransportError::TooLarge {
                length: 101,
                limit: 100
            }))
        ),
        "{next:?}"
    );
    ending(&mut ends.listener).await;
}

async fn a_stranger_cannot_send_more_than_the_first_limit(transport: &dyn Transport) {
    let (mut door, address, _) = open(transport).await;
    let dial = async {
        let mut dialer = transport.dial(&address, MAX).await.unwrap();
        let long = Bytes::from(vec![0; FIRST_LIMIT + 1]);
        // It may be cut off while it is still sending.
        let _ = dialer.sink.send(long).await;
        dialer
    };
    let (_dialer, arrival) = tokio::join!(dial, door.accept());
    let Arrival::Connection(mut listener) = arrival else {
        panic!("{arrival:?}");
    };
    let next = timeout(PATIENCE, listener.source.next()).await.unwrap();
    assert!(
        matches!(next, Some(Err(TransportError::TooLarge { .. }))),
        "{next:?}"
    );
}

async fn what_was_sent_before_a_close_arrives_before_the_end(transport: &dyn Transport) {
    let mut ends = connect(transport).await;
    for number in 0..20 {
        ends.dialer.sink.feed(numbered(number)).await.unwrap();
        if number % 5 == 4 {
            // What was read meanwhile makes room on the way.
            ends.dialer.sink.flush().await.unwrap();
        }
    }
    let reading = async {
        for number in 0..20 {
            assert_eq!(receive(&mut ends.listener).await, numbered(number));
        }
        ending(&mut ends.listener).await;
    };
    let (closed, ()) = tokio::join!(ends.dialer.sink.close(), reading);
    closed.unwrap();
    let late = ends.dialer.sink.send(Bytes::from_static(b"late")).await;
    assert!(late.is_err());
}

async fn a_dropped_end_ends_the_other_one(transport: &dyn Transport) {
    let mut ends = connect(transport).await;
    drop(ends.listener);
    ending(&mut ends.dialer).await;
    let sending = async {
        // The system may take some before it learns.
        while ends
            .dialer
            .sink
            .send(Bytes::from(vec![0; 1000]))
            .await
            .is_ok()
        {}
    };
    timeout(PATIENCE, sending).await.unwrap();

    let mut ends = connect(transport).await;
    drop(ends.dialer);
    ending(&mut ends.listener).await;
}

async fn one_direction_works_while_nobody_reads_the_other(transport: &dyn Transport) {
    let mut ends = connect(transport).await;
    let blocked = async {
        loop {
            ends.dialer
                .sink
                .send(Bytes::from(vec![0; 50_000]))
                .await
                .unwrap();
        }
    };
    let other_way = async {
        for number in 0..100 {
            ends.listener.sink.send(numbered(number)).await.unwrap();
            let got = timeout(PATIENCE, ends.dialer.source.next()).await.unwrap();
            assert_eq!(got.unwrap().unwrap(), numbered(number));
        }
    };
    tokio::select! {
        () = blocked => {}
        () = other_way => {}
    }
}

async fn a_sender_waits_for_a_peer_that_does_not_read_and_loses_nothing(transport: &dyn Transport) {
    const LENGTH: usize = 64 * 1024;
    let Ends {
        dialer,
        mut listener,
        door,
        ..
    } = connect(transport).await;
    let mut sink = dialer.sink;
    let mut sent = 0u32;
    // Sockets hold a few megabytes at most; a sink without back-pressure would take all of this.
    let filled = async {
        while sent < 4096 {
            let mut frame = sent.to_be_bytes().to_vec();
            frame.resize(LENGTH, 0);
            sink.feed(frame.into()).await.unwrap();
            sent += 1;
        }
    };
    let waits = timeout(Duration::from_millis(500), filled).await;
    assert!(waits.is_err(), "the sink took everything");
    let rest = tokio::spawn(async move {
        sink.close().await.unwrap();
        dialer.source
    });
    for number in 0..sent {
        let frame = receive(&mut listener).await;
        assert_eq!(frame.len(), LENGTH);
        assert_eq!(frame[..4], number.to_be_bytes());
    }
    ending(&mut listener).await;
    rest.await.unwrap();
    drop(door);
}

async fn no_frame_is_lost_when_waiting_for_one_is_given_up(transport: &dyn Transport) {
    let mut ends = connect(transport).await;
    let mut got = Vec::new();
    let sending = async {
        for number in 0..200u32 {
            ends.dialer.sink.send(numbered(number)).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let reading = async {
        while got.len() < 200 {
            tokio::select! {
                biased;
                frame = ends.listener.source.next() => got.push(frame.unwrap().unwrap()),
                () = tokio::task::yield_now() => {}
            }
        }
    };
    timeout(PATIENCE, async { tokio::join!(sending, reading) })
        .await
        .unwrap();
    assert!(
        got.iter()
            .zip(0..)
            .all(|(frame, number)| *frame == numbered(number))
    );
}

async fn where_nobody_listens_nobody_answers(transport: &dyn Transport) {
    let (door, address, _) = open(transport).await;
    drop(door);
    let failed = async {
        // The listener's socket closes with its task, a moment after the drop.
        while transport.dial(&address, MAX).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, failed).await.unwrap();
    let error = transport.dial(&address, MAX).await.unwrap_err();
    assert_eq!(error.label(), "connection_refused");
}

async fn a_closed_listener_leaves_its_address_free_at_once(transport: &dyn Transport) {
    let mut ends = connect(transport).await;
    for _ in 0..20 {
        let address = ends.door.local_address();
        timeout(PATIENCE, ends.door.close()).await.unwrap();
        let options = ListenOptions {
            slots: Arc::clone(&ends.slots),
            max_frame: MAX,
            direct: true,
            http: None,
        };
        ends.door = transport.listen(address, options).await.unwrap();
    }
    // What was accepted before goes on.
    ends.dialer
        .sink
        .send(Bytes::from_static(b"on"))
        .await
        .unwrap();
    assert_eq!(receive(&mut ends.listener).await, b"on".as_slice());
}

async fn a_port_in_use_is_told_as_such(transport: &dyn Transport) {
    let (door, _, slots) = open(transport).await;
    let options = ListenOptions {
        slots,
        max_frame: MAX,
        direct: true,
        http: None,
    };
    let error = transport
        .listen(door.local_address(), options)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}

async fn an_inbound_connection_holds_its_slot(transport: &dyn Transport) {
    let mut ends = connect(transport).await;
    assert_eq!(ends.slots.taken(), 1);
    assert!(ends.dialer.slot.is_none());
    drop(ends.listener.slot.take());
    assert_eq!(ends.slots.taken(), 0);
    ends.dialer
        .sink
        .send(Bytes::from_static(b"still here"))
        .await
        .unwrap();
    assert_eq!(receive(&mut ends.listener).await, b"still here".as_slice());
}

async fn connections_do_not_wait_for_each_other(transport: &dyn Transport) {
    let (mut door, address, _) = open(transport).await;
    // One who connects and says nothing comes first.
    let quiet = transport.dial(&address, MAX);
    let quiet = tokio::spawn(quiet);
    let dial = async {
        let mut dialer = transport.dial(&address, MAX).await.unwrap();
        dialer.sink.send(Bytes::from_static(b"me")).await.unwrap();
        dialer
    };
    let accept = async {
        loop {
            let Arrival::Connection(mut end) = door.accept().await else {
                continue;
            };
            let first = timeout(Duration::from_millis(200), end.source.next()).await;
            if let Ok(Some(Ok(frame))) = first {
                assert_eq!(frame, b"me".as_slice());
                return;
            }
        }
    };
    let both = async { tokio::join!(dial, accept) };
    timeout(PATIENCE, both).await.unwrap();
    drop(quiet);
}

macro_rules! conforms {
    ($name:ident, $transport:expr) => {
        mod $name {
            use super::super::*;
            conforms!(@each $transport,
                frames_arrive_whole_and_in_order_both_ways
                an_empty_and_a_longest_frame_are_frames
                a_frame_above_the_limit_is_an_error_and_the_end
                a_stranger_cannot_send_more_than_the_first_limit
                what_was_sent_before_a_close_arrives_before_the_end
                a_dropped_end_ends_the_other_one
                one_direction_works_while_nobody_reads_the_other
                a_sender_waits_for_a_peer_that_does_not_read_and_loses_nothing
                no_frame_is_lost_when_waiting_for_one_is_given_up
                where_nobody_listens_nobody_answers
                a_port_in_use_is_told_as_such
                a_closed_listener_leaves_its_address_free_at_once
                an_inbound_connection_holds_its_slot
                connections_do_not_wait_for_each_other
            );
        }
    };
    (@each $transport:expr, $($test:ident)*) => {
        $(
            #[tokio::test]
            async fn $test() {
                super::$test(&$transport).await;
            }
        )*
    };
}

conforms!(over_tcp, TcpTransport);
conforms!(over_websocket, WebSocketTransport);
conforms!(over_memory, MemoryTransport::new());

/// Connections come by Grenache's RPC alone.
#[derive(Debug, Default)]
struct Tunnels(TaskTracker);

impl Transport for Tunnels {
    fn listen(
        &self,
        address: SocketAddr,
        mut options: ListenOptions,
    ) -> BoxFuture<'_, io::Result<Box<dyn Listener>>> {
        async move {
            let (handler, arrivals) = RpcHandler::new(Arc::clone(&options.slots), None);
            options.direct = false;
            options.http = Some(handler);
            let direct = TcpTransport.listen(address, options).await?;
            let (plain, _) = tokio::sync::mpsc::channel(1);
            Ok(Box::new(RpcListener::new(direct, arrivals, plain)) as _)
        }
        .boxed()
    }

    fn dial(
        &self,
        address: &PeerAddress,
        _max_frame: usize,
    ) -> BoxFuture<'static, Result<Connection, TransportError>> {
        let (address, tasks) = (address.clone(), self.0.clone());
        async move {
            match rpc::reach(&address, &tasks).await? {
                Reached::Node(connection) => Ok(connection),
                Reached::Original(_) => panic!("a node of ours is taken for an original one"),
            }
        }
        .boxed()
    }
}

mod over_rpc {
    use super::*;
    // Not all: a tunnel ends with the listener that carries it, and frames are as long as those of
    // a secured session at most.
    conforms!(@each Tunnels::default(),
        frames_arrive_whole_and_in_order_both_ways
        a_frame_above_the_limit_is_an_error_and_the_end
        a_stranger_cannot_send_more_than_the_first_limit
        what_was_sent_before_a_close_arrives_before_the_end
        a_dropped_end_ends_the_other_one
        one_direction_works_while_nobody_reads_the_other
        a_sender_waits_for_a_peer_that_does_not_read_and_loses_nothing
        no_frame_is_lost_when_waiting_for_one_is_given_up
        where_nobody_listens_nobody_answers
        a_port_in_use_is_told_as_such
        an_inbound_connection_holds_its_slot
        connections_do_not_wait_for_each_other
    );
}

#[tokio::test]
async fn a_tunnel_ends_its_task_with_its_connection() {
    let transport = Tunnels::default();
    let ends = connect(&transport).await;
    transport.0.close();
    assert!(!transport.0.is_empty());
    drop(ends.dialer);
    timeout(PATIENCE, transport.0.wait()).await.unwrap();
}

#[tokio::test]
async fn whoever_does_not_greet_is_an_original_node() {
    let nobody_speaks = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = nobody_speaks.local_addr().unwrap();
    let tasks = TaskTracker::new();
    let reached = rpc::reach(&PeerAddress::from(at), &tasks).await.unwrap();
    assert!(matches!(reached, Reached::Original(peer) if peer == at));
    assert!(tasks.is_empty());
}

#[tokio::test]
async fn who_dials_a_port_without_direct_connections_learns_that_it_speaks_http() {
    let (door, address, _) = open(&Tunnels::default()).await;
    let mut direct = TcpTransport.dial(&address, MAX).await.unwrap();
    let first = Bytes::from_static(b"\x01 whatever a node begins with");
    direct.sink.send(first).await.unwrap();
    let answer = timeout(PATIENCE, direct.source.next()).await.unwrap();
    let Some(Err(TransportError::TooLarge { length, limit })) = answer else {
        panic!("{answer:?}");
    };
    assert!(FrameTooLarge { length, limit }.reads_http());
    drop(door);
}

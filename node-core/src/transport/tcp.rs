//! Frames over TCP.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::net::TcpStream;

use super::connection::{Connection, ListenOptions, Listener, Transport, TransportError};
use super::dial;
use super::framed::{FramedSink, FramedSource};
use super::listener::SocketListener;
use super::replay::Replay;
use super::slots::HandshakeSlot;
use crate::types::PeerAddress;

/// Dials with length-prefixed frames over TCP. Its listener takes WebSockets and plain HTTP on
/// the same port.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpTransport;

impl Transport for TcpTransport {
    fn listen(
        &self,
        address: SocketAddr,
        options: ListenOptions,
    ) -> BoxFuture<'_, io::Result<Box<dyn Listener>>> {
        SocketListener::bind(address, options).boxed()
    }

    fn dial(
        &self,
        address: &PeerAddress,
        _max_frame: usize,
    ) -> BoxFuture<'static, Result<Connection, TransportError>> {
        let address = address.clone();
        async move {
            let stream = dial::connect(&address).await?;
            Ok(connection(Bytes::new(), stream, address, None))
        }
        .boxed()
    }
}

/// A connection of frames over `stream`, of which `head` was read already.
pub(super) fn connection(
    head: Bytes,
    stream: TcpStream,
    remote: PeerAddress,
    slot: Option<HandshakeSlot>,
) -> Connection {
    let (read, write) = stream.into_split();
    Connection {
        source: Box::new(FramedSource::new(Replay::new(head, read))),
        sink: Box::new(FramedSink::new(write)),
        remote,
        slot,
    }
}

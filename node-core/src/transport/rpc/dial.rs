//! The dialer's side: who listens at an address, and a tunnel to a node of ours.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::SinkExt;
use meshbook_grape::{RpcClient, RpcClientConfig, RpcError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::debug;

use super::wire::{Ask, Call, Given, next_batch, raw, unpack};
use super::{HELLO, HOLD_TIME, MAX_BODY, SERVICE};
use crate::transport::framed::MAX_FRAME;
use crate::transport::memory::MemoryTransport;
use crate::transport::{Connection, FrameSink, TransportError, dial};
use crate::types::PeerAddress;

/// Who says nothing to the greeting for so long is taken for an original node.
const GREETING_TIME: Duration = Duration::from_millis(1500);
/// How long the last frames of the other side may take once this side has closed.
const LAST_TIME: Duration = Duration::from_secs(2);

/// Who listens at an address.
pub(crate) enum Reached {
    /// A node of ours, and a connection with it.
    Node(Connection),
    /// Somebody who lets our greeting wait, as an original node does, at this address.
    Original(SocketAddr),
}

/// Goes to `address` and sees who is there. What carries the frames runs among `tasks`, and ends
/// soon after the connection is closed or dropped.
///
/// # Errors
/// [`TransportError`], if nobody is.
pub(crate) async fn reach(
    address: &PeerAddress,
    tasks: &TaskTracker,
) -> Result<Reached, TransportError> {
    let mut stream = dial::connect(address).await?;
    let peer = stream.peer_addr()?;
    let greeting = async {
        let host = address.authority();
        let request = format!("GET /rpc HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(1024).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer.ends_with(HELLO.as_bytes()))
    };
    match timeout(GREETING_TIME, greeting).await {
        Ok(Ok(true)) => {}
        Ok(Ok(false)) => return Err(TransportError::Tunnel("no node answers".to_owned())),
        Ok(Err(error)) => return Err(error.into()),
        Err(_) => return Ok(Reached::Original(peer)),
    }
    let client = client().map_err(|error| TransportError::Tunnel(error.to_string()))?;
    let dialer = PeerAddress::from(SocketAddr::from(([0, 0, 0, 0], 0)));
    let (ours, inner) = MemoryTransport::pair(address.clone(), dialer);
    let tunnel = Tunnel {
        client,
        peer,
        id: id()?,
    };
    tasks.spawn(async move {
        if let Err(error) = tunnel.run(inner).await {
            debug!(%peer, %error, "a tunnel ended");
        }
    });
    Ok(Reached::Node(ours))
}

/// A client for one tunnel, so that none waits for a place behind the held requests of others.
fn client() -> Result<RpcClient, RpcError> {
    RpcClient::new(RpcClientConfig {
        max_answer: MAX_BODY,
        ..RpcClientConfig::default()
    })
}

fn id() -> Result<String, TransportError> {
    let mut bytes = [0; 16];
    let filled = getrandom::fill(&mut bytes);
    filled.map_err(|error| TransportError::Tunnel(error.to_string()))?;
    Ok(hex::encode(bytes))
}

struct Tunnel {
    client: RpcClient,
    peer: SocketAddr,
    id: String,
}

impl Tunnel {
    /// Carries frames until either side has closed, or a request fails.
    async fn run(&self, inner: Connection) -> Result<(), RpcError> {
        let Connection {
            mut source,
            mut sink,
            ..
        } = inner;
        source.set_limit(MAX_FRAME);
        let mut number = 0;
        let mut push = async |number: &mut u64| {
            let (frames, last) = next_batch(&mut *source).await;
            let ask = Ask::Push {
                number: *number,
                frames,
                last,
            };
            *number += 1;
            self.ask(ask).await.map(|given| last || given.last)
        };
        // Nothing can be asked for before there is a tunnel.
        if push(&mut number).await? {
            return Ok(());
        }
        let pushing = async {
            while !push(&mut number).await? {}
            Ok(())
        };
        let pulling = self.pull_all(&mut *sink);
        tokio::pin!(pulling);
        tokio::select! {
            pulled = &mut pulling => return pulled,
            pushed = pushing => pushed?,
        }
        timeout(LAST_TIME, pulling).await.unwrap_or(Ok(()))
    }

    async fn pull_all(&self, sink: &mut dyn FrameSink) -> Result<(), RpcError> {
        loop {
            let given = self.ask(Ask::Pull).await?;
            for frame in unpack(&given.frames).ok_or(RpcError::Malformed)? {
                if sink.feed(frame).await.is_err() {
                    // Nobody reads here any more.
                    return Ok(());
                }
            }
            if given.last {
                return Ok(());
            }
        }
    }

    async fn ask(&self, ask: Ask) -> Result<Given, RpcError> {
        let call = raw(&Call::new(&self.id, ask));
        let answer = self.client.request(self.peer, SERVICE, &call).await?;
        serde_json::from_str(answer.get()).map_err(|_| RpcError::Malformed)
    }
}

const _: () = assert!(
    HOLD_TIME.as_secs() < 5,
    "a held request is answered in time"
);

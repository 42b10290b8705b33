//! Grenache's RPC: what original nodes ask of this one, and telling them what is open here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use meshbook_grape::{RpcClient, RpcClientConfig, RpcRequest};
use serde_json::value::RawValue;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{debug, info};

use super::outbox::{Outbox, Turn};
use super::shared::Shared;
use crate::node::{Direction, Input};
use crate::protocol::{Dialect, Message, PeerInfo, read_rpc, rpc_answer, was_taken};
use crate::transport::TransportError;
use crate::transport::rpc::{self, Reached, SERVICE};
use crate::types::{Pair, PeerAddress, PeerId};

/// Requests of original nodes that wait to be taken in; more are answered with `ERR_BUSY`.
pub(super) const REQUESTS: usize = 64;

/// An original node that does not take so many messages in a row is gone.
const FAILURES: u32 = 3;
/// Where there is nothing to tell an original node, it is looked after so often.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How long it may take to be seen then.
const LOOK_TIME: Duration = Duration::from_secs(3);

/// Takes in what original nodes tell, until the client stops.
pub(super) async fn answer(
    shared: Arc<Shared>,
    pair: Pair,
    mut requests: mpsc::Receiver<RpcRequest>,
) {
    let node_id = shared.node_id.to_string();
    let answering = async {
        while let Some(request) = requests.recv().await {
            let taken = take(&shared, &pair, &request.payload).await;
            let taken = taken.as_ref().map_err(String::as_str).copied();
            request.reply(Ok(rpc_answer(&node_id, taken)));
        }
    };
    shared.stop.run_until_cancelled(answering).await;
}

async fn take(shared: &Shared, pair: &Pair, payload: &RawValue) -> Result<(), String> {
    if !shared.session.legacy.takes_plain_peers() {
        return Err("this node takes signed orders only (P2P_LEGACY=off)".to_owned());
    }
    let request = read_rpc(payload.get()).map_err(|error| error.to_string())?;
    let checked = match &request.message {
        Message::Order(order) => order.check(pair).map(drop),
        Message::Trade(trade) => trade.check().map(drop),
        _ => Ok(()),
    };
    checked.map_err(|error| error.to_string())?;
    let (from, message) = (request.from, request.message);
    shared.tell(Input::Told { from, message }).await;
    Ok(())
}

/// Goes to an address by the RPC and sees who is there.
///
/// # Errors
/// [`TransportError`], if nobody is.
pub(super) async fn reach(
    shared: &Shared,
    address: &PeerAddress,
) -> Result<Reached, TransportError> {
    rpc::reach(address, &shared.tasks).await
}

/// Tells the original node at `peer` what there is to tell, until it is gone or the client stops. It
/// is a peer of the node like any other; what it has to say itself comes as requests.
pub(super) async fn tell(shared: &Arc<Shared>, address: PeerAddress, peer: SocketAddr) {
    let client = match RpcClient::new(RpcClientConfig::default()) {
        Ok(client) => client,
        Err(error) => {
            debug!(%error, "no client for an original node");
            let failed = Input::DialFailed {
                address,
                reason: "no_http_client",
                instead: None,
            };
            return shared.tell(failed).await;
        }
    };
    let (conn, outbox) = shared.register();
    info!(%peer, "original node found at a Grape");
    let info = PeerInfo {
        id: PeerId::Legacy(format!("grenache:{address}").into()),
        dialect: Dialect::Grenache,
        version: String::new(),
        port: 0,
        capabilities: vec!["order".to_owned(), "trade".to_owned()],
        clock_offset: None,
    };
    let connected = Input::Connected {
        conn,
        info,
        direction: Direction::Outbound,
        remote: address,
    };
    shared.tell(connected).await;
    let telling = Telling {
        client,
        peer,
        outbox: &outbox,
        failures: 0,
    };
    let reason = telling.run().await;
    shared.unregister(conn);
    info!(%peer, reason, "original node gone");
    shared.tell(Input::Disconnected { conn, reason }).await;
}

struct Telling<'a> {
    client: RpcClient,
    peer: SocketAddr,
    outbox: &'a Outbox,
    /// In a row.
    failures: u32,
}

impl Telling<'_> {
    /// Says why it ended.
    async fn run(mut self) -> &'static str {
        let mut messages = Vec::new();
        while self.failures < FAILURES {
            messages.clear();
            // One at a time: a batch would hold up the end.
            match timeout(LOOK_EVERY, self.outbox.turn(1, &mut messages)).await {
                Ok(Turn::Write) => {
                    for message in &messages {
                        let told = self.say(message).await;
                        self.note(told);
                    }
                }
                Ok(Turn::Close(closing)) => return closing.reason,
                Err(_) => {
                    let there = self.is_there().await;
                    self.note(there);
                }
            }
        }
        self.outbox.close(None, "rpc_failed");
        "rpc_failed"
    }

    fn note(&mut self, worked: bool) {
        self.failures = if worked { 0 } else { self.failures + 1 };
    }

    /// Whether it answers, whatever it answers.
    async fn say(&self, message: &Bytes) -> bool {
        let Ok(message) = serde_json::from_slice::<&RawValue>(message) else {
            return true;
        };
        match self.client.request(self.peer, SERVICE, message).await {
            Ok(answer) => {
                if !was_taken(&answer) {
                    debug!(peer = %self.peer, %answer, "an original node refuses a message");
                }
                true
            }
            Err(error) => {
                debug!(peer = %self.peer, %error, "an original node does not answer");
                false
            }
        }
    }

    async fn is_there(&self) -> bool {
        let seen = timeout(LOOK_TIME, TcpStream::connect(self.peer)).await;
        matches!(seen, Ok(Ok(_)))
    }
}

//! Connections coming and going: who listens, and who dials.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::timeout;
use tracing::debug;

use super::connection::{self, DIAL_TIME};
use super::rpc;
use super::shared::Shared;
use crate::node::{Direction, Input, Way};
use crate::protocol::{Established, Opening, SessionError};
use crate::transport::rpc::Reached;
use crate::transport::{Arrival, Connection, HandshakeSlot, Listener};
use crate::types::{NodeId, PeerAddress};

/// Dials that may be on their way at once, whatever the node asks for.
pub(super) const MAX_DIALS: usize = 64;

/// Opens and accepts the framed connections of a node.
#[derive(Debug)]
pub(super) struct DirectConnectionService;

impl DirectConnectionService {
    /// Accepts connections until the client stops; then the port is free.
    pub(super) async fn listen(shared: Arc<Shared>, mut listener: Box<dyn Listener>) {
        let stop = shared.stop.clone();
        while let Some(arrival) = stop.run_until_cancelled(listener.accept()).await {
            match arrival {
                Arrival::Connection(connection) => {
                    let task = Self::welcome(Arc::clone(&shared), connection);
                    shared.spawn(task);
                }
                Arrival::Refused { reason, .. } => {
                    let told = shared.tell(Input::Refused { reason });
                    stop.run_until_cancelled(told).await;
                }
            }
        }
        listener.close().await;
    }

    async fn welcome(shared: Arc<Shared>, mut connection: Connection) {
        let evicted = connection.slot.as_ref().map(HandshakeSlot::evicted);
        // A connection that holds no slot loses none.
        let evicted = evicted.unwrap_or_default();
        let shaking = connection::shake_hands(&shared, &mut connection, Opening::Accept);
        let shaking = evicted.run_until_cancelled(shaking);
        match shared.stop.run_until_cancelled(shaking).await {
            Some(Some(Ok(established))) => {
                connection::run(&shared, connection, established, Direction::Inbound).await;
            }
            Some(None) => {
                let reason = "too_many_handshakes";
                debug!(remote = %connection.remote, reason, "refused a peer");
                drop(connection);
                shared.tell(Input::Refused { reason }).await;
            }
            Some(Some(Err(error))) => {
                debug!(remote = %connection.remote, %error, "refused a peer");
                let reason = error.reason();
                drop(connection);
                shared.tell(Input::Refused { reason }).await;
            }
            None => {}
        }
    }

    /// Starts to dial, as far as there is room: otherwise gives what to tell the node at once.
    pub(super) fn dial(
        shared: &Arc<Shared>,
        address: PeerAddress,
        expect: Option<NodeId>,
        way: Way,
    ) -> Option<Input> {
        let Some(place) = Place::take(shared) else {
            return Some(Input::DialFailed {
                address,
                reason: "too_many_dials",
                instead: None,
            });
        };
        shared.spawn(Self::reach(place, address, expect, way));
        None
    }

    async fn reach(place: Place, address: PeerAddress, expect: Option<NodeId>, way: Way) {
        let shared = Arc::clone(&place.0);
        let reaching = async {
            let mut connection = match Self::connect(&shared, &address, way).await? {
                Reached::Node(connection) => connection,
                Reached::Original(peer) => return Ok(Met::Original(peer)),
            };
            let plain = way == Way::Plain;
            let opening = Opening::Dial { expect, plain };
            match connection::shake_hands(&shared, &mut connection, opening).await {
                Ok(established) => Ok(Met::Peer(connection, Box::new(established))),
                Err(error) => {
                    debug!(%address, %error, "no session");
                    Err((error.reason(), other_way(&error)))
                }
            }
        };
        let reached = shared.stop.run_until_cancelled(reaching).await;
        drop(place);
        match reached {
            Some(Ok(Met::Peer(connection, established))) => {
                connection::run(&shared, connection, *established, Direction::Outbound).await;
            }
            Some(Ok(Met::Original(peer))) => rpc::tell(&shared, address, peer).await,
            Some(Err((reason, instead))) => {
                debug!(%address, reason, "a dial failed");
                let failed = Input::DialFailed {
                    address,
                    reason,
                    instead,
                };
                shared.tell(failed).await;
            }
            None => {}
        }
    }

    async fn connect(shared: &Shared, address: &PeerAddress, way: Way) -> Result<Reached, Failed> {
        let dialing = async {
            match way {
                Way::Rpc => rpc::reach(shared, address).await,
                Way::Secured | Way::Plain => {
                    let max_frame = shared.max_frame();
                    let dialed = shared.transport.dial(address, max_frame).await;
                    dialed.map(Reached::Node)
                }
            }
        };
        let dialed = timeout(DIAL_TIME, dialing).await;
        dialed
            .map_err(|_| ("timed_out", None))?
            .map_err(|error| (error.label(), None))
    }
}

/// Why a dial came to nothing, and in which other way it may be tried.
type Failed = (&'static str, Option<Way>);

/// Who was found at an address.
enum Met {
    Peer(Connection, Box<Established>),
    Original(SocketAddr),
}

/// How a peer is to be dialed with which there is no session for this reason.
const fn other_way(error: &SessionError) -> Option<Way> {
    match error {
        SessionError::PlainPeer => Some(Way::Plain),
        SessionError::SpeaksHttp => Some(Way::Rpc),
        _ => None,
    }
}

/// One of [`MAX_DIALS`], until it is dropped.
struct Place(Arc<Shared>);

impl Place {
    fn take(shared: &Arc<Shared>) -> Option<Self> {
        let dialing: &AtomicUsize = &shared.dialing;
        let more = |taken| (taken < MAX_DIALS).then_some(taken + 1);
        dialing
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .ok()?;
        Some(Self(Arc::clone(shared)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.dialing.fetch_sub(1, Ordering::Relaxed);
    }
}

//! Connections coming and going: who listens, and who dials.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::timeout;
use tracing::debug;

use super::connection::{self, DIAL_TIME};
use super::shared::Shared;
use crate::node::{Direction, Input};
use crate::protocol::{Opening, SessionError};
use crate::transport::{Arrival, Connection, Listener, Transport};
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
        let shaking = connection::shake_hands(&shared, &mut connection, Opening::Accept);
        match shared.stop.run_until_cancelled(shaking).await {
            Some(Ok(established)) => {
                connection::run(&shared, connection, established, Direction::Inbound).await;
            }
            Some(Err(error)) => {
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
        plain: bool,
    ) -> Option<Input> {
        let failed = |reason| {
            Some(Input::DialFailed {
                address: address.clone(),
                reason,
                plain_peer: false,
            })
        };
        let Some(transport) = shared.transport.clone() else {
            return failed("p2p_disabled");
        };
        let Some(place) = Place::take(shared) else {
            return failed("too_many_dials");
        };
        let opening = Opening::Dial { expect, plain };
        shared.spawn(Self::reach(place, transport, address, opening));
        None
    }

    async fn reach(
        place: Place,
        transport: Arc<dyn Transport>,
        address: PeerAddress,
        opening: Opening,
    ) {
        let shared = Arc::clone(&place.0);
        let reaching = async {
            let max_frame = shared.max_frame();
            let mut connection = timeout(DIAL_TIME, transport.dial(&address, max_frame))
                .await
                .map_err(|_| ("timed_out", false))?
                .map_err(|error| (error.label(), false))?;
            let shaken = connection::shake_hands(&shared, &mut connection, opening).await;
            match shaken {
                Ok(established) => Ok((connection, established)),
                Err(error) => {
                    debug!(%address, %error, "no session");
                    Err((error.reason(), error == SessionError::PlainPeer))
                }
            }
        };
        let reached = shared.stop.run_until_cancelled(reaching).await;
        drop(place);
        match reached {
            Some(Ok((connection, established))) => {
                connection::run(&shared, connection, established, Direction::Outbound).await;
            }
            Some(Err((reason, plain_peer))) => {
                debug!(%address, reason, "a dial failed");
                let failed = Input::DialFailed {
                    address,
                    reason,
                    plain_peer,
                };
                shared.tell(failed).await;
            }
            None => {}
        }
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

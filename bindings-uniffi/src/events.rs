//! Events, pulled: whoever follows them asks for the next when it is ready for it.

use meshbook::client::EventStream;
use meshbook::node;
use tokio::sync::Mutex;

use crate::data::{Order, Trade};
use crate::error::MeshbookError;
use crate::process::Process;

/// The most events that [`Events::next_batch`] gives at once, so that a caller's thread is never
/// busy with one batch for long.
pub const EVENT_BATCH: u32 = 64;

/// What users can follow.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
#[non_exhaustive]
pub enum Event {
    /// A trade is confirmed, anybody's.
    Trade {
        /// The trade.
        trade: Trade,
        /// Whether an order of this node is a side of it.
        own: bool,
    },
    /// An own order changed.
    Order {
        /// As it is now.
        order: Order,
    },
    /// The book changed; at most one for each batch of changes.
    Book {
        /// The best bid.
        bid: Option<String>,
        /// The best ask.
        ask: Option<String>,
    },
    /// A session with a peer is up.
    PeerConnected {
        /// Who.
        peer: String,
        /// Where.
        address: String,
    },
    /// A session with a peer ended.
    PeerDisconnected {
        /// Who.
        peer: String,
        /// Why, as a stable label.
        reason: String,
    },
    /// The listener fell behind, and so many events are lost to it.
    Lagged {
        /// How many.
        missed: u64,
    },
    /// Something went wrong that a user should know.
    Error {
        /// A stable label.
        code: String,
        /// For people.
        message: String,
    },
}

/// The events of a node from the making of this on. Who is more than 1024 behind gets
/// [`Event::Lagged`] in place of what it lost.
#[derive(Debug, uniffi::Object)]
pub struct Events {
    process: Process,
    stream: Mutex<Option<EventStream>>,
}

impl Events {
    pub(crate) fn new(process: Process, stream: EventStream) -> Self {
        Self {
            process,
            stream: Mutex::new(Some(stream)),
        }
    }
}

#[uniffi::export]
impl Events {
    /// The next event; nothing once the node is down and everything was read. Of several calls at
    /// once each gets another event.
    ///
    /// Cancel safe: no event is lost when the future is dropped.
    ///
    /// # Errors
    /// Only in a forked process.
    pub async fn next(&self) -> Result<Option<Event>, MeshbookError> {
        Ok(self.next_batch(1).await?.pop())
    }

    /// Waits for an event and gives it with those that are there already, `limit` or
    /// [`EVENT_BATCH`] at most; an empty list once the node is down and everything was read.
    ///
    /// Cancel safe: no event is lost when the future is dropped.
    ///
    /// # Errors
    /// Only in a forked process.
    pub async fn next_batch(&self, limit: u32) -> Result<Vec<Event>, MeshbookError> {
        self.process.check()?;
        let mut stream = self.stream.lock().await;
        let mut events = Vec::new();
        let Some(stream) = stream.as_mut() else {
            return Ok(events);
        };
        let limit = limit.clamp(1, EVENT_BATCH) as usize;
        while events.is_empty() {
            let Some(event) = stream.next().await else {
                break;
            };
            events.extend(shown(event));
        }
        // From here on nothing waits, so nothing that was taken can be lost.
        while events.len() < limit
            && let Some(event) = stream.next_if_there()
        {
            events.extend(shown(event));
        }
        Ok(events)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        if !self.process.is_this() {
            // Its locks may be held by threads that are not here.
            std::mem::forget(self.stream.get_mut().take());
        }
    }
}

/// The event as it is shown here; nothing for one that this version of the border doesn't know.
fn shown(event: node::Event) -> Option<Event> {
    let shown = match event {
        node::Event::Trade { trade, own } => Event::Trade {
            trade: trade.into(),
            own,
        },
        node::Event::Order { order } => Event::Order {
            order: order.into(),
        },
        node::Event::Book { bid, ask } => Event::Book {
            bid: bid.map(|price| price.to_string()),
            ask: ask.map(|price| price.to_string()),
        },
        node::Event::PeerConnected { peer, address } => Event::PeerConnected {
            peer: peer.to_string(),
            address: address.to_string(),
        },
        node::Event::PeerDisconnected { peer, reason } => Event::PeerDisconnected {
            peer: peer.to_string(),
            reason,
        },
        node::Event::Lagged { missed } => Event::Lagged { missed },
        node::Event::Error { code, message } => Event::Error { code, message },
        _ => return None,
    };
    Some(shown)
}

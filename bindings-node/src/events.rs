//! Events on their way to the thread of JavaScript.

use std::collections::VecDeque;
use std::sync::Arc;

use meshbook::client::EventStream;
use meshbook::node::Event;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Result, Status};
use napi_derive::napi;
use tokio::sync::Notify;

use crate::runtime::runtime;
use crate::values::{Order, Trade, number};

/// Events that wait while JavaScript is busy; the oldest are lost beyond that, and counted.
const WAITING: usize = 65_536;
/// Events of one call, so that a call takes less than a millisecond.
const BATCH: usize = 256;

/// One event. Which of the fields are there depends on `type`.
#[napi(object)]
#[derive(Debug, Default)]
pub struct NativeEvent {
    /// `trade`, `order`, `book`, `peer:connected`, `peer:disconnected`, `lagged`, `error` or
    /// `end`.
    #[napi(js_name = "type")]
    pub kind: String,
    /// Of `trade`.
    pub trade: Option<Trade>,
    /// Of `trade`: whether an order of this node is a side of it.
    pub own: Option<bool>,
    /// Of `order`.
    pub order: Option<Order>,
    /// Of `book`: the best bid, if there is one.
    pub bid: Option<String>,
    /// Of `book`: the best ask, if there is one.
    pub ask: Option<String>,
    /// Of `peer:...`: who.
    pub peer: Option<String>,
    /// Of `peer:connected`: where.
    pub address: Option<String>,
    /// Of `peer:disconnected`: why.
    pub reason: Option<String>,
    /// Of `lagged`: how many events are lost.
    pub missed: Option<f64>,
    /// Of `error`: a stable label.
    pub code: Option<String>,
    /// Of `error`: for people.
    pub message: Option<String>,
}

impl From<Event> for NativeEvent {
    fn from(event: Event) -> Self {
        let of = |kind: &str| Self {
            kind: kind.to_owned(),
            ..Self::default()
        };
        match event {
            Event::Trade { trade, own } => Self {
                trade: Some(trade.into()),
                own: Some(own),
                ..of("trade")
            },
            Event::Order { order } => Self {
                order: Some(order.into()),
                ..of("order")
            },
            Event::Book { bid, ask } => Self {
                bid: bid.map(|price| price.to_string()),
                ask: ask.map(|price| price.to_string()),
                ..of("book")
            },
            Event::PeerConnected { peer, address } => Self {
                peer: Some(peer.to_string()),
                address: Some(address.to_string()),
                ..of("peer:connected")
            },
            Event::PeerDisconnected { peer, reason } => Self {
                peer: Some(peer.to_string()),
                reason: Some(reason),
                ..of("peer:disconnected")
            },
            Event::Lagged { missed } => Self {
                missed: Some(number(missed)),
                ..of("lagged")
            },
            Event::Error { code, message } => Self {
                code: Some(code),
                message: Some(message),
                ..of("error")
            },
            // One that a newer core has and this doesn't know.
            _ => of("unknown"),
        }
    }
}

/// What is called with each batch. Weak: that somebody listens is no reason to go on.
type Callback = ThreadsafeFunction<Vec<NativeEvent>, (), Vec<NativeEvent>, Status, false, true>;

/// Calls `callback` with events in their order, several at a time, until the client is down; the
/// last one is `end`. The next call waits for the end of the one before it.
pub(crate) fn follow(
    mut stream: EventStream,
    callback: &Function<'_, Vec<NativeEvent>, ()>,
) -> Result<()> {
    let callback: Callback = callback
        .build_threadsafe_function()
        .weak::<true>()
        .build_callback(|call| Ok(call.value))?;
    runtime()?.spawn(async move {
        let done = Arc::new(Notify::new());
        let mut waiting = VecDeque::new();
        let mut lost = 0u64;
        let mut busy = false;
        let mut open = true;
        while open || !waiting.is_empty() {
            tokio::select! {
                event = stream.next(), if open => match event {
                    Some(event) => {
                        if waiting.len() == WAITING {
                            waiting.pop_front();
                            lost += 1;
                        }
                        waiting.push_back(event);
                    }
                    None => open = false,
                },
                () = done.notified(), if busy => busy = false,
            }
            if busy || waiting.is_empty() {
                continue;
            }
            let lagged = (lost > 0).then_some(Event::Lagged { missed: lost });
            lost = 0;
            let events = waiting.drain(..waiting.len().min(BATCH));
            let events = lagged.into_iter().chain(events);
            let events = events.map(NativeEvent::from).collect();
            let done = Arc::clone(&done);
            let mode = ThreadsafeFunctionCallMode::NonBlocking;
            let called = callback.call_with_return_value(events, mode, move |_, _| {
                done.notify_one();
                Ok(())
            });
            if called != Status::Ok {
                // The thread of JavaScript ends.
                return;
            }
            busy = true;
        }
        let end = NativeEvent {
            kind: "end".to_owned(),
            ..NativeEvent::default()
        };
        callback.call(vec![end], ThreadsafeFunctionCallMode::NonBlocking);
    });
    Ok(())
}

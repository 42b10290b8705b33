//! Events for whoever wants to follow them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::node::Event;

/// How many events a listener may be behind before it loses the oldest.
pub const EVENTS: usize = 1024;

/// The sending side, until the node is down.
#[derive(Debug)]
pub(super) struct Events(Mutex<Option<broadcast::Sender<Event>>>);

impl Events {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Some(broadcast::Sender::new(EVENTS))))
    }

    pub(super) fn send(&self, event: Event) {
        if let Some(sender) = &*self.lock() {
            // Fails only where nobody listens.
            let _ = sender.send(event);
        }
    }

    /// Ends all streams, after what they have not read yet.
    pub(super) fn close(&self) {
        self.lock().take();
    }

    pub(super) fn stream(&self) -> EventStream {
        let receiver = self.lock().as_ref().map(broadcast::Sender::subscribe);
        EventStream { receiver }
    }

    fn lock(&self) -> MutexGuard<'_, Option<broadcast::Sender<Event>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The events from its making on.
#[derive(Debug)]
pub struct EventStream {
    receiver: Option<broadcast::Receiver<Event>>,
}

impl EventStream {
    /// The next event; `None` once the node is down and everything was read. A listener that is
    /// more than [`EVENTS`] behind gets [`Event::Lagged`] in place of what it lost.
    ///
    /// Cancel safe: no event is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Event> {
        match self.receiver.as_mut()?.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(missed)) => Some(Event::Lagged { missed }),
            Err(RecvError::Closed) => {
                self.receiver = None;
                None
            }
        }
    }

    /// The next event if there is one already: whoever pays for each wait can take many at once.
    pub fn next_if_there(&mut self) -> Option<Event> {
        match self.receiver.as_mut()?.try_recv() {
            Ok(event) => Some(event),
            Err(TryRecvError::Lagged(missed)) => Some(Event::Lagged { missed }),
            // The end is told by `next`.
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u64) -> Event {
        Event::Lagged { missed: number }
    }

    #[tokio::test]
    async fn a_stream_has_the_events_from_its_making_to_the_end() {
        let events = Events::new();
        events.send(event(1));
        let mut stream = events.stream();
        events.send(event(2));
        events.close();
        events.send(event(3));
        assert_eq!(stream.next_if_there(), Some(event(2)));
        assert_eq!(stream.next_if_there(), None);
        assert_eq!(stream.next().await, None);
        assert_eq!(stream.next().await, None);
        assert_eq!(events.stream().next().await, None);
    }

    #[tokio::test]
    async fn who_falls_behind_is_told_how_much_is_lost() {
        let events = Events::new();
        let mut stream = events.stream();
        for number in 0..EVENTS as u64 + 5 {
            events.send(event(number));
        }
        assert_eq!(stream.next().await, Some(Event::Lagged { missed: 5 }));
        assert_eq!(stream.next().await, Some(event(5)));
    }
}

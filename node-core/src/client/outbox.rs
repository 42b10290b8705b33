//! What the node has decided about one connection: what is to be written to the peer, and when more is
//! read of it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::node::Class;
use crate::protocol::ErrorCode;

/// Control messages that may wait for one peer. The node answers a whole batch of inputs at once,
/// so this is several times a batch.
pub const CONTROL_MESSAGES: usize = 1024;
/// Bytes of control messages that may wait for one peer.
pub const CONTROL_BYTES: usize = 2 * 1024 * 1024;
/// Bulk messages that may wait for one peer.
pub const BULK_MESSAGES: usize = 4096;
/// Bytes of bulk messages that may wait for one peer.
pub const BULK_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of bulk messages that may wait for one peer whatever waits for others.
pub const BULK_BYTES_EACH: usize = 512 * 1024;
/// Bytes of bulk messages that may wait for all peers together, beyond what each may have.
pub const BULK_BYTES_IN_ALL: usize = 16 * 1024 * 1024;

/// What waits for all peers together.
#[derive(Debug, Default)]
pub(super) struct Waiting(AtomicUsize);

/// The bounded outgoing queues of one connection. Putting something in never waits.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    all: Arc<Waiting>,
    queues: Mutex<Queues>,
    changed: Notify,
    closed: CancellationToken,
}

#[derive(Debug, Default)]
struct Queues {
    control: Queue,
    bulk: Queue,
    closing: Option<Closing>,
    read_again: Option<Instant>,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Bytes>,
    bytes: usize,
}

/// How a connection is to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Closing {
    /// What to tell the peer last.
    pub(super) error: Option<(ErrorCode, String)>,
    /// The stable label.
    pub(super) reason: &'static str,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It waits for its turn.
    Queued,
    /// It is gone: a bulk message, and the queue is full.
    Dropped,
    /// It is gone: a control message, and the queue is full. The peer misses something that
    /// nothing heals, so the connection has to end.
    Overflowed,
    /// It is gone: the connection is on its way down.
    Closing,
}

/// What there is to do for a writer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Messages to write.
    Write,
    /// Everything was taken: end the connection so.
    Close(Closing),
}

impl Queue {
    fn push(&mut self, message: Bytes, max_messages: usize, max_bytes: usize) -> bool {
        // A message longer than all the room still goes into an empty queue.
        let fits = self.messages.is_empty() || self.bytes + message.len() <= max_bytes;
        let fits = fits && self.messages.len() < max_messages;
        if fits {
            self.bytes += message.len();
            self.messages.push_back(message);
        }
        fits
    }

    /// Moves messages to `into` while fewer than `budget` bytes were moved.
    fn take(&mut self, budget: &mut usize, into: &mut Vec<Bytes>) {
        while *budget > 0
            && let Some(message) = self.messages.pop_front()
        {
            self.bytes -= message.len();
            *budget = budget.saturating_sub(message.len());
            into.push(message);
        }
    }
}

impl Waiting {
    /// Whether so much more may wait for a peer for whom `here` waits already.
    fn has_room(&self, here: usize, more: usize) -> bool {
        here + more <= BULK_BYTES_EACH || self.0.load(Ordering::Relaxed) + more <= BULK_BYTES_IN_ALL
    }
}

impl Outbox {
    /// Queues that share with others what may wait in all.
    pub(super) fn sharing(all: &Arc<Waiting>) -> Self {
        Self {
            all: Arc::clone(all),
            queues: Mutex::default(),
            changed: Notify::new(),
            closed: CancellationToken::new(),
        }
    }

    /// Queues a message, if there is room for its class.
    pub(super) fn push(&self, class: Class, message: Bytes) -> Pushed {
        let mut queues = self.lock();
        if queues.closing.is_some() {
            return Pushed::Closing;
        }
        let pushed = match class {
            Class::Control => {
                if queues
                    .control
                    .push(message, CONTROL_MESSAGES, CONTROL_BYTES)
                {
                    Pushed::Queued
                } else {
                    Pushed::Overflowed
                }
            }
            Class::Bulk => {
                let (here, length) = (queues.bulk.bytes, message.len());
                let room = here == 0 || self.all.has_room(here, length);
                if room && queues.bulk.push(message, BULK_MESSAGES, BULK_BYTES) {
                    self.all.0.fetch_add(length, Ordering::Relaxed);
                    Pushed::Queued
                } else {
                    Pushed::Dropped
                }
            }
        };
        drop(queues);
        self.changed.notify_one();
        pushed
    }

    /// Takes no more messages, and ends the connection after those that wait. The first call
    /// counts.
    pub(super) fn close(&self, error: Option<(ErrorCode, String)>, reason: &'static str) {
        let mut queues = self.lock();
        queues.closing.get_or_insert(Closing { error, reason });
        drop(queues);
        self.changed.notify_one();
        self.closed.cancel();
    }

    /// Resolves once [`close`](Self::close) was called.
    pub(super) async fn closing(&self) -> Closing {
        self.closed.cancelled().await;
        // Set before the token is cancelled, and never taken away.
        let closing = self.lock().closing.clone();
        closing.unwrap_or(Closing {
            error: None,
            reason: "closed",
        })
    }

    /// Nothing more is to be read of the peer before then.
    pub(super) fn pause_reading(&self, until: Instant) {
        self.lock().read_again = Some(until);
    }

    /// When more is to be read of the peer, if not at once.
    pub(super) fn read_again(&self) -> Option<Instant> {
        self.lock().read_again.take()
    }

    /// Waits until there is something to do, and appends messages of about `budget` bytes to
    /// `into`: control messages first. Cancel safe. Only one task may wait here.
    pub(super) async fn turn(&self, mut budget: usize, into: &mut Vec<Bytes>) -> Turn {
        loop {
            {
                let mut queues = self.lock();
                queues.control.take(&mut budget, into);
                let before = queues.bulk.bytes;
                queues.bulk.take(&mut budget, into);
                let taken = before - queues.bulk.bytes;
                self.all.0.fetch_sub(taken, Ordering::Relaxed);
                if !into.is_empty() {
                    return Turn::Write;
                }
                if let Some(closing) = &queues.closing {
                    return Turn::Close(closing.clone());
                }
            }
            self.changed.notified().await;
        }
    }

    /// How many messages wait.
    pub(super) fn len(&self) -> usize {
        let queues = self.lock();
        queues.control.messages.len() + queues.bulk.messages.len()
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let left = self.lock().bulk.bytes;
        self.all.0.fetch_sub(left, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn message(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    async fn taken(outbox: &Outbox, budget: usize) -> Vec<Bytes> {
        let mut messages = Vec::new();
        assert_eq!(outbox.turn(budget, &mut messages).await, Turn::Write);
        messages
    }

    #[tokio::test]
    async fn control_messages_overtake_bulk_messages_and_nothing_else_overtakes() {
        let outbox = Outbox::default();
        for (class, text) in [
            (Class::Bulk, "b1"),
            (Class::Bulk, "b2"),
            (Class::Control, "c1"),
            (Class::Control, "c2"),
        ] {
            assert_eq!(outbox.push(class, message(text)), Pushed::Queued);
        }
        assert_eq!(taken(&outbox, 5).await, ["c1", "c2", "b1"]);
        assert_eq!(outbox.push(Class::Control, message("c3")), Pushed::Queued);
        assert_eq!(taken(&outbox, 100).await, ["c3", "b2"]);
        assert_eq!(outbox.len(), 0);
    }

    #[tokio::test]
    async fn what_waits_for_all_is_bounded_and_each_has_a_share() {
        let all = Arc::new(Waiting::default());
        let part = || Bytes::from(vec![0; BULK_BYTES_EACH / 2]);
        let fill = |outbox: &Outbox| {
            let pushed = || outbox.push(Class::Bulk, part()) == Pushed::Queued;
            (0..1_000).take_while(|_| pushed()).count()
        };
        let greedy: Vec<_> = (0..BULK_BYTES_IN_ALL / BULK_BYTES)
            .map(|_| Outbox::sharing(&all))
            .collect();
        for outbox in &greedy {
            assert_eq!(fill(outbox), BULK_BYTES / (BULK_BYTES_EACH / 2));
        }
        let late = Outbox::sharing(&all);
        assert_eq!(fill(&late), 2, "nothing but its own share is left");
        taken(&greedy[0], usize::MAX).await;
        assert!(fill(&late) > 2);
        drop((greedy, late));
        assert_eq!(all.0.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn full_queues_drop_bulk_and_tell_of_control() {
        let outbox = Outbox::default();
        for _ in 0..BULK_MESSAGES {
            assert_eq!(outbox.push(Class::Bulk, message("b")), Pushed::Queued);
        }
        assert_eq!(outbox.push(Class::Bulk, message("b")), Pushed::Dropped);
        for _ in 0..CONTROL_MESSAGES {
            assert_eq!(outbox.push(Class::Control, message("c")), Pushed::Queued);
        }
        assert_eq!(
            outbox.push(Class::Control, message("c")),
            Pushed::Overflowed
        );
        taken(&outbox, usize::MAX).await;
        assert_eq!(outbox.push(Class::Bulk, message("b")), Pushed::Queued);
    }

    #[test]
    fn bytes_are_bounded_and_one_long_message_is_not_stuck() {
        let outbox = Outbox::default();
        let long = Bytes::from(vec![0; BULK_BYTES + 1]);
        assert_eq!(outbox.push(Class::Bulk, long), Pushed::Queued);
        assert_eq!(outbox.push(Class::Bulk, message("b")), Pushed::Dropped);
    }

    #[tokio::test]
    async fn a_close_comes_after_what_waits_and_nothing_comes_after_it() {
        let outbox = Outbox::default();
        assert!(outbox.closing().now_or_never().is_none());
        outbox.push(Class::Bulk, message("last"));
        outbox.close(None, "first");
        outbox.close(None, "second");
        assert_eq!(
            outbox.push(Class::Control, message("late")),
            Pushed::Closing
        );
        assert_eq!(taken(&outbox, 100).await, ["last"]);
        let mut none = Vec::new();
        let turn = outbox.turn(100, &mut none).await;
        let closing = Closing {
            error: None,
            reason: "first",
        };
        assert_eq!((turn, none.len()), (Turn::Close(closing.clone()), 0));
        assert_eq!(outbox.closing().await, closing);
    }
}

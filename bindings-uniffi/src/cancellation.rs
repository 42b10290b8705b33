//! Ending a call from outside, for languages that have no way to drop a future. Swift is one.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::data::{HistoryPage, HistoryQuery, NewOrder, OrderResult};
use crate::error::MeshbookError;
use crate::events::{Event, Events};
use crate::node::Node;

/// Ends the calls that it is given to, with [`MeshbookError::Cancelled`].
#[derive(Debug, Default, uniffi::Object)]
pub struct Cancellation(CancellationToken);

#[uniffi::export]
impl Cancellation {
    /// One that ends nothing yet.
    #[uniffi::constructor]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends its calls, and those that it is given to later. From any thread, at once.
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

impl Cancellation {
    /// Drops the call once this is cancelled; each call says what that leaves.
    async fn bound<T>(
        &self,
        call: impl Future<Output = Result<T, MeshbookError>>,
    ) -> Result<T, MeshbookError> {
        let done = self.0.run_until_cancelled(call).await;
        done.unwrap_or_else(|| Err(MeshbookError::cancelled()))
    }
}

#[uniffi::export]
impl Node {
    /// [`open`](Self::open), until it is cancelled.
    ///
    /// # Errors
    /// As that, and `Cancelled`.
    pub async fn open_until(&self, cancelled: Arc<Cancellation>) -> Result<(), MeshbookError> {
        cancelled.bound(self.open()).await
    }

    /// [`place`](Self::place), until it is cancelled, which does not take the order back.
    ///
    /// # Errors
    /// As that, and `Cancelled`.
    pub async fn place_until(
        &self,
        order: NewOrder,
        cancelled: Arc<Cancellation>,
    ) -> Result<OrderResult, MeshbookError> {
        cancelled.bound(self.place(order)).await
    }

    /// [`history`](Self::history), until it is cancelled.
    ///
    /// # Errors
    /// As that, and `Cancelled`.
    pub async fn history_until(
        &self,
        query: HistoryQuery,
        cancelled: Arc<Cancellation>,
    ) -> Result<HistoryPage, MeshbookError> {
        cancelled.bound(self.history(query)).await
    }
}

#[uniffi::export]
impl Events {
    /// [`next_batch`](Self::next_batch), until it is cancelled, which loses no event.
    ///
    /// # Errors
    /// As that, and `Cancelled`.
    pub async fn next_batch_until(
        &self,
        limit: u32,
        cancelled: Arc<Cancellation>,
    ) -> Result<Vec<Event>, MeshbookError> {
        cancelled.bound(self.next_batch(limit)).await
    }
}

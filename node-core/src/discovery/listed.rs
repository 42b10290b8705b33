//! Addresses that are known beforehand.

use std::future;

use futures_util::future::BoxFuture;

use super::source::{Announcement, Candidate, Discovery, DiscoveryError};
use crate::node::PeerSource;

/// A list of addresses: those of an earlier run, or the configured ones. It is named once, and
/// again in each round; it never fails.
#[derive(Debug)]
pub struct Listed {
    source: PeerSource,
    candidates: Vec<Candidate>,
    due: bool,
}

impl Listed {
    /// The list of a source.
    #[must_use]
    pub const fn new(source: PeerSource, candidates: Vec<Candidate>) -> Self {
        Self {
            source,
            candidates,
            due: true,
        }
    }
}

impl Discovery for Listed {
    fn source(&self) -> PeerSource {
        self.source
    }

    fn announce<'a>(
        &'a mut self,
        _: &'a Announcement,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        Box::pin(future::ready(Ok(())))
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Vec<Candidate>, DiscoveryError>> {
        Box::pin(async {
            if !std::mem::take(&mut self.due) {
                future::pending::<()>().await;
            }
            Ok(self.candidates.clone())
        })
    }

    fn look_again(&mut self) {
        self.due = true;
    }

    fn end(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(future::ready(()))
    }
}

//! Why things were refused, ignored or dropped: one number a reason.

use crate::collections::BTreeMap;

/// Counts by stable labels. The labels are literals in this crate, so their number is bounded.
#[derive(Debug, Default)]
pub(super) struct Counters(BTreeMap<&'static str, u64>);

impl Counters {
    /// One more of `label`.
    pub(super) fn count(&mut self, label: &'static str) {
        self.add(label, 1);
    }

    /// So many more of `label`.
    pub(super) fn add(&mut self, label: &'static str, more: u64) {
        let counter = self.0.entry(label).or_default();
        *counter = counter.saturating_add(more);
    }

    pub(super) const fn all(&self) -> &BTreeMap<&'static str, u64> {
        &self.0
    }
}

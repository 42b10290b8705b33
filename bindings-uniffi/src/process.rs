//! In which process we are: threads and locks don't survive a fork.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::MeshbookError;

/// The process that something was made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process(u32);

/// The process in which the first node was made; 0 before.
static FIRST: AtomicU32 = AtomicU32::new(0);

impl Process {
    /// This process, as one that makes nodes.
    ///
    /// # Errors
    /// [`MeshbookError::Forked`] where one was made in a process that this one was forked from.
    pub(crate) fn claim() -> Result<Self, MeshbookError> {
        let this = std::process::id();
        match FIRST.compare_exchange(0, this, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Ok(Self(this)),
            Err(first) => Self(first).check().map(|()| Self(this)),
        }
    }

    /// Whether it is the process that runs now.
    pub(crate) fn is_this(self) -> bool {
        self.0 == std::process::id()
    }

    /// # Errors
    /// [`MeshbookError::Forked`] unless it is the process that runs now.
    pub(crate) fn check(self) -> Result<(), MeshbookError> {
        if self.is_this() {
            return Ok(());
        }
        Err(MeshbookError::Forked {
            code: "FORKED".to_owned(),
            message: format!(
                "this process was forked from process {}, which made a node: the node's threads \
                 are not here. Make nodes after the fork, or start processes without one",
                self.0
            ),
        })
    }
}

//! What an attacker did, and what it was told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// Counts while an attack runs.
#[derive(Debug, Default)]
pub(super) struct Tally {
    connects: AtomicU64,
    sessions: AtomicU64,
    frames: AtomicU64,
    bytes: AtomicU64,
    told: Mutex<BTreeMap<String, u64>>,
}

/// What an attacker did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deeds {
    /// Connections that came about.
    pub connects: u64,
    /// Sessions that came about.
    pub sessions: u64,
    /// Frames, requests or, of connections that drip, single bytes.
    pub frames: u64,
    /// Bytes that the system took.
    pub bytes: u64,
    /// What the attacker did besides, was told or noticed, and how often: why a connection or a
    /// session did not come about or ended, and answers.
    pub told: BTreeMap<String, u64>,
}

impl Tally {
    pub(super) fn connected(&self) {
        self.connects.fetch_add(1, Relaxed);
    }

    pub(super) fn session(&self) {
        self.sessions.fetch_add(1, Relaxed);
    }

    pub(super) fn sent(&self, frames: usize, bytes: usize) {
        self.frames.fetch_add(frames as u64, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn told(&self, what: &str) {
        self.did(what, 1);
    }

    /// Counts several of what has a name.
    pub(super) fn did(&self, what: &str, count: usize) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        *told.entry(what.to_owned()).or_default() += count as u64;
    }

    pub(super) fn deeds(&self) -> Deeds {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        Deeds {
            connects: self.connects.load(Relaxed),
            sessions: self.sessions.load(Relaxed),
            frames: self.frames.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            told: told.clone(),
        }
    }
}

//! Writes the known peers and the bans down, off the asynchronous threads.

use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::shared::Shared;
use crate::node::BanTarget;
use crate::storage::{ListFile, StorageError};

/// A list is written at most once in this time, so that a restless network costs little.
const PAUSE: Duration = Duration::from_secs(5);

/// Writes the known peers whenever the node asks for it, until the client stops.
pub(super) async fn save_peers_when_asked(shared: &Shared, file: &ListFile) {
    while until_stopped(shared, shared.save_peers.notified()).await {
        // Not given up half way: it would go on by itself, after the last one of them.
        save_peers(shared, file).await;
        if !until_stopped(shared, sleep(PAUSE)).await {
            return;
        }
    }
}

/// Writes the known peers now.
pub(super) async fn save_peers(shared: &Shared, file: &ListFile) {
    let peers = shared.node().persisted_peers(shared.clock.now());
    warn_of(write(file, peers).await, "the known peers are not saved");
}

/// Puts the bans into force at the door, and writes them, whenever the node asks for it, until the
/// client stops.
pub(super) async fn save_bans_when_asked(shared: &Shared) {
    while until_stopped(shared, shared.save_bans.notified()).await {
        enforce_bans(shared);
        warn_of(save_bans(shared).await, "the bans are not saved");
        if !until_stopped(shared, sleep(PAUSE)).await {
            return;
        }
    }
}

/// Writes the bans now, where they are kept.
pub(super) async fn save_bans(shared: &Shared) -> Result<(), StorageError> {
    let Some(file) = &shared.bans_file else {
        return Ok(());
    };
    // One at a time, so that the last one to look is the last one to write.
    let _turn = shared.saving_bans.lock().await;
    let bans = shared.node().bans(shared.clock.now());
    write(file, bans).await
}

/// Nobody comes in from a banned address, before anything is read of it.
pub(super) fn enforce_bans(shared: &Shared) {
    let now = shared.clock.now();
    let bans = shared.node().bans(now);
    let at_the_door: HashMap<_, _> = bans
        .into_iter()
        .filter_map(|ban| match ban.peer {
            BanTarget::Address(ip) => {
                let left = Duration::from_millis(ban.until.since(now.wall).0);
                Some((ip, Instant::now().checked_add(left)?.into_std()))
            }
            BanTarget::Node(_) => None,
        })
        .collect();
    shared.slots.set_banned(at_the_door);
}

async fn until_stopped(shared: &Shared, what: impl Future<Output = ()>) -> bool {
    shared.stop.run_until_cancelled(what).await.is_some()
}

async fn write<T>(file: &ListFile, list: Vec<T>) -> Result<(), StorageError>
where
    T: Serialize + Send + 'static,
{
    let file = file.clone();
    let written = tokio::task::spawn_blocking(move || file.save(&list)).await;
    // It never panics by itself, and is only cancelled with the whole runtime.
    written.unwrap_or(Ok(()))
}

fn warn_of(written: Result<(), StorageError>, what: &str) {
    if let Err(error) = written {
        warn!(%error, "{what}");
    }
}

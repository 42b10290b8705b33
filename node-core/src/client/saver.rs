//! Writes the known peers down, off the asynchronous threads.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::warn;

use super::shared::Shared;
use crate::storage::PeersFile;

/// The peers are written at most once in this time, so that a restless network costs little.
const PAUSE: Duration = Duration::from_secs(5);

/// Writes the known peers whenever the node asks for it, until the client stops.
pub(super) async fn save_when_asked(shared: Arc<Shared>, file: PeersFile) {
    let stop = &shared.stop;
    while stop
        .run_until_cancelled(shared.save_peers.notified())
        .await
        .is_some()
    {
        // Not given up half way: it would go on by itself, after the last one of them.
        save(&shared, &file).await;
        if stop.run_until_cancelled(sleep(PAUSE)).await.is_none() {
            return;
        }
    }
}

/// Writes the known peers now.
pub(super) async fn save(shared: &Shared, file: &PeersFile) {
    let peers = shared.node().persisted_peers(shared.clock.now());
    let file = file.clone();
    let saved = tokio::task::spawn_blocking(move || file.save(&peers)).await;
    if let Ok(Err(error)) = saved {
        warn!(%error, "the known peers are not saved");
    }
}

//! Connections that say nothing: opened as fast as they are taken, held until there are as many
//! as there can be, closed all at once, and opened again.

use tokio::task::JoinSet;

use super::stranger::Stranger;

/// Connections that are being made at the same time.
const AT_ONCE: usize = 64;

pub(super) async fn attack(stranger: Stranger) {
    loop {
        let mut held = Vec::new();
        let mut under_way = JoinSet::new();
        for _ in 0..stranger.strength().connects {
            if under_way.len() >= AT_ONCE
                && let Some(Ok(Some(stream))) = under_way.join_next().await
            {
                held.push(stream);
            }
            let stranger = stranger.clone();
            under_way.spawn(async move { stranger.connect().await });
        }
        while let Some(ended) = under_way.join_next().await {
            if let Ok(Some(stream)) = ended {
                held.push(stream);
            }
        }
        drop(held);
    }
}

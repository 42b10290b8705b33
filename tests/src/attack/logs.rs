//! Log flood: sessions that come and go, each of which a node has something to say of in its log.
//! It harms a node whose log nobody reads, so that it can't be written any more.

use super::lines::at_once;
use super::stranger::Stranger;

pub(super) async fn attack(stranger: Stranger) {
    let sessions = stranger.strength().sessions;
    at_once(sessions, |_| line(stranger.clone())).await;
}

async fn line(stranger: Stranger) {
    loop {
        // Gone as soon as it is up.
        drop(stranger.session().await);
    }
}

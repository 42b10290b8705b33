//! Several of one kind at once.

use tokio::task::JoinSet;

/// Runs so many at once, until all have ended. They end with this.
pub(super) async fn at_once<F>(count: usize, mut start: impl FnMut(usize) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut running = JoinSet::new();
    for number in 0..count {
        running.spawn(start(number));
    }
    while running.join_next().await.is_some() {}
}

//! Waiting for what is bound to happen.

use std::time::{Duration, Instant};

/// How long a test waits for what takes milliseconds on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often it looks.
const INTERVAL: Duration = Duration::from_millis(5);

/// Asks until the answer is `Ok`, for at most [`PATIENCE`].
///
/// # Panics
/// With `what` and the last answer, when the time is over.
pub async fn eventually<T>(what: &str, ask: impl AsyncFnMut() -> Result<T, String>) -> T {
    eventually_within(PATIENCE, what, ask).await
}

/// Asks until the answer is `Ok`, for at most `limit`.
///
/// # Panics
/// With `what` and the last answer, when the time is over.
pub async fn eventually_within<T>(
    limit: Duration,
    what: &str,
    mut ask: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let start = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(state) if start.elapsed() > limit => {
                panic!("{what}: not within {limit:?}; at last: {state}")
            }
            Err(_) => tokio::time::sleep(INTERVAL).await,
        }
    }
}

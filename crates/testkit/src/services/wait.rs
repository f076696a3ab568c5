//! Waiting for what is about to happen.

use std::time::{Duration, Instant};

/// What is promised between a change and everything that follows from it.
pub const FRESH: Duration = Duration::from_secs(2);

/// How long work in the background may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// What `probe` finds, asked again and again until `within` is over.
pub async fn eventually<T>(
    what: &str,
    within: Duration,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(began.elapsed() < within, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

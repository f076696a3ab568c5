//! What a server does for its caches: it looks after their tiers below.

use std::time::Duration;

use brisk_cache::Caches;
use brisk_http::HealthCheck;

use crate::Task;

/// How often what is too old in the database is deleted.
const SWEEP_EVERY: Duration = Duration::from_mins(10);

/// Shows whether Redis answers. The process serves without it.
pub(crate) fn check(caches: Caches) -> HealthCheck {
    HealthCheck::optional("redis", Duration::from_secs(1), move || {
        let is_up = caches.nodes_stats().is_none_or(|nodes| nodes.up);
        std::future::ready(is_up.then_some(()).ok_or_else(|| "unavailable".to_owned()))
    })
}

/// Deletes what no reader would find.
pub(crate) fn sweep(caches: Caches) -> Task {
    Task::new("brisk.caches", move |stop| {
        let caches = caches.clone();
        async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(SWEEP_EVERY) => {}
                }
                match caches.sweep().await {
                    Ok(0) => {}
                    Ok(gone) => tracing::debug!(gone, "kept results that were too old are gone"),
                    Err(error) => tracing::warn!(%error, "kept results that are too old stay"),
                }
            }
        }
    })
}

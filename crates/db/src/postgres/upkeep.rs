//! What is looked after while a database is open: the number of lanes, idle connections, the gauges.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::engine::Parts;
use crate::error::Error;

/// The time between two looks at the lanes while they carry something, and while they do not.
const BUSY: Duration = Duration::from_millis(50);
const IDLE: Duration = Duration::from_millis(250);

/// The time between two looks at idle connections and settings of the gauges.
const CARE_EVERY: Duration = Duration::from_secs(1);

/// Runs until it is aborted.
pub(super) async fn run(parts: Arc<Parts>) {
    tokio::join!(lanes(&parts), care(&parts), fit(&parts), follow(&parts));
}

async fn lanes(parts: &Parts) {
    loop {
        let now = Instant::now();
        let replica = parts.replica.as_ref();
        let is_busy = parts.lanes.adapt(now) | replica.is_some_and(|r| r.lanes.adapt(now));
        sleep(if is_busy { BUSY } else { IDLE }).await;
    }
}

/// Follows the replica, if there is one.
async fn follow(parts: &Parts) {
    if let Some(replica) = &parts.replica {
        replica.follow(&parts.lanes).await;
    }
}

async fn care(parts: &Parts) {
    loop {
        parts.pool.tend().await;
        parts.publish(&parts.pools());
        sleep(CARE_EVERY).await;
    }
}

/// Finds out whether the connections fit, as soon as the server can be asked.
async fn fit(parts: &Parts) {
    loop {
        match parts.fits().await {
            Ok(()) => break,
            Err(error @ Error::TooManyConnections { .. }) => {
                tracing::error!(%error, "connections will be refused under load");
                break;
            }
            Err(error) => {
                tracing::debug!(%error, "the limits of the server are not known yet");
                sleep(CARE_EVERY).await;
            }
        }
    }
    while let Err(error) = parts.remark_no_limit().await {
        tracing::debug!(%error, "the limit of statements is not known yet");
        sleep(CARE_EVERY).await;
    }
}

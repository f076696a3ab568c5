//! The numbers that this crate reports, each by kind of job.

use std::time::Duration;

use brisk_db::Session;
use jiff::Timestamp;

use crate::error::Error;
use crate::statements;

/// Jobs that wait or run.
const READY: &str = "brisk_jobs_ready";
/// Jobs that were given up and wait for a person.
const DEAD: &str = "brisk_jobs_dead";
/// How long a batch was in its handler.
const DURATION: &str = "brisk_jobs_duration_seconds";
/// How long after its due time a job was claimed; the longest of each batch.
const LAG: &str = "brisk_jobs_lag_seconds";
/// Jobs that ended, by outcome: `done`, `retry`, `dead`, `lost`.
const ENDED: &str = "brisk_jobs_ended_total";

pub(crate) fn lag(kind: &'static str, due: Timestamp, now: Timestamp) {
    let lag = now.duration_since(due).as_secs_f64().max(0.0);
    metrics::histogram!(LAG, "kind" => kind).record(lag);
}

pub(crate) fn duration(kind: &'static str, took: Duration) {
    metrics::histogram!(DURATION, "kind" => kind).record(took);
}

pub(crate) fn ended(kind: &'static str, outcome: &'static str, jobs: usize) {
    if jobs > 0 {
        metrics::counter!(ENDED, "kind" => kind, "outcome" => outcome).increment(jobs as u64);
    }
}

/// Counts the jobs of `kinds`.
pub(crate) async fn count(session: &Session, kinds: &[&'static str]) -> Result<(), Error> {
    let rows = session.run(&statements::COUNT, ()).await?;
    for kind in kinds {
        for (name, state) in [(READY, "ready"), (DEAD, "dead")] {
            let n = rows
                .iter()
                .find(|row| row.kind == *kind && row.state == state)
                .map_or(0, |row| row.n);
            #[expect(
                clippy::cast_precision_loss,
                reason = "a gauge is a double; the count is far below 2^53"
            )]
            metrics::gauge!(name, "kind" => *kind).set(n as f64);
        }
    }
    Ok(())
}
